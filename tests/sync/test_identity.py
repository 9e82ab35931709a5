"""The ids of rows that are created in Sales."""

from __future__ import annotations

from uuid import UUID

from hypothesis import assume, given
from hypothesis import strategies as st

from p2c.equality import fold_key
from p2c.sync.identity import row_id

_KEYS = st.text(st.characters(exclude_characters="\x1f", exclude_categories=["Cs"]), min_size=1, max_size=20)


def test_the_same_row_always_has_the_same_id() -> None:
    # Written down: another id would make every document of every customer a second time.
    assert row_id("salesorders", "usmf", "SO-1") == "566a5ce2-c114-5761-8d30-b31e3850d7ac"


@given(_KEYS)
def test_case_does_not_matter(key: str) -> None:
    assert row_id("products", "usmf", key.upper().casefold()) == row_id("products", "USMF", key.upper())


@given(_KEYS, _KEYS, _KEYS)
def test_another_row_has_another_id(table: str, key: str, line: str) -> None:
    assume(fold_key(line) != "")
    ids = [
        row_id(table, "usmf", key),
        row_id(table, "demf", key),
        row_id(table, "usmf", key, line),
        row_id(table, "usmf", key + line),
        row_id(table, "usmf" + key, line),
    ]
    assert len(set(ids)) == len(ids)
    assert all(UUID(one).version == 5 for one in ids)
