"""Addresses of the Web API: paths with keys, headers with preferences."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from sandbox.sales.changes import Caller
from sandbox.sales.engine import Engine
from sandbox.sales.errors import SalesError, missing_key, missing_record, no_resource, query_error, unknown_property
from sandbox.sales.model import Column, Table
from sandbox.sales.values import convert, is_guid

_SEGMENT = re.compile(r"^(\$?[A-Za-z_][\w.]*)(?:\((.*)\))?$", re.DOTALL)
_KEY_PART = re.compile(r"\s*([A-Za-z_]\w*)\s*=\s*('(?:[^']|'')*'|[^,']+)\s*(?:,|$)")
_ROOT = re.compile(r"^/api/data/v9\.\d/?")
# ASP.NET and the router in front of it stumble over these in a path, encoded or not.
_BREAKING = re.compile(r"[/<>*%&:\\?+]")


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a Prefer header asks for."""

    page_size: int | None = None
    track_changes: bool = False
    representation: bool = False
    continue_on_error: bool = False
    annotations: str | None = None

    @classmethod
    def of(cls, header: str | None) -> "Preferences":
        """Read the header; `implemented.check_headers` refuses what is not here."""
        text = header or ""
        size = re.search(r"odata\.maxpagesize\s*=\s*(\d+)", text)
        annotations = re.search(r'odata\.include-annotations\s*=\s*(?:"([^"]*)"|([^\s,;]+))', text)
        return cls(
            page_size=min(int(size.group(1)), 5000) if size and int(size.group(1)) > 0 else None,
            track_changes="odata.track-changes" in text,
            representation="return=representation" in text,
            continue_on_error="odata.continue-on-error" in text,
            annotations=(annotations.group(1) or annotations.group(2)) if annotations else None,
        )


@dataclass(slots=True)
class Call:
    """One request on its way through the server. `path` is relative to the service root and still percent-encoded."""

    method: str
    root: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    caller: Caller
    prefer: Preferences
    references: dict[str, str] = field(default_factory=dict)
    in_batch: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a path: a name, and what stands in its parentheses (None without parentheses)."""

    name: str
    key: str | None


def relative_path(path: str) -> str:
    """Cut the service root off a path or absolute URL. Raises 404 for any other path."""
    bare = re.sub(r"^https?://[^/]+", "", path)
    found = _ROOT.match(bare)
    if found is None:
        raise no_resource(bare.strip("/"))
    return bare[found.end() :]


def segments(path: str) -> list[Segment]:
    """Split a relative path at the slashes outside of quotes; names and keys are decoded."""
    found = []
    for part in re.findall(r"(?:[^/'(]|\((?:[^']|'(?:[^']|'')*')*?\)|'(?:[^']|'')*')+", path):
        match = _SEGMENT.match(unquote(part))
        if match is None:
            raise no_resource(unquote(part))
        found.append(Segment(match.group(1), match.group(2)))
    return found


def parse_key(table: Table, text: str) -> dict[str, Any]:
    """Give the column values of a key in parentheses: a GUID, the primary key by name, or an alternate key."""
    if is_guid(text):
        return {table.id: text.lower()}
    values: dict[str, Any] = {}
    at = 0
    while at < len(text):
        part = _KEY_PART.match(text, at)
        if part is None:
            raise query_error(f"Bad Request - Error in query syntax: '({text})'.")
        at = part.end()
        column = table.properties.get(part.group(1))
        if column is None:
            raise unknown_property(part.group(1), table.name)
        values[column.name] = _key_value(column, part.group(2).strip())
    named_id = set(values) == {table.id}
    if named_id and table.name in ("systemuser", "team"):
        raise query_error("The specified key predicate is not supported.")
    if not named_id and not any(set(key) == set(values) for key in table.keys):
        raise SalesError(
            400,
            "0x80060888",
            f"The specified key properties [{', '.join(values)}] are not an entity key of {table.name}.",
        )
    return values


def _key_value(column: Column, text: str) -> Any:
    def mismatch(message: str) -> SalesError:
        return query_error(message)

    if text.startswith("'"):
        value: Any = text[1:-1].replace("''", "'")
        if _BREAKING.search(value):
            raise SalesError(400, "", "A potentially dangerous Request.Path value was detected from the client.")
        return convert(column, value, mismatch)
    if column.kind == "integer":
        return convert(column, int(text) if re.fullmatch(r"-?\d+", text) else text, mismatch)
    if column.kind == "decimal":
        return convert(column, Decimal(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else text, mismatch)
    return convert(column, text, mismatch)


def find_record(engine: Engine, table: Table, key: Mapping[str, Any]) -> str | None:
    """Give the id of the record with a key, or None."""
    if set(key) == {table.id}:
        record_id = str(key[table.id])
        return (
            record_id
            if engine.store.count(table.name, engine.store.column(table.name, table.id) == record_id)
            else None
        )
    found = engine.find(table.name, key)
    return found[0] if found else None


def need_record(engine: Engine, table: Table, key: Mapping[str, Any]) -> str:
    """Give the id of the record with a key. Raises 404."""
    found = find_record(engine, table, key)
    if found is None:
        if set(key) == {table.id}:
            raise missing_record(table.name, str(key[table.id]))
        raise missing_key(table.name)
    return found


def resolve_reference(engine: Engine, call: Call, text: str, targets: tuple[str, ...]) -> tuple[str, str]:
    """Give table and id of `/accounts(…)`, an absolute URL or a content reference. Raises 400 and 404."""
    if text.startswith("$"):
        name = text[1:].split("/", 1)[0]
        if name not in call.references:
            raise query_error(f"Content-ID reference '{text}' is not defined in the batch.")
        text = call.references[name]
    path = relative_path(text) if "/api/data/" in text else text.lstrip("/")
    parts = segments(path)
    table = engine.model.by_set.get(parts[0].name) if len(parts) == 1 else None
    if table is None or parts[0].key is None:
        raise no_resource(path)
    if targets and table.name not in targets:
        raise query_error(f"A record of type '{table.name}' cannot be bound here; expected {', '.join(targets)}.")
    return table.name, need_record(engine, table, parse_key(table, parts[0].key))
