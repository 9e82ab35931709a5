"""Lookups of rows that go to Sales, against the local server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest

from p2c.documents import (
    DocumentChange,
    DocumentRead,
    LegalEntity,
    Missing,
    Reference,
    ResolvedRow,
    RowChange,
    TableRead,
    Value,
)
from p2c.errors import ConfigError, MissingRow
from p2c.systems.ends import Ambiguous
from p2c.systems.sales import SalesEnd
from sandbox.sales.options import SalesOptions
from sandbox.sales.service import SalesService
from tests.systems.ends_support import USMF, Ends, ends
from tests.systems.sales.conftest import Office

CUSTOMER = "customerid.Account(accountnumber).Contact(msdynce_contactnumber)"
BY_CURRENCY = "pricelevelid.transactioncurrencyid.isocurrencycode"


async def resolve(
    world: Ends, entity: str, row: dict[str, Value], legal_entity: LegalEntity | None = None
) -> ResolvedRow:
    (resolved,) = await world.sales.resolve(entity, [row], legal_entity)
    return resolved


async def test_a_whole_row_is_resolved_at_once(office: Office, world: Ends) -> None:
    resolved = await resolve(
        world,
        "salesorders",
        {
            "name": "Order",
            "description": None,
            CUSTOMER: "a-1",
            "transactioncurrencyid.isocurrencycode": "USD",
            "pricelevelid.name": "STANDARD",
            "quoteid.quotenumber": "",
        },
    )
    assert resolved.missing == ()
    assert resolved.values == {
        "name": "Order",
        "description": None,
        "customerid": Reference("customerid", "customerid_account", "accounts", office.ids["A-1"]),
        "transactioncurrencyid": Reference(
            "transactioncurrencyid", "transactioncurrencyid", "transactioncurrencies", office.ids["USD"]
        ),
        "pricelevelid": Reference("pricelevelid", "pricelevelid", "pricelevels", office.ids["Standard"]),
        "quoteid": None,
    }


async def test_a_customer_may_be_an_account_or_a_contact(office: Office, world: Ends) -> None:
    contact = office.add("contact", lastname="Ng", msdynce_contactnumber="CON-1")
    office.add("contact", lastname="Shadow", msdynce_contactnumber="A-1")
    rows: list[dict[str, Value]] = [{CUSTOMER: number} for number in ("A-1", "CON-1", "CON-2")]

    account, person, nobody = await world.sales.resolve("quotes", rows)

    assert account.values["customerid"] == Reference("customerid", "customerid_account", "accounts", office.ids["A-1"])
    assert person.values["customerid"] == Reference("customerid", "customerid_contact", "contacts", contact)
    assert nobody == ResolvedRow({}, (Missing(CUSTOMER, "CON-2", "account"),))


async def test_many_rows_cost_a_request_per_table_and_are_remembered(office: Office, world: Ends) -> None:
    with office.service.bulk():
        for number in range(300):
            office.add("account", name="x", accountnumber=f"N-{number}")
    rows: list[dict[str, Value]] = [
        {CUSTOMER: f"N-{number}", "transactioncurrencyid.isocurrencycode": "USD"} for number in range(300)
    ]
    first = await world.sales.resolve("salesorders", rows)
    requests = len(world.sales_log.requests)
    assert all(row.missing == () for row in first)
    # One for the accounts, one for the currency, and one for whether contacts have numbers here.
    assert requests == 3
    assert await world.sales.resolve("salesorders", rows) == first
    assert len(world.sales_log.requests) == requests


async def test_what_was_missing_is_found_as_soon_as_it_is_there(office: Office, world: Ends) -> None:
    row: dict[str, Value] = {CUSTOMER: "NEW"}
    assert (await resolve(world, "salesorders", row)).missing
    account = office.add("account", name="New", accountnumber="NEW")
    assert (await resolve(world, "salesorders", row)).values["customerid"] == Reference(
        "customerid", "customerid_account", "accounts", account
    )


async def test_what_is_remembered_is_bounded(office: Office) -> None:
    for number in range(20):
        office.add("account", name="x", accountnumber=f"N-{number}")
    async with ends(sales=office.service) as world:
        end = SalesEnd(world.sales.client, remembered_rows=5)
        rows: list[dict[str, Value]] = [{CUSTOMER: f"N-{number}"} for number in range(20)]
        assert all(not row.missing for row in await end.resolve("salesorders", rows))
        before = len(world.sales_log.requests)
        assert all(not row.missing for row in await end.resolve("salesorders", rows[-5:]))
        assert len(world.sales_log.requests) == before
        assert all(not row.missing for row in await end.resolve("salesorders", rows[:1]))
        assert len(world.sales_log.requests) == before + 1


async def test_a_row_that_was_deleted_is_forgotten_when_a_write_fails_for_it(office: Office, world: Ends) -> None:
    row: dict[str, Value] = {CUSTOMER: "A-1"}
    old = await resolve(world, "salesorders", row)
    office.service.people.delete("account", office.ids["A-1"])
    new = office.add("account", name="Again", accountnumber="A-1")
    change = RowChange("create", "salesorders", "0b0e8a3e-8c3a-4f0c-9d4e-3f6f0c1d2e3f", {"name": "x", **old.values})
    (error,) = await world.sales.write([DocumentChange("SO-1", (change,))])
    assert isinstance(error, MissingRow)
    fresh = (await resolve(world, "salesorders", row)).values["customerid"]
    assert isinstance(fresh, Reference)
    assert fresh.id == new


@dataclass
class Holding(httpx.AsyncBaseTransport):
    """Passes requests on, those that contain a text only once `go` is set; `held` tells that there is one."""

    inner: httpx.AsyncBaseTransport
    text: str
    held: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.text in str(request.url):
            self.held.set()
            await self.go.wait()
        return await self.inner.handle_async_request(request)


async def test_what_another_lane_read_before_a_refresh_does_not_come_back_after_it(office: Office, world: Ends) -> None:
    await resolve(world, "salesorders", {CUSTOMER: "A-1"})
    world.sales_log.inner = holding = Holding(world.sales_log.inner, "A-2")
    rows: list[dict[str, Value]] = [{CUSTOMER: "A-1"}, {CUSTOMER: "A-2"}]
    other = asyncio.ensure_future(world.sales.resolve("salesorders", rows))
    await holding.held.wait()
    world.sales.refresh()
    office.service.people.delete("account", office.ids["A-1"])
    holding.go.set()
    await other
    assert (await resolve(world, "salesorders", {CUSTOMER: "A-1"})).missing


# --- several rows of one number -------------------------------------------------------------------------------------


async def test_an_active_row_is_meant_rather_than_an_inactive_one(office: Office, world: Ends) -> None:
    second = office.add("account", name="Old", accountnumber="A-1")
    office.service.people.update("account", second, {"statecode": 1, "statuscode": 2})
    found = (await resolve(world, "salesorders", {CUSTOMER: "A-1"})).values["customerid"]
    assert isinstance(found, Reference)
    assert found.id == office.ids["A-1"]


async def test_the_row_of_the_own_business_unit_is_meant(office: Office, world: Ends) -> None:
    own = {}
    for name in ("east", "west"):
        office.add("businessunit", name, name=name)
        office.add("team", f"team {name}", name=f"team {name}", businessunitid=office.ids[name], teamtype=0)
        owner = ("team", office.ids[f"team {name}"])
        own[name] = office.add("account", name=name, accountnumber="SHARED", ownerid=owner)
    office.add("account", name="elsewhere", accountnumber="ALONE")
    east, west = office.ids["east"], office.ids["west"]

    for name, entity in (("east", LegalEntity("usmf", (east,), (west,))), ("west", LegalEntity("demf", (west,)))):
        found = (await resolve(world, "salesorders", {CUSTOMER: "SHARED"}, entity)).values["customerid"]
        assert isinstance(found, Reference)
        assert found.id == own[name]
        # A number that is there once is meant, when it belongs to no other legal entity.
        assert not (await resolve(world, "salesorders", {CUSTOMER: "ALONE"}, entity)).missing
    unclear = await resolve(world, "salesorders", {CUSTOMER: "SHARED"})
    assert unclear.missing == (Ambiguous(CUSTOMER, "SHARED", "account", 2),)
    assert "customerid" not in unclear.values


async def test_a_row_of_another_legal_entity_is_never_meant_and_its_legal_entity_is_named(
    office: Office, world: Ends
) -> None:
    for name in ("east", "west"):
        office.add("businessunit", name, name=name)
        office.add("team", f"team {name}", name=f"team {name}", businessunitid=office.ids[name], teamtype=0)
    east, west = office.ids["east"], office.ids["west"]
    office.add("account", name="theirs", accountnumber="THEIRS", ownerid=("team", office.ids["team west"]))
    usmf = LegalEntity("usmf", (east,), (west,), neighbours=((west, "demf"),))
    demf = LegalEntity("demf", (west,), neighbours=((east, "usmf"),))
    found = await resolve(world, "salesorders", {CUSTOMER: "THEIRS"}, usmf)
    assert found.missing == (Missing(CUSTOMER, "THEIRS", "account", elsewhere="demf"),)
    assert not (await resolve(world, "salesorders", {CUSTOMER: "THEIRS"}, demf)).missing
    own = office.add("account", name="ours", accountnumber="THEIRS", ownerid=("team", office.ids["team east"]))
    office.service.people.update("account", own, {"statecode": 1, "statuscode": 2})
    world.sales.refresh()
    chosen = (await resolve(world, "salesorders", {CUSTOMER: "THEIRS"}, usmf)).values["customerid"]
    assert isinstance(chosen, Reference)
    assert chosen.id == own, "an inactive own account is meant rather than an active one of another legal entity"


async def test_the_latest_revision_of_a_won_quote_is_meant(office: Office, world: Ends) -> None:
    customer = ("account", office.ids["A-1"])
    first = office.add("quote", quotenumber="Q-1", name="Q", customerid=customer, pricelevelid=office.ids["Standard"])
    office.service.people.activate_quote(first)
    second = office.service.people.revise_quote(first)
    office.service.people.activate_quote(second)
    found = (await resolve(world, "salesorders", {"quoteid.quotenumber": "Q-1"})).values["quoteid"]
    assert found == Reference("quoteid", "quoteid", "quotes", second)


# --- price lists ----------------------------------------------------------------------------------------------------


async def test_the_first_active_and_valid_price_list_of_a_currency_is_taken(office: Office) -> None:
    euro = {"transactioncurrencyid": office.ids["EUR"]}
    expected = office.add("pricelevel", name="m valid", begindate="2026-01-01", enddate="2026-07-23", **euro)
    later = office.add("pricelevel", name="z open", **euro)
    office.add("pricelevel", name="a expired", enddate="2026-07-21", **euro)
    office.add("pricelevel", name="b future", begindate="2027-01-01", **euro)
    inactive = office.add("pricelevel", name="c inactive", **euro)
    office.service.people.update("pricelevel", inactive, {"statecode": 1, "statuscode": 100002})
    times = [datetime(2026, 7, 23, 15, tzinfo=UTC), datetime(2026, 7, 25, tzinfo=UTC)]
    async with ends(sales=office.service) as world:
        found = []
        for time in times:
            end = SalesEnd(world.sales.client, now=lambda time=time: time)
            (row,) = await end.resolve("productpricelevels", [{BY_CURRENCY: "EUR"}])
            found.append(row.values["pricelevelid"])
        (no_list,) = await end.resolve("productpricelevels", [{BY_CURRENCY: "JPY"}])
    assert [one.id for one in found if isinstance(one, Reference)] == [expected, later]
    assert no_list.missing == (Missing(BY_CURRENCY, "JPY", "pricelevel"),)


async def test_a_price_list_by_name_is_the_active_one_if_there_is_one(office: Office, world: Ends) -> None:
    twin = office.add("pricelevel", name="standard", transactioncurrencyid=office.ids["EUR"])
    office.service.people.update("pricelevel", office.ids["Standard"], {"statecode": 1, "statuscode": 100002})
    found = (await resolve(world, "salesorders", {"pricelevelid.name": "sTaNdArD"})).values["pricelevelid"]
    assert found == Reference("pricelevelid", "pricelevelid", "pricelevels", twin)


# --- units ----------------------------------------------------------------------------------------------------------


async def test_a_unit_is_looked_up_in_the_group_of_the_product(office: Office, world: Ends) -> None:
    row: dict[str, Value] = {"uomid.name": "Primary Unit", "productid.productnumber": "P-1"}
    found = (await resolve(world, "salesorderdetails", row)).values["uomid"]
    assert found == Reference("uomid", "uomid", "uoms", office.ids["Weights/Primary Unit"])


async def test_a_unit_is_looked_up_in_the_group_that_the_row_names(office: Office, world: Ends) -> None:
    row: dict[str, Value] = {"defaultuomid.name": "Primary Unit", "defaultuomscheduleid.name": "Default unit"}
    found = (await resolve(world, "products", row)).values["defaultuomid"]
    assert found == Reference("defaultuomid", "defaultuomid", "uoms", office.ids["Default unit/Primary Unit"])
    item: dict[str, Value] = {"uomid.name": "Primary Unit", "uomscheduleid.name": "Weights"}
    found = (await resolve(world, "productpricelevels", item)).values["uomid"]
    assert found == Reference("uomid", "uomid", "uoms", office.ids["Weights/Primary Unit"])


async def test_a_unit_that_the_group_has_not_is_missing(office: Office, world: Ends) -> None:
    office.add("uom", name="Dozen", uomscheduleid=office.ids["Default unit"], quantity=12)
    row: dict[str, Value] = {"uomid.name": "Dozen", "productid.productnumber": "P-1"}
    assert (await resolve(world, "salesorderdetails", row)).missing == (Missing("uomid.name", "Dozen", "uom"),)
    unclear = await resolve(world, "productpricelevels", {"uomid.name": "Primary Unit"})
    assert unclear.missing == (Ambiguous("uomid.name", "Primary Unit", "uom", 2),)


async def test_a_line_without_its_product_asks_for_no_unit(office: Office, world: Ends) -> None:
    path = "productid.productnumber"
    missing = await resolve(world, "salesorderdetails", {"uomid.name": "Primary Unit", path: "P-9"})
    assert missing == ResolvedRow({}, (Missing(path, "P-9", "product"),))
    write_in = await resolve(world, "salesorderdetails", {"uomid.name": "Primary Unit", path: None})
    assert write_in == ResolvedRow({"productid": None})


# --- owners ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["team", "systemuser"])
async def test_an_invoice_gets_the_owner_of_its_order(office: Office, world: Ends, kind: str) -> None:
    office.add("businessunit", "east", name="east")
    office.add("team", "team", name="East", businessunitid=office.ids["east"], teamtype=0)
    person = {"domainname": "a@b.c", "internalemailaddress": "a@b.c", "businessunitid": office.ids["east"]}
    office.add("systemuser", "systemuser", fullname="Kim", **person)
    office.order("SO-1", ownerid=(kind, office.ids[kind]))
    path = "ownerid.salesorderid.ordernumber"
    found = await resolve(world, "invoices", {path: "SO-1", "salesorderid.ordernumber": "SO-1"})
    assert found.values["ownerid"] == Reference("ownerid", "ownerid", f"{kind}s", office.ids[kind])
    assert found.values["salesorderid"] == Reference("salesorderid", "salesorderid", "salesorders", office.ids["SO-1"])
    missing = await resolve(world, "invoices", {path: "SO-2"})
    assert missing.missing == (Missing(path, "SO-2", "salesorder"),)


async def test_a_path_that_leads_nowhere_is_a_mistake_of_the_template(world: Ends) -> None:
    for path in ("name.first", "customerid.accountnumber", "productid.productnumber.x"):
        with pytest.raises(ConfigError):
            await resolve(world, "salesorders", {path: "x"})


async def test_what_was_not_fit_is_looked_at_again(office: Office, world: Ends) -> None:
    row: dict[str, Value] = {"uomid.name": "Dozen", BY_CURRENCY: "EUR", "uomscheduleid.name": "Weights"}
    office.add("uom", name="Dozen", uomscheduleid=office.ids["Default unit"], quantity=12)
    inactive = office.add("pricelevel", name="Euro", transactioncurrencyid=office.ids["EUR"])
    office.service.people.update("pricelevel", inactive, {"statecode": 1, "statuscode": 100002})
    twin = office.add("account", name="Twin", accountnumber="A-1")
    assert {one.path for one in (await resolve(world, "productpricelevels", row)).missing} == {
        "uomid.name",
        BY_CURRENCY,
    }
    assert (await resolve(world, "salesorders", {CUSTOMER: "A-1"})).missing

    office.add("uom", name="Dozen", uomscheduleid=office.ids["Weights"], quantity=12)
    office.add("pricelevel", name="Euro", transactioncurrencyid=office.ids["EUR"])
    office.service.people.update("account", twin, {"statecode": 1, "statuscode": 2})

    assert (await resolve(world, "productpricelevels", row)).missing == ()
    assert (await resolve(world, "salesorders", {CUSTOMER: "A-1"})).missing == ()


async def test_without_the_solution_only_accounts_are_customers() -> None:
    service = SalesService(options=SalesOptions(solution=False))
    account = service.create("account", {"name": "x", "accountnumber": "A-1"})["accountid"]
    path = "customerid.Account(accountnumber).Contact(msdynce_contactnumber)"
    read = DocumentRead(TableRead("Quote", "quotes", ("quotenumber",), (path,)))
    async with ends(sales=service) as world:
        known, unknown = await world.sales.resolve("quotes", [{path: "A-1"}, {path: "CON-1"}])
        service.create("quote", {"quotenumber": "Q-1", "name": "x", "customerid": ("account", account)})
        (document,) = await world.sales.documents(read, USMF, ["Q-1"])
    assert known.values["customerid"] == Reference("customerid", "customerid_account", "accounts", account)
    assert unknown.missing == (Missing(path, "CON-1", "account"),)
    assert document.header[path] == "A-1"
