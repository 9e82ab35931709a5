"""Bursts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from p2c.lanes.coalescing import SKEW, Reads

LANE = ("quotes", "usmf")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_key_that_was_read_after_the_event_is_not_read_again() -> None:
    reads = Reads()
    reads.note(LANE, ["Q1"], NOON)
    early, late = NOON - SKEW - timedelta(seconds=1), NOON - SKEW + timedelta(seconds=1)
    assert reads.unread(LANE, ["q1", "Q2"], early) == ["Q2"]
    assert reads.unread(LANE, ["Q1"], late) == ["Q1"], "clocks may differ that much"
    assert reads.unread(LANE, ["Q1"], None) == ["Q1"]
    assert reads.unread(("quotes", "demf"), ["Q1"], early) == ["Q1"]


def test_memory_is_bounded() -> None:
    reads = Reads()
    for start in range(0, 50_000, 1000):
        reads.note(LANE, [f"{number}" for number in range(start, start + 1000)], NOON)
    early = NOON - timedelta(hours=1)
    assert reads.unread(LANE, ["0", "49999"], early) == ["0"]
