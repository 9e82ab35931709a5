"""What a run reads: what changed since the last one, or everything, and why."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from p2c.documents import OutcomeKind
from p2c.state.checkpoint import Checkpoint
from p2c.state.ledger import Entry, Ledger
from p2c.sync.conflicts import KEPT
from p2c.sync.deleting import DEPARTED
from p2c.sync.work import Settled


@dataclass(frozen=True, slots=True)
class Reading:
    """What a run reads. `changes`: what changed since the tokens of the last run; else everything, and `why` says why.

    `full`: every document read is compared with the destination, whatever the ledger says.
    """

    changes: bool = False
    full: bool = False
    why: str = ""

    @property
    def mode(self) -> str:
        """Its name in records and checkpoints."""
        return "full" if self.full else "incremental"


def choose(
    known: Checkpoint | None, template_hash: str, *, full: bool, every: timedelta | None, now: datetime
) -> Reading:
    """What to read after the run that left the checkpoint (None: there was none).

    Tokens are only ever there when every document up to them is settled, so that they hold for a run after one that was
    interrupted, too. `full` asks for a full comparison; `every` is how often there is one without being asked (None:
    never).
    """
    if known is None:
        return Reading(full=full, why="" if full else "first run")
    if full:
        return Reading(full=True)
    if known.template_hash != template_hash:
        return Reading(why="the template has changed")
    # Before the first read is complete nothing is due: it goes on.
    first = known.compared is None and known.completed is None
    if every is not None and not first and (known.compared is None or now - known.compared >= every):
        last = f"the last one was at {known.compared:%Y-%m-%d %H:%M} UTC" if known.compared else "there was none yet"
        return Reading(full=True, why=f"a full comparison was due: {last}")
    if not known.delta:
        why = "the last run was interrupted" if known.completed is None else "the source cannot tell what changed"
        return Reading(why=why)
    return Reading(changes=True)


class LedgerMemory:
    """The ledger as a source may ask it: `p2c.systems.ends.Remembered`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def keys(self) -> AsyncIterator[str]:
        """All keys but of those that left, a shard at a time in memory."""
        async for key, entry in self._ledger.entries():
            if entry.outcome not in DEPARTED:
                yield key

    async def etags(self, keys: Collection[str]) -> Mapping[str, str]:
        """The ETags of those that are known; one that left and is back is new."""
        known = await self._ledger.get_many(keys)
        return {key: entry.etag for key, entry in known.items() if entry.outcome not in DEPARTED}

    async def find(self, ids: Collection[str]) -> Mapping[str, str]:
        """Document keys by the ids of headers and lines."""
        return await self._ledger.find(ids)


def noted(settled: Sequence[Settled], entries: Mapping[str, Entry], begun: Collection[str] = ()) -> list[Settled]:
    """The same, each document that did not go with an entry that says which version of the source it was.

    Otherwise it would be taken for changed for ever. What `entries` knows of it stays: that is still what is at the
    destination, also where the ledger says meanwhile that something was `begun`. Nothing is noted of a failed one,
    which must be looked at again.
    """
    written = {one.document.key for one in settled if one.entry is not None}
    # Of several rows with one key (revisions of a quote) the one that went counts, and those that were left out do not.
    went = written | {one.document.key for one in settled if one.outcome.kind is OutcomeKind.UNCHANGED}
    return [
        replace(one, entry=_note(one, entries.get(key), always=key in begun))
        if one.entry is None
        and (key := one.document.key)
        and one.document.header
        and key not in written
        and (key not in went or one.outcome.kind is OutcomeKind.UNCHANGED)
        else one
        for one in settled
    ]


def _note(one: Settled, known: Entry | None, *, always: bool) -> Entry | None:
    if one.outcome.kind is OutcomeKind.FAILED:
        return None
    now = replace(
        known or Entry("", source_id=one.document.source_id),
        outcome=_outcome(one.outcome.kind, known),
        etag=one.document.etag,
        line_ids=tuple(one.document.line_ids),
    )
    return None if now == known and not always else now


def _outcome(kind: OutcomeKind, known: Entry | None) -> str:
    if kind is not OutcomeKind.UNCHANGED:
        return kind.value
    return KEPT if known is not None and known.outcome == KEPT else "settled"
