"""Rules: a small, safe part of the OData filter language, evaluated over flat rows.

Comparisons `eq ne gt ge lt le in`, `and or not`, brackets, `startswith endswith contains`, over paths and constants:
text in single quotes (a quote is doubled), numbers, `true`, `false`, `null`, and dates without quotes.

- Null and empty text are the same. A column that the row does not have is null.
- Text compares exactly. Values of different kinds are unequal and have no order; nothing is greater or less than null.
- A date without time (`2026-07-23`) compares with the day of a date, moments included.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from p2c.documents import Row, Value
from p2c.templates.paths import ParseError, Path, parse_at

_ORDER: dict[str, Callable[[Decimal | str, Decimal | str], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_CALLS: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": operator.contains,
}
_OPERATORS = ("eq", "ne", *_ORDER)
_KEYWORDS = frozenset({*_OPERATORS, *_CALLS, "and", "or", "not", "in"})
_CONSTANTS: dict[str, Value] = {"true": True, "false": False, "null": None}
_DEEPEST = 50

_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TEXT = re.compile(r"'((?:[^']|'')*)'")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2}))?(?![\w.])")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?![\w.])")
_DAY_LENGTH = len("2026-07-23")


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that the rule spells out. `bare` = a date written without quotes."""

    value: Value
    bare: bool = False

    def __str__(self) -> str:
        if self.value is None or isinstance(self.value, bool):
            return {None: "null", True: "true", False: "false"}[self.value]
        if isinstance(self.value, str) and not self.bare:
            return "'" + self.value.replace("'", "''") + "'"
        return format(self.value, "f") if isinstance(self.value, Decimal) else str(self.value)


@dataclass(frozen=True, slots=True)
class Reference:
    """A value of the row. `key` is the path as rows name it."""

    path: Path
    key: str

    def __str__(self) -> str:
        return self.key


Operand = Constant | Reference


def _value(operand: Operand, row: Row) -> Value:
    value = operand.value if isinstance(operand, Constant) else row.get(operand.key)
    return None if value == "" else value


def _pair(left: Operand, right: Operand, row: Row) -> tuple[Value, Value]:
    """Both values, cut to the day where the other side is a bare date without time."""
    first, second = _value(left, row), _value(right, row)
    for one in (left, right):
        if isinstance(one, Constant) and one.bare and len(str(one.value)) == _DAY_LENGTH:
            return _day(first), _day(second)
    return first, second


def _day(value: Value) -> Value:
    return value[:_DAY_LENGTH] if isinstance(value, str) else value


def _equal(left: Value, right: Value) -> bool:
    if left is None or right is None:
        return left is right
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return left == right


@dataclass(frozen=True, slots=True)
class Compare:
    """`left operator right`."""

    operator: str
    left: Operand
    right: Operand

    def paths(self) -> set[str]:
        return _keys(self.left, self.right)

    def holds(self, row: Row) -> bool:
        left, right = _pair(self.left, self.right, row)
        if self.operator in ("eq", "ne"):
            return _equal(left, right) is (self.operator == "eq")
        if isinstance(left, str) and isinstance(right, str):
            return _ORDER[self.operator](left, right)
        if _is_number(left) and _is_number(right):
            return _ORDER[self.operator](Decimal(str(left)), Decimal(str(right)))
        return False

    def __str__(self) -> str:
        return f"{self.left} {self.operator} {self.right}"


@dataclass(frozen=True, slots=True)
class Among:
    """`left in (values)`."""

    left: Operand
    values: tuple[Constant, ...]

    def paths(self) -> set[str]:
        return _keys(self.left)

    def holds(self, row: Row) -> bool:
        return any(_equal(*_pair(self.left, value, row)) for value in self.values)

    def __str__(self) -> str:
        return f"{self.left} in ({','.join(map(str, self.values))})"


@dataclass(frozen=True, slots=True)
class Call:
    """`startswith(left,right)` and its like; false where one of them is null or no text."""

    name: str
    left: Operand
    right: Operand

    def paths(self) -> set[str]:
        return _keys(self.left, self.right)

    def holds(self, row: Row) -> bool:
        left, right = _value(self.left, row), _value(self.right, row)
        return isinstance(left, str) and isinstance(right, str) and _CALLS[self.name](left, right)

    def __str__(self) -> str:
        return f"{self.name}({self.left},{self.right})"


@dataclass(frozen=True, slots=True)
class Not:
    """`not (operand)`."""

    operand: Expression

    def paths(self) -> set[str]:
        return self.operand.paths()

    def holds(self, row: Row) -> bool:
        return not self.operand.holds(row)

    def __str__(self) -> str:
        return f"not ({self.operand})"


@dataclass(frozen=True, slots=True)
class All:
    """`a and b and ...`."""

    operands: tuple[Expression, ...]

    def paths(self) -> set[str]:
        return set[str]().union(*(operand.paths() for operand in self.operands))

    def holds(self, row: Row) -> bool:
        return all(operand.holds(row) for operand in self.operands)

    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, All | Any) else str(part) for part in self.operands)


@dataclass(frozen=True, slots=True)
class Any:
    """`a or b or ...`."""

    operands: tuple[Expression, ...]

    def paths(self) -> set[str]:
        return set[str]().union(*(operand.paths() for operand in self.operands))

    def holds(self, row: Row) -> bool:
        return any(operand.holds(row) for operand in self.operands)

    def __str__(self) -> str:
        return " or ".join(f"({part})" if isinstance(part, Any) else str(part) for part in self.operands)


Expression = Compare | Among | Call | Not | All | Any
"""A parsed rule: `.paths()` are the row's paths that it reads, `.holds(row)` says whether it is true of a row."""


def _keys(*operands: Operand) -> set[str]:
    return {operand.key for operand in operands if isinstance(operand, Reference)}


def _is_number(value: Value) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def comparisons(expression: Expression) -> Iterator[tuple[Reference, Constant]]:
    """Every pair of a path and a constant that the rule compares for being the same or not."""
    match expression:
        case Compare(operator=kind, left=left, right=right) if kind in ("eq", "ne"):
            if isinstance(left, Reference) and isinstance(right, Constant):
                yield left, right
            elif isinstance(left, Constant) and isinstance(right, Reference):
                yield right, left
        case Among(left=Reference() as left, values=values):
            yield from ((left, value) for value in values)
        case Not(operand=operand):
            yield from comparisons(operand)
        case All(operands=operands) | Any(operands=operands):
            for operand in operands:
                yield from comparisons(operand)
        case _:
            pass


@lru_cache(maxsize=1024)
def parse(text: str) -> Expression:
    """The rule that `text` writes. Raises ParseError with the position where it stops making sense."""
    return _Parser(text).all_of_it()


class _Parser:
    """Recursive descent; one method per level of precedence: or, and, not, comparison."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.depth = 0

    def all_of_it(self) -> Expression:
        expression = self.either()
        self.skip()
        if self.position < len(self.text):
            raise self.error(f"unexpected {self.text[self.position]!r}")
        return expression

    def either(self) -> Expression:
        parts = [self.both()]
        while self.take_word("or"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def both(self) -> Expression:
        parts = [self.negation()]
        while self.take_word("and"):
            parts.append(self.negation())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def negation(self) -> Expression:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error("brackets are nested too deeply")
        try:
            if self.take_word("not"):
                return Not(self.negation())
            if self.take("("):
                inner = self.either()
                self.expect(")")
                return inner
            return self.comparison()
        finally:
            self.depth -= 1

    def comparison(self) -> Expression:
        for name in _CALLS:
            if self.take_word(name):
                self.expect("(")
                left = self.operand()
                self.expect(",")
                right = self.operand()
                self.expect(")")
                return Call(name, left, right)
        left = self.operand()
        if self.take_word("in"):
            return Among(left, self.values())
        for name in _OPERATORS:
            if self.take_word(name):
                return Compare(name, left, self.operand())
        raise self.error("one of eq, ne, gt, ge, lt, le, in is expected")

    def values(self) -> tuple[Constant, ...]:
        self.expect("(")
        found: list[Constant] = []
        while not found or self.take(","):
            operand = self.operand()
            if not isinstance(operand, Constant):
                raise self.error("a constant is expected")
            found.append(operand)
        self.expect(")")
        return tuple(found)

    def operand(self) -> Operand:
        self.skip()
        if match := self.match(_TEXT):
            return Constant(match.group(1).replace("''", "'"))
        if match := self.match(_DATE):
            return Constant(match.group(), bare=True)
        if match := self.match(_NUMBER):
            text = match.group()
            return Constant(Decimal(text) if "." in text else int(text))
        word = _WORD.match(self.text, self.position)
        if word is None:
            raise self.error("an unclosed quote" if self.text.startswith("'", self.position) else "a value is expected")
        if word.group() in _CONSTANTS:
            self.position = word.end()
            return Constant(_CONSTANTS[word.group()])
        if word.group() in _KEYWORDS:
            raise self.error(f"a column or constant is expected, not {word.group()!r}")
        path, self.position = parse_at(self.text, self.position)
        return Reference(path, str(path))

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.position)
        if found is not None:
            self.position = found.end()
        return found

    def skip(self) -> None:
        self.match(_SPACE)

    def take(self, sign: str) -> bool:
        self.skip()
        if not self.text.startswith(sign, self.position):
            return False
        self.position += len(sign)
        return True

    def take_word(self, word: str) -> bool:
        self.skip()
        found = _WORD.match(self.text, self.position)
        if found is None or found.group() != word:
            return False
        self.position = found.end()
        return True

    def expect(self, sign: str) -> None:
        if not self.take(sign):
            raise self.error(f"{sign!r} is expected")

    def error(self, message: str) -> ParseError:
        return ParseError(message, self.text, self.position)
