"""One property of a record by its own address: read, read raw (`/$value`), written (PUT) and cleared (DELETE)."""

import json

from sandbox.sales.address import Call
from sandbox.sales.changes import Row
from sandbox.sales.engine import Engine
from sandbox.sales.errors import SalesError, no_resource, payload_error
from sandbox.sales.implemented import not_implemented
from sandbox.sales.model import Column, Table
from sandbox.sales.payload import parse_json, read_payload
from sandbox.sales.rows import MEDIA_TYPE, value_text
from sandbox.sales.writing import check_version
from sandbox.wire.reply import Reply


def read(call: Call, table: Table, row: Row, name: str) -> Reply:
    """Answer GET of a property: its value in JSON, 204 where it is null. Raises 404."""
    column = _column(table, name)
    value = row[column.name]
    if value is None:
        return Reply(204)
    context = json.dumps(f"{call.root}$metadata#{table.entity_set}({row[table.id]})/{name}")
    body = f'{{"@odata.context":{context},"value":{value_text(column, value)}}}'
    return Reply(200, {"Content-Type": MEDIA_TYPE}, body.encode())


def read_value(table: Table, row: Row, name: str) -> Reply:
    """Answer GET of a property's `/$value`: the bare value as text, 204 where it is null. Raises 404."""
    column = _column(table, name)
    value = row[column.name]
    if value is None:
        return Reply(204)
    text = value if isinstance(value, str) else value_text(column, value)
    return Reply(200, {"Content-Type": "text/plain"}, text.encode())


def write(engine: Engine, call: Call, table: Table, record_id: str, name: str) -> Reply:
    """Answer PUT (`{"value": …}`) and DELETE of a property with 204. Raises 400, 404, 405 and 412."""
    if name in table.navigation or name in table.collections:
        raise not_implemented(f"{call.method} of the navigation property '{name}' without $ref")
    _column(table, name)
    if call.method == "DELETE":
        value = None
    elif call.method == "PUT":
        body = parse_json(call.body)
        if set(body) != {"value"}:
            raise payload_error(table.entity_set, "The body of a PUT of one property is an object with 'value' only.")
        value = body["value"]
    else:
        raise SalesError(405, "0x8006088a", f"A property does not support {call.method}; PUT and DELETE write it.")
    check_version(engine, table, record_id, call.headers.get("if-match"))
    payload = read_payload(engine, call, table, {name: value}, create=False)
    engine.update(table.name, record_id, payload.values, call.caller)
    return Reply(204)


def _column(table: Table, name: str) -> Column:
    column = table.properties.get(name)
    if column is None:
        raise no_resource(name)
    return column
