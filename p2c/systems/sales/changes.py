"""Which documents of Sales changed: the changes of all their tables brought together, the documents read whole.

A change feed takes no filter, so it has the rows of all legal entities; and it has rows, not documents: a line brings
its header, a header all rows of its number, and of what was deleted only the id is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass

from p2c.documents import Changed, Deletion, DocumentRead, LegalEntity, Page, SourceDocument
from p2c.equality import fold_key
from p2c.errors import ExpiredToken
from p2c.systems import keys
from p2c.systems.chunks import chunks
from p2c.systems.ends import MOST_CHANGES, Remembered, TooManyChanges
from p2c.systems.odata import literals
from p2c.systems.parallel import together
from p2c.systems.sales import units
from p2c.systems.sales.feeds import Feeds, Take
from p2c.systems.sales.reading import SalesReader, link_of
from p2c.systems.sales.shape import stored
from p2c.systems.sales.tables import RawRow, Tables
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


class _Touched:
    """What the feeds tell, in as little room as will do; at most `most` of anything, else it raises TooManyChanges.

    `numbers` to read again by their folded form, `blank` ids of changed headers without one, `headers` ids of all
    changed ones, `parents` ids of headers whose lines changed, `deleted` ids with whether it was a header.
    """

    def __init__(self, legal_entity: LegalEntity, most: int) -> None:
        self._legal_entity = legal_entity
        self._most = most
        self.numbers: dict[str, str] = {}
        self.blank: list[str] = []
        self.headers: set[str] = set()
        self.parents: set[str] = set()
        self.deleted: dict[str, bool] = {}

    def taker(self, one: _Watched, *, header: bool) -> Take:
        """What takes the feed of a table."""

        def take(changed: Sequence[RawRow], deleted: Sequence[str]) -> None:
            for row in changed:
                if header:
                    self.headers.add(str(row[one.table.id]).lower())
                    if units.may_be_own(row, self._legal_entity):
                        self.add(row.get(one.column), str(row[one.table.id]))
                else:
                    self.parents.add(str(row[stored(one.table, one.column)] or "").lower())
            self.deleted.update((identifier.lower(), header) for identifier in deleted)
            self.check()

        return take

    def add(self, number: object, identifier: str) -> None:
        """Has a header's document read again."""
        if number is None or not str(number).strip():
            self.blank.append(identifier)
        else:
            self.numbers[fold_key(str(number))] = str(number)

    def check(self) -> None:
        """Raises TooManyChanges."""
        documents = len(self.numbers) + len(self.blank)
        if max(documents, len(self.headers), len(self.parents), len(self.deleted)) > self._most:
            raise TooManyChanges(f"More than {self._most:,} documents changed since the last run.")


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

    async def named(
        self,
        read: DocumentRead,
        legal_entity: LegalEntity,
        tokens: Mapping[str, str],
        remembered: Remembered,
        *,
        page_size: int,
    ) -> AsyncGenerator[Changed]:
        """See `p2c.systems.ends.Source.changes`."""
        watched = _watched(read)
        if tokens.get(_UNITS) != _scope(legal_entity):
            raise ExpiredToken("The business units of the legal entity are others than before.", system="sales")
        if not all(tokens.get(one.table.name) for one in watched):
            raise ExpiredToken("The tables to read are others than before.", system="sales")
        touched = _Touched(legal_entity, self._most)
        following = await together(
            self._feeds.since(
                one.table, one.select, tokens[one.table.name], touched.taker(one, header=one is watched[0])
            )
            for one in watched
        )
        await self._add_headers(watched[0], legal_entity, touched)
        deleted = await self._add_deleted(read, touched, remembered)
        touched.check()
        for chunk in chunks(sorted(touched.numbers), page_size):
            gone = tuple(one for folded in chunk for one in deleted.get(folded, ()))
            yield Changed(tuple(touched.numbers[one] for one in chunk), gone=gone)
        for ids in chunks(touched.blank, page_size):
            yield Changed(unnamed=tuple(ids))
        names = (one.table.name for one in watched)
        yield Changed(tokens={**dict(zip(names, following, strict=True)), _UNITS: tokens[_UNITS]})

    async def whole(self, read: DocumentRead, legal_entity: LegalEntity, changed: Changed) -> Page:
        """See `p2c.systems.ends.Source.whole`; `changed.keys` are numbers of headers."""
        header = read.header
        documents: list[SourceDocument] = []
        if changed.keys:
            documents += _in_order(await self._reader.having(read, legal_entity, header.key[0], changed.keys))
        if changed.unnamed:
            identifier = catalog.sales_table_by_set(header.entity).id
            documents += await self._reader.having(read, legal_entity, identifier, changed.unnamed)
        return Page(documents, None, deleted=_without(changed.gone, documents))

    async def _add_headers(self, header: _Watched, legal_entity: LegalEntity, touched: _Touched) -> None:
        """Adds the headers of changed lines that have not changed themselves."""
        options = {
            "$select": f"{header.table.id},{header.column}",
            "$filter": literals.all_of([units.clause(header.table, legal_entity)]),
        }
        others = touched.parents - touched.headers - {""}
        rows = await self._tables.having(header.table, header.table.id, sorted(others), options) if others else ()
        for row in rows:
            touched.add(row.get(header.column), str(row[header.table.id]))

    async def _add_deleted(
        self, read: DocumentRead, touched: _Touched, remembered: Remembered
    ) -> dict[str, list[Deletion]]:
        """Adds the documents that lost a row; gives the deleted headers among them, by number."""
        found: dict[str, list[Deletion]] = defaultdict(list)
        for identifier, key in (await remembered.find(touched.deleted)).items() if touched.deleted else ():
            number = keys.split(key, len(read.header.key))[0]
            touched.numbers.setdefault(fold_key(number), number)
            if touched.deleted[identifier]:
                found[fold_key(number)].append(Deletion(identifier, key))
        return found


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
    return sorted(documents, key=lambda one: fold_key(one.key))


def _without(deletions: Sequence[Deletion], documents: Sequence[SourceDocument]) -> list[Deletion]:
    """The deletions, but for those where another row has the key: a revision, or one that was entered anew."""
    there = {fold_key(one.key) for one in documents}
    return [one for one in deletions if fold_key(one.key) not in there]
