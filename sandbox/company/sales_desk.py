"""A person at a desk in Sales: finds, creates and changes records by names that people use.

Every record that a company brings along has an id made of its table and key, so that the same plan gives the same rows
in every run.
"""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from sandbox.sales.service import SalesService

_NAMESPACE = uuid.UUID("c0a9a1fe-0000-4000-8000-000000000000")


class Ref(NamedTuple):
    """A lookup's value: which table, which record."""

    table: str
    id: str


def record_id(table: str, key: str) -> str:
    """Give the id of a record that a company brings along."""
    return str(uuid.uuid5(_NAMESPACE, f"{table} {key}"))


class SalesDesk:
    """What a person does in Sales, with the business logic of the Web API. Raises SalesError where that refuses."""

    def __init__(self, service: SalesService, user: str = "people") -> None:
        self.service = service
        self.user = user

    @contextmanager
    def bulk(self) -> Iterator[None]:
        """Compute totals and flags once at the end instead of after each line."""
        with self.service.bulk():
            yield

    def find(self, table: str, **equal: object) -> Ref | None:
        """Give the first record with these column values, or None."""
        with self.service.lock:
            found = self.service.engine.find(table, equal)
        return Ref(table, found[0]) if found else None

    def create(self, table: str, key: str, row: Mapping[str, object]) -> Ref:
        """Create the record of a company's `key`; blanks, and columns of a solution that is not there, are left out."""
        found = self.service.people.table(table)
        record = Ref(table, record_id(table, key))
        values = {
            name: value
            for name, value in row.items()
            if value not in ("", None) and (name in found.columns or not name.startswith("msdynce_"))
        }
        self.service.create(table, {**values, found.id: record.id}, user=self.user)
        return record

    def ensure(self, table: str, key: str, match: Mapping[str, object], row: Mapping[str, object]) -> Ref:
        """Give the record with the values of `match`, created when it is missing."""
        equal = {name: value.id if isinstance(value, Ref) else value for name, value in match.items()}
        return self.find(table, **equal) or self.create(table, key, {**match, **row})

    def update(self, record: Ref, row: Mapping[str, object]) -> None:
        """Change columns of a record; None clears."""
        self.service.people.update(record.table, record.id, row, user=self.user)

    def activate_quote(self, quote: Ref) -> None:
        """Activate a draft quote."""
        self.service.people.activate_quote(quote.id, self.user)

    def revise_quote(self, quote: Ref) -> Ref:
        """Revise an active quote and give the new draft."""
        return Ref("quote", self.service.people.revise_quote(quote.id, self.user))

    def win_quote(self, quote: Ref) -> None:
        """Close an active quote as won."""
        self.service.people.win_quote(quote.id, self.user)

    def close_quote(self, quote: Ref, status: int) -> None:
        """Close an active quote with a status reason: 5 Lost, 6 Canceled."""
        self.service.people.close_quote(quote.id, self.user, status=status)

    def submit_quote(self, quote: Ref) -> None:
        """Press *Submit quote*, or without the solution close the quote as lost."""
        if self.service.options.solution:
            self.service.people.submit_quote(quote.id, self.user)
        else:
            self.close_quote(quote, 5)

    def activate_order(self, order: Ref) -> None:
        """Press *Activate*; without the solution there is no such button and an order is active as it is."""
        if self.service.options.solution:
            self.service.people.activate_order(order.id, self.user)

    def cancel_order(self, order: Ref) -> None:
        """Cancel an order."""
        self.service.people.cancel_order(order.id, self.user)
