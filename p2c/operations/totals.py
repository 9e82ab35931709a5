"""The invariant of totals: whether the figures of a document in Sales are those of the same document in F&O.

The comparison knows what the figures mean for the business, not how a template maps them, so a wrong mapping cannot
agree with itself. It is exact to the smallest unit of the currency. Which F&O figure counts (`Basis`):

- a confirmed order with calculated totals: `OrderTotalAmount` is Sales' `totalamount`;
- an invoice: `TotalInvoiceAmount` less `InvoiceHeaderTaxAmount` is `totalamount` (tax on header charges is not synced);
- quotes, and orders until they are confirmed: F&O computes no total, so the sum of its lines and charges without tax
  is `totalamount` less `totaltax`.

Public documents do not say whether an F&O `LineAmount` holds the charges of its line. The line's own price, discount
and charges decide where they tell; otherwise both readings are accepted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

ZERO = Decimal(0)
_ONE = Decimal(1)
_FIVE = Decimal(5)
_HUNDRED = Decimal(100)


class Basis(StrEnum):
    """Which figures of both systems must be equal."""

    TOTAL = "total"
    NET = "net"


class Explanation(StrEnum):
    """Why the figures of a document may differ; every explained difference is counted under one of these."""

    NOT_SYNCED = "not-synced"
    """A rule of the template keeps the document back, so Sales and F&O legitimately hold different versions."""
    PARKED = "parked"
    """The document waits for a record that it refers to."""
    REJECTED = "rejected"
    """The document was rejected or failed and needs a person."""
    CHANGED = "changed-since-last-sync"
    """The source changed after the last sync; the next run writes the document."""
    NOT_CALCULATED = "total-not-calculated"
    """F&O has not calculated the totals of the order yet (batch job Calculate sales totals)."""
    ROUNDING = "rounding"
    """The mapping reported that an amount had to be rounded, and the difference is below one unit per line."""
    HEADER_IGNORED = "header-amounts-ignored"
    """The template's `headerAmounts: ignore` leaves the header's discount and freight out; they are the difference."""
    COARSE = "finops-rounds-coarser"
    """F&O's own prices, discounts and charges come to the total of Sales, but F&O rounds amounts of this currency to
    more than its smallest unit (CHF: 0.05)."""
    SPREAD = "header-amounts-on-lines"
    """Sales has a discount or freight on the header that F&O has on its lines: the sums agree, the lines cannot."""


@dataclass(frozen=True, slots=True)
class FinOpsLine:
    """An F&O line: `charges` of the line, `tax` where it is calculated; `discount` and `price` as the row has them.

    `charges` are its fixed charges; `others` the charges that F&O calculated for it, which may hold the fixed ones as
    well. `evidence` is quantity × net price of one by the row's price and discounts, None where they do not tell.
    """

    number: int
    amount: Decimal
    charges: Decimal = ZERO
    tax: Decimal = ZERO
    evidence: Decimal | None = None
    others: Decimal = ZERO
    canceled: bool = False


@dataclass(frozen=True, slots=True)
class FinOpsFigures:
    """A document in F&O. `total` is comparable with Sales' `totalamount`; None while F&O has not calculated it.

    `charges` are those of the header, `discount` the header's own discount; both only count on the net basis.
    `header_tax` is the tax on these charges, which is a line (Freight Tax) in Sales.
    """

    number: str
    currency: str
    basis: Basis
    total: Decimal | None
    lines: Sequence[FinOpsLine]
    charges: Decimal = ZERO
    discount: Decimal = ZERO
    header_tax: Decimal = ZERO
    tax_included: bool = False
    canceled: bool = False


@dataclass(frozen=True, slots=True)
class SalesLine:
    """A Sales line: `net` is its amount after discounts and without tax."""

    number: int | None
    net: Decimal
    write_in: bool = False


@dataclass(frozen=True, slots=True)
class SalesFigures:
    """A document in Sales, as its header and lines show it."""

    number: str
    total: Decimal
    tax: Decimal
    lines: Sequence[SalesLine]
    freight: Decimal = ZERO
    discount: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class State:
    """What the last comparison says of a document: the explanation that it allows (None: it is in sync).

    `rounded`: the mapping reported an amount that could not be kept exactly. `header_ignored`: it reported a header
    discount or freight that it leaves out.
    """

    explanation: Explanation | None = None
    reason: str = ""
    rounded: bool = False
    header_ignored: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """A document whose figures differ: both totals, the first differing line, and the rule that explains it, if any."""

    number: str
    sales: Decimal
    finops: Decimal
    line: str
    explanation: Explanation | None
    reason: str = ""

    def __str__(self) -> str:
        rule = ": ".join(text for text in (self.explanation, self.reason) if text)
        parts = (
            f"{self.number}: Sales has {self.sales:f}, F&O has {self.finops:f}",
            self.line or "no line differs",
            rule,
        )
        return "; ".join(part for part in parts if part)


@dataclass(slots=True)
class Balance:
    """The comparison of one template, legal entity and currency. Sums are over all compared documents."""

    template: str
    legal_entity: str
    currency: str
    compared: int = 0
    equal: int = 0
    sales: Decimal = ZERO
    finops: Decimal = ZERO
    differences: list[Difference] = field(default_factory=list)

    @property
    def explained(self) -> Mapping[Explanation, int]:
        """How many documents each rule explains."""
        return Counter(one.explanation for one in self.differences if one.explanation is not None)

    @property
    def unexplained(self) -> Sequence[Difference]:
        """The documents that differ without a rule."""
        return [one for one in self.differences if one.explanation is None]

    def add(self, sales: SalesFigures, finops: FinOpsFigures, state: State, places: int) -> None:
        """Compares one document and counts it. `places`: decimals of the currency."""
        found = compare(sales, finops, state, places)
        self.compared += 1
        self.equal += found is None
        ours, theirs = figures(sales, finops, places)
        self.sales += ours
        self.finops += theirs
        if found is not None:
            self.differences.append(found)


def compare(sales: SalesFigures, finops: FinOpsFigures, state: State, places: int) -> Difference | None:
    """How a document differs, None when it does not."""
    ours, theirs = figures(sales, finops, places)
    line = next(_differing(sales, finops, places), "")
    if ours == theirs and not line:
        return None
    explanation, reason = state.explanation, state.reason
    if explanation is None and finops.basis is Basis.TOTAL and finops.total is None:
        explanation = Explanation.NOT_CALCULATED
    elif (
        explanation is None
        and ours == theirs
        and (sales.freight or sales.discount)
        and _nets_agree(sales, finops, places)
    ):
        explanation = Explanation.SPREAD
    elif explanation is None and state.header_ignored and ours - theirs == sales.freight - sales.discount:
        explanation = Explanation.HEADER_IGNORED
    elif explanation is None and _rounds_coarser(ours, finops, places):
        explanation = Explanation.COARSE
    elif explanation is None and state.rounded and abs(ours - theirs) < len(finops.lines) * _ONE.scaleb(-places):
        explanation = Explanation.ROUNDING
    return Difference(sales.number, ours, theirs, line, explanation, reason)


def figures(sales: SalesFigures, finops: FinOpsFigures, places: int) -> tuple[Decimal, Decimal]:
    """What is compared, of Sales and of F&O; where two readings are possible, the one that agrees."""
    if finops.basis is Basis.TOTAL and finops.total is not None:
        return sales.total, finops.total
    ours = sales.total - sales.tax
    sums = _sums(finops, places)
    return ours, ours if ours in sums else sums[0]


def _nets_agree(sales: SalesFigures, finops: FinOpsFigures, places: int) -> bool:
    """Whether the header's amounts make good what the lines differ by."""
    nets = sum((line.net for line in sales.lines), ZERO) + sales.freight - sales.discount
    # Charges that include their tax are as much as freight and Freight Tax together.
    return nets - (ZERO if finops.tax_included else finops.header_tax) in _sums(finops, places)


def _rounds_coarser(ours: Decimal, finops: FinOpsFigures, places: int) -> bool:
    """Whether F&O's rows come to the figure of Sales before F&O rounds them, and all of its amounts are rounded so."""
    lines = [] if finops.canceled else [line for line in finops.lines if not line.canceled]
    step = _FIVE.scaleb(-places)
    if finops.basis is not Basis.NET or finops.tax_included or any(line.amount % step for line in lines):
        return False
    unrounded = finops.charges - finops.discount
    for line in lines:
        if line.evidence is None:
            return False
        unrounded += rounded(line.evidence, places) + line.charges + line.others
    return bool(lines) and unrounded == ours


def _sums(finops: FinOpsFigures, places: int) -> list[Decimal]:
    """The net sum of a document under each reading that its lines allow."""
    own = finops.charges - finops.discount
    open_lines = [] if finops.canceled else [line for line in finops.lines if not line.canceled]
    sums = []
    for contained in (True, False):
        for besides in (True, False):
            nets = (_net(line, finops.tax_included, places, contained, besides) for line in open_lines)
            sums.append(sum(nets, own if open_lines else ZERO))
    return sums


def _net(line: FinOpsLine, tax_included: bool, places: int, contained: bool, besides: bool) -> Decimal:
    """A line's amount with all of its charges, without tax.

    `contained`: the amount holds the fixed charges, which counts where the line itself does not tell. `besides`: the
    calculated charges do not hold the fixed ones.
    """
    known = holds_charges(line, places)
    amount = line.amount if (contained if known is None else known) else line.amount + line.charges
    if line.others:
        amount += line.others if besides else line.others - line.charges
    return rounded(amount - (line.tax if tax_included else ZERO), places)


def holds_charges(line: FinOpsLine, places: int) -> bool | None:
    """Whether the amount of a line contains its charges; None where the row does not tell."""
    if not line.charges or line.evidence is None:
        return None
    plain = rounded(line.evidence, places)
    if rounded(line.amount, places) == plain:
        return False
    return True if rounded(line.amount, places) == plain + rounded(line.charges, places) else None


def _differing(sales: SalesFigures, finops: FinOpsFigures, places: int) -> Iterator[str]:
    """The lines of both systems that do not correspond, a sentence each."""
    left = {line.number: line for line in sales.lines}
    for line in finops.lines:
        other = left.pop(line.number, None)
        net = other.net if other else ZERO
        if line.canceled or finops.canceled:
            if net:
                yield f"line {line.number}: canceled in F&O, Sales has {net}"
        elif other is None and line.amount:
            yield f"line {line.number}: not in Sales, F&O has {line.amount}"
        elif net not in (accepted := _accepted(line, finops.tax_included, places)):
            yield f"line {line.number}: Sales has {net}, F&O has {accepted[0]}"
    for number, extra in left.items():
        # A write-in line carries charges or header tax; the document's total decides whether it belongs there.
        if extra.net and not extra.write_in:
            yield f"line {number}: Sales has {extra.net}, not in F&O"


def _accepted(line: FinOpsLine, tax_included: bool, places: int) -> list[Decimal]:
    """Net amounts that a line may have in Sales: with its charges, and without them (they are a line of their own)."""
    tax = line.tax if tax_included else ZERO
    known = holds_charges(line, places)
    amounts = [line.amount]
    if known is not True:
        amounts.append(line.amount + line.charges)
    if known is not False:
        amounts.append(line.amount - line.charges)
    if line.others:
        amounts += [amount + more for amount in amounts for more in (line.others, line.others - line.charges)]
    return [rounded(amount - tax, places) for amount in amounts]


def rounded(amount: Decimal, places: int) -> Decimal:
    """The amount rounded half up at the currency's precision."""
    return amount.quantize(_ONE.scaleb(-places), rounding=ROUND_HALF_UP)


def evidence(
    quantity: Decimal,
    price: Decimal,
    price_quantity: Decimal,
    discounts: Sequence[Decimal],
    percentages: Sequence[Decimal],
) -> Decimal:
    """What the price and discounts of a line come to: discounts are for one unit, percentages of what remains."""
    net = price / (price_quantity or _ONE) - sum(discounts, ZERO)
    for percentage in percentages:
        net *= (_HUNDRED - percentage) / _HUNDRED
    return quantity * net


def pairs(
    sales: Sequence[SalesFigures], finops: Sequence[FinOpsFigures]
) -> Iterable[tuple[SalesFigures, FinOpsFigures]]:
    """Documents of one number, paired: those with equal totals first, since several invoices may share a number."""
    left = list(sales)
    rest: list[FinOpsFigures] = []
    found: list[tuple[SalesFigures, FinOpsFigures]] = []
    for document in finops:
        match = next((one for one in left if one.total == document.total), None)
        if match is None:
            rest.append(document)
        else:
            left.remove(match)
            found.append((match, document))
    return [*found, *zip(left, rest, strict=False)]
