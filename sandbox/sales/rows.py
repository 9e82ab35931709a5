"""Records as JSON text, amounts as plain JSON numbers with the digits that the database keeps."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from sandbox.sales.changes import Row
from sandbox.sales.engine import Engine
from sandbox.sales.errors import query_error, unknown_property
from sandbox.sales.model import Column, Table

_quote: Callable[[str], str] = json.encoder.encode_basestring
_FORMATTED = "OData.Community.Display.V1.FormattedValue"
_LOGICAL = "Microsoft.Dynamics.CRM.lookuplogicalname"
_NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"
MEDIA_TYPE = "application/json; odata.metadata=minimal"


def number_text(column: Column, value: Decimal) -> str:
    """Give an amount as the database prints it: money with 4 decimals, decimals with 10, exchange rates with 12."""
    places = 4 if column.type == "Money" else (12 if column.name == "exchangerate" else 10)
    scale = value.as_tuple().exponent
    return format(value, f".{places}f") if isinstance(scale, int) and -scale <= places else format(value, "f")


def value_text(column: Column, value: Any) -> str:
    """Give one value as JSON."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return number_text(column, value)
    return str(value)


def select_columns(table: Table, select: Sequence[str] | None) -> list[Column]:
    """Give the columns of a $select, all for None. A selected amount brings its currency along. Raises 400."""
    if select is None:
        return list(table.properties.values())
    chosen: dict[str, Column] = {}
    for name in select:
        column = table.properties.get(name)
        if column is None:
            if name in table.navigation or name in table.collections:
                continue
            raise unknown_property(name, table.name)
        chosen[name] = column
    if any(column.type == "Money" for column in chosen.values()):
        currency = table.columns.get("transactioncurrencyid")
        if currency is not None and currency.json:
            chosen.setdefault(currency.json, currency)
    return list(chosen.values())


class RowWriter:
    """Writes records of one table with the chosen columns and, where asked for, annotations."""

    def __init__(self, engine: Engine, table: Table, columns: Iterable[Column], annotations: str | None) -> None:
        self._engine = engine
        self._table = table
        self._columns = [(column, _quote(column.json or column.name)) for column in columns]
        self._wanted = (
            None
            if annotations is None
            else re.compile("|".join(re.escape(part.strip()).replace(r"\*", ".*") for part in annotations.split(",")))
        )
        self._names: dict[tuple[str, str], str | None] = {}

    def needed(self) -> list[str]:
        """Name the stored columns that a record must bring."""
        names = {self._table.id: None, "versionnumber": None}
        for column, _ in self._columns:
            names[column.name] = None
            if column.is_lookup and f"{column.name}type" in self._table.columns:
                names[f"{column.name}type"] = None
        if self._wanted is not None and "transactioncurrencyid" in self._table.columns:
            names["transactioncurrencyid"] = None
        return list(names)

    def text(self, row: Row, extra: Sequence[str] = ()) -> str:
        """Give the record as a JSON object; `extra` holds further members, ready made."""
        members = [f'"@odata.etag":"W/\\"{row["versionnumber"]}\\""']
        seen_id = False
        for column, quoted in self._columns:
            value = row[column.name]
            seen_id = seen_id or column.name == self._table.id
            if value is not None and self._wanted is not None:
                members += self._annotations(column, row, value)
            members.append(f"{quoted}:{value_text(column, value)}")
        if not seen_id:
            members.append(f'"{self._table.id}":"{row[self._table.id]}"')
        return "{" + ",".join([*members, *extra]) + "}"

    def _annotations(self, column: Column, row: Row, value: Any) -> Iterable[str]:
        found: list[tuple[str, str | None]] = [(_FORMATTED, self._formatted(column, row, value))]
        if column.is_lookup:
            target = lookup_target(self._table, column, row)
            if target is not None:
                found.append((_NAVIGATION, self._table.navigation_of(column, target)))
                found.append((_LOGICAL, target))
        for name, text in found:
            if text is not None and self._wanted is not None and self._wanted.fullmatch(name):
                yield f"{_quote(f'{column.json}@{name}')}:{_quote(text)}"

    def _formatted(self, column: Column, row: Row, value: Any) -> str | None:
        if column.options:
            return column.options.get(value)
        if column.type == "Boolean":
            return "Yes" if value else "No"
        if column.is_lookup:
            return self._name_of(lookup_target(self._table, column, row), value)
        if column.type == "Money":
            currency = self._engine.currency(row.get("transactioncurrencyid"))
            return f"{currency.symbol if currency else ''}{value:,.2f}"
        if column.kind in ("decimal", "integer") and column.name != "versionnumber":
            return f"{value:,}"
        return str(value) if column.type == "DateTime" else None

    def _name_of(self, target: str | None, record_id: str) -> str | None:
        table = self._engine.model.tables.get(target or "")
        if table is None or table.primary_name not in table.columns:
            return None
        key = (table.name, record_id)
        if key not in self._names:
            row = self._engine.get(table.name, record_id)
            self._names[key] = row[table.primary_name] if row else None
        return self._names[key]


def lookup_target(table: Table, column: Column, row: Row) -> str | None:
    """Name the table that a record's lookup points to."""
    if f"{column.name}type" in table.columns:
        target: str | None = row.get(f"{column.name}type")
        return target
    return column.targets[0] if len(column.targets) == 1 else None


def referred(table: Table, name: str, row: Row) -> tuple[str, str] | None:
    """Give table and id of the record that a single-valued navigation property leads to, or None."""
    column, target = table.navigation[name]
    actual = lookup_target(table, column, row)
    # A lookup to several tables may have one property for all of them, named like the column.
    if row[column.name] is None or (actual != target and name != column.name) or actual is None:
        return None
    return actual, row[column.name]


def need_navigation(table: Table, name: str) -> tuple[Column, str]:
    """Give lookup column and target of a single-valued navigation property. Raises 400."""
    found = table.navigation.get(name)
    if found is None:
        raise query_error(f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table.name}'.")
    return found
