"""What has a request of its own in Sales: winning and closing quotes, fulfilling and canceling orders, conversions."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sandbox.sales import merging
from sandbox.sales.address import Call, resolve_reference
from sandbox.sales.changes import Caller, Row
from sandbox.sales.engine import Engine
from sandbox.sales.errors import SalesError, bad_status
from sandbox.sales.implemented import not_implemented
from sandbox.sales.rules.documents import LINES
from sandbox.sales.stamping import state_name
from sandbox.sales.values import is_guid

_SPECIAL = {
    # Columns that a copy does not take over from its original.
    "statecode",
    "statuscode",
    "createdon",
    "modifiedon",
    "createdby",
    "modifiedby",
    "versionnumber",
    "overriddencreatedon",
    "msdynce_processingstatus",
}

# What the system alone writes, and a copy with locked prices keeps.
_KEPT = frozenset({"volumediscountamount"})


def win_quote(engine: Engine, quote_id: str, status: int, caller: Caller) -> None:
    """Close an active quote as won."""
    _from_state(engine, "quote", quote_id, {1}, "won")
    _set_state(engine, "quote", quote_id, 2, status, caller)


def close_quote(engine: Engine, quote_id: str, status: int, caller: Caller) -> None:
    """Close an active quote as lost, canceled, revised, or submitted."""
    _from_state(engine, "quote", quote_id, {1}, "closed")
    _set_state(engine, "quote", quote_id, 3, status, caller)


def revise_quote(engine: Engine, quote_id: str, caller: Caller) -> str:
    """Close a quote as revised and give the id of the new draft with the same number and the next revision."""
    quote = _from_state(engine, "quote", quote_id, {1, 3}, "revised")
    if quote["statecode"] == 1:
        _set_state(engine, "quote", quote_id, 3, 7, caller)
    revisions = engine.store.select(
        "quote", engine.store.column("quote", "quotenumber") == quote["quotenumber"], columns=("revisionnumber",)
    )
    next_revision = max(row["revisionnumber"] or 0 for row in revisions) + 1
    values = {"quotenumber": quote["quotenumber"], "revisionnumber": next_revision}
    return _copy(engine, "quote", quote, "quote", values, caller)


def fulfill_order(engine: Engine, order_id: str, status: int, caller: Caller) -> None:
    """Close an order as fulfilled."""
    _from_state(engine, "salesorder", order_id, {0, 1}, "fulfilled")
    _set_state(engine, "salesorder", order_id, 3, status, caller)


def cancel_order(engine: Engine, order_id: str, status: int, caller: Caller) -> None:
    """Close an order as canceled."""
    _from_state(engine, "salesorder", order_id, {0, 1}, "canceled")
    _set_state(engine, "salesorder", order_id, 2, status, caller)


def quote_to_order(engine: Engine, quote_id: str, caller: Caller) -> str:
    """Make an order of a won quote, with its prices locked, and give its id."""
    quote = _from_state(engine, "quote", quote_id, {2}, "converted")
    values = {"quoteid": quote_id, "ispricelocked": True, "ordercreationmethod": 776160001}
    return _copy(engine, "quote", quote, "salesorder", values, caller)


def order_to_invoice(engine: Engine, order_id: str, caller: Caller) -> str:
    """Make an invoice of an order, which becomes Invoiced, and give its id."""
    order = _from_state(engine, "salesorder", order_id, {0, 1, 3}, "invoiced")
    values = {"salesorderid": order_id, "ispricelocked": True}
    invoice = _copy(engine, "salesorder", order, "invoice", values, caller)
    _set_state(engine, "salesorder", order_id, 4, 100003, caller)
    return invoice


def lock_prices(engine: Engine, table: str, record_id: str, locked: bool, caller: Caller) -> None:
    """Lock or unlock the prices of an order or invoice. Raises when they are so already."""
    row = engine.need(table, record_id)
    if bool(row["ispricelocked"]) is locked:
        code = "0x80043b1d" if locked else "0x80043b1e"
        raise SalesError(400, code, f"This entity is already {'locked' if locked else 'unlocked'}.")
    engine.update(table, record_id, {"ispricelocked": locked}, engine.system(caller))


def _from_state(engine: Engine, table: str, record_id: str, states: set[int], word: str) -> Row:
    row = engine.need(table, record_id)
    if row["statecode"] not in states:
        state = engine.table(table).columns["statecode"].options[row["statecode"]]
        raise SalesError(400, "0x80043b00", f"The {table} cannot be {word} because it is in the state {state}.")
    return row


def _set_state(engine: Engine, table: str, record_id: str, state: int, status: int, caller: Caller) -> None:
    columns = engine.table(table).columns
    value = columns["statecode"].default_status[state] if status == -1 else status
    if columns["statuscode"].states.get(value) != state:
        raise bad_status(value, state_name(engine.table(table), state), table, record_id)
    engine.update(table, record_id, {"statecode": state, "statuscode": value}, engine.system(caller))


def _copy(engine: Engine, source: str, row: Row, target: str, values: Mapping[str, Any], caller: Caller) -> str:
    """Copy a header and its lines into another table, column by column where both have it."""
    system = replace(engine.system(caller), copying=True)
    source_lines, source_parent = LINES[source]
    target_lines, target_parent = LINES[target]
    new_id = engine.create(target, _common(engine, source, row, target) | dict(values), system)
    store = engine.store
    id_name = engine.table(source_lines).id
    found = store.select(source_lines, store.column(source_lines, source_parent) == row[engine.table(source).id])
    new_ids = {line[id_name]: str(uuid.uuid4()) for line in found}
    for line in found:
        copied = _common(engine, source_lines, line, target_lines)
        copied |= {target_parent: new_id, engine.table(target_lines).id: new_ids[line[id_name]]}
        if line["parentbundleid"]:
            copied["parentbundleid"] = new_ids.get(line["parentbundleid"])
        if id_name in engine.table(target_lines).columns and source_lines != target_lines:
            copied[id_name] = line[id_name]
        engine.create(target_lines, copied, system)
    return new_id


def _common(engine: Engine, source: str, row: Row, target: str) -> Row:
    columns = engine.table(target).columns
    own = engine.table(source).id
    skipped = _SPECIAL | {own, engine.table(target).id}
    return {
        name: value
        for name, value in row.items()
        if value is not None
        and name in columns
        and name not in skipped
        and (columns[name].create or columns[name].kind == "exact" or name in _KEPT)
        and columns[name].kind == engine.table(source).columns[name].kind
    }


# ------------------------------------------------------------------ their form in the Web API


def perform(engine: Engine, call: Call, name: str, body: Mapping[str, Any]) -> tuple[str, str] | None:
    """Run an unbound action. Gives table and id of what it made, None for nothing. Raises KeyError when unknown."""
    status = body.get("Status", -1)
    if not isinstance(status, int) or isinstance(status, bool):
        raise SalesError(400, "0x80048d19", "The parameter Status must be a whole number.")
    caller = call.caller
    if name == "WinQuote":
        win_quote(engine, _bound(engine, call, body, "QuoteClose", "quoteid", "quote"), status, caller)
    elif name == "CloseQuote":
        close_quote(engine, _bound(engine, call, body, "QuoteClose", "quoteid", "quote"), status, caller)
    elif name == "FulfillSalesOrder":
        fulfill_order(engine, _bound(engine, call, body, "OrderClose", "salesorderid", "salesorder"), status, caller)
    elif name == "CancelSalesOrder":
        cancel_order(engine, _bound(engine, call, body, "OrderClose", "salesorderid", "salesorder"), status, caller)
    elif name == "ReviseQuote":
        return "quote", revise_quote(engine, _id(body, "QuoteId"), caller)
    elif name == "ConvertQuoteToSalesOrder":
        return "salesorder", quote_to_order(engine, _id(body, "QuoteId"), caller)
    elif name == "ConvertSalesOrderToInvoice":
        return "invoice", order_to_invoice(engine, _id(body, "SalesOrderId"), caller)
    elif name in ("LockSalesOrderPricing", "UnlockSalesOrderPricing"):
        lock_prices(engine, "salesorder", _id(body, "SalesOrderId"), name.startswith("Lock"), caller)
    elif name in ("LockInvoicePricing", "UnlockInvoicePricing"):
        lock_prices(engine, "invoice", _id(body, "InvoiceId"), name.startswith("Lock"), caller)
    elif name == "Merge":
        if unknown := sorted(body.keys() - {"Target", "Subordinate", "PerformParentingChecks"}):
            raise not_implemented(f"the parameter {unknown[0]} of Merge")
        ids = {table: engine.table(table).id for table in merging.MERGED_TABLES}
        merging.merge(engine, *merging.records(dict(body), ids), {}, caller)
    else:
        raise KeyError(name)
    return None


def _id(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not is_guid(value):
        raise SalesError(400, "0x80048d19", f"The parameter {name} is missing or not a GUID.")
    return value.lower()


def _bound(engine: Engine, call: Call, body: Mapping[str, Any], parameter: str, lookup: str, table: str) -> str:
    activity = body.get(parameter)
    reference = activity.get(f"{lookup}@odata.bind") if isinstance(activity, dict) else None
    if not isinstance(reference, str):
        raise SalesError(400, "0x80048d19", f"{parameter} must bind {lookup}.")
    return resolve_reference(engine, call, reference, (table,))[1]
