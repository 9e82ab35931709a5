"""Lines of quotes, orders and invoices: the header's state, products, units, write-ins and prices."""

from collections.abc import Mapping
from typing import Any

from sandbox.sales.changes import Change, Message, Stage
from sandbox.sales.engine import Engine, Rule
from sandbox.sales.errors import SalesError
from sandbox.sales.rules.pricing import PARENTS, price_line, update_totals

_OF_HEADER = ("ownerid", "owneridtype", "owninguser", "owningteam", "owningbusinessunit")
_PRICED = ("quantity", "priceperunit", "manualdiscountamount", "tax", "productid", "uomid", "ispriceoverridden")


def _header(engine: Engine, change: Change) -> dict[str, Any]:
    table, column = PARENTS[change.table.name]
    parent = change.row.get(column)
    if parent is None:
        raise SalesError(400, "0x80043b02", f"The {table} id is missing.")
    return engine.need(table, parent)


def _check_parent(engine: Engine, change: Change, header: dict[str, Any]) -> None:
    editable = (
        {0, 1} if change.table.name == "salesorderdetail" and engine.options.submitted_order_lines_editable else {0}
    )
    if header["statecode"] not in editable and not change.caller.system:
        raise SalesError(400, "0x80043b09", "The detail cannot be updated because the parent is not editable.")


def before_create(engine: Engine, change: Change) -> None:
    """Check a new line against its header and product, and price it."""
    header = _header(engine, change)
    _check_parent(engine, change, header)
    row = change.row
    name = PARENTS[change.table.name][0]
    for column in _OF_HEADER:
        change.set(column, header[column])
    change.set(f"{name}statecode", header["statecode"])
    change.set(f"{name}ispricelocked", header.get("ispricelocked"))
    if row.get("transactioncurrencyid") not in (None, header["transactioncurrencyid"]):
        raise SalesError(400, "0x80048cf5", "The currency of the line does not match the currency of its parent.")
    change.set("transactioncurrencyid", header["transactioncurrencyid"])
    for column, default in (
        ("isproductoverridden", row.get("productid") is None),
        ("ispriceoverridden", False),
        ("producttypecode", 1),
        ("propertyconfigurationstatus", 2),
        ("willcall", False),
    ):
        if row.get(column) is None:
            change.set(column, default)
    check_product(engine, change)
    price_line(engine, change, header)


def check_product(engine: Engine, change: Change) -> None:
    """Refuse what a line may not have: a draft product, a foreign unit, a product on a write-in line."""
    row = change.row
    if row.get("isproductoverridden"):
        if row.get("productid"):
            raise SalesError(
                400, "0x80043afb", "You cannot set both 'productid' and 'productdescription' for the same record."
            )
        if row.get("uomid"):
            raise SalesError(
                400, "0x80043afa", "You cannot set both 'uomid' and 'productdescription' for the same record."
            )
        if not row.get("productdescription"):
            raise SalesError(400, "0x80043af9", "The product description of a write-in product is missing.")
        return
    if not row.get("productid"):
        raise SalesError(400, "0x80043b10", "The product id is missing.")
    product = engine.look("product", row["productid"])
    if change.moved("productid") and product["statecode"] != 0:
        raise SalesError(400, "0x8004f908", "You can only add active products.")
    if not row.get("uomid"):
        raise SalesError(400, "0x80043b0d", "The unit id is missing.")
    check_unit(engine, product, row["uomid"])
    change.set("productname", product["name"])


def check_unit(engine: Engine, product: Mapping[str, Any], unit_id: str) -> None:
    """Refuse a unit outside the product's unit group."""
    unit = engine.look("uom", unit_id)
    if unit["uomscheduleid"] != product["defaultuomscheduleid"]:
        raise SalesError(400, "0x80043b14", "The specified unit is not valid for this product.")


def before_update(engine: Engine, change: Change) -> None:
    """Check a change of a line, and price it anew where that matters."""
    header = _header(engine, change)
    _check_parent(engine, change, header)
    if change.moved("productid", "uomid", "productdescription"):
        check_product(engine, change)
    if any(name in change.changes for name in _PRICED):
        price_line(engine, change, header)


def before_delete(engine: Engine, change: Change) -> None:
    """Refuse to take a line off a header that is not editable."""
    table, column = PARENTS[change.table.name]
    header = engine.get(table, change.row[column])
    if header is not None:
        _check_parent(engine, change, header)


def after(engine: Engine, change: Change) -> None:
    """Move the header's totals."""
    table, column = PARENTS[change.table.name]
    update_totals(engine, table, change.row[column], change.caller)


RULES: list[tuple[Stage, Message, str, Rule]] = []
for _name in PARENTS:
    RULES += [
        ("before", "Create", _name, before_create),
        ("before", "Update", _name, before_update),
        ("before", "Delete", _name, before_delete),
        ("after", "Create", _name, after),
        ("after", "Update", _name, after),
        ("after", "Delete", _name, after),
    ]
