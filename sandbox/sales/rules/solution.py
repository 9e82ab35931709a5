"""What the plug-ins of Microsoft's Prospect-to-cash solution do, read from the published package.

Numbers for accounts and contacts, the contact's customer flags, price list items of externally maintained products, the
flags of orders and quotes with their lines (which rewrites all sibling lines), and the Freight Tax line.
"""

from decimal import Decimal
from typing import Any

from sandbox.sales.changes import Caller, Change, Message, Stage
from sandbox.sales.engine import Engine, Rule
from sandbox.sales.errors import SalesError
from sandbox.sales.rules.documents import LINES
from sandbox.sales.rules.pricing import PARENTS

FREIGHT_TAX = "Freight Tax"
HEADER_FLAG = "msdynce_hasexternallymaintainedproductsonly"
# The lines' columns are spelled differently from the headers'.
LINE_FLAG = {
    "quotedetail": "msdynce_quotehasexternalmaintainedproductsonly",
    "salesorderdetail": "msdynce_orderhasexternalmaintainedproductsonly",
}
_FLAGGED = ("productid", "productdescription")
_ITEM_COLUMNS = ("transactioncurrencyid", "pricelevelid", "defaultuomid", "price")


def account_number(engine: Engine, change: Change) -> None:
    """Fill an empty account number."""
    if not change.caller.bypass and change.row.get("accountnumber") is None:
        change.set("accountnumber", engine.next_number("ACC", change.id))


def contact_number(engine: Engine, change: Change) -> None:
    """Fill an empty contact number, and say whether the contact's company is an account."""
    if change.caller.bypass:
        return
    if change.row.get("msdynce_contactnumber") is None:
        change.set("msdynce_contactnumber", engine.next_number("CON", change.id))
    company_is_account(engine, change)


def company_is_account(_engine: Engine, change: Change) -> None:
    """Follow the kind of a contact's company."""
    if not change.caller.bypass and (change.message == "Create" or "parentcustomerid" in change.changes):
        is_account = bool(change.row.get("parentcustomerid")) and change.row.get("parentcustomeridtype") == "account"
        change.set("msdynce_iscompanyanaccount", is_account)


def activate_customer(engine: Engine, change: Change) -> None:
    """Mark a contact that became the customer of a document."""
    if change.caller.bypass or not change.moved("customerid") or change.row.get("customeridtype") != "contact":
        return
    contact = engine.get("contact", change.row["customerid"])
    if contact is not None and not contact["msdynce_isactivecustomer"]:
        system = engine.system(change.caller)
        engine.update("contact", contact["contactid"], {"msdynce_isactivecustomer": True}, system)


def price_list_item(engine: Engine, change: Change) -> None:
    """Put an externally maintained product on its price list, or on the first active one of its currency."""
    row = change.row
    if change.caller.bypass or not row.get("msdynce_ismaintainedexternally"):
        return
    if change.message == "Update" and not any(name in change.given for name in _ITEM_COLUMNS):
        return
    price_list = row.get("pricelevelid") or _first_price_list(engine, row["transactioncurrencyid"])
    if price_list is None:
        raise SalesError(
            400, "0x80040265", f"No active price list was found for the currency of product {row['productnumber']}."
        )
    if row.get("defaultuomid") is None:
        raise SalesError(400, "0x80040265", f"The default unit of product {row['productnumber']} is missing.")
    system = engine.system(change.caller)
    key = {"productid": change.id, "pricelevelid": price_list, "uomid": row["defaultuomid"]}
    amount = row.get("price") or Decimal(0)
    existing = engine.find("productpricelevel", key)
    if existing:
        engine.update("productpricelevel", existing[0], {"amount": amount}, system)
    else:
        engine.create("productpricelevel", {**key, "amount": amount}, system)


def _first_price_list(engine: Engine, currency: str) -> str | None:
    store = engine.store
    found = store.select(
        "pricelevel",
        (store.column("pricelevel", "transactioncurrencyid") == currency)
        & (store.column("pricelevel", "statecode") == 0),
        order_by=(store.column("pricelevel", "name"),),
        limit=1,
        columns=("pricelevelid",),
    )
    return str(found[0]["pricelevelid"]) if found else None


def line_changed(engine: Engine, change: Change) -> None:
    """Recompute the flag of the header when a line comes, goes or gets another product."""
    if change.caller.bypass or (change.message == "Update" and not any(name in change.given for name in _FLAGGED)):
        return
    header, column = PARENTS[change.table.name]
    header_id = change.row[column]
    echo = not engine.in_bulk
    engine.later(
        ("flags", header, header_id), lambda: refresh_flags(engine, header, header_id, change.caller, echo=echo)
    )


def refresh_flags(engine: Engine, header: str, header_id: str, caller: Caller, *, echo: bool) -> None:
    """Set the flag of a quote or order and rewrite it on every line; without `echo` only on lines that differ."""
    row = engine.get(header, header_id)
    if row is None:
        return
    lines, column = LINES[header]
    store = engine.store
    flag = LINE_FLAG[lines]
    id_name = engine.table(lines).id
    names = [id_name, "productid", flag]
    if "msdynce_ismisctax" in engine.table(lines).columns:
        names.append("msdynce_ismisctax")
    found = store.select(lines, store.column(lines, column) == header_id, columns=names)
    # Our own tax line is a write-in product that does not make the document hand-made.
    counted = [line["productid"] for line in found if not line.get("msdynce_ismisctax")]
    external = all(_is_external(engine, product) for product in counted)
    if row[HEADER_FLAG] != external:
        engine.write(header, header_id, {HEADER_FLAG: external}, caller)
    for line in found:
        if echo or line[flag] != external:
            engine.write(lines, line[id_name], {flag: external}, caller)


def _is_external(engine: Engine, product_id: str | None) -> bool:
    if product_id is None:
        return False
    product = engine.remember(("product or none", product_id), lambda: engine.get("product", product_id))
    return bool(product and product["msdynce_ismaintainedexternally"])


def freight_tax(engine: Engine, change: Change) -> None:
    """Write, change or remove the line that stands for a header's tax."""
    if change.caller.bypass or "msdynce_misctax" not in change.changes:
        return
    amount = change.row.get("msdynce_misctax")
    if change.message == "Create" and not amount:
        return
    lines, column = LINES[change.table.name]
    system = engine.system(change.caller)
    existing = engine.find(lines, {column: change.id, "msdynce_ismisctax": True})
    if not amount:
        for line in existing:
            engine.delete(lines, line, system)
    elif existing:
        engine.update(lines, existing[0], {"priceperunit": amount}, system)
    else:
        line_values: dict[str, Any] = {
            column: change.id,
            "isproductoverridden": True,
            "ispriceoverridden": True,
            "productdescription": FREIGHT_TAX,
            "quantity": Decimal(1),
            "priceperunit": amount,
            "msdynce_ismisctax": True,
        }
        engine.create(lines, line_values, system)


RULES: list[tuple[Stage, Message, str, Rule]] = [
    ("before", "Create", "account", account_number),
    ("before", "Create", "contact", contact_number),
    ("before", "Update", "contact", company_is_account),
    ("after", "Create", "product", price_list_item),
    ("after", "Update", "product", price_list_item),
]
for _name in LINES:
    RULES += [("after", "Create", _name, activate_customer), ("after", "Update", _name, activate_customer)]
for _name in ("salesorder", "invoice"):
    RULES += [("after", "Create", _name, freight_tax), ("after", "Update", _name, freight_tax)]
for _name in LINE_FLAG:
    RULES += [
        ("after", "Create", _name, line_changed),
        ("after", "Update", _name, line_changed),
        ("after", "Delete", _name, line_changed),
    ]
