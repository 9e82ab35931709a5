"""Slices: a run in the deployed app goes piece by piece, and each piece leaves behind what the next one starts from.

A slice ends at the boundary of a page, when its time is up, when somebody cancelled the run, or when one of the
systems asks for a pause. `Slicing` is what a run is told of the slice that it is in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from p2c.errors import LeaseHeld, P2CError, PreconditionFailed, Throttled, Transient
from p2c.state.checkpoint import Checkpoint
from p2c.state.store import LEASE_SECONDS

GRACE = timedelta(minutes=15)
"""How long after it was due a slice may still come. Later its run counts as broken off, and the next one takes it up.

Longer than a message can be with a host that died: its lock, several deliveries, and the slice itself.
"""
MOST_ATTEMPTS = 12
CANCELLED = "cancelled"
"""The mode of the checkpoint that a cancelled run leaves: no run goes on from it."""


class End(Enum):
    """How a slice ended, when its run did not."""

    TIME = "time"
    CANCELLED = "cancelled"
    PAUSE = "pause"


class SliceEnded(Exception):
    """The slice is over; the checkpoint says how it goes on."""


@dataclass(frozen=True, slots=True)
class Slicing:
    """One slice of a run: its number (from 0), and `ends`, asked after every page.

    `interrupted`: it was begun before and did not end, so that its last page may have been written and not settled.
    `attempts`: how often it has been paused already without getting on; `MOST_ATTEMPTS` are enough.
    """

    run_id: str
    number: int
    ends: Callable[[], Awaitable[End | None]]
    interrupted: bool = False
    attempts: int = 0

    def passing(self, error: P2CError) -> bool:
        """Whether to wait and try again: a system or the lane is busy, and nothing is wrong with the run."""
        waits = isinstance(error, Throttled | Transient | LeaseHeld | PreconditionFailed)
        return waits and self.attempts < MOST_ATTEMPTS

    def goes_on(self, known: Checkpoint | None) -> bool:
        """Whether the checkpoint is that of this run, under way."""
        return known is not None and known.run_id == self.run_id and known.completed is None


def due(delay: float = 0.0, *, now: datetime | None = None) -> datetime:
    """When the next slice must have begun if it may not begin before so many seconds from now."""
    return (now or datetime.now(UTC)) + timedelta(seconds=delay) + GRACE


def handed_on(point: Checkpoint, slicing: Slicing) -> Checkpoint:
    """The checkpoint that the next slice starts from."""
    return point.model_copy(update={"slice": slicing.number + 1, "due": due()})


def cancelled(point: Checkpoint) -> Checkpoint:
    """The checkpoint of a run that nobody goes on with."""
    return point.model_copy(update={"mode": CANCELLED, "due": None})


def pause(error: P2CError, attempt: int) -> float:
    """Seconds to wait before the slice is tried again after so many attempts in vain (from 0)."""
    if isinstance(error, LeaseHeld):
        # Most often the holder has died, and its lease lasts a minute at most: whoever waits shall not miss its end.
        return LEASE_SECONDS[1] / 3 if attempt < 3 else min(900.0, LEASE_SECONDS[1] * 2.0 ** min(attempt - 3, 4))
    asked = error.retry_after if isinstance(error, Throttled) and error.retry_after else 0.0
    return float(max(asked, min(900.0, 15.0 * 2.0 ** min(attempt, 6))))
