"""From a path to the columns that it ends at, by the catalog.

A column that the catalog does not have is accepted where it can only be this customer's own: in Sales with a
publisher's prefix (`abc_segment`), in F&O where the caller says so. Its sort is then UNKNOWN, and so it is for the
columns of tables outside the catalog.
"""

from __future__ import annotations

import re

from p2c.documents import SystemName
from p2c.errors import ConfigError
from p2c.templates.catalog import (
    FinopsProperty,
    SalesColumn,
    SalesTable,
    Sort,
    finops_entity,
    sales_table_by_set,
    sales_tables,
)
from p2c.templates.paths import Column, Follow, Path, Target

HEADER_RESULTS = frozenset(
    f"amounts.{name}"
    for name in (
        "freight",
        "discount",
        "percentage",
        "headerTax",
        "headerTaxPrice",
        "headerTaxDiscount",
        "extraPrice",
        "extraDiscount",
    )
)
"""What `amounts` of a template computes for the header, as source paths."""

LINE_RESULTS = frozenset(
    f"amounts.{name}"
    for name in ("quantity", "price", "priceOverridden", "discount", "tax", "chargePrice", "chargeDiscount")
)
"""What it computes for each line."""

RESULTS = HEADER_RESULTS | LINE_RESULTS

Cell = SalesColumn | FinopsProperty
"""A column of either system; both have `name` and `sort`."""

_PREFIXED = re.compile(r"^(?!msdyn(ce)?_)[a-z][a-z0-9]{1,7}_[a-z0-9_]+$")
_DEEPEST = 2


SPREAD = frozenset({"spread.discountPerUnit", "spread.charges"})
"""Sources that no row has: mapping computes them for each line of a task with `spread`."""


def is_spread(path: Path) -> bool:
    """Whether the path is one of `SPREAD` or misspells one: no table has a lookup of that name."""
    return isinstance(path, Follow) and path.column == "spread"


def is_own(column: str) -> bool:
    """Whether the name can be that of a customer's own Sales column: a publisher's prefix that is not Microsoft's."""
    return bool(_PREFIXED.match(column))


def cells(system: SystemName, entity_set: str, path: Path, *, custom: bool = False) -> tuple[Cell, ...]:
    """The columns that the path ends at, one per target; a result of `amounts` is a number.

    `custom` accepts a F&O name that the catalog does not have.

    Raises ConfigError: an unknown name, a lookup where none can be, or more than two lookups in a row.
    """
    if is_spread(path):
        if str(path) not in SPREAD:
            raise ConfigError(f"{path} is unknown: there are {' and '.join(sorted(SPREAD))}")
        return (SalesColumn(str(path), "Money"),)
    if str(path) in RESULTS:
        return (FinopsProperty(str(path), "Unknown" if str(path) == "amounts.priceOverridden" else "Decimal"),)
    if system == "finops":
        if not isinstance(path, Column):
            raise ConfigError(f"{path} follows a lookup: entities of Finance and Operations have none")
        entity = finops_entity(entity_set)
        found = entity.find(path.name)
        if found is None and custom:
            return (FinopsProperty(path.name, "Unknown"),)
        return (found or entity.property(path.name),)
    return _ends(sales_table_by_set(entity_set), path, 0)


def bind(path: Path, table: str) -> Path:
    """The path, begun at the Sales table `table`, with every target's table named. Raises ConfigError like `cells`."""
    if isinstance(path, Column) or is_spread(path):
        return path
    whose = path.borrowed
    if whose is not None:
        return Follow(path.column, (Target("", bind(whose, table)),))
    tables = _tables(path, sales_tables().get(table))
    return Follow(
        path.column,
        tuple(Target(name, bind(target.path, name)) for name, target in zip(tables, path.targets, strict=True)),
    )


def _ends(table: SalesTable | None, path: Path, depth: int) -> tuple[Cell, ...]:
    if isinstance(path, Column):
        return (_column(table, path.name),)
    whose = path.borrowed
    if whose is not None:
        return _ends(table, whose, depth)
    if depth == _DEEPEST:
        raise ConfigError(f"{path} follows more than {_DEEPEST} lookups in a row")
    ends: list[Cell] = []
    for name, target in zip(_tables(path, table), path.targets, strict=True):
        ends += _ends(sales_tables().get(name), target.path, depth + 1)
    return tuple(ends)


def _tables(path: Follow, table: SalesTable | None) -> list[str]:
    """The tables that the targets of a lookup lead to, in order."""
    column = _column(table, path.column)
    if column.sort not in (Sort.LOOKUP, Sort.UNKNOWN):
        raise ConfigError(f"{path.column} is no lookup, so that .{path.targets[0]} leads nowhere")
    names: list[str] = []
    for target in path.targets:
        if target.table and column.targets and target.table not in column.targets:
            raise ConfigError(f"{path.column} does not lead to {target.table!r}, but to {' or '.join(column.targets)}")
        if not target.table and len(column.targets) != 1:
            known = ", ".join(f"{path.column}.{one.capitalize()}(...)" for one in column.targets)
            raise ConfigError(
                f"{path.column} may lead to several tables: name the one you mean"
                + (f", as in {known}" if known else f", as in {path.column}.Account(...)")
            )
        names.append(target.table or column.targets[0])
    return names


def _column(table: SalesTable | None, name: str) -> SalesColumn:
    if table is None:
        return SalesColumn(name, "Unknown")
    found = table.find(name)
    if found is not None:
        return found
    return SalesColumn(name, "Unknown") if is_own(name) else table.column(name)
