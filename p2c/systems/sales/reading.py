"""Sales as a source: pages of documents, headers with their lines.

Headers come in the order of their number. A page ends between two numbers, never between two rows of one number, and
its cursor is the last number itself: reading goes on from there whenever that is, since no state of the service is in
it. Rows without a number come last, in the order of their ids.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from p2c.documents import DocumentRead, LegalEntity, Page, Row, SourceDocument, TableRead, Value
from p2c.equality import fold_key
from p2c.errors import ConfigError, StateError
from p2c.systems import keys
from p2c.systems.odata import literals
from p2c.systems.parallel import both, together
from p2c.systems.sales import units
from p2c.systems.sales.presence import Absent, Presence
from p2c.systems.sales.shape import Getter, Shape, column_getter, is_lookup, stored
from p2c.systems.sales.tables import RawRow, Tables
from p2c.templates import catalog, paths
from p2c.templates.catalog import SalesTable
from p2c.templates.paths import Column, Follow
from p2c.templates.resolve import bind


@dataclass(frozen=True, slots=True)
class _Lines:
    """How the lines of one task are read. `given` are paths that lead back to the header, which we have at hand."""

    read: TableRead
    table: SalesTable
    link: str
    shape: Shape
    given: Mapping[str, Getter]
    order: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    """How documents of one kind are read. `key` is the column that orders them."""

    read: DocumentRead
    table: SalesTable
    key: str
    shape: Shape
    lines: tuple[_Lines, ...]


@dataclass(frozen=True, slots=True)
class _Cut:
    """Headers that make a page, and where the next one begins."""

    rows: list[RawRow]
    cursor: str


class SalesReader:
    """Reads documents out of Sales."""

    def __init__(self, tables: Tables, presence: Presence) -> None:
        self._tables = tables
        self._presence = presence
        self._plans: dict[DocumentRead, _Plan] = {}

    async def pages(
        self, read: DocumentRead, legal_entity: LegalEntity, *, page_size: int, cursor: str | None = None
    ) -> AsyncGenerator[Page]:
        """See `p2c.systems.ends.Source.pages`. The headers of a page are read while the lines of the one before are."""
        plan = await self._plan(read)
        async with aclosing(self._cuts(plan, legal_entity, page_size, cursor)) as cuts:
            current = await _next(cuts)
            if current is None:
                yield Page((), None)
            while current is not None:
                documents, following = await both(
                    self._documents(plan, current.rows, legal_entity),
                    _next(cuts),
                )
                yield Page(documents, current.cursor if following is not None else None)
                current = following

    async def documents(
        self, read: DocumentRead, legal_entity: LegalEntity, wanted: Sequence[str]
    ) -> list[SourceDocument]:
        """See `p2c.systems.ends.Source.documents`."""
        columns = len(read.header.key)
        first = [keys.split(key, columns)[0] for key in wanted]
        documents = await self.having(read, legal_entity, read.header.key[0], first)
        if columns == 1:
            return documents
        asked = {fold_key(key) for key in wanted}
        return [document for document in documents if fold_key(document.key) in asked]

    async def having(
        self, read: DocumentRead, legal_entity: LegalEntity, column: str, values: Iterable[Value]
    ) -> list[SourceDocument]:
        """The documents whose header's column holds one of the values, in the order of their ids."""
        plan = await self._plan(read)
        rows = await self._tables.having(plan.table, column, values, self._options(plan, legal_entity))
        rows.sort(key=lambda row: str(row[plan.table.id]))
        return await self._documents(plan, rows, legal_entity)

    # --- headers ---

    async def _cuts(
        self, plan: _Plan, legal_entity: LegalEntity, page_size: int, cursor: str | None
    ) -> AsyncGenerator[_Cut]:
        place = _place(cursor)
        if "blank" not in place:
            async with aclosing(self._numbered(plan, legal_entity, page_size, place)) as cuts:
                async for cut in cuts:
                    yield cut
        async with aclosing(self._unnumbered(plan, legal_entity, page_size, place.get("blank", ""))) as cuts:
            async for cut in cuts:
                yield cut

    async def _numbered(
        self, plan: _Plan, legal_entity: LegalEntity, page_size: int, place: Mapping[str, Any]
    ) -> AsyncGenerator[_Cut]:
        key = plan.key
        if "from" in place:
            # The last number once more: another that the database holds for equal may not have come yet.
            clause = f"{key} ge {literals.literal(place['from'], kind=plan.table.column(key).type)}"
        else:
            clause = f"{key} ne null"
        order = [key, *(one for one in plan.read.header.key[1:] if _is_plain(one))]
        order += [f"{plan.read.version} desc"] if plan.read.version else []
        options = self._options(plan, legal_entity, clause, order=[*order, plan.table.id])
        seen = frozenset(place.get("seen", ()))
        held: list[RawRow] = []
        async for rows in self._tables.pages(plan.table, options, page_size=page_size):
            held += [row for row in rows if row[plan.table.id] not in seen]
            end = keys.last_group(held, key)
            if end:
                yield self._cut(plan, held[:end])
                held = held[end:]
        if held:
            yield self._cut(plan, held)

    async def _unnumbered(
        self, plan: _Plan, legal_entity: LegalEntity, page_size: int, last: str
    ) -> AsyncGenerator[_Cut]:
        clauses = [f"{plan.key} eq null", f"{plan.table.id} gt {literals.guid(last)}" if last else ""]
        options = self._options(plan, legal_entity, *clauses, order=[plan.table.id])
        async for rows in self._tables.pages(plan.table, options, page_size=page_size):
            if rows:
                yield _Cut(rows, json.dumps({"blank": rows[-1][plan.table.id]}))

    @staticmethod
    def _cut(plan: _Plan, rows: list[RawRow]) -> _Cut:
        group = rows[keys.last_group(rows, plan.key) :]
        place = {"from": group[-1][plan.key], "seen": [row[plan.table.id] for row in group]}
        return _Cut(rows, json.dumps(place, ensure_ascii=False))

    def _options(
        self, plan: _Plan, legal_entity: LegalEntity, *clauses: str, order: Sequence[str] = ()
    ) -> dict[str, str]:
        return {
            "$select": plan.shape.select,
            "$expand": next(plan.shape.expansions(), ""),
            "$filter": literals.all_of([*clauses, units.clause(plan.table, legal_entity), plan.read.header.filter]),
            "$orderby": ",".join(order),
        }

    # --- documents ---

    async def _documents(self, plan: _Plan, rows: list[RawRow], legal_entity: LegalEntity) -> list[SourceDocument]:
        ids = [str(row[plan.table.id]) for row in rows]
        gathered = await together(
            [self._complete(plan.table, plan.shape, rows), *(self._lines_of(lines, ids) for lines in plan.lines)]
        )
        headers, lines = gathered[0], gathered[1:]
        grouped = [self._grouped(one, found) for one, found in zip(plan.lines, lines, strict=True)]
        documents: list[SourceDocument] = []
        for raw, identifier in zip(headers, ids, strict=True):
            header = plan.shape.flat(raw)
            documents.append(
                SourceDocument(
                    key=keys.join(header[one] for one in plan.read.header.key),
                    source_id=identifier,
                    header=header,
                    lines={
                        one.read.task: self._flat_lines(one, found.get(identifier.lower(), ()), raw)
                        for one, found in zip(plan.lines, grouped, strict=True)
                    },
                    etag=str(raw.get("@odata.etag", "")),
                    legal_entity=units.owner_of(plan.table, raw, legal_entity),
                    line_ids=[
                        str(row[one.table.id])
                        for one, found in zip(plan.lines, grouped, strict=True)
                        for row in found.get(identifier.lower(), ())
                    ],
                )
            )
        return documents

    async def _lines_of(self, lines: _Lines, ids: Iterable[str]) -> list[RawRow]:
        options = {
            "$select": lines.shape.select,
            "$expand": next(lines.shape.expansions(), ""),
            "$filter": lines.read.filter,
            "$orderby": lines.table.id,
        }
        rows = await self._tables.having(lines.table, lines.link, ids, options)
        return await self._complete(lines.table, lines.shape, rows)

    async def _complete(self, table: SalesTable, shape: Shape, rows: list[RawRow]) -> list[RawRow]:
        """The rows with what one request could not expand as well."""
        further = list(shape.expansions())[1:]
        if not further or not rows:
            return rows
        ids = [str(row[table.id]) for row in rows]
        answers = await together(
            self._tables.having(table, table.id, ids, {"$select": table.id, "$expand": expand}) for expand in further
        )
        extra: dict[str, RawRow] = defaultdict(dict)
        for row in (row for answer in answers for row in answer):
            extra[str(row[table.id])].update(row)
        return [{**extra[str(row[table.id])], **row} for row in rows]

    @staticmethod
    def _grouped(lines: _Lines, rows: Iterable[RawRow]) -> dict[str, list[RawRow]]:
        groups: dict[str, list[RawRow]] = defaultdict(list)
        for row in rows:
            groups[str(row[stored(lines.table, lines.link)]).lower()].append(row)
        return groups

    @staticmethod
    def _flat_lines(lines: _Lines, rows: Iterable[RawRow], header: RawRow) -> list[Row]:
        given = {path: get(header) for path, get in lines.given.items()}
        flat: list[Row] = [{**lines.shape.flat(row), **given} for row in rows]
        return sorted(flat, key=lambda row: [keys.sortable(row[one]) for one in lines.order])

    # --- plans ---

    async def _plan(self, read: DocumentRead) -> _Plan:
        plan = self._plans.get(read)
        if plan is None:
            tables = [read.header, *read.lines]
            followed = [
                bind(paths.parse(name), catalog.sales_table_by_set(one.entity).name)
                for one in tables
                for name in (*one.paths, *one.key)
            ]
            plan = self._plans[read] = _plan(read, await self._presence.absent(followed))
        return plan


async def _next(cuts: AsyncGenerator[_Cut]) -> _Cut | None:
    return await anext(cuts, None)


def _plan(read: DocumentRead, absent: Absent) -> _Plan:
    header = read.header
    table = catalog.sales_table_by_set(header.entity)
    if not header.key or not _is_plain(header.key[0]):
        raise ConfigError(
            f"{header.entity} must be read by a column of its own, not by {', '.join(header.key) or 'none'}"
        )
    lines = tuple(_lines(line, table, absent) for line in read.lines)
    also = [read.version] if read.version else []
    also += [paths.root(target.path) for one in lines for path in one.given for target in _targets(path)]
    if table.find(units.COLUMN) is not None:
        also.append(units.COLUMN)
    shape = Shape(table, [*header.paths, *header.key], also=also, absent=absent)
    return _Plan(read, table, header.key[0], shape, lines)


def _lines(read: TableRead, header: SalesTable, absent: Absent) -> _Lines:
    table = catalog.sales_table_by_set(read.entity)
    link = link_of(read, table)
    names = list(dict.fromkeys([*read.paths, *read.key]))
    given: dict[str, Getter] = {}
    for name in names:
        targets = _targets(name)
        if len(targets) == 1 and isinstance(targets[0].path, Column) and paths.root(paths.parse(name)) == link:
            given[name] = column_getter(header, targets[0].path.name)
    shape = Shape(table, [name for name in names if name not in given], also=[link], absent=absent)
    order = tuple(one for one in read.key if _is_plain(one))
    return _Lines(read, table, link, shape, given, order)


def link_of(read: TableRead, table: SalesTable) -> str:
    """The lookup that ties a line to its header. Raises ConfigError when the read names none."""
    link = next((root for path, _ in read.link if is_lookup(table, root := paths.root(paths.parse(path)))), "")
    if not link:
        raise ConfigError(f"the link of {read.entity} to its header names no lookup of {table.name}")
    return link


def _targets(name: str) -> tuple[paths.Target, ...]:
    path = paths.parse(name)
    return path.targets if isinstance(path, Follow) else ()


def _is_plain(name: str) -> bool:
    return isinstance(paths.parse(name), Column)


def _place(cursor: str | None) -> dict[str, Any]:
    if cursor is None:
        return {}
    try:
        place = json.loads(cursor)
    except ValueError:
        place = None
    if not isinstance(place, dict) or not place.keys() & {"from", "blank"}:
        raise StateError("The cursor of an earlier page cannot be read.", hint="Start a full comparison.")
    return place
