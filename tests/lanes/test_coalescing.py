"""Bursts, under clocks of which none can be trusted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from p2c.lanes.coalescing import PERIOD, SLACK, Reads

LANE = ("quotes", "usmf")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def measured(now: float = 100.0) -> Reads:
    """Reads that have seen a message, of NOON by the queue's clock, which took no time."""
    reads = Reads()
    assert reads.unread(LANE, ["other"], NOON, now) == ["other"]
    return reads


def test_a_key_that_was_read_after_the_event_is_not_read_again() -> None:
    reads = measured(100.0)
    reads.note(LANE, ["Q1"], 110.0)
    early, late = NOON + (10 - SLACK - 1) * SECOND, NOON + (10 - SLACK + 1) * SECOND
    assert reads.unread(LANE, ["q1", "Q2"], early, 111.0) == ["Q2"]
    assert reads.unread(LANE, ["Q1"], late, 111.0) == ["Q1"], "the queue is more than one machine"
    assert reads.unread(LANE, ["Q1"], None, 111.0) == ["Q1"]
    assert reads.unread(("quotes", "demf"), ["Q1"], early, 111.0) == ["Q1"]


def test_a_message_that_is_the_first_is_never_taken_for_read() -> None:
    reads = Reads()
    reads.note(LANE, ["Q1"], 110.0)
    assert reads.unread(LANE, ["Q1"], NOON - timedelta(hours=1), 111.0) == ["Q1"]


def test_what_lies_between_the_clocks_is_measured_anew() -> None:
    reads = measured(100.0)
    # This machine's clock gains a minute over the queue's, slowly.
    for number in range(1, 11):
        now = 100.0 + number * PERIOD
        reads.unread(LANE, ["other"], NOON + (number * PERIOD - 6 * number) * SECOND, now)
    # Sent four seconds after the document was read.
    reads.note(LANE, ["Q1"], now + 4)
    assert reads.unread(LANE, ["Q1"], NOON + (10 * PERIOD - 60 + 8) * SECOND, now + 9) == ["Q1"]


def test_after_a_standstill_nothing_that_was_read_before_counts() -> None:
    reads = measured(100.0)
    reads.note(LANE, ["Q1"], 110.0)
    # Sent at 111, when the process stood still for a minute that its clock did not count; one sent later came first.
    assert reads.unread(LANE, ["other"], NOON + 72 * SECOND, 112.0) == ["other"]
    assert reads.unread(LANE, ["Q1"], NOON + 11 * SECOND, 112.1) == ["Q1"]


@given(
    apart=st.floats(-1e6, 1e6),
    sent=st.lists(st.tuples(st.floats(0, 500), st.floats(0, 120), st.booleans()), min_size=1, max_size=30),
)
def test_no_change_is_ever_taken_for_read(apart: float, sent: list[tuple[float, float, bool]]) -> None:
    """However far the clocks are apart: whatever is not read again was read after it had been sent."""
    reads, begun = Reads(), -1.0
    for handled, at, reading in sorted((at + took, at, reading) for at, took, reading in sent):
        told = NOON + (at + apart) * SECOND
        if reads.unread(LANE, ["Q1"], told, handled):
            if reading:
                begun = handled
                reads.note(LANE, ["Q1"], begun)
        else:
            assert begun > at


def test_memory_is_bounded() -> None:
    reads = measured(100.0)
    for start in range(0, 50_000, 1000):
        reads.note(LANE, [f"{number}" for number in range(start, start + 1000)], 110.0)
    assert reads.unread(LANE, ["0", "49999"], NOON, 111.0) == ["0"]
