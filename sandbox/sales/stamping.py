"""What the platform writes into every record: who and when, the first state, the owner and the business unit."""

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.sales.changes import Change
from sandbox.sales.errors import bad_status
from sandbox.sales.model import Table

_DRAFT_PRODUCT = 2
Look = Callable[[str, str], Mapping[str, Any]]


def state_name(table: Table, state: int) -> str:
    """Give a state as errors name it, e.g. `QuoteState.Draft`."""
    return f"{table.name.capitalize()}State.{table.columns['statecode'].options.get(state, state)}"


def stamp_creation(change: Change, now: str, look: Look, *, products_active: bool) -> None:
    """Stamp a record that is created. Raises SalesError for a status reason outside of the first state."""
    row, columns, caller = change.row, change.table.columns, change.caller
    for name, value in (
        ("createdon", row.get("overriddencreatedon") or now),
        ("modifiedon", now),
        ("createdby", caller.id),
        ("modifiedby", caller.id),
    ):
        if name in columns and row.get(name) is None:
            row[name] = value
    if caller.on_behalf and "createdonbehalfby" in columns:
        row["createdonbehalfby"] = row["modifiedonbehalfby"] = caller.on_behalf
    if "statecode" in columns:
        _first_state(change, products_active=products_active)
    _set_owner(change, look)


def _first_state(change: Change, *, products_active: bool) -> None:
    row, table = change.row, change.table
    state = row.get("statecode")
    if state is None:
        state = row["statecode"] = _DRAFT_PRODUCT if table.name == "product" and not products_active else 0
    status = row.get("statuscode")
    if status is None or status == -1:
        row["statuscode"] = table.columns["statecode"].default_status[state]
    elif table.columns["statuscode"].states.get(status) != state:
        raise bad_status(status, state_name(table, state), table.name, change.id)


def stamp_change(change: Change, now: str, look: Look) -> None:
    """Stamp a record that is changed."""
    caller = change.caller
    if "modifiedon" in change.table.columns:
        change.set("modifiedon", now)
        change.set("modifiedby", caller.id)
        if caller.on_behalf:
            change.set("modifiedonbehalfby", caller.on_behalf)
    if "ownerid" in change.changes and change.before is not None:
        _set_owner(change, look)


def _set_owner(change: Change, look: Look) -> None:
    columns = change.table.columns
    # Lines have their header's owner.
    if "ownerid" not in columns or not columns["ownerid"].create:
        return
    owner = change.row.get("ownerid") or change.caller.id
    kind = change.row.get("owneridtype") or "systemuser"
    principal = look(kind, owner)
    change.set("ownerid", owner)
    change.set("owneridtype", kind)
    change.set("owninguser", owner if kind == "systemuser" else None)
    change.set("owningteam", owner if kind == "team" else None)
    change.set("owningbusinessunit", principal["businessunitid"])
