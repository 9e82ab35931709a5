"""Encoding: from a plain value to what the destination column takes.

Nothing is changed silently: a value that does not fit is refused. The one exception is money in Sales, which is
rounded half up to the precision of its currency (prices: to the organisation's price precision), since Sales would do
so itself.

A day goes to a column that Sales keeps as a moment as midnight in the connection set's time zone, and to F&O as noon
UTC.

Blank is None for Sales, and for text and enums of F&O. F&O's dates and numbers cannot be null: there a blank is what
F&O itself keeps for it, 1900-01-01 (noon for dates, midnight for moments) or 0. So a real first of January 1900 is
refused.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from p2c.documents import Value
from p2c.mapping import dates
from p2c.mapping.decode import decimal, whole
from p2c.mapping.kinds import Kind, Plain, Scope
from p2c.mapping.money import round_half_up
from p2c.mapping.refusal import Unmappable
from p2c.mapping.text import check, plain
from p2c.templates.catalog import Sort

Encode = Callable[[Plain, Scope], Value]

NULL_DATE = f"{dates.NULL_DAY}T12:00:00Z"
NULL_MOMENT = f"{dates.NULL_DAY}T00:00:00Z"
_LAST_FINOPS_DAY = date(2154, 12, 31)
_TRUTH = {"Yes": True, "No": False, "true": True, "false": False}


def encoder(kind: Kind, zone: ZoneInfo) -> Encode:
    """The function that makes plain values fit for a column of this kind. It raises Unmappable for what does not
    fit."""
    match kind.sort:
        case Sort.INTEGER | Sort.CHOICE:
            return _integers(kind)
        case Sort.MONEY:
            return _money(kind)
        case Sort.DECIMAL:
            return _decimals(kind)
        case Sort.BOOLEAN:
            return _boolean
        case Sort.ENUM:
            return _yes_no if kind.yes_no else _symbol
        case Sort.DATE | Sort.LOCAL_DAY | Sort.MOMENT:
            return _dates(kind, zone)
        case Sort.UNKNOWN:
            return _anything(kind)
        case _:
            return _text(kind)


def text_of(value: Plain) -> str:
    """A plain value as text; blank is `""`, booleans are `true` and `false`, dates ISO 8601."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return dates.iso(value)
    return value.isoformat() if isinstance(value, date) else plain(value)


def _text(kind: Kind) -> Encode:
    allowed = kind.max_length

    def encode(value: Plain, _: Scope) -> Value:
        return check(text_of(value), allowed) or None

    return encode


def _anything(kind: Kind) -> Encode:
    as_text = _text(kind)

    def encode(value: Plain, scope: Scope) -> Value:
        return as_text(value, scope) if isinstance(value, str | date) else value

    return encode


def _integers(kind: Kind) -> Encode:
    limit = 1 << (kind.bits - 1)
    blank = 0 if kind.blank_is_zero else None
    check_range = _range(kind)

    def encode(value: Plain, _: Scope) -> Value:
        if value is None:
            return blank
        number = whole(value)
        if not -limit <= number < limit:
            raise Unmappable(f"is {number}, which is too large for a whole number of {kind.bits} bits")
        check_range(number)
        return number

    return encode


def _decimals(kind: Kind) -> Encode:
    precision = kind.precision
    blank = 0 if kind.blank_is_zero else None
    check_range = _range(kind)

    def encode(value: Plain, _: Scope) -> Value:
        if value is None:
            return blank
        number = decimal(value)
        if precision is not None and round_half_up(number, precision) != number:
            raise Unmappable(f"is {plain(number)}, which has more than the {precision} decimals that are allowed")
        check_range(number)
        return number

    return encode


def _money(kind: Kind) -> Encode:
    price = kind.price
    check_range = _range(kind)

    def encode(value: Plain, scope: Scope) -> Value:
        if value is None:
            return None
        precision = scope.price_precision if price else scope.currency_precision()
        number = round_half_up(decimal(value), precision)
        check_range(number)
        return number

    return encode


def _range(kind: Kind) -> Callable[[Decimal | int], None]:
    """A check of a number against the bounds that the catalog has for the column. It raises Unmappable."""
    least, most = kind.minimum, kind.maximum

    def check_range(number: Decimal | int) -> None:
        if least is not None and number < least:
            raise Unmappable(
                f"is {plain(number)}; p2c writes nothing below {plain(least)} there, the column's minimum in its "
                "catalog: correct the value at its source"
            )
        if most is not None and number > most:
            raise Unmappable(
                f"is {plain(number)}; p2c writes nothing above {plain(most)} there, the column's maximum in its "
                "catalog: correct the value at its source"
            )

    return check_range


def _boolean(value: Plain, _: Scope) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _TRUTH:
        return _TRUTH[value]
    raise Unmappable(f"is {text_of(value)!r} where yes or no was expected")


def _yes_no(value: Plain, scope: Scope) -> Value:
    truth = _boolean(value, scope)
    return None if truth is None else "Yes" if truth else "No"


def _symbol(value: Plain, _: Scope) -> Value:
    if value is None or isinstance(value, str):
        return value or None
    raise Unmappable(f"is {text_of(value)!r} where the symbol of an enum was expected: give the field a ValueMap")


def _dates(kind: Kind, zone: ZoneInfo) -> Encode:
    write, blank = _finops_writer(kind, zone) if kind.system == "finops" else (_sales_writer(kind, zone), None)

    def encode(value: Plain, _: Scope) -> Value:
        if isinstance(value, str) and value:
            value = dates.parse(value)
        if value is None or value == "":
            return blank
        if not isinstance(value, date):
            raise Unmappable(f"is {text_of(value)!r} where a date was expected")
        return write(value)

    return encode


def _finops_writer(kind: Kind, zone: ZoneInfo) -> tuple[Callable[[date], str], str]:
    def storable(day: date) -> date:
        if dates.NULL_DAY < day <= _LAST_FINOPS_DAY:
            return day
        raise Unmappable(f"is {day}: Finance and Operations keeps dates from 1900-01-02 to {_LAST_FINOPS_DAY} only")

    def day(value: date) -> str:
        return f"{storable(_day(value, zone))}T12:00:00Z"

    def moment(value: date) -> str:
        exact = _moment(value, zone)
        storable(exact.date())
        return dates.iso(exact)

    return (moment, NULL_MOMENT) if kind.sort is Sort.MOMENT else (day, NULL_DATE)


def _sales_writer(kind: Kind, zone: ZoneInfo) -> Callable[[date], str]:
    if kind.sort is Sort.MOMENT:
        return lambda value: dates.iso(_moment(value, zone))
    if kind.sort is Sort.DATE:
        return lambda value: _day(value, zone).isoformat()
    if kind.zoneless:
        return lambda value: f"{_day(value, zone)}T00:00:00Z"
    return lambda value: dates.iso(dates.first_moment(_day(value, zone), zone))


def _day(value: date, zone: ZoneInfo) -> date:
    return dates.day_in(value, zone) if isinstance(value, datetime) else value


def _moment(value: date, zone: ZoneInfo) -> datetime:
    return value if isinstance(value, datetime) else dates.first_moment(value, zone)
