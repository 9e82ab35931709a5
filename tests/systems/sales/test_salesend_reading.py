"""Sales as a source, against the local server."""

from __future__ import annotations

from decimal import Decimal

import pytest

from p2c.documents import DocumentRead, LegalEntity, Page, TableRead
from p2c.errors import ConfigError, StateError
from p2c.templates.catalog import sales_table
from tests.systems.ends_support import USMF, Ends, ends
from tests.systems.sales.conftest import Office

ORDERS = DocumentRead(
    TableRead(
        "OrderHeader",
        "salesorders",
        ("ordernumber",),
        (
            "name",
            "transactioncurrencyid.isocurrencycode",
            "customerid.Account(accountnumber).Contact(msdynce_contactnumber)",
            "pricelevelid.transactioncurrencyid.isocurrencycode",
            "pricelevelid",
            "quoteid.quotenumber",
        ),
    ),
    (
        TableRead(
            "OrderLine",
            "salesorderdetails",
            ("sequencenumber",),
            ("salesorderid.ordernumber", "sequencenumber", "quantity", "productid.productnumber", "uomid.name"),
            (("salesorderid", "salesorderid"),),
        ),
    ),
)
ACCOUNTS = DocumentRead(TableRead("Account", "accounts", ("accountnumber",), ("name", "creditlimit")))
QUOTES = DocumentRead(
    TableRead("QuoteHeader", "quotes", ("quotenumber",), ("name", "revisionnumber")), version="revisionnumber"
)


async def all_pages(world: Ends, read: DocumentRead, size: int, entity: LegalEntity = USMF) -> list[Page]:
    return [page async for page in world.sales.pages(read, entity, page_size=size)]


def keys(pages: list[Page]) -> list[str]:
    return [document.key for page in pages for document in page.documents]


async def test_a_document_is_a_header_with_its_lines_in_flat_rows(office: Office, world: Ends) -> None:
    order = office.order("SO-1")
    office.line(order, 2)
    product = {"productid": office.ids["P-1"], "isproductoverridden": False, "productdescription": None}
    office.line(order, 1, uomid=office.ids["Weights/Primary Unit"], **product)

    (page,) = await all_pages(world, ORDERS, 10)

    (document,) = page.documents
    assert (document.key, document.source_id, document.legal_entity) == ("SO-1", order, "usmf")
    assert document.etag.startswith("W/")
    assert document.header == {
        "ordernumber": "SO-1",
        "name": "Order SO-1",
        "transactioncurrencyid.isocurrencycode": "USD",
        "customerid.Account(accountnumber).Contact(msdynce_contactnumber)": "A-1",
        "pricelevelid.transactioncurrencyid.isocurrencycode": "USD",
        "pricelevelid": office.ids["Standard"],
        "quoteid.quotenumber": None,
    }
    first, second = document.lines["OrderLine"]
    assert first == {
        "salesorderid.ordernumber": "SO-1",
        "sequencenumber": 1,
        "quantity": Decimal(1),
        "productid.productnumber": "P-1",
        "uomid.name": "Primary Unit",
    }
    assert isinstance(first["quantity"], Decimal)
    assert (second["sequencenumber"], second["productid.productnumber"]) == (2, None)


async def test_a_contact_as_customer_is_found_behind_the_same_path(office: Office, world: Ends) -> None:
    contact = office.add("contact", lastname="Ng", msdynce_contactnumber="CON-1")
    order = office.order("SO-1")
    office.service.people.update("salesorder", order, {"customerid": ("contact", contact)})

    (page,) = await all_pages(world, ORDERS, 10)

    path = "customerid.Account(accountnumber).Contact(msdynce_contactnumber)"
    assert page.documents[0].header[path] == "CON-1"


@pytest.mark.parametrize("size", [1, 2, 3, 100])
async def test_pages_give_every_document_once_and_a_cursor_until_the_last(
    office: Office, world: Ends, size: int
) -> None:
    numbers = [f"SO-{number:02}" for number in range(7)]
    for number in reversed(numbers):
        office.order(number, lines=2)

    pages = await all_pages(world, ORDERS, size)

    assert keys(pages) == numbers
    assert all(len(document.lines["OrderLine"]) == 2 for page in pages for document in page.documents)
    assert [page.cursor is None for page in pages] == [False] * (len(pages) - 1) + [True]


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_reading_goes_on_behind_any_cursor_in_another_process(office: Office, world: Ends, size: int) -> None:
    """Numbers with every sign that breaks key URLs, and rows that share a number, and rows without one."""
    numbers = ["A-1", "O'Hara", "a&b", "a+b", "b/c", "c%d", "d?e", "é1", "E2", "同じ", "z😀"]
    office.service.people.delete("account", office.ids["A-1"])
    for number in numbers:
        office.add("account", name=number, accountnumber=number)
    twins = {office.add("account", name="twin", accountnumber="O'Hara") for _ in range(3)}
    blanks = [office.add("account", name="blank") for _ in range(3)]
    for blank in blanks:
        office.service.people.update("account", blank, {"accountnumber": None})

    whole = await all_pages(world, ACCOUNTS, size)
    assert sorted(keys(whole)) == sorted([*numbers, *["O'Hara"] * 3, "", "", ""])
    seams = [page.cursor for page in whole[:-1]]
    for index, cursor in enumerate(seams):
        async with ends(sales=office.service) as another:
            rest = [page async for page in another.sales.pages(ACCOUNTS, USMF, page_size=size, cursor=cursor)]
        expected = {one.source_id for page in whole[index + 1 :] for one in page.documents}
        got = [one.source_id for page in rest for one in page.documents]
        assert expected <= set(got)
        assert len(got) == len(set(got))
    groups = [{one.source_id for one in page.documents} & twins for page in whole]
    assert sorted(len(group) for group in groups)[-1] == 3


async def test_rows_that_come_while_reading_are_not_lost_to_the_cursor(office: Office, world: Ends) -> None:
    for number in ("B", "D"):
        office.order(number)
    first = await anext(world.sales.pages(ORDERS, USMF, page_size=1))
    office.order("A")
    office.order("C")
    rest = [page async for page in world.sales.pages(ORDERS, USMF, page_size=1, cursor=first.cursor)]
    assert keys([first]) == ["B"]
    assert keys(rest) == ["C", "D"]


async def test_revisions_of_a_quote_are_on_one_page_latest_first(office: Office, world: Ends) -> None:
    def quote(number: str) -> str:
        customer = ("account", office.ids["A-1"])
        return office.add(
            "quote", quotenumber=number, name=number, customerid=customer, pricelevelid=office.ids["Standard"]
        )

    quote("Q-0")
    revised = quote("Q-1")
    for _ in range(3):
        office.service.people.activate_quote(revised)
        revised = office.service.people.revise_quote(revised)
    quote("Q-2")

    pages = await all_pages(world, QUOTES, 2)

    assert keys(pages) == ["Q-0", "Q-1", "Q-1", "Q-1", "Q-1", "Q-2"]
    (page,) = (page for page in pages if any(one.key == "Q-1" for one in page.documents))
    versions = [one.header["revisionnumber"] for one in page.documents if one.key == "Q-1"]
    assert versions == [3, 2, 1, 0]
    fresh = await world.sales.documents(QUOTES, USMF, ["q-1"])
    assert {one.header["revisionnumber"] for one in fresh} == {0, 1, 2, 3}


async def test_an_empty_table_is_one_empty_page(world: Ends) -> None:
    (page,) = await all_pages(world, ORDERS, 10)
    assert not page.documents
    assert page.cursor is None


async def test_a_source_filter_goes_to_the_service_with_all_the_rest(office: Office, world: Ends) -> None:
    for number in ("1", "2", "3"):
        office.order(number, lines=2)
    header, (line,) = ORDERS.header, ORDERS.lines
    read = DocumentRead(
        TableRead(**{**fields(header), "filter": "name eq 'Order 1' or name eq 'Order 3'"}),
        (TableRead(**{**fields(line), "filter": "sequencenumber gt 1"}),),
    )

    pages = await all_pages(world, read, 1)

    assert keys(pages) == ["1", "3"]
    assert [len(one.lines["OrderLine"]) for page in pages for one in page.documents] == [1, 1]
    assert [one.key for one in await world.sales.documents(read, USMF, ["1", "2"])] == ["1"]


def fields(read: TableRead) -> dict[str, object]:
    return {name: getattr(read, name) for name in TableRead.__slots__}


async def test_rows_belong_to_the_legal_entity_of_their_business_unit(office: Office, world: Ends) -> None:
    for name in ("east", "west", "none"):
        office.add("businessunit", name, name=name)
        office.add("team", f"team {name}", name=f"team {name}", businessunitid=office.ids[name], teamtype=0)
        office.add("account", name=name, accountnumber=name, ownerid=("team", office.ids[f"team {name}"]))
    east, west = office.ids["east"], office.ids["west"]
    master = LegalEntity("usmf", (east,), others=(west,))
    other = LegalEntity("demf", (west.upper(),), others=())

    mine = await all_pages(world, ACCOUNTS, 10, master)
    theirs = await all_pages(world, ACCOUNTS, 10, other)

    assert {(one.key, one.legal_entity) for page in mine for one in page.documents} == {
        ("east", "usmf"),
        ("none", ""),
        ("A-1", ""),
    }
    assert [(one.key, one.legal_entity) for page in theirs for one in page.documents] == [("west", "demf")]
    assert [one.key for one in await world.sales.documents(ACCOUNTS, other, ["east", "west"])] == ["west"]


async def test_documents_are_read_by_number_whatever_signs_it_has(office: Office, world: Ends) -> None:
    numbers = ["O'Hara & Søn", 'a"b', "50%", "x,y", "[z]", "q?&=+#/\\", "😀"]
    for number in numbers:
        office.add("account", name=number, accountnumber=number)
    found = await world.sales.documents(ACCOUNTS, USMF, [*numbers, "not there"])
    assert sorted(one.key for one in found) == sorted(numbers)


async def test_many_numbers_are_asked_for_in_addresses_that_the_service_takes(office: Office, world: Ends) -> None:
    with office.service.bulk():
        for number in range(1500):
            office.order(f"SO-{number:030}", lines=1)
    wanted = [f"SO-{number:030}" for number in range(1500)]
    found = await world.sales.documents(ORDERS, USMF, wanted)
    assert len(found) == 1500
    assert all(len(one.lines["OrderLine"]) == 1 for one in found)
    longest = max(len(one.url.raw_path) for one in world.sales_log.requests)
    assert 15_000 < longest < 32_000


async def test_more_lookups_than_one_request_may_expand_are_read_all_the_same(office: Office, world: Ends) -> None:
    table = sales_table("account")
    known = {"systemuser": "fullname", "account": "name", "contact": "fullname", "team": "name"}
    lookups = [
        f"{column.name}.{known[column.targets[0]]}"
        for column in table.columns.values()
        if len(column.targets) == 1 and column.targets[0] in known and column.read
    ]
    contacts = ["primarycontactid.parentcustomerid.Account(name)", "parentaccountid.parentaccountid.name"]
    own = [f"parentaccountid.{name}" for name in lookups]
    parent = office.ids["A-1"]
    person = office.add("contact", lastname="Ng", parentcustomerid=("account", parent))
    office.add("account", name="Child", accountnumber="C", parentaccountid=parent, primarycontactid=person)
    paths = (*lookups, *own, *contacts)
    assert len(paths) > 15
    read = DocumentRead(TableRead("Account", "accounts", ("accountnumber",), paths))

    documents = {one.key: one.header for one in await world.sales.documents(read, USMF, ["C", "A-1"])}

    assert documents["C"]["primarycontactid.parentcustomerid.Account(name)"] == "Adventure Works"
    assert documents["C"]["parentaccountid.name"] == "Adventure Works"
    assert documents["C"]["createdby.fullname"] == documents["A-1"]["createdby.fullname"] == "Alex Sales"
    assert documents["C"]["parentaccountid.createdby.fullname"] == "Alex Sales"
    expands = [url for url in world.sales_log.urls("$expand") if "accounts?" in url]
    assert len(expands) > 1


async def test_a_damaged_cursor_is_told_from_none(world: Ends) -> None:
    for damaged in ("", "x", "[]", '{"skip": 1}'):
        with pytest.raises(StateError, match="cursor"):
            await anext(world.sales.pages(ORDERS, USMF, page_size=1, cursor=damaged))


async def test_a_wrong_link_or_key_is_a_mistake_of_the_template(world: Ends) -> None:
    line = TableRead("L", "salesorderdetails", ("sequencenumber",), (), (("sequencenumber", "ordernumber"),))
    with pytest.raises(ConfigError, match="names no lookup"):
        await anext(world.sales.pages(DocumentRead(ORDERS.header, (line,)), USMF, page_size=1))
    by_lookup = TableRead("H", "salesorders", ("quoteid.quotenumber",), ())
    with pytest.raises(ConfigError, match="column of its own"):
        await anext(world.sales.pages(DocumentRead(by_lookup), USMF, page_size=1))


async def test_the_reader_asks_politely(office: Office, world: Ends) -> None:
    office.order("SO-1", lines=1)
    await all_pages(world, ORDERS, 50)
    headers = next(one for one in world.sales_log.requests if one.url.path.endswith("/salesorders"))
    lines = world.sales_log.urls("salesorderdetails?")[0]
    assert headers.headers["prefer"] == "odata.maxpagesize=50"
    assert headers.headers["if-none-match"] == "null"
    assert "$orderby=ordernumber,salesorderid" in world.sales_log.urls("salesorders?")[0]
    assert "Microsoft.Dynamics.CRM.In(PropertyName=@p1,PropertyValues=@p2)" in lines
    assert "@p1='salesorderid'" in lines
    # The number of the order is at hand; nobody needs to follow the line's lookup to it.
    assert "salesorderid(" not in lines
