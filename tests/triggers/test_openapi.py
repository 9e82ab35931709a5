"""The OpenAPI document says what the app does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import azure.functions as func

from p2c.lanes.parts import Parts
from p2c.settings import AppSettings
from p2c.triggers.http import http
from p2c.triggers.openapi import OPERATIONS, document


def test_it_names_every_route_with_its_methods_and_no_other() -> None:
    blueprint = http(Parts(AppSettings(project=Path("none"))), func.AuthLevel.FUNCTION)
    routes: set[tuple[str, str]] = set()
    for builder in blueprint._function_builders:
        trigger: Any = builder._function.get_trigger()
        routes |= {("/" + trigger.route, str(one).rpartition(".")[2].lower()) for one in trigger.methods}
    assert routes == {(one.path, one.method) for one in OPERATIONS}


def test_references_lead_somewhere() -> None:
    text = json.dumps(document())
    found = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert found <= set(document()["components"]["schemas"])


def test_ids_are_unique_and_in_pascal_case() -> None:
    ids = [one.id for one in OPERATIONS]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"([A-Z][a-z]+)+", one) for one in ids)


def test_what_callers_send_takes_no_unknown_field() -> None:
    schemas = document()["components"]["schemas"]
    for one in OPERATIONS:
        if one.body is not None:
            assert schemas[one.body.__name__]["additionalProperties"] is False


def test_an_accepted_answer_tells_where_to_ask() -> None:
    for path in document()["paths"].values():
        for operation in path.values():
            if "202" in operation["responses"]:
                assert set(operation["responses"]["202"]["headers"]) == {"Location", "Retry-After"}
