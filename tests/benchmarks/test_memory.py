"""The measurement of memory: it measures what it says."""

from __future__ import annotations

from benchmarks.memory import CHANGED, measured


def test_runs_are_measured_in_processes_of_their_own() -> None:
    first, changed, full = measured(CHANGED * 2)
    assert [one.run for one in (first, changed, full)] == ["first load", f"{CHANGED} changed", "full comparison"]
    assert [one.read for one in (first, changed, full)] == [CHANGED * 2, CHANGED, CHANGED * 2]
    assert all(one.documents == CHANGED * 2 for one in (first, changed, full))
    assert all(20 < one.memory < 1000 for one in (first, changed, full))
