"""Writes of the Web API: create, upsert, update, delete, preconditions, and the bulk messages."""

import json
from typing import Any

from sandbox.sales.address import Call, find_record, parse_key, segments
from sandbox.sales.changes import fixed_id
from sandbox.sales.engine import Engine
from sandbox.sales.errors import SalesError, missing_key, missing_record, payload_error, query_error
from sandbox.sales.model import Table
from sandbox.sales.payload import parse_json, read_payload
from sandbox.sales.reading import read_query, single
from sandbox.sales.rows import MEDIA_TYPE
from sandbox.wire.reply import Reply


def create(engine: Engine, call: Call, table: Table) -> Reply:
    """Answer POST to an entity set."""
    record_id = create_record(engine, call, table, parse_json(call.body), {})
    return written(engine, call, table, record_id, created=True)


def create_record(engine: Engine, call: Call, table: Table, body: dict[str, Any], key: dict[str, Any]) -> str:
    """Create a record from JSON, and what is nested in it; values of the body win over those of the key."""
    payload = read_payload(engine, call, table, body, create=True)
    record_id = engine.create(table.name, key | payload.values, call.caller)
    for name, children in payload.children.items():
        child_table, lookup = table.collections[name]
        child = engine.table(child_table)
        for item in children:
            inner = read_payload(engine, call, child, item, create=True)
            inner.values[lookup] = record_id
            if f"{lookup}type" in child.columns:
                inner.values[f"{lookup}type"] = table.name
            engine.create(child.name, inner.values, call.caller)
    return record_id


def upsert(engine: Engine, call: Call, table: Table, key: dict[str, Any]) -> Reply:
    """Answer PATCH to a key: update what is there, else create it, as If-Match and If-None-Match allow."""
    body = parse_json(call.body)
    record_id = find_record(engine, table, key)
    by_id = set(key) == {table.id}
    if_match = call.headers.get("if-match")
    if record_id is None:
        if if_match is not None:
            raise missing_record(table.name, key[table.id]) if by_id else missing_key(table.name)
        record_id = create_record(engine, call, table, body, key)
        return written(engine, call, table, record_id, created=True, echo=True)
    if call.headers.get("if-none-match") == "*":
        raise SalesError(412, "0x80040237", "A record with matching key values already exists.")
    check_version(engine, table, record_id, if_match)
    _update(engine, call, table, record_id, body, key)
    return written(engine, call, table, record_id, created=False, echo=True)


def _update(
    engine: Engine, call: Call, table: Table, record_id: str, body: dict[str, Any], key: dict[str, Any]
) -> None:
    payload = read_payload(engine, call, table, body, create=False)
    # Columns of the key that addressed the record are dropped on update.
    values = {name: value for name, value in payload.values.items() if name not in key}
    engine.update(table.name, record_id, values, call.caller)


def check_version(engine: Engine, table: Table, record_id: str, if_match: str | None) -> None:
    """Refuse a write whose If-Match names another version of the record."""
    if if_match is None or if_match == "*":
        return
    if table.name in engine.options.no_versions:
        raise SalesError(400, "0x8006088d", f"Optimistic concurrency isn't enabled for entity type {table.name}.")
    row = engine.need(table.name, record_id)
    if if_match != f'W/"{row["versionnumber"]}"':
        raise SalesError(
            412, "0x80060882", "The version of the existing record doesn't match the RowVersion property provided."
        )


def delete(engine: Engine, call: Call, table: Table, record_id: str) -> Reply:
    """Answer DELETE of a record."""
    check_version(engine, table, record_id, call.headers.get("if-match"))
    engine.delete(table.name, record_id, call.caller)
    return Reply(204)


def written(engine: Engine, call: Call, table: Table, record_id: str, *, created: bool, echo: bool = False) -> Reply:
    """Give the answer to a write. An address by alternate key is echoed as it was, not turned into an id."""
    canonical = f"{call.root}{table.entity_set}({record_id})"
    location = f"{call.root}{call.path}" if echo else canonical
    headers = {"OData-EntityId": location}
    if created and not echo:
        headers["Location"] = location
    if not call.prefer.representation:
        return Reply(204, headers)
    text = single(engine, call, table, record_id, read_query(engine, table, call.query))
    headers |= {"Content-Type": MEDIA_TYPE, "Preference-Applied": "return=representation"}
    return Reply(201 if created else 200, headers, text.encode())


def bulk(engine: Engine, call: Call, table: Table, message: str) -> Reply:
    """Answer CreateMultiple, UpdateMultiple and UpsertMultiple: one error takes everything back."""
    if table.name in engine.options.no_bulk_messages:
        raise SalesError(400, "0x80040800", f"The message {message} is not supported for {table.name}.")
    targets = parse_json(call.body).get("Targets")
    if not isinstance(targets, list) or not targets:
        raise payload_error(table.entity_set, "Targets must be a list with at least one record.")
    ids = [_bulk_one(engine, call, table, message, target) for target in targets]
    if message != "CreateMultiple":
        return Reply(204)
    answer = {"@odata.context": f"{call.root}$metadata#{_type('CreateMultipleResponse')}", "Ids": ids}
    return Reply(200, {"Content-Type": MEDIA_TYPE}, json.dumps(answer).encode())


def _type(name: str) -> str:
    return f"Microsoft.Dynamics.CRM.{name}"


def _bulk_one(engine: Engine, call: Call, table: Table, message: str, target: Any) -> str:
    if not isinstance(target, dict) or target.get("@odata.type", "").lstrip("#") != _type(table.name):
        raise payload_error(table.entity_set, f"Every item of Targets needs @odata.type {_type(table.name)}.")
    if message == "CreateMultiple":
        return create_record(engine, call, table, target, {})
    key = _bulk_key(table, target)
    record_id = find_record(engine, table, key)
    if record_id is not None:
        body = {name: value for name, value in target.items() if name != table.id}
        _update(engine, call, table, record_id, body, key)
        return record_id
    if message == "UpdateMultiple":
        raise missing_record(table.name, str(key.get(table.id))) if table.id in key else missing_key(table.name)
    if table.id not in key and any(name in target for name in key):
        raise payload_error(table.entity_set, "The columns of the alternate key may not be repeated in the record.")
    return create_record(engine, call, table, target, key)


def _bulk_key(table: Table, target: dict[str, Any]) -> dict[str, Any]:
    address = target.get("@odata.id")
    if isinstance(address, str):
        parts = segments(address.rsplit("/api/data/v9.2/", 1)[-1].lstrip("/"))
        if len(parts) == 1 and parts[0].name == table.entity_set and parts[0].key is not None:
            return parse_key(table, parts[0].key)
    elif isinstance(target.get(table.id), str):
        return parse_key(table, target[table.id])
    raise payload_error(table.entity_set, f"An item of Targets has neither '{table.id}' nor a valid '@odata.id'.")


def bulk_delete(engine: Engine, call: Call, body: dict[str, Any]) -> Reply:
    """Answer BulkDelete. Deletes what the queries name at once; the real service does it in a job of its own."""
    for query in body.get("QuerySet", []):
        for condition in query["Criteria"]["Conditions"]:
            if condition["Operator"] != "In":
                raise query_error("Only the operator In is supported in the queries of BulkDelete.")
            for value in condition["Values"]:
                engine.delete(query["EntityName"], str(value["Value"]).lower(), call.caller)
    job = fixed_id(f"bulk delete {engine.version}")
    answer = {"@odata.context": f"{call.root}$metadata#{_type('BulkDeleteResponse')}", "JobId": job}
    return Reply(200, {"Content-Type": MEDIA_TYPE}, json.dumps(answer).encode())
