"""Events of both systems, in all the forms that are documented of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.lanes.happening import Happening, parse_events
from p2c.lanes.messages import Malformed

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts"
ORDER = "7d2f5a10-93c4-ee11-9079-6045bd8a1c2e"


def context(**more: Any) -> dict[str, Any]:
    return {
        "MessageName": "Update",
        "PrimaryEntityName": "salesorder",
        "PrimaryEntityId": ORDER,
        "OperationId": "45bfc2a7-903e-eb11-a813-000d3ad9c2e1",
        "OperationCreatedOn": "/Date(1707400058000+0000)/",
        "CorrelationId": "9d4c7524-a578-4783-b608-73f7b0b68fd2",
        "InputParameters": [{"key": "Target", "value": target([("ordernumber", "O-1")])}],
        **more,
    }


def target(pairs: list[tuple[str, Any]], **more: Any) -> dict[str, Any]:
    attributes = [{"key": key, "value": value} for key, value in pairs]
    return {"__type": f"Entity:{CONTRACTS}", "Attributes": attributes, "Id": ORDER, "LogicalName": "salesorder", **more}


def one(content: object) -> Happening:
    (found,) = parse_events(json.dumps(content).encode())
    return found


@pytest.fixture
def sample() -> dict[str, Any]:
    file = REFERENCE / "dataverse" / "sample_remoteexecutioncontext.json"
    if not file.is_file():
        pytest.skip(f"the collected facts are not here: {file}")
    found = json.loads(file.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def test_a_whole_context(sample: dict[str, Any]) -> None:
    found = one(sample)
    assert (found.system, found.table, found.what, found.id) == ("sales", "salesorder", "changed", ORDER)
    assert found.facts["ordernumber"] == "ORD-01023-X7K2Q9"
    assert found.facts["customerid"] == "ad6b3f4b-1be7-e611-8101-e0071b6af231"
    assert found.facts["modifiedon"] == "1707400058000"
    assert found.correlation_id == sample["CorrelationId"]


def test_a_context_without_its_parameters(sample: dict[str, Any]) -> None:
    for name in ("ParentContext", "InputParameters", "PreEntityImages", "PostEntityImages"):
        del sample[name]
    found = one(sample)
    assert (found.table, found.what, found.id, dict(found.facts)) == ("salesorder", "changed", ORDER, {})


def test_wrapped_primitives_of_a_synchronous_step() -> None:
    wrapped = {"__type": "Guid:#System", "__value": ORDER.upper()}
    number = {"__type": "String:#System", "__value": "O-2"}
    found = one(
        context(
            PrimaryEntityId=wrapped, InputParameters=[{"key": "Target", "value": target([("ordernumber", number)])}]
        )
    )
    assert (found.id, found.facts["ordernumber"]) == (ORDER, "O-2")


def test_the_newest_value_counts() -> None:
    images = [{"key": "Image", "value": target([("ordernumber", "old"), ("name", "n")])}]
    found = one(context(PreEntityImages=images))
    assert dict(found.facts) == {"ordernumber": "O-1", "name": "n"}


def test_a_delete_names_only_its_row() -> None:
    reference = {"__type": f"EntityReference:{CONTRACTS}", "Id": ORDER, "LogicalName": "salesorder"}
    found = one(context(MessageName="Delete", InputParameters=[{"key": "Target", "value": reference}]))
    assert (found.what, found.id) == ("deleted", ORDER)


def test_the_same_event_twice_is_one_and_two_changes_are_two() -> None:
    assert one(context()).identity == one(context()).identity
    other = one(context(OperationId="00000000-903e-eb11-a813-000d3ad9c2e1"))
    assert one(context()).identity != other.identity


def test_two_changes_of_a_row_within_a_second_are_two_though_only_their_values_tell() -> None:
    def changed(quantity: int) -> dict[str, Any]:
        values = target([("mserp_salesordernumber", "O-1"), ("mserp_orderedsalesquantity", quantity)])
        found = context(MessageName="OnExternalUpdated", InputParameters=[{"key": "Target", "value": values}])
        return {name: value for name, value in found.items() if name != "OperationId"}

    assert one(changed(1)).identity == one(changed(1)).identity
    assert one(changed(1)).identity != one(changed(2)).identity


def test_half_a_character_at_the_end_of_a_text_is_no_reason_to_refuse_the_event() -> None:
    cut = context(InputParameters=[{"key": "Target", "value": target([("name", "a smile \ud83d")])}])
    assert one(cut).identity != one(context()).identity


@pytest.mark.parametrize("message", ["Associate", "Retrieve", "GrantAccess"])
def test_what_changes_no_row_is_of_no_interest(message: str) -> None:
    assert parse_events(json.dumps(context(MessageName=message)).encode()) == []


INVOICE = {
    "BusinessEventId": "SalesInvoicePostedBusinessEvent",
    "BusinessEventLegalEntity": "USMF",
    "ControlNumber": 5637611083,
    "EventId": "3C47A4CD-6EDC-4319-B893-3F862EED65FD",
    "EventTime": "/Date(-2208988800000)/",
    "InvoiceAccount": "US-001",
    "InvoiceAmountInAccountingCurrency": 1250.5,
    "InvoiceId": "CIV-000715",
    "LegalEntity": "usmf",
    "ParentContextRecordSubjects": None,
    "SalesOrderId": "000891",
}


def test_a_business_event() -> None:
    found = one(INVOICE)
    assert (found.system, found.table, found.legal_entity) == ("finops", "SalesInvoicePostedBusinessEvent", "usmf")
    assert (found.facts["invoiceid"], found.facts["salesorderid"]) == ("CIV-000715", "000891")
    assert found.identity == str(INVOICE["EventId"]).lower()


@pytest.mark.parametrize("as_text", [True, False])
def test_events_in_event_grids_envelope(as_text: bool) -> None:
    data: object = json.dumps(INVOICE) if as_text else INVOICE
    assert parse_events(json.dumps([{"eventType": "e", "data": data}] * 2).encode()) == [one(INVOICE)] * 2


def test_a_data_event() -> None:
    attributes = [
        ("mserp_salesordernumber", "000891"),
        ("mserp_dataareaid", "USMF"),
        ("mserp_status", {"Value": 200000001}),
    ]
    found = one(
        {
            "MessageName": "OnExternalUpdated",
            "PrimaryEntityName": "mserp_salesorderheadercdsentity",
            "PrimaryEntityId": "00000000-0000-0000-0000-000000000000",
            "InputParameters": [{"key": "Target", "value": target(attributes)}],
        }
    )
    assert (found.system, found.what, found.legal_entity) == ("finops", "changed", "usmf")
    assert found.id == ORDER
    assert found.facts["mserp_salesordernumber"] == "000891"


def test_a_data_event_of_a_deletion_may_tell_only_what_was_before() -> None:
    before = target([("mserp_salesordernumber", "000891"), ("mserp_dataareaid", "USMF")])
    found = one(
        {
            "MessageName": "OnExternalDeleted",
            "PrimaryEntityName": "mserp_salesorderlinecdsentity",
            "PrimaryEntityId": "00000000-0000-0000-0000-000000000000",
            "InputParameters": [
                {"key": "Target", "value": {"__type": "EntityReference:x", "Id": ORDER}},
                {"key": "PreImage", "value": before},
            ],
        }
    )
    assert (found.what, found.legal_entity, found.facts["mserp_salesordernumber"]) == ("deleted", "usmf", "000891")


def test_our_own_form_comes_back_as_it_was() -> None:
    found = one(INVOICE)
    assert one(found.as_json()) == found
    again = replace(found, attempt=3)
    assert one(again.as_json()) == again


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"<xml/>",
        b"1",
        b'"text"',
        b"{}",
        b'{"kind": "p2c.event"}',
        b"[1]",
        b"[" * 100_000,
        b"[" * 500 + b"]" * 500,
    ],
)
def test_what_is_no_event_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse_events(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*context(), "PostEntityImages", "BusinessEventId", "data", "eventType"]), JSON))
def test_nothing_but_malformed_comes_of_unknown_shapes(noise: dict[str, Any]) -> None:
    try:
        parse_events(json.dumps(context() | noise).encode())
    except Malformed:
        return
