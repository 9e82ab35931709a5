"""A small world for a run: a template, a source of pages, a destination in memory that behaves like Sales."""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, uuid5

from p2c.documents import (
    Changed,
    DocumentChange,
    DocumentRead,
    DocumentWrite,
    ExistingDocument,
    ExistingRow,
    LegalEntity,
    Missing,
    Page,
    Reference,
    ResolvedRow,
    Row,
    SourceDocument,
    Value,
)
from p2c.errors import Conflict, ExpiredToken, MissingRow, P2CError, ServiceError
from p2c.mapping.context import Context
from p2c.mapping.mapper import Mapper
from p2c.systems.ends import Ambiguous
from p2c.templates.load import parse_template
from p2c.templates.models import Template

if TYPE_CHECKING:
    from p2c.systems.ends import Remembered

USMF = LegalEntity("usmf")

ORDERS: dict[str, Any] = {
    "id": "small-orders",
    "name": "Orders to Sales",
    "from": "finops",
    "to": "sales",
    "family": "orders",
    "tasks": [
        {
            "name": "Header",
            "source": {"entity": "CDSSalesOrderHeaders", "key": ["SalesOrderNumber"]},
            "destination": {
                "entity": "salesorders",
                "key": ["ordernumber"],
                "evidence": [{"same": ["customerid.Account(accountnumber)", "transactioncurrencyid.isocurrencycode"]}],
                "shown": [
                    {"name": "name", "source": "SalesOrderName", "destination": "name"},
                    {
                        "name": "customer",
                        "source": "OrderingCustomerAccountNumber",
                        "destination": "customerid.Account(accountnumber)",
                    },
                ],
            },
            "rules": [{"name": "confirmed", "when": "SalesOrderProcessingStatus ne 'Active'", "reason": "Not yet."}],
            "fields": [
                {"source": "SalesOrderNumber", "destination": "ordernumber", "on": "create"},
                {"source": "SalesOrderName", "destination": "name"},
                {
                    "source": "OrderingCustomerAccountNumber",
                    "destination": "customerid.Account(accountnumber)",
                    "required": True,
                    "missing": "park",
                },
                {
                    "source": "CurrencyCode",
                    "destination": "transactioncurrencyid.isocurrencycode",
                    "on": "create",
                    "required": True,
                    "missing": "reject",
                },
                {"source": "QuotationNumber", "destination": "quoteid.quotenumber", "missing": "omit"},
                {"source": "DeliveryAddressCity", "destination": "shipto_city"},
                {"source": "DeliveryAddressName", "destination": "shipto_name", "on": "create"},
                {"source": "DeliveryAddressStreet", "destination": "shipto_line1", "on": "update"},
                {
                    "source": "SalesOrderProcessingStatus",
                    "destination": "msdynce_processingstatus",
                    "transform": [
                        {"transformType": "ValueMap", "valueMap": {"Confirmed": 647390001, "Picked": 647390004}}
                    ],
                    "last": True,
                },
            ],
        },
        {
            "name": "Line",
            "parent": "Header",
            "source": {
                "entity": "CDSSalesOrderLines",
                "key": ["LineCreationSequenceNumber"],
                "link": {"SalesOrderNumber": "SalesOrderNumber"},
            },
            "destination": {
                "entity": "salesorderdetails",
                "key": ["sequencenumber"],
                "link": {"salesorderid": "salesorderid"},
                "ignore": "msdynce_ismisctax eq true",
            },
            "fields": [
                {"source": "LineCreationSequenceNumber", "destination": "sequencenumber"},
                {
                    "source": "ProductNumber",
                    "destination": "productid.productnumber",
                    "lineKind": "product",
                    "missing": "writeIn",
                },
                {
                    "destination": "isproductoverridden",
                    "transform": [{"transformType": "Default", "defaultValue": True}],
                    "lineKind": "writeIn",
                },
                {
                    "source": "LineDescription",
                    "destination": "productdescription",
                    "transform": [{"transformType": "Default", "defaultValue": "Something"}],
                    "lineKind": "writeIn",
                },
                {"source": "OrderedSalesQuantity", "destination": "quantity", "required": True},
                {"source": "SalesPrice", "destination": "priceperunit"},
            ],
        },
    ],
}

CUSTOMER, PRODUCT = "customerid.Account(accountnumber)", "productid.productnumber"
CURRENCY, QUOTE = "transactioncurrencyid.isocurrencycode", "quoteid.quotenumber"
_TABLES = {CUSTOMER: "account", PRODUCT: "product", CURRENCY: "transactioncurrency", QUOTE: "quote"}
_SETS = {
    "account": "accounts",
    "product": "products",
    "transactioncurrency": "transactioncurrencies",
    "quote": "quotes",
}


def template(top: Mapping[str, Any] | None = None, **line_destination: Any) -> Template:
    """The orders template; `top` changes its outermost fields, arguments the destination of its lines
    (`extra="keep"`)."""
    raw = copy.deepcopy(ORDERS) | dict(top or {})
    raw["tasks"][1]["destination"].update(line_destination)
    return parse_template(raw, "small.json")


def mapper(of: Template | None = None) -> Mapper:
    return Mapper(of or template(), Context("usmf", currency_precision={"USD": 2, "JPY": 0}))


def guid(name: str) -> str:
    return str(uuid5(NAMESPACE_OID, name))


def order(
    key: str, *lines: Row, name: str = "Order", legal_entity: str = "usmf", etag: str = "", **cells: Value
) -> SourceDocument:
    """A confirmed order of customer C-1 in US dollars; `cells` change its header."""
    header: dict[str, Value] = {
        "SalesOrderNumber": key,
        "SalesOrderName": name,
        "OrderingCustomerAccountNumber": "C-1",
        "CurrencyCode": "USD",
        "QuotationNumber": "",
        "DeliveryAddressCity": "",
        "DeliveryAddressName": "",
        "DeliveryAddressStreet": "",
        "SalesOrderProcessingStatus": "Confirmed",
        **cells,
    }
    return SourceDocument(key, f"id of {key}", header, {"Line": list(lines)}, etag, legal_entity)


def line(number: Value, product: str = "P-1", quantity: Value = Decimal(1), **cells: Value) -> Row:
    return {
        "LineCreationSequenceNumber": number,
        "ProductNumber": product,
        "OrderedSalesQuantity": quantity,
        "SalesPrice": Decimal("5.00"),
        "LineDescription": "",
        **cells,
    }


class Pages:
    """A source of pages; `cursors` are those that were asked for, `read` the pages handed out."""

    def __init__(self, *pages: Sequence[SourceDocument], orphans: Sequence[tuple[str, str, str]] = ()) -> None:
        self.content = [list(page) for page in pages] or [[]]
        self.orphans = orphans
        self.cursors: list[str | None] = []
        self.read = 0
        self.closed = 0
        self.fails_at: int | None = None
        self.error: P2CError | None = None

    async def pages(
        self, read: DocumentRead, legal_entity: LegalEntity, *, page_size: int, cursor: str | None = None
    ) -> AsyncIterator[Page]:
        self.cursors.append(cursor)
        try:
            for number in range(int(cursor or 0), len(self.content)):
                if self.error is not None and number == self.fails_at:
                    raise self.error
                self.read += 1
                last = number == len(self.content) - 1
                following = None if last else str(number + 1)
                yield Page(self.content[number], following, self.orphans if last else ())
        finally:
            self.closed += 1

    async def documents(
        self, read: DocumentRead, legal_entity: LegalEntity, keys: Sequence[str]
    ) -> list[SourceDocument]:
        return [one for page in self.content for one in page if one.key in keys]

    async def mark(self, read: DocumentRead, legal_entity: LegalEntity) -> dict[str, str]:
        """Nothing: this source cannot tell what changed."""
        return {}

    def changes(
        self,
        read: DocumentRead,
        legal_entity: LegalEntity,
        tokens: Mapping[str, str],
        remembered: Remembered,
        *,
        page_size: int,
    ) -> AsyncGenerator[Changed]:
        raise ExpiredToken("there never was a token", system="finops")

    async def whole(self, read: DocumentRead, legal_entity: LegalEntity, changed: Changed) -> Page:
        raise AssertionError("this source names nothing")


@dataclass
class Shelf:
    """A destination in memory: rows by entity and id. `errors` come, by document key, before a write takes effect.

    `lost` are documents whose next write takes effect and is then answered with the error.
    """

    rows: dict[str, dict[str, dict[str, Value]]] = field(default_factory=dict)
    known: set[tuple[str, str]] = field(
        default_factory=lambda: {
            (CUSTOMER, "C-1"),
            (PRODUCT, "P-1"),
            (PRODUCT, "P-2"),
            (CURRENCY, "USD"),
            (CURRENCY, "JPY"),
        }
    )
    states: dict[str, str] = field(default_factory=dict)
    twice: set[tuple[str, str]] = field(default_factory=set)
    errors: dict[str, list[P2CError]] = field(default_factory=dict)
    lost: dict[str, ServiceError] = field(default_factory=dict)
    changes: list[DocumentChange] = field(default_factory=list)
    fetches: int = 0

    async def resolve(
        self, entity: str, rows: Sequence[Mapping[str, Value]], legal_entity: LegalEntity | None = None
    ) -> list[ResolvedRow]:
        return [self._resolved(row) for row in rows]

    def _resolved(self, row: Mapping[str, Value]) -> ResolvedRow:
        values: dict[str, Value | Reference] = {}
        missing: list[Missing] = []
        for path, value in row.items():
            column = path.partition(".")[0]
            if column == path:
                values[path] = value
            elif value in (None, ""):
                values[column] = None
            elif (path, str(value)) in self.twice:
                missing.append(Ambiguous(path, str(value), _TABLES[path], 2))
            elif (path, str(value)) in self.known:
                values[column] = self.reference(path, str(value))
            else:
                missing.append(Missing(path, str(value), _TABLES[path]))
        return ResolvedRow(values, tuple(missing))

    def reference(self, path: str, value: str) -> Reference:
        column = path.partition(".")[0]
        return Reference(column, column, _SETS[_TABLES[path]], guid(value), self.states.get(value, ""))

    async def fetch(
        self, write: DocumentWrite, legal_entity: LegalEntity, keys: Sequence[tuple[str, ...]]
    ) -> dict[tuple[str, ...], list[ExistingDocument]]:
        self.fetches += 1
        found: dict[tuple[str, ...], list[ExistingDocument]] = {}
        for key in keys:
            folded = tuple(part.casefold() for part in key)
            found[folded] = [
                self._document(write, identifier, row)
                for identifier, row in self.rows.get(write.header.entity, {}).items()
                if tuple(str(row.get(column) or "").casefold() for column in write.header.key) == folded
            ]
        return found

    def _document(self, write: DocumentWrite, identifier: str, row: Row) -> ExistingDocument:
        lines: dict[str, list[ExistingRow]] = {}
        for one in write.lines:
            link = one.link[0][0]
            rows = self.rows.get(one.entity, {})
            lines[one.task] = [ExistingRow(key, dict(its)) for key, its in rows.items() if its.get(link) == identifier]
        return ExistingDocument(ExistingRow(identifier, dict(row)), lines)

    async def documents(
        self, read: DocumentRead, legal_entity: LegalEntity, keys: Sequence[str]
    ) -> list[SourceDocument]:
        """Headers by id; a lookup is shown by the id that it holds."""
        table = self.rows.get(read.header.entity, {})
        (column,) = read.header.key
        found: list[SourceDocument] = []
        for key in keys:
            if key in table:
                shown = {path: table[key].get(path.partition(".")[0]) for path in read.header.paths}
                found.append(SourceDocument(key, key, shown | {column: key}))
        return found

    async def write(self, changes: Sequence[DocumentChange]) -> list[ServiceError | None]:
        answers: list[ServiceError | None] = []
        for change in changes:
            waiting = self.errors.get(change.key)
            error = waiting.pop(0) if waiting else None
            if error is not None and not isinstance(error, ServiceError):
                raise error
            if error is None:
                error = self._apply(change)
            answers.append(error or self.lost.pop(change.key, None))
        return answers

    def _apply(self, change: DocumentChange) -> ServiceError | None:
        before = copy.deepcopy(self.rows)
        for row in change.rows:
            table = self.rows.setdefault(row.entity, {})
            key = str(row.key)
            there = key in table
            if there is (row.action == "create"):
                self.rows = before
                return (Conflict if there else MissingRow)(f"{row.entity} {key}", system="sales")
            if row.action == "delete":
                del table[key]
            else:
                values = {name: one.id if isinstance(one, Reference) else one for name, one in row.values.items()}
                table.setdefault(key, {}).update(values)
        self.changes.append(change)
        return None

    async def missing(
        self, references: Collection[tuple[str, str]], legal_entity: LegalEntity
    ) -> dict[tuple[str, str], str]:
        return {}

    def headers(self) -> dict[Value, dict[str, Value]]:
        """The order headers by number."""
        return {row.get("ordernumber"): row for row in self.rows.get("salesorders", {}).values()}

    def lines(self, number: str) -> dict[Value, dict[str, Value]]:
        """The lines of an order by their number."""
        header = next(key for key, row in self.rows["salesorders"].items() if row.get("ordernumber") == number)
        rows = self.rows.get("salesorderdetails", {}).values()
        return {row.get("sequencenumber"): row for row in rows if row.get("salesorderid") == header}

    def put(self, number: str, *lines: Mapping[str, Value], **cells: Value) -> str:
        """An order of the same customer and currency that was there before us; gives the header's id."""
        header = guid(f"theirs {number}")
        row = {"customerid": guid("C-1"), "transactioncurrencyid": guid("USD"), **cells}
        self.rows.setdefault("salesorders", {})[header] = {"ordernumber": number, **row}
        for one in lines:
            row = {"salesorderid": header, **one}
            self.rows.setdefault("salesorderdetails", {})[guid(f"{header} {one}")] = row
        return header


def now() -> datetime:
    return datetime.now(UTC)
