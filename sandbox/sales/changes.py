"""What passes between the engine and the rules: callers, changes, events."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from sandbox.sales.model import Table

Row = dict[str, Any]
Message = Literal["Create", "Update", "Delete"]
Stage = Literal["before", "after"]
NAMESPACE = uuid.UUID("5a1e5000-0000-4000-8000-000000000000")


def fixed_id(name: str) -> str:
    """Give the id of a record that every sandbox has, the same in every run."""
    return str(uuid.uuid5(NAMESPACE, name))


@dataclass(frozen=True, slots=True)
class Caller:
    """Who writes. `system` is the platform itself or a plug-in; `bypass` leaves the solution's plug-ins out.

    `copying` marks a conversion, which copies a document line by line, those of bundles included.
    """

    name: str
    id: str
    administrator: bool = False
    system: bool = False
    bypass: bool = False
    on_behalf: str | None = None
    copying: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """One change that a listener could be told of. `changes` holds the columns of the request and what was computed."""

    sequence: int
    message: Message
    table: str
    id: str
    user: str
    initiating_user: str
    moment: str
    depth: int
    changes: Mapping[str, Any]
    before: Mapping[str, Any] | None


@dataclass(slots=True)
class Change:
    """One write on its way: `row` is the record as it will be, `changes` what to write, `given` what was asked for."""

    message: Message
    table: Table
    id: str
    before: Row | None
    row: Row
    changes: Row
    given: frozenset[str]
    caller: Caller
    depth: int

    def set(self, column: str, value: Any) -> None:
        """Write a column as well; nothing when the table does not have it."""
        if column in self.table.columns:
            self.changes[column] = value
            self.row[column] = value

    def moved(self, *columns: str) -> bool:
        """True when one of the columns gets another value."""
        before = self.before or {}
        return any(name in self.changes and self.changes[name] != before.get(name) for name in columns)


@dataclass(frozen=True, slots=True)
class Currency:
    """What amounts need of a currency."""

    id: str
    code: str
    precision: int
    rate: Decimal
    symbol: str
