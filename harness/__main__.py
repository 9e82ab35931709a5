"""Both harnesses: `python -m harness weather --rounds 2` and `python -m harness crash --points 40`.

Each life goes to one of `--workers` processes. A line tells of each that is over, and the numbers come last.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from harness import crash, network
from harness.life import CHANGE_SET
from harness.tally import Tally
from harness.weather import WEATHERS
from harness.workers import shared_out

COMPANIES = {"contoso": 0, "generated": 60}
"""Which companies there are, and how many orders a generated one has."""
_SHOWN = 10
"""So many problems of one life are printed; all are in the numbers."""

_Task = TypeVar("_Task")
_Tally = TypeVar("_Tally", bound=Tally)


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m harness", description="Breaks what p2c stands on.")
    harnesses = parser.add_subparsers(dest="harness", required=True)
    weather = harnesses.add_parser("weather", help="runs over a network that breaks")
    weather.add_argument("--rounds", type=int, default=1, help="how often each weather is tried on each company")
    weather.add_argument("--only", action="append", choices=sorted(WEATHERS), help="this weather, may be repeated")
    weather.add_argument("--company", choices=COMPANIES, help="this company alone")
    killed = harnesses.add_parser("crash", help="runs that are killed")
    killed.add_argument("--points", type=int, default=40, help="points of each act to die at; 0 = all")
    killed.add_argument("--company", choices=COMPANIES, default="contoso")
    for one in (weather, killed):
        one.add_argument("--seed", type=int, default=1, help="of the first round, or of the choice of points")
        one.add_argument("--workers", type=int, default=1, help="so many lives at a time, each in a process")
        one.add_argument(
            "--change-set", type=int, default=CHANGE_SET, help="rows of a document that are written together"
        )
        one.add_argument("--save", type=Path, help="a file for the numbers, as JSON")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    """Try everything; 1 when something was lost, doubled, forgotten or untrue."""
    chosen = arguments(given)
    started = time.monotonic()
    tally = _weather(chosen) if chosen.harness == "weather" else _crash(chosen)
    text = json.dumps({**tally.numbers(), "seconds": round(time.monotonic() - started)}, indent=1)
    print(text)
    if chosen.save is not None:
        chosen.save.write_text(text + "\n", encoding="utf-8")
    return 1 if tally.problems else 0


def _weather(chosen: argparse.Namespace) -> Tally:
    trials = [
        network.Trial(company, size, weather, seed, change_set=chosen.change_set)
        for seed in range(chosen.seed, chosen.seed + chosen.rounds)
        for company, size in COMPANIES.items()
        if chosen.company in (None, company)
        for weather in chosen.only or WEATHERS
    ]
    return total(network.endure, trials, chosen.workers, network.NetworkTally())


def _crash(chosen: argparse.Namespace) -> Tally:
    company, size = chosen.company, COMPANIES[chosen.company]
    counts = crash.points(company, size, chosen.change_set)
    print(f"{company}: {' + '.join(map(str, counts))} = {sum(counts)} points", flush=True)
    points = [crash.choose(count, chosen.points, chosen.seed) for count in counts]
    return total(crash.crash, crash.lives(company, size, points, chosen.change_set), chosen.workers, crash.CrashTally())


def total(work: Callable[[_Task], _Tally], tasks: Sequence[_Task], workers: int, tally: _Tally) -> _Tally:
    """All tasks done and told of; the tally with what was found added. Work that did not end is a problem."""
    began = time.monotonic()
    for number, (task, found) in enumerate(shared_out(work, tasks, workers), start=1):
        if isinstance(found, Exception):
            problems = [f"{task}: {type(found).__name__}: {found}"]
            tally.problems += problems
        else:
            problems = found.problems
            tally.add(found)
        verdict = "WRONG" if problems else "right"
        print(f"{number:4}/{len(tasks)}  {time.monotonic() - began:6.0f} s  {verdict}  {task}", flush=True)
        for problem in problems[:_SHOWN]:
            print(f"      {problem}", flush=True)
    return tally


if __name__ == "__main__":
    sys.exit(main())
