"""Documents that are in Sales already, found by their numbers, with their lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from p2c.documents import DocumentWrite, ExistingDocument, ExistingRow, LegalEntity, TableWrite
from p2c.errors import ConfigError
from p2c.systems.keys import folded
from p2c.systems.parallel import together
from p2c.systems.sales import units
from p2c.systems.sales.shape import Shape, is_lookup, stored
from p2c.systems.sales.tables import RawRow, Tables
from p2c.templates import catalog, paths
from p2c.templates.catalog import SalesTable


@dataclass(frozen=True, slots=True)
class _LineRead:
    """The lines of one entity, for all tasks that write to it."""

    table: SalesTable
    link: str
    shape: Shape
    tasks: tuple[str, ...]


class Finder:
    """Reads destination documents in bulk."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def fetch(
        self, write: DocumentWrite, legal_entity: LegalEntity, wanted: Sequence[tuple[str, ...]]
    ) -> dict[tuple[str, ...], list[ExistingDocument]]:
        """See `p2c.systems.ends.Destination.fetch`. Rows of other legal entities' business units are not found."""
        table = catalog.sales_table_by_set(write.header.entity)
        key = [paths.root(paths.parse(one)) for one in write.header.key]
        if not key or any(is_lookup(table, one) for one in key):
            raise ConfigError(f"{write.header.entity} must be found by columns of its own, not by {write.header.key}")
        found: dict[tuple[str, ...], list[ExistingDocument]] = {folded(one): [] for one in wanted}
        numbers = [one[0] for one in wanted if one[0]]
        if not numbers:
            return found
        shape = _shape(table, [write.header])
        options = {"$select": shape.select, "$filter": units.clause(table, legal_entity), "$orderby": table.id}
        rows = await self._tables.having(table, key[0], numbers, options)
        lines = await self._lines(write, [str(row[table.id]) for row in rows]) if rows else {}
        there: dict[tuple[str, ...], list[ExistingDocument]] = defaultdict(list)
        for raw in rows:
            header = _existing(table, shape, raw)
            document = ExistingDocument(header, lines[str(header.key).lower()])
            there[folded(raw[column] for column in key)].append(document)
        for one in wanted:
            found[folded(one)] = there.get(folded(one), [])
        return found

    async def _lines(self, write: DocumentWrite, ids: Sequence[str]) -> dict[str, Mapping[str, list[ExistingRow]]]:
        """By header id in lower case, and task."""
        found: dict[str, dict[str, list[ExistingRow]]] = {
            one.lower(): {line.task: [] for line in write.lines} for one in ids
        }
        reads = _line_reads(write)
        answers = await together(
            self._tables.having(one.table, one.link, ids, {"$select": one.shape.select, "$orderby": one.table.id})
            for one in reads
        )
        for one, rows in zip(reads, answers, strict=True):
            name = stored(one.table, one.link)
            for raw in rows:
                row = _existing(one.table, one.shape, raw)
                for task in one.tasks:
                    found[str(raw[name]).lower()][task].append(row)
        return {header: dict(tasks) for header, tasks in found.items()}


def _line_reads(write: DocumentWrite) -> list[_LineRead]:
    groups: dict[tuple[str, str], list[TableWrite]] = defaultdict(list)
    for line in write.lines:
        groups[line.entity, _link(line)].append(line)
    reads: list[_LineRead] = []
    for (entity, link), lines in groups.items():
        table = catalog.sales_table_by_set(entity)
        reads.append(_LineRead(table, link, _shape(table, lines, also=[link]), tuple(line.task for line in lines)))
    return reads


def _link(line: TableWrite) -> str:
    table = catalog.sales_table_by_set(line.entity)
    roots = [paths.root(paths.parse(path)) for path, _ in line.link]
    link = next((root for root in roots if is_lookup(table, root)), "")
    if not link:
        raise ConfigError(f"the link of {line.entity} to its header names no lookup of {table.name}")
    return link


def _shape(table: SalesTable, writes: Iterable[TableWrite], also: Iterable[str] = ()) -> Shape:
    """The columns themselves, lookups as the ids that they hold."""
    paths_ = [path for write in writes for path in (*write.columns, *write.key)]
    return Shape(table, dict.fromkeys([*also, *(paths.root(paths.parse(path)) for path in paths_)]))


def _existing(table: SalesTable, shape: Shape, raw: RawRow) -> ExistingRow:
    return ExistingRow(str(raw[table.id]), shape.flat(raw), str(raw.get("@odata.etag", "")))
