"""When two keys are one key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.equality import fold_key, same_key
from p2c.sync.identity import row_id
from p2c.systems import keys

KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@pytest.mark.parametrize(
    ("key", "other", "same"),
    [
        ("SO-1", "so-1", True),
        ("SO-1", "SO-1  ", True),
        ("SO-1", "ＳＯ－１", True),
        ("SO-1", "SO-1\u3000", True),
        ("ｶﾞ", "ガ", True),
        ("ÄRZTE", "ärzte", True),
        ("A\u0308", "Ä", True),
        ("STRASSE", "Straße", True),
        ("SO-1", " SO-1", False),
        ("SO-1", "SO-1\t", False),
        ("Ärzte", "Arzte", False),
        ("a²", "a2", False),
        ("SO-1", "SO-01", False),
    ],
)
def test_keys_are_equal_as_the_databases_have_it(key: str, other: str, same: bool) -> None:
    assert same_key(key, other) is same
    assert same_key(other, key) is same


@given(KEYS)
def test_folding_twice_is_folding_once(key: str) -> None:
    assert fold_key(fold_key(key)) == fold_key(key)


@given(KEYS)
def test_case_blanks_and_width_do_not_matter(key: str) -> None:
    assert same_key(key, key + "  ")
    assert same_key(key, key.casefold())
    wide = "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in key)
    assert same_key(key, wide)


@given(KEYS, KEYS)
def test_equal_keys_have_one_id_and_are_sorted_together(key: str, other: str) -> None:
    assert (row_id("products", "usmf", key) == row_id("products", "usmf", other)) is same_key(key, other)
    assert row_id("products", "usmf", key) == row_id("products", "usmf", fold_key(key))
    assert keys.collated(key) == keys.collated(fold_key(key))


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20))
def test_a_plain_key_folds_as_it_always_did(key: str) -> None:
    """Ids of rows and names of lines in the ledger are made of it."""
    assert fold_key(key) == key.casefold()


def test_no_other_place_folds_keys() -> None:
    pattern = re.compile(r"(?:key|number)\)?\.casefold\(")
    found = [str(file) for file in Path("p2c").rglob("*.py") if pattern.search(file.read_text(encoding="utf-8"))]
    assert found == []
