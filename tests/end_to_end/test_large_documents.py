"""An order with more lines than one change set takes: written in several, marked meanwhile, and resumed.

The change sets are small here, since plug-ins of the solution rewrite all lines of an order with each of them; an order
of 1 100 lines is in the soak test.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from demo.stage import Stage
from sandbox.sales.changes import Change, Message
from sandbox.sales.changes import Stage as PlugInStage
from sandbox.sales.engine import Engine
from sandbox.sales.errors import SalesError
from tests.staging import FULL, Raise, counts, forget_requests, kept_back, writes

LINES = 60


def large_order(play: Stage, lines: int = LINES) -> str:
    """An order of 1 100 lines that was entered in F&O and is confirmed: its number."""
    finops = play.sandbox.finops
    play.company.set_up()
    play.run()
    finops.new_product("SCREW", "Screw", Decimal("0.1"), SalesUnitSymbol="ea")
    play.run(["products"])
    rows = [{"ProductNumber": "SCREW", "OrderedSalesQuantity": Decimal(number + 1)} for number in range(lines)]
    number = str(finops.new_order("A-1001", rows, "usmf")["SalesOrderNumber"])
    finops.confirm(number, "usmf")
    finops.calculate_totals()
    return number


def in_sales(play: Stage, number: str) -> tuple[dict[str, Any], int]:
    """The header in Sales and its number of lines."""
    (order,) = play.sandbox.sales.rows("salesorder", ordernumber=number)
    return order, len(play.sandbox.sales.rows("salesorderdetail", salesorderid=order["salesorderid"]))


def test_a_large_order_is_written_completely_and_once(stage: Raise) -> None:
    play = stage(change_set_operations=25)
    number = large_order(play)
    assert counts(play.run(["orders-to-sales"]))["orders-to-sales"]["created"] == 1
    order, lines = in_sales(play, number)
    assert lines == LINES
    assert order["msdynce_processingstatus"] == 647390001
    assert order["totalamount"] == play.sandbox.finops.order(number, "usmf")["OrderTotalAmount"]
    forget_requests(play)
    assert set(counts(play.run(["orders-to-sales"], mode=FULL))["orders-to-sales"]) <= {"unchanged", "skipped"}
    assert writes(play) == (0, 0)


def stop_lines(engine: Engine, message: Message, beyond: int) -> None:
    """Lets a plug-in of Sales stop the lines of orders beyond this number."""

    def stop(_engine: Engine, change: Change) -> None:
        if change.row["sequencenumber"] > beyond:
            raise SalesError(400, "0x80040265", "A plug-in stops here.")

    place: tuple[PlugInStage, Message, str] = ("before", message, "salesorderdetail")
    engine.rules = {**engine.rules, place: (stop, *engine.rules.get(place, ()))}


def ask_a_person(project: dict[str, Any]) -> None:
    project.setdefault("templates", {}).setdefault("orders-to-sales", {})["conflicts"] = "ask"


def test_what_p2c_wrote_before_it_was_interrupted_is_no_conflict(stage: Raise) -> None:
    play = stage(retry_minutes=(0,), change_set_operations=5, project=ask_a_person)
    number = large_order(play, lines=12)
    play.run(["orders-to-sales"])
    finops = play.sandbox.finops
    for line in finops.books.rows("SalesLine", SalesOrderNumber=number):
        key = {
            "dataAreaId": "usmf",
            "SalesOrderNumber": number,
            "LineCreationSequenceNumber": line["LineCreationSequenceNumber"],
        }
        finops.update("CDSSalesOrderLines", key, {"SalesPrice": Decimal("0.2")})
    finops.calculate_totals()
    engine = play.sandbox.sales.engine
    rules = engine.rules
    stop_lines(engine, "Update", beyond=8)
    (result,) = play.run(["orders-to-sales"])
    assert kept_back(play, [result])["orders-to-sales", number].rule == ""
    assert str(in_sales(play, number)[0]["name"]).startswith("Incomplete")
    engine.rules = rules
    play.run(["orders-to-sales"])
    order, _ = in_sales(play, number)
    assert not str(order["name"]).startswith("Incomplete")
    assert order["totalamount"] == play.sandbox.finops.order(number, "usmf")["OrderTotalAmount"]


def test_an_interrupted_order_shows_that_it_is_incomplete_and_is_completed_by_the_next_run(stage: Raise) -> None:
    play = stage(retry_minutes=(0,), change_set_operations=25)
    number = large_order(play)
    engine = play.sandbox.sales.engine
    rules = engine.rules
    stop_lines(engine, "Create", beyond=55)
    (result,) = play.run(["orders-to-sales"])
    assert kept_back(play, [result])["orders-to-sales", number].kind == "rejected"
    order, lines = in_sales(play, number)
    assert 0 < lines < LINES
    assert order["name"] == "Incomplete: lines are still being written"
    assert order["msdynce_processingstatus"] == 647390011

    engine.rules = rules
    forget_requests(play)
    play.run(["orders-to-sales"])
    order, lines = in_sales(play, number)
    assert lines == LINES
    assert not str(order["name"]).startswith("Incomplete")
    assert order["msdynce_processingstatus"] == 647390001
    assert order["totalamount"] == play.sandbox.finops.order(number, "usmf")["OrderTotalAmount"]
    assert writes(play)[0] < LINES
