"""Replaying: documents that wait or need a person, read again at the source and settled as a run would.

Nothing of what was read then is written: a replay knows only the keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from p2c.documents import Deletion, LegalEntity, Outcome, OutcomeKind, SourceDocument
from p2c.equality import fold_key
from p2c.mapping.mapper import Mapper
from p2c.state.runs import RunRecord, Status
from p2c.state.waiting import Waiting
from p2c.sync.deleting import LEFT, by_id
from p2c.sync.lane import Lane
from p2c.sync.outcomes import count_notes, without_key
from p2c.sync.taking import Taking
from p2c.sync.work import Settled
from p2c.systems import keys
from p2c.systems.ends import Source

MODE = "replay"
_CHUNK = 200
_TROUBLED = (OutcomeKind.PARKED, OutcomeKind.REJECTED, OutcomeKind.FAILED)


class Replay:
    """Replays documents of one template in its open lane; with `renamed` a new key is taken for a new document."""

    def __init__(
        self,
        taking: Taking,
        lane: Lane,
        mapper: Mapper,
        legal_entity: LegalEntity,
        source: Source,
        *,
        renamed: bool = False,
    ) -> None:
        self._taking = taking
        self._lane = lane
        self._mapper = mapper
        self._legal_entity = legal_entity
        self._source = source
        self._renamed = renamed
        self._page = 0
        self._outcomes: list[Outcome] = []

    async def replay(
        self, waiting: Sequence[Waiting], *, run_id: str = "", trigger: str = "cli"
    ) -> tuple[RunRecord, list[Outcome]]:
        """The record of the replay, saved (under `run_id`, if it has one already), and what became of each document."""
        started = datetime.now(UTC)
        template = self._mapper.template
        record = RunRecord(
            id=run_id or f"{started:%Y%m%dT%H%M%S%f}-{self._legal_entity.id}-{template.id}-{MODE}",
            template=template.id,
            legal_entity=self._legal_entity.id,
            mode=MODE,
            trigger=trigger,
            started=started,
        )
        await self._lane.runs.save(record)
        for start in range(0, len(waiting), _CHUNK):
            await self._some(waiting[start : start + _CHUNK], record.id)
        counts = Counter(one.kind.value for one in self._outcomes)
        status: Status = "Warning" if any(counts[kind.value] for kind in _TROUBLED) else "Completed"
        record = record.model_copy(
            update={"status": status, "finished": datetime.now(UTC), "pages": self._page, "counts": dict(counts)}
            | {"note_counts": count_notes({}, self._outcomes)}
        )
        await self._lane.runs.save(record)
        return record, self._outcomes

    async def _some(self, waiting: Sequence[Waiting], run_id: str) -> None:
        without = [one for one in waiting if one.key == without_key(one.source_id)]
        nameless, named = await self._by_id(without)
        wanted = dict.fromkeys([*(one.key for one in waiting if one not in without), *named])
        found = await self._source.documents(self._mapper.reads(), self._legal_entity, list(wanted))
        documents = [*nameless, *found]
        if documents:
            self._page += 1
            self._outcomes += await self._taking.settle(
                documents, run_id=run_id, page=self._page, renamed=self._renamed
            )
        there = {fold_key(one.key) for one in found} | {fold_key(without_key(one.source_id)) for one in nameless}
        named_now = {fold_key(without_key(one)) for one in named.values()}
        absent = [one for one in waiting if fold_key(one.key) not in there | named_now]
        if absent:
            self._page += 1
            settled = [await self._absent(one) for one in absent]
            self._outcomes += await self._lane.settler.remember(settled, run_id, self._page)

    async def _by_id(self, waiting: Sequence[Waiting]) -> tuple[list[SourceDocument], dict[str, str]]:
        """Documents that were known by their ids: those without a key still, and the new keys of the others."""
        reads = self._mapper.reads()
        read = by_id(self._mapper.template.source, reads)
        if read is None or not waiting:
            return [], {}
        nameless: list[SourceDocument] = []
        named: dict[str, str] = {}
        for one in await self._source.documents(read, self._legal_entity, [each.source_id for each in waiting]):
            key = keys.join(one.header.get(column) for column in reads.header.key)
            if key:
                named[key] = one.source_id
            else:
                nameless.append(replace(one, key=""))
        return nameless, named

    async def _absent(self, waiting: Waiting) -> Settled:
        """One that the template does not read any more. A line without its header was never a document of its own."""
        document = SourceDocument(waiting.key, waiting.source_id, {})
        if waiting.line and self._mapper.template.source == "finops":
            again = Outcome(
                OutcomeKind.REJECTED,
                waiting.key,
                waiting.source_id,
                waiting.reason,
                field=waiting.field,
                line=waiting.line,
            )
            return Settled(document, again)
        entry = (await self._lane.ledger.get_many([waiting.key])).get(waiting.key)
        if entry is not None and entry.settled:
            await self._taking.gone([Deletion(waiting.source_id or entry.source_id, waiting.key)])
            reason = "The template does not read it any more. The next run looks whether it was deleted at the source."
        else:
            reason = "The template does not read it any more, and it was never written."
        return Settled(document, Outcome(OutcomeKind.SKIPPED, waiting.key, waiting.source_id, reason, rule=LEFT))
