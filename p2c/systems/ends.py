"""What a run needs of a system, as a source and as a destination; both ends keep to these, and tests of a run may too.

Rows are flat: a path as the template writes it, and its value (`p2c.documents`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from p2c.documents import (
    Changed,
    DocumentChange,
    DocumentRead,
    DocumentWrite,
    ExistingDocument,
    LegalEntity,
    Missing,
    Page,
    ResolvedRow,
    SourceDocument,
    Value,
)
from p2c.errors import P2CError, ServiceError


@dataclass(frozen=True, slots=True)
class Ambiguous(Missing):
    """A lookup for which so many `rows` fit equally well: a person must say which, by closing the others."""

    rows: int = 2


class TooManyChanges(P2CError):
    """So much has changed that reading everything in order costs less."""

    code = "too_many_changes"


MOST_CHANGES = 50_000
"""Changed documents of one run that are read one by one; a source raises TooManyChanges for more."""


class Remembered(Protocol):
    """What a source may ask of the memory of earlier runs to tell what changed since."""

    def keys(self) -> AsyncIterator[str]:
        """The keys of all documents that were at the source when they were last read, in no order."""
        ...

    async def etags(self, keys: Collection[str]) -> Mapping[str, str]:
        """The ETag that each of these documents had when it was last read; those not known are left out."""
        ...

    async def find(self, ids: Collection[str]) -> Mapping[str, str]:
        """By the source's id of a header or a line, in lower case: the key of its document, where it is known."""
        ...


class Source(Protocol):
    """Reads documents."""

    def pages(
        self, read: DocumentRead, legal_entity: LegalEntity, *, page_size: int, cursor: str | None = None
    ) -> AsyncIterator[Page]:
        """All documents of the legal entity in the source's key order, at least one page (it may be empty).

        Rows that share a key are never on two pages. `cursor` is that of an earlier page, of any age: reading goes on
        behind it; rows at the seam may come once more, none is left out. `page_size` counts headers and is not exact.
        """
        ...

    async def documents(
        self, read: DocumentRead, legal_entity: LegalEntity, keys: Sequence[str]
    ) -> list[SourceDocument]:
        """The documents with these keys as they are now, every row that has the key; key columns are joined by `|`."""
        ...

    async def mark(self, read: DocumentRead, legal_entity: LegalEntity) -> dict[str, str]:
        """Tokens, opaque to others, that stand for the state of now: `changes` gives what changed after them.

        To be taken before a full read, so that nothing in between is lost. None at all when the source cannot tell.
        """
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
        """What changed since the tokens, at most so many documents at a time, at least once; `whole` reads them.

        A document may be named that did not change. The last one has the next tokens; they are good once all that was
        named is settled. Raises ExpiredToken when the source does not know the tokens any more, and TooManyChanges.
        """
        ...

    async def whole(self, read: DocumentRead, legal_entity: LegalEntity, changed: Changed) -> Page:
        """The documents that were named, whole, as they are now, and those that are really gone."""
        ...


class Destination(Protocol):
    """Finds and writes documents."""

    async def resolve(
        self, entity: str, rows: Sequence[Mapping[str, Value]], legal_entity: LegalEntity | None = None
    ) -> list[ResolvedRow]:
        """The rows with their lookup paths turned into References, in the same order; what is not there is Missing.

        `legal_entity` decides between several rows of one number. In a system without lookups the rows come back as
        they are.
        """
        ...

    async def fetch(
        self, write: DocumentWrite, legal_entity: LegalEntity, keys: Sequence[tuple[str, ...]]
    ) -> dict[tuple[str, ...], list[ExistingDocument]]:
        """The documents whose `write.header.key` columns hold these values, by the values in `str.casefold`.

        Values match ignoring case. Every key asked for is in the answer; a list of several means that the number is
        not unique. Tasks that share an entity all get all of its lines.
        """
        ...

    async def documents(
        self, read: DocumentRead, legal_entity: LegalEntity, keys: Sequence[str]
    ) -> list[SourceDocument]:
        """Rows of the destination, read as a source's are; see `Source.documents`."""
        ...

    async def write(self, changes: Sequence[DocumentChange]) -> list[ServiceError | None]:
        """Writes each document whole or not at all; the answer has its error, or None, in the same order.

        Raises ConfigError and AuthError, which concern all of them.
        """
        ...

    async def missing(
        self, references: Collection[tuple[str, str]], legal_entity: LegalEntity
    ) -> dict[tuple[str, str], str]:
        """Those of (`"CustomersV2.CustomerAccount"`, value) that no row of the legal entity has.

        Each with the other legal entities that have it (`usmf, frrt`), "" where none has.
        """
        ...
