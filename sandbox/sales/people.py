"""What people do in Sales: entering records, and the buttons of quotes, orders and products.

Each act is a method for Python, and a route `/sandbox/people/<act>` that takes and gives JSON.
"""

import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from sandbox.sales import actions, merging
from sandbox.sales.changes import Caller, Row
from sandbox.sales.engine import Engine
from sandbox.sales.errors import SalesError
from sandbox.sales.model import Table
from sandbox.sales.rules.documents import LINES
from sandbox.sales.values import convert
from sandbox.wire.service import PeopleError

_T = TypeVar("_T")

ACTIVE_PROCESSING = 647390000
SUBMITTED_QUOTE = 647390000


class People:
    """Acts of people. Every method may be called from any thread and takes a user, by default `people`."""

    def __init__(self, engine: Engine, lock: threading.RLock, caller: Callable[[str], Caller]) -> None:
        self._engine = engine
        self._lock = lock
        self._caller = caller

    def actions(self) -> dict[str, Callable[[dict[str, Any]], object]]:
        """Give the acts by the last part of their route."""
        ids: dict[str, Callable[..., object]] = {
            "activate-quote": self.activate_quote,
            "revise-quote": self.revise_quote,
            "win-quote": self.win_quote,
            "close-quote": self.close_quote,
            "submit-quote": self.submit_quote,
            "activate-order": self.activate_order,
            "cancel-order": self.cancel_order,
            "fulfill-order": self.fulfill_order,
            "publish-product": self.publish_product,
            "retire-product": self.retire_product,
        }
        routes = {name: self._with_id(act) for name, act in ids.items()}
        routes["create"] = lambda given: self.create(given["table"], given.get("row", {}))
        routes["update"] = lambda given: self.update(given["table"], given["id"], given.get("row", {}))
        routes["merge"] = lambda given: self.merge(
            given["table"], given["master"], given["subordinate"], given.get("row", {})
        )
        routes["delete"] = lambda given: self.delete(given["table"], given["id"])
        return {name: _told(route) for name, route in routes.items()}

    # ----------------------------------------------------------------- records

    def create(self, table: str, row: Mapping[str, Any], user: str = "people") -> Row:
        """Create a record and give it whole.

        `row` has logical column names with Python values; a lookup is an id, or `(table, id)` where it may point to
        more than one table. Columns that are not valid for create are taken too, so that seeds can set them.
        """
        with self._lock:
            found = self.table(table)
            with self._engine.transaction():
                record_id = self._engine.create(found.name, self._stored(found, row), self._caller(user))
            return self._engine.need(found.name, record_id)

    def update(self, table: str, record_id: str, row: Mapping[str, Any], user: str = "people") -> Row:
        """Change columns of a record and give it whole; values as for `create`."""
        with self._lock:
            found = self.table(table)
            with self._engine.transaction():
                self._engine.update(found.name, record_id, self._stored(found, row), self._caller(user))
            return self._engine.need(found.name, record_id)

    def delete(self, table: str, record_id: str, user: str = "people") -> None:
        """Delete a record."""
        with self._lock, self._engine.transaction():
            self._engine.delete(self.table(table).name, record_id, self._caller(user))

    def table(self, name: str) -> Table:
        """Give a table by logical name or entity set. Raises PeopleError."""
        model = self._engine.model
        found = model.tables.get(name) or model.by_set.get(name)
        if found is None:
            raise PeopleError(f"There is no table {name}.")
        return found

    def _stored(self, table: Table, row: Mapping[str, Any]) -> Row:
        values: Row = {}

        def mismatch(text: str) -> SalesError:
            return SalesError(400, "0x80048d19", text)

        for name, value in row.items():
            column = table.columns.get(name)
            if column is None:
                raise PeopleError(f"{table.name} has no column {name}.")
            if column.is_lookup and isinstance(value, tuple | list):
                values[f"{name}type"], values[name] = str(value[0]), str(value[1]).lower()
            else:
                values[name] = convert(column, value, mismatch)
                if column.is_lookup and f"{name}type" in table.columns:
                    single = column.targets[0] if column.type != "Customer" else None
                    values.setdefault(f"{name}type", row.get(f"{name}type") or single)
        for name in [name for name in values if name not in table.columns]:
            del values[name]
        return values

    # ----------------------------------------------------------------- buttons

    def activate_quote(self, quote_id: str, user: str = "people") -> None:
        """Set a draft quote to Active."""
        self.update("quote", quote_id, {"statecode": 1, "statuscode": 2}, user)

    def revise_quote(self, quote_id: str, user: str = "people") -> str:
        """Revise a quote and give the id of the new draft."""
        return self._act(user, lambda caller: actions.revise_quote(self._engine, quote_id, caller))

    def win_quote(self, quote_id: str, user: str = "people", *, create_order: bool = False) -> str | None:
        """Win an active quote; with `create_order` make an order of it and give its id."""

        def act(caller: Caller) -> str | None:
            actions.win_quote(self._engine, quote_id, 4, caller)
            return actions.quote_to_order(self._engine, quote_id, caller) if create_order else None

        return self._act(user, act)

    def close_quote(self, quote_id: str, user: str = "people", *, status: int = 5) -> None:
        """Close an active quote, by default as lost."""
        self._act(user, lambda caller: actions.close_quote(self._engine, quote_id, status, caller))

    def submit_quote(self, quote_id: str, user: str = "people") -> None:
        """Press the solution's button Submit on an active quote."""
        self.close_quote(quote_id, user, status=SUBMITTED_QUOTE)

    def activate_order(self, order_id: str, user: str = "people") -> None:
        """Press the solution's button Activate: processing status Active, lines submitted; statecode stays."""
        self._need_solution()

        def act(caller: Caller) -> None:
            engine = self._engine
            engine.update("salesorder", order_id, {"msdynce_processingstatus": ACTIVE_PROCESSING}, caller)
            lines, parent = LINES["salesorder"]
            for line in engine.find(lines, {parent: order_id}):
                engine.update(lines, line, {"msdynce_orderissubmitted": True}, caller)

        self._act(user, act)

    def cancel_order(self, order_id: str, user: str = "people") -> None:
        """Cancel an order."""
        self._act(user, lambda caller: actions.cancel_order(self._engine, order_id, -1, caller))

    def fulfill_order(self, order_id: str, user: str = "people") -> None:
        """Close an order as fulfilled."""
        self._act(user, lambda caller: actions.fulfill_order(self._engine, order_id, -1, caller))

    def publish_product(self, product_id: str, user: str = "people") -> None:
        """Set a product to Active."""
        self.update("product", product_id, {"statecode": 0, "statuscode": 1}, user)

    def retire_product(self, product_id: str, user: str = "people") -> None:
        """Set a product to Retired."""
        self.update("product", product_id, {"statecode": 1, "statuscode": 2}, user)

    def merge(
        self, table: str, master: str, subordinate: str, row: Mapping[str, Any] | None = None, user: str = "people"
    ) -> None:
        """Merge an account or contact into another one, the master, which gets the columns of `row` as well."""
        found = self.table(table)
        content = self._stored(found, row or {})
        self._act(user, lambda caller: merging.merge(self._engine, found.name, master, subordinate, content, caller))

    # ----------------------------------------------------------------- inside

    def _act(self, user: str, act: Callable[[Caller], _T]) -> _T:
        with self._lock, self._engine.transaction():
            return act(self._caller(user))

    def _need_solution(self) -> None:
        if not self._engine.options.solution:
            raise PeopleError("The Prospect-to-cash solution is not installed.")

    @staticmethod
    def _with_id(act: Callable[..., object]) -> Callable[[dict[str, Any]], object]:
        def route(given: dict[str, Any]) -> object:
            options = {name: value for name, value in given.items() if name not in ("id", "user")}
            result = act(str(given["id"]), given.get("user", "people"), **options)
            return {"id": result} if isinstance(result, str) else result

        return route


def _told(route: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], object]:
    """Turn refusals into errors that a person reads, and rows into plain JSON."""

    def told(given: dict[str, Any]) -> object:
        try:
            result = route(given)
        except SalesError as error:
            raise PeopleError(error.message) from error
        except KeyError as error:
            raise PeopleError(f"{error.args[0]} is missing.") from error
        if isinstance(result, dict):
            return {name: _plain(value) for name, value in result.items() if value is not None}
        return {} if result is None else result

    return told


def _plain(value: Any) -> Any:
    return format(value, "f") if isinstance(value, Decimal) else value
