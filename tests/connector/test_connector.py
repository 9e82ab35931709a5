"""The connector's files are made of the API as it is, and keep the rules of Power Automate."""

from __future__ import annotations

import importlib.util
import json
import re
import struct
import zlib
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from p2c.lanes.api import DeadLetter, DeadLetterList, RecordOutcome, RunPart, RunStatus, StartRun, SyncRecord
from p2c.triggers.connector import BRAND, DEFINITION, FOLDER, PROPERTIES, Place, definition, main, properties
from p2c.triggers.connector_words import (
    CHOICES,
    DESCRIPTIONS,
    FIELD_VISIBILITY,
    LEFT_OUT,
    REQUIRED,
    SUMMARIES,
    TEST,
    VISIBILITY,
)
from p2c.triggers.openapi import OPERATIONS

ROOT = FOLDER.parent
MADE = definition(Place())


def operations() -> dict[str, dict[str, Any]]:
    return {one["operationId"]: one for path in MADE["paths"].values() for one in path.values()}


def within(content: Any) -> Iterator[dict[str, Any]]:
    """Every object of the document."""
    if isinstance(content, dict):
        yield content
    children = content.values() if isinstance(content, dict) else content if isinstance(content, list) else ()
    for one in children:
        yield from within(one)


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = MADE["definitions"][schema["$ref"].removeprefix("#/definitions/")]
    return found


def inputs() -> dict[str, dict[str, Any]]:
    """Parameters by operation and name, fields by model and name."""
    found = {f"{id_}.{one['name']}": one for id_, op in operations().items() for one in op.get("parameters", ())}
    for model, schema in MADE["definitions"].items():
        found |= {f"{model}.{name}": one for name, one in schema.get("properties", {}).items()}
    return found


@pytest.mark.parametrize("name", [DEFINITION, PROPERTIES])
def test_the_files_are_fresh(name: str, tmp_path: Path) -> None:
    main(["--into", str(tmp_path)])
    committed = (FOLDER / name).read_text(encoding="utf-8")
    assert committed == (tmp_path / name).read_text(encoding="utf-8"), "run `python -m p2c.triggers.connector`"
    assert len(committed.encode()) < 1_000_000


def test_every_operation_is_an_action_or_left_out_for_a_reason() -> None:
    assert set(operations()) == {one.id for one in OPERATIONS} - set(LEFT_OUT) == set(VISIBILITY)
    assert set(LEFT_OUT) <= {one.id for one in OPERATIONS}


def test_every_word_is_of_use() -> None:
    known = set(inputs()) | {key for model in MADE["definitions"] for key in nested(model)}
    names = {one.rpartition(".")[2] for one in known}
    assert {one for one in DESCRIPTIONS if one not in known | names} == set()
    assert set(SUMMARIES) <= names
    assert set(FIELD_VISIBILITY) | set(CHOICES) <= known
    assert {f"{model}.{name}" for model, name in REQUIRED.items()} <= known


def nested(model: str) -> set[str]:
    return {f"{model}.{name}" for one in within(MADE["definitions"][model]) for name in one.get("properties", {})}


def test_dynamic_values_name_an_operation_and_what_it_answers() -> None:
    offered = [one for one in within(MADE) if "x-ms-dynamic-values" in one]
    assert len(offered) == len(CHOICES)
    for one in offered:
        old, new = one["x-ms-dynamic-values"], one["x-ms-dynamic-list"]
        source = operations()[old["operationId"]]
        assert not [need for need in source.get("parameters", ()) if need["required"]]
        answer = resolved(source["responses"]["200"]["schema"])
        item = resolved(answer["properties"][old["value-collection"]]["items"])
        assert {old["value-path"], old["value-title"]} <= set(item["properties"])
        assert new == {
            "operationId": old["operationId"],
            "itemsPath": old["value-collection"],
            "itemValuePath": old["value-path"],
            "itemTitlePath": old["value-title"],
        }


def test_every_template_and_legal_entity_to_choose_is_chosen_from_a_list() -> None:
    sent = {one.body.__name__ for one in OPERATIONS if one.body} | set(operations())
    for key, one in inputs().items():
        kind, _, name = key.partition(".")
        if kind in sent and name in ("template", "legalEntity", "legalEntities"):
            assert "x-ms-dynamic-values" in one.get("items", one), key


def test_a_connection_is_tested_with_a_get_that_needs_a_role_and_nothing_else() -> None:
    assert MADE["x-ms-capabilities"]["testConnection"] == {"operationId": TEST, "parameters": {}}
    (tested,) = (one for one in OPERATIONS if one.id == TEST)
    assert tested.method == "get"
    assert tested.role is not None
    assert "parameters" not in operations()[TEST]
    assert operations()[TEST]["x-ms-visibility"] == "internal"


def test_what_is_accepted_says_where_to_ask_and_what_comes_of_it() -> None:
    accepted = [one["responses"] for one in operations().values() if "202" in one["responses"]]
    assert len(accepted) == 6
    for one in accepted:
        assert set(one["202"]["headers"]) == {"Location", "Retry-After"}
        assert one["200"]["schema"] == one["202"]["schema"] == {"$ref": "#/definitions/RunStatus"}


def test_references_lead_somewhere_and_nothing_is_defined_in_vain() -> None:
    found = {one["$ref"].removeprefix("#/definitions/") for one in within(MADE) if "$ref" in one}
    assert found == set(MADE["definitions"])


def test_nothing_is_said_that_openapi_2_has_no_word_for() -> None:
    unknown = {"anyOf", "oneOf", "const", "nullable", "$defs", "components", "requestBody", "content"}
    assert not [one for one in within(MADE) if unknown & set(one)]
    assert not [one for one in within(MADE) if one.get("type") == "null" or isinstance(one.get("type"), list)]


def test_what_is_internal_and_required_has_a_default() -> None:
    for key, one in inputs().items():
        kind, _, name = key.partition(".")
        needed = one.get("required") is True or name in MADE["definitions"].get(kind, {}).get("required", ())
        assert not (one.get("x-ms-visibility") == "internal" and needed and "default" not in one), key


def test_summary_and_description_differ() -> None:
    for one in [*operations().values(), *inputs().values()]:
        assert one["description"].rstrip(".") not in (one.get("summary"), one.get("x-ms-summary"))


def test_information_and_limits() -> None:
    assert 30 <= len(MADE["info"]["description"]) <= 500
    assert MADE["info"]["contact"]
    assert len(operations()) <= 256


@pytest.mark.parametrize("auth", ["entra", "key"])
def test_files_for_an_app_know_it_and_hold_no_secret(auth: str, tmp_path: Path) -> None:
    ids = ["--tenant", "tenant-1", "--api", "api-1", "--connector", "connector-1"]
    main(["--host", "p2c-contoso.azurewebsites.net", "--auth", auth, *ids, "--into", str(tmp_path / "new")])
    made = json.loads((tmp_path / "new" / DEFINITION).read_text(encoding="utf-8"))
    how = json.loads((tmp_path / "new" / PROPERTIES).read_text(encoding="utf-8"))["properties"]["connectionParameters"]
    assert made["host"] == "p2c-contoso.azurewebsites.net"
    (name,) = made["securityDefinitions"]
    assert list(made["security"][0]) == [name]
    assert "ecret" not in json.dumps(how)
    if auth == "key":
        assert made["securityDefinitions"][name] == {"type": "apiKey", "in": "header", "name": "x-functions-key"}
        assert how["api_key"]["type"] == "securestring"
        return
    assert "tenant-1" in made["securityDefinitions"][name]["authorizationUrl"]
    assert made["security"][0][name] == ["api://api-1/access_as_user"]
    settings = how["token"]["oAuthSettings"]
    assert settings["clientId"] == "connector-1"
    assert settings["customParameters"]["resourceUri"]["value"] == "api://api-1"
    assert settings["customParameters"]["tenantId"]["value"] == "tenant-1"


# --- the definitions say what the models say ---


def accepts(model: str, body: Any) -> bool:
    schema = {"$ref": f"#/definitions/{model}", "definitions": MADE["definitions"]}
    return bool(Draft4Validator(schema).is_valid(body))


LEGAL_ENTITY = st.from_regex(r"[A-Za-z0-9]{1,4}", fullmatch=True)
TEMPLATE = st.from_regex(r"[a-z][a-z0-9-]{1,39}", fullmatch=True)
STARTS = st.builds(
    StartRun,
    template=TEMPLATE,
    legal_entities=st.lists(LEGAL_ENTITY, max_size=4),
    mode=st.sampled_from(["incremental", "full", "dryRun"]),
    idempotency_key=st.text(max_size=200),
)
COUNTS = st.dictionaries(st.sampled_from(["created", "updated", "failed"]), st.integers(0, 10**6))
STATES = st.sampled_from(["Queued", "Running", "Completed", "Warning", "Error", "Cancelled"])
PARTS = st.builds(
    RunPart,
    run_id=st.text(),
    template=st.text(),
    legal_entity=st.text(),
    status=STATES,
    started=st.none() | st.datetimes(timezones=st.just(UTC)),
    counts=COUNTS,
)
OUTCOMES = st.builds(RecordOutcome, key=st.text(), outcome=st.text(), missing=st.lists(st.text(), max_size=2))
STATUSES = st.builds(
    RunStatus,
    id=st.text(),
    status=STATES,
    counts=COUNTS,
    runs=st.lists(PARTS, max_size=2),
    records=st.lists(OUTCOMES, max_size=2),
)


@given(asked=STARTS)
def test_what_the_app_takes_the_connector_sends(asked: StartRun) -> None:
    assert accepts("StartRun", json.loads(asked.model_dump_json(by_alias=True)))


@given(status=STATUSES)
def test_what_the_app_answers_the_connector_reads(status: RunStatus) -> None:
    assert accepts("RunStatus", json.loads(status.model_dump_json(by_alias=True, exclude_none=True)))


def test_other_answers_and_refusals() -> None:
    letters = DeadLetterList(dead_letters=[DeadLetter(id="r-1", kind="record", reason="No such currency.")])
    assert accepts("DeadLetterList", json.loads(letters.model_dump_json(by_alias=True, exclude_none=True)))
    assert accepts("SyncRecord", json.loads(SyncRecord(key="A-1").model_dump_json(by_alias=True)))
    assert not accepts("SyncRecord", {}), "the connector has no path to name the key in"
    assert not accepts("StartRun", {})
    assert not accepts("StartRun", {"template": "accounts", "color": "red"})
    assert not accepts("StartRun", {"template": "accounts", "mode": "fast"})
    assert not accepts("StartRun", {"template": "accounts", "legalEntities": ["usmf2"]})


# --- icon and guide ---


def icon_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("icon_tool", ROOT / "tools" / "icon.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_icon_is_fresh_and_fits() -> None:
    data = (FOLDER / "icon.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert width == height
    assert 100 <= width <= 230
    start = data.index(b"IDAT")
    (length,) = struct.unpack(">I", data[start - 4 : start])
    # Compared unpacked: other versions of zlib pack the same picture differently.
    pixels = zlib.decompress(data[start + 4 : start + 4 + length])
    drawn = icon_tool().rows()
    assert pixels == b"".join(b"\0" + row for row in drawn), "run `python tools/icon.py`"
    assert drawn[0][:3].hex() == BRAND.removeprefix("#") == properties(Place())["properties"]["iconBrandColor"][1:]
    assert BRAND not in ("#007ee5", "#ffffff")


def test_the_guide_names_every_action_with_its_role() -> None:
    guide = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \| `(\w+)` \| (?:`(P2C\.\w+)`|none) \|", guide, re.MULTILINE)
    assert {(summary, id_, role) for summary, id_, role in rows} == {
        (one.summary, one.id, one.role.value if one.role else "")
        for one in OPERATIONS
        if VISIBILITY.get(one.id, "internal") != "internal"
    }


def test_the_guide_has_a_flow_and_its_links_lead_somewhere() -> None:
    guide = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "```mermaid\nflowchart " in guide
    assert not [one for one in re.findall(r"\]\((?!https?://|#)([^)#]+)", guide) if not (FOLDER / one).exists()]
    options = set(re.findall(r"(--(?:host|auth|tenant|api|connector|into)) ", guide))
    assert options == {"--host", "--auth", "--tenant", "--api", "--connector", "--into"}
