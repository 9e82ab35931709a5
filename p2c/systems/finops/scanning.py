"""Which documents of Finance and Operations changed, by their ETags: no entity tells a time of modification.

Keys and ETags of headers and lines are read in key order, which costs little, and compared with what the ledger
remembers. A line's change need not move its header's ETag, so a document's is made of all of them. What is computed
moves none (whether totals are up to date, say): the columns that decide whether a document goes are read as well.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol

from p2c.documents import Changed, Deletion, DocumentRead, LegalEntity
from p2c.errors import ExpiredToken
from p2c.systems.chunks import chunks
from p2c.systems.ends import MOST_CHANGES, Remembered, TooManyChanges
from p2c.systems.finops.reading import FinOpsReader
from p2c.systems.rollcall import RollCall

SCAN_SIZE = 2_000
"""Headers of one request of a scan."""

_SCAN = "etags"


class Detector(Protocol):
    """Tells which documents changed: the scan here; an export that tracks changes can be another."""

    async def mark(self, read: DocumentRead, legal_entity: LegalEntity) -> dict[str, str]:
        """See `p2c.systems.ends.Source.mark`."""
        ...

    def changes(
        self,
        read: DocumentRead,
        legal_entity: LegalEntity,
        tokens: Mapping[str, str],
        remembered: Remembered,
        *,
        page_size: int,
    ) -> AsyncGenerator[Changed]:
        """See `p2c.systems.ends.Source.changes`; who was not met counts as `gone`, to be confirmed."""
        ...


class EtagScan:
    """Compares the ETags of all documents with those that are remembered; names `most` documents at most."""

    def __init__(self, reader: FinOpsReader, *, most: int = MOST_CHANGES) -> None:
        self._reader = reader
        self._most = most

    async def mark(self, read: DocumentRead, legal_entity: LegalEntity) -> dict[str, str]:
        """Nothing but a name: what is compared is in the ledger, document by document."""
        return {read.header.entity: _SCAN}

    async def changes(
        self,
        read: DocumentRead,
        legal_entity: LegalEntity,
        tokens: Mapping[str, str],
        remembered: Remembered,
        *,
        page_size: int,
    ) -> AsyncGenerator[Changed]:
        """See `Detector`."""
        if tokens != await self.mark(read, legal_entity):
            raise ExpiredToken("The tokens are not those of a scan.", system="finops")
        roll = RollCall()
        async for key in remembered.keys():
            roll.enter(key)
        total = 0
        async with aclosing(self._reader.pages(_light(read), legal_entity, page_size=SCAN_SIZE)) as pages:
            async for page in pages:
                found = {one.key: one.etag for one in page.documents if one.key}
                known = await remembered.etags(found)
                for key in known:
                    roll.enter(key)
                changed = [key for key, etag in found.items() if not etag or known.get(key) != etag]
                total += len(changed)
                self._check(total)
                for chunk in chunks(changed, page_size):
                    yield Changed(tuple(chunk))
        if not roll.complete():
            async for absent in _in_doubt(roll, remembered, page_size):
                total += len(absent)
                self._check(total)
                yield Changed(gone=tuple(Deletion(key, key) for key in absent))
        yield Changed(tokens=dict(tokens))

    def _check(self, total: int) -> None:
        # All that is named is held at once, those that are gone as well.
        if total > self._most:
            raise TooManyChanges(f"More than {self._most:,} documents changed since the last run.")


async def _in_doubt(roll: RollCall, remembered: Remembered, size: int) -> AsyncGenerator[list[str]]:
    batch: list[str] = []
    async for key in remembered.keys():
        if roll.in_doubt(key):
            batch.append(key)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _light(read: DocumentRead) -> DocumentRead:
    """The same documents, with no more columns than keys, links and what decides whether they go."""
    lines = tuple(replace(one, paths=one.watch) for one in read.lines)
    return replace(read, header=replace(read.header, paths=read.header.watch), lines=lines)
