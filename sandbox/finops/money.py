"""Amounts as the application computes them: exact, rounded half up to the currency's smallest unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sandbox.finops.options import Options

ZERO = Decimal(0)
CENT = Decimal("0.01")
_ONE, _HUNDRED = Decimal(1), Decimal(100)
_ABSENT = {
    "LineDiscountAmount": ZERO,
    "LineDiscountPercentage": ZERO,
    "MultilineDiscountAmount": ZERO,
    "MultilineDiscountPercentage": ZERO,
    "FixedPriceCharges": ZERO,
}


def round_to(amount: Decimal, unit: Decimal) -> Decimal:
    """The amount rounded half up (away from zero) to a multiple of ``unit`` (0.01, 0.05, 1)."""
    if unit <= 0:
        return amount
    return (amount / unit).quantize(_ONE, rounding=ROUND_HALF_UP) * unit


def due(total: Decimal, part: Decimal, whole: Decimal, unit: Decimal) -> Decimal:
    """What of a total is due once ``part`` of ``whole`` is reached: all of it at the end, a rounded share before."""
    if part == whole:
        return total
    return round_to(total * part / whole, unit) if whole else ZERO


def share_out(total: Decimal, weights: Sequence[Decimal], unit: Decimal) -> list[Decimal]:
    """A total shared out by weight in multiples of ``unit``; the shares add up to it. All 0 where no weight counts."""
    whole, reached, given = sum(weights, ZERO), ZERO, ZERO
    shares = []
    for weight in weights:
        reached += weight
        now = due(total, reached, whole, unit) if whole else ZERO
        shares.append(now - given)
        given = now
    return shares


@dataclass(frozen=True, slots=True)
class Terms:
    """How the amounts of one document are computed.

    ``unit`` is the smallest unit of its currency, ``rate`` the sales tax as a fraction. With ``includes_tax`` every
    price, discount and charge of the document contains its tax.
    """

    unit: Decimal
    rate: Decimal
    includes_tax: bool
    options: Options

    def round(self, amount: Decimal) -> Decimal:
        """The amount in the currency's smallest unit."""
        return round_to(amount, self.unit)

    def net(self, line: Mapping[str, Any], quantity: Decimal) -> Decimal:
        """Price of a quantity of a line less the discounts of the line, without any charge."""
        return self.round(self._discounted(line, quantity))

    def discount(self, line: Mapping[str, Any], quantity: Decimal) -> Decimal:
        """The discounts of a quantity of a line: amount, percentage and multiline together."""
        gross = quantity * line["SalesPrice"] / (line["SalesPriceQuantity"] or _ONE)
        return self.round(gross - self._discounted(line, quantity))

    def fixed_charge(self, line: Mapping[str, Any]) -> Decimal:
        """The line's FixedPriceCharges, which belong to its price."""
        return self.round({**_ABSENT, **line}["FixedPriceCharges"])

    def line_amount(self, line: Mapping[str, Any], quantity: Decimal) -> Decimal:
        """What LineAmount shows of an order or quotation line."""
        net = self.net(line, quantity)
        return net + self.fixed_charge(line) if self.options.line_amount_contains_fixed_charge else net

    def tax(self, amount: Decimal) -> Decimal:
        """Sales tax on an amount, or the tax inside it where prices include tax."""
        return self.round(amount * self.rate / (1 + self.rate) if self.includes_tax else amount * self.rate)

    def added_tax(self, tax: Decimal) -> Decimal:
        """The part of a tax that the total adds to the amounts: none where they contain it."""
        return ZERO if self.includes_tax else tax

    def _discounted(self, line: Mapping[str, Any], quantity: Decimal) -> Decimal:
        given = {**_ABSENT, **line}
        per_unit: Decimal = given["LineDiscountAmount"] + given["MultilineDiscountAmount"]
        price: Decimal = given["SalesPrice"]
        price_unit: Decimal = given["SalesPriceQuantity"] or _ONE
        first, second = given["LineDiscountPercentage"] / _HUNDRED, given["MultilineDiscountPercentage"] / _HUNDRED
        off: Decimal = first + second - (first * second if self.options.percentages_compound else ZERO)
        per_one = price / price_unit - per_unit
        if self.options.discounts_per_price_unit:
            per_one = (price - per_unit) / price_unit
        return quantity * per_one * (1 - off)
