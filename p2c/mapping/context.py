"""What mapping knows besides template and document, and what follows from it for one document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from p2c.documents import Note, NoteCode, Row
from p2c.mapping.refusal import Unmappable
from p2c.templates.models import Scalar

UTC_ZONE = ZoneInfo("UTC")

Currency = Callable[[Row], object]
"""The ISO code of a document's currency, from its header row; blank or None when it has none."""


@dataclass(frozen=True, slots=True)
class Context:
    """The connection set, as far as mapping depends on it.

    - `legal_entity`: the `dataAreaId` of rows for F&O.
    - `time_zone`: in which a moment is a day.
    - `currency_precision`: decimals by ISO code, as the Sales environment's currencies have them.
    - `price_precision`: decimals of prices there (the organisation's *pricing decimal precision*).
    - `value_maps`: the shared maps, by the name that `use` refers to.
    - `absent`: columns that the Sales environment lacks, as (table, column), out of those that templates may name.
    """

    legal_entity: str
    time_zone: ZoneInfo = UTC_ZONE
    currency_precision: Mapping[str, int] = field(default_factory=dict)
    price_precision: int = 2
    value_maps: Mapping[str, Mapping[str, Scalar]] = field(default_factory=dict)
    absent: frozenset[tuple[str, str]] = frozenset()


class DocumentScope:
    """What conversions of one document's values share. The currency is worked out when it is first asked for."""

    __slots__ = ("_context", "_currency", "_header", "_precision", "_remarks")

    def __init__(self, context: Context, currency: Currency, header: Row) -> None:
        self._context = context
        self._currency = currency
        self._header = header
        self._precision: int | None = None
        self._remarks: list[tuple[NoteCode, str]] = []

    def remark(self, code: NoteCode, reason: str) -> None:
        """Adds a note about the field that is being converted."""
        self._remarks.append((code, reason))

    def notes(self, field: str, line: str) -> list[Note]:
        """The remarks since the last call, as notes about this field of this line."""
        made = [Note(code, f"{field}: {reason}", field, line) for code, reason in self._remarks]
        self._remarks.clear()
        return made

    @property
    def price_precision(self) -> int:
        """The decimals of prices in Sales."""
        return self._context.price_precision

    def currency_precision(self) -> int:
        """The decimals of the document's currency. Raises Unmappable when the currency is blank or unknown."""
        if self._precision is None:
            code = self._currency(self._header)
            if code is None or code == "":
                raise Unmappable("is an amount, but the document has no currency")
            self._precision = self._context.currency_precision.get(str(code).upper())
            if self._precision is None:
                raise Unmappable(f"is an amount in {code}, a currency that Sales does not have: add it there")
        return self._precision
