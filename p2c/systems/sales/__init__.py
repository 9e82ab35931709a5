"""Dynamics 365 Sales, as a source and as a destination of documents."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from p2c.documents import (
    Changed,
    DocumentChange,
    DocumentRead,
    DocumentWrite,
    ExistingDocument,
    LegalEntity,
    Page,
    ResolvedRow,
    SourceDocument,
    Value,
)
from p2c.errors import MissingRow, ServiceError
from p2c.systems.batches import BatchWriter
from p2c.systems.ends import MOST_CHANGES, Remembered
from p2c.systems.odata.transport import ODataClient
from p2c.systems.sales.changes import SalesChanges
from p2c.systems.sales.feeds import Feeds
from p2c.systems.sales.finding import Finder
from p2c.systems.sales.lookups import CAPACITY, Lookups
from p2c.systems.sales.metadata import Metadata
from p2c.systems.sales.presence import Presence
from p2c.systems.sales.reading import SalesReader
from p2c.systems.sales.tables import URL_LENGTH, Tables
from p2c.systems.sales.writing import parts
from p2c.templates import catalog

__all__ = ["SalesEnd"]

_NO_VERSIONS = "0x8006088d"
"""Dataverse's OptimisticConcurrencyNotEnabled: the table's metadata say IsOptimisticConcurrencyEnabled = false."""


class SalesEnd:
    """One environment of Sales, as one user: a Source and a Destination of `p2c.systems.ends`.

    `batch_operations` are requests in a batch, `change_set` those in one change set at most, `remembered_rows` bounds
    what lookups keep, `most_changes` are the changed documents beyond which everything is read. `now` gives an aware
    time, by which price lists are valid or not.
    """

    def __init__(
        self,
        client: ODataClient,
        *,
        batch_operations: int = 200,
        change_set: int = 1000,
        remembered_rows: int = CAPACITY,
        url_length: int = URL_LENGTH,
        most_changes: int = MOST_CHANGES,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        tables = Tables(client, url_length=url_length)
        self.client = client
        self.metadata = Metadata(client)
        presence = Presence(self.metadata.columns)
        self._reader = SalesReader(tables, presence)
        self._changes = SalesChanges(tables, Feeds(tables, self.metadata, now), self._reader, most=most_changes)
        self._finder = Finder(tables)
        self._lookups = Lookups(tables, presence, now=now, capacity=remembered_rows)
        self._writer = BatchWriter(client, parts, operations=batch_operations, most=change_set)
        self._unversioned: set[str] = set()

    def refresh(self, older_than: timedelta = timedelta(0)) -> None:
        """Lookups are asked for anew, if what is remembered of them may be older than that."""
        self._lookups.refresh(older_than)

    def pages(
        self, read: DocumentRead, legal_entity: LegalEntity, *, page_size: int, cursor: str | None = None
    ) -> AsyncIterator[Page]:
        """Documents by number, those without one last. Rows of other legal entities' business units are left out."""
        return self._reader.pages(read, legal_entity, page_size=page_size, cursor=cursor)

    async def documents(
        self, read: DocumentRead, legal_entity: LegalEntity, keys: Sequence[str]
    ) -> list[SourceDocument]:
        """The documents with these numbers, with every revision and duplicate."""
        return await self._reader.documents(read, legal_entity, keys)

    async def mark(self, read: DocumentRead, legal_entity: LegalEntity) -> dict[str, str]:
        """A token for each table: a delta link where its changes are tracked, else the latest time of modification."""
        return await self._changes.mark(read, legal_entity)

    def changes(
        self,
        read: DocumentRead,
        legal_entity: LegalEntity,
        tokens: Mapping[str, str],
        remembered: Remembered,
        *,
        page_size: int,
    ) -> AsyncGenerator[Changed]:
        """Changed documents by number, those without one last. Deletes are known where changes are tracked."""
        return self._changes.named(read, legal_entity, tokens, remembered, page_size=page_size)

    async def whole(self, read: DocumentRead, legal_entity: LegalEntity, changed: Changed) -> Page:
        """The changed documents with every revision and duplicate; a number that another row has is not gone."""
        return await self._changes.whole(read, legal_entity, changed)

    async def resolve(
        self, entity: str, rows: Sequence[Mapping[str, Value]], legal_entity: LegalEntity | None = None
    ) -> list[ResolvedRow]:
        """Lookup paths as References; `p2c.systems.sales.lookups` says which row is meant when several could be."""
        return await self._lookups.resolve(catalog.sales_table_by_set(entity), rows, legal_entity)

    async def fetch(
        self, write: DocumentWrite, legal_entity: LegalEntity, keys: Sequence[tuple[str, ...]]
    ) -> dict[tuple[str, ...], list[ExistingDocument]]:
        """Rows of the legal entity's business units by number, with their lines."""
        return await self._finder.fetch(write, legal_entity, keys)

    async def write(self, changes: Sequence[DocumentChange]) -> list[ServiceError | None]:
        """A change set each. A create whose row is there is a Conflict, an update whose row is not a MissingRow."""
        sent = [_whatever_version(one) if _table(one) in self._unversioned else one for one in changes]
        results = await self._writer.write(sent)
        if unversioned := [place for place, error in enumerate(results) if _knows_no_versions(error)]:
            self._unversioned |= {_table(sent[place]) for place in unversioned}
            again = await self._writer.write([_whatever_version(sent[place]) for place in unversioned])
            for place, error in zip(unversioned, again, strict=True):
                results[place] = error
        if any(isinstance(error, MissingRow) for error in results):
            # Perhaps a row that a lookup points to: what we remember of others is in doubt as well.
            self._lookups.forget()
        return results

    async def missing(
        self, references: Collection[tuple[str, str]], legal_entity: LegalEntity
    ) -> dict[tuple[str, str], str]:
        """None: what a row of Sales refers to has been resolved before it is written."""
        return {}


def _table(change: DocumentChange) -> str:
    """The table of the header, which is the row with a version: it comes first."""
    return change.rows[0].entity if change.rows else ""


def _knows_no_versions(error: ServiceError | None) -> bool:
    """Whether a table was to compare versions that has none: not every table has optimistic concurrency."""
    return error is not None and error.correlation.service_code.lower() == _NO_VERSIONS


def _whatever_version(change: DocumentChange) -> DocumentChange:
    mark = replace(change.mark, etag="") if change.mark is not None else None
    return replace(change, rows=tuple(replace(row, etag="") for row in change.rows), mark=mark)
