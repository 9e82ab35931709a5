"""Runs that are killed: at each point at which a request or a piece of state leaves the process.

A life of a company goes undisturbed up to one act of its people; then the run is killed (SIGKILL) at a point, started
again in another process, and both systems and all that p2c remembers must be what they are in a life in which nobody
was killed.

`python -m harness.crash --points 40 --save numbers.json` dies at 40 points of each act; 0 = at every one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from tempfile import TemporaryDirectory

from demo.stage import settings_for
from harness.equal import Snapshot, compare, snapshot
from harness.memory import Memory, disagreements, recall
from harness.victim import dump
from p2c.operations.opening import connected, project_of
from p2c.settings import Settings
from p2c.state.folder import FolderStore
from p2c.state.runs import RunRecord
from p2c.sync.session import Session
from sandbox import Sandbox
from sandbox.company import Company, build

PATIENCE = 120.0
"""Seconds that a run may take."""
_LEASES_OVER = 3600.0
"""How far ahead the clock of the next process is: nobody waits for the lease that the dead one held."""


@dataclass(slots=True)
class CrashTally:
    """What was tried and found."""

    points: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    rows: int = 0
    differences: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Stage:
    """What an undisturbed life has after an act, and how many points its run had."""

    systems: Snapshot
    memory: Memory
    points: int


class Life:
    """Both systems and a company; acts are to be done one after the other."""

    def __init__(self, sandbox: Sandbox, company: Company, folder: Path) -> None:
        self._sandbox = sandbox
        self._file = folder / "settings.json"
        self.acts = (company.set_up, company.sell, company.fulfil, company.change)
        plain = settings_for(sandbox, company, folder)
        # Small pages and batches: many points. The shortest lease, though nobody waits for it.
        small = {"page_size": 8, "sales_batch_operations": 12, "finops_batch_operations": 8, "lease_seconds": 15.0}
        urls = {"url": sandbox.sales_url}, {"url": sandbox.finops_url}
        ends = {
            name: end.model_copy(update=url)
            for name, end, url in zip(("sales", "finops"), (plain.sales, plain.finops), urls, strict=True)
        }
        self.settings: Settings = plain.model_copy(update={**small, **ends})
        self._file.write_text(dump(self.settings, sandbox.token), encoding="utf-8")

    def snapshot(self) -> Snapshot:
        """What both systems hold."""
        return snapshot(self._sandbox)

    def victim(self, kill_at: int) -> int | None:
        """A run in a process of its own; the number of its points, None when it was killed. Raises RuntimeError."""
        command = [sys.executable, "-m", "harness.victim", str(self._file), str(kill_at)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        if done.returncode == -9:
            return None
        if done.returncode:
            raise RuntimeError(f"the run ended with {done.returncode}: {done.stderr.strip()[-500:]}")
        return int(done.stdout)

    async def run(self) -> list[RunRecord]:
        """An undisturbed run, in this process."""
        async with asyncio.timeout(PATIENCE), self._session() as session:
            return [one.record for one in await session.run()]

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Session]:
        settings = self.settings
        store = FolderStore(Path(settings.state), clock=lambda: time.time() + _LEASES_OVER)
        async with connected(settings) as (sales, finops):
            try:
                yield Session(project_of(settings), settings, sales, finops, store)
            finally:
                await store.close()


@contextmanager
def life(company: str, size: int) -> Iterator[Life]:
    """A life that has not begun; everything is gone afterwards."""
    with TemporaryDirectory(prefix="p2c-crash-") as folder, Sandbox() as sandbox:
        people = build(company, seed=1, size=size, sales=sandbox.sales, finops=sandbox.finops)
        yield Life(sandbox, people, Path(folder))


def undisturbed(company: str, size: int) -> list[Stage]:
    """The stages of a life in which nobody is killed."""
    stages: list[Stage] = []
    with life(company, size) as one:
        for act in one.acts:
            act()
            points = one.victim(0)
            if points is None:
                raise RuntimeError("a run that nobody meant to kill was killed")
            asyncio.run(one.run())
            stages.append(Stage(one.snapshot(), asyncio.run(recall(one.settings)), points))
    return stages


def choose(points: int, wanted: int, seed: int) -> list[int]:
    """Which points to die at: all when `wanted` is 0, else so many, spread evenly, another choice for each seed."""
    if wanted == 0 or wanted >= points:
        return list(range(1, points + 1))
    offset = random.Random(seed).random()
    return sorted({1 + int((index + offset) * points / wanted) for index in range(wanted)} & set(range(1, points + 1)))


def crash(company: str, size: int, stages: Sequence[Stage], act: int, point: int, tally: CrashTally) -> None:
    """One life with one death: in the run after an act (from 0), at a point. What is found goes to the tally."""
    began = time.monotonic()
    name = f"{company}{f' of {size}' if size else ''}, act {act + 1}, point {point}"
    with life(company, size) as one:
        for earlier in one.acts[:act]:
            earlier()
            asyncio.run(one.run())
            asyncio.run(one.run())
        one.acts[act]()
        tally.points[f"act {act + 1}"] += 1
        if one.victim(point) is None:
            tally.kills += 1
        for _ in range(2):
            for record in asyncio.run(one.run()):
                if record.status == "Error":
                    tally.problems.append(f"{name}: {record.template} ended in Error: {record.error}")
        now, stage = one.snapshot(), stages[act]
        found = compare(stage.systems, now)
        wrong = disagreements(stage.memory, asyncio.run(recall(one.settings)))
        tally.differences.update(each.kind for each in found)
        tally.differences["state"] += len(wrong)
        flaws = [flaw for flaw in now.flaws if flaw not in stage.systems.flaws]
        tally.differences["flaw"] += len(flaws)
        tally.problems += [f"{name}: {each}" for each in (*found, *flaws, *wrong)]
        tally.rows += now.count
    tally.seconds += time.monotonic() - began


def main(given: list[str] | None = None) -> int:
    """Die everywhere that was asked for; 1 when anything was lost, doubled or forgotten."""
    parser = argparse.ArgumentParser(prog="python -m harness.crash", description="Runs that are killed.")
    parser.add_argument("--points", type=int, default=40, help="points of each act to die at; 0 = all")
    parser.add_argument("--seed", type=int, default=1, help="which points, where not all")
    parser.add_argument("--company", default="contoso")
    parser.add_argument("--size", type=int, default=0, help="orders of a generated company")
    parser.add_argument("--save", type=Path, help="a file for the numbers, as JSON")
    chosen = parser.parse_args(given)
    stages = undisturbed(chosen.company, chosen.size)
    tally = CrashTally()
    for act, stage in enumerate(stages):
        for point in choose(stage.points, chosen.points, chosen.seed):
            before = len(tally.problems)
            crash(chosen.company, chosen.size, stages, act, point, tally)
            for problem in tally.problems[before:][:5]:
                print(f"WRONG  {problem}", flush=True)
        print(f"act {act + 1}: {tally.points[f'act {act + 1}']} of {stage.points} points tried", flush=True)
    found = {one.name: getattr(tally, one.name) for one in fields(tally)}
    text = json.dumps(found, indent=1)
    print(text)
    if chosen.save is not None:
        chosen.save.write_text(text + "\n", encoding="utf-8")
    return 1 if tally.problems else 0


if __name__ == "__main__":
    sys.exit(main())
