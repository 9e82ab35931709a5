"""Arithmetic with amounts: exact, decimal, rounded half up.

*Half up* here means half away from zero, also for negative amounts: 0.005 becomes 0.01 and -0.005 becomes -0.01 at two
decimals, so that a credit note is the mirror image of its invoice.

Sales keeps a discount for the whole line, F&O one for each unit. A unit's discount is a rounded amount, so the whole
line's discount cannot always be regained from it: what rounding lost travels in the line's charge
(`FixedPriceCharges`). In both directions `quantity x discount per unit` is rounded before the charge is taken, which
makes the charge a real amount and the round trip exact for every quantity other than zero. Microsoft's example:
quantity 3, discount 10.00 gives 3.33 a unit and a charge of -0.01; 3 x 3.33 + 0.01 is 10.00 again.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal

# Wide enough that no product of two numbers of the two systems (at most 28 digits each) loses a digit.
_EXACT = Context(prec=120, rounding=ROUND_HALF_UP)
# A quotient is cut, never rounded, before it is rounded to a precision: rounding twice would turn 0.0049..9 into 0.01.
_CUT = Context(prec=120, rounding=ROUND_DOWN)
_ZERO = Decimal(0)
_ONE = Decimal(1)


class ZeroQuantityError(ValueError):
    """A discount cannot be spread over a quantity of zero."""

    def __init__(self) -> None:
        super().__init__("the quantity is 0: a discount cannot be divided by it")


def round_half_up(amount: Decimal, precision: int) -> Decimal:
    """`amount` with exactly `precision` decimals, half away from zero; never a negative zero.

    Raises ValueError for what is no finite number.
    """
    if not amount.is_finite():
        raise ValueError(f"{amount} is not a number")
    rounded = amount.quantize(Decimal((0, (1,), -precision)), context=_EXACT)
    return rounded if rounded else abs(rounded)


def unit_price(price: Decimal, units: Decimal, precision: int) -> Decimal:
    """The price of one where `price` is for `units` of them; F&O leaves the number of units at 0 where it means 1."""
    return round_half_up(_CUT.divide(price, units) if units else price, precision)


def discount_per_unit(total: Decimal, quantity: Decimal, precision: int) -> Decimal:
    """The rounded discount of one unit when the whole line has `total`. Raises ZeroQuantityError."""
    if not quantity:
        raise ZeroQuantityError
    return round_half_up(_CUT.divide(round_half_up(total, precision), quantity), precision)


def discount_rounding(total: Decimal, quantity: Decimal, precision: int) -> Decimal:
    """The charge that makes up for what `discount_per_unit` lost: negative where the units' discounts fall short.

    Raises ZeroQuantityError.
    """
    units = _units_discount(quantity, discount_per_unit(total, quantity, precision), precision)
    return round_half_up(_EXACT.subtract(units, round_half_up(total, precision)), precision)


def discount_parts(total: Decimal, quantity: Decimal, price: Decimal, precision: int) -> tuple[Decimal, Decimal]:
    """The discount of one unit and the charge that together make the line's amount exact at the destination.

    The destination computes `quantity x (price - discount per unit) + charge`, rounding the product; Sales computes
    `quantity x price - total`, rounding the first product. `discount_per_unit` is taken unless the two roundings differ
    by it (half a cent of a fraction of a unit); then its neighbours, and at last no discount per unit at all, where the
    charge is all of the discount. Raises ZeroQuantityError.
    """
    gross = round_half_up(_EXACT.multiply(quantity, price), precision)
    usual = discount_per_unit(total, quantity, precision)
    smallest = Decimal((0, (1,), -precision))
    for per_unit in (usual, usual - smallest, usual + smallest):
        net = round_half_up(_EXACT.multiply(quantity, _EXACT.subtract(price, per_unit)), precision)
        taken = _units_discount(quantity, per_unit, precision)
        if _EXACT.add(net, taken) == gross:
            return per_unit, round_half_up(_EXACT.subtract(taken, round_half_up(total, precision)), precision)
    return round_half_up(_ZERO, precision), round_half_up(-total, precision)


def shares(amount: Decimal, weights: Sequence[Decimal], precision: int) -> list[Decimal]:
    """`amount` in proportion to `weights` by largest remainder: whole smallest units, in sum exactly `amount`.

    Weights are not negative and not all 0. Of equal remainders the earlier weight has precedence. Where weights are
    amounts of the same currency, and `amount` is at most their sum, no share is larger than its weight.
    """
    sign = -1 if amount < 0 else 1
    units = int(_EXACT.scaleb(abs(round_half_up(amount, precision)), precision))
    whole = sum(weights, _ZERO)
    exact = [_EXACT.multiply(Decimal(units), weight) for weight in weights]
    floors = [int(_EXACT.divide_int(one, whole)) for one in exact]
    remainders = [_EXACT.remainder(one, whole) for one in exact]
    order = sorted(range(len(weights)), key=lambda place: -remainders[place])
    for place in order[: units - sum(floors)]:
        floors[place] += 1
    return [Decimal((0, (1,), -precision)) * (sign * one) for one in floors]


def _units_discount(quantity: Decimal, per_unit: Decimal, precision: int) -> Decimal:
    return round_half_up(_EXACT.multiply(quantity, per_unit), precision)
