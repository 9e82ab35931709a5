"""The totals at the end: every document that both systems have, compared in arithmetic of its own.

It shares no code with p2c and reads with plain requests, so the two judges cannot share a mistake: the total of a
confirmed order and of an invoice is compared as F&O states it; of quotes and open orders, which F&O does not total, the
sum of the lines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from demo.check import Reader

Row = Mapping[str, Any]
Key = tuple[str, str]
_NOTHING = Decimal(0)
_SUBMITTED = 647390000


@dataclass(slots=True)
class Totals:
    """The documents of one kind, legal entity and currency: how many, their sums, and a sentence per difference."""

    what: str
    company: str
    currency: str
    documents: int = 0
    sales: Decimal = _NOTHING
    finops: Decimal = _NOTHING
    differences: list[str] = field(default_factory=list)

    def add(self, number: str, sales: Decimal, finops: Decimal) -> None:
        """One document."""
        self.documents += 1
        self.sales += sales
        self.finops += finops
        if sales != finops:
            self.differences.append(
                f"{self.what} {number}: total {sales.normalize():f} in Sales, {finops.normalize():f} in F&O"
            )


def totals(reader: Reader) -> list[Totals]:
    """Every quote, order and invoice that both systems have."""
    found: dict[tuple[str, str, str], Totals] = {}
    for what, company, currency, number, sales, finops in (*_quotes(reader), *_orders(reader), *_invoices(reader)):
        key = what, company, currency
        found.setdefault(key, Totals(*key)).add(f"{company} {number}", sales, finops)
    return list(found.values())


Figures = tuple[str, str, str, str, Decimal, Decimal]
"""What, legal entity, currency, number, the figure of Sales, that of F&O."""


def _quotes(reader: Reader) -> Iterator[Figures]:
    current: dict[Key, Row] = {}
    for row in reader.sales(
        "quotes?$select=quotenumber,revisionnumber,statecode,statuscode,totalamount,totaltax,_owningbusinessunit_value"
    ):
        key = _key(reader.home(row), row["quotenumber"])
        activated = row["statecode"] in (1, 2) or row["statuscode"] == _SUBMITTED
        if activated and row["revisionnumber"] >= current.get(key, row)["revisionnumber"]:
            current[key] = row
    lines = _grouped(reader.finops("CDSSalesQuotationLines"), "SalesQuotationNumber")
    for header in reader.finops("CDSSalesQuotationHeaders"):
        key = _key(header["dataAreaId"], header["SalesQuotationNumber"])
        if key in current:
            yield "quote", *_place(header), key[1], _net(current[key]), _sum(lines[key])


def _orders(reader: Reader) -> Iterator[Figures]:
    query = "salesorders?$select=ordernumber,totalamount,totaltax,_owningbusinessunit_value"
    ours = {_key(reader.home(row), row["ordernumber"]): row for row in reader.sales(query)}
    lines = _grouped(reader.finops("CDSSalesOrderLines"), "SalesOrderNumber")
    for header in reader.finops("CDSSalesOrderHeaders"):
        key = _key(header["dataAreaId"], header["SalesOrderNumber"])
        row = ours.get(key)
        if row is None:
            continue
        if header["SalesOrderProcessingStatus"] == "Active":
            yield "open order", *_place(header), key[1], _net(row), _sum(lines[key])
        elif header["AreTotalsUpdated"] == "Yes":
            yield "order", *_place(header), key[1], _of(row["totalamount"]), _of(header["OrderTotalAmount"])


def _invoices(reader: Reader) -> Iterator[Figures]:
    """Several invoices may have one number, so the figures of a number are compared in order."""
    query = "invoices?$select=invoicenumber,totalamount,_owningbusinessunit_value"
    ours: dict[Key, list[Decimal]] = defaultdict(list)
    for row in reader.sales(query):
        ours[_key(reader.home(row), row["invoicenumber"])].append(_of(row["totalamount"]))
    theirs: dict[Key, list[tuple[Decimal, Row]]] = defaultdict(list)
    for header in reader.finops("ExternallyMaintainedCustomerSalesInvoiceHeaders"):
        # Tax on charges of the invoice itself is not synchronised.
        total = _of(header["TotalInvoiceAmount"]) - _of(header["InvoiceHeaderTaxAmount"])
        theirs[_key(header["dataAreaId"], header["InvoiceNumber"])].append((total, header))
    for key, invoices in theirs.items():
        ordered = sorted(invoices, key=lambda invoice: invoice[0])
        for sales, (total, header) in zip(sorted(ours[key]), ordered, strict=False):
            yield "invoice", *_place(header), key[1], sales, total


def _grouped(rows: Sequence[Row], number: str) -> dict[Key, list[Row]]:
    groups: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        groups[_key(row["dataAreaId"], row[number])].append(row)
    return groups


def _sum(lines: Sequence[Row]) -> Decimal:
    """What open lines come to; the amount of a line holds its charges."""
    return sum((_of(line["LineAmount"]) for line in lines), _NOTHING)


def _net(row: Row) -> Decimal:
    return _of(row["totalamount"]) - _of(row["totaltax"])


def _place(header: Row) -> tuple[str, str]:
    return header["dataAreaId"], header["CurrencyCode"]


def _key(company: str, number: str) -> Key:
    return company.casefold(), str(number).casefold()


def _of(value: Any) -> Decimal:
    return Decimal(value) if value is not None else _NOTHING
