"""System pricing: the amounts of a line, and the totals of its header.

base amount = quantity × price per unit; extended amount = base − discounts + tax. With the discount method Per unit the
manual discount counts once for each unit, with Line item once for the line.
"""

from decimal import Decimal
from typing import Any

from sandbox.sales.changes import Caller, Change
from sandbox.sales.engine import Engine
from sandbox.sales.values import rounded

PARENTS = {
    "quotedetail": ("quote", "quoteid"),
    "salesorderdetail": ("salesorder", "salesorderid"),
    "invoicedetail": ("invoice", "invoiceid"),
}
_ZERO = Decimal(0)
_NOT_IN_PRICE_LIST = 11
_SUMMED = ("baseamount", "manualdiscountamount", "volumediscountamount", "tax", "quantity")


def price_line(engine: Engine, change: Change, header: dict[str, Any]) -> None:
    """Fill price and amounts of a line that is created or changed."""
    if not engine.options.system_pricing:
        return
    row = change.row
    write_in = bool(row.get("isproductoverridden"))
    if not write_in and not row.get("ispriceoverridden") and not header.get("ispricelocked"):
        price = list_price(engine, row.get("productid"), row.get("uomid"), header.get("pricelevelid"))
        change.set("priceperunit", price)
        change.set("pricingerrorcode", 0 if price is not None else _NOT_IN_PRICE_LIST)
    currency = engine.currency(header.get("transactioncurrencyid"))
    places = currency.precision if currency else 2
    price = rounded(row.get("priceperunit") or _ZERO, engine.options.pricing_decimals)
    base = rounded((row.get("quantity") or _ZERO) * price, places)
    change.set("baseamount", base)
    change.set("extendedamount", base - _discount(engine, row, places) + rounded(row.get("tax") or _ZERO, places))


def list_price(engine: Engine, product: str | None, unit: str | None, price_list: str | None) -> Decimal | None:
    """Give the price of a product in a unit on a price list, or None where it is not on it."""
    if not (product and unit and price_list):
        return None
    return engine.remember(("price", product, unit, price_list), lambda: _read_price(engine, product, unit, price_list))


def _read_price(engine: Engine, product: str, unit: str, price_list: str) -> Decimal | None:
    key = {"productid": product, "pricelevelid": price_list, "uomid": unit}
    items = engine.find("productpricelevel", key)
    amount: Decimal | None = engine.need("productpricelevel", items[0])["amount"] if items else None
    return amount


def _discount(engine: Engine, row: dict[str, Any], places: int) -> Decimal:
    manual = row.get("manualdiscountamount") or _ZERO
    if engine.options.discount_per_unit:
        manual *= row.get("quantity") or _ZERO
    return rounded(manual + (row.get("volumediscountamount") or _ZERO), places)


def update_totals(engine: Engine, header: str, header_id: str, caller: Caller) -> None:
    """Compute a header's totals now, or at the end of a bulk operation."""
    engine.later(("totals", header, header_id), lambda: recalculate(engine, header, header_id, caller))


def recalculate(engine: Engine, header: str, header_id: str, caller: Caller) -> None:
    """Sum a header's lines. Writes the header only where a total moves."""
    row = engine.get(header, header_id)
    if row is None or not engine.options.system_pricing:
        return
    lines, parent = next((name, column) for name, (table, column) in PARENTS.items() if table == header)
    store = engine.store
    found = store.select(lines, store.column(lines, parent) == header_id, columns=_SUMMED)
    currency = engine.currency(row["transactioncurrencyid"])
    places = currency.precision if currency else 2
    discounts = sum((_discount(engine, line, places) for line in found), _ZERO)
    items = sum((line["baseamount"] or _ZERO for line in found), _ZERO) - discounts
    tax = sum((line["tax"] or _ZERO for line in found), _ZERO)
    percentage = row["discountpercentage"] or _ZERO
    own_discount = rounded((row["discountamount"] or _ZERO) + items * percentage / 100, places)
    totals: dict[str, Any] = {
        "totallineitemamount": items,
        "totallineitemdiscountamount": sum((line["manualdiscountamount"] or _ZERO for line in found), _ZERO),
        "totaldiscountamount": own_discount,
        "totalamountlessfreight": items - own_discount,
        "totaltax": tax,
        "totalamount": items - own_discount + (row["freightamount"] or _ZERO) + tax,
    }
    if any(row[name] != value for name, value in totals.items()):
        rate = currency.rate if currency else Decimal(1)
        for name in list(totals):
            totals[f"{name}_base"] = rounded(totals[name] / rate, 4)
        engine.write(header, header_id, totals, caller)
