"""The pages of a run that reads what changed: all of it named by the source first, then read whole, page by page.

A source that has to give up does so while it is naming: before any document was written. A run in slices keeps what was
named, where it is more than one page; a place to go on from is the number of what is done already.
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
        self._named: list[Changed] = []

    @property
    def tokens(self) -> Mapping[str, str]:
        """Good for the next run once everything that was named is settled."""
        return next((one.tokens for one in reversed(self._named) if one.tokens), {})

    async def name(self, since: Mapping[str, str], remembered: Remembered) -> None:
        """Has everything named that changed since the tokens. Raises ExpiredToken and TooManyChanges."""
        found = self._source.changes(self._read, self._legal_entity, since, remembered, page_size=self._page_size)
        async with aclosing(found) as named:
            self._named = [one async for one in named]

    async def keep(self, run_id: str) -> bool:
        """Keeps what was named; False when it is one page at most, behind which there is nothing to go on with."""
        if sum(_any(one) for one in self._named) < 2:
            return False
        await self._remaining.save(run_id, self._named)
        return True

    async def load(self, run_id: str) -> bool:
        """Takes up what an earlier slice of the run has kept; False when it is lost."""
        kept = await self._remaining.load(run_id)
        self._named = kept or []
        return kept is not None

    async def pages(self, cursor: str | None) -> AsyncGenerator[Page]:
        """What was named, whole: from the place on, each page with the place behind it; without one from the start."""
        for number, one in enumerate(self._named):
            if number >= int(cursor or 0) and _any(one):
                page = await self._source.whole(self._read, self._legal_entity, one)
                yield page if cursor is None else replace(page, cursor=str(number + 1))

    async def forget(self) -> None:
        """Forgets what was kept."""
        await self._remaining.clear()


def _any(changed: Changed) -> bool:
    """Whether it names any document."""
    return bool(changed.keys or changed.unnamed or changed.gone)
