"""Header amounts given to the lines, for a destination that has fields for neither header discounts nor freight.

Sales takes a header discount off the sum of the lines and adds the freight; F&O has a discount per unit and a fixed
charge on each line. So every line carries its share of both, in proportion to its amount, and the document comes to the
same sum without tax in both systems, to the smallest unit of the currency.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from p2c.documents import HEADER, Flaw, Note, NoteCode, Row, SpreadAmounts, SpreadLine, Value
from p2c.mapping import money
from p2c.mapping.decode import decimal
from p2c.mapping.kinds import Scope
from p2c.mapping.refusal import Unmappable
from p2c.mapping.text import plain
from p2c.templates.models import HeaderAmounts, Spread

CODE = "header-amounts"
"""The reason code of a document whose header amounts cannot be written."""
PER_UNIT, CHARGES = "spread.discountPerUnit", "spread.charges"
_ZERO = Decimal(0)
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class SpreadRows:
    """The lines with `spread.discountPerUnit` and `spread.charges`, and what was given to them; flaws: why not."""

    rows: Sequence[Row]
    amounts: SpreadAmounts | None = None
    notes: tuple[Note, ...] = ()
    flaws: tuple[Flaw, ...] = ()


@dataclass(frozen=True, slots=True)
class _Line:
    """A line as Sales has it: `gross` = quantity x price, `net` = with all of its own discounts taken off."""

    number: str
    quantity: Decimal
    price: Decimal
    gross: Decimal
    net: Decimal
    manual: Decimal


@dataclass(frozen=True, slots=True)
class Spreader:
    """Gives the header amounts of documents of one task to its lines, as the template's `headerAmounts` says.

    `key` is the source column of the number by which a line is known in both systems.
    """

    spread: Spread
    policy: HeaderAmounts
    key: str

    def rows(self, header: Row, lines: Sequence[Row], labels: Sequence[str], scope: Scope) -> SpreadRows:
        """The lines of one document, in the order given, with the amounts that they carry at the destination."""
        flaws: list[Flaw] = []
        try:
            precision = scope.currency_precision()
        except Unmappable as error:
            return SpreadRows(lines, flaws=(Flaw(self.spread.price, error.reason, labels[0] if labels else HEADER),))
        discount, percentage, freight = (self._number(header, name, HEADER, flaws) for name in self.spread.of_header)
        read = [self._line(row, label, precision, flaws) for row, label in zip(lines, labels, strict=True)]
        if flaws:
            return SpreadRows(lines, flaws=tuple(flaws))
        nets = [line.net for line in read]
        off = money.round_half_up(discount + sum(nets, _ZERO) * percentage / _HUNDRED, precision)
        added = money.round_half_up(freight, precision)
        notes: tuple[Note, ...] = ()
        if (off or added) and self.policy != "spread":
            if self.policy == "reject":
                return SpreadRows(lines, flaws=(self._rejected(off, added),))
            notes, off, added = (self._ignored(off, added),), _ZERO, _ZERO
        # A discount makes no line negative, so only lines of its own sign carry it; freight goes with every line.
        able = [max(net, _ZERO) if off > 0 else max(-net, _ZERO) for net in nets]
        if abs(off) > sum(able, _ZERO):
            return SpreadRows(lines, flaws=(self._too_large(off, sum(able, _ZERO)),))
        if added and not read:
            return SpreadRows(lines, flaws=(self._no_lines(added),))
        order = sorted(range(len(read)), key=lambda place: (len(read[place].number), read[place].number))
        discounts = _shared(off, able, order, precision)
        freights = _shared(added, [abs(net) for net in nets], order, precision)
        given = [
            self._give(row, line, share, charge, precision)
            for row, line, share, charge in zip(lines, read, discounts, freights, strict=True)
        ]
        carried = tuple(one for _, one in given if one.discount or one.volume or one.freight)
        amounts = SpreadAmounts(discount, percentage, added, carried) if carried else None
        return SpreadRows([row for row, _ in given], amounts, notes)

    def _line(self, row: Row, label: str, precision: int, flaws: list[Flaw]) -> _Line:
        spread = self.spread
        quantity, price, manual, amount, tax = (self._number(row, name, label, flaws) for name in spread.of_line)
        if row.get(spread.quantity) in (None, ""):
            flaws.append(Flaw(spread.quantity, "is empty: the discount of one unit needs a quantity", label))
        elif not quantity:
            flaws.append(Flaw(spread.quantity, "is 0: the discount of one unit needs a quantity", label))
        gross = money.round_half_up(quantity * price, precision)
        computed = row.get(spread.amount) not in (None, "")
        net = amount - money.round_half_up(tax, precision) if computed else gross - manual
        return _Line(
            line_number(row.get(self.key)), quantity, price, gross, money.round_half_up(net, precision), manual
        )

    def _give(
        self, row: Row, line: _Line, discount: Decimal, freight: Decimal, precision: int
    ) -> tuple[Row, SpreadLine]:
        own = line.gross - line.net
        per_unit, rounding = money.discount_parts(own + discount, line.quantity, line.price, precision)
        charges = money.round_half_up(freight + rounding, precision)
        volume = money.round_half_up(own - line.manual, precision)
        return {**row, PER_UNIT: per_unit, CHARGES: charges}, SpreadLine(
            line.number, discount, volume, freight, line.quantity, line.price
        )

    @staticmethod
    def _number(row: Row, name: str, label: str, flaws: list[Flaw]) -> Decimal:
        value = row.get(name)
        try:
            return _ZERO if value is None or value == "" else decimal(value)
        except Unmappable as error:
            flaws.append(Flaw(name, error.reason, label))
            return _ZERO

    # --- what is said ---

    def _names(self) -> str:
        return ", ".join(self.spread.of_header)

    def _rejected(self, off: Decimal, added: Decimal) -> Flaw:
        reason = (
            f"{_amounts(off, added)} cannot be written (headerAmounts: reject): enter it on the lines, or spread it"
        )
        return Flaw(self._names(), reason, code=CODE)

    def _too_large(self, off: Decimal, able: Decimal) -> Flaw:
        reason = (
            f"the header discount is {plain(off)}, but the lines that can carry it come to {plain(able)} only: "
            "lower it in Sales, or enter it on the lines"
        )
        return Flaw(f"{self.spread.discount}, {self.spread.percentage}", reason, code=CODE)

    def _no_lines(self, added: Decimal) -> Flaw:
        reason = f"the freight is {plain(added)}, but there is no line that can carry it: add a line in Sales"
        return Flaw(self.spread.freight, reason, code=CODE)

    def _ignored(self, off: Decimal, added: Decimal) -> Note:
        reason = (
            f"{_amounts(off, added)} is not written (headerAmounts: ignore): "
            f"without tax the total of the destination differs from that of Sales by {plain(off - added)}"
        )
        return Note(NoteCode.HEADER_AMOUNTS_IGNORED, reason, self._names())


def line_number(value: Value) -> str:
    """The number by which a line is known in both systems, in one spelling whatever type it comes in."""
    return plain(Decimal(value)) if isinstance(value, int | Decimal) else str(value or "")


def _shared(amount: Decimal, weights: Sequence[Decimal], order: Sequence[int], precision: int) -> list[Decimal]:
    """The shares in the order of the weights; among equal ones `order` decides. Where all weights are 0 they count
    alike."""
    if not amount:
        return [money.round_half_up(_ZERO, precision)] * len(weights)
    if not any(weights):
        weights = [Decimal(1)] * len(weights)
    found = money.shares(amount, [weights[place] for place in order], precision)
    return [share for _, share in sorted(zip(order, found, strict=True))]


def _amounts(off: Decimal, added: Decimal) -> str:
    parts = [f"the header discount of {plain(off)}"] if off else []
    parts += [f"the freight of {plain(added)}"] if added else []
    return " and ".join(parts)
