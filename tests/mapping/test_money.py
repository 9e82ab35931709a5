from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.mapping.money import (
    ZeroQuantityError,
    discount_per_unit,
    discount_rounding,
    round_half_up,
    unit_price,
)

D = Decimal
EXACT = Context(prec=120)
precisions = st.integers(0, 6)
quantities = st.decimals(min_value=-(10**11), max_value=10**11, places=10, allow_nan=False).filter(bool)
numbers = st.decimals(min_value=-(10**15), max_value=10**15, places=10, allow_nan=False)


@st.composite
def amounts(draw: st.DrawFn) -> tuple[Decimal, int]:
    """An amount of a currency, with the currency's precision."""
    precision = draw(precisions)
    return draw(st.integers(-(10**17), 10**17).map(lambda units: D(units).scaleb(-precision))), precision


@pytest.mark.parametrize(
    ("number", "precision", "expected"),
    [
        ("0.005", 2, "0.01"),
        ("-0.005", 2, "-0.01"),
        ("0.00499999999999999999999999999999999999999999", 2, "0.00"),
        ("2.5", 0, "3"),
        ("-2.5", 0, "-3"),
        ("1.25", 1, "1.3"),
        ("7", 3, "7.000"),
        ("-0.001", 2, "0.00"),
    ],
)
def test_half_up_is_away_from_zero(number: str, precision: int, expected: str) -> None:
    assert str(round_half_up(D(number), precision)) == expected


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_only_numbers_are_rounded(number: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        round_half_up(D(number), 2)


@given(numbers, precisions)
def test_rounding_is_nearest_and_ties_go_outwards(number: Decimal, precision: int) -> None:
    rounded = round_half_up(number, precision)
    distance = abs(Fraction(rounded) - Fraction(number))
    half = Fraction(1, 2 * 10**precision)
    assert distance <= half
    if distance == half:
        assert abs(rounded) > abs(number)
    assert -rounded.as_tuple().exponent == precision


def test_microsofts_example() -> None:
    assert discount_per_unit(D("10.00"), D(3), 2) == D("3.33")
    assert discount_rounding(D("10.00"), D(3), 2) == D("-0.01")
    assert 3 * D("3.33") - D("-0.01") == D("10.00")


@pytest.mark.parametrize(
    ("total", "quantity", "precision"),
    [
        ("10.00", "-3", 2),
        ("-10.00", "3", 2),
        ("0.01", "1000", 2),
        ("1000", "7", 0),
        ("1", "3", 0),
        ("10.000", "0.333", 3),
        ("99.99", "0.00001", 2),
        ("0.02", "3", 2),
        ("123456789012.34", "0.12345", 2),
    ],
)
def test_named_round_trips(total: str, quantity: str, precision: int) -> None:
    per_unit = discount_per_unit(D(total), D(quantity), precision)
    charge = discount_rounding(D(total), D(quantity), precision)
    assert round_half_up(D(quantity) * per_unit, precision) - charge == D(total)


@given(amounts(), quantities)
def test_the_round_trip_is_exact_for_every_quantity_and_amount(amount: tuple[Decimal, int], quantity: Decimal) -> None:
    total, precision = amount
    per_unit = discount_per_unit(total, quantity, precision)
    charge = discount_rounding(total, quantity, precision)
    assert Fraction(round_half_up(EXACT.multiply(quantity, per_unit), precision)) - Fraction(charge) == total
    for result in (per_unit, charge):
        assert result == round_half_up(result, precision), "not a real amount of the currency"


@given(amounts(), quantities)
def test_the_charge_is_what_rounding_lost(amount: tuple[Decimal, int], quantity: Decimal) -> None:
    """Line amounts agree: quantity x discount per unit - charge is the discount, but for the rounding of the
    product."""
    total, precision = amount
    per_unit = discount_per_unit(total, quantity, precision)
    charge = discount_rounding(total, quantity, precision)
    product = Fraction(quantity) * Fraction(per_unit)
    assert abs(product - Fraction(charge) - Fraction(total)) <= Fraction(1, 2 * 10**precision)


@given(amounts(), quantities)
def test_a_return_is_the_mirror_image(amount: tuple[Decimal, int], quantity: Decimal) -> None:
    total, precision = amount
    assert discount_per_unit(total, quantity, precision) == -discount_per_unit(total, -quantity, precision)
    assert discount_rounding(-total, -quantity, precision) == -discount_rounding(total, quantity, precision)


@pytest.mark.parametrize("function", [discount_per_unit, discount_rounding])
def test_a_quantity_of_zero_is_refused(function: object) -> None:
    assert callable(function)
    with pytest.raises(ZeroQuantityError, match="quantity is 0"):
        function(D("10.00"), D("0.00"), 2)


@pytest.mark.parametrize(
    ("price", "units", "precision", "expected"),
    [("100", "3", 2, "33.33"), ("100", "0", 2, "100.00"), ("200", "3", 4, "66.6667"), ("50", "1000", 2, "0.05")],
)
def test_the_price_of_one(price: str, units: str, precision: int, expected: str) -> None:
    assert str(unit_price(D(price), D(units), precision)) == expected


@given(numbers, quantities, precisions)
def test_the_price_of_one_is_rounded_once(price: Decimal, units: Decimal, precision: int) -> None:
    exact = Fraction(price) / Fraction(units)
    distance = abs(Fraction(unit_price(price, units, precision)) - exact)
    assert distance <= Fraction(1, 2 * 10**precision)
