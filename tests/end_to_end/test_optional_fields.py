"""A field that the destination rejects and the document can do without is a note, not a rejection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from demo.stage import Stage
from p2c.documents import Outcome
from p2c.sync.watching import Mode
from sandbox.company.sales_desk import Ref, SalesDesk, record_id
from sandbox.finops import FinOpsService
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


def phone_is_optional(project: dict[str, Any]) -> None:
    field = {"source": "telephone1", "ifRejected": "note"}
    accounts = project.setdefault("templates", {}).setdefault("accounts", {})
    accounts["fields"] = {"Accounts - Customers": {"PrimaryContactPhone": field}}
    accounts["conflicts"] = "ask"


def test_a_field_that_was_rejected_is_no_difference_and_no_conflict(stage: Raise) -> None:
    finops = FinOpsService(token="sandbox")
    play = stage(finops=finops, project=phone_is_optional)
    play.company.set_up()
    play.run(["accounts"])
    finops.books.options.lengths["PrimaryContactPhone"] = 8
    (account,) = play.sandbox.sales.rows("account", accountnumber="A-1006")
    record = Ref("account", account["accountid"])
    desk = SalesDesk(play.sandbox.sales)
    desk.update(record, {"telephone1": "555-0100 extension 9", "name": "Sent with the phone"})
    (result,) = play.run(["accounts"])
    (outcome,) = [found for found in play.outcomes(result) if found.key == "A-1006"]
    assert [(note.code, note.field) for note in outcome.notes] == [("optional-field-rejected", "telephone1")]

    (dry,) = play.run(["accounts"], mode=Mode(full=True, dry=True))
    (compared,) = [found for found in dry.outcomes if found.key == "A-1006"]
    assert (compared.kind, [note.code for note in compared.notes]) == ("unchanged", ["optional-field-rejected"])

    desk.update(record, {"name": "Sent without the phone"})
    (result,) = play.run(["accounts"])
    (outcome,) = [found for found in play.outcomes(result) if found.key == "A-1006"]
    assert (outcome.kind, outcome.rule) == ("updated", "")

    finops.books.options.lengths["PrimaryContactPhone"] = 255
    (result,) = play.run(["accounts"], mode=FULL)
    (outcome,) = [found for found in play.outcomes(result) if found.key == "A-1006"]
    assert (outcome.kind, outcome.changed, outcome.notes) == ("updated", ("PrimaryContactPhone",), ())


def test_where_sales_takes_the_owner_there_is_no_note(stage: Raise) -> None:
    invoice, outcome = invoiced_under_an_unfit_owner(stage(sales=SalesOptions(disabled_owners="take")))
    assert invoice["ownerid"] == SELLER.id
    assert outcome.notes == ()


def test_an_order_whose_owner_is_disabled_gets_the_changes_of_f_and_o(stage: Raise) -> None:
    play = stage()
    play.company.set_up()
    play.run()
    sales, finops, desk = play.sandbox.sales, play.sandbox.finops, SalesDesk(play.sandbox.sales)
    product = sales.rows("product", statecode=0)[0]["productnumber"]
    line = {"ProductNumber": product, "OrderedSalesQuantity": 1, "SalesPrice": 5}
    number = finops.new_order("A-1001", [line])["SalesOrderNumber"]
    finops.confirm(number)
    finops.calculate_totals()
    counts(play.run(["orders-to-sales"]))
    (order,) = sales.rows("salesorder", ordernumber=number)
    desk.update(Ref("salesorder", order["salesorderid"]), {"ownerid": SELLER})
    desk.update(SELLER, {"isdisabled": True})
    finops.update(
        "CDSSalesOrderHeaders", {"dataAreaId": "usmf", "SalesOrderNumber": number}, {"SalesOrderName": "Renamed"}
    )
    finops.calculate_totals()
    assert counts(play.run(["orders-to-sales"]))["orders-to-sales"] == {"updated": 1}
    (order,) = sales.rows("salesorder", ordernumber=number)
    assert (order["name"], order["ownerid"]) == ("Renamed", SELLER.id)
    assert all(found.agrees for found in play.reconcile())
