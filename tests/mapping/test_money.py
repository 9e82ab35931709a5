from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.mapping.money import (
    ZeroQuantityError,
    discount_per_unit,
    discount_rounding,
    invoice_charge,
    invoice_discount,
    invoiced_units,
    line_discount,
    round_half_up,
    unit_price,
)

D = Decimal
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
    assert line_discount(D(3), D("3.33"), D("-0.01"), 2) == D("10.00")


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
    assert line_discount(D(quantity), per_unit, charge, precision) == D(total)


@given(amounts(), quantities)
def test_the_round_trip_is_exact_for_every_quantity_and_amount(amount: tuple[Decimal, int], quantity: Decimal) -> None:
    total, precision = amount
    per_unit = discount_per_unit(total, quantity, precision)
    charge = discount_rounding(total, quantity, precision)
    assert line_discount(quantity, per_unit, charge, precision) == total
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


def test_a_quantity_of_zero_has_a_line_discount() -> None:
    assert line_discount(D(0), D("3.33"), D("-0.01"), 2) == D("0.01")


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


@pytest.mark.parametrize(
    ("discount", "charges", "quantity", "expected", "charge"),
    [
        ("9.99", "-0.01", "3", "10.00", "0"),
        ("20.01", "0.01", "3", "20.00", "0"),
        ("-9.99", "0.01", "-3", "-10.00", "0"),
        ("9.99", "5.00", "3", "9.99", "5.00"),
        ("20.01", "0.02", "3", "20.01", "0.02"),
        ("0", "0.01", "3", "0.00", "0.01"),
        ("0", "0", "3", "0.00", "0"),
        ("0", "-5.00", "1", "5.00", "0"),
    ],
)
def test_an_invoice_counts_the_rounding_into_the_discount(
    discount: str, charges: str, quantity: str, expected: str, charge: str
) -> None:
    numbers = D(discount), D(charges), D(quantity)
    assert str(invoice_discount(*numbers, 2)) == expected
    assert invoice_charge(*numbers, 2) == D(charge)


@given(total=numbers, quantity=quantities, precision=precisions)
def test_an_invoice_gives_the_order_lines_discount_back(total: Decimal, quantity: Decimal, precision: int) -> None:
    """The rounding charge, whatever its sign, is recognised wherever the line has a discount."""
    per_unit = discount_per_unit(total, quantity, precision)
    charges = discount_rounding(total, quantity, precision)
    posted = round_half_up(quantity * per_unit, precision)
    if posted and abs(charges) <= abs(quantity) * D((0, (5,), -precision - 1)):
        assert invoice_discount(posted, charges, quantity, precision) == round_half_up(total, precision)
        assert invoice_charge(posted, charges, quantity, precision) == 0


@given(
    price=st.decimals(min_value="0.01", max_value="99999", places=2),
    quantity=st.decimals(min_value="1", max_value="9999", places=2),
    units=st.sampled_from([1, 2, 10, 100, 1000]),
    discount=st.decimals(min_value="0", max_value="1", places=2),
    charges=st.decimals(min_value="-1", max_value="5", places=2),
    holds_charges=st.booleans(),
    sign=st.sampled_from([1, -1]),
)
def test_the_price_of_one_of_an_invoice_line_gives_its_amount(
    price: Decimal,
    quantity: Decimal,
    units: int,
    discount: Decimal,
    charges: Decimal,
    holds_charges: bool,
    sign: int,
) -> None:
    gross = round_half_up(sign * quantity * price / units, 2)
    amount = gross - discount + (charges if holds_charges else 0)
    found = invoiced_units(price, sign * quantity, amount, discount, charges, 2)
    explained = round_half_up(sign * quantity * price / found, 2)
    assert found >= 1
    assert found == 1 or explained in (gross, gross + charges, gross - charges)
    if units == 1 or (discount, charges) == (0, 0):
        assert explained == gross or found == 1


@pytest.mark.parametrize(
    ("price", "quantity", "amount", "discount", "charges", "units"),
    [
        ("12.50", "200", "25.00", "0", "0", "100"),
        ("12.50", "-200", "-25.00", "0", "0", "100"),
        ("12.50", "2", "25.00", "0", "0", "1"),
        ("12.50", "2", "24.00", "1", "0", "1"),
        ("12.50", "2", "30.00", "0", "5", "1"),
        ("12.50", "200", "29.00", "1", "5", "100"),
        ("12.50", "3", "0", "37.50", "0", "1"),
        ("12.50", "0", "0", "0", "0", "1"),
        ("12.50", "2", "99.99", "0", "0", "1"),
    ],
)
def test_how_many_units_an_invoiced_price_is_for(
    price: str, quantity: str, amount: str, discount: str, charges: str, units: str
) -> None:
    numbers = (Decimal(one) for one in (price, quantity, amount, discount, charges))
    assert invoiced_units(*numbers, 2) == Decimal(units)
