"""`python -m harness --rounds 3 --save numbers.json`: every weather over both companies, round after round."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from harness.network import Tally, Trial, endure
from harness.weather import WEATHERS

COMPANIES = (("contoso", 0), ("generated", 60))


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m harness", description="Runs over a network that breaks.")
    parser.add_argument("--rounds", type=int, default=1, help="how often each weather is tried on each company")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first round; each further one has the next")
    parser.add_argument("--only", action="append", choices=sorted(WEATHERS), help="this weather, may be repeated")
    parser.add_argument("--company", choices=[name for name, _ in COMPANIES], help="this company alone")
    parser.add_argument("--save", type=Path, help="a file for the numbers, as JSON")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    """Try everything; 1 when something was lost, doubled or untrue."""
    chosen = arguments(given)
    tally, started = Tally(), time.monotonic()
    for seed in range(chosen.seed, chosen.seed + chosen.rounds):
        for company, size in COMPANIES:
            for weather in chosen.only or WEATHERS:
                if chosen.company in (None, company):
                    trial, before, begun = Trial(company, size, weather, seed), len(tally.problems), time.monotonic()
                    endure(trial, tally)
                    verdict = "right" if len(tally.problems) == before else "WRONG"
                    print(f"{verdict}  {time.monotonic() - begun:5.1f} s  {trial}", flush=True)
                    for problem in tally.problems[before:][:10]:
                        print(f"       {problem}")
    text = json.dumps({**tally.numbers(), "seconds": round(time.monotonic() - started)}, indent=1)
    print(text)
    if chosen.save is not None:
        chosen.save.write_text(text + "\n", encoding="utf-8")
    return 1 if tally.problems else 0


if __name__ == "__main__":
    sys.exit(main())
