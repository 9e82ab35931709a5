"""When to come again: how often, after how long, and until when."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off with full jitter. Times are seconds.

    `attempts` counts tries of a request that failed for a passing reason; a request that is throttled is tried until
    `budget` is used up, which bounds the whole call with all its waits, and each try, however slowly its answer comes.
    `base` doubles with each try up to `cap`.
    """

    attempts: int = 6
    base: float = 0.5
    cap: float = 30.0
    budget: float = 300.0

    def delay(self, failures: int, random: float) -> float:
        """Seconds to wait after so many failures (from 1); `random` is from 0 to 1."""
        return random * self._ceiling(failures)

    def throttle_delay(self, refusals: int, retry_after: float | None, random: float) -> float:
        """Seconds to wait after so many refusals: what the service asked for, never less than `base`.

        Without a time from the service it is the back-off on top of `base`: coming at once would make it worse.
        """
        if retry_after is None:
            return self.base + random * self._ceiling(refusals)
        return max(retry_after, self.base)

    def _ceiling(self, failures: int) -> float:
        # 2**30 seconds are beyond any cap; a larger power would only be slow.
        return min(self.cap, self.base * 2.0 ** min(failures - 1, 30))
