"""Puts back what was spread: from the amounts of F&O's lines to the layout in which the seller entered them in Sales.

A header discount and freight went to F&O as shares of the lines (`p2c/mapping/spread.py`). On the way back each line
gives its shares to the header again. An unchanged order then has the amounts that it has in Sales; in a
changed one, what differs stays with the line that was changed. The document's total is that of F&O in every case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from p2c.documents import SpreadAmounts, SpreadLine
from p2c.mapping.money import round_half_up

_ZERO = Decimal(0)
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class LineNow:
    """A line of F&O as it is now: price of one and net amount without tax; `charge` becomes a line of its own."""

    number: str
    quantity: Decimal
    price: Decimal
    net: Decimal
    charge: Decimal
    canceled: bool


@dataclass(frozen=True, slots=True)
class LineBack:
    """A line as it is to be in Sales: its net amount, and the discount that Sales takes off by its own discount list.

    With `listed` the price and that discount stay those of the price list: the line is not to be overridden.
    """

    net: Decimal
    volume: Decimal
    listed: bool


@dataclass(frozen=True, slots=True)
class PutBack:
    """The lines in Sales, and the header's amounts: discount, discount in per cent, and freight."""

    lines: tuple[LineBack, ...]
    discount: Decimal
    percentage: Decimal
    freight: Decimal


def put_back(
    spread: SpreadAmounts | None,
    lines: Sequence[LineNow],
    *,
    discount: Decimal,
    freight: Decimal,
    header_tax: Decimal,
    precision: int,
) -> PutBack:
    """The layout of the seller, as far as it gives the total of F&O.

    `discount` and `freight` are those of F&O's own header, `header_tax` is a tax that becomes a line in Sales.
    """
    carried = {one.line: one for one in spread.lines} if spread else {}
    backs: list[LineBack] = []
    given = returned = _ZERO
    for line in lines:
        share = carried.get(line.number)
        if share is None or line.canceled:
            backs.append(LineBack(line.net, _ZERO, listed=False))
            continue
        back, its_discount = _line(line, share, precision)
        backs.append(back)
        given += its_discount
        returned += share.freight
    whole, freight = round_half_up(discount + given, precision), round_half_up(freight + returned, precision)
    if spread is not None and spread.percentage:
        entered = round_half_up(discount + spread.discount, precision)
        items = sum((back.net for back, line in zip(backs, lines, strict=True) if not line.canceled), _ZERO)
        items += sum((line.charge for line in lines if not line.canceled), _ZERO) + header_tax
        items += min(freight, _ZERO) - min(entered, _ZERO)
        if round_half_up(entered + items * spread.percentage / _HUNDRED, precision) == whole:
            return PutBack(tuple(backs), entered, spread.percentage, freight)
    return PutBack(tuple(backs), whole, _ZERO, freight)


def _line(line: LineNow, share: SpreadLine, precision: int) -> tuple[LineBack, Decimal]:
    """The line without its shares, and the share of the discount that goes to the header.

    F&O may have taken away a discount that the share was part of: then no more than what is left of it goes back.
    """
    gross = round_half_up(line.quantity * line.price, precision)
    net, its_discount = line.net + share.discount - share.freight, share.discount
    missing = net - gross
    if missing > 0 and its_discount > 0:
        its_discount = max(_ZERO, its_discount - missing)
        net = line.net + its_discount - share.freight
    same = (line.quantity, line.price) == (share.quantity, share.price)
    listed = bool(share.volume) and same and gross - net >= share.volume
    return LineBack(net, share.volume if listed else _ZERO, listed), its_discount
