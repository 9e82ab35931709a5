"""Accounts and contacts that are merged in Sales: the master takes over, the customer of the other is put on hold."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from demo.stage import Stage
from p2c.documents import Outcome
from p2c.operations import dead_letters
from p2c.operations.dead_letters import Place
from p2c.operations.opening import open_session, opened_store
from p2c.templates.models import Merges
from tests.staging import FULL, Raise, counts, forget_requests, writes

SUBORDINATE, MASTER = "A-1001", "A-1003"


class Company:
    """A company whose accounts, orders and invoices are synced, and what its users merge."""

    def __init__(self, stage: Raise, merges: Merges = "hold") -> None:
        def change(content: dict[str, Any]) -> None:
            for name in ("accounts", "contacts", "contacts-to-customers"):
                content.setdefault("templates", {}).setdefault(name, {})["merges"] = merges

        self.play: Stage = stage(project=change)
        self.play.company.set_up()
        counts(self.play.run())
        self.sales, self.finops = self.play.sandbox.sales, self.play.sandbox.finops
        (self.subordinate,) = self.sales.rows("account", accountnumber=SUBORDINATE)
        (self.master,) = self.sales.rows("account", accountnumber=MASTER)

    def merge(self, content: Mapping[str, Any] | None = None) -> None:
        self.sales.people.merge("account", self.master["accountid"], self.subordinate["accountid"], content)

    def run(self, template: str, key: str) -> Outcome:
        """The outcome of a document in a run of its template."""
        (finished,) = self.play.run([template])
        return next(outcome for outcome in self.play.outcomes(finished) if outcome.key == key)

    def customer(self, number: str) -> dict[str, Any]:
        return dict(self.finops.books.get("CustTable", "usmf", number) or {})

    def hold(self, number: str) -> str:
        return str(self.customer(number)["OnHoldStatus"])

    def agrees(self) -> bool:
        """Whether both systems agree, and another comparison writes nothing."""
        forget_requests(self.play)
        self.play.run(mode=FULL)
        return writes(self.play) == (0, 0) and all(found.agrees for found in self.play.reconcile())


def test_the_customer_of_a_merged_account_is_put_on_hold_once_and_its_contacts_move(stage: Raise) -> None:
    company = Company(stage)
    company.merge()
    outcome = company.run("accounts", SUBORDINATE)
    assert outcome.kind == "updated"
    (note,) = outcome.notes
    assert (note.code, note.field) == ("merged", "OnHoldStatus")
    assert (company.hold(SUBORDINATE), company.hold(MASTER)) == ("All", "No")
    counts(company.play.run())
    active = {
        row["AssociatedPartyNumber"]
        for row in company.finops.books.rows("ContactPerson", IsInactive="No")
        if row["ContactPersonPartyNumber"] in ("C-2001", "C-2006")
    }
    assert active == {MASTER}
    assert company.agrees()
    # A person releases the customer to invoice what is open.
    company.finops.update("CustomersV3", {"dataAreaId": "usmf", "CustomerAccount": SUBORDINATE}, {"OnHoldStatus": "No"})
    assert company.agrees()
    assert company.hold(SUBORDINATE) == "No"


def test_orders_and_invoices_of_the_subordinates_customer_belong_to_the_master(stage: Raise) -> None:
    company = Company(stage)
    product = company.sales.rows("product", statecode=0)[0]["productnumber"]
    lines = [{"ProductNumber": product, "OrderedSalesQuantity": 1, "SalesPrice": 5}]
    before = company.finops.new_order(SUBORDINATE, lines)["SalesOrderNumber"]
    company.finops.confirm(before)
    company.finops.calculate_totals()
    counts(company.play.run(["orders-to-sales"]))
    (order,) = company.sales.rows("salesorder", ordernumber=before)
    assert order["customerid"] == company.subordinate["accountid"]
    after = company.finops.new_order(SUBORDINATE, lines)["SalesOrderNumber"]
    company.finops.confirm(after)
    company.merge()
    invoice = company.finops.invoice(before)["InvoiceNumber"]
    company.finops.calculate_totals()
    counts(company.play.run())
    for table, column, number in (
        ("salesorder", "ordernumber", before),
        ("salesorder", "ordernumber", after),
        ("invoice", "invoicenumber", invoice),
    ):
        (row,) = company.sales.rows(table, **{column: number})
        assert row["customerid"] == company.master["accountid"], number
    assert company.agrees()


def test_the_number_of_the_subordinate_follows_the_merge_to_its_master(stage: Raise) -> None:
    company = Company(stage)
    company.merge({"accountnumber": SUBORDINATE, "telephone1": "555 1000"})
    (finished,) = company.play.run(["accounts"])
    assert set(counts([finished])["accounts"]) == {"updated", "skipped"}
    customer = company.customer(SUBORDINATE)
    assert (customer["OrganizationName"], customer["PrimaryContactPhone"]) == (company.master["name"], "555 1000")
    # The customer with the number that the master has given up is not used any more.
    assert (company.hold(SUBORDINATE), company.hold(MASTER)) == ("No", "All")
    # The master's contacts, which did not change themselves, follow in a full comparison.
    counts(company.play.run(mode=FULL))
    assert company.agrees()


def test_a_person_decides_on_a_merged_account_where_the_project_says_so(stage: Raise) -> None:
    company = Company(stage, "ask")
    company.merge()
    outcome = company.run("accounts", SUBORDINATE)
    assert (outcome.kind, outcome.rule) == ("rejected", "merged")
    assert "OnHoldStatus = All" in outcome.reason
    assert company.hold(SUBORDINATE) == "No"

    async def settle() -> list[str]:
        async with open_session(company.play.settings) as session, opened_store(company.play.settings) as store:
            place = Place(session.templates, ["usmf"])
            found = [letter async for letter in dead_letters.waiting(store, place, "dead", [SUBORDINATE])]
            results = await dead_letters.replay(session, found, policy="source")
            return [outcome.kind.value for one in results for outcome in one.outcomes]

    assert asyncio.run(settle()) == ["updated"]
    assert company.hold(SUBORDINATE) == "All"
    counts(company.play.run())
    assert company.agrees()


def test_an_account_that_was_merged_before_it_was_synced_gets_no_customer(stage: Raise) -> None:
    company = Company(stage)
    young = company.sales.people.create("account", {"name": "Young", "accountnumber": "N-1"})
    company.sales.people.merge("account", company.master["accountid"], young["accountid"])
    outcome = company.run("accounts", "N-1")
    assert (outcome.kind, outcome.rule) == ("skipped", "not-merged")
    assert not company.finops.books.has("CustTable", "usmf", "N-1")
    assert company.agrees()


def test_a_merged_contact_that_buys_for_itself_is_put_on_hold(stage: Raise) -> None:
    company = Company(stage)
    (contact,) = company.sales.rows("contact", msdynce_contactnumber="C-2008")
    (master,) = company.sales.rows("contact", msdynce_contactnumber="C'2009")
    company.sales.people.merge("contact", master["contactid"], contact["contactid"])
    outcome = company.run("contacts-to-customers", "C-2008")
    assert (outcome.kind, [note.code for note in outcome.notes]) == ("updated", ["merged"])
    assert (company.hold("C-2008"), company.hold("C'2009")) == ("All", "No")
    counts(company.play.run())
    assert company.agrees()
