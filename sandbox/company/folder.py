"""A company read from a folder of CSV files in the layout of the Northwind sample: customers, products, orders, lines.

Whatever cannot be read is left out and described in `Plan.problems` with file, line and column; the rest goes on. An
order with a line that cannot be read is left out whole: half an order would be a wrong order.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from sandbox.company.plan import (
    USMF,
    Account,
    Address,
    CompanyError,
    Contact,
    ContactKind,
    Line,
    Order,
    Plan,
    Product,
    Progress,
    money,
)

_COLUMNS = {
    "customers.csv": ("customer_id", "company_name", "contact_name", "contact_title", "address", "city", "region",
                      "postal_code", "country", "phone", "fax"),
    "products.csv": ("product_id", "product_name", "quantity_per_unit", "unit_price", "discontinued"),
    "orders.csv": ("order_id", "customer_id", "order_date", "required_date", "shipped_date", "freight", "ship_name",
                   "ship_address", "ship_city", "ship_region", "ship_postal_code", "ship_country"),
    "order_details.csv": ("order_id", "product_id", "unit_price", "quantity", "discount"),
}  # fmt: skip


class _Unreadable(Exception):
    """A value of a row cannot be used."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One record of a file, with the line on which it starts."""

    file: str
    line: int
    values: Mapping[str, str]

    def text(self, column: str, *, required: bool = False) -> str:
        value = self.values[column].strip()
        if value.upper() == "NULL":
            value = ""
        if required and not value:
            raise self.unusable(column, "is blank")
        return value

    def number(self, column: str) -> Decimal:
        text = self.text(column, required=True)
        try:
            value = Decimal(text)
        except InvalidOperation:
            raise self.unusable(column, f"'{text}' is not a number") from None
        if not value.is_finite():
            raise self.unusable(column, f"'{text}' is not a number")
        return value

    def day(self, column: str) -> date | None:
        text = self.text(column)
        try:
            return date.fromisoformat(text[:10]) if text else None
        except ValueError:
            raise self.unusable(column, f"'{text}' is not a date (YYYY-MM-DD)") from None

    def unusable(self, column: str, reason: str) -> _Unreadable:
        return _Unreadable(f"{self.file}, line {self.line}, column {column}: {reason}")


def plan(folder: Path) -> Plan:
    """Read the company. Raises CompanyError when a file or a column is absent."""
    reader = _Reader(folder)
    reader.customers()
    reader.products()
    reader.orders()
    return reader.plan


class _Reader:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.plan = Plan(folder.name, [USMF])
        self._customers: set[str] = set()
        self._products: set[str] = set()

    def customers(self) -> None:
        for row in self._rows("customers.csv"):
            try:
                number = self._unused(row, "customer_id", self._customers)
                account = self._account(row, number)
            except _Unreadable as problem:
                self.plan.problems.append(str(problem))
                continue
            self._customers.add(number)
            self.plan.accounts.append(account)
            if name := row.text("contact_name"):
                first, _, last = name.rpartition(" ")
                details: dict[str, object] = {"telephone1": row.text("phone"), "jobtitle": row.text("contact_title")}
                self.plan.contacts.append(
                    Contact(
                        f"contact of {number}",
                        first,
                        last,
                        f"CON-{number}",
                        ContactKind.COMPANY_CONTACT,
                        number,
                        address=account.address,
                        details=details,
                    )
                )

    def products(self) -> None:
        for row in self._rows("products.csv"):
            try:
                number = self._unused(row, "product_id", self._products)
                product = Product(
                    number,
                    row.text("product_name", required=True),
                    row.number("unit_price"),
                    description=row.text("quantity_per_unit"),
                    stopped=self._flag(row, "discontinued"),
                )
            except _Unreadable as problem:
                self.plan.problems.append(str(problem))
                continue
            self._products.add(number)
            self.plan.products.append(product)

    def orders(self) -> None:
        lines = self._lines()
        seen: set[str] = set()
        for row in self._rows("orders.csv"):
            try:
                number = self._unused(row, "order_id", seen)
                order = self._order(row, number, lines.pop(number, []))
            except _Unreadable as problem:
                self.plan.problems.append(str(problem))
                continue
            seen.add(number)
            if order is not None:
                self.plan.orders.append(order)
        for number, orphans in lines.items():
            if number not in seen:
                row, _ = orphans[0]
                self.plan.problems.append(str(row.unusable("order_id", f"there is no usable order '{number}'")))

    def _lines(self) -> dict[str, list[tuple[_Row, Line | None]]]:
        """Group the lines by order; one that cannot be used is None, its problem is noted."""
        lines: dict[str, list[tuple[_Row, Line | None]]] = {}
        for row in self._rows("order_details.csv"):
            line: Line | None = None
            try:
                line = self._line(row)
            except _Unreadable as problem:
                self.plan.problems.append(str(problem))
            lines.setdefault(row.text("order_id"), []).append((row, line))
        return lines

    def _line(self, row: _Row) -> Line:
        product = row.text("product_id", required=True)
        if product not in self._products:
            raise row.unusable("product_id", f"there is no product '{product}'")
        quantity, price, fraction = row.number("quantity"), row.number("unit_price"), row.number("discount")
        if quantity == 0:
            raise row.unusable("quantity", "is 0")
        if not 0 <= fraction <= 1:
            raise row.unusable("discount", f"{fraction} is not a fraction from 0 to 1")
        return Line(product, quantity, price, money(quantity * price * fraction))

    def _order(self, row: _Row, number: str, lines: list[tuple[_Row, Line | None]]) -> Order | None:
        customer = row.text("customer_id", required=True)
        if customer not in self._customers:
            raise row.unusable("customer_id", f"there is no customer '{customer}'")
        usable = [line for _, line in lines if line is not None]
        if len(usable) < len(lines):
            self.plan.problems.append(
                f"{row.file}, line {row.line}: order {number} is left out, one of its lines is wrong"
            )
            return None
        if not usable:
            raise row.unusable("order_id", f"order '{number}' has no lines")
        entered = row.day("order_date")
        return Order(
            number,
            f"Order {number}",
            customer,
            tuple(usable),
            ship_to=Address(
                row.text("ship_address"),
                row.text("ship_city"),
                row.text("ship_postal_code"),
                row.text("ship_country"),
                row.text("ship_region"),
                name=row.text("ship_name"),
            ),
            deliver_by=row.day("required_date"),
            progress=Progress.INVOICED if row.day("shipped_date") else Progress.NONE,
            freight=row.number("freight") if row.text("freight") else Decimal(0),
            details={"submitdate": entered} if entered else {},
        )

    def _account(self, row: _Row, number: str) -> Account:
        address = Address(
            row.text("address"), row.text("city"), row.text("postal_code"), row.text("country"), row.text("region")
        )
        details: dict[str, object] = {"telephone1": row.text("phone"), "fax": row.text("fax")}
        return Account(number, row.text("company_name", required=True), number, "USD", address, details=details)

    @staticmethod
    def _flag(row: _Row, column: str) -> bool:
        text = row.text(column).lower()
        if text not in {"", "0", "1", "true", "false", "t", "f"}:
            raise row.unusable(column, f"'{text}' is neither 0 nor 1")
        return text in {"1", "true", "t"}

    @staticmethod
    def _unused(row: _Row, column: str, seen: set[str]) -> str:
        number = row.text(column, required=True)
        if number in seen:
            raise row.unusable(column, f"'{number}' is there twice")
        return number

    def _rows(self, file: str) -> Iterator[_Row]:
        path = self._folder / file
        if not path.is_file():
            raise CompanyError(f"{path} is missing")
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, restkey="more", restval="")
            if absent := sorted(set(_COLUMNS[file]) - set(reader.fieldnames or ())):
                raise CompanyError(f"{path} lacks the columns {', '.join(absent)}")
            start = reader.line_num + 1
            for values in reader:
                if "more" in values:
                    self.plan.problems.append(f"{file}, line {start}: there are more values than columns")
                else:
                    yield _Row(file, start, values)
                start = reader.line_num + 1
