from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from p2c.documents import NoteCode
from p2c.errors import ConfigError
from p2c.mapping.kinds import Plain
from p2c.mapping.refusal import Unmappable
from p2c.mapping.transforms import Surroundings, pipeline
from p2c.templates.models import Transform

D = Decimal
TRANSFORMS: TypeAdapter[list[Transform]] = TypeAdapter(list[Transform])
AROUND = Surroundings(
    ZoneInfo("Europe/Berlin"),
    {"countries": {"germany": "DE", "us": "US", "": "US", "usa": "US"}},
    "quotes: QuoteHeader.Field",
    "templates/quotes/valueMaps/QuoteHeader/Field",
)


class Fixed:
    """A scope with a currency of two decimals and prices of four, unless told otherwise."""

    def __init__(self, currency: int = 2, price: int = 4) -> None:
        self.price_precision = price
        self._currency = currency
        self.remarks: list[tuple[NoteCode, str]] = []

    def remark(self, code: NoteCode, reason: str) -> None:
        self.remarks.append((code, reason))

    def currency_precision(self) -> int:
        return self._currency


def run(values: list[Plain], *transforms: dict[str, Any], scope: Fixed | None = None) -> Plain:
    steps = TRANSFORMS.validate_python([{"transformType": one.pop("type"), **one} for one in map(dict, transforms)])
    return pipeline(steps, len(values), AROUND)(values, scope or Fixed())


def one(kind: str, **settings: Any) -> dict[str, Any]:
    return {"type": kind, **settings}


def test_without_transforms_the_value_passes() -> None:
    assert run(["a"]) == "a"


@pytest.mark.parametrize(("value", "expected"), [(None, 5), (0, 0), (False, False), ("x", "x")])
def test_default_fills_blanks_only(value: Plain, expected: Plain) -> None:
    assert run([value], one("Default", defaultValue=5)) == expected


def test_default_without_source_is_the_constant() -> None:
    assert run([], one("Default", defaultValue="10")) == "10"


MAP = one(
    "ValueMap", valueMap={"Ea": "exact", "ea": "other", " Box ": 2, "true": "T", "1": True, "1.5": "one and a half"}
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Ea", "exact"),
        ("ea", "other"),
        ("EA", "exact"),
        ("  eA ", "exact"),
        ("box", 2),
        (True, "T"),
        (1, True),
        (D("1.00"), True),
        (D("1.50"), "one and a half"),
        (None, None),
        ("   ", None),
    ],
)
def test_value_map(value: Plain, expected: Plain) -> None:
    result = run([value], MAP)
    assert result == expected
    assert type(result) is type(expected)


def test_value_map_of_blanks() -> None:
    with_blank = one("ValueMap", valueMap={"": "US", "x": "y"})
    assert run([None], with_blank) == "US"
    assert run(["  "], with_blank) == "US"


def test_value_map_can_clear() -> None:
    assert run(["0"], one("ValueMap", valueMap={"Alabama": "AL", "0": None})) is None


def test_shared_value_map_and_own_entries_first() -> None:
    assert run(["Germany"], one("ValueMap", use="countries")) == "DE"
    assert run([None], one("ValueMap", use="countries")) == "US"
    assert run(["GERMANY"], one("ValueMap", use="countries", valueMap={"Germany": "de!"})) == "de!"
    assert run(["USA"], one("ValueMap", use="countries", valueMap={"Germany": "de!"})) == "US"


def test_unmapped_is_rejected_with_the_value_and_the_place_to_add_it() -> None:
    with pytest.raises(Unmappable, match="is 'Freedonia', which is not in the value map 'countries'") as caught:
        run(["Freedonia"], one("ValueMap", use="countries"))
    expected = "add an entry 'Freedonia' in the project file, at templates/quotes/valueMaps/QuoteHeader/Field"
    assert caught.value.reason.endswith(expected)


def test_unmapped_may_be_kept_or_made_null() -> None:
    assert run([" X "], one("ValueMap", valueMap={"a": "b"}, unmapped="keep")) == " X "
    assert run([D("1.5")], one("ValueMap", valueMap={"a": "b"}, unmapped="keep")) == D("1.5")
    assert run(["X"], one("ValueMap", valueMap={"a": "b"}, unmapped="null")) is None


def test_unknown_shared_map_is_a_mistake_of_the_template() -> None:
    with pytest.raises(ConfigError, match=r"no value map named 'nope' \(known: countries\)"):
        run(["x"], one("ValueMap", use="nope"))


@given(st.dictionaries(st.text(max_size=5), st.integers(), min_size=1, max_size=8), st.data())
def test_every_entry_of_a_map_is_found(entries: dict[str, int], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(entries)))
    assert run([key], one("ValueMap", valueMap=entries)) == entries[key]
    assert run([f" {key} "], one("ValueMap", valueMap=entries)) in entries.values()


@pytest.mark.parametrize(
    ("value", "expected"), [("abcdef", "abc"), ("ab", "ab"), ("ab😀", "ab"), (None, None), (12345, "123")]
)
def test_truncate(value: Plain, expected: Plain) -> None:
    assert run([value], one("Truncate", maxLength=3)) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", "b", "c"], "a\nb\nc"),
        (["a", None, "c"], "a\nc"),
        (["  ", "b", None], "b"),
        ([None, None, None], None),
        ([" a ", 5, D("1.50")], " a \n5\n1.5"),
    ],
)
def test_join(values: list[Plain], expected: Plain) -> None:
    assert run(values, one("Join")) == expected


def test_join_with_another_separator_and_a_default() -> None:
    assert run(["a", "b"], one("Join", separator=", ")) == "a, b"
    assert run([None], one("Join"), one("Default", defaultValue="Primary")) == "Primary"


@pytest.mark.parametrize(
    ("text", "index", "expected"),
    [
        ("a\nb\nc\nd", 0, "a"),
        ("a\nb\nc\nd", 1, "b"),
        ("a\nb\nc\nd", 2, "c\nd"),
        ("a\r\nb", 0, "a"),
        ("a\r\nb", 1, "b"),
        ("a", 1, None),
        ("a\n\nc", 1, None),
        (None, 0, None),
    ],
)
def test_split(text: Plain, index: int, expected: Plain) -> None:
    assert run([text], one("Split", index=index)) == expected


lines = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: bool(text.strip())
)


@given(st.lists(lines, min_size=3, max_size=3))
def test_split_undoes_join(parts: list[str]) -> None:
    joined = run(list(parts), one("Join"))
    assert [run([joined], one("Split", index=index)) for index in range(3)] == parts


@pytest.mark.parametrize(
    ("value", "part", "expected"),
    [
        (date(2001, 2, 3), "day", 3),
        (date(2001, 2, 3), "month", 2),
        (date(2001, 2, 3), "year", 2001),
        (None, "month", 0),
        ("2001-02-03", "day", 3),
        (datetime(2026, 7, 31, 22, 30, tzinfo=UTC), "day", 1),
        (datetime(2026, 7, 31, 22, 30, tzinfo=UTC), "month", 8),
    ],
)
def test_date_part(value: Plain, part: str, expected: int) -> None:
    assert run([value], one("DatePart", part=part)) == expected


def test_date_part_takes_dates_only() -> None:
    with pytest.raises(Unmappable, match="'5' where a date was expected"):
        run([5], one("DatePart", part="day"))


def test_month_by_name() -> None:
    names = one("ValueMap", valueMap={"0": "None", "2": "February"})
    assert run([date(2001, 2, 3)], one("DatePart", part="month"), names) == "February"
    assert run([None], one("DatePart", part="month"), names) == "None"


@pytest.mark.parametrize(("value", "expected"), [(10, 1010), (D("10"), D("1010")), (None, None), ("7", 1007)])
def test_add(value: Plain, expected: Plain) -> None:
    assert run([value], one("Add", amount=1000)) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([D("100"), D("3")], "33.3333"),
        ([D("100"), 0], "100.0000"),
        ([D("100"), None], "100.0000"),
        ([None, D("3")], None),
    ],
)
def test_unit_price(values: list[Plain], expected: str | None) -> None:
    result = run(values, one("UnitPrice"))
    assert result == (None if expected is None else D(expected))


def test_a_discount_becomes_one_of_each_unit_and_a_charge() -> None:
    per_unit = run([D("10.00"), 3], one("DiscountPerUnit"))
    charge = run([D("10.00"), 3], one("DiscountRounding"))
    assert (per_unit, charge) == (D("3.33"), D("-0.01"))


def test_discounts_use_the_currency() -> None:
    assert run([D("10"), D("3")], one("DiscountPerUnit"), scope=Fixed(currency=0)) == 3
    assert run([D("10"), D("3")], one("DiscountPerUnit"), scope=Fixed(currency=3)) == D("3.333")


def test_no_discount_is_zero_so_that_one_taken_away_is_taken_away() -> None:
    assert run([None, D("3")], one("DiscountPerUnit")) == 0
    assert run([None, D("3")], one("DiscountRounding")) == 0


@pytest.mark.parametrize("kind", ["DiscountPerUnit", "DiscountRounding"])
@pytest.mark.parametrize(("quantity", "reason"), [(0, "is 0"), (D("0.00"), "is 0"), (None, "is empty")])
def test_a_discount_needs_a_quantity(kind: str, quantity: Plain, reason: str) -> None:
    with pytest.raises(Unmappable, match=reason) as caught:
        run([D("10"), quantity], one(kind))
    assert caught.value.source == 1


def test_the_source_that_is_no_number_is_named() -> None:
    with pytest.raises(Unmappable, match="no number") as caught:
        run([1, "two"], one("UnitPrice"))
    assert caught.value.source == 1


@pytest.mark.parametrize(
    ("values", "transforms", "message"),
    [
        (["a", "b"], [], "2 sources need a first transform"),
        (["a", "b"], [one("Truncate", maxLength=3)], "2 sources need a first transform"),
        (["a"], [one("Truncate", maxLength=3), one("Join")], "Join must be the first"),
        ([1], [one("DiscountPerUnit")], "DiscountPerUnit takes 2 sources, not 1"),
        ([1, 2, 3], [one("UnitPrice")], "UnitPrice takes 2 sources, not 3"),
    ],
)
def test_what_cannot_make_one_value(values: list[Plain], transforms: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(values, *transforms)
