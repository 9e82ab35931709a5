"""Rows as JSON: every property of the entity set, exact numbers, and the ETag on each row."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from json.encoder import encode_basestring
from typing import Any

from sandbox.finops.catalog import NAMESPACE, EntitySet, entity_sets
from sandbox.finops.tables import Table, tables_by_set
from sandbox.wire.reply import Reply
from sandbox.wire.store import Row

JSON_HEADERS: Mapping[str, str] = {"Content-Type": "application/json; odata.metadata=minimal", "OData-Version": "4.0"}


def etag(table: Table, row: Row) -> str:
    """The ETag of a row: the pairs of its sources between apostrophes, in base64."""
    return f'W/"{b64encode(f"{chr(39)}{table.pairs(row)}{chr(39)}".encode()).decode()}"'


@cache
def _fields(set_name: str) -> tuple[tuple[str, str, Callable[[Any], str]], ...]:
    properties = entity_sets()[set_name].properties.values()
    return tuple((prop.name, f"{encode_basestring(prop.name)}:", prop.write) for prop in properties)


def row_json(
    entity: EntitySet, row: Row, select: Sequence[str] | None = None, expanded: Mapping[str, str] | None = None
) -> str:
    """The JSON object of a row, with the ETag first. ``expanded`` holds the JSON text of navigation properties."""
    fields = _fields(entity.name)
    if select is not None:
        wanted = set(select)
        fields = tuple(field for field in fields if field[0] in wanted)
    parts = [f'"@odata.etag":{encode_basestring(etag(tables_by_set()[entity.name], row))}']
    parts += [label + write(row[name]) for name, label, write in fields]
    parts += [f"{encode_basestring(name)}:{text}" for name, text in (expanded or {}).items()]
    return "{" + ",".join(parts) + "}"


def columns_for(entity: EntitySet, select: Sequence[str] | None, also: Iterable[str] = ()) -> list[str]:
    """The columns that an answer needs: the selected ones, the key, what the ETag is made of, and further ones."""
    table = tables_by_set()[entity.name]
    names = entity.properties if select is None else select
    return list(dict.fromkeys((*table.key, *entity.keys, *names, *table.etag_columns(), *also)))


def single(origin: str, entity: EntitySet, text: str) -> bytes:
    """The body of one row."""
    return f'{{"@odata.context":"{origin}/data/$metadata#{entity.name}/$entity",{text[1:]}'.encode()


def collection(origin: str, entity: EntitySet, texts: Iterable[str], count: int | None, next_link: str | None) -> bytes:
    """The body of a page of rows."""
    head = f'"@odata.context":"{origin}/data/$metadata#{entity.name}"'
    if count is not None:
        head += f',"@odata.count":{count}'
    tail = f',"@odata.nextLink":{encode_basestring(next_link)}' if next_link else ""
    return f'{{{head},"value":[{",".join(texts)}]{tail}}}'.encode()


def value(origin: str, edm_type: str, text: str) -> Reply:
    """The answer of an action with one result; ``text`` is its JSON."""
    body = f'{{"@odata.context":"{origin}/data/$metadata#{edm_type}","value":{text}}}'
    return Reply(200, dict(JSON_HEADERS), body.encode())


def location(origin: str, entity: EntitySet, row: Row) -> str:
    """The URL of a row by its key."""
    parts = []
    for name in entity.keys:
        prop, stored = entity.properties[name], row[name]
        if prop.enum:
            literal = f"{NAMESPACE}.{prop.enum}'{stored}'"
        elif prop.type == "String":
            literal = "'" + str(stored).replace("'", "''") + "'"
        elif prop.type == "Date":
            literal = f"{stored}T12:00:00Z"
        else:
            literal = str(stored)
        parts.append(f"{name}={literal}")
    return f"{origin}/data/{entity.name}({','.join(parts)})"
