"""Row changes as requests to Finance and Operations.

There is no upsert: a create is a POST, an update a PATCH of a row that must be there. Nothing is null there but
enums: clearing text makes it empty, clearing a date makes it the year 1900, clearing a number makes it 0.
"""

from __future__ import annotations

from p2c.documents import DocumentChange, Reference, RowChange, Value
from p2c.systems.finops.queries import COMPANY, kind
from p2c.systems.odata import jsonnum, literals
from p2c.systems.odata.batch import Part
from p2c.templates import catalog
from p2c.templates.catalog import FinopsEntity

_JSON = {"Content-Type": "application/json"}
_BLANK: dict[str, Value] = {
    "String": "",
    "Decimal": 0,
    "Int32": 0,
    "Int64": 0,
    "Date": "1900-01-01T12:00:00Z",
    "UtcDateTime": "1900-01-01T00:00:00Z",
}


def parts(change: DocumentChange) -> list[Part]:
    """The requests of a document, in the order of its rows."""
    return [_part(row) for row in change.rows]


def _part(row: RowChange) -> Part:
    if isinstance(row.key, str):
        raise TypeError(f"a row of {row.entity} is addressed by its key columns")
    entity = catalog.finops_entity(row.entity)
    key = {name: value.lower() if name == COMPANY and isinstance(value, str) else value for name, value in row.key}
    if row.action == "create":
        return Part("POST", entity.name, _JSON, _body(entity, {**dict(row.values), **key}))
    kinds = {name: kind(entity, name) for name in key}
    url = f"{literals.key_segment(entity.name, key, kinds=kinds)}?cross-company=true"
    if row.action == "delete":
        return Part("DELETE", url)
    return Part("PATCH", url, _JSON, _body(entity, {name: one for name, one in row.values.items() if name not in key}))


def _body(entity: FinopsEntity, values: dict[str, Value | Reference]) -> bytes:
    return jsonnum.dumps({name: _stored(entity, name, value) for name, value in values.items()})


def _stored(entity: FinopsEntity, column: str, value: Value | Reference) -> Value:
    if isinstance(value, Reference):
        raise TypeError(f"{entity.name}.{column} takes a number, not a reference")
    if value is None:
        return _BLANK.get(kind(entity, column))
    return value
