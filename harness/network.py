"""Runs over a network that breaks: each weather over a whole life of a company, compared with an undisturbed life.

After each act of the people in the company, templates run in bad weather. What the runs then say is held against what
is there. Then the weather clears, and after a few runs more both systems and p2c's own state must be what they are in
an undisturbed life.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from harness.life import CHANGE_SET, LONGEST, Life, Patience, Stage, life, recover, undisturbed
from harness.tally import Tally
from harness.truth import Said, untruths
from harness.weather import ANSWER_SECONDS, WEATHERS, Weather
from p2c.operations.reconcile import reconcile
from p2c.systems.odata.retry import RetryPolicy
from sandbox.proxy import CALM, FaultPlan, FaultProxy

IMPATIENT = Patience(ANSWER_SECONDS, RetryPolicy(attempts=3, base=0.01, cap=0.05, budget=2.0))
"""As patient as is good for a harness."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One life: which company (`size` above 0: a generated one of so many orders), which weather, from which seed.

    Of several weathers, separated by commas, each act has the next. The life is over after `acts` of them. A document
    with more rows to write than `change_set` is written in several change sets.
    """

    company: str
    size: int
    weather: str
    seed: int
    acts: int = 5
    change_set: int = CHANGE_SET

    def __str__(self) -> str:
        return f"{self.company}{f' of {self.size}' if self.size else ''}, {self.weather}, seed {self.seed}"


@dataclass(slots=True)
class NetworkTally(Tally):
    """What the runs met. `documents` counts outcomes in bad weather, by kind, `faults` requests, by kind.

    `refused`: runs that could not even begin, `runs` those of one template. `longest` is in seconds.
    """

    runs: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    documents: Counter[str] = field(default_factory=Counter)
    longest: float = field(default=0.0, metadata={"merge": max})


class Network:
    """A proxy before each system of a life."""

    def __init__(self, sales: FaultProxy, finops: FaultProxy) -> None:
        self.sales = sales
        self.finops = finops

    def weather(self, plan: FaultPlan) -> None:
        """What the proxies do from now on."""
        for proxy in (self.sales, self.finops):
            proxy.plan = plan
            proxy.settle()

    def drain(self, tally: NetworkTally) -> None:
        """Count what the proxies did, and forget it."""
        for proxy in (self.sales, self.finops):
            tally.requests += len(proxy.log)
            tally.faults.update(one.kind.value for one in proxy.log if one.kind is not None)
            proxy.log.clear()


@contextmanager
def exposed(company: str, size: int, change_set: int = CHANGE_SET) -> Iterator[tuple[Life, Network]]:
    """A life that has not begun, and the network over which p2c reaches both systems in it."""
    with (
        life(company, size, change_set) as one,
        FaultProxy(one.sandbox.sales_url, system="sales") as sales,
        FaultProxy(one.sandbox.finops_url, system="finops") as finops,
    ):
        one.reach(sales.url, finops.url)
        yield one, Network(sales, finops)


async def lies(one: Life, said: list[Said]) -> list[str]:
    """What a run said that is not so."""
    async with one.session() as session:
        return untruths(said, await reconcile(session))


def endure(trial: Trial) -> NetworkTally:
    """One life in a weather; what was found."""
    stages = undisturbed(trial.company, trial.size)[: trial.acts]
    tally = NetworkTally(lives=1)
    with exposed(trial.company, trial.size, trial.change_set) as (one, network):
        asyncio.run(_Endurance(trial, one, network, tally).live(stages))
    return tally


class _Endurance:
    def __init__(self, trial: Trial, one: Life, network: Network, tally: NetworkTally) -> None:
        self._trial = trial
        self._life = one
        self._network = network
        self._tally = tally

    async def live(self, stages: tuple[Stage, ...]) -> None:
        """Act by act; what went wrong after one would only go on after the next, so that the life ends there."""
        for number, (act, stage) in enumerate(zip(self._life.acts, stages, strict=False), start=1):
            act()
            # Now and then a second run goes on where the first one broke off, in the same weather.
            storms = 1 + (self._trial.seed + number) % 2
            for storm in range(storms):
                plan = self._weather(number)(1000 * self._trial.seed + 10 * number + storm)
                if not await self._storm(number, plan):
                    return
            right = await recover(self._life, stage, self._tally, f"{self._trial}, act {number}")
            self._network.drain(NetworkTally())
            if not right:
                return

    def _weather(self, number: int) -> Weather:
        names = self._trial.weather.split(",")
        return WEATHERS[names[(number - 1) % len(names)]]

    async def _storm(self, number: int, plan: FaultPlan) -> bool:
        tally = self._tally
        self._network.weather(plan)
        started = time.monotonic()
        try:
            said = await self._life.run(IMPATIENT)
        except TimeoutError:
            self._complain(number, f"a run has not ended after {LONGEST:.0f} s")
            return False
        except Exception as error:
            # Whatever it is, it is a finding: errors for which a run is not prepared.
            self._complain(number, f"a run ended with {type(error).__name__}: {error}")
            return False
        finally:
            tally.longest = max(tally.longest, time.monotonic() - started)
            self._network.weather(CALM)
            self._network.drain(tally)
        if said is None:
            tally.refused += 1
            return True
        for one in said:
            tally.runs[one.record.status] += 1
            tally.documents.update(one.record.counts)
        untrue = await lies(self._life, said)
        for each in untrue:
            self._complain(number, each)
        tally.differences["untrue"] += len(untrue)
        return not untrue

    def _complain(self, number: int, what: str) -> None:
        self._tally.problems.append(f"{self._trial}, act {number}: {what}")
