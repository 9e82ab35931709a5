"""Runs over a network that breaks: each weather over a whole life of a company, compared with an undisturbed life.

After each act of the people in the company, templates run in bad weather. What the runs then say is held against what
is there. Then the weather clears, and after a few runs more both systems and p2c's own state must be what they are in
an undisturbed life.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from demo.stage import settings_for
from harness.equal import Difference, Snapshot, compare, snapshot
from harness.memory import Memory, disagreements, recall
from harness.truth import Said, untruths
from harness.weather import ANSWER_SECONDS, WEATHERS, Weather
from p2c.errors import P2CError
from p2c.operations.opening import connected, opened_store, project_of
from p2c.operations.reconcile import reconcile
from p2c.operations.report import run_outcomes
from p2c.settings import EndSettings, Settings
from p2c.sync.session import Session
from p2c.systems.odata.retry import RetryPolicy
from sandbox import Sandbox
from sandbox.company import Company, build
from sandbox.proxy import CALM, FaultPlan, FaultProxy

LONGEST = 60.0
"""Seconds after which a run counts as hanging."""
CALM_RUNS = 3
"""How many undisturbed runs may be needed to get everything right."""
_IMPATIENT = RetryPolicy(attempts=3, base=0.01, cap=0.05, budget=2.0)


_DIFFERENCES = ("lost", "doubled", "extra", "changed", "flaw", "untrue", "state")


@dataclass(frozen=True, slots=True)
class Trial:
    """One life: which company (`size` above 0: a generated one of so many orders), which weather, from which seed.

    Of several weathers, separated by commas, each act has the next. The life is over after `acts` of them.
    """

    company: str
    size: int
    weather: str
    seed: int
    acts: int = 5

    def __str__(self) -> str:
        return f"{self.company}{f' of {self.size}' if self.size else ''}, {self.weather}, seed {self.seed}"


@dataclass(slots=True)
class Tally:
    """What was tried and found. `documents` counts outcomes in bad weather, by kind, `faults` requests, by kind.

    `refused`: runs that could not even begin, `runs` those of one template. `rows` were compared with an undisturbed
    life, `differences` found in the end, and in what runs said of themselves. `longest` is in seconds.
    """

    trials: int = 0
    runs: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    documents: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    differences: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(_DIFFERENCES, 0)))
    calm_runs: Counter[int] = field(default_factory=Counter)
    longest: float = 0.0
    problems: list[str] = field(default_factory=list)

    def numbers(self) -> dict[str, object]:
        """Everything, ready for JSON."""
        return {
            one.name: dict(value) if isinstance(value := getattr(self, one.name), Counter) else value
            for one in fields(self)
        }


class Life:
    """Both systems, a proxy before each, and a company; acts are to be done one after the other."""

    def __init__(self, sandbox: Sandbox, company: Company, sales: FaultProxy, finops: FaultProxy, folder: Path) -> None:
        self.sandbox = sandbox
        self.sales = sales
        self.finops = finops
        self.acts: tuple[Callable[[], object], ...] = (
            company.set_up,
            company.sell,
            company.fulfil,
            company.change,
            company.change,
        )
        plain = settings_for(sandbox, company, folder)
        ends = {proxy.system: EndSettings(url=proxy.url, auth=plain.sales.auth) for proxy in (sales, finops)}
        # Small pages and batches: many requests, and many places at which a run can break off.
        small = {"page_size": 8, "sales_batch_operations": 12, "finops_batch_operations": 8}
        self.settings: Settings = plain.model_copy(update={**ends, **small})

    def weather(self, plan: FaultPlan) -> None:
        """What the proxies do from now on."""
        for proxy in (self.sales, self.finops):
            proxy.plan = plan
            proxy.settle()

    def drain(self, tally: Tally) -> None:
        """Count what the proxies did, and forget it."""
        for proxy in (self.sales, self.finops):
            tally.requests += len(proxy.log)
            tally.faults.update(one.kind.value for one in proxy.log if one.kind is not None)
            proxy.log.clear()

    def snapshot(self) -> Snapshot:
        """What both systems hold."""
        return snapshot(self.sandbox)

    @asynccontextmanager
    async def session(self, *, patient: bool) -> AsyncIterator[Session]:
        """p2c, as patient as it is deployed, or as is good for a harness."""
        settings = self.settings
        async with (
            connected(
                settings, retry=None if patient else _IMPATIENT, answer_seconds=LONGEST if patient else ANSWER_SECONDS
            ) as (sales, finops),
            opened_store(settings) as store,
        ):
            yield Session(project_of(settings), settings, sales, finops, store)

    async def run(self, *, patient: bool) -> list[Said] | None:
        """One run of all templates and what each says of itself; None when it could not begin. Raises TimeoutError."""
        async with asyncio.timeout(LONGEST), self.session(patient=patient) as session:
            try:
                finished = await session.run()
            except P2CError:
                return None
        said: list[Said] = []
        async with opened_store(self.settings) as store:
            for one in finished:
                said.append(Said(one.record, [each async for each in run_outcomes(store, one.record.id)]))
        return said

    async def untruths(self, said: list[Said]) -> list[str]:
        """What the run said that is not so."""
        async with self.session(patient=True) as session:
            return untruths(said, await reconcile(session))


@contextmanager
def life(company: str, size: int, seed: int = 1) -> Iterator[Life]:
    """A life that has not begun; everything is gone afterwards."""
    with (
        TemporaryDirectory(prefix="p2c-harness-") as folder,
        Sandbox() as sandbox,
        FaultProxy(sandbox.sales_url, system="sales") as sales,
        FaultProxy(sandbox.finops_url, system="finops") as finops,
    ):
        people = build(company, seed=seed, size=size, sales=sandbox.sales, finops=sandbox.finops)
        yield Life(sandbox, people, sales, finops, Path(folder))


@dataclass(frozen=True, slots=True)
class Stage:
    """What an undisturbed life has after an act."""

    systems: Snapshot
    memory: Memory
    statuses: tuple[tuple[str, str], ...]


@cache
def undisturbed(company: str, size: int, acts: int = 5) -> tuple[Stage, ...]:
    """The stages of an undisturbed life."""
    with life(company, size) as one:
        return asyncio.run(_undisturbed(one, acts))


async def _undisturbed(one: Life, acts: int) -> tuple[Stage, ...]:
    stages: list[Stage] = []
    for act in one.acts[:acts]:
        act()
        await one.run(patient=True)
        said = await one.run(patient=True)
        if said is None:
            raise RuntimeError("a run without any disturbance could not begin")
        stages.append(Stage(one.snapshot(), await recall(one.settings), _statuses(said)))
    return tuple(stages)


def endure(trial: Trial, tally: Tally) -> None:
    """One life in a weather; what is found goes to the tally."""
    stages = undisturbed(trial.company, trial.size, trial.acts)
    tally.trials += 1
    with life(trial.company, trial.size) as one:
        asyncio.run(_Endurance(trial, one, stages, tally).live())


class _Endurance:
    def __init__(self, trial: Trial, one: Life, stages: tuple[Stage, ...], tally: Tally) -> None:
        self._trial = trial
        self._life = one
        self._stages = stages
        self._tally = tally

    async def live(self) -> None:
        """Act by act; what went wrong after one would only go on after the next, so that the life ends there."""
        for number, (act, stage) in enumerate(zip(self._life.acts, self._stages, strict=False), start=1):
            act()
            # Now and then a second run goes on where the first one broke off, in the same weather.
            storms = 1 + (self._trial.seed + number) % 2
            fine = True
            for storm in range(storms):
                plan = self._weather(number)(1000 * self._trial.seed + 10 * number + storm)
                fine = fine and await self._storm(number, plan)
            if not fine or not await self._clear(number, stage):
                return

    def _weather(self, number: int) -> Weather:
        names = self._trial.weather.split(",")
        return WEATHERS[names[(number - 1) % len(names)]]

    async def _storm(self, number: int, plan: FaultPlan) -> bool:
        life, tally = self._life, self._tally
        life.weather(plan)
        started = time.monotonic()
        try:
            said = await life.run(patient=False)
        except TimeoutError:
            self._complain(number, f"a run has not ended after {LONGEST:.0f} s")
            return False
        except Exception as error:
            # Whatever it is, it is a finding: errors for which a run is not prepared.
            self._complain(number, f"a run ended with {type(error).__name__}: {error}")
            return False
        finally:
            tally.longest = max(tally.longest, time.monotonic() - started)
            life.weather(CALM)
            life.drain(tally)
        if said is None:
            tally.refused += 1
            return True
        for one in said:
            tally.runs[one.record.status] += 1
            tally.documents.update(one.record.counts)
        lies = await life.untruths(said)
        for lie in lies:
            self._complain(number, lie)
        tally.differences["untrue"] += len(lies)
        return not lies

    async def _clear(self, number: int, stage: Stage) -> bool:
        """Runs in good weather until all is as it should be."""
        life, tally = self._life, self._tally
        found: list[Difference] = []
        statuses: tuple[tuple[str, str], ...] = ()
        flaws: tuple[str, ...] = ()
        for run in range(1, CALM_RUNS + 1):
            said = await life.run(patient=True)
            statuses = _statuses(said or [])
            now = life.snapshot()
            found, flaws = compare(stage.systems, now), now.flaws
            if not found and flaws == stage.systems.flaws and statuses == stage.statuses:
                tally.calm_runs[run] += 1
                break
        else:
            tally.differences.update(one.kind for one in found)
            tally.differences["flaw"] += len(flaws)
            for each in (*found, *flaws, statuses if statuses != stage.statuses else ""):
                if each:
                    self._complain(number, f"after {CALM_RUNS} runs in good weather: {each}")
            return False
        wrong = disagreements(stage.memory, await recall(life.settings))
        tally.differences["state"] += len(wrong)
        for each in wrong:
            self._complain(number, each)
        tally.rows += stage.systems.count
        life.drain(Tally())
        return not wrong

    def _complain(self, number: int, what: str) -> None:
        self._tally.problems.append(f"{self._trial}, act {number}: {what}")


def _statuses(said: list[Said]) -> tuple[tuple[str, str], ...]:
    return tuple((one.record.template, one.record.status) for one in said)
