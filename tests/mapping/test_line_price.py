from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.mapping.line_price import LinePrice, Precision, PriceError, line_price, one_price
from p2c.mapping.money import round_half_up

D = Decimal
EXACT = Context(prec=120)
quantities = st.decimals(min_value=-(10**7), max_value=10**7, places=5).filter(bool)
precisions = st.builds(Precision, price=st.integers(0, 4), amount=st.sampled_from([0, 2, 3]))
prices = st.decimals(min_value=-(10**6), max_value=10**6, places=4)
units = st.sampled_from([1, 10, 100, 1000])


def net_of(quantity: Decimal, made: LinePrice, precision: Precision) -> Decimal:
    """As Sales computes it."""
    return round_half_up(EXACT.multiply(quantity, made.price), precision.amount) - made.discount


@given(quantities, prices, units, st.integers(-(10**12), 10**12), precisions)
def test_the_amount_is_exact_and_no_discount_is_negative(
    quantity: Decimal, price: Decimal, unit: int, smallest: int, precision: Precision
) -> None:
    net = D(smallest).scaleb(-precision.amount)
    made = line_price(quantity, price / unit, net, precision)
    assert net_of(quantity, made, precision) == net
    assert made.discount >= 0
    for value, places in ((made.price, precision.price), (made.discount, precision.amount)):
        assert value == round_half_up(value, places), "Sales would round it"


@given(quantities, prices, units, precisions)
def test_a_line_without_discount_is_off_its_price_by_rounding_only(
    quantity: Decimal, price: Decimal, unit: int, precision: Precision
) -> None:
    exact = price / unit
    net = round_half_up(EXACT.multiply(quantity, exact), precision.amount)
    made = line_price(quantity, exact, net, precision)
    grid = Fraction(1, 10**precision.price)
    of_rounding = Fraction(1, 2 * 10**precision.amount) / abs(Fraction(quantity))
    assert abs(Fraction(made.price) - Fraction(exact)) <= 2 * grid + of_rounding
    assert Fraction(made.discount) <= 2 * abs(Fraction(quantity)) * grid + Fraction(1, 10**precision.amount)


@given(quantities, prices, st.decimals(min_value=0, max_value=1000, places=2))
def test_a_price_that_fits_stays_with_every_discount(quantity: Decimal, price: Decimal, discount: Decimal) -> None:
    precision = Precision(4, 2)
    net = round_half_up(EXACT.multiply(quantity, price), 2) - discount
    assert line_price(quantity, price, net, precision) == LinePrice(price, discount, as_given=True)


@pytest.mark.parametrize(
    ("quantity", "price", "net", "precision", "expected"),
    [
        ("1000", "0.0725", "72.50", (2, 2), ("0.08", "7.50", False)),
        ("-1000", "0.0725", "-72.50", (2, 2), ("0.07", "2.50", True)),
        ("-2", "100", "-180", (2, 2), ("90", "0", False)),
        ("3", "100", "290", (2, 2), ("100", "10", True)),
        ("2", "100", "205", (2, 2), ("102.50", "0", False)),
        ("3", "1.234", "3.702", (2, 3), ("1.24", "0.018", False)),
        ("3", "333.5", "1001", (0, 0), ("334", "1", True)),
        ("0", "5", "0", (2, 2), ("5", "0", True)),
        ("0", "5", "-1", (2, 2), ("5", "1", True)),
    ],
)
def test_named_prices(
    quantity: str, price: str, net: str, precision: tuple[int, int], expected: tuple[str, str, bool]
) -> None:
    made = line_price(D(quantity), D(price), D(net), Precision(*precision))
    assert made == LinePrice(D(expected[0]), D(expected[1]), expected[2])


def test_no_quantity_has_no_positive_amount() -> None:
    with pytest.raises(PriceError, match="is 0, but the line has an amount of 1"):
        line_price(D(0), D(5), D(1), Precision(2, 2))


def test_a_charge_keeps_decimals_that_a_price_has_not() -> None:
    assert one_price(D("1.234"), Precision(2, 3)) == LinePrice(D("1.24"), D("0.006"), as_given=False)
    assert one_price(D("-5.00"), Precision(2, 2)) == LinePrice(D("-5.00"), D(0), as_given=True)
