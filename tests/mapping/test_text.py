from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.mapping.refusal import Unmappable
from p2c.mapping.text import check, cut, plain, utf16_length

any_text = st.text(st.characters(exclude_categories=["Cs"]))


@given(any_text)
def test_length_is_that_of_utf16(text: str) -> None:
    assert utf16_length(text) == len(text.encode("utf-16-le")) // 2


@given(any_text, st.integers(0, 30))
def test_cutting_keeps_the_longest_beginning_of_whole_characters(text: str, length: int) -> None:
    result = cut(text, length)
    assert text.startswith(result)
    assert utf16_length(result) <= length
    if result != text:
        assert utf16_length(text[: len(result) + 1]) > length


def test_an_emoji_is_never_halved() -> None:
    assert cut("ab😀c", 3) == "ab"
    assert cut("ab😀c", 4) == "ab😀"


@given(any_text)
def test_text_that_fits_is_left_alone(text: str) -> None:
    printable = "".join(one for one in text if one in "\t\r\n" or (one.isprintable() and one not in "\ufffe\uffff"))
    assert check(printable, utf16_length(printable)) == printable
    assert check(printable, None) == printable


@pytest.mark.parametrize("text", ["Ärger 😀 日本語 \u200d", " outer blanks ", "a\nb\r\nc\td", ""])
def test_unusual_text_passes_unchanged(text: str) -> None:
    assert check(text, 100) == text


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x0b", "\x1f", "\x7f", "\x85", "\ud800", "\uffff"])
def test_control_characters_are_named(character: str) -> None:
    with pytest.raises(Unmappable, match=rf"U\+{ord(character):04X} at position 3"):
        check(f"ab{character}c", None)


def test_too_long_says_both_lengths() -> None:
    with pytest.raises(Unmappable, match="is 6 characters long, 5 are allowed"):
        check("😀😀😀", 5)
    assert check("😀😀", 4) == "😀😀"


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("1.50", "1.5"),
        ("100", "100"),
        ("1E+2", "100"),
        ("0.00", "0"),
        ("-0.0", "0"),
        ("-1.20", "-1.2"),
        ("1E-7", "0.0000001"),
    ],
)
def test_plain_numbers(number: str, expected: str) -> None:
    assert plain(Decimal(number)) == expected


def test_plain_whole_numbers() -> None:
    assert plain(7) == "7"


@given(st.integers(-(10**20), 10**20), st.integers(-12, 4), st.integers(0, 5))
def test_equal_numbers_are_written_alike(digits: int, exponent: int, zeros: int) -> None:
    number = Decimal(digits).scaleb(exponent)
    same = Decimal(digits * 10**zeros).scaleb(exponent - zeros)
    assert Decimal(plain(number)) == number
    assert plain(number) == plain(same)
