"""Rules: what they mean, and what is refused where."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.documents import Row, Value
from p2c.templates.filters import (
    All,
    Among,
    Any,
    Call,
    Compare,
    Constant,
    Expression,
    Not,
    Reference,
    comparisons,
    parse,
)
from p2c.templates.paths import ParseError
from p2c.templates.paths import parse as parse_path

PATH_TEXTS = st.sampled_from(["a", "b", "look.up", "who.Account(a).Contact(b)"])
DECIMALS = st.decimals(-1000, 1000, places=2).map(lambda number: number if number else abs(number))
VALUES: st.SearchStrategy[Value] = (
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=5) | DECIMALS | st.just("2026-07-23")
)
CONSTANTS = VALUES.map(Constant) | st.just(Constant("2026-07-23", bare=True))
REFERENCES = PATH_TEXTS.map(lambda text: Reference(parse_path(text), text))
OPERANDS = CONSTANTS | REFERENCES
COMPARISONS: st.SearchStrategy[Expression] = (
    st.builds(Compare, st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"]), OPERANDS, OPERANDS)
    | st.builds(Among, REFERENCES, st.lists(CONSTANTS, min_size=1, max_size=3).map(tuple))
    | st.builds(Call, st.sampled_from(["startswith", "endswith", "contains"]), OPERANDS, OPERANDS)
)
EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    COMPARISONS,
    lambda inner: (
        st.builds(Not, inner)
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: All(tuple(parts)))
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: Any(tuple(parts)))
    ),
    max_leaves=6,
)
ROWS = st.dictionaries(PATH_TEXTS, VALUES)


def mistake(text: str) -> ParseError | None:
    try:
        parse(text)
    except ParseError as error:
        return error
    return None


@given(EXPRESSIONS)
def test_what_is_written_is_read_back(expression: Expression) -> None:
    assert str(parse(str(expression))) == str(expression)


@given(EXPRESSIONS, ROWS)
def test_what_is_read_back_means_the_same(expression: Expression, row: dict[str, Value]) -> None:
    again = parse(str(expression))
    assert again.holds(row) is expression.holds(row)
    assert again.paths() == expression.paths()
    assert Not(expression).holds(row) is not expression.holds(row)


@given(EXPRESSIONS, ROWS)
def test_null_and_empty_text_are_the_same(expression: Expression, row: dict[str, Value]) -> None:
    emptied = {path: "" if value is None else value for path, value in row.items()}
    absent = {path: value for path, value in row.items() if value is not None and value != ""}
    assert expression.holds(row) is expression.holds(emptied) is expression.holds(absent)


@given(st.text(alphabet="ab.()'1 eqinot,", max_size=20))
def test_any_text_is_a_rule_or_an_error_with_a_position(text: str) -> None:
    error = mistake(text)
    assert error is None or 0 <= error.position <= len(text)


@pytest.mark.parametrize(
    ("text", "row", "holds"),
    [
        ("status in ('Confirmed','Picked')", {"status": "Picked"}, True),
        ("status in ('Confirmed','Picked')", {"status": "picked"}, False),
        ("flag eq true", {"flag": True}, True),
        ("flag eq true", {"flag": None}, False),
        ("flag ne true", {}, True),
        ("flag eq true", {"flag": 1}, False),
        ("code eq 1", {"code": 1}, True),
        ("code eq 1", {"code": True}, False),
        ("amount gt 0", {"amount": Decimal("0.01")}, True),
        ("amount eq 1.5", {"amount": Decimal("1.50")}, True),
        ("amount gt 0", {"amount": None}, False),
        ("amount lt 0", {"amount": "-1"}, False),
        ("not (amount ge 5)", {}, True),
        ("not a eq 1 and b eq 2", {"a": 2, "b": 2}, True),
        ("a eq 1 or b eq 2 and c eq 3", {"a": 1}, True),
        ("(a eq 1 or b eq 2) and c eq 3", {"a": 1}, False),
        ("name eq 'O''Brien'", {"name": "O'Brien"}, True),
        ("name eq null", {"name": ""}, True),
        ("name ne ''", {"name": None}, False),
        ("startswith(name,'A')", {"name": "Acme"}, True),
        ("contains(name,'cm') and endswith(name,'e')", {"name": "Acme"}, True),
        ("contains(name,'cm')", {}, False),
        ("who.Account(accountnumber) eq 'A1'", {"who.Account(accountnumber)": "A1"}, True),
        ("day eq 2026-07-23", {"day": "2026-07-23T12:00:00Z"}, True),
        ("day gt 2026-07-23", {"day": "2026-07-23T12:00:00Z"}, False),
        ("day in (2026-07-22,2026-07-23)", {"day": "2026-07-23T12:00:00Z"}, True),
        ("2026-07-24 gt day", {"day": "2026-07-23"}, True),
        ("a eq b", {"a": 1, "b": 1}, True),
    ],
)
def test_meaning(text: str, row: Row, holds: bool) -> None:
    assert parse(text).holds(row) is holds


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 0, "a value is expected"),
        ("a", 1, "eq, ne, gt"),
        ("a eq", 4, "a value is expected"),
        ("a eq 'b", 5, "an unclosed quote"),
        ("a eq 1 b", 7, "unexpected 'b'"),
        ("(a eq 1", 7, "')' is expected"),
        ("a in ()", 6, "a value is expected"),
        ("a in (b)", 7, "a constant is expected"),
        ("a eq and", 5, "not 'and'"),
        ("a eq 1x", 5, "a value is expected"),
        ("startswith(a)", 12, "',' is expected"),
    ],
)
def test_the_position_of_a_mistake(text: str, position: int, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert caught.value.position == position
    assert message in str(caught.value)


def test_deep_nesting_is_refused_in_words() -> None:
    with pytest.raises(ParseError, match="nested too deeply"):
        parse("(" * 5000 + "a eq 1" + ")" * 5000)


def test_comparisons() -> None:
    rule = parse("not (a eq 'x' or 1 ne b) and c in ('y',null) and d gt 3 and startswith(e,'z')")
    assert [(reference.key, constant.value) for reference, constant in comparisons(rule)] == [
        ("a", "x"),
        ("b", 1),
        ("c", "y"),
        ("c", None),
    ]
