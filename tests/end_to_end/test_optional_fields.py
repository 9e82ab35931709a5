"""A field that the destination rejects and the document can do without is a note, not a rejection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from demo.stage import Stage
from p2c.documents import Outcome
from sandbox.company.sales_desk import Ref, SalesDesk, record_id
from sandbox.sales.options import SalesOptions
from sandbox.sales.service import SalesService
from tests.staging import FULL, Raise, counts, forget_requests, writes

SELLER = Ref("systemuser", record_id("systemuser", "usmf"))


def disable(sales: SalesService) -> None:
    SalesDesk(sales).update(SELLER, {"isdisabled": True})


def take_roles(sales: SalesService) -> None:
    sales.options.owners_without_privileges = frozenset({SELLER.id})


def invoiced_under_an_unfit_owner(
    play: Stage, spoil: Callable[[SalesService], None] = disable
) -> tuple[dict[str, Any], Outcome]:
    """The invoice in Sales of an order whose owner cannot own records when it is posted, and its outcome."""
    play.company.set_up()
    play.run()
    play.company.sell()
    play.run()
    sales, finops, desk = play.sandbox.sales, play.sandbox.finops, SalesDesk(play.sandbox.sales)
    (order,) = sales.rows("salesorder", ordernumber="SO-4002")
    desk.update(Ref("salesorder", order["salesorderid"]), {"ownerid": SELLER})
    spoil(sales)
    finops.confirm("SO-4002", "usmf")
    number = finops.invoice("SO-4002", "usmf")["InvoiceNumber"]
    finops.calculate_totals()
    invoices = next(found for found in play.run() if found.record.template == "invoices")
    (invoice,) = sales.rows("invoice", invoicenumber=number)
    return invoice, next(outcome for outcome in play.outcomes(invoices) if outcome.key.startswith(number))


def test_an_owner_who_is_disabled_gives_way_to_the_owner_of_the_project(stage: Raise) -> None:
    play = stage()
    invoice, outcome = invoiced_under_an_unfit_owner(play)
    (team,) = play.sandbox.sales.rows("team", name="Sales USMF")
    assert invoice["ownerid"] == team["teamid"]
    assert outcome.kind == "created"
    (note,) = outcome.notes
    assert (note.code, note.field) == ("optional-field-rejected", "SalesOrderNumber")
    assert "Seller USMF is disabled" in note.reason
    forget_requests(play)
    assert set(counts(play.run(["invoices"], mode=FULL))["invoices"]) == {"unchanged"}
    assert writes(play) == (0, 0)


def test_an_owner_who_lacks_a_privilege_gives_way_to_the_owner_of_the_project(stage: Raise) -> None:
    play = stage()
    invoice, outcome = invoiced_under_an_unfit_owner(play, take_roles)
    (team,) = play.sandbox.sales.rows("team", name="Sales USMF")
    assert invoice["ownerid"] == team["teamid"]
    (note,) = outcome.notes
    assert (note.code, note.field) == ("optional-field-rejected", "SalesOrderNumber")
    assert "is missing prvReadinvoice" in note.reason


def test_where_sales_takes_the_owner_there_is_no_note(stage: Raise) -> None:
    invoice, outcome = invoiced_under_an_unfit_owner(stage(sales=SalesOptions(disabled_owners="take")))
    assert invoice["ownerid"] == SELLER.id
    assert outcome.notes == ()
