"""Waiting in an event loop for something that another thread brings about, or for a moment of the broker's clock."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime

from sandbox.servicebus.broker import Broker


class Waker:
    """Wakes a task whenever something happens in the broker: a message, a lock that ends, an advance of the clock."""

    def __init__(self, broker: Broker) -> None:
        """Make it inside the loop that is to be woken."""
        self._broker = broker
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self._end = broker.subscribe(self._wake)

    def _wake(self) -> None:
        # A loop that closes while others still announce has nobody left to wake.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._event.set)

    def clear(self) -> None:
        """Forget what happened up to now; call it before looking whether there is something to do."""
        self._event.clear()

    async def wait(self, until: datetime | None = None) -> None:
        """Wait until something happens after the last `clear`, or until a moment of the broker's clock."""
        seconds = None if until is None else max(0.0, (until - self._broker.now()).total_seconds())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), seconds)

    def close(self) -> None:
        """End the waking."""
        self._end()
