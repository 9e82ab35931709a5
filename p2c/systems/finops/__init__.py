"""Dynamics 365 Finance and Operations, as a source and as a destination of documents."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence

from p2c.documents import (
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
from p2c.errors import ServiceError
from p2c.systems.batches import BatchWriter
from p2c.systems.finops.finding import Finder
from p2c.systems.finops.queries import Queries
from p2c.systems.finops.reading import FinOpsReader
from p2c.systems.finops.writing import MOST_OPERATIONS, parts
from p2c.systems.odata.transport import ODataClient

__all__ = ["FinOpsEnd"]


class FinOpsEnd:
    """One environment of F&O, as one user: a Source and a Destination of `p2c.systems.ends`.

    `batch_operations` are requests in a batch.
    """

    def __init__(self, client: ODataClient, *, batch_operations: int = 100) -> None:
        queries = Queries(client)
        self.client = client
        self._reader = FinOpsReader(queries)
        self._finder = Finder(queries)
        self._writer = BatchWriter(client, parts, operations=batch_operations, most=MOST_OPERATIONS)

    def pages(
        self, read: DocumentRead, legal_entity: LegalEntity, *, page_size: int, cursor: str | None = None
    ) -> AsyncIterator[Page]:
        """Documents of the legal entity by number, and the lines whose header is not there."""
        return self._reader.pages(read, legal_entity, page_size=page_size, cursor=cursor)

    async def documents(
        self, read: DocumentRead, legal_entity: LegalEntity, keys: Sequence[str]
    ) -> list[SourceDocument]:
        """The documents with these keys."""
        return await self._reader.documents(read, legal_entity, keys)

    async def resolve(
        self, entity: str, rows: Sequence[Mapping[str, Value]], legal_entity: LegalEntity | None = None
    ) -> list[ResolvedRow]:
        """The rows as they are: F&O takes numbers and looks them up itself."""
        return [ResolvedRow(dict(row)) for row in rows]

    async def fetch(
        self, write: DocumentWrite, legal_entity: LegalEntity, keys: Sequence[tuple[str, ...]]
    ) -> dict[tuple[str, ...], list[ExistingDocument]]:
        """Rows of the legal entity by key, with their lines."""
        return await self._finder.fetch(write, legal_entity, keys)

    async def write(self, changes: Sequence[DocumentChange]) -> list[ServiceError | None]:
        """A change set each. A create whose row is there is a Conflict, an update whose row is not a MissingRow."""
        return await self._writer.write(changes)

    async def missing(self, references: Collection[tuple[str, str]], legal_entity: LegalEntity) -> set[tuple[str, str]]:
        """The references that lead nowhere, in the legal entity where rows belong to one."""
        return await self._finder.missing(references, legal_entity)
