"""Dynamics 365 Finance and Operations, as a source and as a destination of documents."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence

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
from p2c.equality import fold_key
from p2c.errors import ServiceError, Transient
from p2c.systems.batches import BatchWriter
from p2c.systems.ends import MOST_CHANGES, Remembered
from p2c.systems.finops.finding import Finder
from p2c.systems.finops.queries import Queries
from p2c.systems.finops.reading import FinOpsReader
from p2c.systems.finops.scanning import Detector, EtagScan
from p2c.systems.finops.writing import parts
from p2c.systems.odata.transport import ODataClient

__all__ = ["FinOpsEnd"]

_VERSION = "DataManagementEntities/Microsoft.Dynamics.DataEntities.GetApplicationVersion"


class FinOpsEnd:
    """One environment of F&O, as one user: a Source and a Destination of `p2c.systems.ends`.

    `batch_operations` are requests in a batch, `change_set` those in one change set at most, `most_changes` the changed
    documents beyond which everything is read.
    """

    def __init__(
        self,
        client: ODataClient,
        *,
        batch_operations: int = 100,
        change_set: int = 1000,
        most_changes: int = MOST_CHANGES,
    ) -> None:
        queries = Queries(client)
        self.client = client
        self._reader = FinOpsReader(queries)
        self._detector: Detector = EtagScan(self._reader, most=most_changes)
        self._finder = Finder(queries)
        self._writer = BatchWriter(client, parts, operations=batch_operations, most=change_set)

    def identity(self) -> str:
        """The environment's host; F&O has no id to ask for. On this machine any port is the same environment."""
        return self.client.host

    async def version(self) -> str:
        """The version of the application, `10.0.…`. Raises AuthError where the user may not ask for it."""
        answer = await self.client.request("POST", _VERSION, headers={"Content-Type": "application/json"}, body=b"{}")
        document = answer.json()
        if not isinstance(document, dict) or "value" not in document:
            raise Transient("The answer has no version.", system="finops")
        return str(document["value"])

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

    async def mark(self, read: DocumentRead, legal_entity: LegalEntity) -> dict[str, str]:
        """What changes are compared with is in the ledger, so there is little to mark."""
        return await self._detector.mark(read, legal_entity)

    def changes(
        self,
        read: DocumentRead,
        legal_entity: LegalEntity,
        tokens: Mapping[str, str],
        remembered: Remembered,
        *,
        page_size: int,
    ) -> AsyncGenerator[Changed]:
        """Documents whose ETags are not the remembered ones, and those that were not met."""
        return self._detector.changes(read, legal_entity, tokens, remembered, page_size=page_size)

    async def whole(self, read: DocumentRead, legal_entity: LegalEntity, changed: Changed) -> Page:
        """The changed documents, and those of which there is no row. Lines without a header are for a full read."""
        documents = await self._reader.documents(read, legal_entity, changed.keys) if changed.keys else []
        documents.sort(key=lambda document: fold_key(document.key))
        # A row that a scan did not meet may have been written while it ran, or have left a source filter.
        missed = [one.key for one in changed.gone]
        gone = set(await self._reader.absent(read, legal_entity, missed) if missed else ())
        return Page(documents, None, deleted=[one for one in changed.gone if one.key in gone])

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

    async def missing(
        self, references: Collection[tuple[str, str]], legal_entity: LegalEntity
    ) -> dict[tuple[str, str], str]:
        """The references that lead nowhere, in the legal entity where rows belong to one."""
        return await self._finder.missing(references, legal_entity)
