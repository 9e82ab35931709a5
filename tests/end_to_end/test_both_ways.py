"""Both ways without an echo; what is deleted; what is changed on both sides, or under another number."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from demo.stage import Stage
from p2c.operations import dead_letters
from p2c.operations.dead_letters import Place
from p2c.operations.opening import connected, open_session, opened_store, project_of
from p2c.state.conflicts import Conflict
from p2c.state.waiting import Waiting
from p2c.sync.session import Finished, Session
from p2c.sync.watching import Mode
from p2c.templates.models import Conflicts
from sandbox.company.sales_desk import Ref, SalesDesk
from tests.staging import FULL, Raise, change_project, counts, forget_requests, kept_back, writes

ORDERS = ["orders-to-finops", "orders-to-sales"]


def place(play: Stage) -> Place:
    async def work() -> Place:
        async with open_session(play.settings) as session:
            return Place(session.templates, list(project_of(play.settings).connection_set.legal_entities))

    return asyncio.run(work())


def conflicts(play: Stage) -> list[Conflict]:
    where = place(play)

    async def work() -> list[Conflict]:
        async with opened_store(play.settings) as store:
            return [one async for one in dead_letters.conflicts(store, where)]

    return asyncio.run(work())


def letters(play: Stage, *keys: str) -> list[Waiting]:
    where = place(play)

    async def work() -> list[Waiting]:
        async with opened_store(play.settings) as store:
            return [one async for one in dead_letters.waiting(store, where, "dead", keys)]

    return asyncio.run(work())


def replay(play: Stage, found: list[Waiting], policy: Conflicts | None = None) -> dict[str, str]:
    async def work() -> dict[str, str]:
        async with open_session(play.settings) as session:
            results = await dead_letters.replay(session, found, policy=policy)
            return {outcome.key: outcome.kind.value for one in results for outcome in one.outcomes}

    return asyncio.run(work())


def lived(stage: Raise, name: str = "contoso") -> Stage:
    """A company whose orders are confirmed, shipped and invoiced, all of it synchronised."""
    play = stage(name)
    play.company.set_up()
    counts(play.run())
    play.company.sell()
    counts(play.run())
    play.company.fulfil()
    counts(play.run())
    return play


def override(**templates: Any) -> Any:
    def change(content: dict[str, Any]) -> None:
        for name, one in templates.items():
            content.setdefault("templates", {}).setdefault(name.replace("_", "-"), {}).update(one)

    return change


def kinds(results: list[Finished]) -> set[str]:
    return {kind for one in counts(results).values() for kind in one}


def confirmed(play: Stage) -> str:
    """An order that F&O has confirmed and not invoiced, and that is in Sales."""
    books = play.sandbox.finops.books
    return next(
        str(row["SalesOrderNumber"])
        for row in books.rows("SalesTable", SalesOrderProcessingStatus="Confirmed")
        if play.sandbox.sales.rows("salesorder", ordernumber=row["SalesOrderNumber"])
    )


# --- no echo -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["contoso", "contoso-group"])
def test_our_own_writing_that_comes_back_writes_nothing(stage: Raise, name: str) -> None:
    play = lived(stage, name)
    forget_requests(play)
    for names in (
        ORDERS,
        ORDERS[::-1],
        ["quotes"],
        ["products"],
        ["accounts", "contacts", "contacts-to-customers"],
        [],
    ):
        assert kinds(play.run(names)) <= {"unchanged", "skipped"}, names
        assert kinds(play.run(names, mode=FULL)) <= {"unchanged", "skipped"}, names
    assert writes(play) == (0, 0)
    assert conflicts(play) == [], "none of it is taken for a change of somebody else"


def test_a_product_that_the_solution_touches_after_us_is_no_change_of_the_other_side(stage: Raise) -> None:
    play = stage(project=override(products={"conflicts": "ask"}))
    play.company.set_up()
    play.run(["products"])
    for price in (11, 12):
        play.sandbox.finops.change_product("MUG-01", SalesPrice=price)
        assert counts(play.run(["products"]))["products"]["updated"] == 1
    assert conflicts(play) == []
    forget_requests(play)
    play.run(["products"], mode=FULL)
    assert writes(play) == (0, 0)


# --- both sides ----------------------------------------------------------------------------------------------------


def test_the_owner_of_an_order_is_told_by_its_processing_status(stage: Raise) -> None:
    play = lived(stage)
    sales, finops = play.sandbox.sales, play.sandbox.finops
    number = confirmed(play)
    (row,) = sales.rows("salesorder", ordernumber=number)
    SalesDesk(sales).update(Ref("salesorder", row["salesorderid"]), {"name": "Sales says"})
    finops.update(
        "CDSSalesOrderHeaders", {"dataAreaId": "usmf", "SalesOrderNumber": number}, {"SalesOrderName": "F&O says"}
    )
    finops.calculate_totals()
    results = play.run(ORDERS)
    assert counts(results)["orders-to-sales"]["updated"] == 1
    (row,) = sales.rows("salesorder", ordernumber=number)
    assert row["name"] == "F&O says"
    assert finops.order(number)["SalesOrderName"] == "F&O says"
    (conflict,) = conflicts(play)
    assert (conflict.template, conflict.key, conflict.winner) == ("orders-to-sales", number, "source")
    told = {one.field: (one.source, one.destination) for one in conflict.differences}
    assert told["name"] == ("F&O says", "Sales says")
    forget_requests(play)
    assert kinds(play.run(ORDERS)) <= {"unchanged", "skipped"}
    assert writes(play) == (0, 0)


class Hasty(httpx.AsyncHTTPTransport):
    """The network, but that somebody acts just before the first batch arrives."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self._act: Callable[[], object] | None = act

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._act is not None and request.url.path.endswith("$batch"):
            act, self._act = self._act, None
            await asyncio.to_thread(act)
        return await super().handle_async_request(request)


def test_what_a_person_changes_between_our_looking_and_our_writing_is_a_conflict_and_not_lost(stage: Raise) -> None:
    play = lived(stage)
    change_project(play.settings, override(orders_to_sales={"conflicts": "ask"}))
    play.run(ORDERS)
    sales, finops = play.sandbox.sales, play.sandbox.finops
    number = confirmed(play)
    (row,) = sales.rows("salesorder", ordernumber=number)
    key = {"dataAreaId": "usmf", "SalesOrderNumber": number}
    finops.update("CDSSalesOrderHeaders", key, {"SalesOrderName": "F&O says"})
    finops.calculate_totals()

    def act() -> None:
        sales.people.update("salesorder", row["salesorderid"], {"name": "Sales says"})

    async def work() -> list[Finished]:
        project = project_of(play.settings)
        async with (
            connected(play.settings, project, sales_transport=Hasty(act)) as (end, other),
            opened_store(play.settings) as store,
        ):
            return await Session(project, play.settings, end, other, store).run(["orders-to-sales"])

    (letter,) = kept_back(play, asyncio.run(work())).values()
    assert (letter.key, letter.rule) == (number, "conflict")
    (row,) = sales.rows("salesorder", ordernumber=number)
    assert row["name"] == "Sales says"


def test_an_order_changed_in_sales_after_finops_confirmed_it_is_a_conflict_that_finops_wins(stage: Raise) -> None:
    play = stage()
    play.company.set_up()
    play.run()
    play.company.sell()
    play.run()
    sales, finops = play.sandbox.sales, play.sandbox.finops
    number = next(
        str(row["SalesOrderNumber"])
        for row in finops.books.rows("SalesTable", SalesOrderProcessingStatus="Active")
        if sales.rows("salesorder", ordernumber=row["SalesOrderNumber"])
    )
    finops.confirm(number)
    finops.calculate_totals()
    (row,) = sales.rows("salesorder", ordernumber=number)
    SalesDesk(sales).update(Ref("salesorder", row["salesorderid"]), {"name": "Too late"})
    (one,) = play.run(["orders-to-finops"])
    assert [(each.key, each.rule) for each in play.outcomes(one) if each.rule == "finops-confirmed"] == [
        (number, "finops-confirmed")
    ]
    (conflict,) = conflicts(play)
    assert (conflict.key, conflict.winner) == (number, "destination")
    assert conflict.reason.startswith("finops-confirmed: ")
    assert ("SalesOrderName", "Too late") in [(each.field, each.source) for each in conflict.differences]
    assert finops.order(number)["SalesOrderName"] != "Too late"


def test_a_person_settles_what_the_template_does_not(stage: Raise) -> None:
    play = stage(project=override(accounts={"conflicts": "ask"}))
    play.company.set_up()
    play.run(["accounts"])
    sales, finops = play.sandbox.sales, play.sandbox.finops
    desk, key = SalesDesk(sales), {"dataAreaId": "usmf", "CustomerAccount": "A-1001"}
    account = desk.find("account", accountnumber="A-1001")
    assert account is not None
    for keep, name in (("source", "Sales says 1"), ("destination", "F&O says 2")):
        number = name[-1]
        desk.update(account, {"name": f"Sales says {number}"})
        finops.update("CustomersV2", key, {"OrganizationName": f"F&O says {number}"})
        (letter,) = kept_back(play, play.run(["accounts"])).values()
        assert (letter.key, letter.rule) == ("A-1001", "conflict")
        assert replay(play, letters(play, "a-1001"), keep) == {  # type: ignore[arg-type]
            "A-1001": "updated" if keep == "source" else "skipped"
        }
        assert letters(play) == []
        assert finops.books.get("CustTable", "usmf", "A-1001")["OrganizationName"] == name  # type: ignore[index]
    assert kinds(play.run(["accounts"], mode=FULL)) <= {"unchanged", "skipped"}


def test_a_line_that_a_person_added_with_the_number_of_another_stays_and_is_reported(stage: Raise) -> None:
    play = lived(stage)
    sales, finops = play.sandbox.sales, play.sandbox.finops
    number = confirmed(play)
    (order,) = sales.rows("salesorder", ordernumber=number)
    lines = sales.rows("salesorderdetail", salesorderid=order["salesorderid"])
    copied = {name: lines[0][name] for name in ("salesorderid", "productid", "uomid", "sequencenumber")}
    first = {"salesorderdetailid": "00000000-0000-4000-8000-000000000001", "quantity": Decimal(7)}
    added = sales.create("salesorderdetail", copied | first)
    key = {"dataAreaId": "usmf", "SalesOrderNumber": number}
    finops.update("CDSSalesOrderHeaders", key, {"SalesOrderName": "F&O says"})
    finops.calculate_totals()
    results = play.run(["orders-to-sales"])
    assert counts(results)["orders-to-sales"] == {"updated": 1}
    assert results[0].record.note_counts == {"foreign-line": 1}
    (outcome,) = play.outcomes(results[0])
    assert [note.line for note in outcome.notes] == [str(added["sequencenumber"])]
    after = sales.rows("salesorderdetail", salesorderid=order["salesorderid"])
    assert sorted((one["salesorderdetailid"], one["quantity"]) for one in after) == sorted(
        (one["salesorderdetailid"], one["quantity"]) for one in [*lines, added]
    )


def test_an_order_that_moved_to_another_business_unit_is_not_made_a_second_time(stage: Raise) -> None:
    play = lived(stage, "contoso-group")
    sales, finops = play.sandbox.sales, play.sandbox.finops
    units = {row["name"]: row["businessunitid"] for row in sales.rows("businessunit")}
    entities = json.loads(play.settings.project.read_text(encoding="utf-8"))["connectionSet"]["legalEntities"]
    there = units[entities["demf"]["businessUnits"][0]]
    number = next(
        str(row["SalesOrderNumber"])
        for row in finops.books.rows("SalesTable", SalesOrderProcessingStatus="Confirmed", dataAreaId="usmf")
        if sales.rows("salesorder", ordernumber=row["SalesOrderNumber"])
    )
    (order,) = sales.rows("salesorder", ordernumber=number)
    home = {"ownerid": (order["owneridtype"], order["ownerid"]), "owningbusinessunit": order["owningbusinessunit"]}
    team = sales.rows("team", businessunitid=there)[0]["teamid"]
    sales.people.update("salesorder", order["salesorderid"], {"ownerid": ("team", team), "owningbusinessunit": there})
    key = {"dataAreaId": "usmf", "SalesOrderNumber": number}
    finops.update("CDSSalesOrderHeaders", key, {"SalesOrderName": "F&O says"})
    finops.calculate_totals()
    (letter,) = kept_back(play, play.run(["orders-to-sales"])).values()
    assert (letter.kind.value, letter.key, letter.field) == ("rejected", number, "owningbusinessunit")
    assert order["salesorderid"] in letter.reason
    assert [one["salesorderid"] for one in sales.rows("salesorder", ordernumber=number)] == [order["salesorderid"]]
    sales.people.update("salesorder", order["salesorderid"], home)
    assert set(replay(play, letters(play, number)).values()) == {"updated"}
    (order,) = sales.rows("salesorder", ordernumber=number)
    assert order["name"] == "F&O says"


def test_what_was_looked_up_in_one_run_is_looked_up_again_in_the_next(stage: Raise) -> None:
    """An account is merged into another of its number: in a process that stays, orders follow all the same."""
    play = lived(stage)
    sales, finops = play.sandbox.sales, play.sandbox.finops
    number = confirmed(play)
    (row,) = sales.rows("salesorder", ordernumber=number)
    old = sales.row("account", row["customerid"])
    assert old is not None

    async def work() -> None:
        async with open_session(play.settings) as session:
            await session.run(["orders-to-sales"], mode=FULL)
            desk = SalesDesk(sales)
            heir = desk.create("account", "heir", {"name": "Heir", "accountnumber": old["accountnumber"]})
            sales.people.update("account", old["accountid"], {"statecode": 1, "statuscode": 2})
            sales.people.update("salesorder", row["salesorderid"], {"customerid": heir})
            key = {"dataAreaId": "usmf", "SalesOrderNumber": number}
            finops.update("CDSSalesOrderHeaders", key, {"SalesOrderName": "F&O says"})
            finops.calculate_totals()
            await session.run(["orders-to-sales"])
            (now,) = sales.rows("salesorder", ordernumber=number)
            assert (now["name"], now["customerid"]) == ("F&O says", heir.id)

    asyncio.run(work())


# --- another number ------------------------------------------------------------------------------------------------


def test_another_number_of_the_same_row_is_for_a_person(stage: Raise) -> None:
    play = stage()
    play.company.set_up()
    play.run(["accounts"])
    sales, finops = play.sandbox.sales, play.sandbox.finops
    desk = SalesDesk(sales)
    account = desk.find("account", accountnumber="A-1001")
    assert account is not None
    desk.update(account, {"accountnumber": "A-9001"})
    (letter,) = kept_back(play, play.run(["accounts"])).values()
    assert (letter.kind.value, letter.key, letter.field) == ("rejected", "A-9001", "accountnumber")
    assert "was 'A-1001'" in letter.reason
    assert not finops.books.has("CustTable", "usmf", "A-9001")
    # It stays so, and the old number is no delete.
    assert len(kept_back(play, play.run(["accounts"], mode=FULL))) == 1
    assert finops.books.has("CustTable", "usmf", "A-1001")
    # Changed back, it is as if nothing had been.
    desk.update(account, {"accountnumber": "A-1001"})
    play.run(["accounts"], mode=FULL)
    assert letters(play) == []
    # Taken for a new one, on a person's word.
    desk.update(account, {"accountnumber": "A-9001"})
    play.run(["accounts"])
    assert replay(play, letters(play), "source") == {"A-9001": "created"}
    assert finops.books.has("CustTable", "usmf", "A-9001")
    assert kinds(play.run(["accounts"], mode=FULL)) <= {"unchanged", "skipped"}
    assert letters(play) == []


def renumbered(play: Stage, *, late: bool) -> None:
    """Account N-1 has gone to F&O and gets number N-2; `late`: it was not there when everything was last read."""
    desk = SalesDesk(play.sandbox.sales)
    play.company.set_up()
    if late:
        play.run(["accounts"])
    account = desk.create("account", "fresh", {"name": "Fresh", "accountnumber": "N-1"})
    play.run(["accounts"])
    assert play.sandbox.finops.books.has("CustTable", "usmf", "N-1")
    desk.update(account, {"accountnumber": "N-2"})


def events(play: Stage, *keys: str) -> dict[str, str]:
    async def work() -> dict[str, str]:
        async with open_session(play.settings) as session:
            plan = await session.plan("accounts", "usmf")
            async with session.lane(plan) as lane:
                outcomes = await session.take(lane, plan, keys, careful=False, run_id="")
                return {one.key: one.kind.value for one in outcomes}

    return asyncio.run(work())


@pytest.mark.parametrize("late", [True, False])
@pytest.mark.parametrize("by_event", [True, False])
def test_another_number_is_noticed_however_young_the_row_is_and_whoever_reads_it(
    stage: Raise, late: bool, by_event: bool
) -> None:
    play = stage()
    renumbered(play, late=late)
    if by_event:
        assert events(play, "N-2") == {"N-2": "rejected"}
    else:
        assert counts(play.run(["accounts"]))["accounts"] == {"rejected": 1}
    assert replay(play, letters(play)) == {"N-2": "rejected"}
    play.run(["accounts"], mode=FULL)
    assert replay(play, letters(play)) == {"N-2": "rejected"}
    assert not play.sandbox.finops.books.has("CustTable", "usmf", "N-2")
    assert replay(play, letters(play), "source") == {"N-2": "created"}
    assert kinds(play.run(["accounts"], mode=FULL)) <= {"unchanged", "skipped"}


def test_a_row_that_an_event_brought_is_known_by_its_number_too(stage: Raise) -> None:
    play = stage()
    play.company.set_up()
    play.run(["accounts"])
    desk = SalesDesk(play.sandbox.sales)
    account = desk.create("account", "fresh", {"name": "Fresh", "accountnumber": "N-1"})
    assert events(play, "N-1") == {"N-1": "created"}
    desk.update(account, {"accountnumber": "N-2"})
    assert counts(play.run(["accounts"]))["accounts"] == {"rejected": 1}


def test_another_number_that_came_while_a_rule_kept_the_row_back_is_noticed(stage: Raise) -> None:
    hidden = {"when": "name ne 'Hidden'", "reason": "Hidden."}
    play = stage(project=override(accounts={"rules": {"not-hidden": hidden}}))
    renumbered(play, late=True)
    desk = SalesDesk(play.sandbox.sales)
    account = desk.find("account", accountnumber="N-2")
    assert account is not None
    desk.update(account, {"name": "Hidden"})
    assert counts(play.run(["accounts"]))["accounts"] == {"skipped": 1}
    desk.update(account, {"name": "Seen"})
    assert counts(play.run(["accounts"]))["accounts"] == {"rejected": 1}
    assert not play.sandbox.finops.books.has("CustTable", "usmf", "N-2")


@pytest.mark.parametrize("late", [True, False])
def test_a_number_in_other_capitals_is_the_same_number(stage: Raise, late: bool) -> None:
    play = stage(project=override(accounts={"deletes": "delete"}))
    play.company.set_up()
    desk, books = SalesDesk(play.sandbox.sales), play.sandbox.finops.books
    if late:
        play.run(["accounts"])
    account = desk.create("account", "fresh", {"name": "Fresh", "accountnumber": "N-1", "telephone1": "555"})
    play.run(["accounts"])
    desk.update(account, {"accountnumber": "n-1", "name": "Other", "telephone1": None})
    assert counts(play.run(["accounts"], mode=Mode(dry=True)))["accounts"] == {"updated": 1}
    assert counts(play.run(["accounts"]))["accounts"] == {"updated": 1}
    (customer,) = [one for one in books.rows("CustTable") if str(one["CustomerAccount"]).upper() == "N-1"]
    assert (customer["OrganizationName"], customer["PrimaryContactPhone"]) == ("Other", "")
    desk.update(account, {"accountnumber": "N-1", "name": "Fresh", "telephone1": "555"})
    assert counts(play.run(["accounts"]))["accounts"] == {"updated": 1}
    (customer,) = [one for one in books.rows("CustTable") if str(one["CustomerAccount"]).upper() == "N-1"]
    assert (customer["OrganizationName"], customer["PrimaryContactPhone"]) == ("Fresh", "555")
    play.sandbox.sales.people.delete("account", account.id)
    assert counts(play.run(["accounts"]))["accounts"] == {"deleted": 1}
    assert kinds(play.run(["accounts"], mode=FULL)) <= {"unchanged", "skipped"}


def another_invoice(play: Stage, number: str) -> None:
    """F&O posts an invoice whose number it has used before: date and voucher make it another one."""
    books = play.sandbox.finops.books
    other = {"InvoiceDate": "2020-02-02T12:00:00Z", "LedgerVoucher": "OTHER-1"}
    for table in ("CustInvoiceJour", "CustInvoiceTrans"):
        row = books.rows(table, InvoiceNumber=number)[0]
        books.add(table, {name: one for name, one in row.items() if not name.startswith("_Rec")} | other)


def test_an_invoice_with_a_number_that_another_one_has_takes_nothing_from_it(stage: Raise) -> None:
    play = lived(stage)
    sales, number = play.sandbox.sales, str(play.sandbox.finops.books.rows("CustInvoiceJour")[0]["InvoiceNumber"])
    (first,) = sales.rows("invoice", invoicenumber=number)
    lines = sales.rows("invoicedetail", invoiceid=first["invoiceid"])
    another_invoice(play, number)
    assert counts(play.run(["invoices"]))["invoices"] == {"created": 1}
    (second,) = [one for one in sales.rows("invoice", invoicenumber=number) if one["invoiceid"] != first["invoiceid"]]
    assert sales.rows("invoice", invoiceid=first["invoiceid"]) == [first]
    assert sales.rows("invoicedetail", invoiceid=first["invoiceid"]) == lines
    assert len(sales.rows("invoicedetail", invoiceid=second["invoiceid"])) == 1
    assert str(second["msdynce_invoicedate"]).startswith("2020-02-02")
    forget_requests(play)
    assert kinds(play.run(["invoices"], mode=FULL)) <= {"unchanged", "skipped"}
    assert writes(play) == (0, 0)


# --- deletes -------------------------------------------------------------------------------------------------------


def test_a_product_that_vanished_is_retired_and_an_account_stays(stage: Raise) -> None:
    play = stage()
    play.company.set_up()
    play.run()
    sales, finops = play.sandbox.sales, play.sandbox.finops
    finops.new_product("GONE-1", "Gone soon", 5, SalesUnitSymbol="ea")  # type: ignore[arg-type]
    play.run(["products"])
    spare = SalesDesk(sales).create("account", "spare", {"name": "Spare", "accountnumber": "SPARE"})
    play.run(["accounts"])
    finops.delete("SellableReleasedProducts", {"dataAreaId": "usmf", "ProductNumber": "GONE-1"})
    sales.people.delete("account", spare.id)
    found = counts(play.run())
    assert found["products"]["deleted"] == 1
    (product,) = sales.rows("product", productnumber="GONE-1")
    assert product["statecode"] == 1
    assert found["accounts"].get("deleted", 0) == 0
    assert finops.books.has("CustTable", "usmf", "SPARE")
    forget_requests(play)
    assert kinds(play.run(mode=FULL)) <= {"unchanged", "skipped"}
    assert writes(play) == (0, 0)


def test_an_account_that_comes_back_is_put_back_into_use(stage: Raise) -> None:
    play = stage(project=override(accounts={"deletes": "deactivate"}))
    play.company.set_up()
    play.run(["accounts"])
    desk, books = SalesDesk(play.sandbox.sales), play.sandbox.finops.books
    row = {"name": "Spare", "accountnumber": "SPARE"}

    def hold() -> object:
        found = books.get("CustTable", "usmf", "SPARE")
        return None if found is None else found["OnHoldStatus"]

    first = desk.create("account", "spare", row)
    play.run(["accounts"])
    before = hold()
    play.sandbox.sales.people.delete("account", first.id)
    play.run(["accounts"])
    assert hold() == "All" != before
    second = desk.create("account", "spare again", row)
    (one,) = play.run(["accounts"])
    assert [outcome.changed for outcome in play.outcomes(one)] == [("OnHoldStatus",)]
    assert hold() == before
    assert kinds(play.run(["accounts"], mode=FULL)) <= {"unchanged", "skipped"}
    # What somebody in F&O has decided since is left alone.
    play.sandbox.sales.people.delete("account", second.id)
    play.run(["accounts"])
    key = {"dataAreaId": "usmf", "CustomerAccount": "SPARE"}
    play.sandbox.finops.update("CustomersV2", key, {"OnHoldStatus": "Invoice"})
    desk.create("account", "spare once more", row)
    play.run(["accounts"])
    assert hold() == "Invoice"


@pytest.mark.parametrize("full", [True, False])
def test_deletes_as_the_project_says(stage: Raise, full: bool) -> None:
    play = stage(
        project=override(
            contacts={"deletes": "deactivate"}, accounts={"deletes": "delete"}, orders_to_finops={"deletes": "delete"}
        )
    )
    play.company.set_up()
    play.run()
    play.company.sell()
    play.run()
    sales, finops = play.sandbox.sales, play.sandbox.finops
    spare = SalesDesk(sales).create("account", "spare", {"name": "Spare", "accountnumber": "SPARE"})
    play.run(["accounts"])
    person = finops.books.rows("ContactPerson")[0]["ContactPersonPartyNumber"]
    (contact,) = sales.rows("contact", msdynce_contactnumber=person)
    order = next(
        row
        for row in finops.books.rows("SalesTable", SalesOrderProcessingStatus="Active")
        if sales.rows("salesorder", ordernumber=row["SalesOrderNumber"])
    )["SalesOrderNumber"]
    sales.people.delete("contact", contact["contactid"])
    sales.people.delete("account", spare.id)
    sales.people.delete("salesorder", sales.rows("salesorder", ordernumber=order)[0]["salesorderid"])
    mode = Mode(full=full)
    found = counts(play.run(["accounts", "contacts", "orders-to-finops"], mode=mode))
    assert {name: one.get("deleted") for name, one in found.items()} == {
        "accounts": 1,
        "contacts": 1,
        "orders-to-finops": 1,
    }
    assert not finops.books.has("CustTable", "usmf", "SPARE")
    assert not finops.books.has("SalesTable", "usmf", order)
    assert finops.books.rows("SalesLine", SalesOrderNumber=order) == []
    (row,) = finops.books.rows("ContactPerson", ContactPersonPartyNumber=person)
    assert row["IsInactive"] == "Yes"
    forget_requests(play)
    assert kinds(play.run(["accounts", "contacts", "orders-to-finops"], mode=FULL)) <= {"unchanged", "skipped"}
    assert writes(play) == (0, 0)


def test_an_account_that_moves_to_another_legal_entity_is_not_deleted(stage: Raise) -> None:
    play = stage("contoso-group", project=override(accounts={"deletes": "delete"}))
    play.company.set_up()
    counts(play.run(["accounts"]))
    content = json.loads(play.settings.project.read_text(encoding="utf-8"))
    entities = content["connectionSet"]["legalEntities"]
    first, second = list(entities)[:2]
    sales, finops = play.sandbox.sales, play.sandbox.finops
    units = {row["name"]: row["businessunitid"] for row in sales.rows("businessunit")}
    here, there = units[entities[first]["businessUnits"][0]], units[entities[second]["businessUnits"][0]]
    account = sales.rows("account", owningbusinessunit=here)[0]
    team = next(row for row in sales.rows("team", businessunitid=there))
    sales.people.update(
        "account", account["accountid"], {"ownerid": ("team", team["teamid"]), "owningbusinessunit": there}
    )
    found = counts(play.run(["accounts"], mode=FULL))["accounts"]
    assert found.get("deleted", 0) == 0
    assert finops.books.has("CustTable", first, account["accountnumber"])


def test_a_contact_with_the_number_of_an_account_leaves_its_customer_alone(stage: Raise) -> None:
    play = stage()
    play.company.set_up()
    play.run()
    play.company.sell()
    play.run()
    books, desk = play.sandbox.finops.books, SalesDesk(play.sandbox.sales)
    customer = dict(books.get("CustTable", "usmf", "A-1001"))
    other = next(row for row in play.sandbox.sales.rows("contact") if row["msdynce_isactivecustomer"])
    person = {
        "firstname": "Same",
        "lastname": "Number",
        "msdynce_contactnumber": "a-1001",
        "msdynce_isactivecustomer": True,
        "transactioncurrencyid": other["transactioncurrencyid"],
        "address1_city": "Nowhere",
    }
    desk.create("contact", "same number", person)
    results = play.run(["contacts-to-customers", "accounts"], mode=FULL)
    assert books.get("CustTable", "usmf", "A-1001") == customer
    ((key, outcome),) = kept_back(play, results).items()
    assert (key[0], outcome.kind, outcome.field) == ("contacts-to-customers", "rejected", "msdynce_contactnumber")
    assert "(PartyType Organization)" in outcome.reason
