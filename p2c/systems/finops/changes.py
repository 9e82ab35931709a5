"""What changed in Finance and Operations: documents that a detector names, read whole; absent ones confirmed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from p2c.documents import Deletion, DocumentRead, LegalEntity, Page
from p2c.systems.ends import Remembered
from p2c.systems.finops.reading import FinOpsReader
from p2c.systems.finops.scanning import Detector


class FinOpsChanges:
    """Reads what changed in F&O."""

    def __init__(self, reader: FinOpsReader, detector: Detector) -> None:
        self._reader = reader
        self._detector = detector

    async def mark(self, read: DocumentRead, legal_entity: LegalEntity) -> dict[str, str]:
        """See `p2c.systems.ends.Source.mark`."""
        return await self._detector.mark(read, legal_entity)

    async def pages(
        self,
        read: DocumentRead,
        legal_entity: LegalEntity,
        tokens: Mapping[str, str],
        remembered: Remembered,
        *,
        page_size: int,
    ) -> AsyncGenerator[Page]:
        """See `p2c.systems.ends.Source.changes`. Lines without a header are told by a full read only."""
        found = self._detector.differences(read, legal_entity, tokens, remembered, page_size=page_size)
        async with aclosing(found) as differences:
            async for one in differences:
                documents = await self._reader.documents(read, legal_entity, one.changed) if one.changed else []
                documents.sort(key=lambda document: document.key.casefold())
                # A row that the scan did not meet may have been written while it ran, or have left a source filter.
                gone = await self._reader.absent(read, legal_entity, one.absent) if one.absent else []
                yield Page(documents, None, deleted=[Deletion(key, key) for key in gone], tokens=one.tokens)
