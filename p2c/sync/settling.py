"""Settling: what became of a page is made durable, and only then does the checkpoint move.

The order is: outcomes, who waits or needs a person, the ledger, who does so no more, and the checkpoint with the
counts last. Whatever is interrupted before the last step happens again, with the same result: nobody is off the list of
those that wait before the ledger knows what became of them, since many a document is read for being on it alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from p2c.documents import Outcome, OutcomeKind
from p2c.state.checkpoint import Checkpoint, Checkpoints
from p2c.state.conflicts import NUMBER_TAKEN, ConflictList
from p2c.state.ledger import Ledger
from p2c.state.runs import Runs
from p2c.state.waiting import Kind, Waiting, WaitingList
from p2c.sync.outcomes import counted, without_key
from p2c.sync.work import CANCELED, Settled

_AGAIN = frozenset({OutcomeKind.PARKED, OutcomeKind.FAILED})
"""What every run tries again: nobody needs to change the document for it to go."""
_AGAIN_BY_CODE = frozenset({NUMBER_TAKEN, CANCELED})
"""Rejections that a change at the destination can end: the record that has the number, or the order to be canceled."""

_WAITS: dict[OutcomeKind, Kind] = {
    OutcomeKind.PARKED: "parked",
    OutcomeKind.REJECTED: "dead",
    OutcomeKind.FAILED: "dead",
}


class Settler:
    """Settles pages of one template in one lane. `retry_minutes`: see `Settings`."""

    def __init__(
        self,
        template: str,
        legal_entity: str,
        ledger: Ledger,
        waiting: WaitingList,
        runs: Runs,
        checkpoints: Checkpoints,
        conflicts: ConflictList,
        retry_minutes: Sequence[float] = (),
    ) -> None:
        self._template = template
        self._legal_entity = legal_entity
        self._ledger = ledger
        self._waiting = waiting
        self._runs = runs
        self._checkpoints = checkpoints
        self._conflicts = conflicts
        self._retry_minutes = retry_minutes

    async def settle(self, settled: Sequence[Settled], checkpoint: Checkpoint) -> Checkpoint:
        """Makes one page durable; gives the checkpoint as it was saved, with the page's outcomes counted."""
        outcomes = await self.remember(settled, checkpoint.run_id, checkpoint.page)
        moved = counted(checkpoint, outcomes)
        await self._checkpoints.save(self._template, moved)
        return moved

    async def remember(self, settled: Sequence[Settled], run_id: str, page: int = 1) -> list[Outcome]:
        """Makes durable what became of documents that are no page of a run; gives their outcomes.

        Without a run id the outcomes themselves are not kept, only what follows from them.
        """
        outcomes = [one.outcome for one in settled]
        if run_id:
            outcomes = await self._runs.append_outcomes(run_id, page, outcomes)
        await self._wait(outcomes)
        await self._note_conflicts(settled)
        entries = {one.document.key: one.entry for one in settled if one.entry is not None and one.document.key}
        forgotten = [one.document.key for one in settled if one.forget]
        if entries or forgotten:
            await self._ledger.remove_many(forgotten)
            await self._ledger.put_many(entries)
            await self._ledger.flush()
        await self._wait_no_more(outcomes)
        return outcomes

    async def _note_conflicts(self, settled: Sequence[Settled]) -> None:
        found = [one.conflict for one in settled if one.conflict is not None]
        if found:
            await self._conflicts.put_many(found)
            await self._conflicts.flush()

    async def _numbers_free(self, keys: Collection[str]) -> None:
        """Takes documents off the list of conflicts that were on it for their number alone and now have a row."""
        known = await self._conflicts.get_many(keys)
        free = [key for key, one in known.items() if one.rule == NUMBER_TAKEN]
        if free:
            await self._conflicts.clear_many(free)
            await self._conflicts.flush()

    async def sweep(self, started: datetime) -> None:
        """Clears what has waited since before a run that has now read the whole source without meeting it again."""
        before = moment(started)
        await self.clear([one.key async for one in self._waiting.all() if one.last < before])

    async def forget(self, keys: Collection[str]) -> None:
        """Forgets documents that are gone from the source: that they wait, and those that never went altogether."""
        await self.clear(keys)
        entries = await self._ledger.get_many(keys)
        await self._ledger.remove_many([key for key, entry in entries.items() if not entry.settled])
        await self._ledger.flush()

    async def clear(self, keys: Collection[str]) -> None:
        """Takes documents that are no longer at the source off the list of those that wait."""
        if keys:
            await self._waiting.clear_many(keys)
            await self._waiting.flush()

    async def _wait(self, outcomes: Sequence[Outcome]) -> None:
        """Lists what waits or needs a person."""
        waiting = {one.key: one for one in outcomes if one.kind in _WAITS}
        if waiting:
            now = datetime.now(UTC)
            known = await self._waiting.get_many(list(waiting))
            await self._waiting.put_many([self._entry(one, known.get(key), now) for key, one in waiting.items()])
            await self._waiting.flush()

    async def _wait_no_more(self, outcomes: Sequence[Outcome]) -> None:
        """Clears what went through, was skipped, or changed its mind."""
        waiting = {one.key for one in outcomes if one.kind in _WAITS}
        gone = [one.key for one in outcomes if one.key not in waiting]
        # One that had no key and was known by its id has a key now.
        gone += [name for one in outcomes if (name := without_key(one.source_id)) != one.key]
        await self.clear(gone)
        await self._numbers_free(gone)

    def _entry(self, outcome: Outcome, known: Waiting | None, now: datetime) -> Waiting:
        same = known is not None and known.reason == outcome.reason
        retries = known.retries + 1 if known is not None and same else 0
        retry = outcome.temporary and retries < len(self._retry_minutes)
        return Waiting(
            kind=_WAITS[outcome.kind],
            key=outcome.key,
            template=self._template,
            legal_entity=self._legal_entity,
            source_id=outcome.source_id,
            reason=outcome.reason,
            field=outcome.field,
            line=outcome.line,
            missing=outcome.missing,
            first=known.first if known else moment(now),
            last=moment(now),
            attempts=(known.attempts if known else 0) + 1,
            request_id=outcome.request_id,
            again=outcome.kind in _AGAIN or outcome.rule in _AGAIN_BY_CODE,
            retries=retries,
            retry_after=moment(now + timedelta(minutes=self._retry_minutes[retries])) if retry else "",
            rule=outcome.rule,
            sides=outcome.sides,
        )


class DrySettler(Settler):
    """Settles pages of a dry run: keeps their outcomes and how far it came, and touches nothing else."""

    async def remember(self, settled: Sequence[Settled], run_id: str, page: int = 1) -> list[Outcome]:
        return await self._runs.append_outcomes(run_id, page, [one.outcome for one in settled])

    async def clear(self, keys: Collection[str]) -> None:
        """Nothing: what waits goes on waiting."""


def moment(time: datetime) -> str:
    """A moment as the list of what waits has it; later ones sort later."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")
