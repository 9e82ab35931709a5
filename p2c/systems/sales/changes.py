"""Which documents of Sales changed: the changes of all their tables brought together, the documents read whole.

A change feed takes no filter, so it has the rows of all legal entities; and it has rows, not documents: a line brings
its header, a header all rows of its number, and of what was deleted only the id is told.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from p2c.documents import Deletion, DocumentRead, LegalEntity, Page, SourceDocument
from p2c.errors import ExpiredToken
from p2c.systems import keys
from p2c.systems.chunks import chunks
from p2c.systems.ends import MOST_CHANGES, Remembered, TooManyChanges
from p2c.systems.odata import literals
from p2c.systems.parallel import together
from p2c.systems.sales import units
from p2c.systems.sales.feeds import Feed, Feeds
from p2c.systems.sales.reading import SalesReader, link_of
from p2c.systems.sales.shape import stored
from p2c.systems.sales.tables import Tables
from p2c.templates import catalog
from p2c.templates.catalog import SalesTable

_UNITS = "business units"
"""Beside the tables' tokens: which rows were ours when they were taken."""


@dataclass(frozen=True, slots=True)
class _Watched:
    """A table of a document; `column` is the header's number, or the line's lookup to its header."""

    table: SalesTable
    column: str
    select: str


@dataclass(slots=True)
class _Touched:
    """What to read again: numbers by their folded form, ids of rows without one; and the keys of deleted headers."""

    numbers: dict[str, str] = field(default_factory=dict)
    blank: list[str] = field(default_factory=list)
    deleted: dict[str, str] = field(default_factory=dict)

    def add(self, number: object, identifier: str) -> None:
        if number is None or not str(number).strip():
            self.blank.append(identifier)
        else:
            self.numbers[str(number).casefold()] = str(number)


class SalesChanges:
    """Reads what changed in Sales; `most` documents at most."""

    def __init__(self, tables: Tables, feeds: Feeds, reader: SalesReader, *, most: int = MOST_CHANGES) -> None:
        self._tables = tables
        self._most = most
        self._feeds = feeds
        self._reader = reader

    async def mark(self, read: DocumentRead, legal_entity: LegalEntity) -> dict[str, str]:
        """See `p2c.systems.ends.Source.mark`. With change tracking the ids of all rows come by."""
        watched = _watched(read)
        tokens = await together(self._feeds.mark(one.table, one.select) for one in watched)
        found = {one.table.name: token for one, token in zip(watched, tokens, strict=True)}
        return found | {_UNITS: _scope(legal_entity)}

    async def pages(
        self,
        read: DocumentRead,
        legal_entity: LegalEntity,
        tokens: Mapping[str, str],
        remembered: Remembered,
        *,
        page_size: int,
    ) -> AsyncGenerator[Page]:
        """See `p2c.systems.ends.Source.changes`."""
        watched = _watched(read)
        if tokens.get(_UNITS) != _scope(legal_entity):
            raise ExpiredToken("The business units of the legal entity are others than before.", system="sales")
        if not all(tokens.get(one.table.name) for one in watched):
            raise ExpiredToken("The tables to read are others than before.", system="sales")
        feeds = await together(self._feeds.since(one.table, one.select, tokens[one.table.name]) for one in watched)
        following = {one.table.name: feed.token for one, feed in zip(watched, feeds, strict=True)}
        following[_UNITS] = tokens[_UNITS]
        touched = await self._touched(read, watched, feeds, legal_entity, remembered)
        del feeds
        if len(touched.numbers) + len(touched.blank) > self._most:
            raise TooManyChanges(f"More than {self._most:,} documents changed since the last run.")
        number, identifier = watched[0].column, watched[0].table.id
        for chunk in chunks(sorted(touched.numbers), page_size):
            wanted = [touched.numbers[one] for one in chunk]
            documents = await self._reader.having(read, legal_entity, number, wanted)
            yield Page(_in_order(documents), None, deleted=_gone(touched, len(read.header.key), chunk, documents))
        for ids in chunks(touched.blank, page_size):
            yield Page(await self._reader.having(read, legal_entity, identifier, ids), None)
        yield Page((), None, tokens=following)

    async def _touched(
        self,
        read: DocumentRead,
        watched: Sequence[_Watched],
        feeds: Sequence[Feed],
        legal_entity: LegalEntity,
        remembered: Remembered,
    ) -> _Touched:
        header = watched[0]
        touched = _Touched()
        known: set[str] = set()
        for row in feeds[0].changed:
            known.add(str(row[header.table.id]).lower())
            if units.may_be_own(row, legal_entity):
                touched.add(row.get(header.column), str(row[header.table.id]))
        parents = {
            str(row[stored(one.table, one.column)] or "").lower()
            for one, feed in zip(watched[1:], feeds[1:], strict=True)
            for row in feed.changed
        }
        if others := parents - known - {""}:
            await self._add_headers(header, others, legal_entity, touched)
        deleted = {one.lower(): at == 0 for at, feed in enumerate(feeds) for one in feed.deleted}
        for identifier, key in (await remembered.find(deleted)).items() if deleted else ():
            number = keys.split(key, len(read.header.key))[0]
            touched.numbers.setdefault(number.casefold(), number)
            if deleted[identifier]:
                touched.deleted[key] = identifier
        return touched

    async def _add_headers(
        self, header: _Watched, ids: Collection[str], legal_entity: LegalEntity, touched: _Touched
    ) -> None:
        options = {
            "$select": f"{header.table.id},{header.column}",
            "$filter": literals.all_of([units.clause(header.table, legal_entity)]),
        }
        for row in await self._tables.having(header.table, header.table.id, ids, options):
            touched.add(row.get(header.column), str(row[header.table.id]))


def _watched(read: DocumentRead) -> list[_Watched]:
    """The tables of a document, each once, the header's first."""
    header = catalog.sales_table_by_set(read.header.entity)
    number = read.header.key[0]
    unit = [units.STORED] if header.find(units.COLUMN) is not None else []
    found = {header.name: _Watched(header, number, ",".join([header.id, number, *unit]))}
    for line in read.lines:
        table = catalog.sales_table_by_set(line.entity)
        link = link_of(line, table)
        found.setdefault(table.name, _Watched(table, link, f"{table.id},{stored(table, link)}"))
    return list(found.values())


def _scope(legal_entity: LegalEntity) -> str:
    own, others = (",".join(sorted(ids)) for ids in (legal_entity.business_units, legal_entity.others))
    return f"own {own}; not {others}"


def _in_order(documents: Sequence[SourceDocument]) -> list[SourceDocument]:
    """Rows of one number side by side."""
    return sorted(documents, key=lambda one: one.key.casefold())


def _gone(
    touched: _Touched, columns: int, numbers: Collection[str], documents: Sequence[SourceDocument]
) -> list[Deletion]:
    """The deleted headers of these numbers, unless another row has the key: a revision, or one entered anew."""
    there = {one.key.casefold() for one in documents}
    return [
        Deletion(identifier, key)
        for key, identifier in touched.deleted.items()
        if keys.split(key, columns)[0].casefold() in numbers and key.casefold() not in there
    ]
