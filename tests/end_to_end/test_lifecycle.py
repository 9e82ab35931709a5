"""The status of an order on both sides, from its invoice to its cancellation."""

from __future__ import annotations

from typing import Any

from demo.stage import Stage
from harness.totals import unexplained
from p2c.documents import NoteCode
from p2c.sync.session import Finished
from tests.staging import FULL, Raise, counts, forget_requests, writes

SHIPPED, INVOICED, PARTIALLY_INVOICED = 647390007, 647390003, 647390009
ORDERS = ["orders-to-finops", "orders-to-sales", "invoices"]


def sold(stage: Raise, **more: Any) -> Stage:
    """A company whose orders have come to F&O."""
    play = stage(**more)
    play.company.set_up()
    counts(play.run())
    play.company.sell()
    counts(play.run())
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
    assert all(agreement.agrees for agreement in agreements)


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
    assert all(agreement.agrees for agreement in play.reconcile())


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
