"""Settling: what became of a page is made durable, and only then does the checkpoint move.

The order is: outcomes, who waits or needs a person, the ledger, who does so no more, and the checkpoint with the
counts last. Whatever is interrupted before the last step happens again, with the same result: nobody is off the list of
those that wait before the ledger knows what became of them, since many a document is read for being on it alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from p2c.documents import Outcome, OutcomeKind
from p2c.state.checkpoint import Checkpoint, Checkpoints
from p2c.state.conflicts import NUMBER_TAKEN, ConflictList
from p2c.state.ledger import Ledger
from p2c.state.runs import Runs
from p2c.state.waiting import Kind, Waiting, WaitingList
from p2c.sync.advice import retry_advice
from p2c.sync.outcomes import counted, without_key
from p2c.sync.retrying import Attempt, attempted, moment
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
        attempts = await self._attempts(settled)
        outcomes = [_promised(one.outcome, attempts.get(one.outcome.key)) for one in settled]
        if run_id:
            outcomes = await self._runs.append_outcomes(run_id, page, outcomes)
        await self._wait(outcomes, attempts)
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

    async def _attempts(self, settled: Sequence[Settled]) -> dict[str, Attempt]:
        """For each document that waits or needs a person now, by key: how it waited so far, and its next retry."""
        troubled = [one for one in settled if one.outcome.kind in _WAITS]
        known = await self._waiting.get_many([one.outcome.key for one in troubled])
        now = datetime.now(UTC)
        return {
            one.outcome.key: attempted(one.outcome, one.document, known.get(one.outcome.key), self._retry_minutes, now)
            for one in troubled
        }

    async def _wait(self, outcomes: Sequence[Outcome], attempts: Mapping[str, Attempt]) -> None:
        """Lists what waits or needs a person."""
        waiting = {one.key: one for one in outcomes if one.kind in _WAITS}
        if waiting:
            await self._waiting.put_many([self._entry(one, attempts[key]) for key, one in waiting.items()])
            await self._waiting.flush()

    async def _wait_no_more(self, outcomes: Sequence[Outcome]) -> None:
        """Clears what went through, was skipped, or changed its mind."""
        waiting = {one.key for one in outcomes if one.kind in _WAITS}
        gone = [one.key for one in outcomes if one.key not in waiting]
        # One that had no key and was known by its id has a key now.
        gone += [name for one in outcomes if (name := without_key(one.source_id)) != one.key]
        await self.clear(gone)
        await self._numbers_free(gone)

    def _entry(self, outcome: Outcome, attempt: Attempt) -> Waiting:
        known, now = attempt.known, moment(attempt.now)
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
            first=known.first if known else now,
            last=now,
            attempts=(known.attempts if known else 0) + 1,
            request_id=outcome.request_id,
            again=outcome.kind in _AGAIN or outcome.rule in _AGAIN_BY_CODE,
            retries=attempt.retries,
            retry_after=attempt.retry_after,
            source_hash=attempt.source_hash,
            rule=outcome.rule,
            sides=outcome.sides,
        )


class DrySettler(Settler):
    """Settles pages of a dry run: keeps their outcomes and how far it came, and touches nothing else."""

    async def remember(self, settled: Sequence[Settled], run_id: str, page: int = 1) -> list[Outcome]:
        return await self._runs.append_outcomes(run_id, page, [one.outcome for one in settled])

    async def clear(self, keys: Collection[str]) -> None:
        """Nothing: what waits goes on waiting."""


def _promised(outcome: Outcome, attempt: Attempt | None) -> Outcome:
    """The outcome, for a temporary rejection with the sentence that says whether it is retried automatically."""
    if not outcome.temporary or attempt is None:
        return outcome
    sentence = retry_advice(automatic=bool(attempt.retry_after), used=attempt.retries)
    return replace(outcome, reason=f"{outcome.reason} {sentence}")
