"""Document keys as text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p2c.systems import keys

TEXT = st.text(min_size=1).filter(lambda text: bool(text.strip()))
PLAIN = TEXT.filter(lambda text: "|" not in text)


@given(TEXT, st.lists(PLAIN, max_size=3))
def test_a_key_comes_apart_as_it_was_put_together(first: str, rest: list[str]) -> None:
    values = (first, *rest)
    assert keys.split(keys.join(values), len(values)) == values


@given(st.lists(PLAIN, max_size=3), st.sampled_from(["", " ", None]), st.lists(PLAIN, max_size=3))
def test_a_key_with_a_blank_part_is_none(before: list[str], blank: str | None, after: list[str]) -> None:
    assert keys.join([*before, blank, *after]) == ""


@given(st.text())
def test_what_compares_as_equal_is_sorted_together(text: str) -> None:
    for other in (text.upper(), text + "  "):
        if keys.fold(other) == keys.fold(text):
            assert keys.collated(other) == keys.collated(text)


@given(st.lists(st.text(max_size=3)))
def test_the_last_group_is_all_of_one_number_and_no_more(numbers: list[str]) -> None:
    rows = [{"n": number} for number in sorted(numbers, key=keys.collated)]
    start = keys.last_group(rows, "n")
    assert {keys.collated(row["n"]) for row in rows[start:]} == ({keys.collated(rows[-1]["n"])} if rows else set())
    assert start == 0 or keys.collated(rows[start - 1]["n"]) != keys.collated(rows[-1]["n"])
