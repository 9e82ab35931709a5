"""``$filter`` as an SQLAlchemy clause: parsed by ``odata-query``, typed by the columns that it names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from odata_query import ast
from odata_query.exceptions import ODataException
from odata_query.grammar import ODataLexer, ODataParser

from sandbox.wire.dialect import DEFAULT_DIALECT, Clause, Dialect, QueryError
from sandbox.wire.rewrite import ENUM, MASK, prepare
from sandbox.wire.store import kind_of, moment_text

Columns = Callable[[str], sa.ColumnElement[Any]]
Enums = Callable[[str, str], Any]


def filter_clause(text: str, columns: Columns, enum: Enums | None = None, dialect: Dialect = DEFAULT_DIALECT) -> Clause:
    """The clause of a ``$filter``.

    ``columns`` gives the column (or scalar subquery) of a path such as ``name`` or ``productid/productnumber`` and
    raises QueryError or KeyError for an unknown one. ``enum`` gives the stored value of an enum literal, and raises
    likewise. Raises QueryError for whatever the service would not accept.
    """
    prepared, calls = prepare(text, dialect)
    translator = _Translator(
        columns, enum, dialect, {name: dialect.functions[function](args) for name, function, args in calls}
    )
    return translator.clause(_parse(prepared))


@lru_cache(maxsize=512)
def _parse(text: str) -> ast._Node:
    try:
        tree = ODataParser().parse(ODataLexer().tokenize(text))
    except ODataException as error:
        raise QueryError(f"Syntax error in '{text}': {error}") from error
    if not isinstance(tree, ast._Node):
        raise QueryError(f"Syntax error in '{text}'.")
    return tree


_COMPARISONS: dict[type[ast._Comparator], str] = {
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
}
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: sa.or_(a != b, a.is_(None)),
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
}
_MIRRORED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}
_TEXT_KINDS = ("text", "exact", None)


class _Translator:
    """One filter's way from syntax tree to clause."""

    def __init__(self, columns: Columns, enum: Enums | None, dialect: Dialect, calls: Mapping[str, Clause]) -> None:
        self._columns = columns
        self._enum = enum
        self._dialect = dialect
        self._calls = calls

    def clause(self, node: ast._Node) -> Clause:
        """The clause of a node that is true or false."""
        if isinstance(node, ast.BoolOp):
            return self._logical(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return sa.not_(self.clause(node.operand))
        if isinstance(node, ast.Compare):
            return self._compare(node)
        if isinstance(node, ast.Call):
            return self._function(node)
        if isinstance(node, ast.Boolean):
            return sa.true() if node.py_val else sa.false()
        if isinstance(node, ast.Identifier) and node.name in self._calls:
            return self._calls[node.name]
        if isinstance(node, ast.Identifier | ast.Attribute):
            column = self._column(node)
            if kind_of(column) == "boolean":
                return column.is_(True)
        raise QueryError("The $filter expression must evaluate to a single boolean value.")

    def _logical(self, node: ast.BoolOp) -> Clause:
        """Flattened, equalities on one column gathered into one IN: long chains are too deep for the database."""
        operands = list(_flatten(node))
        if isinstance(node.op, ast.And):
            return sa.and_(*(self.clause(operand) for operand in operands))
        gathered: dict[str, list[ast._Node]] = {}
        clauses: list[Clause] = []
        for operand in operands:
            path = _equality_path(operand)
            if path is None:
                clauses.append(self.clause(operand))
            else:
                gathered.setdefault(path, []).append(operand)
        for members in gathered.values():
            clauses.append(self._gathered(members))
        return sa.or_(*clauses)

    def _gathered(self, members: Sequence[ast._Node]) -> Clause:
        first = members[0]
        assert isinstance(first, ast.Compare)
        column = self._column(first.left)
        values = []
        for member in members:
            assert isinstance(member, ast.Compare)
            value = self._literal(column, member.right)
            if self._is_pattern(column, value):
                return sa.or_(*(self.clause(each) for each in members))
            values.append(value)
        return column == values[0] if len(values) == 1 else column.in_(values)

    def _compare(self, node: ast.Compare) -> Clause:
        if isinstance(node.comparator, ast.In):
            return self._in(node)
        operator = _COMPARISONS[type(node.comparator)]
        left, right = node.left, node.right
        if _is_literal(left) and not _is_literal(right):
            left, right, operator = right, left, _MIRRORED.get(operator, operator)
        column = self._operand(left)
        if isinstance(right, ast.Null):
            if operator not in ("eq", "ne"):
                raise QueryError("null can only be compared with eq and ne.")
            return column.is_(None) if operator == "eq" else column.is_not(None)
        if not _is_literal(right):
            return _as_clause(_OPERATORS[operator](column, self._operand(right)))
        kind = kind_of(column)
        value = self._literal(column, right)
        if operator not in ("eq", "ne"):
            if kind == "enum" or isinstance(right, ast.Call):
                raise QueryError(
                    f"A binary operator with incompatible types was detected: '{operator}' cannot compare enumerations."
                )
            if kind in _TEXT_KINDS and isinstance(value, str) and not self._dialect.text_order:
                raise QueryError(f"The operator '{operator}' is not supported for text.")
        if self._is_pattern(column, value):
            pattern = "%".join(_escape_like(part) for part in value.split("*"))
            matches = column.like(pattern, escape="\\")
            return matches if operator == "eq" else sa.not_(matches)
        return _as_clause(_OPERATORS[operator](column, value))

    def _is_pattern(self, column: sa.ColumnElement[Any], value: Any) -> bool:
        return self._dialect.wildcards and isinstance(value, str) and "*" in value and kind_of(column) in _TEXT_KINDS

    def _in(self, node: ast.Compare) -> Clause:
        if not self._dialect.allow_in:
            raise QueryError("The query specified in the URI is not valid. The operator 'in' is not supported.")
        column = self._operand(node.left)
        if not isinstance(node.right, ast.List):
            raise QueryError("The right operand of 'in' must be a list.")
        return column.in_([self._literal(column, item) for item in node.right.val])

    def _function(self, node: ast.Call) -> Clause:
        name = _function_name(node).lower()
        if name not in ("contains", "startswith", "endswith") or not self._dialect.text_functions:
            raise QueryError(f"The function '{_function_name(node)}' is not supported.")
        column = self._operand(node.args[0])
        if not isinstance(node.args[1], ast.String):
            raise QueryError(f"The second argument of '{name}' must be a text.")
        text = _escape_like(node.args[1].py_val)
        pattern = {"contains": f"%{text}%", "startswith": f"{text}%", "endswith": f"%{text}"}[name]
        return column.like(pattern, escape="\\")

    def _operand(self, node: ast._Node) -> sa.ColumnElement[Any]:
        if isinstance(node, ast.Call):
            functions: dict[str, Callable[[Any], Any]] = {
                "tolower": sa.func.lower,
                "toupper": sa.func.upper,
                "trim": sa.func.trim,
            }
            name = _function_name(node).lower()
            if name not in functions or not self._dialect.text_functions:
                raise QueryError(f"The function '{_function_name(node)}' is not supported.")
            applied: sa.ColumnElement[Any] = functions[name](self._operand(node.args[0]))
            return applied
        return self._column(node)

    def _column(self, node: ast._Node) -> sa.ColumnElement[Any]:
        path = _path(node)
        if path is None:
            raise QueryError("An operand of a comparison must be a property.")
        try:
            return self._columns(path)
        except KeyError as error:
            raise QueryError(f"Could not find a property named '{path}'.") from error

    def _literal(self, column: sa.ColumnElement[Any], node: ast._Node) -> Any:
        kind = kind_of(column)
        if isinstance(node, ast.Call):
            return self._enum_literal(node, kind)
        value = _literal_value(node)
        fits = {
            "integer": isinstance(value, int) and not isinstance(value, bool),
            "decimal": isinstance(value, int | Decimal) and not isinstance(value, bool),
            "boolean": isinstance(value, bool),
            "guid": isinstance(node, ast.GUID | ast.String),
            "datetime": isinstance(node, ast.DateTime | ast.Date),
            "date": isinstance(node, ast.DateTime | ast.Date),
            "enum": False,
        }.get(kind or "text", isinstance(value, str) and isinstance(node, ast.String))
        if not fits:
            raise QueryError(
                "A binary operator with incompatible types was detected. "
                f"Found operand types '{kind or 'text'}' and '{type(node).__name__}' for operator kind 'Equal'."
            )
        if kind == "guid":
            return str(value).lower()
        if kind == "date":
            return str(value)[:10]
        if kind == "datetime" and isinstance(node, ast.Date):
            return f"{value}T00:00:00Z"
        return value

    def _enum_literal(self, node: ast.Call, kind: str | None) -> Any:
        if not node.func.namespace or node.func.namespace[0] != ENUM or self._enum is None:
            raise QueryError(f"The function '{_function_name(node)}' is not supported here.")
        enum_type = ".".join((*node.func.namespace[1:], node.func.name))
        symbol = node.args[0].py_val if isinstance(node.args[0], ast.String) else ""
        try:
            value = self._enum(enum_type, symbol)
        except KeyError as error:
            raise QueryError(
                f"The string '{symbol}' is not a valid enumeration type constant of {enum_type}."
            ) from error
        if kind not in ("enum", "integer"):
            raise QueryError(
                f"A binary operator with incompatible types was detected: {enum_type} and {kind or 'text'}."
            )
        return value


def _function_name(node: ast.Call) -> str:
    return ".".join((*node.func.namespace, node.func.name))


def _flatten(node: ast.BoolOp) -> Iterator[ast._Node]:
    """The operands of a chain of one operator, without recursion: a chain may be thousands long."""
    stack: list[ast._Node] = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, ast.BoolOp) and type(current.op) is type(node.op):
            stack += [current.right, current.left]
        else:
            yield current


def _equality_path(node: ast._Node) -> str | None:
    plain = isinstance(node, ast.Compare) and isinstance(node.comparator, ast.Eq)
    if plain and _is_literal(node.right) and not isinstance(node.right, ast.Null):  # type: ignore[attr-defined]
        return _path(node.left)  # type: ignore[attr-defined]
    return None


def _is_literal(node: ast._Node) -> bool:
    return isinstance(node, ast._Literal) or (
        isinstance(node, ast.Call) and bool(node.func.namespace) and node.func.namespace[0] == ENUM
    )


def _literal_value(node: ast._Node) -> Any:
    if isinstance(node, ast.Float):
        return Decimal(node.val)
    if isinstance(node, ast.DateTime):
        moment = node.py_val
        return moment_text(moment) if moment.tzinfo else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(node, ast.Integer | ast.Boolean | ast.String):
        return node.py_val
    if isinstance(node, ast.Date | ast.GUID):
        return node.val
    raise QueryError(f"A literal of type {type(node).__name__} is not supported.")


def _path(node: ast._Node) -> str | None:
    if isinstance(node, ast.Identifier):
        name = node.name.removeprefix(MASK)
        return None if node.namespace else name
    if isinstance(node, ast.Attribute):
        owner = _path(node.owner)
        return None if owner is None else f"{owner}/{node.attr.removeprefix(MASK)}"
    return None


def _escape_like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _as_clause(value: Any) -> Clause:
    clause: Clause = value
    return clause
