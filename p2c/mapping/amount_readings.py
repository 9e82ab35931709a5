"""What the amounts of a document of F&O mean, where its columns may be read in several ways.

F&O publishes no definition of its amount columns, and environments differ: a line's amount may or may not contain the
fixed charge, charges may or may not contain it as well, cancelled lines may count in the totals, invoices do not say
whether their prices include tax. A *reading* is one choice of all these. Every reading predicts the document's total,
and the one that explains it best counts. The total chooses, and gives no amount.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from itertools import product
from typing import Literal

from p2c.mapping.money import round_half_up

_EXACT = Context(prec=120, rounding=ROUND_HALF_UP)
_CUT = Context(prec=120, rounding=ROUND_DOWN)
ZERO = Decimal(0)
_ONE, _HUNDRED = Decimal(1), Decimal(100)

TaxReading = Literal["without", "prices", "with", "shared"]
"""Prices and amounts are without tax; prices are with tax and the line's amount is without; both are with tax; the
amount is without, but the line's tax is also that of a charge or a discount, so that only the price tells the amount
with tax."""

FixedReading = Literal["equal", "apart", "difference"]
"""Which part of a line's charges is its fixed charge, where that has no column of its own: all of it where it equals
what the amount differs from the price; none; or that difference, whatever it is."""


@dataclass(frozen=True, slots=True)
class LineFigures:
    """A line as F&O has it, blanks as 0. `fixed` is None where the entity has no column for the fixed charge."""

    quantity: Decimal
    price: Decimal
    price_quantity: Decimal | None
    unit_discounts: tuple[Decimal, ...]
    percentages: tuple[Decimal, ...]
    discount: Decimal
    fixed: Decimal | None
    amount: Decimal
    charges: Decimal
    tax: Decimal
    canceled: bool = False


@dataclass(frozen=True, slots=True)
class DocumentFigures:
    """A document as F&O has it. `discounts` are the columns that may hold the header's discount, in order."""

    lines: tuple[LineFigures, ...]
    total: Decimal
    tax: Decimal
    header_tax: Decimal
    charges: Decimal
    discounts: tuple[Decimal, ...]
    includes_tax: bool | None
    canceled: bool = False


@dataclass(frozen=True, slots=True)
class LineMeaning:
    """A line under one reading: `value` of price, discounts and fixed charge, `charge` besides it; the exact price.

    `net` is that value without tax, where the value contains it and F&O gives both.
    """

    price: Decimal
    value: Decimal
    charge: Decimal
    net: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Meaning:
    """A document under one reading: a meaning per line, and the header's own charges and discount.

    `includes_tax`: all of them contain their tax. `difference` is what the reading does not explain of the total.
    """

    lines: tuple[LineMeaning, ...]
    charge: Decimal
    discount: Decimal
    includes_tax: bool
    difference: Decimal


def best(document: DocumentFigures, precision: int) -> Meaning:
    """The reading that explains the total best; of several the one that fits the prices best, then the likeliest."""
    chosen: tuple[tuple[Decimal, Decimal, int], Meaning] | None = None
    for found in _meanings(document, precision):
        if chosen is None or found[0] < chosen[0]:
            chosen = found
        if not any(chosen[0][:2]):
            # Nothing explains more than everything, and those that follow are less likely.
            break
    assert chosen is not None, "there is a reading of every document"
    return chosen[1]


def _meanings(document: DocumentFigures, precision: int) -> Iterator[tuple[tuple[Decimal, Decimal, int], Meaning]]:
    flag = document.includes_tax
    taxes: tuple[TaxReading, ...] = (
        ("without", "prices", "with", "shared") if flag is None else ("with",) if flag else ("without",)
    )
    fixed: tuple[FixedReading, ...] = ("apart", "equal") if _has_fixed(document) else ("equal", "apart", "difference")
    counted = (False, True) if any(line.canceled for line in document.lines) else (False,)
    discounts = tuple(dict.fromkeys(document.discounts))
    contained = _contained(document, precision)
    choices = product(taxes, contained, fixed, discounts, counted)
    for position, (tax, inside, kind, discount, all_count) in enumerate(choices):
        lines = tuple(_line(line, tax, kind, precision, inside=inside) for line in document.lines)
        counting = [
            (figures, meaning)
            for figures, meaning in zip(document.lines, lines, strict=True)
            if all_count or not figures.canceled
        ]
        # An order of which every line is cancelled owes nothing, whatever discount its header still shows.
        owed = discount if counting or not document.lines else ZERO
        charge = document.charges - sum((figures.charges for figures, _ in counting), ZERO)
        explained = sum((meaning.value + meaning.charge for _, meaning in counting), ZERO) + charge - owed
        explained += document.tax if tax == "without" else ZERO
        difference = round_half_up(document.total - explained, precision)
        if tax == "shared" and difference:
            lines, difference = _selected(document.lines, lines, difference, precision)
        misfit = sum((_misfit(figures, meaning, precision) for figures, meaning in counting), ZERO)
        yield (
            (abs(difference), misfit, position),
            Meaning(lines, charge, owed, tax != "without", difference),
        )


def _selected(
    figures: Sequence[LineFigures], lines: tuple[LineMeaning, ...], difference: Decimal, precision: int
) -> tuple[tuple[LineMeaning, ...], Decimal]:
    """The lines so that they explain the total, where what their rows allow suffices; else as they are.

    The discount of a line is a rounded amount. Price and discount of a fraction of a unit leave two amounts with tax,
    both less than a smallest unit away: the row does not tell which one it is, and the total selects.
    """
    smallest = Decimal((0, (1,), -precision))
    step = smallest if difference > 0 else -smallest
    distances: dict[int, Decimal] = {}
    for position, (line, meaning) in enumerate(zip(figures, lines, strict=True)):
        distance = abs(meaning.value + step - _net(line, meaning.price))
        if line.discount and not line.canceled and distance < smallest:
            distances[position] = distance
    wanted = int(abs(difference) / smallest)
    if wanted > len(distances):
        return lines, difference
    moved = sorted(distances, key=lambda position: distances[position])[:wanted]
    return tuple(
        replace(meaning, value=meaning.value + step) if position in moved else meaning
        for position, meaning in enumerate(lines)
    ), ZERO


def _misfit(line: LineFigures, meaning: LineMeaning, precision: int) -> Decimal:
    """What price and discounts do not explain of the line's value, in the way that explains most of it."""
    if line.fixed is None:
        inside = ZERO if meaning.charge else line.charges
        return round_half_up(abs(meaning.value - inside - _net(line, meaning.price)), precision)
    return _beyond(line, meaning.value - line.fixed, precision)


def _beyond(line: LineFigures, amount: Decimal, precision: int) -> Decimal:
    """How far an amount is from price less discounts, each rounded, computed in the way that comes closest."""
    return min(abs(round_half_up(amount, precision) - round_half_up(net, precision)) for net in _nets(line))


def _contained(document: DocumentFigures, precision: int) -> tuple[bool, ...]:
    """Whether the amounts of the lines may contain the fixed charge, the likelier first.

    It is the same for all lines of an environment. Where price and discounts explain every line in one way only, that
    is the way, whatever the document's total; else the total chooses.
    """
    if not any(line.fixed for line in document.lines):
        return (True,)
    exact = []
    for inside in (True, False):
        rows = [line for line in document.lines if not line.canceled]
        values = [line.amount - (line.fixed or ZERO) if inside else line.amount for line in rows]
        if not any(_beyond(line, value, precision) for line, value in zip(rows, values, strict=True)):
            exact.append(inside)
    return tuple(exact) or (True, False)


def _has_fixed(document: DocumentFigures) -> bool:
    return any(line.fixed is not None for line in document.lines)


def _line(line: LineFigures, tax: TaxReading, kind: FixedReading, precision: int, *, inside: bool) -> LineMeaning:
    amount = line.amount + line.tax if tax in ("prices", "shared") else line.amount
    price = _unit_price(line, amount, precision)
    if tax == "shared":
        price = _nearest_price(line)
        amount = round_half_up(_net(line, price), precision)
    if line.fixed is not None:
        value = amount if inside else amount + line.fixed
        return LineMeaning(price, value, line.charges - (line.fixed if kind == "equal" else ZERO))
    beyond = amount - round_half_up(_net(line, price), precision)
    if kind == "difference":
        fixed = beyond if line.charges else ZERO
    else:
        fixed = line.charges if kind == "equal" and line.charges == beyond else ZERO
    charge = line.charges - fixed
    if _is_rounding(line, charge, precision) and not fixed:
        # The rounding of a discount belongs to the price, also where the line's amount does not contain it.
        return LineMeaning(price, amount + charge, ZERO)
    # An amount that is no further from price less discount than rounding is contains the tax, too.
    apart = tax == "shared" and abs(line.amount - amount) > Decimal((0, (1,), -precision))
    return LineMeaning(price, amount, charge, line.amount if apart else None)


def _is_rounding(line: LineFigures, charge: Decimal, precision: int) -> bool:
    """Whether a charge can be what rounding the discount of one unit loses: half a smallest amount for each unit."""
    lost = _EXACT.multiply(abs(line.quantity), Decimal((0, (5,), -precision - 1)))
    return bool(line.discount) and ZERO < abs(charge) <= lost


def _unit_price(line: LineFigures, amount: Decimal, precision: int) -> Decimal:
    """The exact price of one. Where no column says how many units a price is for, the line's amount does.

    A whole number of units above 1 counts only if it explains the amount exactly and 1 does not.
    """
    if line.price_quantity is not None:
        return _CUT.divide(line.price, line.price_quantity) if line.price_quantity else line.price
    gross = _EXACT.multiply(line.quantity, line.price)
    charged = [amount + line.discount, amount + line.discount - line.charges]
    if any(round_half_up(gross, precision) == round_half_up(one, precision) for one in charged):
        return line.price
    for one in charged:
        units = round_half_up(_CUT.divide(gross, one), 0) if one else ZERO
        if units > 1 and round_half_up(_CUT.divide(gross, units), precision) == round_half_up(one, precision):
            return _CUT.divide(line.price, units)
    return line.price


def _nearest_price(line: LineFigures) -> Decimal:
    """The price of one, with tax, that comes closest to the line's amount without: it is for 1, 10, 100 or 1 000."""
    prices = [_CUT.divide(line.price, Decimal(units)) for units in (1, 10, 100, 1000)]
    return min(prices, key=lambda price: abs(_net(line, price) - line.amount))


def _nets(line: LineFigures) -> Iterator[Decimal]:
    """Price less discounts, for every way in which F&O may compute it: discounts for one unit or for as many as the
    price is for, percentages one after the other or added up."""
    units = line.price_quantity or _ONE
    off = sum(line.unit_discounts, ZERO)
    ones = (line.price - off * units, line.price - off)
    one_after_other, together = _ONE, _ONE - sum(line.percentages, ZERO) / _HUNDRED
    for percentage in line.percentages:
        one_after_other = one_after_other * (_ONE - percentage / _HUNDRED)
    for price, factor in product(ones, (one_after_other, together)):
        yield _CUT.divide(_EXACT.multiply(line.quantity, _EXACT.multiply(price, factor)), units) - line.discount


def _net(line: LineFigures, price: Decimal) -> Decimal:
    """Price less discounts in the likeliest way."""
    if line.price_quantity is None:
        return _EXACT.multiply(line.quantity, price) - line.discount
    return next(_nets(line))


def without_tax(
    figures: Sequence[LineFigures], meaning: Meaning, header_tax: Decimal, precision: int
) -> tuple[list[tuple[Decimal, Decimal]], Decimal, Decimal]:
    """Value and charge of each line, and charge and discount of the header, all without tax.

    F&O gives one tax for a line. It is shared out over the line's value, its charge and its part of the header's
    discount in proportion; rounding of the shares cancels out in the document's total, whatever they are.
    """
    if not meaning.includes_tax:
        return [(line.value, line.charge) for line in meaning.lines], meaning.charge, meaning.discount
    counting = [ZERO if line.canceled else abs(found.value) for line, found in zip(figures, meaning.lines, strict=True)]
    whole = sum(counting, ZERO)
    nets: list[tuple[Decimal, Decimal]] = []
    discount = meaning.discount
    for line, found, weight in zip(figures, meaning.lines, counting, strict=True):
        share = _CUT.divide(meaning.discount * weight, whole) if whole else ZERO
        taxed = found.value + found.charge - share
        rate = _CUT.divide(line.tax, taxed) if taxed else ZERO
        value, charge = found.value, found.charge
        if found.net is not None and charge:
            apart, inside = value * (_ONE - rate), (value + charge) * (_ONE - rate)
            if abs(found.net - inside) < abs(found.net - apart):
                value, charge = value + charge, ZERO
        of_charge = round_half_up(charge * rate, precision)
        of_share = round_half_up(share * rate, precision)
        if found.net is not None:
            # Of the tax inside the value, what the line's tax does not hold is that of the share.
            of_share = value - found.net + of_charge - line.tax
        nets.append((value - (line.tax - of_charge + of_share), charge - of_charge))
        discount -= ZERO if line.canceled else of_share
    return nets, meaning.charge - header_tax, discount
