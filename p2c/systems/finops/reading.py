"""Finance and Operations as a source: pages of documents, headers with their lines.

The lines of a page are read as the range of numbers from the page before to this one's last, so that every line of the
legal entity comes by exactly once, whether its header is there or not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from hashlib import blake2b

from p2c.documents import DocumentRead, LegalEntity, Page, Row, SourceDocument, TableRead, Value
from p2c.equality import fold_key
from p2c.errors import ConfigError
from p2c.systems import keys
from p2c.systems.finops.headers import Cut, HeaderPages, HeaderQuery, Ranges
from p2c.systems.finops.queries import (
    REFUSED,
    Queries,
    RawRow,
    columns_of,
    flat,
    in_company,
    kind,
    without_company,
)
from p2c.systems.odata import literals
from p2c.systems.parallel import both, together
from p2c.templates import catalog
from p2c.templates.catalog import FinopsEntity

Orphan = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class _Lines:
    """How the lines of one task are read. `number` is their column for the header's number, `link` all that tie."""

    read: TableRead
    entity: FinopsEntity
    columns: tuple[str, ...]
    number: str
    link: tuple[tuple[str, str], ...]

    @property
    def key(self) -> tuple[str, ...]:
        """What tells the lines of one document apart."""
        linked = {line for line, _ in self.link}
        return tuple(one for one in without_company(self.read.key or self.entity.keys) if one not in linked)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How documents of one kind are read."""

    read: DocumentRead
    entity: FinopsEntity
    key: tuple[str, ...]
    columns: tuple[str, ...]
    lines: tuple[_Lines, ...]

    def query(self, legal_entity: LegalEntity) -> HeaderQuery:
        clause = literals.all_of([in_company(self.entity, legal_entity.id), self.read.header.filter])
        rest = (one for one in without_company(self.entity.keys) if one not in self.key)
        return HeaderQuery(self.entity, (*self.key, *rest), clause, ",".join(self.columns))


class FinOpsReader:
    """Reads documents out of F&O."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._ranges = Ranges()
        self._headers = HeaderPages(queries, self._ranges)
        self._plans: dict[DocumentRead, _Plan] = {}

    async def pages(
        self, read: DocumentRead, legal_entity: LegalEntity, *, page_size: int, cursor: str | None = None
    ) -> AsyncGenerator[Page]:
        """See `p2c.systems.ends.Source.pages`. The headers of a page are read while the lines of the one before are."""
        plan = self._plan(read)
        async with aclosing(self._headers.cuts(plan.query(legal_entity), page_size, cursor)) as cuts:
            current = await _next(cuts)
            while current is not None:
                page, following = await both(self._page(plan, legal_entity, current), _next(cuts))
                yield page
                current = following

    async def documents(
        self, read: DocumentRead, legal_entity: LegalEntity, wanted: Sequence[str]
    ) -> list[SourceDocument]:
        """See `p2c.systems.ends.Source.documents`."""
        plan = self._plan(read)
        query = plan.query(legal_entity)
        numbers = [keys.split(key, len(plan.key))[0] for key in wanted]
        options = {"$select": query.select, "$filter": query.clause}
        rows = await self._queries.having(plan.entity, plan.key[0], numbers, options)
        lines = await together(self._lines_of(one, legal_entity, rows, plan.key[0]) for one in plan.lines)
        documents, _ = self._documents(plan, legal_entity, rows, lines)
        asked = {fold_key(key) for key in wanted}
        return [one for one in documents if len(plan.key) == 1 or fold_key(one.key) in asked]

    async def absent(self, read: DocumentRead, legal_entity: LegalEntity, wanted: Sequence[str]) -> list[str]:
        """Those of the keys that no row has, whatever the source filter says."""
        plan = self._plan(read)
        numbers = [keys.split(key, len(plan.key))[0] for key in wanted]
        options = {"$select": ",".join(plan.key), "$filter": in_company(plan.entity, legal_entity.id)}
        rows = await self._queries.having(plan.entity, plan.key[0], numbers, options)
        there = {keys.fold(keys.join(row[one] for one in plan.key)) for row in rows}
        return [key for key in wanted if keys.fold(key) not in there]

    # --- one page ---

    async def _page(self, plan: _Plan, legal_entity: LegalEntity, cut: Cut) -> Page:
        lines = await together(self._lines_in(plan, one, legal_entity, cut) for one in plan.lines)
        documents, orphans = self._documents(plan, legal_entity, cut.rows, lines)
        # Behind a source filter a header may be there and only not be read.
        lost = await self._lost(plan, legal_entity, orphans) if orphans and not plan.read.header.filter else []
        return Page(documents, None if cut.last else cut.cursor, lost)

    async def _lines_in(self, plan: _Plan, lines: _Lines, legal_entity: LegalEntity, cut: Cut) -> list[RawRow]:
        """The lines of a page."""
        number = plan.key[0]
        if self._ranges.taken:
            low = f"{lines.number} gt {self._literal(lines, cut.after)}" if cut.after is not None else ""
            high = f"{lines.number} le {self._literal(lines, cut.rows[-1][number])}" if not cut.last else ""
            if plan.read.header.filter:
                if not cut.rows:
                    return []
                low = f"{lines.number} ge {self._literal(lines, cut.rows[0][number])}"
                high = f"{lines.number} le {self._literal(lines, cut.rows[-1][number])}"
            options = self._line_options(lines, legal_entity)
            options["$filter"] = literals.all_of([options["$filter"], low, high])
            try:
                return await self._queries.all(lines.entity, options)
            except REFUSED:
                if not (low or high):
                    raise
                self._ranges.taken = False
        return await self._lines_of(lines, legal_entity, cut.rows, number)

    async def _lines_of(
        self, lines: _Lines, legal_entity: LegalEntity, headers: Iterable[RawRow], number: str
    ) -> list[RawRow]:
        """The lines of these headers, asked for by number."""
        numbers = [row[number] for row in headers]
        return await self._queries.having(lines.entity, lines.number, numbers, self._line_options(lines, legal_entity))

    @staticmethod
    def _line_options(lines: _Lines, legal_entity: LegalEntity) -> dict[str, str]:
        order = dict.fromkeys([lines.number, *without_company(lines.entity.keys)])
        return {
            "$select": ",".join(lines.columns),
            "$filter": literals.all_of([in_company(lines.entity, legal_entity.id), lines.read.filter]),
            "$orderby": ",".join(order),
        }

    @staticmethod
    def _literal(lines: _Lines, value: Value) -> str:
        return literals.literal(value, kind=kind(lines.entity, lines.number))

    # --- documents ---

    def _documents(
        self, plan: _Plan, legal_entity: LegalEntity, rows: Sequence[RawRow], lines: Sequence[Sequence[RawRow]]
    ) -> tuple[list[SourceDocument], list[tuple[_Lines, RawRow]]]:
        """The documents, and the lines that belong to none of them."""
        orphans: list[tuple[_Lines, RawRow]] = []
        by_task: list[dict[tuple[str, ...], list[Row]]] = []
        versions: list[dict[tuple[str, ...], list[str]]] = []
        for one, found in zip(plan.lines, lines, strict=True):
            known = {_tie(row, [header for _, header in one.link]) for row in rows}
            groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
            its_versions: dict[tuple[str, ...], list[str]] = defaultdict(list)
            for raw in found:
                tie = _tie(raw, [line for line, _ in one.link])
                if tie in known:
                    groups[tie].append(flat(one.entity, raw, one.columns))
                    its_versions[tie].append(_version(raw, one.read))
                else:
                    orphans.append((one, raw))
            by_task.append(groups)
            versions.append(its_versions)
        documents = []
        for raw in rows:
            header = flat(plan.entity, raw, plan.columns)
            key = keys.join(header[one] for one in plan.key)
            ties = [_tie(raw, [header_ for _, header_ in one.link]) for one in plan.lines]
            its = {
                one.read.task: _sorted(groups.get(tie, []), one.key)
                for one, groups, tie in zip(plan.lines, by_task, ties, strict=True)
            }
            of_lines = [each.get(tie, []) for each, tie in zip(versions, ties, strict=True)]
            etag = _etag(_version(raw, plan.read.header), of_lines)
            documents.append(SourceDocument(key, key, header, its, etag, legal_entity.id))
        return documents, orphans

    async def _lost(
        self, plan: _Plan, legal_entity: LegalEntity, orphans: Sequence[tuple[_Lines, RawRow]]
    ) -> list[Orphan]:
        """The orphans whose header is really not there: others were written while we read."""
        query = plan.query(legal_entity)
        numbers = {str(raw[one.number]): None for one, raw in orphans if raw.get(one.number)}
        options = {"$select": query.select, "$filter": query.clause}
        headers = await self._queries.having(plan.entity, plan.key[0], numbers, options)
        lost: list[Orphan] = []
        for one, raw in orphans:
            there = {_tie(row, [header for _, header in one.link]) for row in headers}
            if _tie(raw, [line for line, _ in one.link]) not in there:
                label = keys.join(raw.get(column) for column in one.key)
                lost.append((one.read.task, label, keys.join(raw.get(line) for line, _ in one.link)))
        return lost

    # --- plans ---

    def _plan(self, read: DocumentRead) -> _Plan:
        plan = self._plans.get(read)
        if plan is None:
            plan = self._plans[read] = _plan(read)
        return plan


async def _next(cuts: AsyncGenerator[Cut]) -> Cut | None:
    return await anext(cuts, None)


def _plan(read: DocumentRead) -> _Plan:
    header = read.header
    entity = catalog.finops_entity(header.entity)
    key = without_company(header.key)
    if not key:
        raise ConfigError(f"{header.entity} must be read by a key of its own")
    lines = tuple(_lines(line, key[0]) for line in read.lines)
    linked = [column for one in lines for _, column in one.link]
    columns = columns_of([*header.paths, *key, *entity.keys, *linked])
    return _Plan(read, entity, key, tuple(columns), lines)


def _lines(read: TableRead, number: str) -> _Lines:
    entity = catalog.finops_entity(read.entity)
    link = tuple((line, header) for line, header in read.link if header != "dataAreaId")
    by_number = next((line for line, header in link if header == number), "")
    if not by_number:
        raise ConfigError(f"the link of {read.entity} to its header does not name {number}")
    columns = columns_of([*read.paths, *read.key, *entity.keys, *(line for line, _ in link)])
    return _Lines(read, entity, tuple(columns), by_number, link)


def _version(raw: RawRow, read: TableRead) -> str:
    """What changes whenever the row does: its ETag, and the columns that decide but may be computed. "" = unknown."""
    etag = str(raw.get("@odata.etag", ""))
    return "\x1f".join([etag, *(f"{raw.get(one)}" for one in read.watch)]) if etag else ""


def _etag(header: str, lines: Sequence[Sequence[str]]) -> str:
    """The version of a document; "" when that of one of its rows is not known."""
    if not header or not all(all(one) for one in lines):
        return ""
    texts = [header, *("\x1e".join(["", *sorted(one)]) for one in lines)]
    return blake2b("\x1d".join(texts).encode(), digest_size=16).hexdigest()


def _tie(row: RawRow, columns: Iterable[str]) -> tuple[str, ...]:
    return keys.folded(row.get(column) for column in columns)


def _sorted(rows: list[Row], key: Sequence[str]) -> list[Row]:
    """In the order of the lines' own key, whatever order several requests gave them."""
    return sorted(rows, key=lambda row: [keys.sortable(row[column]) for column in key])
