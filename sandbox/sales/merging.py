"""Merging two accounts or two contacts: what the Merge action and the button in Sales do.

The subordinate becomes inactive, `merged`, and names its master in `masterid`; every record that refers to it refers to
the master from then on. There is no undo.
"""

from typing import Any

from sandbox.sales.changes import Caller, Row
from sandbox.sales.engine import Engine
from sandbox.sales.errors import SalesError

MERGED_TABLES = ("account", "contact")
_INACTIVE = {"statecode": 1, "statuscode": 2}
# What belongs to the record itself, and who wrote it, is not moved.
_KEPT = frozenset({"masterid", "ownerid", "createdby", "modifiedby"})


def merge(engine: Engine, table: str, master: str, subordinate: str, content: Row, caller: Caller) -> None:
    """Merge the subordinate into the master, which gets the columns of `content`. Raises SalesError."""
    if table not in MERGED_TABLES:
        raise SalesError(400, "0x80040200", f"Records of {table} cannot be merged.")
    if master == subordinate:
        raise SalesError(400, "0x80040200", "A record cannot be merged with itself.")
    for identifier in (master, subordinate):
        if engine.need(table, identifier)["statecode"] != 0:
            raise SalesError(400, "0x80040200", f"The {table} {identifier} is inactive and cannot be merged.")
    system = engine.system(caller)
    for name, column in _references(engine, table):
        kind = f"{column}type" if f"{column}type" in engine.table(name).columns else ""
        for record in engine.find(name, {column: subordinate, **({kind: table} if kind else {})}):
            if (name, record) != (table, master):
                engine.update(name, record, {column: master, **({kind: table} if kind else {})}, system)
    engine.update(table, subordinate, {**_INACTIVE, "merged": True, "masterid": master}, system)
    if content:
        engine.update(table, master, content, caller)


def _references(engine: Engine, table: str) -> list[tuple[str, str]]:
    """The (table, column) of every lookup that may refer to a record of the table."""
    return [
        (name, column.name)
        for name, found in engine.model.tables.items()
        for column in found.columns.values()
        if column.is_lookup and table in column.targets and column.name not in _KEPT
    ]


def records(body: dict[str, Any], model_ids: dict[str, str]) -> tuple[str, str, str]:
    """The table and the ids of target and subordinate that the body of a Merge action names. Raises SalesError."""
    found: list[tuple[str, str]] = []
    for parameter in ("Target", "Subordinate"):
        given = body.get(parameter)
        kind = str(given.get("@odata.type", "")).rpartition(".")[2] if isinstance(given, dict) else ""
        identifier = given.get(model_ids.get(kind, "")) if isinstance(given, dict) else None
        if kind not in MERGED_TABLES or not isinstance(identifier, str):
            raise SalesError(400, "0x80048d19", f"{parameter} must name an account or contact with its @odata.type.")
        found.append((kind, identifier.lower()))
    (table, master), (other, subordinate) = found
    if table != other:
        raise SalesError(400, "0x80040200", "Only records of one table can be merged.")
    return table, master, subordinate
