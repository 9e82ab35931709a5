"""Rows in an in-memory SQLite database, quick enough for seeds of many thousand documents.

The schema and the clauses are SQLAlchemy Core. Reading and writing one row by its key, which is nearly all that a
server does, goes to the driver through statements that are prepared once.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.pool import StaticPool
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.types import TypeDecorator

Row = dict[str, Any]


class StoreError(Exception):
    """A row could not be stored."""


class DuplicateKeyError(StoreError):
    """A row with that key exists already. ``table`` and ``key`` say which."""

    def __init__(self, table: str, key: tuple[Any, ...]) -> None:
        super().__init__(f"{table} has a row with the key {key!r} already.")
        self.table = table
        self.key = key


class MissingRowError(StoreError):
    """No row has that key. ``table`` and ``key`` say which."""

    def __init__(self, table: str, key: tuple[Any, ...]) -> None:
        super().__init__(f"{table} has no row with the key {key!r}.")
        self.table = table
        self.key = key


class TextType(sa.String):
    """Text that compares without regard to case, as both systems' databases do (ASCII letters only)."""

    kind = "text"

    def __init__(self) -> None:
        super().__init__(collation="NOCASE")


class ExactTextType(sa.String):
    """Text that compares byte by byte."""

    kind = "exact"


class EnumType(sa.String):
    """The symbol of an enum member."""

    kind = "enum"


class GuidType(sa.String):
    """A GUID as lower-case text with hyphens."""

    kind = "guid"


class DateTimeType(sa.String):
    """A moment as ``YYYY-MM-DDTHH:MM:SSZ``, so that text order is time order."""

    kind = "datetime"


class DateType(sa.String):
    """A day as ``YYYY-MM-DD``."""

    kind = "date"


class IntegerType(sa.Integer):
    """A whole number of up to 64 bits."""

    kind = "integer"


class DecimalType(TypeDecorator[Decimal]):
    """An exact decimal: stored as text, compared and sorted as a number by the collation of the same name."""

    impl = sa.String
    cache_ok = True
    kind = "decimal"

    def __init__(self) -> None:
        super().__init__(collation="EXACT_DECIMAL")

    def process_bind_param(self, value: Decimal | int | None, dialect: Dialect) -> str | None:
        """The text of a number."""
        return None if value is None else decimal_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        """The number of a text."""
        return None if value is None else Decimal(value)


class BooleanType(sa.Boolean):
    """True or false."""

    kind = "boolean"


_TYPES: dict[str, type[sa.types.TypeEngine[Any]]] = {
    "text": TextType,
    "exact": ExactTextType,
    "enum": EnumType,
    "guid": GuidType,
    "datetime": DateTimeType,
    "date": DateType,
    "integer": IntegerType,
    "decimal": DecimalType,
    "boolean": BooleanType,
}


def kind_of(element: sa.ColumnElement[Any]) -> str | None:
    """The kind of a column or of an expression that has a column's type; None for any other expression."""
    return cast("str | None", getattr(element.type, "kind", None))


def decimal_text(value: Decimal | int) -> str:
    """A number as plain digits, without an exponent."""
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def moment_text(value: dt.datetime) -> str:
    """A moment in UTC, to the second, as ``YYYY-MM-DDTHH:MM:SSZ``."""
    return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class TableSpec:
    """A table to be made.

    ``columns`` maps a name to its kind: text (no regard to case), exact, enum, guid, datetime, date, integer, decimal,
    boolean. ``indexes`` lists the columns of each index. ``defaults`` holds the values of columns that an insert leaves
    out; without one they are null.
    """

    columns: Mapping[str, str]
    primary_key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Prepared:
    """What is kept of a table for quick reading and writing."""

    table: sa.Table
    key: tuple[str, ...]
    names: tuple[str, ...]
    get: str
    exists: str
    delete: str
    where: str
    decode: tuple[tuple[str, Callable[[Any], Any]], ...]


class Store:
    """Tables of rows. Every change is at once visible; a savepoint takes a group of changes back together."""

    def __init__(self, tables: Mapping[str, TableSpec]) -> None:
        self._engine = sa.create_engine(
            "sqlite://",
            poolclass=StaticPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"check_same_thread": False, "cached_statements": 1024},
        )
        self._connection = self._engine.connect()
        self._raw = cast(sqlite3.Connection, self._connection.connection.dbapi_connection)
        self._finalizer = weakref.finalize(self, _close, self._engine, self._connection)
        self._raw.create_collation("EXACT_DECIMAL", _compare_decimals)
        self._metadata = sa.MetaData()
        self._depth = 0
        self._inserts: dict[tuple[str, tuple[str, ...]], str] = {}
        self._updates: dict[tuple[str, tuple[str, ...]], str] = {}
        self._tables = {name: self._make(name, spec) for name, spec in tables.items()}

    def close(self) -> None:
        """Gives the memory back. A store that is no longer used closes by itself."""
        self._finalizer()

    def table(self, name: str) -> sa.Table:
        """The table of that name, for clauses and joins. KeyError when there is none."""
        return self._tables[name].table

    def column(self, table: str, name: str) -> sa.Column[Any]:
        """A column, for clauses. KeyError when there is none."""
        return self._tables[table].table.c[name]

    def insert(self, table: str, row: Mapping[str, Any]) -> None:
        """Adds a row; columns that it leaves out get their default. Raises DuplicateKeyError."""
        names = tuple(row)
        sql = self._inserts.get((table, names))
        if sql is None:
            columns = ", ".join(_quote(self._known(table, name)) for name in names)
            sql = f"INSERT INTO {_quote(table)} ({columns}) VALUES ({', '.join('?' * len(names))})"
            self._inserts[table, names] = sql
        try:
            self._raw.execute(sql, [_encode(value) for value in row.values()])
        except sqlite3.IntegrityError as error:
            key = tuple(row.get(name) for name in self._tables[table].key)
            raise DuplicateKeyError(table, key) from error

    def update(self, table: str, key: tuple[Any, ...], changes: Mapping[str, Any]) -> None:
        """Changes columns of one row. Raises MissingRowError, or DuplicateKeyError when the new key is taken."""
        names = tuple(changes)
        if not names:
            return
        sql = self._updates.get((table, names))
        if sql is None:
            assignments = ", ".join(f"{_quote(self._known(table, name))} = ?" for name in names)
            sql = f"UPDATE {_quote(table)} SET {assignments} WHERE {self._tables[table].where}"
            self._updates[table, names] = sql
        try:
            cursor = self._raw.execute(sql, [_encode(value) for value in (*changes.values(), *key)])
        except sqlite3.IntegrityError as error:
            raise DuplicateKeyError(table, key) from error
        if cursor.rowcount == 0:
            raise MissingRowError(table, key)

    def update_where(self, table: str, where: sa.ColumnElement[bool], changes: Mapping[str, Any]) -> int:
        """Changes columns of every row that the clause lets through and gives their number."""
        statement = sa.update(self.table(table)).where(where).values(**changes)
        return self._connection.execute(statement).rowcount

    def delete(self, table: str, key: tuple[Any, ...]) -> None:
        """Removes one row. Raises MissingRowError."""
        cursor = self._raw.execute(self._tables[table].delete, [_encode(part) for part in key])
        if cursor.rowcount == 0:
            raise MissingRowError(table, key)

    def get(self, table: str, key: tuple[Any, ...]) -> Row | None:
        """The row with that key, or None."""
        prepared = self._tables[table]
        values = self._raw.execute(prepared.get, [_encode(part) for part in key]).fetchone()
        if values is None:
            return None
        row = dict(zip(prepared.names, values, strict=True))
        for name, decode in prepared.decode:
            value = row[name]
            if value is not None:
                row[name] = decode(value)
        return row

    def has(self, table: str, key: tuple[Any, ...]) -> bool:
        """Whether a row has that key."""
        found = self._raw.execute(self._tables[table].exists, [_encode(part) for part in key]).fetchone()
        return found is not None

    def select(
        self,
        table: str,
        where: sa.ColumnElement[bool] | None = None,
        order_by: Sequence[sa.ColumnElement[Any]] = (),
        limit: int | None = None,
        offset: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> list[Row]:
        """The rows that the clause lets through, in the given order; with ``columns`` only these of each row."""
        source = self.table(table)
        statement = sa.select(source) if columns is None else sa.select(*(source.c[name] for name in columns))
        if where is not None:
            statement = statement.where(where)
        statement = statement.order_by(*order_by).limit(limit).offset(offset)
        return [dict(row) for row in self._connection.execute(statement).mappings()]

    def count(self, table: str, where: sa.ColumnElement[bool] | None = None) -> int:
        """How many rows the clause lets through."""
        statement = sa.select(sa.func.count()).select_from(self.table(table))
        if where is not None:
            statement = statement.where(where)
        return self._connection.execute(statement).scalar_one()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Keeps the changes made inside; an exception takes all of them back. Savepoints nest."""
        name = f"s{self._depth}"
        self._raw.execute(f"SAVEPOINT {name}")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._raw.execute(f"ROLLBACK TO {name}")
            raise
        finally:
            self._raw.execute(f"RELEASE {name}")
            self._depth -= 1

    def _known(self, table: str, name: str) -> str:
        if name not in self._tables[table].table.c:
            raise KeyError(f"{table} has no column {name}")
        return name

    def _make(self, name: str, spec: TableSpec) -> _Prepared:
        columns: list[sa.Column[Any]] = []
        for column, kind in spec.columns.items():
            default = spec.defaults.get(column)
            columns.append(
                sa.Column(
                    column,
                    _TYPES[kind](),
                    nullable=column not in spec.primary_key,
                    server_default=None if default is None else sa.text(_literal(default)),
                )
            )
        table = sa.Table(name, self._metadata, *columns, sa.PrimaryKeyConstraint(*spec.primary_key))
        self._connection.execute(CreateTable(table))
        for index in spec.indexes:
            indexed = sa.Index(f"ix_{name}_{'_'.join(index)}", *(table.c[column] for column in index))
            self._connection.execute(CreateIndex(indexed))
        where = " AND ".join(f"{_quote(part)} = ?" for part in spec.primary_key)
        names = tuple(spec.columns)
        decoders: dict[str, Callable[[Any], Any]] = {"decimal": Decimal, "boolean": bool}
        return _Prepared(
            table=table,
            key=spec.primary_key,
            names=names,
            get=f"SELECT {', '.join(map(_quote, names))} FROM {_quote(name)} WHERE {where}",
            exists=f"SELECT 1 FROM {_quote(name)} WHERE {where}",
            delete=f"DELETE FROM {_quote(name)} WHERE {where}",
            where=where,
            decode=tuple((column, decoders[kind]) for column, kind in spec.columns.items() if kind in decoders),
        )


def _close(engine: sa.Engine, connection: sa.Connection) -> None:
    connection.close()
    engine.dispose()


def _compare_decimals(left: str, right: str) -> int:
    a, b = Decimal(left), Decimal(right)
    return (a > b) - (a < b)


def _encode(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime):
        return moment_text(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    return value


def _literal(value: Any) -> str:
    encoded = _encode(value)
    if isinstance(encoded, bool | int):
        return str(int(encoded))
    return "'" + str(encoded).replace("'", "''").replace(":", "\\:") + "'"


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
