"""The catalog: the tables, columns, entity sets, properties and enums of the two systems, as read from their metadata.

It is what can be known without a network. An environment may have more (columns of one's own) and less (no P2C
solution): preflight compares it with the real metadata.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from p2c.errors import ConfigError

_NOTHING: Mapping[Any, Any] = MappingProxyType({})

ORGANIZATION_PRECISION = 1
"""The `precision_source` of a money column that has the organisation's price precision."""


class Sort(StrEnum):
    """What a column holds, in terms that both systems share."""

    TEXT = "text"
    MONEY = "money"
    DECIMAL = "decimal"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    CHOICE = "choice"  # a number that the column's options explain (Sales)
    ENUM = "enum"  # a symbol of an enum (F&O)
    DATE = "date"  # a day, the same everywhere
    LOCAL_DAY = "local day"  # kept as a moment, shown as a day in a time zone (Sales)
    MOMENT = "moment"
    LOOKUP = "lookup"
    GUID = "guid"
    OTHER = "other"  # images, entity names: nothing that a template maps
    UNKNOWN = "unknown"  # a column of this customer's own


_SALES_SORTS = {
    "String": Sort.TEXT,
    "Memo": Sort.TEXT,
    "Money": Sort.MONEY,
    "Decimal": Sort.DECIMAL,
    "Double": Sort.DECIMAL,
    "Integer": Sort.INTEGER,
    "BigInt": Sort.INTEGER,
    "Boolean": Sort.BOOLEAN,
    "Picklist": Sort.CHOICE,
    "State": Sort.CHOICE,
    "Status": Sort.CHOICE,
    "Lookup": Sort.LOOKUP,
    "Customer": Sort.LOOKUP,
    "Owner": Sort.LOOKUP,
    "Uniqueidentifier": Sort.GUID,
    "Unknown": Sort.UNKNOWN,
}
_FINOPS_SORTS = {
    "String": Sort.TEXT,
    "Decimal": Sort.DECIMAL,
    "Int32": Sort.INTEGER,
    "Int64": Sort.INTEGER,
    "Date": Sort.DATE,
    "UtcDateTime": Sort.MOMENT,
    "Unknown": Sort.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class SalesColumn:
    """A column of a Sales table, named and typed as in the metadata of Dataverse.

    `precision` counts decimals, `precision_source` says whose they are: 0 the column's own, 1 the organisation's price
    precision, 2 the currency's. `minimum` and `maximum` bound a number, both included; None where the tables' pages of
    Microsoft give no bound. `options` are the choices by number; `states` gives the state of each status.
    `create`/`update`/`read`: whether it is valid there. `solution`: it comes with the P2C solution.
    """

    name: str
    type: str
    max_length: int | None = None
    precision: int | None = None
    precision_source: int | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    behavior: str = ""
    format: str = ""
    create: bool = True
    update: bool = True
    read: bool = True
    required: bool = False
    solution: bool = False
    targets: tuple[str, ...] = ()
    options: Mapping[int, str] = field(default_factory=lambda: _NOTHING)
    states: Mapping[int, int] = field(default_factory=lambda: _NOTHING)
    default_status: Mapping[int, int] = field(default_factory=lambda: _NOTHING)

    @property
    def sort(self) -> Sort:
        """What it holds."""
        if self.type == "DateTime":
            if self.behavior == "DateOnly":
                return Sort.DATE
            return Sort.LOCAL_DAY if self.format == "DateOnly" else Sort.MOMENT
        return _SALES_SORTS.get(self.type, Sort.OTHER)


@dataclass(frozen=True, slots=True)
class SalesTable:
    """A table of Sales. `id` and `title` name its primary columns, `keys` its alternate keys."""

    name: str
    entity_set: str
    id: str
    title: str
    keys: tuple[tuple[str, ...], ...]
    columns: Mapping[str, SalesColumn]
    navigations: Mapping[str, str | Mapping[str, str]]

    def find(self, name: str) -> SalesColumn | None:
        """The column, None when the catalog does not have it."""
        return self.columns.get(name)

    def column(self, name: str) -> SalesColumn:
        """The column. Raises ConfigError, with names that are like it."""
        found = self.columns.get(name)
        if found is None:
            raise _unknown(f"table {self.name} has no column", name, self.columns)
        return found

    def navigation(self, column: str, target: str = "") -> str:
        """The navigation property of a lookup; `target` is the table it leads to, needed where it may be several."""
        names = self.navigations.get(column, column)
        if isinstance(names, str):
            return names
        if not target:
            raise ConfigError(f"{self.name}.{column} leads to several tables: one of {', '.join(names)} must be named")
        return names[target]


@dataclass(frozen=True, slots=True)
class FinopsProperty:
    """A property of a F&O entity: String, Decimal, Int32, Int64, Date, UtcDateTime or Enum (then `enum` names it)."""

    name: str
    type: str
    enum: str = ""

    @property
    def sort(self) -> Sort:
        """What it holds."""
        return Sort.ENUM if self.enum else _FINOPS_SORTS.get(self.type, Sort.OTHER)


@dataclass(frozen=True, slots=True)
class FinopsEntity:
    """A F&O entity set. `keys` are in key order; `dataAreaId` is one of them where rows belong to a legal entity."""

    name: str
    type: str
    keys: tuple[str, ...]
    properties: Mapping[str, FinopsProperty]

    def find(self, name: str) -> FinopsProperty | None:
        """The property, None when the catalog does not have it."""
        return self.properties.get(name)

    def property(self, name: str) -> FinopsProperty:
        """The property. Raises ConfigError, with names that are like it."""
        found = self.properties.get(name)
        if found is None:
            raise _unknown(f"entity {self.name} has no property", name, self.properties)
        return found


def sales_table(name: str) -> SalesTable:
    """The table by its logical name (`account`). Raises ConfigError."""
    found = sales_tables().get(name)
    if found is None:
        raise _unknown("Sales has no table", name, sales_tables())
    return found


def sales_table_by_set(entity_set: str) -> SalesTable:
    """The table by its entity set (`accounts`). Raises ConfigError."""
    found = _tables_by_set().get(entity_set)
    if found is None:
        raise _unknown("Sales has no entity set", entity_set, _tables_by_set())
    return found


def finops_entity(entity_set: str) -> FinopsEntity:
    """The entity by its entity set (`CustomersV2`). Raises ConfigError."""
    found = finops_entities().get(entity_set)
    if found is None:
        raise _unknown("Finance and Operations has no entity set", entity_set, finops_entities())
    return found


def enum(name: str) -> Mapping[str, int]:
    """The members of a F&O enum: symbol to number. Raises ConfigError."""
    found = enums().get(name)
    if found is None:
        raise _unknown("Finance and Operations has no enum", name, enums())
    return found


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`Did you mean 'x' or 'y'?` for the known names that are like `name`; empty when none is."""
    by_fold: dict[str, str] = {}
    for one in known:
        by_fold.setdefault(one.casefold(), one)
    close = difflib.get_close_matches(name.casefold(), list(by_fold), n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(repr(by_fold[one]) for one in close)}?" if close else ""


def _unknown(message: str, name: str, known: Iterable[str]) -> ConfigError:
    return ConfigError(f"{message} {name!r}.", hint=did_you_mean(name, known))


@cache
def sales_tables() -> Mapping[str, SalesTable]:
    """All tables of Sales by logical name."""
    return MappingProxyType({name: _table(name, raw) for name, raw in _read("sales").items()})


@cache
def _tables_by_set() -> Mapping[str, SalesTable]:
    return MappingProxyType({table.entity_set: table for table in sales_tables().values()})


@cache
def finops_entities() -> Mapping[str, FinopsEntity]:
    """All entities of F&O by entity set."""
    return MappingProxyType({name: _entity(name, raw) for name, raw in _read("finops").items()})


@cache
def enums() -> Mapping[str, Mapping[str, int]]:
    """All enums of F&O by name."""
    return MappingProxyType({name: MappingProxyType(members) for name, members in _read("enums").items()})


def _read(name: str) -> dict[str, Any]:
    text = resources.files("p2c.templates").joinpath("catalog", f"{name}.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text, parse_float=Decimal)
    return content


def _table(name: str, raw: dict[str, Any]) -> SalesTable:
    return SalesTable(
        name=name,
        entity_set=raw["entitySet"],
        id=raw["id"],
        title=raw["name"],
        keys=tuple(tuple(key) for key in raw["keys"]),
        columns=MappingProxyType({column: _column(column, facts) for column, facts in raw["columns"].items()}),
        navigations=MappingProxyType(raw["navigation"]),
    )


def _column(name: str, raw: dict[str, Any]) -> SalesColumn:
    def numbered(facts: dict[str, Any] | None) -> Mapping[int, Any]:
        return MappingProxyType({int(number): value for number, value in facts.items()}) if facts else _NOTHING

    def bound(end: str) -> Decimal | None:
        return Decimal(raw[end]) if end in raw else None

    return SalesColumn(
        name=name,
        type=raw["type"],
        max_length=raw.get("maxLength"),
        precision=raw.get("precision"),
        precision_source=raw.get("precisionSource"),
        minimum=bound("minimum"),
        maximum=bound("maximum"),
        behavior=raw.get("behavior", ""),
        format=raw.get("format", ""),
        create=raw.get("create", True),
        update=raw.get("update", True),
        read=raw.get("read", True),
        required=raw.get("required", False),
        solution=raw.get("solution", False),
        targets=tuple(raw.get("targets", ())),
        options=numbered(raw.get("options")),
        states=numbered(raw.get("states")),
        default_status=numbered(raw.get("defaultStatus")),
    )


def _entity(name: str, raw: dict[str, Any]) -> FinopsEntity:
    return FinopsEntity(
        name=name,
        type=raw["type"],
        keys=tuple(raw["keys"]),
        properties=MappingProxyType({one: _property(one, kind) for one, kind in raw["properties"].items()}),
    )


def _property(name: str, kind: str) -> FinopsProperty:
    if kind.startswith("enum "):
        return FinopsProperty(name, "Enum", kind.removeprefix("enum "))
    return FinopsProperty(name, kind)
