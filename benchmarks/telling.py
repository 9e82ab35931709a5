"""The events that Dataverse and F&O send when something changes, made out of what the sandboxes noted. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sandbox.finops.changes import ChangeEvent
from sandbox.sales.changes import Event
from sandbox.sales.model import Column, Model

STEPS = frozenset({"account", "contact", "quote", "quotedetail", "salesorder", "salesorderdetail"})
"""Tables of Sales with a step that sends to the service endpoint."""
VIRTUAL = {
    "InventTable": "mserp_ecoressellablereleasedproductentity",
    "SalesTable": "mserp_salesorderheadercdsentity",
    "SalesLine": "mserp_salesorderlinecdsentity",
}
"""Tables of F&O whose data events are on → the virtual entities that those name."""
_CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts"


@dataclass(frozen=True, slots=True)
class Told:
    """An event as its system sends it: Dataverse to the queue `p2c-inbox`, F&O to the webhook. Numbers are Decimals."""

    to: Literal["inbox", "webhook"]
    body: dict[str, Any]


def contexts(model: Model, events: Sequence[Event]) -> list[Told]:
    """What the steps of the tables send to the service endpoint in format JSON, one for each change."""
    return [_context(model, one) for one in events if one.table in STEPS]


def data_events(events: Sequence[ChangeEvent]) -> list[Told]:
    """The data events of rows that changed in F&O, one for each row."""
    rows = {(one.table, tuple(one.key.items())): one for one in events if one.table in VIRTUAL}
    return [_data_event(one, number) for number, one in enumerate(rows.values())]


def invoice_posted(invoice: str, order: str, legal_entity: str, number: int) -> Told:
    """The business event of an order's invoice that was posted; `number` is its control number."""
    body = {
        "BusinessEventId": "SalesInvoicePostedBusinessEvent",
        "BusinessEventLegalEntity": legal_entity,
        "ControlNumber": number,
        "EventId": _id(f"{legal_entity} {invoice}").upper(),
        "InvoiceId": invoice,
        "LegalEntity": legal_entity,
        "SalesOrderId": order,
    }
    return Told("webhook", body)


def _context(model: Model, event: Event) -> Told:
    columns = model.tables[event.table].columns
    values = [(name, _attribute(columns[name], value)) for name, value in event.changes.items()]
    operation = _id(f"operation {event.sequence}")
    head = {"CorrelationId": operation, "Depth": event.depth, "OperationId": operation}
    return Told("inbox", {**head, **_remote(event.message, event.table, event.id, event.moment, values)})


def _attribute(column: Column, value: Any) -> Any:
    if value is None:
        return None
    if column.is_lookup:
        logical = column.targets[0] if column.targets else ""
        return {"__type": f"EntityReference:{_CONTRACTS}", "Id": str(value), "LogicalName": logical}
    if column.options:
        return {"__type": f"OptionSetValue:{_CONTRACTS}", "Value": value}
    return value


def _data_event(event: ChangeEvent, number: int) -> Told:
    values = [(f"mserp_{name.lower()}", value) for name, value in event.key.items()]
    row = _id(f"{event.table} {sorted(event.key.items())}")
    correlation = _id(f"{row} {event.at} {number}")
    body = _remote("OnExternalUpdated", VIRTUAL[event.table], row, event.at, values)
    return Told("webhook", {"CorrelationId": correlation, **body})


def _remote(message: str, table: str, row: str, moment: str, values: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """The members of a RemoteExecutionContext that both have. `moment` is in ISO 8601."""
    target = {
        "__type": f"Entity:{_CONTRACTS}",
        "Attributes": [{"key": name, "value": value} for name, value in values],
        "Id": row,
        "LogicalName": table,
    }
    return {
        "InputParameters": [{"key": "Target", "value": target}],
        "MessageName": message,
        "OperationCreatedOn": f"/Date({int(datetime.fromisoformat(moment).timestamp() * 1000)}+0000)/",
        "PrimaryEntityId": row,
        "PrimaryEntityName": table,
    }


def _id(text: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, text))
