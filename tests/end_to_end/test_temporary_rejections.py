"""A rejection whose cause passes is retried without a change at the source; one cause for a table is said once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from demo.stage import Stage
from p2c.errors import AuthError
from p2c.sync.watching import Mode
from sandbox.company.sales_desk import Ref, SalesDesk
from tests.staging import Raise, counts, kept_back
from tests.waiting import dead_letters


def sold(play: Stage) -> Stage:
    play.company.set_up()
    play.run()
    return play


def rejected_order(play: Stage) -> tuple[str, str]:
    """An order of a customer whom F&O has on hold: its number and the customer."""
    (order,) = play.sandbox.sales.rows("salesorder", ordernumber="SO-4002")
    (account,) = play.sandbox.sales.rows("account", accountid=order["customerid"])
    return order["ordernumber"], account["accountnumber"]


def hold(play: Stage, customer: str, status: str) -> None:
    play.sandbox.finops.update(
        "CustomersV2", {"dataAreaId": "usmf", "CustomerAccount": customer}, {"OnHoldStatus": status}
    )


def test_an_order_of_a_customer_on_hold_is_written_once_the_customer_is_released(stage: Raise) -> None:
    play = sold(stage(retry_minutes=(0, 0, 0)))
    play.company.sell()
    number, customer = rejected_order(play)
    hold(play, customer, "All")
    (result,) = play.run(["orders-to-finops"])
    outcome = kept_back(play, [result])["orders-to-finops", number]
    assert outcome.kind == "rejected"
    assert "retry it automatically" in outcome.reason
    (waiting,) = dead_letters(play, "orders-to-finops", number)
    assert waiting.retry_after
    assert not waiting.needs_person
    hold(play, customer, "No")
    assert counts(play.run(["orders-to-finops"]))["orders-to-finops"]["created"] >= 1
    assert play.sandbox.finops.books.has("SalesTable", "usmf", number)
    assert dead_letters(play, "orders-to-finops", number) == []


def test_retries_grow_apart_and_end_with_a_person(stage: Raise) -> None:
    play = sold(stage(retry_minutes=(0, 0, 60)))
    play.company.sell()
    number, customer = rejected_order(play)
    hold(play, customer, "All")
    for _ in range(2):
        play.run(["orders-to-finops"])
    play.run(["orders-to-finops"])
    (waiting,) = dead_letters(play, "orders-to-finops", number)
    assert (waiting.attempts, waiting.retries) == (3, 2)
    assert datetime.fromisoformat(waiting.retry_after) > datetime.now(UTC) + timedelta(minutes=55)
    play.run(["orders-to-finops"])
    (same,) = dead_letters(play, "orders-to-finops", number)
    assert same.attempts == 3, "it is not due yet"


def test_without_retries_a_rejection_waits_for_a_person_at_once(stage: Raise) -> None:
    play = sold(stage(retry_minutes=()))
    play.company.sell()
    number, customer = rejected_order(play)
    hold(play, customer, "All")
    (result,) = play.run(["orders-to-finops"])
    (waiting,) = dead_letters(play, "orders-to-finops", number)
    assert waiting.needs_person
    assert kept_back(play, [result])["orders-to-finops", number].reason == waiting.reason
    assert "automatically" not in waiting.reason


def test_a_full_comparison_writes_an_order_whose_retries_are_used_up(stage: Raise) -> None:
    play = sold(stage(retry_minutes=(0,)))
    play.company.sell()
    number, customer = rejected_order(play)
    hold(play, customer, "All")
    for _ in range(2):
        play.run(["orders-to-finops"])
    (waiting,) = dead_letters(play, "orders-to-finops", number)
    assert waiting.needs_person
    assert "automatic retries are used up" in waiting.reason
    assert "next full comparison" in waiting.reason
    hold(play, customer, "No")
    play.run(["orders-to-finops"])
    assert not play.sandbox.finops.books.has("SalesTable", "usmf", number), "no retry is left"
    play.run(["orders-to-finops"], mode=Mode(full=True))
    assert play.sandbox.finops.books.has("SalesTable", "usmf", number)
    assert dead_letters(play, "orders-to-finops", number) == []


def test_a_lost_privilege_in_sales_is_one_message_and_stops_that_table_only(stage: Raise) -> None:
    play = sold(stage())
    sales, finops = play.sandbox.sales, play.sandbox.finops
    for number in range(5):
        finops.new_product(f"LAMP-{number}", "Lamp", Decimal(5), SalesUnitSymbol="ea")
    (account,) = sales.rows("account", accountnumber="A-1006")
    SalesDesk(sales).update(Ref("account", account["accountid"]), {"telephone1": "555-0177"})
    sales.options.missing_privileges = frozenset({"prvCreateProduct"})
    results = {found.record.template: found for found in play.run(["products", "accounts"])}
    products = results["products"]
    assert products.record.status == "Error"
    assert isinstance(products.error, AuthError)
    assert "prvCreateproduct" in products.record.error
    assert dead_letters(play, "products") == []
    assert results["accounts"].record.counts["updated"] == 1
    sales.options.missing_privileges = frozenset()
    assert counts(play.run(["products"]))["products"]["created"] == 5


def test_a_lost_privilege_in_finops_is_one_message_and_stops_that_table_only(stage: Raise) -> None:
    play = sold(stage())
    sales, finops = play.sandbox.sales, play.sandbox.finops
    desk = SalesDesk(sales)
    for number in range(5):
        desk.create("account", f"new {number}", {"name": f"New {number}", "accountnumber": f"NEW-{number}"})
    finops.new_product("LAMP", "Lamp", Decimal(5), SalesUnitSymbol="ea")
    finops.books.options.no_access = frozenset({"CustTable"})
    results = {found.record.template: found for found in play.run(["products", "accounts"])}
    assert results["accounts"].record.status == "Error"
    assert "sufficient authorization" in results["accounts"].record.error
    assert dead_letters(play, "accounts") == []
    assert results["products"].record.counts["created"] == 1
    finops.books.options.no_access = frozenset()
    assert counts(play.run(["accounts"]))["accounts"]["created"] == 5
