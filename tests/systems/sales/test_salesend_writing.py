"""Sales as a destination: finding documents and writing them, against the local server."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest

from p2c.documents import (
    DocumentChange,
    DocumentWrite,
    LegalEntity,
    Reference,
    RowChange,
    TableWrite,
    Value,
)
from p2c.errors import ConfigError, Conflict, MissingRow, Validation
from p2c.systems.sales.writing import body
from p2c.templates.catalog import sales_table
from sandbox.sales.options import SalesOptions
from sandbox.sales.service import SalesService
from tests.systems.ends_support import USMF, Ends, ends, operations
from tests.systems.sales.conftest import Office

ORDERS = DocumentWrite(
    TableWrite(
        "OrderHeader", "salesorders", ("ordernumber",), ("name", "customerid.Account(accountnumber)", "freightamount")
    ),
    (
        TableWrite(
            "OrderLine",
            "salesorderdetails",
            ("salesorderid", "sequencenumber"),
            ("quantity", "productid.productnumber"),
            (("salesorderid", "salesorderid"),),
            "msdynce_ismisctax eq true",
        ),
        TableWrite(
            "FreightTax", "salesorderdetails", ("sequencenumber",), ("tax",), (("salesorderid", "salesorderid"),)
        ),
    ),
)


def order(office: Office, number: str, lines: int = 2, **row: Value) -> DocumentChange:
    header = str(uuid4())
    values: dict[str, Value | Reference] = {
        "ordernumber": number,
        "name": f"Order {number}",
        "customerid": Reference("customerid", "customerid_account", "accounts", office.ids["A-1"]),
        "pricelevelid": Reference("pricelevelid", "pricelevelid", "pricelevels", office.ids["Standard"]),
        "quoteid": None,
        **row,
    }
    rows = [RowChange("create", "salesorders", header, values)]
    for line in range(1, lines + 1):
        given: dict[str, Value | Reference] = {
            "salesorderid": Reference("salesorderid", "salesorderid", "salesorders", header),
            "sequencenumber": line,
            "isproductoverridden": True,
            "productdescription": f"Item {line} – “ü” 😀\nsecond row",
            "quantity": Decimal(line),
            "priceperunit": Decimal("10.10"),
        }
        rows.append(RowChange("create", "salesorderdetails", str(uuid4()), given, f"OrderLine {line}"))
    return DocumentChange(number, tuple(rows))


async def test_a_row_that_a_person_wrote_since_it_was_read_is_not_written_over(office: Office, world: Ends) -> None:
    await world.sales.write([order(office, "SO-1")])
    (there,) = (await world.sales.fetch(ORDERS, USMF, [("so-1",)]))[("so-1",)]
    office.service.people.update("salesorder", str(there.header.key), {"name": "Theirs"})
    late = RowChange("update", "salesorders", there.header.key, {"name": "Ours"}, etag=there.header.etag)
    (error,) = await world.sales.write([DocumentChange("SO-1", (late,))])
    assert isinstance(error, Conflict)
    (there,) = (await world.sales.fetch(ORDERS, USMF, [("so-1",)]))[("so-1",)]
    assert there.header.values["name"] == "Theirs"
    now = RowChange("update", "salesorders", there.header.key, {"name": "Ours"}, etag=there.header.etag)
    assert await world.sales.write([DocumentChange("SO-1", (now,))]) == [None]


async def test_a_table_that_compares_no_versions_is_written_without(office: Office, world: Ends) -> None:
    await world.sales.write([order(office, "SO-1"), order(office, "SO-2")])
    found = await world.sales.fetch(ORDERS, USMF, [("so-1",), ("so-2",)])
    office.service.engine.options.no_versions = frozenset({"salesorder"})
    changes = [
        DocumentChange(key[0], (RowChange("update", "salesorders", one.header.key, {"name": "Ours"}, etag=etag),))
        for key, (one,) in found.items()
        for etag in (one.header.etag if key == ("so-1",) else "",)
    ]
    assert await world.sales.write(changes) == [None, None]
    found = await world.sales.fetch(ORDERS, USMF, [("so-1",), ("so-2",)])
    assert [one.header.values["name"] for (one,) in found.values()] == ["Ours", "Ours"]


async def test_a_document_is_created_found_changed_and_emptied(office: Office, world: Ends) -> None:
    change = order(office, "SO-1")
    assert await world.sales.write([change]) == [None]

    found = await world.sales.fetch(ORDERS, USMF, [("so-1",), ("SO-2",)])

    assert set(found) == {("so-1",), ("so-2",)}
    assert found["so-2",] == []
    (document,) = found["so-1",]
    assert document.header.key == change.rows[0].key
    assert document.header.etag.startswith("W/")
    assert document.header.values == {
        "name": "Order SO-1",
        "customerid": office.ids["A-1"],
        "freightamount": None,
        "ordernumber": "SO-1",
    }
    lines = sorted(document.lines["OrderLine"], key=lambda row: str(row.values["sequencenumber"]))
    assert [row.key for row in lines] == [row.key for row in change.rows[1:]]
    assert {row.key for row in document.lines["FreightTax"]} == {row.key for row in lines}
    assert [row.values["quantity"] for row in lines] == [Decimal(1), Decimal(2)]
    assert lines[0].values["salesorderid"] == document.header.key
    assert lines[0].values["productid"] is None

    header, first, second = (str(row.key) for row in change.rows)
    changes = (
        RowChange("delete", "salesorderdetails", first),
        RowChange("update", "salesorders", header, {"name": "Renamed"}),
        RowChange("update", "salesorderdetails", second, {"quantity": Decimal("2.5")}),
    )
    assert await world.sales.write([DocumentChange("SO-1", changes)]) == [None]
    (document,) = (await world.sales.fetch(ORDERS, USMF, [("SO-1",)]))["so-1",]
    assert document.header.values["name"] == "Renamed"
    assert [(row.key, row.values["quantity"]) for row in document.lines["OrderLine"]] == [(second, Decimal("2.5"))]


async def test_the_wire_form_of_a_document(office: Office, world: Ends) -> None:
    change = order(office, "SO-1", lines=1)
    header, line = (str(row.key) for row in change.rows)
    await world.sales.write([change])
    await world.sales.write(
        [
            DocumentChange(
                "SO-1",
                (
                    RowChange("update", "salesorders", header, {"name": "x", "quoteid": None}),
                    RowChange("delete", "salesorderdetails", line),
                ),
            )
        ]
    )
    create, update = world.sales_log.batches()
    assert f"PATCH salesorders({header}) HTTP/1.1\r\nContent-Type: application/json\r\nIf-None-Match: *\r\n" in create
    assert f'"customerid_account@odata.bind":"/accounts({office.ids["A-1"]})"' in create
    assert f'"salesorderid@odata.bind":"/salesorders({header})"' in create
    assert '"priceperunit":10.10' in create
    assert "quoteid" not in create
    assert f"PATCH salesorders({header}) HTTP/1.1\r\nContent-Type: application/json\r\nIf-Match: *\r\n" in update
    assert '{"name":"x","quoteid@odata.bind":null}' in update
    assert f"DELETE salesorderdetails({line}) HTTP/1.1\r\n" in update
    prefer = world.sales_log.requests[0].headers["prefer"]
    assert "odata.continue-on-error" in prefer


async def test_a_create_never_writes_over_a_row_nor_an_update_makes_one(office: Office, world: Ends) -> None:
    change = order(office, "SO-1")
    gone = RowChange("update", "salesorders", str(uuid4()), {"name": "x"})
    assert await world.sales.write([change]) == [None]
    again, missing = await world.sales.write([change, DocumentChange("SO-9", (gone,))])
    assert isinstance(again, Conflict)
    assert isinstance(missing, MissingRow)
    assert again.system == "sales"
    assert len(office.service.rows("salesorder")) == 1
    assert len(office.service.rows("salesorderdetail")) == 2


async def test_a_refused_line_undoes_its_document_and_no_other(office: Office, world: Ends) -> None:
    good = [order(office, f"SO-{number}") for number in range(5)]
    bad = order(office, "BAD", shipto_city="x" * 81)
    line = RowChange("create", "salesorderdetails", str(uuid4()), {"productdescription": "no header"})
    worse = DocumentChange("WORSE", (*order(office, "WORSE").rows, line))
    results = await world.sales.write([good[0], bad, *good[1:4], worse, good[4]])
    assert [type(one) for one in results] == [type(None), Validation, *[type(None)] * 3, Validation, type(None)]
    assert isinstance(results[1], Validation)
    assert results[1].fault.field == "shipto_city"
    assert sorted(row["ordernumber"] for row in office.service.rows("salesorder")) == [f"SO-{n}" for n in range(5)]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
async def test_batches_have_so_many_operations_and_whole_documents(office: Office, size: int) -> None:
    changes = [order(office, f"SO-{number}", lines=number % 4) for number in range(12)]
    async with ends(sales=office.service, sales_batch_operations=size) as world:
        assert await world.sales.write(changes) == [None] * 12
        sizes = [operations(batch) for batch in world.sales_log.batches()]
    assert all(count <= max(size, 4) for count in sizes)
    assert sum(sizes) == sum(len(change.rows) for change in changes)
    assert len(office.service.rows("salesorder")) == 12


async def test_a_document_that_no_change_set_can_hold_is_refused_with_that_reason(office: Office, world: Ends) -> None:
    huge = order(office, "HUGE", lines=1000)
    error, fine = await world.sales.write([huge, order(office, "SO-1")])
    assert isinstance(error, Validation)
    assert "1001 rows" in str(error)
    assert fine is None
    assert [row["ordernumber"] for row in office.service.rows("salesorder")] == ["SO-1"]


async def test_nothing_to_write_asks_nobody(world: Ends) -> None:
    assert await world.sales.write([]) == []
    assert await world.sales.write([DocumentChange("A", ())]) == [None]
    assert await world.sales.fetch(ORDERS, USMF, []) == {}
    assert await world.sales.missing([("CustomersV2.CustomerAccount", "1")], USMF) == {}
    assert world.sales_log.requests == []


async def test_lookups_are_cleared_those_to_several_tables_too(office: Office, world: Ends) -> None:
    parent = ("account", office.ids["A-1"])
    contact = office.add("contact", "Ng", lastname="Ng", parentcustomerid=parent, preferredsystemuserid=None)
    change = RowChange("update", "contacts", contact, {"parentcustomerid": None, "jobtitle": None})
    assert await world.sales.write([DocumentChange("CON", (change,))]) == [None]
    row = office.service.row("contact", contact)
    assert row is not None
    assert row["parentcustomerid"] is None


def test_a_blank_lookup_is_no_column_of_a_new_row() -> None:
    table = sales_table("salesorder")
    values: dict[str, Value | Reference] = {"quoteid": None, "name": None, "customerid": None}
    assert body(table, values, new=True) == {"name": None}
    cleared = {"quoteid@odata.bind": None, "name": None, "customerid_account@odata.bind": None}
    assert body(table, values, new=False) == cleared


async def test_a_column_that_the_environment_lacks_stops_the_run() -> None:
    service = SalesService(options=SalesOptions(solution=False))
    change = RowChange("create", "contacts", str(uuid4()), {"lastname": "x", "msdynce_contactnumber": "1"})
    async with ends(sales=service) as world:
        with pytest.raises(ConfigError, match="msdynce_contactnumber"):
            await world.sales.write([DocumentChange("A", (change,))])


async def test_throttled_documents_of_a_batch_go_again(office: Office, world: Ends) -> None:
    office.service.options.batch_throttle_every = 7
    changes = [order(office, f"SO-{number}", lines=1) for number in range(10)]
    assert await world.sales.write(changes) == [None] * 10
    assert len(office.service.rows("salesorder")) == 10
    assert world.sales.client.statistics.throttled > 0


async def test_numbers_are_found_in_the_business_units_of_the_legal_entity_only(office: Office, world: Ends) -> None:
    for name in ("east", "west"):
        office.add("businessunit", name, name=name)
        office.add("team", f"team {name}", name=f"team {name}", businessunitid=office.ids[name], teamtype=0)
        office.add(
            "account", f"account {name}", name=name, accountnumber="X", ownerid=("team", office.ids[f"team {name}"])
        )
    write = DocumentWrite(TableWrite("Account", "accounts", ("accountnumber",), ("name",)))
    east, west = office.ids["east"], office.ids["west"]
    for entity, names in (
        (LegalEntity("usmf", (east,), (west,)), ["east"]),
        (LegalEntity("demf", (west,)), ["west"]),
        (USMF, ["east", "west"]),
    ):
        found = (await world.sales.fetch(write, entity, [("x",)]))["x",]
        assert sorted(str(one.header.values["name"]) for one in found) == names


async def test_a_header_must_be_found_by_its_own_columns(world: Ends) -> None:
    write = DocumentWrite(TableWrite("Order", "salesorders", ("quoteid.quotenumber",), ("name",)))
    with pytest.raises(ConfigError, match="columns of its own"):
        await world.sales.fetch(write, USMF, [("1",)])
