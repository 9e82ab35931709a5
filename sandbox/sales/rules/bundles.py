"""Product families and bundles: what may stand on a line, and the lines of a bundle's required products."""

from decimal import Decimal
from typing import Any

from sandbox.sales.changes import Change, Message, Stage
from sandbox.sales.engine import Engine, Rule
from sandbox.sales.errors import SalesError
from sandbox.sales.rules.pricing import PARENTS

FAMILY, BUNDLE = 2, 3
BUNDLE_LINE, REQUIRED_LINE = 2, 3


def settle_kind(engine: Engine, change: Change) -> None:
    """Refuse a family on a line, and mark the line of a bundle."""
    product = change.row.get("productid")
    if not product or not change.moved("productid"):
        return
    structure = engine.look("product", product)["productstructure"]
    if structure == FAMILY:
        raise SalesError(400, "0x8004f98d", "You can only add products and bundles, not a product family.")
    if structure == BUNDLE:
        change.set("producttypecode", BUNDLE_LINE)


def add_components(engine: Engine, change: Change) -> None:
    """Write a line for each required product of a bundle, in the quantity that the bundle holds."""
    row, table = change.row, change.table.name
    if row.get("producttypecode") != BUNDLE_LINE or not row.get("productid") or change.caller.copying:
        return
    header = PARENTS[table][1]
    system = engine.system(change.caller)
    for found in engine.find("productassociation", {"productid": row["productid"], "productisrequired": 1}):
        part = engine.need("productassociation", found)
        line: dict[str, Any] = {
            header: row[header],
            "productid": part["associatedproduct"],
            "uomid": part["uomid"],
            "quantity": (part["quantity"] or Decimal(1)) * (row.get("quantity") or Decimal(0)),
            "producttypecode": REQUIRED_LINE,
            "parentbundleid": change.id,
            "productassociationid": found,
        }
        if not engine.options.bundle_components_priced:
            line |= {"ispriceoverridden": True, "priceperunit": Decimal(0)}
        engine.create(table, line, system)


def follow_quantity(engine: Engine, change: Change) -> None:
    """Give the lines of a bundle's products the quantity that follows from the bundle's."""
    if change.row.get("producttypecode") != BUNDLE_LINE or not change.moved("quantity"):
        return
    for line in _components(engine, change):
        association = engine.need(change.table.name, line)["productassociationid"]
        part = engine.get("productassociation", association) if association else None
        if part is not None:
            quantity = (part["quantity"] or Decimal(1)) * (change.row["quantity"] or Decimal(0))
            engine.update(change.table.name, line, {"quantity": quantity}, engine.system(change.caller))


def delete_components(engine: Engine, change: Change) -> None:
    """Delete the lines of a bundle's products along with its own."""
    if change.row.get("producttypecode") == BUNDLE_LINE:
        for line in _components(engine, change):
            engine.delete(change.table.name, line, engine.system(change.caller))


def _components(engine: Engine, change: Change) -> list[str]:
    header = PARENTS[change.table.name][1]
    return engine.find(change.table.name, {header: change.row[header], "parentbundleid": change.id})


RULES: list[tuple[Stage, Message, str, Rule]] = []
for _name in PARENTS:
    RULES += [
        ("before", "Create", _name, settle_kind),
        ("before", "Update", _name, settle_kind),
        ("before", "Delete", _name, delete_components),
        ("after", "Create", _name, add_components),
        ("after", "Update", _name, follow_quantity),
    ]
