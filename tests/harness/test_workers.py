"""What is shared out among processes is all done, and nothing that goes wrong there is passed over."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from harness.__main__ import main, total
from harness.network import NetworkTally
from harness.tally import Tally
from harness.workers import shared_out


def _live(number: int) -> Tally:
    """A life that goes well, or wrong, or does not come to its end."""
    if number == 13:
        raise ValueError("unlucky")
    if number == 99:
        os.kill(os.getpid(), signal.SIGKILL)
    return Tally(lives=1, rows=number, problems=[f"{number} is odd"] if number % 2 else [])


def test_tallies_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    tally = total(_live, [2, 4, 5], 2, Tally())
    assert (tally.lives, tally.rows, tally.problems) == (3, 11, ["5 is odd"])
    lines = capsys.readouterr().out.splitlines()
    assert sum("right" in line for line in lines) == 2
    assert sum("WRONG" in line for line in lines) == 1


def test_a_life_that_raises_is_a_problem_and_the_others_go_on() -> None:
    tally = total(_live, [13, 2], 1, Tally())
    assert (tally.lives, tally.problems) == (1, ["13: ValueError: unlucky"])


def test_a_worker_that_dies_is_not_passed_over() -> None:
    found = dict(shared_out(_live, [99, 2, 4], 1))
    assert found.keys() == {99, 2, 4}
    assert isinstance(found[99], BrokenProcessPool)
    (problem,) = total(_live, [99], 1, Tally()).problems
    assert problem.startswith("99: BrokenProcessPool")


def test_each_field_is_merged_in_its_way() -> None:
    one, other = NetworkTally(lives=1, longest=3.0, requests=4), NetworkTally(lives=2, longest=2.0, requests=5)
    one.faults["reset-after"] = 1
    other.faults["reset-after"] = 2
    other.calm_runs[1] = 7
    one.add(other)
    assert (one.lives, one.longest, one.requests) == (3, 3.0, 9)
    assert (one.faults["reset-after"], one.calm_runs[1]) == (3, 7)
    assert other.lives == 2


@pytest.mark.timeout(180)
def test_the_command_lives_saves_its_numbers_and_says_how_it_ended(tmp_path: Path) -> None:
    file = tmp_path / "numbers.json"
    assert main(["weather", "--only", "reset-before", "--company", "contoso", "--save", str(file)]) == 0
    numbers = json.loads(file.read_text(encoding="utf-8"))
    assert (numbers["lives"], numbers["problems"]) == (1, [])
    assert numbers["faults"]["reset-before"] > 0
    assert set(numbers["differences"].values()) == {0}
