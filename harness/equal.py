"""Whether two sandboxes hold the same: row by row, but for what no two runs have in common.

Rows are known by what people know them by (number, name, line of which document), never by their ids: a document that
is there twice shows as two rows of one name. Left out are ids, versions, and moments that say when something was
written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sandbox import Sandbox
from sandbox.finops.tables import tables as finops_tables
from sandbox.sales.model import Model, Table

Cells = Mapping[str, object]
Kind = Literal["lost", "doubled", "extra", "changed"]

_NUMBERS = {
    "account": ("accountnumber",),
    "contact": ("msdynce_contactnumber",),
    "product": ("productnumber",),
    "quote": ("quotenumber", "revisionnumber"),
    "salesorder": ("ordernumber",),
    "invoice": ("invoicenumber",),
}
"""What is unique in Sales, or ought to be."""
_LINES = {
    "quotedetail": ("quoteid", ("sequencenumber",)),
    "salesorderdetail": ("salesorderid", ("sequencenumber",)),
    "invoicedetail": ("invoiceid", ("sequencenumber",)),
    "productpricelevel": ("productid", ("pricelevelid", "uomid")),
}
"""Rows that belong to another one: by which lookup, and what tells them apart there."""
_FINOPS_LINES = {
    "SalesQuotationLine": ("SalesQuotationTable", ("dataAreaId", "SalesQuotationNumber")),
    "SalesLine": ("SalesTable", ("dataAreaId", "SalesOrderNumber")),
    "CustInvoiceTrans": ("CustInvoiceJour", ("dataAreaId", "InvoiceNumber", "InvoiceDate", "LedgerVoucher")),
}
_MOMENTS = frozenset({"createdon", "modifiedon", "versionnumber", "overriddencreatedon", "OrderCreationDateTime"})
_DRAWN = frozenset({"ContactPersonId", "InventoryLotId"})
"""Numbers that F&O draws by itself: in the order in which rows come, and lost with a refused write."""
_SYSTEM = ("_RecId", "_RecVersion")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All rows of both systems: by table (`sales.account`, `finops.SalesTable`), then name; usually one of a name.

    `flaws` are what is wrong whatever it is compared with: numbers that are there twice, lines without their header.
    """

    rows: Mapping[str, Mapping[str, tuple[Cells, ...]]]
    flaws: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many rows there are."""
        return sum(len(same) for table in self.rows.values() for same in table.values())


@dataclass(frozen=True, slots=True)
class Difference:
    """What one row is in one snapshot and not in the other; `cells` says which columns, for a row that changed."""

    kind: Kind
    table: str
    name: str
    cells: str = ""

    def __str__(self) -> str:
        return f"{self.table} {self.name}: {self.kind}{' ' + self.cells if self.cells else ''}"


def snapshot(sandbox: Sandbox) -> Snapshot:
    """What both systems hold now."""
    with sandbox.sales.lock, sandbox.finops.lock:
        sales, doubles = _Sales(sandbox).read()
        finops, orphans = _finops(sandbox)
    return Snapshot({**sales, **finops}, (*doubles, *orphans))


def differences(a: Snapshot, b: Snapshot) -> list[str]:
    """What `b` has otherwise than `a`, a sentence each; empty when they are equal."""
    return [str(one) for one in compare(a, b)]


def compare(a: Snapshot, b: Snapshot) -> list[Difference]:
    """What `b` has otherwise than `a`: rows that are lost, doubled, more than `a` has, or changed."""
    found: list[Difference] = []
    for table in sorted(a.rows.keys() | b.rows.keys()):
        ours, theirs = a.rows.get(table, {}), b.rows.get(table, {})
        for name in sorted(ours.keys() | theirs.keys()):
            found += _of_name(table, name, ours.get(name, ()), theirs.get(name, ()))
    return found


def _of_name(table: str, name: str, ours: tuple[Cells, ...], theirs: tuple[Cells, ...]) -> Iterator[Difference]:
    if len(theirs) < len(ours):
        yield Difference("lost", table, name)
    elif len(theirs) > len(ours):
        yield Difference("doubled" if ours else "extra", table, name)
    else:
        for one, other in zip(ours, theirs, strict=True):
            changed = [column for column in one.keys() | other.keys() if one.get(column) != other.get(column)]
            if changed:
                cells = (f"{column} {one.get(column)!r} → {other.get(column)!r}" for column in sorted(changed))
                yield Difference("changed", table, name, "; ".join(cells))


class _Sales:
    """Reads the rows of Sales."""

    def __init__(self, sandbox: Sandbox) -> None:
        engine = sandbox.sales.engine
        self._model: Model = engine.model
        self._rows: dict[str, list[dict[str, Any]]] = {name: engine.store.select(name) for name in self._model.tables}
        self._names: dict[str, str] = {}

    def read(self) -> tuple[dict[str, dict[str, tuple[Cells, ...]]], list[str]]:
        for name, table in self._model.tables.items():
            if name not in _LINES:
                self._names.update((row[table.id], self._plain_name(table, row)) for row in self._rows[name])
        flaws = list(self._doubles())
        for name, (parent, _) in _LINES.items():
            table = self._model.tables[name]
            for row in self._rows[name]:
                if row[parent] not in self._names:
                    flaws.append(f"sales.{name} {row[table.id]}: its {parent} {row[parent]} is not there")
                self._names[row[table.id]] = self._line_name(name, row)
        found: dict[str, dict[str, tuple[Cells, ...]]] = {}
        for name, table in self._model.tables.items():
            grouped: dict[str, list[Cells]] = {}
            for row in self._rows[name]:
                grouped.setdefault(self._names[row[table.id]], []).append(self._cells(table, row))
            found[f"sales.{name}"] = _sorted(grouped)
        return found, flaws

    def _plain_name(self, table: Table, row: Mapping[str, Any]) -> str:
        columns = _NUMBERS.get(table.name, ())
        number = [str(row[one]) for one in columns if row.get(one) not in (None, "")]
        if number:
            return " ".join(number)
        title = row.get(table.primary_name)
        return f"({title})" if title else str(row[table.id])

    def _line_name(self, table: str, row: Mapping[str, Any]) -> str:
        parent, keys = _LINES[table]
        return " / ".join(str(self._names.get(row[one], row[one])) for one in (parent, *keys))

    def _cells(self, table: Table, row: Mapping[str, Any]) -> dict[str, object]:
        """The row, lookups as the names of what they point to."""
        cells: dict[str, object] = {}
        for name, column in table.columns.items():
            value = row[name]
            if name in _MOMENTS or name == table.id:
                continue
            cells[name] = self._names.get(value, value) if column.kind == "guid" else value
        return cells

    def _doubles(self) -> Iterator[str]:
        for name, columns in _NUMBERS.items():
            numbers = Counter(tuple(row[one] for one in columns) for row in self._rows[name] if row[columns[0]])
            yield from (
                f"sales.{name} {number[0]}: there {count} times" for number, count in numbers.items() if count > 1
            )


def _finops(sandbox: Sandbox) -> tuple[dict[str, dict[str, tuple[Cells, ...]]], list[str]]:
    """The rows of F&O, whose keys are what people know them by, so none can be there twice."""
    books = sandbox.finops.books
    found: dict[str, dict[str, tuple[Cells, ...]]] = {}
    flaws: list[str] = []
    for name, table in finops_tables().items():
        rows: dict[str, list[Cells]] = {}
        for row in books.store.select(name):
            key = " / ".join(str(row[one]) for one in table.key)
            cells = {column: value for column, value in row.items() if _is_kept(column)}
            rows.setdefault(key, []).append(cells)
            if name in _FINOPS_LINES:
                header, columns = _FINOPS_LINES[name]
                if not books.has(header, *(row[one] for one in columns)):
                    flaws.append(f"finops.{name} {key}: its header is not there")
        found[f"finops.{name}"] = _sorted(rows)
    return found, flaws


def _is_kept(column: str) -> bool:
    return column not in _MOMENTS | _DRAWN and not column.startswith(_SYSTEM)


def _sorted(rows: Mapping[str, list[Cells]]) -> dict[str, tuple[Cells, ...]]:
    return {
        name: tuple(sorted(same, key=lambda cells: [(column, str(value)) for column, value in sorted(cells.items())]))
        for name, same in rows.items()
    }
