"""How the paths of a read become `$select` and `$expand`, and how the rows that come back become flat again.

A lookup is read as `_column_value` and known under its column's name; a followed lookup is expanded by its navigation
property, one for each table that it may lead to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from p2c.documents import Value
from p2c.errors import ConfigError
from p2c.systems.sales.presence import Absent
from p2c.templates import catalog, paths
from p2c.templates.catalog import SalesTable, Sort
from p2c.templates.paths import Column, Path, Target
from p2c.templates.resolve import bind

MOST_EXPANDS = 15
"""Dataverse takes so many `$expand` in one request, nested ones counted."""

Getter = Callable[[Mapping[str, Any]], Value]


def is_lookup(table: SalesTable, column: str) -> bool:
    """Whether the column points to another row."""
    known = table.find(column)
    return known is not None and known.sort is Sort.LOOKUP


def stored(table: SalesTable, column: str) -> str:
    """The name under which the Web API reads, filters and orders a column: lookups are `_column_value`."""
    return f"_{column}_value" if is_lookup(table, column) else column


def columns_of(table: SalesTable, names: Iterable[str]) -> list[str]:
    """The columns of the row itself that these paths begin at, each once, as `$select` wants them."""
    return list(dict.fromkeys(stored(table, paths.root(paths.parse(name))) for name in names))


@dataclass(slots=True)
class Expand:
    """One `$expand`: columns of the row behind a navigation property, and further ones from there."""

    navigation: str
    select: set[str] = field(default_factory=set)
    further: dict[str, Expand] = field(default_factory=dict)

    def __str__(self) -> str:
        options = []
        if self.select or self.further:
            options.append("$select=" + ",".join(sorted(self.select)))
        if self.further:
            options.append("$expand=" + ",".join(map(str, self.further.values())))
        return f"{self.navigation}({';'.join(options)})"

    @property
    def size(self) -> int:
        """How many expands it is, with the nested ones."""
        return 1 + sum(one.size for one in self.further.values())


class Shape:
    """The paths of one table: what to ask for, and how to flatten an answer.

    `also` are columns to ask for besides; `absent` ends of followed lookups that the environment has not. Raises
    ConfigError for a path that leads nowhere.
    """

    def __init__(
        self, table: SalesTable, names: Iterable[str], *, also: Iterable[str] = (), absent: Absent = frozenset()
    ) -> None:
        self.table = table
        self._absent = absent
        self._expands: dict[str, Expand] = {}
        self._getters: dict[str, Getter] = {}
        selected = [table.id, *columns_of(table, also)]
        for name in dict.fromkeys(names):
            path = bind(paths.parse(name), table.name)
            if isinstance(path, Column):
                selected.append(stored(table, path.name))
            self._getters[name] = self._getter(path, table, self._expands)
        self.select = ",".join(dict.fromkeys(selected))

    def expansions(self) -> Iterator[str]:
        """The values of `$expand`, cut so that none has too many; no value when nothing is followed."""
        chunk: list[Expand] = []
        for one in self._expands.values():
            if chunk and sum(each.size for each in chunk) + one.size > MOST_EXPANDS:
                yield ",".join(map(str, chunk))
                chunk = []
            chunk.append(one)
        if chunk:
            yield ",".join(map(str, chunk))

    def flat(self, raw: Mapping[str, Any]) -> dict[str, Value]:
        """The row by path. A path whose lookup is empty, or whose row the user may not read, is None."""
        return {name: get(raw) for name, get in self._getters.items()}

    def _getter(self, path: Path, table: SalesTable | None, expands: dict[str, Expand]) -> Getter:
        if isinstance(path, Column):
            return column_getter(table, path.name)
        if table is None or path.borrowed is not None:
            raise ConfigError(f"{path} cannot be read: it makes sense as a destination only")
        there = [target for target in path.targets if (target.table, str(target.path)) not in self._absent]
        ways = [self._way(path.column, target, table, expands) for target in there]

        def follow(raw: Mapping[str, Any]) -> Value:
            for navigation, get in ways:
                row = raw.get(navigation)
                if row is not None and (value := get(row)) is not None:
                    return value
            return None

        return follow

    def _way(self, column: str, target: Target, table: SalesTable, expands: dict[str, Expand]) -> tuple[str, Getter]:
        navigation = table.navigation(column, target.table)
        expand = expands.setdefault(navigation, Expand(navigation))
        beyond = catalog.sales_tables().get(target.table)
        if isinstance(target.path, Column):
            expand.select.add(stored(beyond, target.path.name) if beyond else target.path.name)
        elif beyond is not None:
            expand.select.add(beyond.id)
        return navigation, self._getter(target.path, beyond, expand.further)


def column_getter(table: SalesTable | None, column: str) -> Getter:
    """Reads a column out of a raw row: amounts always as Decimal, which JSON's `10` would not be."""
    name = stored(table, column) if table else column
    known = table.find(column) if table else None
    if known is not None and known.sort in (Sort.MONEY, Sort.DECIMAL):
        return lambda raw: None if (value := raw.get(name)) is None else Decimal(value)

    def get(raw: Mapping[str, Any]) -> Value:
        value: Value = raw.get(name)
        return value

    return get
