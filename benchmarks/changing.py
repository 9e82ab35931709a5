"""What people change between two runs: 2 % of what each template brings over, and others each time."""

from __future__ import annotations

from benchmarks.company import OPEN_EVERY, some
from sandbox.company.plan import USMF, ContactKind, Plan
from sandbox.company.sales_desk import Ref, SalesDesk, record_id
from sandbox.finops import FinOpsService
from sandbox.sales.service import SalesService


class Changing:
    """People of both systems, who hold the locks while they act. `time` counts from 0."""

    def __init__(self, plan: Plan, sales: SalesService, finops: FinOpsService) -> None:
        self._plan = plan
        self._sales = sales
        self._finops = finops
        self._desk = SalesDesk(sales)

    def masters(self, time: int) -> None:
        """Accounts and contacts of either kind get another telephone, products another price."""
        customers = [one for one in self._plan.contacts if one.kind is ContactKind.ACTIVE_CUSTOMER]
        people = [one for one in self._plan.contacts if one.kind is ContactKind.COMPANY_CONTACT]
        with self._sales.lock, self._finops.lock:
            for account in some(self._plan.accounts, time):
                self._desk.update(Ref("account", record_id("account", account.key)), {"telephone1": "+1 555 0000"})
            for contact in (*some(customers, time), *some(people, time)):
                self._desk.update(Ref("contact", record_id("contact", contact.key)), {"telephone1": "+1 555 0001"})
            for product in some(self._plan.products, time):
                self._finops.change_product(product.number, USMF.code, SalesPrice=product.price + 1)

    def documents(self, time: int) -> None:
        """Quotes are revised and orders edited: one more of what is on the first line."""
        with self._sales.lock:
            for quote in some(self._plan.quotes, time):
                self._desk.activate_quote(self._one_more("quotedetail", "quoteid", self._revised(quote.number)))
            for order in some(self._plan.orders, time):
                self._one_more(
                    "salesorderdetail", "salesorderid", Ref("salesorder", record_id("salesorder", order.number))
                )

    def deliveries(self, time: int) -> None:
        """Orders that were only confirmed are delivered and invoiced."""
        with self._finops.lock, self._finops.books.atomic():
            count = len(some(self._plan.orders, time))
            for order in self._plan.orders[::OPEN_EVERY][time * count : (time + 1) * count]:
                self._finops.ship(order.number, USMF.code)
                self._finops.invoice(order.number, USMF.code, shipped_only=True)
            self._finops.calculate_totals()

    def _revised(self, number: str) -> Ref:
        return self._desk.revise_quote(Ref("quote", record_id("quote", number)))

    def _one_more(self, table: str, parent: str, header: Ref) -> Ref:
        line = self._desk.find(table, **{parent: header.id, "sequencenumber": 1})
        if line is None:
            raise LookupError(f"{header.table} {header.id} has no line 1")
        row = self._sales.engine.need(table, line.id)
        self._desk.update(line, {"quantity": row["quantity"] + 1})
        return header
