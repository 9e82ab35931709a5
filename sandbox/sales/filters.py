"""$filter and $orderby of the Web API on the store's columns."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from sandbox.sales.engine import Engine
from sandbox.sales.errors import SalesError, query_error
from sandbox.sales.model import Column, Table
from sandbox.wire.query import Dialect, QueryError, QueryOptions, filter_clause

_IN = "Microsoft.Dynamics.CRM.In"


def clause_of(engine: Engine, table: Table, options: QueryOptions) -> sa.ColumnElement[bool] | None:
    """Give the clause of a query's $filter, or None. Raises 400."""
    if options.filter is None:
        return None
    aliases = {name: value for name, value in options.other.items() if name.startswith("@")}
    dialect = Dialect(functions={_IN: lambda arguments: _in(engine, table, arguments)}, aliases=aliases)
    try:
        return filter_clause(options.filter, resolver(engine, table), None, dialect)
    except QueryError as error:
        raise query_error(str(error)) from error


def order_of(engine: Engine, table: Table, orderby: Sequence[tuple[str, bool]]) -> list[sa.ColumnElement[Any]]:
    """Give the columns of an $orderby. Raises 400."""
    resolve = resolver(engine, table)
    try:
        return [resolve(path).desc() if down else resolve(path).asc() for path, down in orderby]
    except QueryError as error:
        raise query_error(str(error)) from error


def resolver(engine: Engine, table: Table) -> Callable[[str], sa.ColumnElement[Any]]:
    """Give a function from a path (`name`, `_x_value`, `nav/column`) to a column. It raises QueryError."""

    def resolve(path: str) -> sa.ColumnElement[Any]:
        return _resolve(engine, table, engine.store.table(table.name), path)

    return resolve


def _resolve(engine: Engine, table: Table, source: Any, path: str) -> sa.ColumnElement[Any]:
    head, _, rest = path.partition("/")
    if not rest:
        column = table.properties.get(head)
        if column is None:
            raise QueryError(f"Could not find a property named '{head}' on type 'Microsoft.Dynamics.CRM.{table.name}'.")
        found: sa.ColumnElement[Any] = source.c[column.name]
        return found
    if head not in table.navigation:
        raise QueryError(f"Could not find a property named '{head}' on type 'Microsoft.Dynamics.CRM.{table.name}'.")
    lookup, target = table.navigation[head]
    other = engine.table(target)
    alias = engine.store.table(target).alias()
    value = _resolve(engine, other, alias, rest)
    subquery = sa.select(value).where(alias.c[other.id] == source.c[lookup.name]).correlate(source).scalar_subquery()
    # A subquery forgets its column's collation, which makes text compare without regard to case and amounts as numbers.
    collation = getattr(value.type, "collation", None)
    return sa.collate(subquery, collation) if collation else subquery


def _in(engine: Engine, table: Table, arguments: Mapping[str, Any]) -> sa.ColumnElement[bool]:
    name, values = arguments.get("PropertyName"), arguments.get("PropertyValues")
    if not isinstance(name, str) or not isinstance(values, list) or not values:
        raise QueryError(f"{_IN} needs PropertyName and a list of PropertyValues.")
    column = table.properties.get(name) or table.columns.get(name)
    if column is None or column.json is None:
        raise QueryError(f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table.name}'.")
    if len(values) > engine.options.in_values:
        raise SalesError(
            400, "0x80044183", f"The number of conditions exceeds the maximum of {engine.options.in_values}."
        )
    return engine.store.column(table.name, column.name).in_([_typed(column, value) for value in values])


def _typed(column: Column, value: Any) -> Any:
    """Values of In are texts, whatever the column is."""
    try:
        if column.kind == "integer":
            return int(value)
        if column.kind == "decimal":
            return Decimal(str(value))
    except (ValueError, ArithmeticError) as error:
        raise QueryError(f"The value '{value}' does not fit '{column.name}'.") from error
    if column.kind == "guid":
        return str(value).lower()
    if column.kind == "boolean":
        return str(value).lower() in ("true", "1")
    return str(value)
