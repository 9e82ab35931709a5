"""Transforms: what a template does to a value between the two columns.

A field's transforms form a pipeline. It begins with the plain values of its sources: a transform of several sources
(Join, and those of prices and discounts) makes one value of them, all others go from one value to the next. A
constant of the template comes out as it is written there; encoding fits it to the destination.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import assert_never
from zoneinfo import ZoneInfo

from p2c.documents import NoteCode
from p2c.errors import ConfigError
from p2c.mapping import dates, money
from p2c.mapping.decode import decimal, whole
from p2c.mapping.encode import text_of
from p2c.mapping.kinds import Plain, Scope
from p2c.mapping.refusal import Unmappable
from p2c.mapping.text import cut, utf16_length
from p2c.templates.models import (
    Add,
    DatePart,
    Default,
    DiscountPerUnit,
    DiscountRounding,
    Join,
    Scalar,
    Split,
    State,
    Transform,
    Truncate,
    UnitPrice,
    ValueMap,
)
from p2c.templates.places import country_code, state_code, states
from p2c.templates.valuemaps import COUNTRIES, spelling

Pipeline = Callable[[Sequence[Plain], Scope], Plain]
"""From the plain values of a field's sources to the one value for its destination. Raises Unmappable."""

Step = Callable[[Plain, Scope], Plain]

_MONEY = UnitPrice | DiscountPerUnit | DiscountRounding
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What transforms need besides their values: the zone that days are in, the shared value maps, and where they are.

    `place` names template, task and destination, and `entries` where the project file adds entries to the field's value
    map: for messages that tell a person what to change. `country` reads the country that a State is in, `max_length` is
    what the destination takes.
    """

    zone: ZoneInfo
    value_maps: Mapping[str, Mapping[str, Scalar]] = field(default_factory=dict)
    place: str = ""
    entries: str = ""
    country: Pipeline | None = None
    max_length: int | None = None


def pipeline(transforms: Sequence[Transform], sources: int, around: Surroundings) -> Pipeline:
    """The transforms as one function of `sources` values.

    Raises ConfigError where they cannot make one value of so many, or name a value map that is not there.
    """
    rest = list(transforms)
    if rest and isinstance(rest[0], Join | State | _MONEY):
        begin = _many(rest.pop(0), sources, around)
    elif sources > 1:
        raise ConfigError(
            f"{around.place}: {sources} sources need a first transform that makes them one, such as Join."
        )
    else:
        begin = _single
    steps = [_step(transform, around) for transform in rest]

    def run(values: Sequence[Plain], scope: Scope) -> Plain:
        value = begin(values, scope)
        for step in steps:
            value = step(value, scope)
        return value

    return run if steps else begin


def _single(values: Sequence[Plain], _: Scope) -> Plain:
    return values[0] if values else None


# --- several sources
# ---------------------------------------------------------------------------------------------------


def _many(transform: Transform, sources: int, around: Surroundings) -> Pipeline:
    run: Pipeline
    match transform:
        case Join():
            return _join(transform.separator)
        case State():
            run, expected = _state(transform, around), 2
        case UnitPrice():
            run, expected = _unit_price, 2
        case DiscountPerUnit():
            run, expected = _spread(money.discount_per_unit), 2
        case DiscountRounding():
            run, expected = _spread(money.discount_rounding), 2
        case _:
            raise AssertionError(transform)
    if sources != expected:
        raise ConfigError(f"{around.place}: {transform.type} takes {expected} sources, not {sources}.")
    return run


def _join(separator: str) -> Pipeline:
    def run(values: Sequence[Plain], _: Scope) -> Plain:
        texts = [text for text in map(text_of, values) if text and not text.isspace()]
        return separator.join(texts) or None

    return run


def _unit_price(values: Sequence[Plain], scope: Scope) -> Plain:
    if values[0] is None:
        return None
    return money.unit_price(_amount(values, 0), _amount(values, 1), scope.price_precision)


def _spread(share: Callable[[Decimal, Decimal, int], Decimal]) -> Pipeline:
    """A discount that is blank is 0 and not blank: otherwise a discount taken away in Sales would stay in F&O."""

    def run(values: Sequence[Plain], scope: Scope) -> Plain:
        if values[1] is None:
            raise Unmappable("is empty: the discount of one unit needs a quantity", source=1)
        try:
            return share(_amount(values, 0), _amount(values, 1), scope.currency_precision())
        except money.ZeroQuantityError:
            raise Unmappable("is 0: the discount of one unit needs a quantity", source=1) from None

    return run


def _amount(values: Sequence[Plain], source: int) -> Decimal:
    try:
        value = values[source]
        return _ZERO if value is None else decimal(value)
    except Unmappable as error:
        raise Unmappable(error.reason, source=source) from None


# --- one value -------------------------------------------------------------------------------------------------------


def _step(transform: Transform, around: Surroundings) -> Step:
    match transform:
        case Default():
            constant = transform.value
            return lambda value, _: constant if value is None else value
        case ValueMap():
            return _value_map(transform, around)
        case Truncate():
            length = transform.length
            return lambda value, _: None if value is None else cut(text_of(value), length)
        case Split():
            return _split(transform)
        case DatePart():
            return _date_part(transform, around.zone)
        case Add():
            return _add(transform.amount)
        case Join() | State() | UnitPrice() | DiscountPerUnit() | DiscountRounding():
            raise ConfigError(f"{around.place}: {transform.type} must be the first transform of its field.")
        case _:
            assert_never(transform)


def _value_map(transform: ValueMap, around: Surroundings) -> Step:
    shared: Mapping[str, Scalar] = {}
    if transform.use:
        if transform.use not in around.value_maps:
            known = ", ".join(sorted(around.value_maps)) or "none"
            raise ConfigError(f"{around.place}: there is no value map named {transform.use!r} (known: {known}).")
        shared = around.value_maps[transform.use]
    spelled = spelling(transform.use)
    # The first entry of several that are spelled alike counts, the field's own entries before the shared ones.
    own: dict[str, Scalar] = {}
    for key, value in transform.values.items():
        own.setdefault(spelled(key), value)
    # The thousands of names of countries are spelled so already.
    common = shared if transform.use == COUNTRIES else {spelled(key): value for key, value in shared.items()}
    unmapped, name = transform.unmapped, f"value map {transform.use!r}" if transform.use else "value map"

    def run(value: Plain, _: Scope) -> Plain:
        text = text_of(value)
        for entries, key in ((transform.values, text), (shared, text), (own, spelled(text)), (common, spelled(text))):
            if key in entries and (key or not text.strip()):
                return entries[key]
        if not text.strip() or unmapped == "null":
            return None
        if unmapped == "keep":
            return value
        raise Unmappable(
            f"is {text!r}, which is not in the {name}: add an entry {text!r} in the project file, at {around.entries}"
        )

    return run


def _state(transform: State, around: Surroundings) -> Pipeline:
    entries = {spelling("")(key): value for key, value in transform.values.items()}
    read_country, most = around.country, around.max_length

    def country_of(value: Plain, scope: Scope) -> str:
        try:
            return country_code(text_of(read_country((value,), scope) if read_country else value))
        except Unmappable:
            # The field of the country is where this flaw is reported.
            return ""

    def run(values: Sequence[Plain], scope: Scope) -> Plain:
        text = text_of(values[0])
        own = spelling("")(text)
        if own in entries:
            return entries[own]
        if not own:
            return values[0]
        country = country_of(values[1], scope)
        if code := state_code(text, country):
            return code
        unknown = (
            f"is {text!r}, which is not known as a state of {country}" if country else f"is {text!r}, of no country"
        )
        advice = f"add an entry {text!r} in the project file, at {around.entries}"
        if most is not None and utf16_length(text) > most:
            raise Unmappable(f"{unknown}, and longer than the {most} characters of a code: {advice}", source=0)
        if country in states():
            scope.remark(NoteCode.UNKNOWN_STATE, f"{unknown}; it is written as it is: correct it, or {advice}")
        return values[0]

    return run


def _split(transform: Split) -> Step:
    separator, index, most = transform.separator, transform.index, transform.parts - 1

    def run(value: Plain, _: Scope) -> Plain:
        if value is None:
            return None
        text = text_of(value)
        if separator == "\n":
            text = text.replace("\r\n", "\n")
        parts = text.split(separator, most)
        return parts[index] or None if index < len(parts) else None

    return run


def _date_part(transform: DatePart, zone: ZoneInfo) -> Step:
    part = transform.part

    def run(value: Plain, _: Scope) -> Plain:
        if value is None:
            return 0
        if isinstance(value, str):
            value = dates.parse(value)
        if not isinstance(value, date):
            raise Unmappable(f"is {text_of(value)!r} where a date was expected")
        day = dates.day_in(value, zone) if isinstance(value, datetime) else value
        return int(getattr(day, part))

    return run


def _add(amount: int) -> Step:
    def run(value: Plain, _: Scope) -> Plain:
        if value is None:
            return None
        return decimal(value) + amount if isinstance(value, Decimal) else whole(value) + amount

    return run
