"""Price and discount of a Sales line that together give a net amount exactly.

Sales computes `round(quantity x price) - discount`, with a price of the organisation's precision and a discount that is
never negative. A price of F&O may have more decimals, and a line may cost more than its price says (a charge, a return
with a discount): then another price has to stand in the line, so that the amount is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal

from p2c.mapping.money import round_half_up

_EXACT = Context(prec=120)
_CUT = Context(prec=120, rounding=ROUND_DOWN)
_ZERO = Decimal(0)


class PriceError(ValueError):
    """No price and discount give the amount: a quantity of 0 has no positive amount."""

    def __init__(self, net: Decimal) -> None:
        super().__init__(f"is 0, but the line has an amount of {net}")


@dataclass(frozen=True, slots=True)
class Precision:
    """Decimals of prices (the organisation's) and of amounts (the currency's) in Sales."""

    price: int
    amount: int


@dataclass(frozen=True, slots=True)
class LinePrice:
    """What a Sales line gets. `as_given`: the price is the one that was asked for, rounded to its precision."""

    price: Decimal
    discount: Decimal
    as_given: bool


def line_price(quantity: Decimal, price: Decimal, net: Decimal, precision: Precision) -> LinePrice:
    """The price of one and the discount of the whole line, with `round(quantity x price) - discount = net`.

    `price` is the exact price of one. It is kept, rounded, where the discount is then 0 or more; else the net price
    stands with no discount, where that is exact; else the net price is rounded so that the line's amount is too high,
    and a discount corrects it: 1 000 x 0.08 - 7.50 = 72.50. `net` has the decimals of the currency. Raises PriceError.
    """
    kept = round_half_up(price, precision.price)
    discount = _EXACT.subtract(_base(quantity, kept, precision), net)
    if discount >= 0:
        return LinePrice(kept, discount, as_given=True)
    if not quantity:
        raise PriceError(net)
    nearest = round_half_up(_CUT.divide(net, quantity), precision.price)
    if _base(quantity, nearest, precision) == net:
        return LinePrice(nearest, _ZERO, as_given=False)
    # A price on the side of `nearest` from which quantity x price is not below the amount.
    step = Decimal((0, (1,), -precision.price))
    short = _EXACT.multiply(quantity, nearest) < net
    covering = _EXACT.add(nearest, step if quantity > 0 else -step) if short else nearest
    return LinePrice(covering, _EXACT.subtract(_base(quantity, covering, precision), net), as_given=False)


def one_price(amount: Decimal, precision: Precision) -> LinePrice:
    """Price and discount of a line of quantity 1, such as a charge."""
    return line_price(Decimal(1), amount, amount, precision)


def _base(quantity: Decimal, price: Decimal, precision: Precision) -> Decimal:
    return round_half_up(_EXACT.multiply(quantity, price), precision.amount)
