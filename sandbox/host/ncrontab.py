"""NCRONTAB of six fields, as timer triggers have it: when is the next time?"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# Name, lowest, highest, names of values from the lowest on.
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_PART = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?")
# February 29th comes after eight years at most, and on a given weekday after forty.
_FARTHEST = timedelta(days=366 * 41)


class Ncrontab:
    """A schedule in UTC. Day of the month and day of the week must both match, as in the library that the host uses."""

    def __init__(self, text: str) -> None:
        """Read a schedule. Raises ValueError that says which field is wrong."""
        parts = text.split()
        if len(parts) != len(_FIELDS):
            raise ValueError(f"{text!r} has {len(parts)} fields; a schedule has 6, second first")
        self.text = text
        fields = [_values(part, *field) for part, field in zip(parts, _FIELDS, strict=True)]
        self._seconds, self._minutes, self._hours, self._days, self._months, self._weekdays = fields

    def next(self, after: datetime) -> datetime:
        """Give the first time after a moment. Raises ValueError where there is none (February 30th)."""
        moment = after.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        end = moment + _FARTHEST
        while moment < end:
            # Python counts Monday as 0, NCRONTAB Sunday.
            weekday = (moment.weekday() + 1) % 7
            if moment.month not in self._months or moment.day not in self._days or weekday not in self._weekdays:
                moment = moment.replace(hour=0, minute=0, second=0) + timedelta(days=1)
            elif moment.hour not in self._hours:
                moment = moment.replace(minute=0, second=0) + timedelta(hours=1)
            elif moment.minute not in self._minutes:
                moment = moment.replace(second=0) + timedelta(minutes=1)
            elif moment.second not in self._seconds:
                moment += timedelta(seconds=1)
            else:
                return moment
        raise ValueError(f"{self.text!r} never comes")


def _values(text: str, field: str, lowest: int, highest: int, names: tuple[str, ...]) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"{part!r} is no {field}")
        start, end, step = match.groups()
        if start == "*":
            if end is not None:
                raise ValueError(f"{part!r} is no {field}")
            first, last = lowest, highest
        else:
            first = _value(start, field, lowest, highest, names)
            # A single value with a step runs to the end of the field.
            last = _value(end, field, lowest, highest, names) if end else highest if step else first
        if first > last or step == "0":
            raise ValueError(f"{part!r} is no {field}")
        found.update(range(first, last + 1, int(step or 1)))
    return frozenset(found)


def _value(text: str, field: str, lowest: int, highest: int, names: tuple[str, ...]) -> int:
    number = lowest + names.index(text.lower()) if text.lower() in names else int(text) if text.isdigit() else -1
    if not lowest <= number <= highest:
        raise ValueError(f"{text!r} is no {field}: {lowest} to {highest} is")
    return number
