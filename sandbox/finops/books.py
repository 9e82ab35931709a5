"""The data of the application: rows with RecIds and RecVersions, companies, numbers, and the log of changes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import sqlalchemy as sa

from sandbox.finops.changes import ChangeEvent, Changes
from sandbox.finops.infolog import exists
from sandbox.finops.money import CENT
from sandbox.finops.options import Options
from sandbox.finops.tables import Table, tables
from sandbox.wire.service import Clock
from sandbox.wire.store import DuplicateKeyError, Row, Store, moment_text

FIRST_RECID = 68_719_480_000


@dataclass(frozen=True)
class Company:
    """A legal entity: its accounting currency, the sales tax on everything it sells (a fraction) and its country."""

    id: str
    name: str
    currency: str
    tax_rate: Decimal
    country: str


class Books:
    """Rows of all companies. Methods that write log a change; the caller groups writes with ``atomic``."""

    def __init__(self, options: Options, clock: Clock, seed: int = 1) -> None:
        self.options = options
        self.clock = clock
        self.store = Store({name: table.spec() for name, table in tables().items()})
        self.changes = Changes()
        self.companies: dict[str, Company] = {}
        self.user = "people"
        self._random = random.Random(seed)
        self._recid = FIRST_RECID
        self._numbers: Counter[tuple[str, str]] = Counter()

    # ---------------------------------------------------------------- reading

    def get(self, table: str, *key: Any) -> Row | None:
        """The row with that key, or None."""
        return self.store.get(table, key)

    def has(self, table: str, *key: Any) -> bool:
        """Whether a row has that key."""
        return self.store.has(table, key)

    def rows(self, table: str, **equal: Any) -> list[Row]:
        """The rows whose columns have these values, in the order of the table's key."""
        source = self.store.table(table)
        where = sa.and_(sa.true(), *(source.c[name] == value for name, value in equal.items()))
        return self.store.select(table, where, [source.c[name] for name in tables()[table].key])

    def company(self, company: str) -> Company | None:
        """The company of that id, in any case."""
        return self.companies.get(company.lower())

    def rounding_unit(self, currency: str) -> Decimal:
        """The smallest unit of sales amounts in that currency."""
        row = self.get("Currency", currency)
        return row["RoundingRuleSalesOrders"] if row is not None and row["RoundingRuleSalesOrders"] > 0 else CENT

    def today(self) -> str:
        """The day in UTC."""
        return self.clock.now().strftime("%Y-%m-%d")

    def now(self) -> str:
        """The moment in UTC."""
        return moment_text(self.clock.now())

    # ---------------------------------------------------------------- writing

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Takes back all that was written inside when the block raises."""
        with self.changes.atomic(), self.store.savepoint():
            yield

    @contextmanager
    def acting_as(self, user: str) -> Iterator[None]:
        """Logs changes made inside under that user's name."""
        before, self.user = self.user, user
        try:
            yield
        finally:
            self.user = before

    def add(self, table_name: str, row: Mapping[str, Any]) -> Row:
        """Adds a row, RecVersion 1 in each of its sources, and gives it whole. Raises InfologError for a taken key."""
        table = tables()[table_name]
        system: Row = {}
        used = {table.source_of(name) for name, value in row.items() if value not in ("", None, 0)}
        for index, source in enumerate(table.sources):
            if not source.optional or index in used:
                self._recid += 1
                system[f"_RecId{index}"] = self._recid
                system[f"_RecVersion{index}"] = 1
        full = {**row, **system}
        try:
            self.store.insert(table_name, full)
        except DuplicateKeyError as error:
            raise exists(table_name, table.label, _key_text(table, row)) from error
        key = table.key_of(row)
        self._log(table, key, "created")
        stored = self.store.get(table_name, key)
        assert stored is not None
        return stored

    def change(self, table_name: str, row: Row, changes: Mapping[str, Any], touch: bool = True) -> Row:
        """Writes columns of a row: the RecVersion of each source that owns one of them moves, changed values or not.

        ``touch=False`` is for what the application computes rather than stores: no RecVersion moves, nothing is logged.
        """
        table = tables()[table_name]
        written = dict(changes)
        if touch:
            for index in table.touched(changes):
                if row[f"_RecId{index}"] == 0:
                    if all(changes.get(name) in ("", None, 0) for name in changes if table.source_of(name) == index):
                        continue
                    self._recid += 1
                    written[f"_RecId{index}"] = self._recid
                    written[f"_RecVersion{index}"] = 1
                else:
                    written[f"_RecVersion{index}"] = self._random.randint(2, 2**31 - 1)
        self.store.update(table_name, table.key_of(row), written)
        if touch:
            self._log(table, table.key_of(row), "updated", tuple(changes))
        return {**row, **written}

    def change_where(self, table_name: str, changes: Mapping[str, Any], **equal: Any) -> None:
        """Sets computed columns of all rows with these values: no RecVersion moves, no change is logged."""
        source = self.store.table(table_name)
        self.store.update_where(
            table_name, sa.and_(*(source.c[name] == value for name, value in equal.items())), changes
        )

    def remove(self, table_name: str, row: Row) -> None:
        """Removes a row."""
        table = tables()[table_name]
        self.store.delete(table_name, table.key_of(row))
        self._log(table, table.key_of(row), "deleted")

    def next_number(self, company: str, sequence: str, form: str) -> str:
        """The next number of a company's number sequence; ``form`` has one place for it, such as ``SO-{:06}``."""
        self._numbers[company, sequence] += 1
        return form.format(self._numbers[company, sequence])

    def log(self, table_name: str, row: Row, action: Literal["confirmed", "shipped", "invoiced", "canceled"]) -> None:
        """Notes a business event about a row."""
        table = tables()[table_name]
        self._log(table, table.key_of(row), action)

    def _log(
        self,
        table: Table,
        key: tuple[Any, ...],
        action: Literal["created", "updated", "deleted", "confirmed", "shipped", "invoiced", "canceled"],
        columns: tuple[str, ...] = (),
    ) -> None:
        named = dict(zip(table.key, key, strict=True))
        self.changes.add(ChangeEvent(table.name, action, named, self.user, self.now(), columns))


def _key_text(table: Table, row: Mapping[str, Any]) -> str:
    fields = [f"{name}: {row[name]}" for name in table.key if name != "dataAreaId"]
    return f"{', '.join(fields)}"
