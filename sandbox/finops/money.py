"""Amounts as the application computes them: exact, rounded half up to the currency's smallest unit."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

ZERO = Decimal(0)
CENT = Decimal("0.01")


def round_to(amount: Decimal, unit: Decimal) -> Decimal:
    """The amount rounded half up (away from zero) to a multiple of ``unit`` (0.01, 0.05, 1)."""
    if unit <= 0:
        return amount
    return (amount / unit).quantize(Decimal(1), rounding=ROUND_HALF_UP) * unit


def line_amount(line: dict[str, Any], quantity: Decimal, unit: Decimal, charge: Decimal | None = None) -> Decimal:
    """Net amount of a quantity of a line: quantity x (price of one - discount of one), plus the fixed charge.

    ``charge`` stands in for the line's own FixedPriceCharges, for a part of the quantity.
    """
    price = line["SalesPrice"] / (line["SalesPriceQuantity"] or Decimal(1))
    factor = (Decimal(100) - line["LineDiscountPercentage"]) / Decimal(100)
    net = quantity * (price - line["LineDiscountAmount"] - line["MultilineDiscountAmount"]) * factor
    return round_to(net, unit) + (line["FixedPriceCharges"] if charge is None else charge)


def discount_amount(line: dict[str, Any], quantity: Decimal, unit: Decimal) -> Decimal:
    """The discount that a quantity of a line carries in total."""
    price = line["SalesPrice"] / (line["SalesPriceQuantity"] or Decimal(1))
    per_unit = line["LineDiscountAmount"] + line["MultilineDiscountAmount"]
    percentage = (price - per_unit) * line["LineDiscountPercentage"] / Decimal(100)
    return round_to(quantity * (per_unit + percentage), unit)


def tax_of(amount: Decimal, rate: Decimal, unit: Decimal) -> Decimal:
    """Sales tax of a net amount; ``rate`` is a fraction (0.19)."""
    return round_to(amount * rate, unit)
