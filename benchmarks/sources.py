"""Both sandboxes in a process of their own: people change something, it is told as the events that the systems would
send, and that process looks when the change is at the other side. All moments are taken there, by one clock.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Literal

from benchmarks import company
from sandbox import Sandbox
from sandbox.company import Company
from sandbox.company.plan import USMF, ContactKind, Plan, Progress
from sandbox.company.sales_desk import Ref, SalesDesk, record_id
from sandbox.finops.changes import ChangeEvent
from sandbox.sales.changes import Event

_SPAWN = get_context("spawn")
_END = "end"
_LOOK_SECONDS = 0.002
"""How long between two looks at the destination; no latency is known more exactly."""
_CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts"
_VIRTUAL = {
    "InventTable": "mserp_ecoressellablereleasedproductentity",
    "SalesTable": "mserp_salesorderheadercdsentity",
    "SalesLine": "mserp_salesorderlinecdsentity",
}
"""Tables of F&O whose data events are on → the virtual entities that those name."""
_STEPS = frozenset({"account", "contact", "quote", "quotedetail", "salesorder", "salesorderdetail"})
"""Tables of Sales with a step that sends to the service endpoint."""


class SourcesError(Exception):
    """The process of the sandboxes could not do what it was told; the text says why."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event as its system sends it: Dataverse to the queue `p2c-inbox`, F&O to the webhook."""

    to: Literal["inbox", "webhook"]
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A write by the integration user to one of the tables, in a row (F&O: a key) with this value in the column."""

    tables: Sequence[str]
    column: str
    value: str


class Sources:
    """The process with both sandboxes and a company of that seed and size. Use it as a context manager."""

    def __init__(self, seed: int, documents: int) -> None:
        self._here, there = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_serve, args=(there, seed, documents), daemon=True)
        self.project: dict[str, Any] = {}
        """The company's project file, with the addresses of the servers."""
        self.token = ""

    def __enter__(self) -> Sources:
        self._process.start()
        self.project, self.token = self._answer()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.is_alive():
            self._here.send((_END, ()))
        self._process.join(30)
        if self._process.is_alive():
            self._process.kill()
        self._here.close()

    def act(self, name: Literal["set_up", "sell", "fulfil"]) -> None:
        """The company's people do their part."""
        self._here.send((name, ()))
        self._answer()

    def change(self, template: str, number: int) -> list[Told]:
        """People change the n-th document of a template (from 0); gives the events of that."""
        self._here.send(("change", (template, number)))
        found: list[Told] = self._answer()
        return found

    def watched(self, tell: Callable[[], None], limit: float) -> float:
        """Seconds from the last change to its write at the destination, while `tell` sends the events.

        Raises SourcesError when it is not written within `limit` seconds.
        """
        self._here.send(("written", (limit,)))
        tell()
        return float(self._answer())

    def _answer(self) -> Any:
        try:
            done, answer = self._here.recv()
        except EOFError:
            raise SourcesError("the process of the sandboxes ended") from None
        if not done:
            raise SourcesError(answer)
        return answer


def plan_of(seed: int, documents: int) -> Plan:
    """The benchmarks' company, with all orders confirmed and none delivered, so that each can still be."""
    plan = company.plan(seed, documents)
    plan.orders = [replace(one, progress=Progress.CONFIRMED) for one in plan.orders]
    return plan


def _serve(pipe: Connection, seed: int, documents: int) -> None:
    """The other process: does what it is told until it is told to end, or nobody is there to tell it."""
    with Sandbox() as sandbox:
        people = Company("benchmark", plan_of(seed, documents), sandbox.sales, sandbox.finops)
        project = people.project
        project["connectionSet"]["sales"]["url"] = sandbox.sales_url
        project["connectionSet"]["finops"]["url"] = sandbox.finops_url
        pipe.send((True, (project, sandbox.token)))
        changing = _Changing(people.plan, sandbox)
        acts: Mapping[str, Callable[..., object]] = {
            "set_up": people.set_up,
            "sell": people.sell,
            "fulfil": people.fulfil,
            "change": changing.change,
            "written": changing.written,
        }
        while True:
            try:
                act, given = pipe.recv()
            except EOFError:
                return
            if act == _END:
                return
            try:
                pipe.send((True, acts[act](*given)))
            except Exception as error:
                # Whoever told us must hear of it, or would wait for ever.
                pipe.send((False, f"{act}: {type(error).__name__}: {error}"))


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

    def change(self, template: str, number: int) -> list[Told]:
        """One change. The clock runs from when all of it is committed."""
        does = getattr(self, f"_{template.replace('-', '_')}")
        with self._sales.lock, self._finops.lock:
            self._marks = sales, finops = len(self._sales.events), len(self._finops.books.changes.events)
            self._wanted = does(number)
            self._begun = time.monotonic()
            if template == "invoices":
                return [self._posted(number)]
            told = [self._context(one) for one in self._sales.events[sales:] if one.table in _STEPS]
            changed = self._finops.books.changes.events[finops:]
            return told + [Told("webhook", one) for one in _data_events(changed)]

    def written(self, limit: float) -> float:
        """Seconds from the last change until it is at the other side."""
        while not self._there():
            if time.monotonic() > self._begun + limit:
                raise SourcesError(f"{self._wanted} was not written within {limit:.0f} s")
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
            raise SourcesError(f"product {product.number} is not in Sales")
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
            raise SourcesError(f"{header.table} {header.id} has no line 1")
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

    # --- events ---

    def _context(self, event: Event) -> Told:
        """What a step that is registered on the table sends to the service endpoint, as JSON."""
        columns = self._sales.engine.model.tables[event.table].columns
        attributes = []
        for name, value in event.changes.items():
            column = columns[name]
            if value is not None and column.is_lookup:
                logical = column.targets[0] if column.targets else ""
                value = {"__type": f"EntityReference:{_CONTRACTS}", "Id": str(value), "LogicalName": logical}
            elif value is not None and column.options:
                value = {"__type": f"OptionSetValue:{_CONTRACTS}", "Value": value}
            attributes.append({"key": name, "value": value})
        moment = int(datetime.fromisoformat(event.moment).timestamp() * 1000)
        target = {
            "__type": f"Entity:{_CONTRACTS}",
            "Attributes": attributes,
            "Id": event.id,
            "LogicalName": event.table,
        }
        body = {
            "CorrelationId": str(uuid.UUID(int=event.sequence)),
            "Depth": event.depth,
            "InputParameters": [{"key": "Target", "value": target}],
            "MessageName": event.message,
            "OperationCreatedOn": f"/Date({moment}+0000)/",
            "OperationId": str(uuid.UUID(int=event.sequence)),
            "PrimaryEntityId": event.id,
            "PrimaryEntityName": event.table,
        }
        return Told("inbox", body)

    def _posted(self, number: int) -> Told:
        """The business event of an invoice that was posted."""
        body = {
            "BusinessEventId": "SalesInvoicePostedBusinessEvent",
            "BusinessEventLegalEntity": USMF.code,
            "ControlNumber": number,
            "EventId": str(uuid.uuid5(uuid.NAMESPACE_OID, self._wanted.value)).upper(),
            "InvoiceId": self._wanted.value,
            "LegalEntity": USMF.code,
            "SalesOrderId": _nth(self._plan.orders, number).number,
        }
        return Told("webhook", body)

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


def _data_events(events: Sequence[ChangeEvent]) -> Iterator[dict[str, Any]]:
    """The data events of rows that changed, one for each row."""
    rows = {(one.table, tuple(one.key.items())): one for one in events if one.table in _VIRTUAL}
    for number, one in enumerate(rows.values()):
        attributes = [{"key": f"mserp_{name.lower()}", "value": value} for name, value in one.key.items()]
        identifier = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{one.table} {sorted(one.key.items())}"))
        target = {"__type": f"Entity:{_CONTRACTS}", "Attributes": attributes, "Id": identifier}
        yield {
            "CorrelationId": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{identifier} {one.at} {number}")),
            "InputParameters": [{"key": "Target", "value": {**target, "LogicalName": _VIRTUAL[one.table]}}],
            "MessageName": "OnExternalUpdated",
            "OperationCreatedOn": f"/Date({int(datetime.fromisoformat(one.at).timestamp() * 1000)}+0000)/",
            "PrimaryEntityId": identifier,
            "PrimaryEntityName": _VIRTUAL[one.table],
        }


def _nth(things: Sequence[Any], number: int) -> Any:
    """The n-th, from the beginning again after the last."""
    return things[number % len(things)]
