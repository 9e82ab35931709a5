"""A run that is killed and started again ends as if nobody had killed it: the short version of `harness crash`."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from harness.crash import ACTS, CrashTally, Deaths, choose, crash, lives, points
from harness.life import life, recover, undisturbed
from harness.victim import VictimError, victim

COMPANY, SIZE = "contoso", 0


@pytest.mark.timeout(180)
def test_killed_runs_end_like_those_that_were_not() -> None:
    chosen = [choose(count, 1, seed) for seed, count in enumerate(points(COMPANY, SIZE))]
    (deaths,) = lives(COMPANY, SIZE, chosen)
    tally = crash(deaths)
    assert tally.problems == []
    assert tally.kills == ACTS == len(tally.points)
    assert sum(tally.calm_runs.values()) == ACTS + 1
    assert tally.rows > 1000


def test_what_was_lost_is_found() -> None:
    stage = undisturbed(COMPANY, SIZE)[0]
    with life(COMPANY, SIZE) as one:
        one.acts[0]()
        asyncio.run(one.run())
        # A run does not see what happens to the rows that it has written, unless its source changes.
        books = one.sandbox.finops.books
        books.remove("CustTable", books.rows("CustTable")[0])
        tally = CrashTally()
        assert not asyncio.run(recover(one, stage, tally, "life"))
    assert tally.differences == {"lost": 1, "flaw": 0, "state": 0}
    assert [one.split(": ")[1].split()[0] for one in tally.problems] == ["finops.CustTable"]
    assert tally.calm_runs.total() == 0


def test_a_point_that_is_not_there_is_a_problem() -> None:
    tally = crash(Deaths(COMPANY, SIZE, (points(COMPANY, SIZE)[0] + 1,)))
    assert tally.kills == 0
    assert [one.split(": ")[-1] for one in tally.problems] == ["the run has no such point"]


def test_a_run_that_fails_by_itself_is_not_taken_for_killed() -> None:
    with life(COMPANY, SIZE) as one:
        one.settings.project.unlink()
        with pytest.raises(VictimError, match="ended with 1: ConfigError"):
            victim(one.settings, 5)


def test_points_are_spread_and_none_is_left_out() -> None:
    assert choose(5, 0, 1) == [1, 2, 3, 4, 5]
    assert choose(5, 9, 1) == [1, 2, 3, 4, 5]
    some = choose(1000, 10, 3)
    assert len(some) == 10
    assert {later - earlier for earlier, later in pairwise(some)} <= {99, 100, 101}
    assert len({tuple(choose(1000, 10, seed)) for seed in range(20)}) > 10


def test_each_chosen_point_is_died_at_once_and_something_follows_each_death() -> None:
    chosen = ([1, 2, 3], [4], [], [5, 6])
    found = lives(COMPANY, SIZE, chosen)
    assert [one.points for one in found] == [(1, 4, 0, 5, 0), (2, 0, 0, 6, 0), (3, 0)]
