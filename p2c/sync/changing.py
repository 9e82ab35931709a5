"""The pages of a run that reads what changed: named by the source first, read whole one after the other.

In slices, whoever runs out of time stops reading and has the rest named: that is kept, and the next slice goes on
with it. A place in it is the number of what is done already.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace

from p2c.documents import Changed, DocumentRead, LegalEntity, Page
from p2c.state.remaining import RemainingChanges
from p2c.systems.ends import Remembered, Source


class Changes:
    """What changed at the source of one template and legal entity."""

    def __init__(
        self, source: Source, read: DocumentRead, legal_entity: LegalEntity, remaining: RemainingChanges
    ) -> None:
        self._source = source
        self._read = read
        self._legal_entity = legal_entity
        self._remaining = remaining
        self._stopped = False
        self._left: list[Changed] = []
        self.tokens: Mapping[str, str] = {}
        """Good for the next run once everything is settled; known when all pages have been taken."""

    def stop(self) -> None:
        """Reads nothing more: what is still to come is named only. A page that is on its way comes all the same."""
        self._stopped = True

    async def pages(self, since: Mapping[str, str], remembered: Remembered, *, page_size: int) -> AsyncGenerator[Page]:
        """What changed since the tokens. No page has a cursor: before anything is kept there is nothing to go on from.

        Raises ExpiredToken and TooManyChanges.
        """
        changes = self._source.changes(self._read, self._legal_entity, since, remembered, page_size=page_size)
        async with aclosing(changes) as named:
            async for one in named:
                self.tokens = one.tokens or self.tokens
                if self._stopped:
                    self._left.append(one)
                elif _any(one):
                    yield await self._source.whole(self._read, self._legal_entity, one)

    async def keep(self, run_id: str) -> bool:
        """Keeps what was named and not read; False when there is no such thing."""
        if not any(_any(one) for one in self._left):
            return False
        await self._remaining.save(run_id, self._left)
        return True

    async def rest(self, run_id: str, cursor: str) -> AsyncGenerator[Page]:
        """The pages of what an earlier slice has kept, from the place on; each has the place behind it."""
        kept = await self._remaining.load(run_id)
        for number, one in enumerate(kept):
            self.tokens = one.tokens or self.tokens
            if number >= int(cursor) and _any(one):
                page = await self._source.whole(self._read, self._legal_entity, one)
                yield replace(page, cursor=str(number + 1))


def _any(changed: Changed) -> bool:
    """Whether it names any document."""
    return bool(changed.keys or changed.unnamed or changed.gone)
