"""Bursts: a document that was read after an event had reached the queue need not be read for that event again.

When a message reached the queue is told by the queue's clock, and nobody promises that it agrees with this machine's,
or that this machine's is never set. So moments of the queue are never compared with the time of day here. No message is
handled before it was sent, though: how long messages took, from the queue's clock to a clock of this process that is
never set, is at least what lies between the two clocks, and the least of it is close to that.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime

from p2c.equality import fold_key

SLACK = 3.0
"""Seconds by which the clocks of the queue's own machines may differ."""
PERIOD = 600.0
"""Seconds after which it is measured anew what lies between the clocks: they do not go equally fast."""
_MOST = 20_000


class Reads:
    """When this process last began to read which documents. Forgetting costs a request, never a change.

    Moments of this process are seconds of one clock that is never set (`time.monotonic`).
    """

    def __init__(self) -> None:
        self._begun: OrderedDict[tuple[tuple[str, str], str], float] = OrderedDict()
        # The least of this period and of the one before.
        self._least = self._before = math.inf
        self._ends = -math.inf

    def note(self, lane: tuple[str, str], keys: Sequence[str], begun: float) -> None:
        """These keys have been read, beginning at that moment."""
        for key in keys:
            self._begun[lane, fold_key(key)] = begun
            self._begun.move_to_end((lane, fold_key(key)))
        while len(self._begun) > _MOST:
            self._begun.popitem(last=False)

    def unread(self, lane: tuple[str, str], keys: Sequence[str], enqueued: datetime | None, now: float) -> list[str]:
        """The keys that have not surely been read since the message reached the queue; it is handled `now`."""
        if enqueued is None:
            return list(keys)
        self._measure(now - enqueued.timestamp(), now)
        at_the_latest = enqueued.timestamp() + min(self._least, self._before) + SLACK
        return [key for key in keys if self._begun.get((lane, fold_key(key)), -math.inf) <= at_the_latest]

    def _measure(self, seconds: float, now: float) -> None:
        """Takes account of a message that took so long, by the two clocks."""
        if now >= self._ends:
            self._before = self._least if now < self._ends + PERIOD else math.inf
            self._least, self._ends = math.inf, now + PERIOD
        if seconds < min(self._least, self._before) - SLACK:
            # One of the clocks jumped, or this process stood still: what was measured before says nothing any more.
            self._begun.clear()
        self._least = min(self._least, seconds)
