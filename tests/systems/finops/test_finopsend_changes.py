"""What changed in Finance and Operations, against the local server: a scan of keys and ETags."""

from __future__ import annotations

from dataclasses import replace

import pytest

from p2c.documents import DocumentRead, LegalEntity, Page
from p2c.errors import ExpiredToken
from p2c.systems.ends import TooManyChanges
from p2c.systems.finops import FinOpsEnd
from tests.systems.ends_support import USMF, Ends
from tests.systems.finops.conftest import Works
from tests.systems.finops.test_finopsend_reading import ORDERS, PRODUCTS
from tests.systems.remembering import Memory, deleted, documents

DECIDED = replace(
    ORDERS,
    header=replace(ORDERS.header, paths=(*ORDERS.header.paths, "AreTotalsUpdated"), watch=("AreTotalsUpdated",)),
)


class Watch:
    """One who reads everything once, then what changed each time."""

    def __init__(self, world: Ends, read: DocumentRead = ORDERS, entity: LegalEntity = USMF) -> None:
        self.world, self.read, self.entity = world, read, entity
        self.tokens: dict[str, str] = {}
        self.memory = Memory()

    async def begin(self) -> None:
        self.tokens = await self.world.finops.mark(self.read, self.entity)
        async for page in self.world.finops.pages(self.read, self.entity, page_size=2):
            self.memory.settle(page)

    async def changes(self, size: int = 100) -> list[Page]:
        end = self.world.finops
        found = [one async for one in end.changes(self.read, self.entity, self.tokens, self.memory, page_size=size)]
        pages = [await end.whole(self.read, self.entity, one) for one in found]
        self.tokens = dict(found[-1].tokens)
        for page in pages:
            self.memory.settle(page)
        return pages


@pytest.fixture
async def orders(works: Works, world: Ends) -> Watch:
    for number in range(1, 6):
        works.order(f"SO-{number}", lines=2)
    watch = Watch(world)
    await watch.begin()
    return watch


async def test_nothing_changed_costs_two_small_requests(orders: Watch) -> None:
    before = len(orders.world.finops_log.requests)
    pages = await orders.changes()
    assert documents(pages) == deleted(pages) == []
    scans = orders.world.finops_log.urls()[before:]
    assert len(scans) == 2
    assert "$select=SalesOrderNumber,dataAreaId" in scans[0]
    assert "OrderedSalesQuantity" not in scans[1]


async def test_a_changed_header_comes_with_its_lines(works: Works, orders: Watch) -> None:
    key = {"dataAreaId": "usmf", "SalesOrderNumber": "SO-2"}
    works.service.update("CDSSalesOrderHeaders", key, {"SalesOrderName": "Renamed"})
    pages = await orders.changes()
    assert documents(pages) == ["SO-2"]
    (document,) = pages[0].documents
    assert (document.header["SalesOrderName"], len(document.lines["OrderLine"])) == ("Renamed", 2)
    assert documents(await orders.changes()) == []


async def test_a_line_whose_header_keeps_its_etag_is_noticed(works: Works, orders: Watch) -> None:
    line = works.service.books.rows("SalesLine", SalesOrderNumber="SO-4")[0]
    header = works.service.books.rows("SalesTable", SalesOrderNumber="SO-4")[0]
    works.service.books.change("SalesLine", line, {"OrderedSalesQuantity": 9})
    assert works.service.books.rows("SalesTable", SalesOrderNumber="SO-4")[0] == header
    assert documents(await orders.changes()) == ["SO-4"]


async def test_new_documents_and_new_and_removed_lines_are_noticed(works: Works, orders: Watch) -> None:
    works.order("SO-9", lines=1)
    line = works.service.books.rows("SalesLine", SalesOrderNumber="SO-1")[0]
    works.service.books.remove("SalesLine", line)
    pages = await orders.changes()
    assert documents(pages) == ["SO-1", "SO-9"]
    assert [len(one.lines["OrderLine"]) for one in pages[0].documents] == [1, 1]
    assert deleted(pages) == []


async def test_what_is_gone_is_asked_for_before_it_is_called_deleted(works: Works, orders: Watch) -> None:
    for line in works.service.books.rows("SalesLine", SalesOrderNumber="SO-3"):
        works.service.books.remove("SalesLine", line)
    works.service.books.remove("SalesTable", works.service.books.rows("SalesTable", SalesOrderNumber="SO-3")[0])
    before = len(orders.world.finops_log.requests)
    pages = await orders.changes()
    assert documents(pages) == []
    assert deleted(pages) == ["SO-3"]
    assert "SalesOrderNumber eq 'SO-3'" in orders.world.finops_log.urls()[before:][-1]


async def test_who_leaves_a_filter_is_not_deleted(works: Works, world: Ends) -> None:
    works.order("SO-1", SalesOrderName="Wanted")
    works.order("SO-2", SalesOrderName="Wanted")
    watch = Watch(world, replace(ORDERS, header=replace(ORDERS.header, filter="SalesOrderName eq 'Wanted'")))
    await watch.begin()
    key = {"dataAreaId": "usmf", "SalesOrderNumber": "SO-2"}
    works.service.update("CDSSalesOrderHeaders", key, {"SalesOrderName": "Other"})
    pages = await watch.changes()
    assert documents(pages) == deleted(pages) == []


async def test_totals_that_are_calculated_move_no_etag_and_are_noticed_by_the_rule(works: Works, world: Ends) -> None:
    works.order("SO-1")
    works.service.confirm("SO-1")
    blind, seeing = Watch(world), Watch(world, DECIDED)
    await blind.begin()
    await seeing.begin()
    works.service.calculate_totals()
    assert documents(await blind.changes()) == []
    assert documents(await seeing.changes()) == ["SO-1"]
    assert documents(await seeing.changes()) == []


async def test_other_legal_entities_do_not_show(works: Works, world: Ends) -> None:
    works.order("SO-1")
    works.order("SO-1", company="demf")
    ours, theirs = Watch(world), Watch(world, entity=LegalEntity("demf"))
    await ours.begin()
    await theirs.begin()
    works.service.confirm("SO-1", "demf")
    assert documents(await ours.changes()) == []
    assert documents(await theirs.changes()) == ["SO-1"]


async def test_changes_come_in_pages(works: Works, orders: Watch) -> None:
    for number in range(10, 17):
        works.order(f"SO-{number}")
    pages = await orders.changes(size=3)
    assert [len(page.documents) for page in pages] == [3, 3, 1, 0]


async def test_a_document_whose_etag_is_not_remembered_comes_again(orders: Watch) -> None:
    orders.memory.known["SO-2"] = replace(orders.memory.known["SO-2"], etag="")
    assert documents(await orders.changes()) == ["SO-2"]


async def test_entities_without_lines(works: Works, world: Ends) -> None:
    watch = Watch(world, PRODUCTS)
    await watch.begin()
    works.service.change_product("P-1", SalesPrice=12)
    assert documents(await watch.changes()) == ["P-1"]


async def test_tokens_of_something_else_are_refused(orders: Watch) -> None:
    orders.tokens = {"CDSSalesOrderHeaders": "export 7"}
    with pytest.raises(ExpiredToken):
        await orders.changes()


async def test_too_many_changes_are_for_a_full_read(works: Works, orders: Watch) -> None:
    orders.world.finops = FinOpsEnd(orders.world.finops.client, most_changes=1)
    works.order("SO-8")
    works.order("SO-9")
    with pytest.raises(TooManyChanges):
        await orders.changes()


async def test_too_many_that_are_gone_are_for_a_full_read(works: Works, orders: Watch) -> None:
    orders.world.finops = FinOpsEnd(orders.world.finops.client, most_changes=1)
    for number in range(1, 6):
        for line in works.service.books.rows("SalesLine", SalesOrderNumber=f"SO-{number}"):
            works.service.books.remove("SalesLine", line)
        works.service.books.remove(
            "SalesTable", works.service.books.rows("SalesTable", SalesOrderNumber=f"SO-{number}")[0]
        )
    with pytest.raises(TooManyChanges):
        await orders.changes()
