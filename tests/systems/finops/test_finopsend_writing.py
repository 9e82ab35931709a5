"""Finance and Operations as a destination: finding documents and writing them, against the local server."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from p2c.documents import (
    DocumentChange,
    DocumentWrite,
    LegalEntity,
    Reference,
    ResolvedRow,
    RowChange,
    RowKey,
    TableWrite,
    Value,
)
from p2c.errors import ConfigError, Conflict, MissingRow, Transient, Validation
from p2c.systems.finops.writing import parts
from tests.systems.ends_support import USMF, Ends, ends, operations
from tests.systems.finops.conftest import Works

ORDERS = DocumentWrite(
    TableWrite(
        "OrderHeader", "CDSSalesOrderHeaders", ("SalesOrderNumber",), ("SalesOrderName", "SalesOrderProcessingStatus")
    ),
    (
        TableWrite(
            "OrderLine",
            "CDSSalesOrderLines",
            ("SalesOrderNumber", "LineCreationSequenceNumber"),
            ("OrderedSalesQuantity",),
            (("SalesOrderNumber", "SalesOrderNumber"),),
        ),
    ),
)
CONTACTS = DocumentWrite(
    TableWrite(
        "Contact",
        "CDSContactPersons",
        ("dataAreaId", "ContactPersonPartyNumber", "AssociatedPartyNumber"),
        ("FirstName",),
    )
)


def header_key(number: str, company: str = "usmf") -> RowKey:
    return (("dataAreaId", company), ("SalesOrderNumber", number))


def line_key(number: str, line: int) -> RowKey:
    return (("dataAreaId", "usmf"), ("SalesOrderNumber", number), ("LineCreationSequenceNumber", line))


def order(number: str, lines: int = 1, **values: Value) -> DocumentChange:
    header: dict[str, Any] = {
        "SalesOrderNumber": number,
        "SalesOrderName": f"Order {number}",
        "OrderingCustomerAccountNumber": "C-1",
        "InvoiceCustomerAccountNumber": "C-1",
        "CurrencyCode": "USD",
        **values,
    }
    rows = [RowChange("create", "CDSSalesOrderHeaders", header_key(number), header)]
    for line in range(1, lines + 1):
        given: dict[str, Any] = {
            "SalesOrderNumber": number,
            "ProductNumber": "P-1",
            "OrderedSalesQuantity": Decimal(line),
            "SalesUnitSymbol": "ea",
            "SalesPrice": Decimal("10.10"),
            "LineDescription": "“ü” 😀\nsecond row",
        }
        rows.append(RowChange("create", "CDSSalesOrderLines", line_key(number, line), given, str(line)))
    return DocumentChange(number, tuple(rows))


async def test_a_document_is_created_found_changed_and_emptied(works: Works, world: Ends) -> None:
    assert await world.finops.write([order("SO'1", lines=2)]) == [None]

    found = await world.finops.fetch(ORDERS, USMF, [("so'1",), ("SO-2",)])

    assert set(found) == {("so'1",), ("so-2",)}
    assert found["so-2",] == []
    (document,) = found["so'1",]
    assert document.header.key == header_key("SO'1")
    assert document.header.etag.startswith("W/")
    assert document.header.values["SalesOrderName"] == "Order SO'1"
    assert document.header.values["SalesOrderProcessingStatus"] == "Active"
    lines = document.lines["OrderLine"]
    assert sorted(str(row.key) for row in lines) == [str(line_key("SO'1", 1)), str(line_key("SO'1", 2))]
    assert {row.values["OrderedSalesQuantity"] for row in lines} == {Decimal(1), Decimal(2)}

    changes = (
        RowChange("delete", "CDSSalesOrderLines", line_key("SO'1", 1)),
        RowChange("update", "CDSSalesOrderHeaders", header_key("SO'1"), {"SalesOrderName": "Renamed"}),
        RowChange("update", "CDSSalesOrderLines", line_key("SO'1", 2), {"OrderedSalesQuantity": Decimal("2.5")}),
    )
    assert await world.finops.write([DocumentChange("SO'1", changes)]) == [None]
    (document,) = (await world.finops.fetch(ORDERS, USMF, [("SO'1",)]))["so'1",]
    assert document.header.values["SalesOrderName"] == "Renamed"
    assert [row.values["OrderedSalesQuantity"] for row in document.lines["OrderLine"]] == [Decimal("2.5")]


async def test_the_wire_form_of_a_document(works: Works, world: Ends) -> None:
    await world.finops.write([order("SO-1")])
    update = RowChange(
        "update",
        "CDSSalesOrderHeaders",
        header_key("SO-1", "USMF"),
        {"dataAreaId": "USMF", "SalesOrderNumber": "SO-1", "SalesOrderName": "x", "CustomersOrderReference": None},
    )
    delete = RowChange("delete", "CDSSalesOrderLines", line_key("SO-1", 1))
    await world.finops.write([DocumentChange("SO-1", (update, delete))])
    first, second = world.finops_log.batches()
    assert "POST CDSSalesOrderHeaders HTTP/1.1\r\n" in first
    assert '"dataAreaId":"usmf"' in first
    assert '"LineCreationSequenceNumber":1' in first
    assert '"SalesPrice":10.10' in first
    assert "PATCH CDSSalesOrderHeaders(dataAreaId='usmf',SalesOrderNumber='SO-1')?cross-company=true HTTP" in second
    assert '{"SalesOrderName":"x","CustomersOrderReference":""}' in second
    line = (
        "CDSSalesOrderLines(dataAreaId='usmf',SalesOrderNumber='SO-1',LineCreationSequenceNumber=1)?cross-company=true"
    )
    assert f"DELETE {line} HTTP/1.1" in second


def test_clearing_is_each_type_s_own_nothing() -> None:
    values: dict[str, Value | Reference] = {
        "SalesOrderName": None,
        "RequestedShippingDate": None,
        "OrderCreationDateTime": None,
        "DeliveryAddressLatitude": None,
        "DeliveryAddressTimeZone": None,
    }
    (part,) = parts(DocumentChange("1", (RowChange("update", "CDSSalesOrderHeaders", header_key("1"), values),)))
    assert part.body == (
        b'{"SalesOrderName":"","RequestedShippingDate":"1900-01-01T12:00:00Z",'
        b'"OrderCreationDateTime":"1900-01-01T00:00:00Z","DeliveryAddressLatitude":0,"DeliveryAddressTimeZone":null}'
    )


async def test_a_create_never_writes_over_a_row_nor_an_update_makes_one(works: Works, world: Ends) -> None:
    assert await world.finops.write([order("SO-1")]) == [None]
    gone = RowChange("update", "CDSSalesOrderHeaders", header_key("SO-9"), {"SalesOrderName": "x"})
    again, missing = await world.finops.write([order("SO-1"), DocumentChange("SO-9", (gone,))])
    assert isinstance(again, Conflict)
    assert isinstance(missing, MissingRow)
    assert missing.system == "finops"


async def test_rows_of_another_company_are_theirs(works: Works, world: Ends) -> None:
    works.order("SO-1", company="demf", SalesOrderName="theirs")
    assert (await world.finops.fetch(ORDERS, USMF, [("SO-1",)]))["so-1",] == []
    demf = LegalEntity("DEMF")
    (document,) = (await world.finops.fetch(ORDERS, demf, [("SO-1",)]))["so-1",]
    assert document.header.key == header_key("SO-1", "demf")
    change = RowChange("update", "CDSSalesOrderHeaders", document.header.key, {"SalesOrderName": "changed"})
    assert await world.finops.write([DocumentChange("SO-1", (change,))]) == [None]
    assert works.service.order("SO-1", "demf")["SalesOrderName"] == "changed"


@pytest.mark.parametrize("stops", [False, True])
@pytest.mark.parametrize("honours", [False, True])
@pytest.mark.parametrize("framed", [False, True])
async def test_a_refused_line_undoes_its_document_and_no_other(
    works: Works, world: Ends, stops: bool, honours: bool, framed: bool
) -> None:
    options = works.service.options
    options.batch_stops_at_error, options.honours_continue_on_error = stops, honours
    options.failed_changeset_in_multipart = framed
    bad = RowChange(
        "create", "CDSSalesOrderLines", line_key("BAD", 9), {"ProductNumber": "NONE", "OrderedSalesQuantity": 1}
    )
    worse = order("WORSE", OrderingCustomerAccountNumber="NOBODY")
    changes = [order("SO-0"), DocumentChange("BAD", (*order("BAD").rows, bad)), order("SO-1"), worse, order("SO-2")]
    results = await world.finops.write(changes)
    assert [type(one) for one in results] == [type(None), Validation, type(None), Validation, type(None)]
    assert "NOBODY" in str(results[3])
    assert "Infolog" not in str(results[3])
    found = await world.finops.fetch(ORDERS, USMF, [(change.key,) for change in changes])
    assert [len(found[change.key.casefold(),]) for change in changes] == [1, 0, 1, 0, 1]


@pytest.mark.parametrize("size", [1, 3, 100])
async def test_batches_have_so_many_operations_and_whole_documents(works: Works, size: int) -> None:
    changes = [order(f"SO-{number}", lines=number % 4) for number in range(9)]
    async with ends(finops=works.service, finops_batch_operations=size) as world:
        assert await world.finops.write(changes) == [None] * 9
        sizes = [operations(batch) for batch in world.finops_log.batches()]
    assert all(count <= max(size, 4) for count in sizes)
    assert sum(sizes) == sum(len(change.rows) for change in changes)


async def test_throttled_documents_go_again(works: Works, world: Ends) -> None:
    works.service.faults.inner_throttles = 3
    works.service.faults.retry_after = 0
    assert await world.finops.write([order(f"SO-{number}") for number in range(5)]) == [None] * 5
    works.service.faults.resource_throttles = 1
    assert await world.finops.write([order("SO-9")]) == [None]


async def test_an_answer_that_is_lost_leaves_documents_in_doubt(works: Works, world: Ends) -> None:
    works.service.faults.lost_answers = 1
    (error,) = await world.finops.write([order("SO-1")])
    assert isinstance(error, Transient)
    assert error.sent
    assert len((await world.finops.fetch(ORDERS, USMF, [("SO-1",)]))["so-1",]) == 1
    assert len(world.finops_log.batches()) == 1


async def test_rows_with_several_key_columns_are_found_by_all_of_them(works: Works, world: Ends) -> None:
    works.service.new_customer("C-2", "Second", PartyNumber="C-2")
    works.service.update("CustomersV2", {"dataAreaId": "usmf", "CustomerAccount": "C-1"}, {"OrganizationName": "x"})
    party = works.service.books.rows("CustTable", dataAreaId="usmf", CustomerAccount="C-1")[0]["PartyNumber"]
    for associated in (party, "C-2"):
        key: RowKey = (
            ("dataAreaId", "usmf"),
            ("ContactPersonPartyNumber", f"CON-{associated}"),
            ("AssociatedPartyNumber", associated),
        )
        values: dict[str, Value] = {"FirstName": "Kim", "LastName": str(associated)}
        (error,) = await world.finops.write(
            [DocumentChange("c", (RowChange("create", "CDSContactPersons", key, values),))]
        )
        assert error is None
    wanted = [("usmf", "con-c-2", "C-2"), ("usmf", "CON-C-2", str(party))]
    found = await world.finops.fetch(CONTACTS, USMF, wanted)
    assert [len(found[tuple(part.casefold() for part in one)]) for one in wanted] == [1, 0]


async def test_many_documents_are_found(works: Works, world: Ends) -> None:
    for number in range(50):
        works.order(f"SO-{number:03}", lines=2)
    wanted = [(f"SO-{number:03}",) for number in range(60)]
    found = await world.finops.fetch(ORDERS, USMF, wanted)
    assert sum(len(documents) for documents in found.values()) == 50
    assert all(len(one.lines["OrderLine"]) == 2 for documents in found.values() for one in documents)


async def test_what_is_missing_is_told_in_bulk(works: Works, world: Ends) -> None:
    works.service.new_customer("D-1", "Other", "demf")
    references = {
        ("CustomersV2.CustomerAccount", "c-1"),
        ("CustomersV2.CustomerAccount", "D-1"),
        ("CustomersV2.CustomerAccount", "O'Nobody"),
        ("CustomersV2.CustomerAccount", ""),
        ("SellableReleasedProducts.ProductNumber", "P-1"),
        ("SellableReleasedProducts.ProductNumber", "P-2"),
        ("Currencies.CurrencyCode", "USD"),
        ("Currencies.CurrencyCode", "XXX"),
    }
    assert await world.finops.missing(references, USMF) == {
        ("CustomersV2.CustomerAccount", "D-1"): "demf",
        ("CustomersV2.CustomerAccount", "O'Nobody"): "",
        ("SellableReleasedProducts.ProductNumber", "P-2"): "",
        ("Currencies.CurrencyCode", "XXX"): "",
    }
    assert len(world.finops_log.requests) == 5, "where the legal entity lacks rows, the others are asked once"
    with pytest.raises(ConfigError):
        await world.finops.missing([("CustomersV2.Nothing", "1")], USMF)


async def test_there_are_no_lookups(world: Ends) -> None:
    rows: list[dict[str, Value]] = [{"a": "1"}, {"b": None}]
    assert await world.finops.resolve("CustomersV2", rows) == [ResolvedRow({"a": "1"}), ResolvedRow({"b": None})]
    assert await world.finops.write([]) == []
    assert await world.finops.fetch(ORDERS, USMF, []) == {}
    assert world.finops_log.requests == []
