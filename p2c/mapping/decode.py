"""Decoding: from a cell as its system delivers it to a plain value.

Blank in every form becomes None: `null`, `""`, F&O's 1900-01-01. Nothing else is taken away from a value, outer spaces
included. A column that Sales keeps as a moment and shows as a day is read as the day it is in the connection set's time
zone; F&O sends days as noon UTC, of which the date part counts.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from p2c.documents import Value
from p2c.mapping import dates
from p2c.mapping.kinds import Kind, Plain
from p2c.mapping.refusal import Unmappable
from p2c.mapping.text import plain
from p2c.templates.catalog import Sort

Decode = Callable[[Value], Plain]

_LARGEST_EXPONENT = 28


def decoder(kind: Kind, zone: ZoneInfo) -> Decode:
    """The function that makes cells of this kind plain. It raises Unmappable for what such a column cannot hold."""
    match kind.sort:
        case Sort.INTEGER | Sort.CHOICE:
            return _integer
        case Sort.MONEY | Sort.DECIMAL:
            return _number
        case Sort.BOOLEAN:
            return _boolean
        case Sort.DATE | Sort.LOCAL_DAY | Sort.MOMENT:
            return _dates(kind, zone)
        case Sort.UNKNOWN:
            return _anything
        case _:
            return _text


def decimal(value: Plain) -> Decimal:
    """A number, also one written as text. Raises Unmappable."""
    if isinstance(value, Decimal):
        number = value
    elif isinstance(value, bool) or not isinstance(value, int | str):
        raise Unmappable(f"is {value!s} where a number was expected")
    else:
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise Unmappable(f"is {value!r}, which is no number") from None
    if not number.is_finite():
        raise Unmappable(f"is {number}, which is no number")
    if number.adjusted() > _LARGEST_EXPONENT:
        raise Unmappable(f"is {number}, which is too large")
    return number


def whole(value: Plain) -> int:
    """A whole number, also one written as text or as 3.00. Raises Unmappable."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number = decimal(value)
    if number != number.to_integral_value():
        raise Unmappable(f"is {plain(number)} where a whole number was expected")
    return int(number)


def _dates(kind: Kind, zone: ZoneInfo) -> Decode:
    def day(cell: Value) -> Plain:
        return None if cell is None or cell == "" else dates.parse_day(_string(cell))

    def moment(cell: Value) -> Plain:
        return None if cell is None or cell == "" else dates.parse_moment(_string(cell))

    def local_day(cell: Value) -> Plain:
        return None if cell is None or cell == "" else dates.day_in(dates.parse_moment(_string(cell)), zone)

    def finops(cell: Value) -> Plain:
        if cell is None or cell == "" or dates.parse_day(_string(cell)) == dates.NULL_DAY:
            return None
        return moment(cell) if kind.sort is Sort.MOMENT else day(cell)

    if kind.system == "finops":
        return finops
    if kind.sort is Sort.MOMENT:
        return moment
    return day if kind.sort is Sort.DATE or kind.zoneless else local_day


def _anything(cell: Value) -> Plain:
    return None if cell == "" else cell


def _text(cell: Value) -> Plain:
    return None if cell is None or cell == "" else _string(cell)


def _boolean(cell: Value) -> Plain:
    if cell is None or isinstance(cell, bool):
        return cell
    raise Unmappable(f"is {cell!r} where true or false was expected")


def _integer(cell: Value) -> Plain:
    return None if cell is None or cell == "" else whole(cell)


def _number(cell: Value) -> Plain:
    return None if cell is None or cell == "" else decimal(cell)


def _string(cell: Value) -> str:
    if isinstance(cell, str):
        return cell
    raise Unmappable(f"is {cell!s} where text was expected")
