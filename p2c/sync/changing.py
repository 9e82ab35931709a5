"""The pages of a run that reads what changed: named by the source first, read whole one after the other.

A run in slices has everything named before it reads the first page. More than one page is kept: so there is a place to
go on from, the number of what is done already.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace

from p2c.documents import Changed, DocumentRead, LegalEntity, Page
from p2c.state.remaining import RemainingChanges
from p2c.systems.ends import Remembered, Source


class Changes:
    """What changed at the source of one template and legal entity, at most `page_size` documents at a time."""

    def __init__(
        self,
        source: Source,
        read: DocumentRead,
        legal_entity: LegalEntity,
        remaining: RemainingChanges,
        *,
        page_size: int,
    ) -> None:
        self._source = source
        self._read = read
        self._legal_entity = legal_entity
        self._remaining = remaining
        self._page_size = page_size
        self._found: list[Changed] | None = None
        self.tokens: Mapping[str, str] = {}
        """Good for the next run once everything is settled; known when all pages have been taken."""

    async def pages(self, since: Mapping[str, str], remembered: Remembered) -> AsyncGenerator[Page]:
        """What changed since the tokens, as it is being named: no page has a cursor.

        Raises ExpiredToken and TooManyChanges.
        """
        async with aclosing(self._named(since, remembered)) as named:
            async for one in named:
                self.tokens = one.tokens or self.tokens
                if _any(one):
                    yield await self._whole(one)

    async def keep(self, run_id: str, since: Mapping[str, str], remembered: Remembered) -> bool:
        """Has everything named that changed since the tokens; whether it was kept, being more than one page.

        Raises ExpiredToken and TooManyChanges.
        """
        async with aclosing(self._named(since, remembered)) as named:
            self._found = [one async for one in named]
        if sum(_any(one) for one in self._found) < 2:
            return False
        await self._remaining.save(run_id, self._found)
        return True

    async def kept(self, run_id: str, cursor: str) -> AsyncGenerator[Page]:
        """The pages of what the run has kept, from the place on; each has the place behind it."""
        for number, one in enumerate(await self._remaining.load(run_id)):
            self.tokens = one.tokens or self.tokens
            if number >= int(cursor) and _any(one):
                yield replace(await self._whole(one), cursor=str(number + 1))

    async def forget(self) -> None:
        """Forgets what was kept."""
        await self._remaining.clear()

    async def _named(self, since: Mapping[str, str], remembered: Remembered) -> AsyncGenerator[Changed]:
        if self._found is not None:
            for one in self._found:
                yield one
            return
        found = self._source.changes(self._read, self._legal_entity, since, remembered, page_size=self._page_size)
        async with aclosing(found) as named:
            async for one in named:
                yield one

    async def _whole(self, changed: Changed) -> Page:
        return await self._source.whole(self._read, self._legal_entity, changed)


def _any(changed: Changed) -> bool:
    """Whether it names any document."""
    return bool(changed.keys or changed.unnamed or changed.gone)
