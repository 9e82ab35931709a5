"""The company whose events are measured: people change something, which is told as the events that the systems would
send, and the process of both sandboxes looks when the change is at the other side. All moments are taken there, by one
clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from benchmarks import company, telling
from benchmarks.apart import Acts, Apart, ApartError
from benchmarks.telling import Told
from sandbox import Sandbox
from sandbox.company import Company
from sandbox.company.plan import USMF, ContactKind, Plan, Progress
from sandbox.company.sales_desk import Ref, SalesDesk, record_id
from sandbox.finops.changes import ChangeEvent
from sandbox.sales.changes import Event

Act = Literal["set_up", "sell", "fulfil"]
"""What the people of a company do, in this order."""

_LOOK_SECONDS = 0.002
"""How long between two looks at the destination; no latency is known more exactly."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A write by the integration user to one of the tables, in a row (F&O: a key) with this value in the column."""

    tables: Sequence[str]
    column: str
    value: str


class Sources(Apart):
    """Both sandboxes and a company of that seed and size, whose people change one document at a time."""

    def __init__(self, seed: int, documents: int) -> None:
        super().__init__(plan_of(seed, documents), _acts)

    def act(self, name: Act) -> None:
        """The company's people do their part."""
        self.do(name)

    def imposes(self, latency: float) -> None:
        """Each request to either system takes so many seconds longer from now on."""
        self.do("imposes", latency)

    def change(self, template: str, number: int) -> list[Told]:
        """People change the n-th document of a template (from 0); gives the events of that."""
        found: list[Told] = self.do("change", template, number)
        return found

    def watched(self, tell: Callable[[], None], limit: float) -> float:
        """Seconds from the last change to its write at the destination, while `tell` sends the events.

        Raises ApartError when it is not written within `limit` seconds.
        """
        self.begin("written", limit)
        tell()
        return float(self.answer())


def plan_of(seed: int, documents: int) -> Plan:
    """The benchmarks' company, with all orders confirmed and none delivered, so that each can still be."""
    plan = company.plan(seed, documents)
    plan.orders = [replace(one, progress=Progress.CONFIRMED) for one in plan.orders]
    return plan


def _acts(sandbox: Sandbox, people: Company) -> Acts:
    changing = _Changing(people.plan, sandbox)
    return {"change": changing.change, "written": changing.written}


class _Changing:
    """The people, and whoever looks for what they changed at the other side."""

    def __init__(self, plan: Plan, sandbox: Sandbox) -> None:
        self._plan = plan
        self._sales = sandbox.sales
        self._finops = sandbox.finops
        self._desk = SalesDesk(sandbox.sales)
        self._integration = sandbox.sales.caller("integration").id
        self._pause = threading.Event()
        self._customers = [one for one in plan.contacts if one.kind is ContactKind.ACTIVE_CUSTOMER]
        self._people = [one for one in plan.contacts if one.kind is ContactKind.COMPANY_CONTACT]
        self._wanted = _Wanted((), "", "")
        self._marks = (0, 0)
        self._begun = 0.0
        self._acts: Mapping[str, Callable[[int], _Wanted]] = {
            "accounts": self._accounts,
            "products": self._products,
            "contacts": self._contacts,
            "contacts-to-customers": self._contacts_to_customers,
            "quotes": self._quotes,
            "orders-to-finops": self._orders_to_finops,
            "orders-to-sales": self._orders_to_sales,
            "invoices": self._invoices,
        }

    def change(self, template: str, number: int) -> list[Told]:
        """One change. The clock runs from when all of it is committed."""
        with self._sales.lock, self._finops.lock:
            self._marks = sales, finops = len(self._sales.events), len(self._finops.books.changes.events)
            self._wanted = self._acts[template](number)
            self._begun = time.monotonic()
            if template == "invoices":
                return [
                    telling.invoice_posted(
                        self._wanted.value, _nth(self._plan.orders, number).number, USMF.code, number
                    )
                ]
            told = telling.contexts(self._sales.engine.model, self._sales.events[sales:])
            return told + telling.data_events(self._finops.books.changes.events[finops:])

    def written(self, limit: float) -> float:
        """Seconds from the last change until it is at the other side."""
        while not self._there():
            if time.monotonic() > self._begun + limit:
                raise ApartError(f"{self._wanted} was not written within {limit:.0f} s")
            self._pause.wait(_LOOK_SECONDS)
        return time.monotonic() - self._begun

    # --- what people do: each gives what is to be written then ---

    def _accounts(self, number: int) -> _Wanted:
        account = _nth(self._plan.accounts, number)
        self._desk.update(Ref("account", record_id("account", account.key)), {"telephone1": f"+1 555 {number:07}"})
        return _Wanted(("CustTable",), "CustomerAccount", account.number)

    def _contacts(self, number: int) -> _Wanted:
        contact = Ref("contact", record_id("contact", _nth(self._people, number).key))
        return _Wanted(("ContactPerson",), "ContactPersonPartyNumber", self._call(contact, number))

    def _contacts_to_customers(self, number: int) -> _Wanted:
        contact = Ref("contact", record_id("contact", _nth(self._customers, number).key))
        return _Wanted(("CustTable",), "CustomerAccount", self._call(contact, number))

    def _call(self, contact: Ref, number: int) -> str:
        self._desk.update(contact, {"telephone1": f"+1 555 {number:07}"})
        return str(self._sales.engine.need("contact", contact.id)["msdynce_contactnumber"])

    def _products(self, number: int) -> _Wanted:
        product = _nth([one for one in self._plan.products if not one.stopped], number)
        self._finops.change_product(product.number, USMF.code, SalesPrice=product.price + 1 + number)
        there = self._desk.find("product", productnumber=product.number)
        if there is None:
            raise ApartError(f"product {product.number} is not in Sales")
        return _Wanted(("product", "productpricelevel"), "productid", there.id)

    def _quotes(self, number: int) -> _Wanted:
        quote = _nth(self._plan.quotes, number)
        revised = self._desk.revise_quote(Ref("quote", record_id("quote", quote.number)))
        self._one_more("quotedetail", "quoteid", revised)
        self._desk.activate_quote(revised)
        return _Wanted(("SalesQuotationLine",), "SalesQuotationNumber", quote.number)

    def _orders_to_finops(self, number: int) -> _Wanted:
        order = _nth(self._plan.orders, number)
        self._one_more("salesorderdetail", "salesorderid", Ref("salesorder", record_id("salesorder", order.number)))
        return _Wanted(("SalesLine",), "SalesOrderNumber", order.number)

    def _one_more(self, table: str, parent: str, header: Ref) -> None:
        line = self._desk.find(table, **{parent: header.id, "sequencenumber": 1})
        if line is None:
            raise ApartError(f"{header.table} {header.id} has no line 1")
        self._desk.update(line, {"quantity": self._sales.engine.need(table, line.id)["quantity"] + 1})

    def _orders_to_sales(self, number: int) -> _Wanted:
        order = _nth(self._plan.orders, number)
        self._finops.ship(order.number, USMF.code)
        self._finops.calculate_totals()
        return _Wanted(("salesorder", "salesorderdetail"), "salesorderid", record_id("salesorder", order.number))

    def _invoices(self, number: int) -> _Wanted:
        order = _nth(self._plan.orders, number)
        row = self._finops.invoice(order.number, USMF.code)
        self._finops.calculate_totals()
        return _Wanted(("invoice",), "invoicenumber", str(row["InvoiceNumber"]))

    # --- looking ---

    def _there(self) -> bool:
        wanted = self._wanted
        with self._sales.lock:
            if any(self._is_sales(one, wanted) for one in self._sales.events[self._marks[0] :]):
                return True
        with self._finops.lock:
            return any(_is_finops(one, wanted) for one in self._finops.books.changes.events[self._marks[1] :])

    def _is_sales(self, event: Event, wanted: _Wanted) -> bool:
        if event.user != self._integration or event.table not in wanted.tables:
            return False
        row = self._sales.engine.get(event.table, event.id) or {}
        return str(row.get(wanted.column)) == wanted.value


def _is_finops(event: ChangeEvent, wanted: _Wanted) -> bool:
    known = str(event.key.get(wanted.column, ""))
    return event.user != "people" and event.table in wanted.tables and known == wanted.value


def _nth(things: Sequence[Any], number: int) -> Any:
    """The n-th, from the beginning again after the last."""
    return things[number % len(things)]
