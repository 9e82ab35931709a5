"""A run in slices: each begins where the one before ended, and what remains is what one piece would have left."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.errors import AuthError, LeaseHeld, Throttled, Transient
from p2c.state.checkpoint import Checkpoint
from p2c.state.store import LEASE_SECONDS
from p2c.sync.slicing import MOST_ATTEMPTS, End, Slicing, cancelled, due, handed_on, pause


async def never() -> End | None:
    return None


SLICE = Slicing("r", 3, never)


def test_a_slice_hands_on_the_next_number_and_says_until_when_it_must_come() -> None:
    point = handed_on(Checkpoint(run_id="r", slice=3, cursor="c", page=7), SLICE)
    assert (point.slice, point.cursor, point.page) == (4, "c", 7)
    assert point.due is not None
    assert point.due > datetime.now(UTC)


def test_it_goes_on_with_its_own_run_only() -> None:
    own = Checkpoint(run_id="r")
    assert SLICE.goes_on(own)
    assert not SLICE.goes_on(None)
    assert not SLICE.goes_on(own.model_copy(update={"run_id": "other"}))
    assert not SLICE.goes_on(own.model_copy(update={"completed": datetime.now(UTC)}))


def test_a_cancelled_run_is_due_no_more() -> None:
    point = cancelled(Checkpoint(run_id="r", mode="full", due=due()))
    assert (point.mode, point.due) == ("cancelled", None)


@pytest.mark.parametrize("error", [Throttled("t"), Transient("t")])
def test_what_passes_is_waited_for_but_not_for_ever(error: Throttled | Transient) -> None:
    assert SLICE.passing(error)
    assert not replace(SLICE, attempts=MOST_ATTEMPTS).passing(error)
    assert not SLICE.passing(AuthError("a"))


@given(attempt=st.integers(0, 1000), asked=st.none() | st.floats(0, 5000))
def test_pauses_grow_are_bounded_and_never_shorter_than_asked(attempt: int, asked: float | None) -> None:
    seconds = pause(Throttled("t", retry_after=asked), attempt)
    assert seconds >= (asked or 0)
    assert 15 <= seconds <= max(900, asked or 0)
    assert seconds <= pause(Throttled("t", retry_after=asked), attempt + 1)


@given(held=st.floats(0.001, LEASE_SECONDS[1]))
def test_a_lane_whose_holder_died_is_taken_soon_after_the_lease_ran_out(held: float) -> None:
    tries = accumulate(pause(LeaseHeld("l"), attempt) for attempt in range(MOST_ATTEMPTS))
    assert next(one for one in tries if one >= held) - held <= 20


def test_a_lane_that_the_command_line_works_in_is_waited_for_longer_than_an_hour() -> None:
    pauses = [pause(LeaseHeld("l"), attempt) for attempt in range(MOST_ATTEMPTS)]
    assert sum(pauses) > 3600
    assert max(pauses) == 900
    assert pauses == sorted(pauses)
