"""Settling: what became of a page is made durable, and only then does the checkpoint move.

The order is: outcomes, the list of those that wait or need a person, the ledger, and the checkpoint with the counts
last. Whatever is interrupted before the last step happens again, with the same result.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from p2c.documents import Outcome, OutcomeKind
from p2c.state.checkpoint import Checkpoint, Checkpoints
from p2c.state.ledger import Ledger
from p2c.state.runs import Runs
from p2c.state.waiting import Kind, Waiting, WaitingList
from p2c.sync.loading import Settled
from p2c.sync.outcomes import count

_WAITS: dict[OutcomeKind, Kind] = {
    OutcomeKind.PARKED: "parked",
    OutcomeKind.REJECTED: "dead",
    OutcomeKind.FAILED: "dead",
}


class Settler:
    """Settles pages of one template in one lane."""

    def __init__(
        self,
        template: str,
        legal_entity: str,
        ledger: Ledger,
        waiting: WaitingList,
        runs: Runs,
        checkpoints: Checkpoints,
    ) -> None:
        self._template = template
        self._legal_entity = legal_entity
        self._ledger = ledger
        self._waiting = waiting
        self._runs = runs
        self._checkpoints = checkpoints

    async def settle(self, settled: Sequence[Settled], checkpoint: Checkpoint) -> Checkpoint:
        """Makes one page durable; gives the checkpoint as it was saved, with the page's outcomes counted."""
        outcomes = [one.outcome for one in settled]
        await self._runs.append_outcomes(checkpoint.run_id, checkpoint.page, outcomes)
        await self._wait(outcomes)
        entries = {one.document.key: one.entry for one in settled if one.entry is not None and one.document.key}
        if entries:
            await self._ledger.put_many(entries)
            await self._ledger.flush()
        moved = checkpoint.model_copy(update={"counts": count(checkpoint.counts, outcomes)})
        await self._checkpoints.save(self._template, moved)
        return moved

    async def sweep(self, started: datetime) -> None:
        """Clears what has waited since before a run that has now read the whole source without meeting it again."""
        before = _moment(started)
        gone = [one.key async for one in self._waiting.all() if one.last < before]
        if gone:
            await self._waiting.clear_many(gone)
            await self._waiting.flush()

    async def _wait(self, outcomes: Sequence[Outcome]) -> None:
        """Lists what waits or needs a person, and clears what went through, was skipped, or changed its mind."""
        waiting = {one.key: one for one in outcomes if one.kind in _WAITS}
        await self._waiting.clear_many([one.key for one in outcomes if one.kind not in _WAITS])
        if waiting:
            now = _moment(datetime.now(UTC))
            known = await self._waiting.get_many(list(waiting))
            await self._waiting.put_many([self._entry(one, known.get(key), now) for key, one in waiting.items()])
        await self._waiting.flush()

    def _entry(self, outcome: Outcome, known: Waiting | None, now: str) -> Waiting:
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
        )


def _moment(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")
