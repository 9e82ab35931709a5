"""Bursts: a document that was read after an event had reached the queue need not be read for that event again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta

SKEW = timedelta(seconds=3)
"""How far the clocks of the queue and of this machine may be apart."""
_MOST = 20_000


class Reads:
    """When this process last began to read which documents. Forgetting costs a request, never a change."""

    def __init__(self) -> None:
        self._begun: OrderedDict[tuple[tuple[str, str], str], datetime] = OrderedDict()

    def note(self, lane: tuple[str, str], keys: Sequence[str], begun: datetime) -> None:
        """These keys have been read, beginning at that moment."""
        for key in keys:
            self._begun[lane, key.casefold()] = begun
            self._begun.move_to_end((lane, key.casefold()))
        while len(self._begun) > _MOST:
            self._begun.popitem(last=False)

    def unread(self, lane: tuple[str, str], keys: Sequence[str], enqueued: datetime | None) -> list[str]:
        """The keys that have not surely been read since the message reached the queue."""
        if enqueued is None:
            return list(keys)
        return [key for key in keys if not self._read_since(lane, key, enqueued)]

    def _read_since(self, lane: tuple[str, str], key: str, enqueued: datetime) -> bool:
        begun = self._begun.get((lane, key.casefold()))
        return begun is not None and begun > enqueued + SKEW
