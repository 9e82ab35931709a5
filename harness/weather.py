"""The weather that a run may meet: every kind of fault alone, outages, and storms of several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

from sandbox.proxy import Fault, FaultPlan, Kind

ANSWER_SECONDS = 0.4
"""How long the client waits for an answer in bad weather."""
LATE_SECONDS = 0.6
"""When something comes that the client does not wait for any more."""
_WRITES = r"\$batch"
_HOUR = 3600.0

Weather = Callable[[int], FaultPlan]
"""The plan of a seed; both systems have the same."""


def _alone(*faults: Fault) -> Weather:
    return lambda seed: FaultPlan.of(faults, seed)


def _often(kind: Kind, probability: float = 0.25) -> Fault:
    return Fault(kind, probability, seconds=LATE_SECONDS, retry_after=0.05, skew=0.0)


def _outage(kind: Kind) -> Weather:
    """After some requests nothing else happens any more."""
    return lambda seed: FaultPlan.of([Fault(kind, after=Random(seed).randrange(2, 12), seconds=LATE_SECONDS)], seed)


def _after_writes(*kinds: Kind) -> Weather:
    """Every other write is done, and then answered like this."""
    return _alone(*(Fault(kind, 0.5, path=_WRITES, seconds=LATE_SECONDS) for kind in kinds))


def _storm(seed: int) -> FaultPlan:
    """Five kinds of fault, each now and then; which ones, and how often, is in the seed."""
    random = Random(seed)
    kinds = random.sample(sorted(Kind), 5)
    faults = [
        Fault(
            kind,
            random.uniform(0.02, 0.2),
            system=random.choice(("", "sales", "finops")),
            path=random.choice(("", _WRITES)),
            seconds=LATE_SECONDS,
            retry_after=0.05,
            skew=random.choice((-_HOUR, 0.0, _HOUR)),
        )
        for kind in kinds
    ]
    return FaultPlan.of(faults, seed)


def _throttle_storm(seed: int) -> FaultPlan:
    """Of a stretch of requests nearly all are refused, in all three ways."""
    start = Random(seed).randrange(10)
    kinds = (Kind.THROTTLED, Kind.THROTTLED_BARE, Kind.THROTTLED_DATE)
    return FaultPlan.of([Fault(kind, 0.5, after=start, times=6, retry_after=0.05) for kind in kinds], seed)


_RARE = {Kind.SILENT: 0.06, Kind.UNANSWERED: 0.06, Kind.LATE: 0.06, Kind.TRICKLE: 0.1}

WEATHERS: Mapping[str, Weather] = {
    **{kind.value: _alone(_often(kind, _RARE.get(kind, 0.25))) for kind in Kind},
    "throttled-date": _alone(Fault(Kind.THROTTLED_DATE, 0.05, times=3, retry_after=1.0, skew=_HOUR)),
    "throttled-for-long": _alone(Fault(Kind.THROTTLED, 0.05, retry_after=_HOUR)),
    "throttle-storm": _throttle_storm,
    "trickle-for-long": _alone(Fault(Kind.TRICKLE, 0.02, times=2, seconds=16 * 0.6 * ANSWER_SECONDS)),
    "skewed": _alone(Fault(Kind.SKEWED, skew=-_HOUR)),
    **{f"outage-{kind.value}": _outage(kind) for kind in (Kind.RESET_BEFORE, Kind.SILENT, Kind.ERROR_502, Kind.HTML)},
    "outage-unauthorized": _outage(Kind.UNAUTHORIZED),
    "outage-throttled": _outage(Kind.THROTTLED_BARE),
    "outage-empty-object": _outage(Kind.EMPTY_OBJECT),
    "writes-reset": _after_writes(Kind.RESET_AFTER, Kind.CLOSED_AFTER),
    "writes-unanswered": _after_writes(Kind.UNANSWERED),
    "writes-late": _after_writes(Kind.LATE),
    "writes-half": _after_writes(Kind.HALF_ACTED, Kind.HALF_BATCH, Kind.HALF_BODY, Kind.CUT_BODY),
    "writes-garbage": _after_writes(Kind.HTML, Kind.EMPTY_OBJECT, Kind.WRONG_TYPE, Kind.LOST_IN_GATEWAY),
    "storm": _storm,
}
"""By name. Those named like a kind of fault have that alone."""
