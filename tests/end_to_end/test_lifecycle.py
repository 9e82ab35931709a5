"""The status of an order on both sides, from its invoice to its cancellation."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from demo.stage import Stage
from harness.totals import unexplained
from p2c.documents import NoteCode, Outcome
from p2c.operations import dead_letters
from p2c.operations.dead_letters import Place
from p2c.operations.opening import open_session, opened_store, project_of
from p2c.operations.reconcile import Agreement
from p2c.state.waiting import Waiting
from p2c.sync.session import Finished
from sandbox.sales.options import SalesOptions
from tests.end_to_end.test_without_solution import without_solution
from tests.staging import FULL, Raise, change_project, counts, forget_requests, kept_back, writes

SHIPPED, INVOICED, PARTIALLY_INVOICED = 647390007, 647390003, 647390009
ORDERS = ["orders-to-finops", "orders-to-sales", "invoices"]


def sold(stage: Raise, **more: Any) -> Stage:
    """A company whose orders have come to F&O."""
    play = stage(**more)
    play.company.set_up()
    counts(play.run(["accounts", "contacts-to-customers", "products"]))
    play.company.sell()
    counts(play.run(["quotes", "orders-to-finops"]))
    return play


def status_in_sales(play: Stage, number: str) -> Any:
    (row,) = play.sandbox.sales.rows("salesorder", ordernumber=number)
    return row["msdynce_processingstatus"]


def order_in_finops(play: Stage, status: str) -> str:
    """The number of an order in F&O that came from Sales and has the status."""
    rows = play.sandbox.finops.books.rows("SalesTable", SalesOrderProcessingStatus=status)
    numbers = {row["ordernumber"] for row in play.sandbox.sales.rows("salesorder")}
    return next(str(row["SalesOrderNumber"]) for row in rows if row["SalesOrderNumber"] in numbers)


def notes_of(play: Stage, results: list[Finished], number: str) -> set[NoteCode]:
    return {
        note.code
        for result in results
        for outcome in play.outcomes(result)
        if outcome.key == number
        for note in outcome.notes
    }


def orders_agree(agreements: list[Agreement]) -> bool:
    return all(agreement.agrees for agreement in agreements if agreement.template in ORDERS)


# --- an invoice marks its order ------------------------------------------------------------------------------------


def test_an_invoiced_order_shows_it_before_its_totals_are_calculated(stage: Raise) -> None:
    play = sold(stage)
    finops, number = play.sandbox.finops, order_in_finops(play, "Active")
    finops.confirm(number)
    finops.ship(number)
    finops.calculate_totals()
    counts(play.run(ORDERS))
    assert status_in_sales(play, number) == SHIPPED

    finops.invoice(number)
    found = play.run(ORDERS)

    assert counts(found)["invoices"]["created"] == 1
    assert status_in_sales(play, number) == INVOICED
    assert NoteCode.PARTLY_SYNCED in notes_of(play, found, number)
    forget_requests(play)
    counts(play.run(ORDERS))
    counts(play.run(ORDERS, mode=FULL))
    assert writes(play) == (0, 0)
    assert unexplained(play.reconcile()) == []

    finops.calculate_totals()
    found = play.run(ORDERS)
    assert NoteCode.PARTLY_SYNCED not in notes_of(play, found, number)
    agreements = play.reconcile()
    assert unexplained(agreements) == []
    assert orders_agree(agreements)


def test_what_else_changed_waits_for_the_totals_and_then_comes(stage: Raise) -> None:
    play = sold(stage)
    finops, number = play.sandbox.finops, order_in_finops(play, "Active")
    finops.confirm(number)
    finops.calculate_totals()
    counts(play.run(ORDERS))
    key = {"dataAreaId": "usmf", "SalesOrderNumber": number}
    finops.update("CDSSalesOrderHeaders", key, {"SalesOrderName": "Another name"})
    finops.ship(number)
    (before,) = play.sandbox.sales.rows("salesorder", ordernumber=number)

    counts(play.run(ORDERS))
    (partly,) = play.sandbox.sales.rows("salesorder", ordernumber=number)
    assert (partly["name"], partly["totalamount"]) == (before["name"], before["totalamount"])
    assert partly["msdynce_processingstatus"] == SHIPPED

    finops.calculate_totals()
    counts(play.run(ORDERS))
    (row,) = play.sandbox.sales.rows("salesorder", ordernumber=number)
    assert row["name"] == "Another name"
    assert orders_agree(play.reconcile())


def test_a_partly_invoiced_order_shows_it_before_its_totals_are_calculated(stage: Raise) -> None:
    play = sold(stage)
    finops, number = play.sandbox.finops, order_in_finops(play, "Active")
    finops.confirm(number)
    first = finops.order(number)["lines"][0]
    finops.ship(number, lines={first["LineCreationSequenceNumber"]: first["OrderedSalesQuantity"] / 2})
    finops.invoice(number, shipped_only=True)

    counts(play.run(ORDERS))

    assert status_in_sales(play, number) == PARTIALLY_INVOICED


def test_an_order_that_sales_does_not_have_is_not_created_before_its_totals_are_calculated(stage: Raise) -> None:
    play = sold(stage)
    finops = play.sandbox.finops
    customer = play.sandbox.sales.rows("account")[0]["accountnumber"]
    order = finops.new_order(customer, [{"ProductNumber": "MUG-01", "OrderedSalesQuantity": 1}], SalesOrderNumber="N-1")
    number = finops.confirm(order["SalesOrderNumber"])["SalesOrderNumber"]

    found = play.run(["orders-to-sales"])

    assert {outcome.key: outcome.rule for one in found for outcome in play.outcomes(one)}[number] == "totals-calculated"
    assert play.sandbox.sales.rows("salesorder", ordernumber=number) == []
    finops.calculate_totals()
    assert counts(play.run(["orders-to-sales"]))["orders-to-sales"]["created"] == 1


def test_an_order_whose_lines_are_still_being_written_keeps_its_mark(stage: Raise) -> None:
    play = sold(stage)
    finops, sales, number = play.sandbox.finops, play.sandbox.sales, order_in_finops(play, "Active")
    finops.confirm(number)
    (row,) = sales.rows("salesorder", ordernumber=number)
    mark = {"name": "Incomplete: lines are still being written", "msdynce_processingstatus": 647390011}
    sales.people.update("salesorder", row["salesorderid"], mark)

    counts(play.run(["orders-to-sales"]))

    (row,) = sales.rows("salesorder", ordernumber=number)
    assert {column: row[column] for column in mark} == mark


def test_a_rule_besides_that_of_the_totals_keeps_the_whole_order_back(stage: Raise) -> None:
    def unconfirmed(content: dict[str, Any]) -> None:
        content["templates"].setdefault("orders-to-sales", {})["rules"] = {
            "shipped": {"when": "SalesOrderProcessingStatus eq 'Delivered'", "reason": "The order is not shipped."}
        }

    play = sold(stage, project=unconfirmed)
    number = order_in_finops(play, "Active")
    before = status_in_sales(play, number)
    play.sandbox.finops.confirm(number)
    counts(play.run(["orders-to-sales"]))
    assert status_in_sales(play, number) == before


# --- an order or a quote is canceled in Sales ----------------------------------------------------------------------


def dead(play: Stage) -> list[Waiting]:
    async def work() -> list[Waiting]:
        async with open_session(play.settings) as session, opened_store(play.settings) as store:
            place = Place(session.templates, list(project_of(play.settings).connection_set.legal_entities))
            return [one async for one in dead_letters.waiting(store, place, "dead")]

    return asyncio.run(work())


def canceled_letters(play: Stage) -> dict[str, str]:
    """The template of each dead letter of a canceled document, by key."""
    return {letter.key: letter.template for letter in dead(play) if letter.rule == "canceled-in-sales"}


def cancel(play: Stage, number: str) -> None:
    (row,) = play.sandbox.sales.rows("salesorder", ordernumber=number)
    play.sandbox.sales.people.cancel_order(row["salesorderid"])


@pytest.mark.parametrize("solution", [True, False])
def test_an_order_canceled_in_sales_needs_a_person_until_finops_cancels_it(stage: Raise, solution: bool) -> None:
    play = stage(sales=SalesOptions(solution=solution), project=None if solution else without_solution)
    play.company.set_up()
    counts(play.run())
    play.company.sell()
    play.run()
    number = order_in_finops(play, "Active")
    cancel(play, number)

    found = kept_back(play, play.run(ORDERS))

    outcome = found["orders-to-finops", number]
    assert (outcome.kind, outcome.rule) == ("rejected", "canceled-in-sales")
    assert f"order {number} of legal entity USMF in Finance and Operations goes on" in outcome.reason
    assert "(SalesOrderProcessingStatus Active): cancel it there" in outcome.reason
    assert canceled_letters(play) == {number: "orders-to-finops"}
    forget_requests(play)
    play.run(ORDERS)
    play.run(ORDERS, mode=FULL)
    assert canceled_letters(play) == {number: "orders-to-finops"}, "as long as F&O goes on with it"
    assert writes(play) == (0, 0)

    play.sandbox.finops.cancel_order(number)
    play.sandbox.finops.calculate_totals()
    play.run(ORDERS)
    assert canceled_letters(play) == {}
    forget_requests(play)
    rejected = {key for key, outcome in kept_back(play, play.run(ORDERS, mode=FULL)).items() if key[1] == number}
    assert rejected == set()
    assert writes(play) == (0, 0), "a canceled order is read-only in Sales"
    assert unexplained(play.reconcile()) == []


def test_a_person_is_asked_about_an_order_that_finops_has_confirmed_or_shipped(stage: Raise) -> None:
    play = sold(stage)
    finops, number = play.sandbox.finops, order_in_finops(play, "Active")
    finops.confirm(number)
    finops.calculate_totals()
    counts(play.run(ORDERS))
    cancel(play, number)

    found = kept_back(play, play.run(ORDERS))

    assert found["orders-to-finops", number].rule == "canceled-in-sales"
    finops.ship(number)
    finops.calculate_totals()
    found = kept_back(play, play.run(ORDERS))
    assert "SalesOrderProcessingStatus Delivered" in found["orders-to-finops", number].reason
    assert {template for template, key in found if key == number} == {"orders-to-finops"}


def test_an_order_that_comes_back_in_sales_is_synced_again(stage: Raise) -> None:
    play = sold(stage)
    sales, number = play.sandbox.sales, order_in_finops(play, "Active")
    cancel(play, number)
    play.run(ORDERS)
    assert canceled_letters(play) == {number: "orders-to-finops"}
    (row,) = sales.rows("salesorder", ordernumber=number)
    sales.options.revive_by_update = True
    sales.people.update("salesorder", row["salesorderid"], {"statecode": 0, "statuscode": 1})
    sales.people.update("salesorder", row["salesorderid"], {"name": "Back again"})

    counts(play.run(ORDERS))

    assert canceled_letters(play) == {}
    order = play.sandbox.finops.books.get("SalesTable", "usmf", number)
    assert order is not None
    assert order["SalesOrderName"] == "Back again"


def test_an_order_that_never_came_to_finops_may_be_canceled(stage: Raise) -> None:
    play = sold(stage)
    books = play.sandbox.finops.books
    number = next(
        str(row["ordernumber"])
        for row in play.sandbox.sales.rows("salesorder", statecode=0)
        if books.get("SalesTable", "usmf", row["ordernumber"]) is None
    )
    cancel(play, number)
    play.run(ORDERS)
    play.run(ORDERS, mode=FULL)
    assert canceled_letters(play) == {}


def test_an_order_that_finops_canceled_needs_nobody(stage: Raise) -> None:
    play = sold(stage)
    finops, number = play.sandbox.finops, order_in_finops(play, "Active")
    finops.cancel_order(number)
    finops.calculate_totals()
    play.run(ORDERS)
    assert status_in_sales(play, number) == 647390010
    play.run(ORDERS, mode=FULL)
    assert canceled_letters(play) == {}


def test_a_processing_status_that_a_person_sets_to_cancelled_counts_as_well(stage: Raise) -> None:
    play = sold(stage)
    sales, number = play.sandbox.sales, order_in_finops(play, "Active")
    (row,) = sales.rows("salesorder", ordernumber=number)
    sales.people.update("salesorder", row["salesorderid"], {"msdynce_processingstatus": 647390010})
    play.run(ORDERS)
    assert canceled_letters(play) == {number: "orders-to-finops"}


def test_cancellations_can_be_ignored(stage: Raise) -> None:
    play = sold(stage)
    number = order_in_finops(play, "Active")
    cancel(play, number)
    play.run(ORDERS)
    assert canceled_letters(play) == {number: "orders-to-finops"}

    def ignore(content: dict[str, Any]) -> None:
        content["templates"].setdefault("orders-to-finops", {})["cancellations"] = "ignore"

    change_project(play.settings, ignore)
    found = play.run(ORDERS)
    assert {outcome.key: outcome.rule for one in found for outcome in play.outcomes(one)}[number] == "not-canceled"
    assert canceled_letters(play) == {}


def test_an_event_of_the_cancellation_is_enough(stage: Raise) -> None:
    play = sold(stage)
    number = order_in_finops(play, "Active")
    cancel(play, number)

    async def take() -> list[Outcome]:
        async with open_session(play.settings) as session:
            plan = await session.plan("orders-to-finops", "usmf")
            async with session.lane(plan) as lane:
                return await session.take(lane, plan, [number], careful=False, run_id="")

    (outcome,) = asyncio.run(take())
    assert (outcome.kind, outcome.rule) == ("rejected", "canceled-in-sales")
    assert canceled_letters(play) == {number: "orders-to-finops"}
    play.sandbox.finops.cancel_order(number)
    (outcome,) = asyncio.run(take())
    assert (outcome.kind, outcome.rule) == ("skipped", "not-canceled")
    assert canceled_letters(play) == {}


LOST, CANCELED_STATUS, REVISED = 5, 6, 7


@pytest.mark.parametrize("status", [LOST, CANCELED_STATUS])
def test_a_quote_that_sales_has_lost_needs_a_person_until_finops_closes_it(stage: Raise, status: int) -> None:
    play = sold(stage)
    sales, books = play.sandbox.sales, play.sandbox.finops.books
    quote = next(
        row
        for row in sales.rows("quote", statecode=1)
        if books.get("SalesQuotationTable", "usmf", row["quotenumber"]) is not None
    )
    number = str(quote["quotenumber"])
    sales.people.close_quote(quote["quoteid"], status=status)

    outcome = kept_back(play, play.run(["quotes"]))["quotes", number]

    assert outcome.rule == "canceled-in-sales"
    assert f"quotation {number} of legal entity USMF" in outcome.reason
    play.run(["quotes"], mode=FULL)
    assert canceled_letters(play) == {number: "quotes"}
    row = books.get("SalesQuotationTable", "usmf", number)
    assert row is not None
    books.change("SalesQuotationTable", row, {"SalesQuotationStatus": "Lost"})
    play.run(["quotes"])
    assert canceled_letters(play) == {}


def test_a_quote_that_is_being_revised_needs_nobody_and_its_lost_revision_does(stage: Raise) -> None:
    play = sold(stage)
    sales, books = play.sandbox.sales, play.sandbox.finops.books
    quote = next(
        row
        for row in sales.rows("quote", statecode=1)
        if books.get("SalesQuotationTable", "usmf", row["quotenumber"]) is not None
    )
    revision = sales.people.revise_quote(quote["quoteid"])
    play.run(["quotes"])
    assert canceled_letters(play) == {}
    sales.people.activate_quote(revision)
    play.run(["quotes"])
    sales.people.close_quote(revision, status=LOST)
    play.run(["quotes"])
    play.run(["quotes"], mode=FULL)
    assert canceled_letters(play) == {quote["quotenumber"]: "quotes"}
