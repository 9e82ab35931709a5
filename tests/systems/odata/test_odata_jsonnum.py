"""JSON keeps every digit of a number."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.systems.odata import jsonnum

numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value=Decimal("-1e30"), max_value=Decimal("1e30"))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_what_is_written_is_read_back_equal(value: Any) -> None:
    assert jsonnum.loads(jsonnum.dumps(value)) == value


@given(st.integers(-(10**18), 10**18), st.integers(1, 10))
def test_trailing_zeros_survive(digits: int, places: int) -> None:
    value = Decimal(digits).scaleb(-places)
    text = jsonnum.dumps({"amount": value}).decode()
    assert text == f'{{"amount":{value:f}}}'
    assert jsonnum.loads(text)["amount"].as_tuple() == Decimal(f"{value:f}").as_tuple()


@given(st.text(st.characters()))
def test_any_text_is_what_another_reader_reads(value: str) -> None:
    assert json.loads(jsonnum.dumps(value).decode("utf-8")) == value


def test_forms() -> None:
    assert jsonnum.dumps({"a": [1, Decimal("5.10"), True, None, ("x",)]}) == b'{"a":[1,5.10,true,null,["x"]]}'
    assert jsonnum.dumps({}) == b"{}"
    assert jsonnum.dumps("é\ud83d") == b'"\xc3\xa9\\ud83d"'
    assert jsonnum.loads(b'\xef\xbb\xbf{"a": 5000000.0000}')["a"] == Decimal("5000000.0000")
    assert isinstance(jsonnum.loads("5.0"), Decimal)


@pytest.mark.parametrize("value", [1.5, {"a": object()}, {1: "a"}, b"x"])
def test_what_has_no_exact_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        jsonnum.dumps(value)


@pytest.mark.parametrize("name", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="can be sent"):
        jsonnum.dumps(Decimal(name))
    with pytest.raises(ValueError, match="is not JSON"):
        jsonnum.loads(name)
