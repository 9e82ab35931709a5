"""A run that is killed and started again ends as if nobody had killed it: the short version of `harness.crash`."""

from __future__ import annotations

from itertools import pairwise

import pytest

from harness.crash import CrashTally, Stage, choose, crash, undisturbed

COMPANY, SIZE = "contoso", 0


@pytest.fixture(scope="module")
def stages() -> list[Stage]:
    return undisturbed(COMPANY, SIZE)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("act", range(4), ids=["masters", "sales", "deliveries", "changes"])
def test_a_killed_run_ends_like_one_that_was_not(stages: list[Stage], act: int) -> None:
    tally = CrashTally()
    for point in choose(stages[act].points, 1, seed=act):
        crash(COMPANY, SIZE, stages, act, point, tally)
    assert tally.kills == 1
    assert tally.problems == []
    assert tally.rows > 200


def test_points_are_spread_and_none_is_left_out() -> None:
    assert choose(5, 0, 1) == [1, 2, 3, 4, 5]
    assert choose(5, 9, 1) == [1, 2, 3, 4, 5]
    some = choose(1000, 10, 3)
    assert len(some) == 10
    assert {later - earlier for earlier, later in pairwise(some)} <= {99, 100, 101}
    assert len({tuple(choose(1000, 10, seed)) for seed in range(20)}) > 10
