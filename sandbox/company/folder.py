"""A company read from a folder of CSV files in the layout of the Northwind sample: customers, products, orders, lines.

A row that cannot be read, or that one of the two systems cannot hold, is left out and described in `Plan.problems`
with file, line, column and what to do; so is each row that depends on it. The rest goes on. An order with a line that
is left out is left out whole: half an order would be a wrong order. Files are UTF-8 (with or without a byte order mark)
or UTF-16 with one; values are separated by commas, semicolons or tabs, as the first line shows.
"""

import codecs
import csv
import io
import unicodedata
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
from sandbox.company.receivers import country_problem, day_problem, number_problem, text_problem

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

    def text(self, column: str, *holders: str, required: bool = False) -> str:
        """The value without blanks around it. Raises _Unreadable where one of the holders cannot take it."""
        value = self.values[column].strip()
        if value.upper() == "NULL":
            value = ""
        if problem := text_problem(value, *holders):
            raise self.unusable(column, problem)
        if required and not value:
            raise self.unusable(column, "is blank")
        return value

    def number(self, column: str, holder: str) -> Decimal:
        text = self.text(column, required=True)
        try:
            value = Decimal(text)
        except InvalidOperation:
            raise self.unusable(column, f"'{text}' is not a number: write digits with a decimal point") from None
        if not value.is_finite():
            raise self.unusable(column, f"'{text}' is not a number: write digits with a decimal point")
        if problem := number_problem(value, holder):
            raise self.unusable(column, problem)
        return value

    def day(self, column: str) -> date | None:
        text = self.text(column)
        try:
            day = date.fromisoformat(text[:10]) if text else None
        except ValueError:
            raise self.unusable(column, f"'{text}' is not a date (YYYY-MM-DD)") from None
        if day is not None and (problem := day_problem(day)):
            raise self.unusable(column, problem)
        return day

    def country(self, column: str, holder: str) -> str:
        country = self.text(column, holder)
        if problem := country_problem(country):
            raise self.unusable(column, problem)
        return country

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
        self._customers: dict[str, str] = {}
        self._products: dict[str, str] = {}

    def customers(self) -> None:
        for row in self._rows("customers.csv"):
            try:
                number = self._unused(row, "customer_id", self._customers, "account.accountnumber", "CustomerAccount")
                account = self._account(row, number)
            except _Unreadable as problem:
                self.plan.problems.append(str(problem))
                continue
            self._customers[_folded(number)] = number
            self.plan.accounts.append(account)
            try:
                contact = self._contact(row, account)
            except _Unreadable as problem:
                self.plan.problems.append(str(problem))
                continue
            if contact is not None:
                self.plan.contacts.append(contact)

    def products(self) -> None:
        for row in self._rows("products.csv"):
            try:
                number = self._unused(row, "product_id", self._products, "product.productnumber", "ProductNumber")
                product = Product(
                    number,
                    row.text("product_name", "product.name", "ProductName", required=True),
                    row.number("unit_price", "product.price"),
                    description=row.text("quantity_per_unit", "product.description"),
                    stopped=self._flag(row, "discontinued"),
                )
            except _Unreadable as problem:
                self.plan.problems.append(str(problem))
                continue
            self._products[_folded(number)] = number
            self.plan.products.append(product)

    def orders(self) -> None:
        lines = self._lines()
        seen: dict[str, str] = {}
        for row in self._rows("orders.csv"):
            try:
                number = self._unused(row, "order_id", seen, "salesorder.ordernumber", "SalesOrderNumber")
                seen[_folded(number)] = number
                order = self._order(row, number, lines.pop(_folded(number), []))
            except _Unreadable as problem:
                self.plan.problems.append(str(problem))
                continue
            if order is not None:
                self.plan.orders.append(order)
        for number, orphans in lines.items():
            if number not in seen:
                for row, _ in orphans:
                    given = row.values["order_id"].strip()
                    self.plan.problems.append(str(row.unusable("order_id", f"there is no usable order '{given}'")))

    def _lines(self) -> dict[str, list[tuple[_Row, Line | None]]]:
        """Group the lines by order; one that cannot be used is None, its problem is noted."""
        lines: dict[str, list[tuple[_Row, Line | None]]] = {}
        for row in self._rows("order_details.csv"):
            line: Line | None = None
            try:
                line = self._line(row)
            except _Unreadable as problem:
                self.plan.problems.append(str(problem))
            lines.setdefault(_folded(row.values["order_id"]), []).append((row, line))
        return lines

    def _line(self, row: _Row) -> Line:
        given = row.text("product_id", required=True)
        product = self._products.get(_folded(given))
        if product is None:
            raise row.unusable("product_id", f"there is no usable product '{given}'")
        quantity = row.number("quantity", "salesorderdetail.quantity")
        price = row.number("unit_price", "salesorderdetail.priceperunit")
        fraction = row.number("discount", "salesorderdetail.quantity")
        if quantity == 0:
            raise row.unusable("quantity", "is 0")
        if quantity != round(quantity, 5):
            raise row.unusable("quantity", f"{quantity:f} has more than the 5 decimals that Sales holds")
        if not 0 <= fraction <= 1:
            raise row.unusable("discount", f"{fraction:f} is not a fraction from 0 to 1")
        if problem := number_problem(quantity * price, "salesorderdetail.baseamount"):
            raise row.unusable("quantity", f"quantity x unit_price: {problem}")
        discount = money(quantity * price * fraction)
        if problem := number_problem(discount, "salesorderdetail.manualdiscountamount"):
            raise row.unusable("discount", f"quantity x unit_price x discount: {problem}")
        return Line(product, quantity, price, discount)

    def _order(self, row: _Row, number: str, lines: list[tuple[_Row, Line | None]]) -> Order | None:
        given = row.text("customer_id", required=True)
        customer = self._customers.get(_folded(given))
        if customer is None:
            raise row.unusable("customer_id", f"there is no usable customer '{given}'")
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
                row.text("ship_address", "salesorder.shipto_line1"),
                row.text("ship_city", "salesorder.shipto_city"),
                row.text("ship_postal_code", "salesorder.shipto_postalcode"),
                row.country("ship_country", "salesorder.shipto_country"),
                row.text("ship_region", "salesorder.shipto_stateorprovince"),
                name=row.text("ship_name", "salesorder.shipto_name"),
            ),
            deliver_by=row.day("required_date"),
            progress=Progress.INVOICED if row.day("shipped_date") else Progress.NONE,
            freight=row.number("freight", "salesorder.freightamount") if row.text("freight") else Decimal(0),
            details={"submitdate": entered} if entered else {},
        )

    def _account(self, row: _Row, number: str) -> Account:
        address = Address(
            row.text("address", "account.address1_line1"),
            row.text("city", "account.address1_city"),
            row.text("postal_code", "account.address1_postalcode"),
            row.country("country", "account.address1_country"),
            row.text("region", "account.address1_stateorprovince"),
        )
        details: dict[str, object] = {
            "telephone1": row.text("phone", "account.telephone1"),
            "fax": row.text("fax", "account.fax"),
        }
        name = row.text("company_name", "account.name", "OrganizationName", required=True)
        return Account(number, name, number, "USD", address, details=details)

    @staticmethod
    def _contact(row: _Row, account: Account) -> Contact | None:
        first, _, last = row.text("contact_name").rpartition(" ")
        if not last:
            return None
        for part, holder in ((first, "contact.firstname"), (last, "contact.lastname")):
            if problem := text_problem(part, holder):
                raise row.unusable(
                    "contact_name", f"'{part[:20]}...' {problem}; its account is there without a contact"
                )
        details: dict[str, object] = {
            "telephone1": row.text("phone", "contact.telephone1"),
            "jobtitle": row.text("contact_title", "contact.jobtitle"),
        }
        return Contact(
            f"contact of {account.number}",
            first,
            last,
            f"CON-{account.number}",
            ContactKind.COMPANY_CONTACT,
            account.number,
            address=account.address,
            details=details,
        )

    @staticmethod
    def _flag(row: _Row, column: str) -> bool:
        text = row.text(column).lower()
        if text not in {"", "0", "1", "true", "false", "t", "f"}:
            raise row.unusable(column, f"'{text}' is neither 0 nor 1")
        return text in {"1", "true", "t"}

    @staticmethod
    def _unused(row: _Row, column: str, seen: Mapping[str, str], *holders: str) -> str:
        number = row.text(column, *holders, required=True)
        if (other := seen.get(_folded(number))) is not None:
            same = "" if other == number else f" as '{other}', which the systems take for equal"
            raise row.unusable(column, f"'{number}' is there twice{same}: number it anew")
        return number

    def _rows(self, file: str) -> Iterator[_Row]:
        path = self._folder / file
        if not path.is_file():
            raise CompanyError(f"{path} is missing")
        stream = io.StringIO(_decoded(path), newline="")
        header = stream.readline()
        stream.seek(0)
        separator = max(",;\t", key=header.count)
        reader = csv.DictReader(stream, restkey="more", restval="", delimiter=separator)
        try:
            names = [name.strip() for name in reader.fieldnames or ()]
        except csv.Error as error:
            raise CompanyError(f"{path}, line 1 cannot be read: {error}") from None
        reader.fieldnames = names
        if absent := sorted(set(_COLUMNS[file]) - set(names)):
            raise CompanyError(f"{path} lacks the columns {', '.join(absent)}")
        start = reader.line_num + 1
        while True:
            try:
                values = next(reader, None)
            except csv.Error as error:
                self.plan.problems.append(f"{file}, line {start}: {error}; the rest of the file is left out")
                return
            if values is None:
                return
            if "more" in values:
                self.plan.problems.append(
                    f"{file}, line {start}, column {len(names) + 1}: there are more values than columns: quote a value "
                    "that has the separator in it"
                )
            elif any(value.strip() for value in values.values()):
                yield _Row(file, start, values)
            start = reader.line_num + 1


def _decoded(path: Path) -> str:
    """The text of a file. Bytes that are not UTF-8 stay as surrogates, so that the row they are in can be named."""
    content = path.read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    return content.decode("utf-8-sig", "surrogateescape")


def _folded(number: str) -> str:
    """A number as the databases compare it: without regard to case, width and trailing blanks."""
    return unicodedata.normalize("NFKC", number).strip().casefold()
