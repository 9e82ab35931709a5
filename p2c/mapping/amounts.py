"""The amounts of a document, computed from its header and its lines together, as further columns of their rows.

A template names the columns of F&O that hold quantities, prices, discounts, charges and taxes (`amounts`); its fields
then have `amounts.price` and the like as sources. The net amount of each Sales line is that of F&O without tax, to the
smallest amount of the currency; nothing is computed from a total of the document. A cancelled line keeps its price and
has quantity 0: it stays visible and has no amount.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from p2c.documents import Flaw, Note, NoteCode, Row, SourceDocument, SpreadAmounts, Value
from p2c.mapping import amount_readings
from p2c.mapping.amount_readings import ZERO, DocumentFigures, LineFigures, Meaning
from p2c.mapping.decode import decimal
from p2c.mapping.kinds import Scope
from p2c.mapping.line_price import LinePrice, Precision, PriceError, line_price, one_price
from p2c.mapping.money import round_half_up
from p2c.mapping.put_back import LineBack, LineNow, PutBack, put_back
from p2c.mapping.refusal import Unmappable
from p2c.mapping.spread import line_number
from p2c.mapping.text import plain
from p2c.templates.models import Amounts

CANCELED = "Canceled"
Label = Callable[[Row], str]


@dataclass(frozen=True, slots=True)
class Computed:
    """The document with computed columns, and what there is to say of them. With flaws it has no such columns."""

    document: SourceDocument
    notes: tuple[Note, ...] = ()
    flaws: tuple[Flaw, ...] = ()


@dataclass(slots=True)
class _Result:
    header: dict[str, Value] = field(default_factory=dict)
    lines: list[dict[str, Value]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    flaws: list[Flaw] = field(default_factory=list)


def compute(amounts: Amounts, document: SourceDocument, scope: Scope, label: Label, key: str) -> Computed:
    """The document with the results that `Amounts` describes. `label` names a line to a person.

    `key` is the column of the number by which a line is known in both systems.
    """
    rows = document.lines.get(amounts.lines, ())
    reader = _Reader(amounts)
    figures = reader.document(document.header, rows, label)
    if figures is None:
        return Computed(document, flaws=tuple(reader.flaws))
    try:
        precision = Precision(scope.price_precision, scope.currency_precision())
    except Unmappable as error:
        return Computed(document, flaws=(Flaw(amounts.header.total, error.reason),))
    numbers = [line_number(row.get(key)) for row in rows]
    writer = _Writer(amounts, figures, precision, [label(row) for row in rows], numbers, document.spread)
    result = writer.result()
    if result.flaws:
        return Computed(document, flaws=tuple(result.flaws))
    lines = [{**row, **more} for row, more in zip(rows, result.lines, strict=True)]
    changed = replace(
        document, header={**document.header, **result.header}, lines={**document.lines, amounts.lines: lines}
    )
    return Computed(changed, tuple(result.notes))


class _Reader:
    """Decodes the columns that hold amounts."""

    def __init__(self, amounts: Amounts) -> None:
        self.amounts = amounts
        self.flaws: list[Flaw] = []

    def document(self, header: Row, rows: Sequence[Row], label: Label) -> DocumentFigures | None:
        """The figures of a document; None where a column holds no number, which `flaws` then says."""
        names = self.amounts.header
        lines = tuple(self._line(row, label(row)) for row in rows)
        figures = DocumentFigures(
            lines=lines,
            total=self._number(header, names.total),
            tax=self._number(header, names.tax),
            header_tax=self._number(header, names.header_tax),
            charges=self._number(header, names.charges),
            discounts=tuple(self._number(header, name) for name in names.discount),
            includes_tax=header.get(names.prices_include_tax) == "Yes" if names.prices_include_tax else None,
            canceled=_canceled(header, names.status) or (bool(lines) and all(line.canceled for line in lines)),
        )
        return None if self.flaws else figures

    def _line(self, row: Row, label: str) -> LineFigures:
        names = self.amounts.line
        if row.get(names.quantity) in (None, ""):
            self.flaws.append(Flaw(names.quantity, "is empty: a line needs a quantity", label))
        return LineFigures(
            quantity=self._number(row, names.quantity, label),
            price=self._number(row, names.price, label),
            price_quantity=self._number(row, names.price_quantity, label) if names.price_quantity else None,
            unit_discounts=tuple(self._number(row, name, label) for name in names.unit_discounts),
            percentages=tuple(self._number(row, name, label) for name in names.percentages),
            discount=self._number(row, names.discount, label) if names.discount else ZERO,
            fixed=self._number(row, names.fixed_charge, label) if names.fixed_charge else None,
            amount=self._number(row, names.amount, label),
            charges=self._number(row, names.charges, label),
            tax=self._number(row, names.tax, label),
            canceled=_canceled(row, names.status),
        )

    def _number(self, row: Row, name: str, label: str = "") -> Decimal:
        value = row.get(name)
        if value is None or value == "":
            return ZERO
        try:
            return decimal(value)
        except Unmappable as error:
            self.flaws.append(Flaw(name, error.reason, label))
            return ZERO


class _Writer:
    """Computes what goes to Sales from the reading that explains the document best."""

    def __init__(
        self,
        amounts: Amounts,
        figures: DocumentFigures,
        precision: Precision,
        labels: Sequence[str],
        numbers: Sequence[str],
        spread: SpreadAmounts | None,
    ) -> None:
        self.amounts = amounts
        self.figures = figures
        self.precision = precision
        self.labels = labels
        self.numbers = numbers
        self.spread = spread
        self.made = _Result()

    def result(self) -> _Result:
        meaning = amount_readings.best(self.figures, self.precision.amount)
        nets, charge, discount = amount_readings.without_tax(
            self.figures.lines, meaning, self.figures.header_tax, self.precision.amount
        )
        back = self._put_back(meaning, nets, charge, discount)
        for position, (line, (was, line_charge)) in enumerate(zip(back.lines, nets, strict=True)):
            self.made.lines.append(self._line(position, meaning, line, was, line_charge))
        self.made.header = self._header(back.freight, back.discount, back.percentage)
        if meaning.difference and not self.figures.canceled:
            reason = (
                f"is {plain(self.figures.total)}, which is {plain(meaning.difference)} more than lines, charges, "
                "discount and tax add up to in any reading: the total in Sales differs by that"
            )
            self.made.notes.append(Note(NoteCode.TOTAL_UNEXPLAINED, reason, self.amounts.header.total))
        return self.made

    def _put_back(
        self, meaning: Meaning, nets: Sequence[tuple[Decimal, Decimal]], charge: Decimal, discount: Decimal
    ) -> PutBack:
        """What was spread over the lines, given to the header again."""
        now = [
            LineNow(
                number,
                line.quantity,
                found.price,
                self._amount(net),
                self._amount(line_charge),
                line.canceled or self.figures.canceled,
            )
            for number, line, found, (net, line_charge) in zip(
                self.numbers, self.figures.lines, meaning.lines, nets, strict=True
            )
        ]
        return put_back(
            self.spread,
            now,
            discount=discount,
            freight=charge,
            header_tax=self._amount(self.figures.header_tax),
            precision=self.precision.amount,
        )

    def _header(self, charge: Decimal, discount: Decimal, percentage: Decimal) -> dict[str, Value]:
        """Freight and discount are never negative: what they cannot hold becomes the amount of an extra line."""
        if self.figures.canceled:
            charge = discount = percentage = tax = ZERO
        else:
            tax = self._amount(self.figures.header_tax)
        charge, discount = self._amount(charge), self._amount(discount)
        taxed, extra = one_price(tax, self.precision), self._amount(min(charge, ZERO) - min(discount, ZERO))
        beside = one_price(extra, self.precision)
        return {
            "amounts.freight": max(charge, ZERO),
            "amounts.discount": max(discount, ZERO),
            "amounts.percentage": percentage,
            "amounts.headerTax": tax,
            "amounts.headerTaxPrice": taxed.price,
            "amounts.headerTaxDiscount": taxed.discount,
            "amounts.extraPrice": beside.price,
            "amounts.extraDiscount": beside.discount,
        }

    def _line(self, position: int, meaning: Meaning, back: LineBack, was: Decimal, charge: Decimal) -> dict[str, Value]:
        line, found, label = self.figures.lines[position], meaning.lines[position], self.labels[position]
        canceled = line.canceled or self.figures.canceled
        price, net = found.price, back.net
        if meaning.includes_tax and found.value:
            # The price without tax stands to the price with it as the line's value does.
            price = price * was / found.value
        quantity, net, charge = (ZERO, ZERO, ZERO) if canceled else (line.quantity, self._amount(net), charge)
        net += back.volume  # Sales takes it off by itself.
        try:
            made = line_price(quantity, price, net, self.precision)
        except PriceError as error:
            self.made.flaws.append(Flaw(self.amounts.line.quantity, str(error), label))
            return {}
        if not canceled:
            self._note(line, found.price, price, made, quantity, net, label)
        beside = one_price(self._amount(charge), self.precision)
        return {
            "amounts.quantity": quantity,
            "amounts.price": made.price,
            "amounts.priceOverridden": None if back.listed else True,
            "amounts.discount": made.discount,
            "amounts.tax": ZERO if canceled else self._amount(line.tax),
            "amounts.chargePrice": beside.price,
            "amounts.chargeDiscount": beside.discount,
        }

    def _note(
        self,
        line: LineFigures,
        given: Decimal,
        price: Decimal,
        made: LinePrice,
        quantity: Decimal,
        net: Decimal,
        label: str,
    ) -> None:
        """Says where the price in Sales is another than in F&O, but for the tax in it."""
        if made.as_given:
            exact = round_half_up(quantity * price, self.precision.amount) - net
            if made.price == price or (price != given and made.discount == exact):
                return
        per = f" for {plain(line.price_quantity)}" if line.price_quantity not in (None, ZERO, Decimal(1)) else ""
        reason = (
            f"is {plain(line.price)}{per} in Finance and Operations; in Sales the price is {plain(made.price)} and the "
            f"discount {plain(made.discount)}, so that the line's amount is {plain(net)}"
        )
        self.made.notes.append(Note(NoteCode.EQUAL_AFTER_ROUNDING, reason, self.amounts.line.price, label))

    def _amount(self, amount: Decimal) -> Decimal:
        return round_half_up(amount, self.precision.amount)


def inputs(amounts: Amounts, *, header: bool) -> Iterator[str]:
    """The source columns that the calculation reads of the header, or of its lines."""
    names: Mapping[str, str | list[str]] = (amounts.header if header else amounts.line).model_dump()
    for name in names.values():
        yield from [name] if isinstance(name, str) and name else name


def _canceled(row: Row, status: str) -> bool:
    return bool(status) and row.get(status) == CANCELED
