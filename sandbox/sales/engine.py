"""The records of a Sales environment: create, update and delete with the business rules around them.

The Web API, people and the solution's plug-ins all come through here. Rules run before and after each write; a write
that fails takes back everything that was done for it.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

from sandbox.sales.changes import NAMESPACE, Caller, Change, Currency, Event, Message, Row, Stage, fixed_id
from sandbox.sales.errors import SalesError, lacks_privilege, missing_record
from sandbox.sales.model import Column, Model, Table
from sandbox.sales.options import SalesOptions
from sandbox.sales.stamping import stamp_change, stamp_creation
from sandbox.sales.values import rounded
from sandbox.wire.service import Clock
from sandbox.wire.store import DuplicateKeyError, Store, moment_text

REFERENCE = frozenset(
    {
        "product",
        "productpricelevel",
        "pricelevel",
        "discounttype",
        "discount",
        "uom",
        "uomschedule",
        "transactioncurrency",
        "systemuser",
        "team",
    }
)
"""Tables that rules read often and that change seldom."""

_T = TypeVar("_T")
Rule = Callable[["Engine", Change], None]
Rules = Mapping[tuple[Stage, Message, str], tuple[Rule, ...]]


class Engine:
    """Writes records. `events` grows with every change; `tombstones` lists deletes as (version, id) per table."""

    def __init__(self, model: Model, store: Store, options: SalesOptions, clock: Clock, rules: Rules) -> None:
        self.model = model
        self.store = store
        self.options = options
        self.clock = clock
        self.rules = rules
        self.version = 1_000_000
        self.events: list[Event] = []
        self.tombstones: dict[str, list[tuple[int, str]]] = {name: [] for name in model.tables}
        self._postponed: dict[tuple[str, ...], Callable[[], None]] | None = None
        self._remembered: dict[tuple[str | None, ...], Any] = {}
        self._counters: dict[str, int] = {}
        self._depth = 0

    # -------------------------------------------------------------------- reading

    def table(self, name: str) -> Table:
        """Give a table by its logical name."""
        return self.model.tables[name]

    def get(self, table: str, record_id: str) -> Row | None:
        """Give a record, or None."""
        return self.store.get(table, (record_id,))

    def need(self, table: str, record_id: str) -> Row:
        """Give a record. Raises SalesError 404."""
        row = self.store.get(table, (record_id,))
        if row is None:
            raise missing_record(table, record_id)
        return row

    def currency(self, currency_id: str | None) -> Currency | None:
        """Give a currency, the organization's base currency for None."""
        currency_id = currency_id or self.base_currency_id()
        if currency_id is None:
            return None
        return self.remember(("currency", currency_id), lambda: self._read_currency(currency_id))

    def _read_currency(self, currency_id: str) -> Currency | None:
        row = self.get("transactioncurrency", currency_id)
        if row is None:
            return None
        precision = row["currencyprecision"]
        return Currency(
            currency_id,
            row["isocurrencycode"],
            2 if precision is None else precision,
            row["exchangerate"] or Decimal(1),
            row["currencysymbol"] or "",
        )

    def _check_privilege(self, right: str, table: Table, caller: Caller) -> None:
        name = f"prv{right}{table.name}"
        if caller.system or name.lower() not in {missing.lower() for missing in self.options.missing_privileges}:
            return
        raise lacks_privilege(name, table.name, caller.id, caller.id)

    def _check_owner(self, change: Change) -> None:
        owner, caller = change.row.get("ownerid"), change.caller
        if "ownerid" in change.given and owner != caller.id and owner in self.options.owners_without_privileges:
            raise lacks_privilege(f"prvRead{change.table.name}", change.table.name, owner, caller.id)

    def _owner(self, table: str, record_id: str) -> Mapping[str, Any]:
        """The user or team that a record is given to. Raises SalesError where it cannot own one."""
        owner = self.look(table, record_id)
        if owner.get("isdisabled") and self.options.disabled_owners == "refuse":
            raise SalesError(400, "0x80040265", f"The user {owner.get('fullname')} is disabled and cannot own records.")
        return owner

    def look(self, table: str, record_id: str) -> Mapping[str, Any]:
        """Give a record of a table that seldom changes (see `REFERENCE`), from memory where possible. Raises 404."""
        return self.remember((table, record_id), lambda: self.need(table, record_id))

    def remember(self, key: tuple[str | None, ...], read: Callable[[], _T]) -> _T:
        """Give what `read` gives, kept until a table of `REFERENCE` changes."""
        if key not in self._remembered:
            self._remembered[key] = read()
        kept: _T = self._remembered[key]
        return kept

    def base_currency_id(self) -> str | None:
        """Give the id of the organization's base currency."""
        return fixed_id(f"currency {self.options.base_currency}")

    def next_number(self, prefix: str, suffix: str) -> str:
        """Give the next of a running number: prefix, rising number, six-character suffix made of `suffix`."""
        number = self._counters.get(prefix, 1000)
        self._counters[prefix] = number + 1
        digest = uuid.uuid5(NAMESPACE, f"{prefix}{number}{suffix}").int
        letters = []
        for _ in range(6):
            digest, rest = divmod(digest, 26)
            letters.append(chr(ord("A") + rest))
        return f"{prefix}-{number:05d}-{''.join(letters)}"

    # -------------------------------------------------------------------- writing

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep what is done inside, or on an exception nothing of it."""
        events = len(self.events)
        graves = {name: len(graves) for name, graves in self.tombstones.items()}
        try:
            with self.store.savepoint():
                yield
        except BaseException:
            del self.events[events:]
            for name, length in graves.items():
                del self.tombstones[name][length:]
            self._remembered.clear()
            raise

    @contextmanager
    def bulk(self) -> Iterator[None]:
        """Run what rules leave for later once at the end instead of after each line: for seeds."""
        if self._postponed is not None:
            yield
            return
        self._postponed = {}
        try:
            with self.transaction():
                yield
                for task in list(self._postponed.values()):
                    task()
        finally:
            self._postponed = None

    @property
    def in_bulk(self) -> bool:
        """True inside `bulk`."""
        return self._postponed is not None

    def later(self, key: tuple[str, ...], task: Callable[[], None]) -> None:
        """Run a task now; inside `bulk` once per key at its end."""
        if self._postponed is None:
            task()
        else:
            self._postponed[key] = task

    def create(self, table_name: str, values: Row, caller: Caller) -> str:
        """Create a record from stored values and give its id. Raises SalesError."""
        table = self.model.tables[table_name]
        record_id = values.get(table.id) or str(uuid.uuid4())
        self._check_privilege("Create", table, caller)
        given = frozenset(values)
        row: Row = {**table.defaults, **values, table.id: record_id}
        change = Change("Create", table, record_id, None, row, row, given, caller, self._depth + 1)
        with self._nested():
            active = self.options.create_products_active
            stamp_creation(change, self._now(), self._owner, products_active=active)
            self._check_owner(change)
            self._run("before", change)
            self._check_required(change)
            self._finish(change)
            self._check_keys(change)
            try:
                self.store.insert(table_name, row)
            except DuplicateKeyError as error:
                raise SalesError(412, "0x80040237", "A record with matching key values already exists.") from error
            self._log(change)
            self._run("after", change)
        return record_id

    def update(self, table_name: str, record_id: str, values: Row, caller: Caller) -> None:
        """Change columns of a record. Raises SalesError, 404 when there is none."""
        table = self.model.tables[table_name]
        before = self.need(table_name, record_id)
        self._check_privilege("Write", table, caller)
        changes = dict(values)
        change = Change(
            "Update",
            table,
            record_id,
            before,
            {**before, **changes},
            changes,
            frozenset(values),
            caller,
            self._depth + 1,
        )
        with self._nested():
            stamp_change(change, self._now(), self._owner)
            self._check_owner(change)
            self._run("before", change)
            for name in change.given:
                column = table.columns[name]
                if column.required and change.row.get(name) is None:
                    raise _required(column)
            self._finish(change)
            self._check_keys(change)
            self.store.update(table_name, (record_id,), changes)
            self._log(change)
            self._run("after", change)

    def delete(self, table_name: str, record_id: str, caller: Caller) -> None:
        """Remove a record and what hangs on it. Raises SalesError, 404 when there is none."""
        table = self.model.tables[table_name]
        before = self.need(table_name, record_id)
        change = Change("Delete", table, record_id, before, dict(before), {}, frozenset(), caller, self._depth + 1)
        with self._nested():
            self._run("before", change)
            self.store.delete(table_name, (record_id,))
            self._log(change)
            self.tombstones[table_name].append((self.version, record_id))
            self._run("after", change)

    def write(self, table_name: str, record_id: str, values: Row, caller: Caller) -> None:
        """Change columns without running rules: for what the platform computes. Version and events move as ever."""
        table = self.model.tables[table_name]
        change = Change(
            "Update", table, record_id, None, dict(values), dict(values), frozenset(values), caller, self._depth + 1
        )
        stamp_change(change, self._now(), self._owner)
        self.version += 1
        change.changes["versionnumber"] = self.version
        self.store.update(table_name, (record_id,), change.changes)
        self._log(change)

    def system(self, caller: Caller) -> Caller:
        """Give the caller of what the platform does in consequence of the caller's request."""
        return replace(caller, system=True)

    # -------------------------------------------------------------------- inside

    def _now(self) -> str:
        return moment_text(self.clock.now())

    @contextmanager
    def _nested(self) -> Iterator[None]:
        self._depth += 1
        try:
            # A single write at the top needs no savepoint of its own when a batch or request holds one already.
            yield
        finally:
            self._depth -= 1

    def _run(self, stage: Stage, change: Change) -> None:
        for rule in self.rules.get((stage, change.message, change.table.name), ()):
            rule(self, change)

    def _check_required(self, change: Change) -> None:
        if change.caller.system:
            return
        for column in change.table.columns.values():
            if column.required and column.create and column.json and change.row.get(column.name) is None:
                raise _required(column)

    def _finish(self, change: Change) -> None:
        """Round amounts to their precision and fill what follows from the currency."""
        table, changes = change.table, change.changes
        self.version += 1
        changes["versionnumber"] = self.version
        if "transactioncurrencyid" not in table.columns:
            return
        currency = self.currency(change.row.get("transactioncurrencyid"))
        if currency is None:
            return
        if change.message == "Create" or "transactioncurrencyid" in changes:
            change.set("exchangerate", currency.rate)
        for column in table.amounts:
            value = changes.get(column.name)
            if value is None:
                if column.name in changes:
                    change.set(f"{column.name}_base", None)
                continue
            places = self.options.pricing_decimals if column.is_price else currency.precision
            exact = rounded(value, places)
            if exact != value and not self.options.money_rounded_silently and column.name in change.given:
                raise SalesError(400, "0x80044330", f"The value of '{column.name}' has more than {places} decimals.")
            change.set(column.name, exact)
            change.set(f"{column.name}_base", rounded(exact / currency.rate, 4))

    def _check_keys(self, change: Change) -> None:
        table = change.table
        for key in table.keys:
            if not any(part in change.changes for part in key):
                continue
            values = {part: change.row.get(part) for part in key}
            if any(value is None for value in values.values()):
                continue
            for found in self.find(table.name, values):
                if found != change.id:
                    described = ", ".join(f"{name} '{value}'" for name, value in values.items())
                    raise SalesError(
                        412,
                        "0x80060892",
                        f"A record that has the attribute values {described} already exists. The entity key "
                        f"{' '.join(key)} requires that this set of attributes contains unique values. Select unique "
                        "values and try again.",
                    )

    def find(self, table: str, values: Mapping[str, Any]) -> list[str]:
        """Give the ids of the records with these column values."""
        clause = None
        for name, value in values.items():
            column = self.store.column(table, name)
            part = column.is_(None) if value is None else column == value
            clause = part if clause is None else clause & part
        id_name = self.model.tables[table].id
        return [row[id_name] for row in self.store.select(table, clause, columns=(id_name,))]

    def _log(self, change: Change) -> None:
        if change.message == "Delete":
            self.version += 1
        if change.table.name in REFERENCE:
            self._remembered.clear()
        self.events.append(
            Event(
                sequence=len(self.events),
                message=change.message,
                table=change.table.name,
                id=change.id,
                user=change.caller.id,
                initiating_user=change.caller.on_behalf or change.caller.id,
                moment=self._now(),
                depth=change.depth,
                changes=change.changes,
                before=change.before,
            )
        )


def _required(column: Column) -> SalesError:
    return SalesError(
        400, "0x80040203", f"Required attribute '{column.name}' of '{column.table}' cannot be set to NULL."
    )
