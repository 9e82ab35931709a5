"""What people do in the application: master data, orders and their way to the invoice, the totals job.

Each method is also a route POST ``/sandbox/<name>`` that takes the arguments by name as JSON.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from decimal import Decimal
from typing import Any

from sandbox.finops import invoicing, posting
from sandbox.finops.books import Books
from sandbox.finops.catalog import EntitySet, entity_sets
from sandbox.finops.infolog import InfologError, RequestError
from sandbox.finops.options import Faults, Options
from sandbox.finops.rules.base import Write, fit_texts
from sandbox.finops.rules.masterdata import rules
from sandbox.finops.tables import tables, tables_by_set
from sandbox.finops.totals import calculate_sales_totals, order_lines, terms_of, with_charge
from sandbox.finops.writing import Writer, read_values
from sandbox.wire.service import PeopleError
from sandbox.wire.store import Row

Given = Mapping[str, Any]


class People(ABC):
    """The people of the application, as methods. All take the lock, so they may be called from any thread.

    Values of fields are those of the API (a date may be a day alone). Refusals raise PeopleError with the infolog.
    """

    books: Books
    options: Options
    faults: Faults
    lock: threading.RLock
    writer: Writer

    @abstractmethod
    def acting(self) -> str:
        """The name under which changes are logged."""

    # ---------------------------------------------------------------- rows of any kind

    def create(self, table_or_entity: str, row: Given, user: str = "people") -> Row:
        """Adds a row through the business logic of its entity set (or of its table) and gives it whole."""
        entity = _entity(table_or_entity)
        with self._doing(user):
            return self.writer.create_row(entity, self._values(entity, row), system=user == "people")

    def create_many(self, table_or_entity: str, rows: Sequence[Given], user: str = "people") -> int:
        """Adds many rows, all or none, through the same logic, and gives their number."""
        entity = _entity(table_or_entity)
        table = tables_by_set()[entity.name].name
        with self._doing(user), self.books.atomic():
            for row in rows:
                values = self._values(entity, row)
                company = str(values.get("dataAreaId") or self.options.default_company).lower()
                if entity.by_company:
                    values["dataAreaId"] = company
                write = Write(self.books, entity, company, user == "people")
                fit_texts(write, values)
                rules()[table].create(write, values)
        return len(rows)

    def update(self, table_or_entity: str, key: Given, changes: Given, user: str = "people") -> Row:
        """Changes a row through the business logic and gives it whole."""
        entity = _entity(table_or_entity)
        with self._doing(user):
            row = self._row(tables_by_set()[entity.name].name, **key)
            return self.writer.update_row(entity, row, self._values(entity, changes), system=user == "people")

    def delete(self, table_or_entity: str, key: Given, user: str = "people") -> None:
        """Removes a row through the business logic."""
        entity = _entity(table_or_entity)
        with self._doing(user):
            self.writer.delete_row(entity, self._row(tables_by_set()[entity.name].name, **key), system=user == "people")

    # ---------------------------------------------------------------- master data

    def new_customer(self, account: str, name: str, company: str = "usmf", **values: Any) -> Row:
        """Adds a customer (group 10 unless given); further fields by name."""
        given = {"CustomerGroupId": "10", "OrganizationName": name, "CustomerAccount": account, "dataAreaId": company}
        return self.create("CustomersV3", {**given, **values})

    def new_product(self, number: str, name: str, price: Decimal, company: str = "usmf", **values: Any) -> Row:
        """Releases a product to a company; further fields by name, ``_Sellable`` and ``_SiteId`` among them."""
        given = {"ProductNumber": number, "ProductName": name, "SalesPrice": price, "dataAreaId": company}
        return self.create("SellableReleasedProducts", {**given, **values})

    def change_product(self, number: str, company: str = "usmf", **values: Any) -> Row:
        """Changes a product's price, name or other fields."""
        return self.update("SellableReleasedProducts", {"dataAreaId": company, "ProductNumber": number}, values)

    def stop_product(self, number: str, company: str = "usmf", stopped: bool = True) -> Row:
        """Stops a product for sales, or lets it be sold again."""
        return self.change_product(number, company, IsSalesStopped="Yes" if stopped else "No")

    # ---------------------------------------------------------------- orders

    def new_order(
        self,
        customer: str,
        lines: Sequence[Given],
        company: str = "usmf",
        origin: str = "NotSpecified",
        **values: Any,
    ) -> Row:
        """Enters an order with lines (each at least ProductNumber and OrderedSalesQuantity) and gives its header.

        ``origin`` is the origin type, such as WorkOrderIntegration.
        """
        given = {
            "dataAreaId": company,
            "OrderingCustomerAccountNumber": customer,
            "SalesOrderOriginType": origin,
            **values,
        }
        with self._doing(), self.books.atomic():
            header = self.create("CDSSalesOrderHeaders", given)
            number = {"dataAreaId": company, "SalesOrderNumber": header["SalesOrderNumber"]}
            for line in lines:
                self.create("CDSSalesOrderLines", {**number, **line})
            return self._order(header["SalesOrderNumber"], company)

    def confirm(self, order: str, company: str = "usmf") -> Row:
        """Posts the confirmation."""
        return self._post(order, company, posting.confirm)

    def pick(self, order: str, company: str = "usmf", lines: Mapping[Any, Any] | None = None) -> Row:
        """Picks all, or ``lines``: quantity by line number."""
        return self._post(order, company, lambda books, row: posting.pick(books, row, _quantities(lines)))

    def ship(self, order: str, company: str = "usmf", lines: Mapping[Any, Any] | None = None) -> Row:
        """Posts a packing slip for all, or for ``lines``: quantity by line number."""
        return self._post(order, company, lambda books, row: posting.ship(books, row, _quantities(lines)))

    def invoice(self, order: str, company: str = "usmf", shipped_only: bool = False) -> Row:
        """Posts an invoice for the whole order, or only for what was shipped. Gives the invoice's row."""
        return self._post(order, company, lambda books, row: invoicing.invoice(books, row, shipped_only))

    def credit_note(self, invoice: str, company: str = "usmf", lines: Mapping[Any, Any] | None = None) -> Row:
        """Posts a credit note for a whole invoice, or for ``lines``: quantity by line number. Gives its row."""
        with self._doing(), self.books.atomic():
            rows = self.books.rows("CustInvoiceJour", dataAreaId=company.lower(), InvoiceNumber=invoice)
            if not rows:
                raise PeopleError(f"There is no invoice {invoice} in {company}.")
            return invoicing.credit_note(self.books, rows[0], _quantities(lines))

    def cancel_order(self, order: str, company: str = "usmf", line: int | None = None) -> Row:
        """Cancels an order, or one line of it."""
        return self._post(order, company, lambda books, row: posting.cancel(books, row, line))

    def add_freight(self, order: str, amount: Decimal, company: str = "usmf") -> Row:
        """Sets the freight charge of the header; its tax shows when the totals are calculated."""
        return self.charge(order, amount, company=company)

    def charge(
        self, order: str, amount: Decimal, code: str = "FREIGHT", company: str = "usmf", line: int | None = None
    ) -> Row:
        """Sets the charge of that code on the header, or on a line; 0 removes it. Gives the header."""
        with self._doing(), self.books.atomic():
            header = self._order(order, company)
            exact = terms_of(self.books, header).round(Decimal(amount))
            if line is None:
                return self._totals_changed(header, {"_Charges": with_charge(header, code, exact)})
            number = {"dataAreaId": company, "SalesOrderNumber": order, "LineCreationSequenceNumber": line}
            row = self._row("SalesLine", **number)
            self.books.change("SalesLine", row, {"_Charges": with_charge(row, code, exact)})
            return self._totals_changed(header, {})

    def discount_order(
        self,
        order: str,
        amount: Decimal = Decimal(0),
        percentage: Decimal = Decimal(0),
        company: str = "usmf",
    ) -> Row:
        """Sets the total discount of an order, as an amount or as a percentage of its lines. Gives the header."""
        given = {"TotalDiscountAmount": Decimal(amount), "_TotalDiscountPercentage": Decimal(percentage)}
        with self._doing(), self.books.atomic():
            return self._totals_changed(self._order(order, company), given)

    def calculate_totals(self, company: str | None = None) -> int:
        """Runs the batch job *Calculate sales totals* and gives the number of orders that it brought up to date."""
        with self._doing():
            return calculate_sales_totals(self.books, company)

    def order(self, order: str, company: str = "usmf") -> dict[str, Any]:
        """An order as it stands: the header's columns and its ``lines``."""
        with self.lock:
            row = self._order(order, company)
            return {**row, "lines": order_lines(self.books, row)}

    # ---------------------------------------------------------------- the server itself

    def set_options(self, **values: Any) -> dict[str, Any]:
        """Assigns switches and gives all of them."""
        return _assign(self.options, values)

    def set_faults(self, **values: Any) -> dict[str, Any]:
        """Assigns misfortunes to come and gives all of them."""
        return _assign(self.faults, values)

    def actions(self) -> Mapping[str, Callable[..., Any]]:
        """Every method that is a route, by the route's name."""
        return {
            "create": self.create,
            "create-many": self.create_many,
            "update": self.update,
            "delete": self.delete,
            "customer": self.new_customer,
            "product": self.new_product,
            "change-product": self.change_product,
            "stop-product": self.stop_product,
            "order": self.new_order,
            "confirm": self.confirm,
            "pick": self.pick,
            "ship": self.ship,
            "invoice": self.invoice,
            "credit-note": self.credit_note,
            "cancel": self.cancel_order,
            "freight": self.add_freight,
            "charge": self.charge,
            "discount-order": self.discount_order,
            "totals": self.calculate_totals,
            "show-order": self.order,
            "options": self.set_options,
            "faults": self.set_faults,
        }

    @contextmanager
    def _doing(self, user: str | None = None) -> Iterator[None]:
        with self.lock, self.books.acting_as(user or self.acting()):
            try:
                yield
            except InfologError as error:
                raise PeopleError(str(error)) from error
            except RequestError as error:
                raise PeopleError(error.message) from error

    def _post(self, order: str, company: str, action: Callable[[Books, Row], Row]) -> Row:
        with self._doing(), self.books.atomic():
            return action(self.books, self._order(order, company))

    def _totals_changed(self, order: Row, changes: Given) -> Row:
        shown = {"AreSalesOrderTotalsUpdated": "No", "AreTotalsCalculated": "No"}
        number = {"dataAreaId": order["dataAreaId"], "SalesOrderNumber": order["SalesOrderNumber"]}
        self.books.change_where("SalesLine", shown, **number)
        return self.books.change("SalesTable", order, {**changes, "AreTotalsUpdated": "No"})

    def _order(self, order: str, company: str) -> Row:
        return self._row("SalesTable", dataAreaId=company, SalesOrderNumber=order)

    def _row(self, table: str, **key: Any) -> Row:
        found = self.books.rows(table, **key)
        if not found:
            raise PeopleError(f"{tables()[table].label}: there is no {key}.")
        return found[0]

    def _values(self, entity: EntitySet, given: Given) -> dict[str, Any]:
        """Stored values; hidden columns of the table are taken as they are."""
        hidden = tables_by_set()[entity.name].hidden
        values = read_values(entity, {name: value for name, value in given.items() if name not in hidden})
        return {**values, **{name: value for name, value in given.items() if name in hidden}}


def _entity(table_or_entity: str) -> EntitySet:
    name = tables()[table_or_entity].sets[-1] if table_or_entity in tables() else table_or_entity
    if name not in tables_by_set():
        raise PeopleError(f"There is no entity set or table {table_or_entity}.")
    return entity_sets()[name]


def _quantities(lines: Mapping[Any, Any] | None) -> dict[int, Decimal] | None:
    return None if lines is None else {int(number): Decimal(str(quantity)) for number, quantity in lines.items()}


def _assign(target: Options | Faults, values: Mapping[str, Any]) -> dict[str, Any]:
    known = [field.name for field in fields(target)]
    for name, value in values.items():
        if name not in known:
            raise PeopleError(f"There is no switch {name}.")
        setattr(target, name, value)
    return {name: getattr(target, name) for name in known}
