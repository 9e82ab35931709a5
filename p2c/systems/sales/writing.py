"""Row changes as requests to the Web API of Sales.

Ids are ours, so a create is an upsert that must not find its row, an update one that must, and as it was read where the
change says so: a person may have written it since.
"""

from __future__ import annotations

from collections.abc import Mapping

from p2c.documents import DocumentChange, Reference, RowChange, Value
from p2c.systems.odata import jsonnum, literals
from p2c.systems.odata.batch import Part
from p2c.systems.sales.shape import is_lookup
from p2c.templates import catalog
from p2c.templates.catalog import SalesTable

_JSON = {"Content-Type": "application/json"}


def parts(change: DocumentChange) -> list[Part]:
    """The requests of a document, in the order of its rows."""
    return [_part(row) for row in change.rows]


def _part(row: RowChange) -> Part:
    if not isinstance(row.key, str):
        raise TypeError(f"a row of {row.entity} is addressed by its id")
    url = literals.key_segment(row.entity, row.key)
    if row.action == "delete":
        return Part("DELETE", url)
    condition = {"If-None-Match": "*"} if row.action == "create" else {"If-Match": row.etag or "*"}
    table = catalog.sales_table_by_set(row.entity)
    return Part(
        "PATCH", url, {**_JSON, **condition}, jsonnum.dumps(body(table, row.values, new=row.action == "create"))
    )


def body(table: SalesTable, values: Mapping[str, Value | Reference], *, new: bool) -> dict[str, Value]:
    """The values as the Web API takes them: lookups bound by navigation property, and cleared by binding nothing.

    A new row has nothing to clear, so blank lookups are left out of it.
    """
    written: dict[str, Value] = {}
    for column, value in values.items():
        if isinstance(value, Reference):
            written[f"{value.navigation}@odata.bind"] = f"/{literals.key_segment(value.entity, value.id)}"
        elif value is None and is_lookup(table, column):
            if not new:
                written[f"{_any_navigation(table, column)}@odata.bind"] = None
        else:
            written[column] = value
    return written


def _any_navigation(table: SalesTable, column: str) -> str:
    """A navigation property of the lookup; of several all lead to the one value that it has."""
    names = table.navigations.get(column, column)
    return names if isinstance(names, str) else next(iter(names.values()))
