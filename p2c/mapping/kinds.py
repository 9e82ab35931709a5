"""What a column holds, in as much detail as conversion needs, and the plain values that conversion goes through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from p2c.documents import NoteCode, SystemName
from p2c.templates.catalog import ORGANIZATION_PRECISION, FinopsProperty, SalesColumn, Sort
from p2c.templates.resolve import Cell

Plain = str | int | bool | Decimal | date | datetime | None
"""A value between decoding and encoding; blank is None in whatever form it came. Moments are aware and in UTC."""

_INT_BITS = {"Integer": 32, "Int32": 32}
_CLEARED = frozenset({Sort.TEXT, Sort.LOOKUP, Sort.GUID, Sort.UNKNOWN})


class Scope(Protocol):
    """What a conversion needs to know of the document that it works on."""

    def remark(self, code: NoteCode, reason: str) -> None:
        """Adds a note about the field that is being converted."""
        ...

    @property
    def price_precision(self) -> int:
        """The decimals of prices in Sales."""
        ...

    def currency_precision(self) -> int:
        """The decimals of the document's currency. Raises Unmappable when the currency is blank or unknown."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """What a path ends at.

    `max_length` counts UTF-16 code units, `precision` decimals, `bits` those of a whole number with its sign.
    `minimum` and `maximum` bound a number, both included. `price`: Sales rounds it to the price precision. `yes_no`:
    the enum is NoYes. `zoneless`: kept like a moment, but in no time zone.
    """

    system: SystemName
    sort: Sort
    max_length: int | None = None
    precision: int | None = None
    bits: int = 64
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    price: bool = False
    yes_no: bool = False
    zoneless: bool = False

    @property
    def blank_is_zero(self) -> bool:
        """Whether a number here cannot be null, so that its blank is 0: every number of F&O."""
        return self.system == "finops" and self.sort in (Sort.INTEGER, Sort.DECIMAL, Sort.MONEY)

    @property
    def clears(self) -> bool:
        """Whether a blank source clears it by default: text and lookups do; numbers, choices and dates do not."""
        return self.sort in _CLEARED


def kind_of(system: SystemName, cells: tuple[Cell, ...], *, max_length: int | None = None) -> Kind:
    """The kind of a path that ends at `cells`; `max_length` is the template's own limit, the tighter one holds.

    Where a polymorphic lookup ends at several columns, a value has to fit the longest and widest of them.
    """
    first = cells[0]
    bits = _INT_BITS.get(first.type, 64)
    if isinstance(first, FinopsProperty):
        return Kind(system, first.sort, max_length=max_length, bits=bits, yes_no=first.enum == "NoYes")
    lengths = [cell.max_length for cell in cells if isinstance(cell, SalesColumn) and cell.max_length is not None]
    limits = ([max(lengths)] if len(lengths) == len(cells) else []) + ([max_length] if max_length is not None else [])
    return Kind(
        system,
        first.sort,
        max_length=min(limits, default=None),
        precision=None if first.type == "Double" else first.precision,
        bits=bits,
        minimum=_widest(min, [cell.minimum for cell in cells if isinstance(cell, SalesColumn)]),
        maximum=_widest(max, [cell.maximum for cell in cells if isinstance(cell, SalesColumn)]),
        price=first.sort is Sort.MONEY and first.precision_source == ORGANIZATION_PRECISION,
        zoneless=first.behavior == "TimeZoneIndependent",
    )


def _widest(choose: Callable[[list[Decimal]], Decimal], bounds: list[Decimal | None]) -> Decimal | None:
    """The bound that lets every value pass that one of the columns takes; None where one has no bound."""
    known = [bound for bound in bounds if bound is not None]
    return choose(known) if known and len(known) == len(bounds) else None
