"""Days and moments, read from and written to ISO 8601 text.

A column may mean a day although it holds a moment: then the day depends on the time zone that one looks from.
Midnight that daylight saving skips or repeats is no obstacle: `first_moment` gives a moment that lies on the day in
either case.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from p2c.mapping.refusal import Unmappable

NULL_DAY = date(1900, 1, 1)
"""What F&O keeps where it has no date."""

_DAY_LENGTH = len("2026-07-23")


def parse_day(text: str) -> date:
    """The date part of `2026-07-23` or of a moment, whatever its time and offset. Raises Unmappable."""
    try:
        if text[_DAY_LENGTH : _DAY_LENGTH + 1] not in ("", "T"):
            raise ValueError
        return date.fromisoformat(text[:_DAY_LENGTH])
    except ValueError:
        raise Unmappable(f"is {text!r}, which is no date") from None


def parse_moment(text: str) -> datetime:
    """The moment in UTC; without offset it is taken as UTC, as Dataverse does. Raises Unmappable."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unmappable(f"is {text!r}, which is no date and time") from None


def parse(text: str) -> date:
    """A date for text without a time, else a datetime in UTC. Raises Unmappable."""
    return parse_day(text) if len(text) == _DAY_LENGTH else parse_moment(text)


def day_in(moment: datetime, zone: ZoneInfo) -> date:
    """The day that it is in `zone` at that moment. Raises Unmappable at the ends of the calendar."""
    try:
        return moment.astimezone(zone).date()
    except OverflowError:
        raise _beyond(moment) from None


def first_moment(day: date, zone: ZoneInfo) -> datetime:
    """Midnight of the day in `zone`, in UTC. Raises Unmappable at the ends of the calendar."""
    midnight = datetime.combine(day, time(), tzinfo=zone)
    try:
        return midnight.astimezone(UTC)
    except OverflowError:
        raise _beyond(midnight) from None


def iso(moment: datetime) -> str:
    """A moment in UTC as `2026-07-23T22:00:00Z`."""
    return moment.replace(tzinfo=None).isoformat() + "Z"


def _beyond(moment: datetime) -> Unmappable:
    return Unmappable(f"is {moment.date()}, which lies at the end of the calendar")
