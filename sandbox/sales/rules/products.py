"""Products, price lists and their items."""

from sandbox.sales.changes import Change, Message, Stage
from sandbox.sales.engine import Engine, Rule
from sandbox.sales.errors import SalesError
from sandbox.sales.rules.bundles import FAMILY
from sandbox.sales.rules.documents import change_state
from sandbox.sales.rules.lines import check_unit

ACTIVE, RETIRED, DRAFT, UNDER_REVISION = 0, 1, 2, 3
_REFUSED_MOVES = {
    (ACTIVE, DRAFT): ("0x8004f912", "You can't set a published product to the draft state."),
    (UNDER_REVISION, DRAFT): ("0x80061035", "You can't set a published or retired product record to the draft state."),
    (RETIRED, DRAFT): ("0x8004f979", "It is not possible to move product from Retired to Draft State."),
    (DRAFT, RETIRED): ("0x8004f978", "You can't retire this product because it is in draft state."),
    (DRAFT, UNDER_REVISION): ("0x8004f913", "You can't revise a draft or a retired product."),
    (RETIRED, UNDER_REVISION): ("0x8004f913", "You can't revise a draft or a retired product."),
    (RETIRED, ACTIVE): ("0x8004f977", "You can't set a retired property to an active state."),
}


def before_create(engine: Engine, change: Change) -> None:
    """Check a new product and fill its defaults."""
    row = change.row
    if row.get("productnumber") is None:
        raise SalesError(400, "0x80043b05", "The product number can not be null.")
    _check_number(engine, change)
    for column, default in (("productstructure", 1), ("producttypecode", 1), ("quantitydecimal", 0), ("iskit", False)):
        if row.get(column) is None:
            change.set(column, default)
    if row.get("transactioncurrencyid") is None:
        change.set("transactioncurrencyid", engine.base_currency_id())
    if row.get("defaultuomscheduleid") is None and row["productstructure"] != FAMILY:
        raise SalesError(400, "0x80043b13", "The unit schedule id of the product is missing.")
    _check(engine, change)


def before_update(engine: Engine, change: Change) -> None:
    """Check a change of a product."""
    change_state(engine, change)
    if change.before is not None and change.moved("statecode"):
        move = (change.before["statecode"], change.row["statecode"])
        refused = _REFUSED_MOVES.get(move)
        if refused and not (move == (RETIRED, ACTIVE) and engine.options.retired_product_to_active):
            raise SalesError(400, *refused)
    if change.moved("productnumber"):
        _check_number(engine, change)
    _check(engine, change)


def _check_number(engine: Engine, change: Change) -> None:
    number = change.row.get("productnumber")
    if number is not None and any(found != change.id for found in engine.find("product", {"productnumber": number})):
        raise SalesError(
            400,
            "0x80043b06",
            "The specified product ID conflicts with the product ID of an existing record. Specify a different product "
            "ID and try again.",
        )


def _check(engine: Engine, change: Change) -> None:
    row = change.row
    if change.moved("defaultuomid", "defaultuomscheduleid") and row.get("defaultuomid"):
        check_unit(engine, row, row["defaultuomid"])
    decimals = row.get("quantitydecimal")
    if decimals is not None and not 0 <= decimals <= 5:
        raise SalesError(400, "0x80043b07", "The number of decimal places on the quantity is invalid.")


def before_delete(engine: Engine, change: Change) -> None:
    """Delete a product's or a price list's items along with it."""
    for item in engine.find("productpricelevel", {change.table.id: change.id}):
        engine.delete("productpricelevel", item, engine.system(change.caller))


def before_item_create(engine: Engine, change: Change) -> None:
    """Check a new price list item and fill what follows from product and price list."""
    row = change.row
    if row.get("pricelevelid") is None:
        raise SalesError(400, "0x80043b11", "The price level id is missing.")
    if row.get("productid") is None:
        raise SalesError(400, "0x80043b10", "The product id is missing.")
    price_list = engine.look("pricelevel", row["pricelevelid"])
    product = engine.look("product", row["productid"])
    if row.get("uomid") is None:
        change.set("uomid", product["defaultuomid"])
    if row.get("uomid") is None:
        raise SalesError(400, "0x80043b0d", "The unit id is missing.")
    check_unit(engine, product, row["uomid"])
    change.set("uomscheduleid", product["defaultuomscheduleid"])
    change.set("transactioncurrencyid", price_list["transactioncurrencyid"])
    change.set("productnumber", product["productnumber"])
    change.set("productidname", product["name"])
    for column, default in (("pricingmethodcode", 1), ("quantitysellingcode", 1), ("roundingpolicycode", 1)):
        if row.get(column) is None:
            change.set(column, default)
    same = {name: row[name] for name in ("pricelevelid", "productid", "uomid")}
    if engine.find("productpricelevel", same):
        raise SalesError(412, "0x80040237", "A record with matching key values already exists.")


def before_list_create(engine: Engine, change: Change) -> None:
    """Give a price list without a currency the organization's."""
    if change.row.get("transactioncurrencyid") is None:
        change.set("transactioncurrencyid", engine.base_currency_id())


def default_currency(engine: Engine, change: Change) -> None:
    """Give an account or contact with an amount and no currency the organization's."""
    row = change.row
    if row.get("transactioncurrencyid") is None and any(row.get(column.name) for column in change.table.amounts):
        change.set("transactioncurrencyid", engine.base_currency_id())


def full_name(_engine: Engine, change: Change) -> None:
    """Keep a contact's full name in step with its parts."""
    if change.message == "Create" or change.moved("firstname", "middlename", "lastname"):
        parts = (change.row.get(name) for name in ("firstname", "middlename", "lastname"))
        change.set("fullname", " ".join(part for part in parts if part) or None)


RULES: list[tuple[Stage, Message, str, Rule]] = [
    ("before", "Create", "product", before_create),
    ("before", "Update", "product", before_update),
    ("before", "Delete", "product", before_delete),
    ("before", "Delete", "pricelevel", before_delete),
    ("before", "Create", "productpricelevel", before_item_create),
    ("before", "Create", "pricelevel", before_list_create),
    ("before", "Create", "account", default_currency),
    ("before", "Update", "account", default_currency),
    ("before", "Create", "contact", default_currency),
    ("before", "Update", "contact", default_currency),
    ("before", "Create", "contact", full_name),
    ("before", "Update", "contact", full_name),
]
