"""Bodies of writes: JSON properties and bindings become stored columns."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sandbox.sales.address import Call, resolve_reference
from sandbox.sales.changes import Row
from sandbox.sales.engine import Engine
from sandbox.sales.errors import SalesError, payload_error
from sandbox.sales.model import Column, Table
from sandbox.sales.values import convert

_BIND = "@odata.bind"


@dataclass(slots=True)
class Payload:
    """A record as asked for: stored column values, and records to create under it by collection name."""

    values: Row = field(default_factory=dict)
    children: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def parse_json(body: bytes) -> dict[str, Any]:
    """Read a JSON object with exact decimals. Raises 400."""
    if not body.strip():
        return {}
    try:
        value = json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
    except ValueError as error:
        raise SalesError(400, "0x80048d19", f"Invalid JSON. {error}") from error
    if not isinstance(value, dict):
        raise SalesError(400, "0x80048d19", "A JSON object was expected.")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number of JSON")


def read_payload(engine: Engine, call: Call, table: Table, body: dict[str, Any], *, create: bool) -> Payload:
    """Turn a JSON record into stored values. Raises 400 for what the table does not have or a column does not take."""
    result = Payload()

    def mismatch(text: str) -> SalesError:
        return payload_error(table.entity_set, text)

    strings_as_numbers = "ieee754compatible=true" in call.headers.get("content-type", "").lower()
    for name, value in body.items():
        if name.endswith(_BIND):
            _bind(engine, call, table, name.removesuffix(_BIND), value, result.values, create=create)
        elif "@" in name:
            continue
        elif name in table.navigation:
            if value is not None:
                raise mismatch(f"Property '{name}' can only be bound or set to null here.")
            _set_lookup(engine, table, table.navigation[name][0], None, None, result.values, create=create)
        elif name in table.collections and create and isinstance(value, list):
            result.children[name] = value
        else:
            column = table.properties.get(name)
            if column is None:
                raise mismatch(f"Invalid property '{name}' was found in entity 'Microsoft.Dynamics.CRM.{table.name}'.")
            if column.is_lookup:
                raise _direct_lookup()
            as_text = strings_as_numbers and column.kind == "decimal" and isinstance(value, str)
            if accepts(engine, column, value, create=create):
                exact = _number(value, mismatch) if as_text else value
                result.values[column.name] = convert(column, exact, mismatch)
    return result


def _direct_lookup() -> SalesError:
    """Give the 400 for a lookup that is written through its read-only value property."""
    return SalesError(
        400,
        "0x80048d19",
        "CRM do not support direct update of Entity Reference properties, Use Navigation properties instead.",
    )


def _number(value: str, mismatch: Callable[[str], SalesError]) -> Decimal:
    try:
        return Decimal(value)
    except ArithmeticError as error:
        raise mismatch(f"Cannot convert the literal '{value}' to the expected type 'Edm.Decimal'.") from error


def accepts(engine: Engine, column: Column, value: Any, *, create: bool) -> bool:
    """Say whether a write may carry the column: True to store it, False to pass over it. Raises 400 where refused."""
    if column.create if create else column.update:
        return True
    # The columns of the primary key may be repeated in an update.
    if not create and column.type == "Uniqueidentifier" and column.required:
        return False
    options = engine.options
    reaction = options.statecode_on_create if create and column.type == "State" else options.invalid_columns
    if reaction == "refuse" and value is not None:
        word = "create" if create else "update"
        raise SalesError(400, "0x80040203", f"Attribute '{column.name}' of '{column.table}' is not valid for {word}.")
    return False


def _bind(engine: Engine, call: Call, table: Table, name: str, value: Any, values: Row, *, create: bool) -> None:
    found = table.navigation.get(name)
    if found is None:
        # Names are case-sensitive: customerid_account and CustomerId_Account are not the same.
        raise payload_error(
            table.entity_set,
            f"An undeclared property '{name}' which only has property annotations in the payload but no property value "
            "was found in the payload. In OData, only declared navigation properties and declared named streams can be "
            "represented as properties without values.",
        )
    column, target = found
    if value is None:
        _set_lookup(engine, table, column, None, None, values, create=create)
        return
    if not isinstance(value, str):
        raise payload_error(table.entity_set, f"The value of '{name}{_BIND}' must be a string.")
    targets = column.targets if len(column.targets) > 1 and name == column.name else (target,)
    bound_table, bound_id = resolve_reference(engine, call, value, targets)
    _set_lookup(engine, table, column, bound_table, bound_id, values, create=create)


def _set_lookup(
    engine: Engine,
    table: Table,
    column: Column,
    target: str | None,
    record_id: str | None,
    values: Row,
    *,
    create: bool,
) -> None:
    if not accepts(engine, column, record_id, create=create):
        return
    values[column.name] = record_id
    if f"{column.name}type" in table.columns:
        values[f"{column.name}type"] = target
