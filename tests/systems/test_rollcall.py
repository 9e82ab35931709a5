"""The roll call: who was expected and did not come is always in doubt."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p2c.systems.rollcall import RollCall


@given(st.sets(st.text(), max_size=60), st.data())
def test_whoever_is_missing_is_in_doubt(expected: set[str], data: st.DataObject) -> None:
    missing = data.draw(st.sets(st.sampled_from(sorted(expected)))) if expected else set[str]()
    roll = RollCall(buckets=8)
    for key in expected:
        roll.enter(key)
    for key in expected - missing:
        roll.enter(key)
    assert all(roll.in_doubt(key) for key in missing)
    assert roll.complete() is not bool(missing)


def test_few_others_are_in_doubt() -> None:
    roll = RollCall()
    keys = [f"K-{number}" for number in range(100_000)]
    for key in keys:
        roll.enter(key)
    for key in keys[50:]:
        roll.enter(key)
    doubtful = [key for key in keys if roll.in_doubt(key)]
    assert set(keys[:50]) <= set(doubtful)
    assert len(doubtful) < 300
