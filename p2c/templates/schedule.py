"""Schedules as Azure Functions reads them: NCRONTAB with second, minute, hour, day, month and day of the week."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART = re.compile(r"^(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d+))?$")


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def number(self, text: str) -> int | None:
        """The value of a number or name, None when it is neither or out of range."""
        folded = text.casefold()
        if folded in self.names:
            return self.low + self.names.index(folded)
        return int(text) if text.isdecimal() and self.low <= int(text) <= self.high else None

    def mistake(self, text: str) -> str:
        """What is wrong with this field of a schedule, empty when nothing is."""
        for part in text.split(","):
            match = _PART.match(part)
            if match is None:
                return f"{part!r} is no {self.name}"
            star, first, last, step = match.groups()
            if step is not None and not 0 < int(step) <= self.high:
                return f"/{step} is no step for the {self.name}"
            if star:
                continue
            low = self.number(first)
            high = low if last is None else self.number(last)
            if low is None or high is None:
                return f"{part!r} is no {self.name}: {self.low} to {self.high} is"
            if high < low:
                return f"{part!r} runs backwards"
        return ""


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 6, _DAYS),
)


def mistake(schedule: str) -> str:
    """What is wrong with a schedule, in a sentence; empty when nothing is. No schedule at all is right, too.

    >>> mistake("0 */15 * * * *")
    ''
    >>> mistake("*/15 * * * *")
    'a schedule has six fields, the second first; this one has 5: put "0 " before it'
    """
    if not schedule:
        return ""
    fields = schedule.split()
    if len(fields) != len(_FIELDS):
        remedy = ': put "0 " before it' if len(fields) == len(_FIELDS) - 1 else ""
        return f"a schedule has six fields, the second first; this one has {len(fields)}{remedy}"
    return next((found for kind, text in zip(_FIELDS, fields, strict=True) if (found := kind.mistake(text))), "")
