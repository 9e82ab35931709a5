"""A source that can tell what changed: its documents in memory, every change with a number."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace

from p2c.documents import Changed, Deletion, DocumentRead, LegalEntity, Page, SourceDocument
from p2c.errors import P2CError
from p2c.systems.ends import Remembered, TooManyChanges

SIZE = 2
"""Documents of a page."""


class Telling:
    """`put` and `remove` documents; `others` share a key with one of them, and `read` are the keys that were read.

    `refused` is raised for tokens, `error` on page `fails_at` (too many: while that is named).
    """

    def __init__(self, *documents: SourceDocument) -> None:
        self.there: dict[str, SourceDocument] = {}
        self.others: dict[str, SourceDocument] = {}
        self.version = 0
        self.changed: dict[str, int] = {}
        self.read: list[str] = []
        self.marks = 0
        self.refused: P2CError | None = None
        self.error: P2CError | None = None
        self.fails_at = 0
        self._wholes = 0
        self.while_reading: Callable[[], None] = lambda: None
        for one in documents:
            self.put(one)

    def put(self, document: SourceDocument) -> None:
        self.version += 1
        self.there[document.key] = replace(document, etag=f"v{self.version}")
        self.changed[document.key] = self.version

    def remove(self, key: str) -> None:
        self.version += 1
        del self.there[key]
        self.changed[key] = self.version

    async def pages(
        self, read: DocumentRead, legal_entity: LegalEntity, *, page_size: int, cursor: str | None = None
    ) -> AsyncIterator[Page]:
        keys = sorted(key for key in self.there if cursor is None or key > cursor)
        if not keys:
            yield Page((), None)
        for number, start in enumerate(range(0, len(keys), SIZE)):
            self._fail(number)
            some = keys[start : start + SIZE]
            page = Page(self._take(some), some[-1] if start + SIZE < len(keys) else None)
            self.while_reading()
            yield page

    async def documents(
        self, read: DocumentRead, legal_entity: LegalEntity, keys: Sequence[str]
    ) -> list[SourceDocument]:
        return self._take(keys)

    async def mark(self, read: DocumentRead, legal_entity: LegalEntity) -> dict[str, str]:
        self.marks += 1
        return {"orders": str(self.version)}

    async def changes(
        self,
        read: DocumentRead,
        legal_entity: LegalEntity,
        tokens: Mapping[str, str],
        remembered: Remembered,
        *,
        page_size: int,
    ) -> AsyncGenerator[Changed]:
        if self.refused is not None:
            raise self.refused
        until, self._wholes = self.version, 0
        keys = sorted(key for key, version in self.changed.items() if int(tokens["orders"]) < version <= until)
        for number, start in enumerate(range(0, len(keys), SIZE)):
            self._fail(number, naming=True)
            some = keys[start : start + SIZE]
            gone = tuple(Deletion(f"id of {key}", key) for key in some if key not in self.there)
            yield Changed(tuple(some), gone=gone)
        yield Changed(tokens={"orders": str(until)})

    async def whole(self, read: DocumentRead, legal_entity: LegalEntity, changed: Changed) -> Page:
        self._fail(self._wholes)
        self._wholes += 1
        gone = [one for one in changed.gone if one.key not in self.there]
        return Page(self._take(changed.keys), None, deleted=gone)

    def _take(self, keys: Sequence[str]) -> list[SourceDocument]:
        there = [key for key in keys if key in self.there]
        self.read += there
        found: list[SourceDocument] = []
        for key in there:
            found += [self.there[key], *([self.others[key]] if key in self.others else [])]
        return found

    def _fail(self, page: int, *, naming: bool = False) -> None:
        too_many = isinstance(self.error, TooManyChanges)
        if self.error is not None and page == self.fails_at and naming is too_many:
            raise self.error
