"""Which request meets which fault: drawn from a seed, so that a plan does the same to the same requests again."""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What may happen to a request. "Acts" is whether the server gets to see it."""

    RESET_BEFORE = "reset-before"
    """The connection is reset; the server does not act."""
    RESET_AFTER = "reset-after"
    """The server acts, then the connection is reset."""
    CLOSED_BEFORE = "closed-before"
    """The connection ends in good order without an answer, as an idle one does; the server does not act."""
    CLOSED_AFTER = "closed-after"
    """The server acts, then the connection ends in good order without an answer."""
    SILENT = "silent"
    """Nothing comes back for `seconds`; the server does not act."""
    UNANSWERED = "unanswered"
    """The server acts at once, the answer is held back for `seconds`: longer than the client waits."""
    LATE = "late"
    """The server acts `seconds` later, whether or not the client is still there."""
    THROTTLED = "throttled"
    """429 with `Retry-After: retry_after` in seconds."""
    THROTTLED_DATE = "throttled-date"
    """429 with Retry-After as an HTTP date, both it and Date by a clock that is `skew` seconds ahead."""
    THROTTLED_BARE = "throttled-bare"
    """429 without Retry-After."""
    ERROR_500 = "error-500"
    """500 with the JSON error of an OData service; the server does not act."""
    ERROR_502 = "error-502"
    """502 with a gateway's HTML; the server does not act."""
    ERROR_503 = "error-503"
    """503 with a gateway's JSON and without Retry-After; the server does not act."""
    LOST_IN_GATEWAY = "lost-in-gateway"
    """The server acts, a gateway answers 504 with HTML."""
    HALF_BODY = "half-body"
    """The server acts, half of the body comes back, with a Content-Length that is right for the half."""
    CUT_BODY = "cut-body"
    """The server acts, the connection ends in the middle of the body."""
    HALF_BATCH = "half-batch"
    """The server acts on a batch, but whole parts at the end of its answer are missing and it is closed properly."""
    HALF_ACTED = "half-acted"
    """The server gets to see, and answers, the first half of a batch only; a batch of one it sees whole."""
    HTML = "html"
    """The server acts, 200 with a page of HTML comes back."""
    WRONG_TYPE = "wrong-type"
    """The server acts, its answer comes back as text/plain."""
    EMPTY_OBJECT = "empty-object"
    """The server acts, 200 with the JSON `{}` comes back."""
    UNAUTHORIZED = "unauthorized"
    """401 as for an expired token; the server does not act."""
    TRICKLE = "trickle"
    """The server acts, its answer comes in 16 pieces over `seconds`."""
    SKEWED = "skewed"
    """The server acts; the Date of its answer is `skew` seconds ahead."""


class PlanError(Exception):
    """A plan cannot be read; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that may happen, and to which requests: `method`, `path` (with the query) are searched as patterns.

    Of the requests that match, the first `after` are let through, then each is hit with `probability`, at most `times`
    of them (None: no end). The n-th alone: `after=n - 1, times=1`. `system` is the proxy's name, blank for any.
    """

    kind: Kind
    probability: float = 1.0
    after: int = 0
    times: int | None = None
    method: str = ""
    path: str = ""
    system: str = ""
    seconds: float = 30.0
    retry_after: float = 1.0
    skew: float = 0.0

    def matches(self, system: str, method: str, path: str) -> bool:
        """Whether the fault is meant for such a request."""
        return (
            (not self.system or self.system == system)
            and re.search(self.method, method) is not None
            and re.search(self.path, path) is not None
        )


@dataclass(slots=True)
class FaultPlan:
    """Faults in the order in which they are tried; the first that hits is taken. Safe to ask from several threads."""

    faults: tuple[Fault, ...] = ()
    seed: int = 0
    _met: dict[int, int] = field(default_factory=dict)
    _hit: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def choose(self, system: str, method: str, path: str) -> Fault | None:
        """The fault that this request meets, None for none."""
        with self._lock:
            for place, fault in enumerate(self.faults):
                if fault.matches(system, method, path) and self._hits(place, fault):
                    return fault
        return None

    def _hits(self, place: int, fault: Fault) -> bool:
        met = self._met[place] = self._met.get(place, 0) + 1
        if met <= fault.after or (fault.times is not None and self._hit.get(place, 0) >= fault.times):
            return False
        # By place and number, not by order: what one fault draws does not depend on the requests of another.
        if random.Random(f"{self.seed}/{place}/{met}").random() >= fault.probability:
            return False
        self._hit[place] = self._hit.get(place, 0) + 1
        return True

    @classmethod
    def of(cls, faults: Iterable[Fault], seed: int = 0) -> FaultPlan:
        """A plan of these faults."""
        return cls(tuple(faults), seed)

    @classmethod
    def parse(cls, text: str) -> FaultPlan:
        """A plan out of JSON: `{"seed": 1, "faults": [{"kind": "reset-after", "probability": 0.1}]}`.

        The names are those of `Fault`. Raises PlanError.
        """
        try:
            given = json.loads(text)
        except ValueError as error:
            raise PlanError(f"the plan is no JSON: {error}") from error
        if not isinstance(given, dict) or not isinstance(given.get("faults", []), list) or given.keys() - _PLAN:
            raise PlanError('a plan is an object with "faults" (a list) and "seed"')
        faults = [_fault(one, number) for number, one in enumerate(given.get("faults", []), start=1)]
        return cls.of(faults, int(given.get("seed", 0)))


CALM = FaultPlan()
"""Nothing happens."""

_PLAN = {"faults", "seed"}
_NUMBERS = {"probability": float, "seconds": float, "retry_after": float, "skew": float, "after": int, "times": int}


def _fault(given: Any, number: int) -> Fault:
    known = {one.name for one in fields(Fault)}
    if not isinstance(given, Mapping):
        raise PlanError(f"fault {number}: {given!r} is no object")
    if unknown := sorted(given.keys() - known):
        raise PlanError(f"fault {number}: {', '.join(unknown)} is unknown")
    try:
        values: dict[str, Any] = {name: _NUMBERS.get(name, str)(value) for name, value in given.items()}
        for pattern in ("method", "path"):
            re.compile(values.get(pattern, ""))
        return Fault(**{**values, "kind": Kind(values.get("kind", ""))})
    except (ValueError, TypeError, re.error) as error:
        raise PlanError(f"fault {number}: {error}") from error
