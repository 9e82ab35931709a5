"""A field that the destination rejects and the document can do without is a note, not a rejection."""

from __future__ import annotations

from typing import Any

from demo.stage import Stage
from p2c.documents import Outcome
from sandbox.company.sales_desk import Ref, SalesDesk, record_id
from sandbox.sales.options import SalesOptions
from tests.staging import FULL, Raise, counts, forget_requests, writes

SELLER = Ref("systemuser", record_id("systemuser", "usmf"))


def invoiced_under_a_disabled_owner(play: Stage) -> tuple[dict[str, Any], Outcome]:
    """The invoice in Sales of an order whose owner was disabled before it was posted, and its outcome."""
    play.company.set_up()
    play.run()
    play.company.sell()
    play.run()
    sales, finops, desk = play.sandbox.sales, play.sandbox.finops, SalesDesk(play.sandbox.sales)
    (order,) = sales.rows("salesorder", ordernumber="SO-4002")
    desk.update(Ref("salesorder", order["salesorderid"]), {"ownerid": SELLER})
    desk.update(SELLER, {"isdisabled": True})
    finops.confirm("SO-4002", "usmf")
    number = finops.invoice("SO-4002", "usmf")["InvoiceNumber"]
    finops.calculate_totals()
    invoices = next(found for found in play.run() if found.record.template == "invoices")
    (invoice,) = sales.rows("invoice", invoicenumber=number)
    return invoice, next(outcome for outcome in play.outcomes(invoices) if outcome.key.startswith(number))


def test_an_owner_who_is_disabled_gives_way_to_the_owner_of_the_project(stage: Raise) -> None:
    play = stage()
    invoice, outcome = invoiced_under_a_disabled_owner(play)
    (team,) = play.sandbox.sales.rows("team", name="Sales USMF")
    assert invoice["ownerid"] == team["teamid"]
    assert outcome.kind == "created"
    (note,) = outcome.notes
    assert (note.code, note.field) == ("optional-field-rejected", "SalesOrderNumber")
    assert "Seller USMF is disabled" in note.reason
    forget_requests(play)
    assert set(counts(play.run(["invoices"], mode=FULL))["invoices"]) == {"unchanged"}
    assert writes(play) == (0, 0)


def test_where_sales_takes_the_owner_there_is_no_note(stage: Raise) -> None:
    invoice, outcome = invoiced_under_a_disabled_owner(stage(sales=SalesOptions(disabled_owners="take")))
    assert invoice["ownerid"] == SELLER.id
    assert outcome.notes == ()
