"""What changed in Sales, against the local server: change tracking, times of modification, whole documents."""

from __future__ import annotations

import httpx
import pytest

from p2c.documents import DocumentRead, LegalEntity, Page, TableRead
from p2c.errors import ExpiredToken, Transient
from p2c.systems.ends import TooManyChanges
from p2c.systems.sales import SalesEnd
from sandbox.sales.options import SalesOptions
from sandbox.sales.service import SalesService
from tests.systems.ends_support import USMF, Ends, ends
from tests.systems.remembering import Memory, deleted, documents
from tests.systems.sales.conftest import Office
from tests.systems.sales.test_salesend_reading import ACCOUNTS, ORDERS, QUOTES

QUOTES_WITH_LINES = DocumentRead(
    QUOTES.header,
    (
        TableRead(
            "QuoteLine", "quotedetails", ("sequencenumber",), ("sequencenumber", "quantity"), (("quoteid", "quoteid"),)
        ),
    ),
    version="revisionnumber",
)


class Watch:
    """One who reads everything once, then what changed each time."""

    def __init__(self, world: Ends, read: DocumentRead, entity: LegalEntity = USMF) -> None:
        self.world, self.read, self.entity = world, read, entity
        self.tokens: dict[str, str] = {}
        self.memory = Memory()

    async def begin(self) -> None:
        self.tokens = await self.world.sales.mark(self.read, self.entity)
        async for page in self.world.sales.pages(self.read, self.entity, page_size=100):
            self.memory.settle(page)

    async def changes(self, size: int = 100) -> list[Page]:
        end = self.world.sales
        found = [one async for one in end.changes(self.read, self.entity, self.tokens, self.memory, page_size=size)]
        pages = [await end.whole(self.read, self.entity, one) for one in found]
        assert [bool(one.tokens) for one in found] == [False] * (len(found) - 1) + [True]
        self.tokens = dict(found[-1].tokens)
        for page in pages:
            self.memory.settle(page)
        return pages


@pytest.fixture
async def orders(office: Office, world: Ends) -> Watch:
    for number in ("SO-1", "SO-2", "SO-3"):
        office.order(number, lines=2)
    watch = Watch(world, ORDERS)
    await watch.begin()
    return watch


async def test_nothing_changed_costs_a_request_per_table(orders: Watch) -> None:
    before = len(orders.world.sales_log.requests)
    pages = await orders.changes()
    assert documents(pages) == deleted(pages) == []
    assert len(orders.world.sales_log.requests) == before + 2


async def test_the_feed_is_asked_as_change_tracking_takes_it(orders: Watch) -> None:
    await orders.changes()
    tracked = [one for one in orders.world.sales_log.requests if "track-changes" in one.headers.get("prefer", "")]
    assert len(tracked) == 4
    for one in tracked:
        assert one.headers["prefer"] == "odata.track-changes,odata.maxpagesize=5000"
        assert not {"%24filter", "%24orderby", "%24expand", "%24top"} & set(str(one.url).replace("$", "%24").split("="))
    assert "$select=salesorderdetailid,_salesorderid_value" in " ".join(orders.world.sales_log.urls())


async def test_a_changed_header_comes_with_all_its_lines(office: Office, orders: Watch) -> None:
    office.service.people.update("salesorder", office.ids["SO-2"], {"name": "Renamed"})
    (page, last) = await orders.changes()
    (document,) = page.documents
    assert (document.key, document.header["name"], len(document.lines["OrderLine"])) == ("SO-2", "Renamed", 2)
    assert last.documents == []
    assert documents(await orders.changes()) == []


async def test_a_changed_line_brings_its_document_once(office: Office, orders: Watch) -> None:
    for row in office.service.rows("salesorderdetail", salesorderid=office.ids["SO-3"]):
        office.service.people.update("salesorderdetail", str(row["salesorderdetailid"]), {"quantity": 7})
    pages = await orders.changes()
    assert documents(pages) == ["SO-3"]
    assert [line["quantity"] for line in pages[0].documents[0].lines["OrderLine"]] == [7, 7]


async def test_a_removed_line_brings_its_document_without_it(office: Office, orders: Watch) -> None:
    line = office.service.rows("salesorderdetail", salesorderid=office.ids["SO-1"], sequencenumber=1)[0]
    office.service.people.delete("salesorderdetail", str(line["salesorderdetailid"]))
    pages = await orders.changes()
    assert documents(pages) == ["SO-1"]
    assert [one["sequencenumber"] for one in pages[0].documents[0].lines["OrderLine"]] == [2]
    assert deleted(pages) == []
    assert orders.memory.searched == [frozenset({str(line["salesorderdetailid"]).lower()})]


async def test_a_deleted_document_is_named_by_its_key(office: Office, orders: Watch) -> None:
    office.service.people.delete("salesorder", office.ids["SO-2"])
    pages = await orders.changes()
    assert documents(pages) == []
    (gone,) = [one for page in pages for one in page.deleted]
    assert (gone.key, gone.source_id) == ("SO-2", office.ids["SO-2"])
    assert deleted(await orders.changes()) == []


async def test_what_was_never_known_is_deleted_in_silence(office: Office, orders: Watch) -> None:
    office.service.people.delete("salesorder", office.order("SO-9"))
    pages = await orders.changes()
    assert documents(pages) == deleted(pages) == []


async def test_a_number_that_was_deleted_and_entered_anew_is_a_change(office: Office, orders: Watch) -> None:
    office.service.people.delete("salesorder", office.ids["SO-2"])
    office.order("SO-2", lines=1)
    pages = await orders.changes()
    assert documents(pages) == ["SO-2"]
    assert deleted(pages) == []


async def test_a_quote_that_is_activated_later_brings_lines_not_touched_since(office: Office, world: Ends) -> None:
    quote = office.add(
        "quote",
        quotenumber="Q-1",
        name="Quote",
        customerid=("account", office.ids["A-1"]),
        transactioncurrencyid=office.ids["USD"],
        pricelevelid=office.ids["Standard"],
    )
    given = {"productdescription": "Item", "isproductoverridden": True, "quantity": 1, "priceperunit": 5}
    for position in (1, 2):
        office.add("quotedetail", quoteid=quote, sequencenumber=position, **given)
    watch = Watch(world, QUOTES_WITH_LINES)
    await watch.begin()
    office.service.people.activate_quote(quote)
    pages = await watch.changes()
    assert documents(pages) == ["Q-1"]
    assert [one["sequencenumber"] for one in pages[0].documents[0].lines["QuoteLine"]] == [1, 2]
    # A revision has the same number: all rows of it come, side by side.
    office.service.people.revise_quote(quote)
    assert documents(await watch.changes()) == ["Q-1", "Q-1"]


async def test_rows_without_a_number_come_too(office: Office, world: Ends) -> None:
    watch = Watch(world, ACCOUNTS)
    await watch.begin()
    unnumbered = office.add("account", name="No number")
    office.service.people.update("account", unnumbered, {"accountnumber": None})
    (page, _) = await watch.changes()
    assert [(one.key, one.source_id) for one in page.documents] == [("", unnumbered)]


async def test_rows_of_other_legal_entities_are_left_out(office: Office, world: Ends) -> None:
    root = office.ids["root"]
    other = office.add("businessunit", name="Other", parentbusinessunitid=root)
    ours, theirs = LegalEntity("usmf", (root,)), LegalEntity("demf", (other,))
    mine, their = Watch(world, ACCOUNTS, ours), Watch(world, ACCOUNTS, theirs)
    await mine.begin()
    await their.begin()
    office.service.people.update("account", office.ids["A-1"], {"name": "Renamed"})
    before = len(world.sales_log.requests)
    assert documents(await their.changes()) == []
    assert len(world.sales_log.requests) == before + 1
    assert documents(await mine.changes()) == ["A-1"]


async def test_other_business_units_make_the_tokens_useless(office: Office, world: Ends) -> None:
    watch = Watch(world, ACCOUNTS, LegalEntity("usmf", (office.ids["root"],)))
    await watch.begin()
    watch.entity = USMF
    with pytest.raises(ExpiredToken, match="business units"):
        await watch.changes()


async def test_many_changes_come_in_pages(office: Office, world: Ends) -> None:
    watch = Watch(world, ACCOUNTS)
    await watch.begin()
    for number in range(25):
        office.add("account", name=f"n{number}", accountnumber=f"N-{number:02}")
    pages = await watch.changes(size=10)
    assert [len(page.documents) for page in pages] == [10, 10, 5, 0]
    assert documents(pages) == [f"N-{number:02}" for number in range(25)]


async def test_too_many_changes_are_for_a_full_read(office: Office, world: Ends) -> None:
    watch = Watch(world, ACCOUNTS)
    await watch.begin()
    for number in range(6):
        office.add("account", name=f"n{number}", accountnumber=f"N-{number}")
    world.sales = SalesEnd(world.sales.client, most_changes=5)
    with pytest.raises(TooManyChanges):
        await watch.changes()


# --- tokens --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 410])
async def test_an_expired_token_says_so(office: Office, orders: Watch, status: int) -> None:
    office.service.options.expired_token_status = status
    office.service.clock.advance(8 * 86_400)
    with pytest.raises(ExpiredToken, match=r"token of salesorder(detail)? has expired"):
        await orders.changes()


async def test_a_token_that_is_refused_is_as_good_as_expired(orders: Watch) -> None:
    orders.tokens["salesorder"] = orders.tokens["salesorder"].replace("deltatoken=", "deltatoken=x")
    with pytest.raises(ExpiredToken, match="does not take"):
        await orders.changes()


async def test_tokens_of_other_tables_are_not_enough(orders: Watch) -> None:
    del orders.tokens["salesorderdetail"]
    with pytest.raises(ExpiredToken):
        await orders.changes()


async def test_a_last_page_without_a_delta_link_is_a_failure() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if "EntityDefinitions" in str(request.url):
            return httpx.Response(200, json={"value": [{"LogicalName": "account", "ChangeTrackingEnabled": True}]})
        return httpx.Response(200, json={"value": []})

    async with ends(sales=answer) as world:
        with pytest.raises(Transient, match="without a delta link"):
            await world.sales.mark(ACCOUNTS, USMF)


async def test_the_delta_link_is_sent_back_as_it_came() -> None:
    link = (
        "http://localhost/api/data/v9.2/accounts?$select=accountid&$deltatoken=919042%2108%2f22%2f2017%2008%3a10%3a44"
    )
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(str(request.url.raw_path, "ascii"))
        return httpx.Response(200, json={"value": [], "@odata.deltaLink": link + "1"})

    async with ends(sales=answer) as world:
        watch = Watch(world, ACCOUNTS)
        watch.tokens = {"account": link, "business units": "own ; not "}
        await watch.changes()
    assert sent == [link.removeprefix("http://localhost")]
    assert watch.tokens["account"] == link + "1"


# --- tables that are not tracked -----------------------------------------------------------------------------------


async def test_a_table_that_is_not_tracked_is_read_by_time_of_modification() -> None:
    service = SalesService(options=SalesOptions(not_tracked=frozenset({"account"})))
    service.clock.advance(-86_400)  # so that the hours to come are past to whoever reads
    account = {"accountid": "00000000-0000-0000-0000-0000000000a1", "name": "One", "accountnumber": "A-1"}
    service.create("account", account)
    async with ends(sales=service) as world:
        watch = Watch(world, ACCOUNTS)
        await watch.begin()
        assert watch.tokens["account"].startswith("modifiedon 20")
        assert not [one for one in world.sales_log.requests if "track-changes" in one.headers.get("prefer", "")]
        # What changed shortly before the latest change comes again; what is older does not.
        assert documents(await watch.changes()) == ["A-1"]
        service.clock.advance(3600)
        service.create("account", {"accountid": "00000000-0000-0000-0000-0000000000a2", "accountnumber": "A-2"})
        assert documents(await watch.changes()) == ["A-1", "A-2"]
        service.clock.advance(3600)
        service.create("account", {"accountid": "00000000-0000-0000-0000-0000000000a3", "accountnumber": "A-3"})
        assert documents(await watch.changes()) == ["A-2", "A-3"]
        query = world.sales_log.urls("modifiedon ge")[-1]
        assert "$orderby=modifiedon,accountid" in query


async def test_lines_that_are_not_tracked_bring_their_headers() -> None:
    service = SalesService(options=SalesOptions(not_tracked=frozenset({"salesorderdetail"})))
    dollar = service.rows("transactioncurrency", isocurrencycode="USD")[0]["transactioncurrencyid"]
    desk = Office(service, {"USD": str(dollar)})
    desk.add("pricelevel", "Standard", name="Standard", transactioncurrencyid=desk.ids["USD"])
    desk.add("account", "A-1", name="Adventure Works", accountnumber="A-1", transactioncurrencyid=desk.ids["USD"])
    desk.order("SO-1", lines=1)
    async with ends(sales=service) as world:
        watch = Watch(world, ORDERS)
        await watch.begin()
        assert watch.tokens["salesorder"].startswith("http")
        service.clock.advance(3600)
        line = service.rows("salesorderdetail")[0]
        service.people.update("salesorderdetail", str(line["salesorderdetailid"]), {"quantity": 3})
        assert documents(await watch.changes()) == ["SO-1"]
