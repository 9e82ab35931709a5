"""Quotes, orders and invoices as headers: numbers, customer, currency, states and what each state lets change."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sandbox.sales.changes import Change, Message, Stage
from sandbox.sales.engine import Engine, Rule
from sandbox.sales.errors import SalesError, bad_status
from sandbox.sales.rules.pricing import update_totals
from sandbox.sales.stamping import state_name

LINES: Mapping[str, tuple[str, str]] = {
    "quote": ("quotedetail", "quoteid"),
    "salesorder": ("salesorderdetail", "salesorderid"),
    "invoice": ("invoicedetail", "invoiceid"),
}
_NUMBERS = {"quote": ("quotenumber", "QUO"), "salesorder": ("ordernumber", "ORD"), "invoice": ("invoicenumber", "INV")}
_READ_ONLY = {"quote": {1, 2, 3}, "salesorder": {1, 2, 3, 4}, "invoice": {1, 2, 3}}
_STATE_COLUMNS = frozenset({"statecode", "statuscode"})
# What moves a header's totals when it is written by itself.
_PRICED = ("discountamount", "discountpercentage", "freightamount", "pricelevelid")
_COPIED_TO_LINES = ("ownerid", "owneridtype", "owninguser", "owningteam", "owningbusinessunit", "transactioncurrencyid")


def before_create(engine: Engine, change: Change) -> None:
    """Fill number, customer, currency and price lock of a new header."""
    column, prefix = _NUMBERS[change.table.name]
    if change.row.get(column) is None:
        change.set(column, engine.next_number(prefix, change.id))
    if change.table.name == "quote" and change.row.get("revisionnumber") is None:
        change.set("revisionnumber", 0)
    if change.row.get("ispricelocked") is None:
        change.set("ispricelocked", False)
    for name in ("totalamount", "totallineitemamount", "totaltax", "totalamountlessfreight", "totaldiscountamount"):
        if change.row.get(name) is None:
            change.set(name, Decimal(0))
    split_customer(engine, change)
    _currency(engine, change)


def split_customer(_engine: Engine, change: Change) -> None:
    """Keep the derived account and contact columns in step with the customer."""
    if "customerid" in change.changes:
        kind = change.row.get("customeridtype")
        customer = change.row.get("customerid")
        change.set("accountid", customer if kind == "account" else None)
        change.set("contactid", customer if kind == "contact" else None)


def _currency(engine: Engine, change: Change) -> None:
    price_list_id = change.row.get("pricelevelid")
    price_list = engine.look("pricelevel", price_list_id) if price_list_id else None
    if change.row.get("transactioncurrencyid") is None:
        inherited = price_list["transactioncurrencyid"] if price_list else None
        change.set("transactioncurrencyid", inherited or engine.base_currency_id())
    if price_list and price_list["transactioncurrencyid"] != change.row["transactioncurrencyid"]:
        raise SalesError(400, "0x80048cf6", "The currency of the record does not match the currency of the price list.")


def before_update(engine: Engine, change: Change) -> None:
    """Check the state's change and whether the header may be edited at all."""
    before = change.before or {}
    change_state(engine, change)
    transition = change.row["statecode"] != before.get("statecode")
    read_only = before.get("statecode") in _READ_ONLY[change.table.name]
    privileged = change.caller.system or change.caller.administrator
    if read_only and not transition and not privileged and change.given - _STATE_COLUMNS:
        raise SalesError(400, "0x8004022e", "The object cannot be updated because it is read-only.")
    split_customer(engine, change)
    if change.moved("pricelevelid", "transactioncurrencyid"):
        _currency(engine, change)


def change_state(engine: Engine, change: Change) -> None:
    """Complete a state and status reason, check that they belong together and that an update may make this move."""
    if not change.given & _STATE_COLUMNS or change.before is None:
        return
    table = change.table
    old, new = change.before["statecode"], change.row["statecode"]
    status = change.row["statuscode"] if "statuscode" in change.given else None
    if status is None or status == -1:
        status = change.before["statuscode"] if new == old else table.columns["statecode"].default_status.get(new)
    if new not in table.columns["statecode"].options or table.columns["statuscode"].states.get(status or 0) != new:
        raise bad_status(status or 0, state_name(table, new), table.name, change.id)
    change.set("statecode", new)
    change.set("statuscode", status)
    if new != old and not change.caller.system:
        refusal = _refused_move(engine, table.name, old, new)
        if refusal:
            raise SalesError(400, "0x80048408", refusal)


def _refused_move(engine: Engine, table: str, old: int, new: int) -> str | None:
    if table == "quote":
        return _refused_quote_move(old, new)
    if table == "salesorder":
        return _refused_order_move(engine, old, new)
    if table == "invoice":
        options = engine.options
        allowed = {
            2: old == 0,
            3: old == 0 and options.invoice_canceled_by_update,
            0: options.revive_by_update,
        }.get(new, False)
        return None if allowed else "The state of the invoice cannot be changed in this way."
    return None


def _refused_quote_move(old: int, new: int) -> str | None:
    if new == 2:
        return "Quote status cannot be changed to Won. Please use the WinQuoteRequest instead."
    if new == 3:
        return "Quote status cannot be changed to Closed. Please use the CloseQuoteRequest instead."
    if new == 1 and old != 0:
        return "Quote status cannot be changed to Active."
    return None


def _refused_order_move(engine: Engine, old: int, new: int) -> str | None:
    prefix = "This message can not be used to set the state of SalesOrder to"
    use = "In order to set state of SalesOrder"
    if new == 3:
        return f"{prefix} Fullfilled. {use}, use the FullfillSalesOrder Request. Request message instead."
    if new == 2:
        return f"{prefix} Canceled. {use} to Canceled, use the CancelSalesOrderRequest Request message instead."
    if new == 4:
        return None if engine.options.order_invoiced_by_update else f"{prefix} Invoiced."
    if old in (2, 3, 4) and not engine.options.revive_by_update:
        return f"{prefix} {'Active' if new == 0 else 'Submitted'}."
    return None


def after_update(engine: Engine, change: Change) -> None:
    """Pass on to the lines what they repeat of their header, and move the totals."""
    lines, parent = LINES[change.table.name]
    repeated: dict[str, Any] = {
        name: change.row[name] for name in _COPIED_TO_LINES if change.moved(name) and name in change.row
    }
    if change.moved("statecode"):
        repeated[f"{change.table.name}statecode"] = change.row["statecode"]
    if change.moved("ispricelocked"):
        repeated[f"{change.table.name}ispricelocked"] = change.row["ispricelocked"]
    columns = engine.table(lines).columns
    repeated = {name: value for name, value in repeated.items() if name in columns}
    if repeated:
        # These are views of the header in the real system: the line's own version does not move.
        for line in engine.find(lines, {parent: change.id}):
            engine.store.update(lines, (line,), repeated)
    if change.moved(*_PRICED):
        update_totals(engine, change.table.name, change.id, change.caller)


def after_create(engine: Engine, change: Change) -> None:
    """Compute the totals of a header that was created with a discount or freight."""
    if any(change.row.get(name) for name in _PRICED[:3]):
        update_totals(engine, change.table.name, change.id, change.caller)


def before_delete(engine: Engine, change: Change) -> None:
    """Delete the lines along with the header."""
    lines, parent = LINES[change.table.name]
    for line in engine.find(lines, {parent: change.id}):
        engine.delete(lines, line, engine.system(change.caller))


def plain_state(engine: Engine, change: Change) -> None:
    """Check states of tables whose state any update may change."""
    change_state(engine, change)


RULES: list[tuple[Stage, Message, str, Rule]] = []
for _name in LINES:
    RULES += [
        ("before", "Create", _name, before_create),
        ("before", "Update", _name, before_update),
        ("after", "Update", _name, after_update),
        ("after", "Create", _name, after_create),
        ("before", "Delete", _name, before_delete),
    ]
for _name in ("account", "contact", "pricelevel", "uomschedule", "transactioncurrency"):
    RULES.append(("before", "Update", _name, plain_state))
