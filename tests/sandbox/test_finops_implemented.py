"""What the F&O sandbox does not implement is answered with an error, never with 200; its REST metadata service."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.finops.catalog import entity_sets
from tests.sandbox.finops_support import Api

READER = Api()


@pytest.mark.parametrize(
    "url",
    [
        "CustomersV2?$apply=aggregate($count as n)",
        "CustomersV2?$search=x",
        "CustomersV2?$format=xml",
        "CustomersV2?$nonsense=1",
        "CustomersV2?nonsense=1",
        "CustomersV2?cross-company=maybe",
        "CustomersV2?@p='x'",
        "CustomersV2/$count?$top=1",
        "CustomersV2/$count?$orderby=CustomerAccount",
        "CustomersV2(dataAreaId='usmf',CustomerAccount='x')?$filter=CustomerAccount eq 'x'",
        "CustomersV2(dataAreaId='usmf',CustomerAccount='x')?$top=1",
        "CDSSalesOrderHeaders?$expand=CDSSalesOrderLines($select=ProductNumber)",
        "CDSSalesOrderHeaders?$expand=CDSSalesOrderLines($filter=ProductNumber eq 'x')",
        "$metadata?$format=json",
        "?$top=1",
    ],
)
def test_an_option_that_is_not_implemented_is_refused(url: str) -> None:
    answer = READER.get(url)
    assert answer.status == 400
    assert "not valid" in answer.infolog


@given(st.from_regex(r"\A[$]?[a-z]{2,12}\Z"), st.sampled_from(["CustomersV2", "CustomersV2/$count"]))
def test_no_unknown_option_is_ever_ignored(name: str, path: str) -> None:
    if name not in {"$filter", "$select", "$orderby", "$top", "$skip", "$count", "$expand"}:
        assert READER.get(f"{path}?{name}=1").status == 400


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {"prefer": "odata.maxpagesize=5"}, 501),
        ("GET", {"prefer": "odata.track-changes"}, 501),
        ("GET", {"prefer": "=,"}, 400),
        ("PATCH", {"prefer": "return=representation"}, 501),
        ("GET", {"accept": "application/atom+xml"}, 406),
        ("GET", {"accept": "application/json;odata.metadata=none"}, 406),
        ("GET", {"odata-maxversion": "3.0"}, 400),
        ("GET", {"odata-isolation": "snapshot"}, 501),
        ("GET", {"if-none-match": "*"}, 501),
        ("GET", {"if-match": "*"}, 501),
        ("GET", {"range": "bytes=0-1"}, 501),
        ("MERGE", {}, 405),
    ],
)
def test_a_header_or_method_that_is_not_implemented_is_refused(
    method: str, headers: dict[str, str], status: int
) -> None:
    assert READER.send(method, "CustomersV2", None, **headers).status == status


def test_a_write_takes_no_option_but_cross_company() -> None:
    answer = READER.service.handle("POST", "/data/CustomerGroups?$select=CustomerGroupId", {}, b"{}")
    assert answer.status == 400


def metadata(path: str, method: str = "GET") -> tuple[int, Any]:
    reply = READER.service.handle(method, f"/Metadata/{path}", {}, b"")
    return reply.status, json.loads(reply.body)


def test_the_metadata_service_names_every_entity_and_property() -> None:
    _, entities = metadata("DataEntities")
    assert {row["PublicCollectionName"] for row in entities["value"]} == set(entity_sets())
    _, customer = metadata("PublicEntities('CustomerV2')")
    properties = {row["Name"]: row for row in customer["Properties"]}
    assert set(properties) == set(entity_sets()["CustomersV2"].properties)
    assert (properties["CustomerAccount"]["IsKey"], properties["CustomerAccount"]["AllowEdit"]) == (True, False)
    assert properties["IsOneTimeCustomer"]["TypeName"] == "Microsoft.Dynamics.DataEntities.NoYes"
    _, symbols = metadata("PublicEnumerations('NoYes')")
    assert {row["Name"] for row in symbols["Members"]} >= {"Yes", "No"}


def test_the_metadata_service_refuses_what_it_does_not_have() -> None:
    assert metadata("Labels")[0] == 404
    assert metadata("PublicEntities('Nonsense')")[0] == 404
    assert metadata("PublicEntities", "POST")[0] == 405
    assert metadata("PublicEntities?$top=1")[0] == 400
