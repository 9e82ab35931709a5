"""Runs that are killed: at each point at which a request or a piece of state leaves the process.

After each act of a company's people the run is killed (SIGKILL) at a point and started again in another process. Both
systems and all that p2c remembers must then be what they are in a life in which nobody was killed. After that the next
act follows, and the next death: one life has a death after each act, and each death something that comes after it.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import zip_longest

from harness.life import CHANGE_SET, life, recover, undisturbed
from harness.tally import Tally
from harness.victim import victim

ACTS = 4
"""So many acts are followed by a death: master data, sales, deliveries, changes. One more is followed by none."""


@dataclass(slots=True)
class CrashTally(Tally):
    """`points`: how many were to be died at after each act; `kills`: how many deaths there were."""

    points: Counter[str] = field(default_factory=Counter)
    kills: int = 0


@dataclass(frozen=True, slots=True)
class Deaths:
    """One life: which company, and the point at which the run after each act dies; 0 = it lives."""

    company: str
    size: int
    points: tuple[int, ...]
    change_set: int = CHANGE_SET

    def __str__(self) -> str:
        places = ", ".join(str(point or "-") for point in self.points)
        return f"{self.company}{f' of {self.size}' if self.size else ''}, killed at {places}"


@cache
def points(company: str, size: int, change_set: int = CHANGE_SET) -> tuple[int, ...]:
    """How many points the run after each act has."""
    found: list[int] = []
    with life(company, size, change_set) as one:
        for act in one.acts[:ACTS]:
            act()
            count = victim(one.settings, 0)
            if count is None:
                raise RuntimeError("a run that nobody meant to kill was killed")
            found.append(count)
            asyncio.run(one.run())
    return tuple(found)


def choose(count: int, wanted: int, seed: int) -> list[int]:
    """Which points to die at: all when `wanted` is 0, else so many, spread evenly, another choice for each seed."""
    if wanted == 0 or wanted >= count:
        return list(range(1, count + 1))
    offset = random.Random(seed).random()
    return sorted({1 + int((index + offset) * count / wanted) for index in range(wanted)} & set(range(1, count + 1)))


def lives(company: str, size: int, chosen: Sequence[Sequence[int]], change_set: int = CHANGE_SET) -> list[Deaths]:
    """Lives in which each of the points chosen for each act is died at once."""
    found: list[Deaths] = []
    for deaths in zip_longest(*chosen, fillvalue=0):
        last = max(act for act, point in enumerate(deaths) if point)
        # One act more: what people do after the last death must not be missed.
        found.append(Deaths(company, size, (*deaths[: last + 1], 0), change_set))
    return found


def crash(deaths: Deaths) -> CrashTally:
    """One life. It ends at the first problem, which would only go on after the next act."""
    tally = CrashTally(lives=1)
    stages = undisturbed(deaths.company, deaths.size)
    with life(deaths.company, deaths.size, deaths.change_set) as one:
        for number, (point, act, stage) in enumerate(zip(deaths.points, one.acts, stages, strict=False), start=1):
            act()
            if point:
                tally.points[f"act {number}"] += 1
                died = victim(one.settings, point) is None
                tally.kills += died
                if not died:
                    tally.problems.append(f"{deaths}, act {number}: the run has no such point")
            else:
                asyncio.run(one.run())
            if not asyncio.run(recover(one, stage, tally, f"{deaths}, act {number}")):
                break
        tally.problems += [f"{deaths}: {sentence}" for sentence in asyncio.run(one.differing_totals())]
    return tally
