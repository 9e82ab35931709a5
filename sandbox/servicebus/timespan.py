"""Durations as .NET and Azure write them: `[d.]hh:mm:ss[.fffffff]` and `P1DT2H3M4S`."""

from __future__ import annotations

import re
from datetime import timedelta

_NET = re.compile(r"(?:(\d+)\.)?(\d{1,2}):([0-5]?\d):([0-5]?\d)(?:\.(\d{1,7}))?")
_ISO = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


def parse_timespan(text: str) -> timedelta:
    """Read a .NET time span; hours run to 23. Raises ValueError."""
    found = _NET.fullmatch(text.strip())
    if found is None or int(found[2]) > 23:
        raise ValueError(f"{text!r} is not a time span such as 00:05:00")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[:4])
    micros = int((found[5] or "").ljust(7, "0")[:6])
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, microseconds=micros)


def parse_iso_duration(text: str) -> timedelta:
    """Read an ISO 8601 duration of days, hours, minutes and whole seconds. Raises ValueError."""
    found = _ISO.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        raise ValueError(f"{text!r} is not a duration such as PT5M")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def write_timespan(span: timedelta) -> str:
    """Write a time span, with days and fractions only where there are any."""
    minutes, seconds = divmod(span.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days = f"{span.days}." if span.days else ""
    fraction = f".{span.microseconds:06}0" if span.microseconds else ""
    return f"{days}{hours:02}:{minutes:02}:{seconds:02}{fraction}"
