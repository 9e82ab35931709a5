"""How many requests one system gets at a time: grows with success, halves and pauses when the system says so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import TracebackType


class Shut(Exception):
    """The gate lets nobody in before the caller's time is up; `seconds` is how long it stays shut."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"shut for {seconds:.1f} s")
        self.seconds = seconds


class Gate:
    """One per system and process; `async with gate:` around each request. First come, first served.

    Additive increase, multiplicative decrease: `succeeded` adds one place per round of successes up to `ceiling` (and
    up to the last `hint`), `throttled` halves down to `floor` and lets nobody in until the pause is over. Requests
    that were under way when a pause began and are refused too lengthen the pause, but do not halve again. Times are
    seconds.
    """

    def __init__(
        self,
        start: int,
        floor: int,
        ceiling: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        if not 1 <= floor <= start <= ceiling:
            raise ValueError("a gate needs 1 <= floor <= start <= ceiling")
        self._places = float(start)
        self._floor = floor
        self._ceiling = ceiling
        self._advice = ceiling
        self._clock = clock
        self._sleep = sleep
        self._resume_at = 0.0
        self._in_flight = 0
        self._shrinks = 0
        self._door = asyncio.Lock()
        self._changed = asyncio.Event()

    @property
    def limit(self) -> int:
        """How many may be inside at once, as of now."""
        return max(self._floor, min(int(self._places), self._advice))

    @property
    def in_flight(self) -> int:
        """How many are inside."""
        return self._in_flight

    @property
    def pause(self) -> float:
        """Seconds until the gate lets anybody in again; 0 when it is open."""
        return max(0.0, self._resume_at - self._clock())

    def throttled(self, seconds: float, *, since: int | None = None) -> None:
        """The system asked for less: halve, and let nobody in for `seconds`.

        `since` is what `enter` gave to the refused request: refusals of one generation halve once.
        """
        if not self.pause and since in (None, self._shrinks):
            self._places = max(float(self._floor), min(self._places, self._advice) / 2)
            self._shrinks += 1
        self._resume_at = max(self._resume_at, self._clock() + seconds)

    def succeeded(self) -> None:
        """The system answered as usual: one place more after as many successes as there are places.

        Call it while inside. A gate that is less than half used does not grow: nothing was learnt about more.
        """
        if 2 * self._in_flight >= self.limit:
            self._places = min(float(self._ceiling), self._places + 1 / self._places)
            self._changed.set()

    def hint(self, places: int) -> None:
        """The system recommends so many at a time; taken as a ceiling until it recommends otherwise."""
        self._advice = max(self._floor, min(places, self._ceiling))
        self._changed.set()

    async def enter(self, *, until: float | None = None) -> int:
        """Wait for a place and give the generation. Raises Shut when a pause lasts beyond `until` (by its clock)."""
        self._shut_beyond(until)
        # Only the first in the queue watches; the lock keeps the others in their order.
        async with self._door:
            while True:
                self._shut_beyond(until)
                if wait := self.pause:
                    await self._sleep(wait)
                elif self._in_flight < self.limit:
                    break
                else:
                    self._changed.clear()
                    await self._changed.wait()
            self._in_flight += 1
            return self._shrinks

    def leave(self) -> None:
        """Give the place back."""
        self._in_flight -= 1
        self._changed.set()

    async def __aenter__(self) -> int:
        return await self.enter()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def _shut_beyond(self, until: float | None) -> None:
        if until is not None and (wait := self.pause) and self._clock() + wait > until:
            raise Shut(wait)
