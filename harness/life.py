"""Lives of a company: acts of its people and runs of p2c after each, undisturbed or with somebody who disturbs them.

What is there after each act of an undisturbed life is a `Stage`. Whoever broke something lets p2c run on (`recover`),
after which both systems and p2c's own memory must be what they are at that stage.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from demo.stage import settings_for
from harness.equal import Snapshot, compare, snapshot
from harness.memory import Memory, disagreements, recall
from harness.tally import Tally
from harness.totals import unexplained
from harness.truth import Said
from p2c.errors import P2CError
from p2c.operations.opening import connected, project_of
from p2c.operations.reconcile import reconcile
from p2c.operations.report import run_outcomes
from p2c.settings import Settings
from p2c.state.folder import FolderStore
from p2c.sync.session import Session
from p2c.systems.odata.retry import RetryPolicy
from sandbox import Sandbox
from sandbox.company import Company, build

CHANGE_SET = 1000
"""Rows of a document that are written together unless a harness says otherwise: as p2c is deployed."""
LONGEST = 60.0
"""Seconds after which a run counts as hanging."""
CALM_RUNS = 3
"""How many undisturbed runs may be needed to get everything right."""
_LEASES_OVER = 3600.0
"""How far ahead the clock of these runs' leases is: nobody waits for one that a killed process held."""

Statuses = tuple[tuple[str, str], ...]
"""Each template of a run and how it ended."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long p2c waits for an answer, in seconds, and how it tries again (None: as it is deployed)."""

    answer_seconds: float
    retry: RetryPolicy | None = None


DEPLOYED = Patience(LONGEST)
"""As patient as p2c is deployed."""


class Life:
    """Both systems, a company and p2c; the acts are to be done one after the other.

    A document with more rows to write than `change_set` is written in several change sets.
    """

    def __init__(self, sandbox: Sandbox, company: Company, folder: Path, change_set: int = CHANGE_SET) -> None:
        self.sandbox = sandbox
        self.acts: tuple[Callable[[], object], ...] = (
            company.set_up,
            company.sell,
            company.fulfil,
            company.change,
            company.change,
        )
        plain = settings_for(sandbox, company, folder)
        # Small pages and batches: many requests, and many places at which a run can break off.
        small = {"page_size": 8, "sales_batch_operations": 12, "finops_batch_operations": 8}
        self.settings: Settings = plain.model_copy(update={**small, "change_set_operations": change_set})
        self.reach(sandbox.sales_url, sandbox.finops_url)

    def reach(self, sales: str, finops: str) -> None:
        """p2c asks both systems under these addresses from now on."""
        ends = {"sales": (self.settings.sales, sales), "finops": (self.settings.finops, finops)}
        self.settings = self.settings.model_copy(
            update={name: end.model_copy(update={"url": url}) for name, (end, url) in ends.items()}
        )

    def snapshot(self) -> Snapshot:
        """What both systems hold."""
        return snapshot(self.sandbox)

    @asynccontextmanager
    async def session(self, patience: Patience = DEPLOYED) -> AsyncIterator[Session]:
        """p2c in this process."""
        settings = self.settings
        store = FolderStore(Path(settings.state), clock=lambda: time.time() + _LEASES_OVER)
        async with connected(settings, retry=patience.retry, answer_seconds=patience.answer_seconds) as (sales, finops):
            yield Session(project_of(settings), settings, sales, finops, store)

    async def run(self, patience: Patience = DEPLOYED) -> list[Said] | None:
        """One run of all templates and what each says of itself; None when it could not begin. Raises TimeoutError."""
        async with asyncio.timeout(LONGEST), self.session(patience) as session:
            try:
                finished = await session.run()
            except P2CError:
                return None
        store = FolderStore(Path(self.settings.state))
        return [Said(one.record, [each async for each in run_outcomes(store, one.record.id)]) for one in finished]

    async def differing_totals(self) -> list[str]:
        """The documents whose totals differ between the two systems without a rule, a sentence each."""
        async with self.session() as session:
            return unexplained(await reconcile(session))


@contextmanager
def life(company: str, size: int, change_set: int = CHANGE_SET) -> Iterator[Life]:
    """A life that has not begun (`size` above 0: of a generated company); everything is gone afterwards."""
    with TemporaryDirectory(prefix="p2c-harness-") as folder, Sandbox() as sandbox:
        people = build(company, seed=1, size=size, sales=sandbox.sales, finops=sandbox.finops)
        yield Life(sandbox, people, Path(folder), change_set)


@dataclass(frozen=True, slots=True)
class Stage:
    """What an undisturbed life has after an act."""

    systems: Snapshot
    memory: Memory
    statuses: Statuses


@cache
def undisturbed(company: str, size: int) -> tuple[Stage, ...]:
    """The stages of an undisturbed life, one for each act."""
    with life(company, size) as one:
        return asyncio.run(_undisturbed(one))


async def _undisturbed(one: Life) -> tuple[Stage, ...]:
    stages: list[Stage] = []
    for act in one.acts:
        act()
        await one.run()
        said = await one.run()
        if said is None:
            raise RuntimeError("a run without any disturbance could not begin")
        stages.append(Stage(one.snapshot(), await recall(one.settings), _statuses(said)))
    return tuple(stages)


async def recover(one: Life, stage: Stage, tally: Tally, name: str) -> bool:
    """Undisturbed runs until everything is as at the stage; whether it came to that, and what was found to the tally.

    `name` says in the tally's problems which life and act it was. Raises TimeoutError.
    """
    for run in range(1, CALM_RUNS + 1):
        said = await one.run()
        now, statuses = one.snapshot(), _statuses(said or [])
        found = compare(stage.systems, now)
        flaws = [flaw for flaw in now.flaws if flaw not in stage.systems.flaws]
        wrong = [f"{template} ended in {status}" for template, status in statuses if status == "Error"]
        if wrong or said is None:
            # Nothing disturbs these runs, so that there is no excuse.
            tally.problems += [f"{name}, undisturbed run {run}: {each}" for each in wrong or ["it could not begin"]]
            return False
        if not found and not flaws and statuses == stage.statuses:
            tally.calm_runs[run] += 1
            break
    forgotten = disagreements(stage.memory, await recall(one.settings))
    tally.rows += now.count
    tally.differences.update(each.kind for each in found)
    tally.differences.update({"flaw": len(flaws), "state": len(forgotten)})
    problems = [str(each) for each in (*found, *flaws, *forgotten)]
    if statuses != stage.statuses:
        problems.append(f"ended as {statuses}, not as {stage.statuses}")
    tally.problems += [f"{name}, after {run} undisturbed runs: {each}" for each in problems]
    return not problems


def _statuses(said: list[Said]) -> Statuses:
    return tuple((one.record.template, one.record.status) for one in said)
