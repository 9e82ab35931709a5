"""References between records by `/$ref`: read, set, added and removed, for lookups and for collections."""

import json
from typing import Any

from sandbox.sales.address import Call, Segment, find_record, parse_key, resolve_reference
from sandbox.sales.engine import Engine
from sandbox.sales.errors import SalesError, missing_record, no_resource, payload_error
from sandbox.sales.model import Table
from sandbox.sales.payload import parse_json, read_payload
from sandbox.sales.rows import MEDIA_TYPE, referred
from sandbox.sales.writing import check_version
from sandbox.wire.reply import Reply


def read(engine: Engine, call: Call, table: Table, record_id: str, name: str) -> Reply:
    """Answer GET of references: one address, 204 where there is none, or the addresses of a collection. Raises 404."""
    row = engine.need(table.name, record_id)
    if name in table.navigation:
        found = referred(table, name, row)
        if found is None:
            return Reply(204)
        address = f"{call.root}{engine.table(found[0]).entity_set}({found[1]})"
        return _json({"@odata.context": f"{call.root}$metadata#$ref", "@odata.id": address})
    if name not in table.collections:
        raise no_resource(name)
    child, lookup = table.collections[name]
    keys = [
        key
        for key in engine.find(child, {lookup: record_id})
        if (engine.need(child, key).get(f"{lookup}type") or table.name) == table.name
    ]
    addresses = [{"@odata.id": f"{call.root}{engine.table(child).entity_set}({key})"} for key in sorted(keys)]
    return _json({"@odata.context": f"{call.root}$metadata#Collection($ref)", "value": addresses})


def write(engine: Engine, call: Call, table: Table, record_id: str, segment: Segment, identifier: str | None) -> Reply:
    """Answer PUT and DELETE of a lookup's reference, POST and DELETE of a reference in a collection, with 204.

    A reference of a collection to remove is named in its key (`collection(id)/$ref`) or by `$id`. Raises 400, 404, 405
    and 412.
    """
    name = segment.name
    if name in table.navigation:
        if segment.key is not None:
            raise no_resource(name)
        if call.method == "PUT":
            return _bind(engine, call, table, record_id, name, _address(table, call))
        if call.method == "DELETE":
            if identifier is not None:
                _check_current(engine, call, table, record_id, name, identifier)
            return _bind(engine, call, table, record_id, name, None)
        raise SalesError(
            405, "0x8006088a", f"A reference of the lookup '{name}' is set with PUT and removed with DELETE."
        )
    if name not in table.collections:
        raise no_resource(name)
    child_name, lookup = table.collections[name]
    child = engine.table(child_name)
    back = child.navigation_of(child.columns[lookup], table.name)
    if back is None:
        raise no_resource(name)
    if call.method == "POST" and segment.key is None:
        _, child_id = resolve_reference(engine, call, _address(table, call), (child.name,))
        return _bind(engine, call, child, child_id, back, f"{call.root}{table.entity_set}({record_id})")
    if call.method == "DELETE":
        if (segment.key is None) == (identifier is None):
            raise payload_error(table.entity_set, f"Name the reference to remove as {name}(id)/$ref or by $id.")
        if segment.key is not None:
            child_id = find_record(engine, child, parse_key(child, segment.key)) or segment.key
        else:
            _, child_id = resolve_reference(engine, call, identifier or "", (child.name,))
        row = engine.get(child.name, child_id)
        if row is None or row[lookup] != record_id:
            raise missing_record(child.name, child_id)
        return _bind(engine, call, child, child_id, back, None)
    raise SalesError(
        405, "0x8006088a", f"References of the collection '{name}' are added with POST and removed with DELETE."
    )


def _bind(engine: Engine, call: Call, table: Table, record_id: str, name: str, address: str | None) -> Reply:
    check_version(engine, table, record_id, call.headers.get("if-match"))
    payload = read_payload(engine, call, table, {f"{name}@odata.bind": address}, create=False)
    engine.update(table.name, record_id, payload.values, call.caller)
    return Reply(204)


def _address(table: Table, call: Call) -> str:
    body = parse_json(call.body)
    address = body.get("@odata.id")
    if not isinstance(address, str) or set(body) - {"@odata.id", "@odata.context"}:
        raise payload_error(table.entity_set, "The body of a reference is an object with '@odata.id' only.")
    return address


def _check_current(engine: Engine, call: Call, table: Table, record_id: str, name: str, identifier: str) -> None:
    named = resolve_reference(engine, call, identifier, ())
    if referred(table, name, engine.need(table.name, record_id)) != named:
        raise missing_record(*named)


def _json(value: dict[str, Any]) -> Reply:
    return Reply(200, {"Content-Type": MEDIA_TYPE}, json.dumps(value).encode())
