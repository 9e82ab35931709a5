"""The service protection limits of one server: requests, execution time and concurrency per user.

Both services document the same three limits over a sliding window of five minutes and answer 429 with Retry-After.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Literal


@dataclass
class Limits:
    """What a service imposes. Everything is off by default."""

    latency: float = 0.0
    """Seconds added to each request."""
    requests: int | None = None
    """Requests per window and user."""
    window: float = 300.0
    """Seconds of the sliding window."""
    execution_seconds: float | None = None
    """Summed seconds of execution per window and user."""
    concurrent: int | None = None
    """Requests of a user that may be under way at once."""
    growth: float = 0.0
    """Seconds by which a request that ignores a Retry-After puts the promised moment off."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused, the limit's value, and the whole seconds after which to come again."""

    kind: Literal["requests", "execution", "concurrent"]
    limit: float
    window: float
    retry_after: int


@dataclass(slots=True)
class _Usage:
    requests: deque[float] = field(default_factory=deque)
    executions: deque[tuple[float, float]] = field(default_factory=deque)
    spent: float = 0.0
    under_way: int = 0
    promised: float = 0.0


class Limiter:
    """Counts what each user asks. Times are seconds of the service's clock."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._users: dict[str, _Usage] = {}

    def enter(self, user: str, now: float) -> Refusal | None:
        """Count a request that comes in, or say why it is refused. After None, call `leave` when it is done."""
        usage = self._current(user, now)
        refusal = self._refusal(usage, now)
        if refusal is None:
            usage.requests.append(now)
            usage.under_way += 1
        return refusal

    def leave(self, user: str, now: float, seconds: float) -> None:
        """Count the execution time of a request that is done."""
        usage = self._current(user, now)
        usage.under_way -= 1
        usage.executions.append((now, seconds))
        usage.spent += seconds

    def remaining(self, user: str, now: float, *, requests: int, seconds: float) -> tuple[int, float]:
        """Give the requests and execution seconds that are left; the arguments stand in for limits that are off."""
        usage = self._current(user, now)
        most = self.limits.requests if self.limits.requests is not None else requests
        longest = self.limits.execution_seconds if self.limits.execution_seconds is not None else seconds
        return max(0, most - len(usage.requests)), max(0.0, longest - usage.spent)

    def _current(self, user: str, now: float) -> _Usage:
        usage = self._users.setdefault(user, _Usage())
        oldest = now - self.limits.window
        while usage.requests and usage.requests[0] <= oldest:
            usage.requests.popleft()
        while usage.executions and usage.executions[0][0] <= oldest:
            usage.spent -= usage.executions.popleft()[1]
        return usage

    def _refusal(self, usage: _Usage, now: float) -> Refusal | None:
        limits = self.limits
        if limits.concurrent is not None and usage.under_way >= limits.concurrent:
            return Refusal("concurrent", limits.concurrent, limits.window, 1)
        if limits.requests is not None and len(usage.requests) >= limits.requests:
            room = usage.requests[0] + limits.window if usage.requests else now + limits.window
            return Refusal("requests", limits.requests, limits.window, self._wait(usage, room, now))
        if limits.execution_seconds is not None and usage.spent >= limits.execution_seconds:
            room = usage.executions[0][0] + limits.window if usage.executions else now + limits.window
            return Refusal("execution", limits.execution_seconds, limits.window, self._wait(usage, room, now))
        if limits.growth > 0 and now < usage.promised:
            return Refusal("requests", limits.requests or 0, limits.window, self._wait(usage, now, now))
        return None

    def _wait(self, usage: _Usage, room: float, now: float) -> int:
        ignored = now < usage.promised
        usage.promised = max(room, usage.promised + self.limits.growth if ignored else room)
        return max(1, math.ceil(usage.promised - now))
