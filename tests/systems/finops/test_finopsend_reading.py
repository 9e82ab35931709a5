"""Finance and Operations as a source, against the local server."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from p2c.documents import DocumentRead, LegalEntity, Page, TableRead
from p2c.errors import ConfigError, StateError
from p2c.systems.finops import queries
from tests.systems.ends_support import USMF, Ends, ends
from tests.systems.finops.conftest import Works

ORDERS = DocumentRead(
    TableRead(
        "OrderHeader",
        "CDSSalesOrderHeaders",
        ("SalesOrderNumber",),
        ("SalesOrderName", "SalesOrderProcessingStatus", "OrderTotalAmount", "ConfirmedShippingDate"),
    ),
    (
        TableRead(
            "OrderLine",
            "CDSSalesOrderLines",
            ("SalesOrderNumber", "LineCreationSequenceNumber"),
            ("OrderedSalesQuantity", "ProductNumber"),
            (("SalesOrderNumber", "SalesOrderNumber"),),
        ),
    ),
)
INVOICES = DocumentRead(
    TableRead(
        "InvoiceHeader",
        "ExternallyMaintainedCustomerSalesInvoiceHeaders",
        ("InvoiceNumber", "InvoiceDate", "LedgerVoucher"),
        ("TotalInvoiceAmount",),
    ),
    (
        TableRead(
            "InvoiceLine",
            "ExternallyMaintainedCustomerSalesInvoiceLines",
            ("LineCreationSequenceNumber",),
            ("InvoicedQuantity",),
            (
                ("InvoiceNumber", "InvoiceNumber"),
                ("InvoiceDate", "InvoiceDate"),
                ("LedgerVoucher", "LedgerVoucher"),
            ),
        ),
    ),
)
PRODUCTS = DocumentRead(TableRead("Product", "SellableReleasedProducts", ("ProductNumber",), ("SalesPrice",)))


async def all_pages(
    world: Ends, read: DocumentRead, size: int, entity: LegalEntity = USMF, cursor: str | None = None
) -> list[Page]:
    return [page async for page in world.finops.pages(read, entity, page_size=size, cursor=cursor)]


def keys(pages: list[Page]) -> list[str]:
    return [document.key for page in pages for document in page.documents]


def fields(read: TableRead) -> dict[str, Any]:
    return {name: getattr(read, name) for name in TableRead.__slots__}


@pytest.fixture(params=["by key", "by position"])
def either(works: Works, request: pytest.FixtureRequest) -> Works:
    """A service that compares text in filters, and one that does not."""
    works.service.options.text_order = request.param == "by key"
    return works


async def test_a_document_is_a_header_with_its_lines_in_flat_rows(works: Works, world: Ends) -> None:
    works.order("SO-1", lines=2, SalesOrderName="First")
    works.order("SO-1", lines=1, company="demf")

    (page,) = await all_pages(world, ORDERS, 10)

    (document,) = page.documents
    assert (document.key, document.source_id, document.legal_entity) == ("SO-1", "SO-1", "usmf")
    assert document.etag
    header = document.header
    assert header["SalesOrderName"] == "First"
    assert header["SalesOrderProcessingStatus"] == "Active"
    assert isinstance(header["OrderTotalAmount"], Decimal)
    assert header["ConfirmedShippingDate"] == "1900-01-01T12:00:00Z"
    assert [line["LineCreationSequenceNumber"] for line in document.lines["OrderLine"]] == [1, 2]
    assert [line["OrderedSalesQuantity"] for line in document.lines["OrderLine"]] == [Decimal(1), Decimal(2)]
    assert page.cursor is None
    assert not page.orphans


@pytest.mark.parametrize("size", [1, 2, 3, 100])
async def test_pages_give_every_document_once(either: Works, world: Ends, size: int) -> None:
    numbers = [f"SO-{number:02}" for number in range(7)]
    for number in reversed(numbers):
        either.order(number, lines=3)

    pages = await all_pages(world, ORDERS, size)

    assert keys(pages) == numbers
    assert all(len(document.lines["OrderLine"]) == 3 for page in pages for document in page.documents)
    assert [page.cursor is None for page in pages] == [False] * (len(pages) - 1) + [True]
    assert not [one for page in pages for one in page.orphans]


@pytest.mark.parametrize("size", [1, 2, 4])
async def test_reading_goes_on_behind_any_cursor_in_another_process(either: Works, world: Ends, size: int) -> None:
    numbers = ["A&1", "B+2", "C/3", "O'Hara", "Z%", "ÄÖÜ", "ß", "注文"]
    for number in numbers:
        either.order(number, lines=2)
    whole = await all_pages(world, ORDERS, size)
    assert sorted(keys(whole)) == sorted(numbers)
    for index, page in enumerate(whole[:-1]):
        async with ends(finops=either.service) as another:
            rest = await all_pages(another, ORDERS, size, cursor=page.cursor)
        assert keys(rest) == keys(whole[index + 1 :])
        assert all(len(document.lines["OrderLine"]) == 2 for one in rest for document in one.documents)


async def test_a_cursor_by_key_is_good_even_if_the_service_stops_comparing(works: Works, world: Ends) -> None:
    for number in ("A", "B", "C"):
        works.order(number)
    first = await anext(world.finops.pages(ORDERS, USMF, page_size=1))
    works.service.options.text_order = False
    assert keys(await all_pages(world, ORDERS, 2, cursor=first.cursor)) == ["B", "C"]


async def test_rows_that_come_and_go_while_reading_move_no_others(works: Works, world: Ends) -> None:
    for number in ("B", "D", "F"):
        works.order(number)
    pages = world.finops.pages(ORDERS, USMF, page_size=1)
    first = await anext(pages)
    works.order("A")
    works.order("E")
    rest = [page async for page in pages]
    assert keys([first]) == ["B"]
    assert keys(rest)[-1] == "F"
    assert {"D", "F"} <= set(keys(rest))


@pytest.mark.parametrize("size", [1, 2, 10])
async def test_the_service_s_own_pages_do_not_matter(either: Works, world: Ends, size: int) -> None:
    either.service.options.page_size = 3
    for number in range(5):
        either.order(f"SO-{number}", lines=4)
    pages = await all_pages(world, ORDERS, size)
    assert keys(pages) == [f"SO-{number}" for number in range(5)]
    assert all(len(document.lines["OrderLine"]) == 4 for page in pages for document in page.documents)


@pytest.mark.parametrize("size", [1, 2, 3, 10])
async def test_lines_without_a_header_are_orphans_on_one_page(either: Works, world: Ends, size: int) -> None:
    for number in ("B", "D", "F"):
        either.order(number, lines=2)
    for number in ("A", "C", "G"):
        either.order(number, lines=1)
    for number in ("A", "C", "G"):
        books = either.service.books
        with either.service.lock:
            (header,) = books.rows("SalesTable", dataAreaId="usmf", SalesOrderNumber=number)
            books.store.delete("SalesTable", ("usmf", header["SalesOrderNumber"]))
    pages = await all_pages(world, ORDERS, size)
    assert keys(pages) == ["B", "D", "F"]
    orphans = [one for page in pages for one in page.orphans]
    if either.service.options.text_order:
        assert sorted(orphans) == [("OrderLine", "1", "A"), ("OrderLine", "1", "C"), ("OrderLine", "1", "G")]
    else:
        # Lines are asked for by the numbers of headers then: others are not seen.
        assert set(orphans) <= {("OrderLine", "1", name) for name in "ACG"}


async def test_behind_a_source_filter_lines_of_other_headers_are_no_orphans(either: Works, world: Ends) -> None:
    for number in ("A", "B", "C", "D"):
        either.order(number, lines=2, SalesOrderName="yes" if number in "BD" else "no")
    header, (line,) = ORDERS.header, ORDERS.lines
    read = DocumentRead(
        TableRead(**{**fields(header), "filter": "SalesOrderName eq 'yes' or SalesOrderName eq 'maybe'"}),
        (TableRead(**{**fields(line), "filter": "LineCreationSequenceNumber ge 2"}),),
    )
    for size in (1, 10):
        pages = await all_pages(world, read, size)
        assert keys(pages) == ["B", "D"]
        assert [len(one.lines["OrderLine"]) for page in pages for one in page.documents] == [1, 1]
        assert not [one for page in pages for one in page.orphans]
    assert [one.key for one in await world.finops.documents(read, USMF, ["A", "B"])] == ["B"]


@pytest.mark.parametrize("size", [1, 2, 10])
async def test_invoices_are_known_by_their_whole_key(either: Works, world: Ends, size: int) -> None:
    for number in range(4):
        either.order(f"SO-{number}", lines=2)
        either.service.confirm(f"SO-{number}")
        either.service.invoice(f"SO-{number}")
    with either.service.lock:
        # The same number once more, under another voucher.
        books = either.service.books
        journal = books.rows("CustInvoiceJour", dataAreaId="usmf")[0]
        books.add("CustInvoiceJour", {**journal, "LedgerVoucher": "ZZZ-1"})

    pages = await all_pages(world, INVOICES, size)

    documents = [one for page in pages for one in page.documents]
    assert len(documents) == 5
    assert len(set(keys(pages))) == 5
    for one in documents:
        assert one.key == "|".join(str(one.header[name]) for name in INVOICES.header.key)
        assert len(one.lines["InvoiceLine"]) == (0 if "ZZZ-1" in one.key else 2)
    twins = [page for page in pages if any("ZZZ-1" in one.key for one in page.documents)]
    assert len(twins) == 1
    again = await world.finops.documents(INVOICES, USMF, [one.key for one in documents[:2]])
    assert sorted(one.key for one in again) == sorted(one.key for one in documents[:2])


async def test_documents_are_read_fresh_by_number(either: Works, world: Ends) -> None:
    numbers = [f"O'SO-{number:03}" for number in range(45)]
    for number in numbers:
        either.order(number, lines=2)
    found = await world.finops.documents(ORDERS, USMF, [*numbers[:43], "nothere", "o'so-044"])
    assert sorted(one.key for one in found) == [*numbers[:43], numbers[44]]
    assert all(len(one.lines["OrderLine"]) == 2 for one in found)


async def test_every_request_is_across_companies_and_of_one_company(works: Works, world: Ends) -> None:
    works.order("SO-1", company="demf")
    demf = LegalEntity("DEMF")
    assert keys(await all_pages(world, ORDERS, 10, demf)) == ["SO-1"]
    assert [one.key for one in await world.finops.documents(ORDERS, demf, ["SO-1"])] == ["SO-1"]
    for url in world.finops_log.urls():
        assert "cross-company=true" in url
        assert "dataAreaId eq 'demf'" in url


async def test_pages_are_asked_for_by_key(works: Works, world: Ends) -> None:
    for number in ("A", "B'", "C"):
        works.order(number)
    await all_pages(world, ORDERS, 2)
    headers = world.finops_log.urls("CDSSalesOrderHeaders")
    lines = world.finops_log.urls("CDSSalesOrderLines")
    assert "$orderby=SalesOrderNumber&$top=2" in headers[0]
    assert "SalesOrderNumber gt 'B'''" in headers[1]
    assert "SalesOrderNumber le 'B'''" in lines[0]
    assert "SalesOrderNumber gt 'B'''" in lines[1]
    assert "$orderby=SalesOrderNumber,LineCreationSequenceNumber" in lines[0]


async def test_that_a_service_refuses_ranges_is_found_out_once(works: Works, world: Ends) -> None:
    works.service.options.text_order = False
    for number in range(6):
        works.order(f"SO-{number}")
    for _ in range(2):
        assert len(keys(await all_pages(world, ORDERS, 2))) == 6
        assert 1 <= len(world.finops_log.urls("SalesOrderNumber gt")) + len(world.finops_log.urls("Number le")) <= 2


async def test_a_chain_that_is_too_long_for_the_service_is_halved(works: Works, world: Ends) -> None:
    works.service.options.max_url_length = 700
    numbers = [f"SO-{number:03}" for number in range(30)]
    for number in numbers:
        works.order(number)
    found = await world.finops.documents(ORDERS, USMF, numbers)
    assert sorted(one.key for one in found) == numbers


async def test_chains_are_short(works: Works, world: Ends) -> None:
    wanted = [f"{'X' * 150}{number}" for number in range(50)] + [str(number) for number in range(50)]
    assert await world.finops.documents(PRODUCTS, USMF, wanted) == []
    chains = [url.count("ProductNumber eq") for url in world.finops_log.urls()]
    assert sum(chains) == 100
    assert max(chains) == queries.CHAIN_KEYS
    assert max(len(url) for url in world.finops_log.urls()) < queries.CHAIN_LENGTH + 300


async def test_an_empty_entity_is_one_empty_page(either: Works, world: Ends) -> None:
    (page,) = await all_pages(world, ORDERS, 10)
    assert not page.documents
    assert page.cursor is None


async def test_a_wrong_filter_is_told_as_what_it_is(either: Works, world: Ends) -> None:
    read = DocumentRead(TableRead(**{**fields(ORDERS.header), "filter": "NoSuchField eq 'x'"}))
    with pytest.raises(ConfigError, match="NoSuchField"):
        await all_pages(world, read, 1)


async def test_mistakes_of_the_template(world: Ends) -> None:
    for damaged in ("", "x", "[]", '{"from": 1}'):
        with pytest.raises(StateError, match="cursor"):
            await all_pages(world, ORDERS, 1, cursor=damaged)
    follows = DocumentRead(TableRead("H", "CDSSalesOrderHeaders", ("SalesOrderNumber",), ("customer.name",)))
    with pytest.raises(ConfigError, match="follows a lookup"):
        await all_pages(world, follows, 1)
    unlinked = TableRead("L", "CDSSalesOrderLines", (), (), (("ProductNumber", "ProductNumber"),))
    with pytest.raises(ConfigError, match="does not name SalesOrderNumber"):
        await all_pages(world, DocumentRead(ORDERS.header, (unlinked,)), 1)
    with pytest.raises(ConfigError, match="key of its own"):
        await all_pages(world, DocumentRead(TableRead("H", "CDSSalesOrderHeaders", ("dataAreaId",), ())), 1)
