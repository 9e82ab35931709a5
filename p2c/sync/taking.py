"""Single documents of a template, outside of a run: those that events name, and those that are replayed."""

from __future__ import annotations

from collections.abc import Sequence

from p2c.documents import Deletion, LegalEntity, Outcome, Page, SourceDocument
from p2c.equality import fold_key
from p2c.mapping.mapper import Mapper
from p2c.sync.deleting import Departures
from p2c.sync.lane import Lane
from p2c.sync.paging import PageWork
from p2c.systems.ends import Source


class Taking:
    """Settles documents of one template in its open lane; the checkpoint stays where it is.

    `careful`: each is compared with the destination, else only when the ledger does not know it so.
    """

    def __init__(
        self,
        mapper: Mapper,
        legal_entity: LegalEntity,
        source: Source,
        lane: Lane,
        work: PageWork,
        departures: Departures,
        *,
        careful: bool = False,
    ) -> None:
        self._mapper = mapper
        self._legal_entity = legal_entity
        self._source = source
        self._lane = lane
        self._work = work
        self._departures = departures
        self._careful = careful

    async def take(self, keys: Sequence[str], *, run_id: str = "") -> list[Outcome]:
        """Synchronises the documents with these keys as they are now.

        One that is not at the source has no outcome: what becomes of it is for a run that reads the whole source to
        say. Without a run id outcomes are not kept, only what follows from them.
        """
        found = await self._source.documents(self._mapper.reads(), self._legal_entity, keys)
        return await self.settle(found, run_id=run_id)

    async def settle(
        self, documents: Sequence[SourceDocument], *, run_id: str = "", page: int = 1, renamed: bool = False
    ) -> list[Outcome]:
        """Settles documents that were read just now. `renamed`: one that went under another key goes as a new one."""
        if renamed:
            await self._work.accept(documents)
        self._lane.check()
        together = Page(sorted(documents, key=lambda one: fold_key(one.key)), None)
        known = await self._lane.checkpoints.load(self._mapper.template.id)
        settled = await self._work.settle(
            together, known.compared if known else None, careful=self._careful, newcomers=True, alone=True
        )
        self._lane.check()
        return await self._lane.settler.remember(settled, run_id, page)

    async def gone(self, deletions: Sequence[Deletion]) -> None:
        """Remembers documents that a replay did not find: the next run looks whether they are deleted."""
        await self._departures.note(deletions)
