"""Whether a field's value fits where it goes: the sort of its source, through its transforms, to its destination."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from uuid import UUID

from p2c.errors import ConfigError
from p2c.templates.catalog import FinopsProperty, SalesColumn, Sort, did_you_mean, enum
from p2c.templates.models import (
    Add,
    DatePart,
    Default,
    DiscountPerUnit,
    DiscountRounding,
    FieldMap,
    Join,
    Scalar,
    Split,
    State,
    Transform,
    Truncate,
    UnitPrice,
    ValueMap,
)
from p2c.templates.resolve import Cell
from p2c.templates.valuemaps import shared_map, spelling

Place = tuple[str | int, ...]
Mistake = tuple[Place, str]
"""Where in the field (JSON pointer parts) and what."""

_NUMBERS = frozenset({Sort.MONEY, Sort.DECIMAL, Sort.INTEGER})
_DATES = frozenset({Sort.DATE, Sort.LOCAL_DAY, Sort.MOMENT})
_ACCEPTED: dict[Sort, frozenset[Sort]] = {
    Sort.TEXT: frozenset({Sort.TEXT, Sort.INTEGER, Sort.GUID}),
    Sort.MONEY: _NUMBERS,
    Sort.DECIMAL: _NUMBERS,
    Sort.INTEGER: frozenset({Sort.INTEGER}),
    Sort.BOOLEAN: frozenset({Sort.BOOLEAN}),
    Sort.CHOICE: frozenset({Sort.CHOICE}),
    Sort.ENUM: frozenset({Sort.ENUM}),
    Sort.DATE: _DATES,
    Sort.LOCAL_DAY: _DATES,
    Sort.MOMENT: frozenset({Sort.MOMENT}),
    Sort.GUID: frozenset({Sort.GUID}),
}
_MANY: dict[type, int] = {
    State: 2,
    UnitPrice: 2,
    DiscountPerUnit: 2,
    DiscountRounding: 2,
}
_YES_NO = "NoYes"
_OWN_CHOICES = 100_000_000  # choices that a customer adds carry the publisher's five-digit prefix


@dataclass(frozen=True, slots=True)
class _Kind:
    sort: Sort
    enum: str = ""

    @classmethod
    def of(cls, cell: Cell) -> _Kind:
        return cls(cell.sort, cell.enum if isinstance(cell, FinopsProperty) else "")

    def __str__(self) -> str:
        return f"enum {self.enum}" if self.enum else str(self.sort)


_UNKNOWN = _Kind(Sort.UNKNOWN)


def mistakes(field: FieldMap, sources: Iterable[tuple[Cell, ...]], ends: tuple[Cell, ...]) -> Iterator[Mistake]:
    """What does not fit in a field: `sources` are the columns that each source path ends at, `ends` the destination's.

    A path over a polymorphic lookup ends at several columns, and each of them has to fit.
    """
    flow = _Flow(field)
    yield from flow.begin([_one(cells) for cells in sources])
    for index, transform in enumerate(field.transform):
        yield from flow.through(index, transform)
    for end in ends:
        yield from flow.arrive(end)


def wrong_constant(value: Scalar, cell: Cell, max_length: int | None = None) -> str:
    """Why a constant is no value for a column, `""` when it is one."""
    match cell.sort:
        case Sort.UNKNOWN:
            return ""
        case _ if value is None:
            return ""
        case Sort.TEXT:
            return _wrong_text(value, cell, max_length)
        case Sort.MONEY | Sort.DECIMAL:
            return "" if _is_decimal(value) else f"{value!r} is no number"
        case Sort.INTEGER:
            return "" if isinstance(value, int) and not isinstance(value, bool) else f"{value!r} is no whole number"
        case Sort.BOOLEAN:
            return "" if isinstance(value, bool) else f"{value!r} is neither true nor false"
        case Sort.CHOICE:
            return _wrong_choice(value, cell)
        case Sort.ENUM:
            return _wrong_symbol(value, cell)
        case Sort.DATE | Sort.LOCAL_DAY:
            return "" if _parses(date.fromisoformat, value) else f"{value!r} is no date like 2026-07-23"
        case Sort.MOMENT:
            return "" if _parses(datetime.fromisoformat, value) else f"{value!r} is no moment (2026-07-23T08:00:00Z)"
        case Sort.GUID:
            return "" if _parses(UUID, value) else f"{value!r} is no GUID"
        case _:
            return f"a column of type {cell.type} takes no constant"


class _Flow:
    """What flows through a field's transforms: the kinds of the sources, and constants that may take their place."""

    def __init__(self, field: FieldMap) -> None:
        self.field = field
        self.kinds: list[_Kind] = []
        self.constants: list[tuple[Place, Scalar]] = []

    def begin(self, kinds: list[_Kind]) -> Iterator[Mistake]:
        self.kinds = kinds
        first = self.field.transform[0] if self.field.transform else None
        if not kinds and not isinstance(first, Default):
            yield (), "a field without a source needs a Default"
        if len(kinds) > 1 and not isinstance(first, Join) and type(first) not in _MANY:
            yield ("source",), f"{len(kinds)} sources need a first transform that takes several"

    def through(self, index: int, transform: Transform) -> Iterator[Mistake]:
        place: Place = ("transform", index)
        match transform:
            case Default():
                self.constants.append(((*place, "defaultValue"), transform.value))
            case ValueMap():
                yield from self._map(place, transform)
            case State():
                yield from self._first(place, index, transform)
                yield from self._takes(place, transform, frozenset({Sort.TEXT, Sort.UNKNOWN}), Sort.TEXT)
            case Truncate() | Split():
                yield from self._takes(place, transform, frozenset({Sort.TEXT, Sort.UNKNOWN}), Sort.TEXT)
            case Join():
                yield from self._first(place, index, transform)
                yield from self._takes(place, transform, frozenset({Sort.TEXT, Sort.INTEGER, Sort.UNKNOWN}), Sort.TEXT)
            case DatePart():
                yield from self._takes(place, transform, _DATES | {Sort.UNKNOWN}, Sort.INTEGER)
            case Add():
                yield from self._takes(place, transform, frozenset({Sort.INTEGER, Sort.UNKNOWN}), Sort.INTEGER)
            case _:
                yield from self._first(place, index, transform)
                yield from self._takes(place, transform, _NUMBERS | {Sort.UNKNOWN}, Sort.MONEY)

    def arrive(self, end: Cell) -> Iterator[Mistake]:
        goal = _Kind.of(end)
        if goal.sort in (Sort.LOOKUP, Sort.OTHER):
            yield ("destination",), _unfit(goal, end.name)
            return
        for kind in self.kinds[:1]:
            if not _fits(kind, goal):
                yield (), f"{kind} does not fit {end.name}, which is {goal}"
        for place, value in self.constants:
            if message := wrong_constant(value, end, self.field.max_length):
                yield place, f"{message}, as {end.name} would need"

    def _first(self, place: Place, index: int, transform: Transform) -> Iterator[Mistake]:
        wanted = _MANY.get(type(transform))
        if index:
            yield place, f"{transform.type} must be the first transform: it takes the sources"
        elif wanted is not None and len(self.kinds) != wanted:
            yield place, f"{transform.type} takes {wanted} sources, not {len(self.kinds)}"

    def _takes(self, place: Place, transform: Transform, takes: frozenset[Sort], gives: Sort) -> Iterator[Mistake]:
        for kind in self.kinds:
            if kind.sort not in takes:
                yield place, f"{transform.type} cannot take {kind}"
        if self.kinds:
            self.kinds = [_Kind(gives)]

    def _map(self, place: Place, transform: ValueMap) -> Iterator[Mistake]:
        try:
            shared = shared_map(transform.use) if transform.use else {}
        except ConfigError as error:
            yield (*place, "use"), str(error)
            return
        for kind in self.kinds[:1]:
            for key in transform.values:
                if message := _wrong_key(key, kind):
                    yield (*place, "valueMap", key), message
        if not transform.values and not transform.use:
            yield place, "a ValueMap needs entries in valueMap, or the name of a shared map in use"
        spelled = spelling(transform.use)
        keys = {spelled(key) for key in (*shared, *transform.values)}
        for where, value in self.constants:
            if transform.unmapped == "reject" and spelled(str(value)) not in keys:
                yield where, f"{value!r} is not in the ValueMap that follows"
        if transform.unmapped != "keep":
            self.kinds, self.constants = [], []
        self.constants += [((*place, "valueMap", key), value) for key, value in transform.values.items()]
        self.constants += [((*place, "use"), value) for value in dict.fromkeys(shared.values())]


def _one(cells: tuple[Cell, ...]) -> _Kind:
    kinds = {_Kind.of(cell) for cell in cells}
    return kinds.pop() if len(kinds) == 1 else _UNKNOWN


def _fits(kind: _Kind, goal: _Kind) -> bool:
    if Sort.UNKNOWN in (kind.sort, goal.sort):
        return True
    if {kind.sort, goal.sort} == {Sort.BOOLEAN, Sort.ENUM}:
        return _YES_NO in (kind.enum, goal.enum)
    return kind.sort in _ACCEPTED.get(goal.sort, frozenset()) and kind.enum == goal.enum


def _unfit(goal: _Kind, name: str) -> str:
    if goal.sort is Sort.LOOKUP:
        return f"{name} is a lookup: name the column to find the row by, as in {name}.name"
    return f"{name} is of a type that no field can write"


def _wrong_key(key: str, kind: _Kind) -> str:
    if not key:
        return ""
    if kind.sort is Sort.BOOLEAN and key not in ("true", "false"):
        return f"the source is true or false, never {key!r}"
    if kind.sort in (Sort.CHOICE, Sort.INTEGER) and not re.fullmatch(r"-?\d+", key):
        return f"the source is a number, never {key!r}"
    if kind.sort is Sort.ENUM and key not in enum(kind.enum):
        return f"{kind.enum} has no member {key!r}. {did_you_mean(key, enum(kind.enum))}".strip()
    return ""


def _wrong_text(value: Scalar, cell: Cell, max_length: int | None) -> str:
    if not isinstance(value, str):
        return f"{value!r} is no text"
    most = max_length or (cell.max_length if isinstance(cell, SalesColumn) else None)
    length = len(value.encode("utf-16-le")) // 2
    return f"{value!r} has {length} characters, more than {most}" if most is not None and length > most else ""


def _wrong_choice(value: Scalar, cell: Cell) -> str:
    options = cell.options if isinstance(cell, SalesColumn) else {}
    solution = isinstance(cell, SalesColumn) and cell.solution
    if not isinstance(value, int) or isinstance(value, bool):
        near = next((str(number) for number, label in options.items() if label == value), "")
        return f"{value!r} is no number of a choice" + (f" ({value!r} is {near})" if near else "")
    if not options or value in options or (value >= _OWN_CHOICES and not solution):
        return ""
    return f"{value} is none of the choices {', '.join(f'{number} {label}' for number, label in options.items())}"


def _wrong_symbol(value: Scalar, cell: Cell) -> str:
    members = enum(cell.enum) if isinstance(cell, FinopsProperty) else {}
    if isinstance(value, str) and value in members:
        return ""
    hint = did_you_mean(str(value), members)
    return f"{value!r} is no member of {', '.join(members)}" + (f" ({hint})" if hint else "")


def _is_decimal(value: Scalar) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return False
    try:
        return Decimal(value).is_finite()
    except InvalidOperation:
        return False


def _parses(parser: Callable[[str], object], value: Scalar) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parser(value)
    except ValueError:
        return False
    return True
