"""Who may overwrite whom: an order that F&O has confirmed is F&O's, whatever is changed in Sales."""

from __future__ import annotations

from sandbox.company.sales_desk import Ref, SalesDesk
from tests.staging import FULL, Raise, kept_back


def test_an_order_that_finops_has_confirmed_is_not_overwritten(stage: Raise) -> None:
    play = stage()
    play.company.set_up()
    play.run()
    play.company.sell()
    play.run()
    sales, finops = play.sandbox.sales, play.sandbox.finops
    (order,) = sales.rows("salesorder", ordernumber="SO-4002")
    record, desk = Ref("salesorder", order["salesorderid"]), SalesDesk(sales)

    desk.update(record, {"name": "Changed in time"})
    play.run(["orders-to-finops"])
    assert finops.order("SO-4002", "usmf")["SalesOrderName"] == "Changed in time"

    finops.confirm("SO-4002", "usmf")
    desk.update(record, {"name": "Changed too late"})
    (one,) = play.run(["orders-to-finops"])
    (outcome,) = [found for found in play.outcomes(one) if found.key == "SO-4002"]
    assert (outcome.kind.value, outcome.rule) == ("skipped", "finops-confirmed")
    play.run(["orders-to-finops"], mode=FULL)
    assert finops.order("SO-4002", "usmf")["SalesOrderName"] == "Changed in time"

    finops.calculate_totals()
    results = play.run()
    assert kept_back(play, results) == {}
    (order,) = sales.rows("salesorder", ordernumber="SO-4002")
    assert order["name"] == "Changed in time", "F&O is the master of it now"


def test_a_customer_of_the_same_name_is_adopted_and_nothing_is_blanked(stage: Raise) -> None:
    play = stage()
    play.company.set_up()
    finops = play.sandbox.finops
    finops.new_customer("A-1006", " RELECLOUD", "usmf", PartyNumber="A-1006", PrimaryContactPhone="555-0199")
    results = play.run(["accounts"])
    (one,) = [found for found in play.outcomes(results[0]) if found.key == "A-1006"]
    assert one.kind.value == "updated"
    row = finops.books.get("CustTable", "usmf", "A-1006")
    assert row is not None
    assert row["OrganizationName"] == "Relecloud"
    assert row["PrimaryContactPhone"] == "555-0199"
