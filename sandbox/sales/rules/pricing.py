"""System pricing: the amounts of a line, and the totals of its header.

base amount = quantity × (price per unit − volume discount); extended amount = base − manual discount + tax. The volume
discount is that of the discount list of the product's price list item, for the quantity that is bought. With the
discount method Per unit the manual discount counts once for each unit, with Line item once for the line.
"""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class ListItem:
    """What a price list says of a product in a unit: the price, and the discount list for larger quantities."""

    amount: Decimal
    discount_list: str | None


def price_line(engine: Engine, change: Change, header: dict[str, Any]) -> None:
    """Fill price and amounts of a line that is created or changed."""
    if not engine.options.system_pricing:
        return
    row = change.row
    write_in, currency = bool(row.get("isproductoverridden")), engine.currency(header.get("transactioncurrencyid"))
    places = currency.precision if currency else 2
    if write_in or row.get("ispriceoverridden"):
        if row.get("volumediscountamount"):
            change.set("volumediscountamount", None)
    elif not header.get("ispricelocked"):
        _price_by_list(engine, change, header, places)
    price = rounded(row.get("priceperunit") or _ZERO, engine.options.pricing_decimals)
    if engine.options.volume_discount_per_unit:
        price -= row.get("volumediscountamount") or _ZERO
    base = rounded((row.get("quantity") or _ZERO) * price, places)
    change.set("baseamount", base)
    change.set("extendedamount", base - _discount(engine, row, places) + rounded(row.get("tax") or _ZERO, places))


def _price_by_list(engine: Engine, change: Change, header: dict[str, Any], places: int) -> None:
    row = change.row
    item = list_item(engine, row.get("productid"), row.get("uomid"), header.get("pricelevelid"))
    change.set("priceperunit", item.amount if item else None)
    change.set("pricingerrorcode", 0 if item else _NOT_IN_PRICE_LIST)
    quantity = row.get("quantity") or _ZERO
    off = _volume_discount(engine, item, quantity) if item else _ZERO
    if not engine.options.volume_discount_per_unit:
        off *= quantity
    if off or row.get("volumediscountamount"):
        change.set("volumediscountamount", rounded(off, places) if off else None)


def list_item(engine: Engine, product: str | None, unit: str | None, price_list: str | None) -> ListItem | None:
    """Give the price list item of a product in a unit, or None where it is not on that price list."""
    if not (product and unit and price_list):
        return None
    return engine.remember(("price", product, unit, price_list), lambda: _read_item(engine, product, unit, price_list))


def _read_item(engine: Engine, product: str, unit: str, price_list: str) -> ListItem | None:
    key = {"productid": product, "pricelevelid": price_list, "uomid": unit}
    items = engine.find("productpricelevel", key)
    if not items:
        return None
    row = engine.need("productpricelevel", items[0])
    return ListItem(row["amount"], row["discounttypeid"]) if row["amount"] is not None else None


def _volume_discount(engine: Engine, item: ListItem, quantity: Decimal) -> Decimal:
    """Give the discount of one unit when that quantity is bought."""
    discounts = item.discount_list
    if discounts is None:
        return _ZERO
    steps = engine.remember(("discounts", discounts), lambda: _read_steps(engine, discounts))
    for low, high, percentage, amount in steps:
        if low <= quantity <= high:
            return item.amount * percentage / 100 + amount
    return _ZERO


def _read_steps(engine: Engine, discounts: str) -> list[tuple[Decimal, ...]]:
    names = ("lowquantity", "highquantity", "percentage", "amount")
    rows = (engine.need("discount", found) for found in engine.find("discount", {"discounttypeid": discounts}))
    return [tuple(row[name] or _ZERO for name in names) for row in rows]


def _discount(engine: Engine, row: dict[str, Any], places: int) -> Decimal:
    # A line is priced before its amounts are rounded for the store.
    manual = rounded(row.get("manualdiscountamount") or _ZERO, places)
    if engine.options.discount_per_unit:
        manual *= row.get("quantity") or _ZERO
    if not engine.options.volume_discount_per_unit:
        manual += row.get("volumediscountamount") or _ZERO
    return rounded(manual, places)


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
