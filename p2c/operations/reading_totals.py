"""Reads the figures of documents from both systems, in bulk, for the invariant of `totals`.

The columns are named here and nowhere taken from a template: a figure that a template maps wrongly is read correctly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from p2c.documents import DocumentRead, LegalEntity, Row, SourceDocument, TableRead, Value
from p2c.operations.totals import ZERO, Basis, FinOpsFigures, FinOpsLine, SalesFigures, SalesLine, evidence
from p2c.systems import keys
from p2c.systems.ends import Source

_PAGE = 500
_SUBMITTED = 647390000
_QUOTE_ACTIVATED = (1, 2)
_CURRENCY = "transactioncurrencyid.isocurrencycode"
_SALES_HEADER = ("totalamount", "totaltax", "freightamount", "totaldiscountamount", _CURRENCY)
_SALES_LINE = ("sequencenumber", "extendedamount", "tax", "isproductoverridden")
_PRICE = (
    "SalesPrice",
    "SalesPriceQuantity",
    "LineDiscountAmount",
    "MultilineDiscountAmount",
    "LineDiscountPercentage",
    "MultilineDiscountPercentage",
)
_LINE = ("LineCreationSequenceNumber", "LineAmount")


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """How the documents of one kind are read: from Sales, from F&O, and what their F&O rows mean.

    `sales_number` is the column of the number in Sales; in F&O the number is the first key column of the header.
    """

    sales: DocumentRead
    finops: DocumentRead
    sales_number: str
    figures: Callable[[SourceDocument], FinOpsFigures]
    counts: Callable[[Row], bool]


def kind_of(entities: tuple[str, str]) -> DocumentKind | None:
    """The kind of document that a template with these two header entities syncs; None for master data."""
    return _KINDS.get(frozenset(entities))


async def read_sales(source: Source, kind: DocumentKind, legal_entity: LegalEntity) -> dict[str, list[SalesFigures]]:
    """The figures of all documents of a legal entity in Sales, by folded number."""
    found: dict[str, list[tuple[Row, SalesFigures]]] = defaultdict(list)
    async for document in _documents(source, kind.sales, legal_entity):
        if kind.counts(document.header) and document.key:
            found[keys.fold(document.key)].append((document.header, _sales(document, kind.sales_number)))
    return {number: _current(rows) for number, rows in found.items()}


async def read_finops(
    source: Source, kind: DocumentKind, legal_entity: LegalEntity
) -> AsyncIterator[tuple[str, FinOpsFigures]]:
    """The figures of all documents of a legal entity in F&O, with the key of each document."""
    async for document in _documents(source, kind.finops, legal_entity):
        yield document.key, kind.figures(document)


async def _documents(source: Source, read: DocumentRead, legal_entity: LegalEntity) -> AsyncIterator[SourceDocument]:
    pages: Any = source.pages(read, legal_entity, page_size=_PAGE)
    async with aclosing(pages):
        async for page in pages:
            for document in page.documents:
                yield document


def _current(rows: Sequence[tuple[Row, SalesFigures]]) -> list[SalesFigures]:
    """The documents of one number; of a quote's revisions only the highest."""
    if "revisionnumber" not in rows[0][0]:
        return [figures for _, figures in rows]
    return [max(rows, key=lambda row: _decimal(row[0]["revisionnumber"]))[1]]


def _sales(document: SourceDocument, number: str) -> SalesFigures:
    header = document.header
    return SalesFigures(
        number=keys.as_text(header[number]),
        total=_decimal(header["totalamount"]),
        tax=_decimal(header["totaltax"]),
        lines=[_sales_line(row) for row in _lines(document)],
        freight=_decimal(header["freightamount"]),
        discount=_decimal(header["totaldiscountamount"]),
    )


def _sales_line(row: Row) -> SalesLine:
    number = row["sequencenumber"]
    return SalesLine(
        number if isinstance(number, int) else None,
        _decimal(row["extendedamount"]) - _decimal(row["tax"]),
        write_in=row["isproductoverridden"] is True,
    )


def _order(document: SourceDocument) -> FinOpsFigures:
    header = document.header
    confirmed = header["SalesOrderProcessingStatus"] not in ("Active", "None", None)
    calculated = header["AreTotalsUpdated"] == "Yes"
    lines = [_open_line(row, "OrderedSalesQuantity") for row in _lines(document)]
    return FinOpsFigures(
        number=keys.as_text(header["SalesOrderNumber"]),
        currency=keys.as_text(header["CurrencyCode"]),
        basis=Basis.TOTAL if confirmed else Basis.NET,
        total=_decimal(header["OrderTotalAmount"]) if confirmed and calculated else None,
        lines=lines,
        charges=_header_charges(header["OrderTotalChargesAmount"], lines) if calculated else ZERO,
        discount=_decimal(header["TotalDiscountAmount"]),
        header_tax=_decimal(header["OrderHeaderTaxAmount"]) if calculated else ZERO,
        tax_included=header["ArePricesIncludingSalesTax"] == "Yes",
        canceled=header["SalesOrderProcessingStatus"] == "Canceled",
    )


def _quotation(document: SourceDocument) -> FinOpsFigures:
    header = document.header
    lines = [_open_line(row, "RequestedSalesQuantity") for row in _lines(document)]
    calculated = header["AreTotalsCalculated"] == "Yes"
    return FinOpsFigures(
        number=keys.as_text(header["SalesQuotationNumber"]),
        currency=keys.as_text(header["CurrencyCode"]),
        basis=Basis.NET,
        total=None,
        lines=lines,
        charges=_header_charges(header["QuotationTotalChargesAmount"], lines) if calculated else ZERO,
        discount=_decimal(header["TotalDiscountAmount"]),
        tax_included=header["ArePricesIncludingSalesTax"] == "Yes",
    )


def _invoice(document: SourceDocument) -> FinOpsFigures:
    header = document.header
    return FinOpsFigures(
        number=keys.as_text(header["InvoiceNumber"]),
        currency=keys.as_text(header["CurrencyCode"]),
        basis=Basis.TOTAL,
        total=_decimal(header["TotalInvoiceAmount"]) - _decimal(header["InvoiceHeaderTaxAmount"]),
        lines=[
            FinOpsLine(
                number=_whole(row["LineCreationSequenceNumber"]),
                amount=_decimal(row["LineAmount"]),
                charges=_decimal(row["LineTotalChargeAmount"]),
                tax=_decimal(row["LineTotalTaxAmount"]),
            )
            for row in _lines(document)
        ],
    )


def _open_line(row: Row, quantity: str) -> FinOpsLine:
    return FinOpsLine(
        number=_whole(row["LineCreationSequenceNumber"]),
        amount=_decimal(row["LineAmount"]),
        charges=_decimal(row["FixedPriceCharges"]),
        others=_decimal(row["TotalChargesAmount"]),
        tax=_decimal(row["TotalTaxAmount"]),
        evidence=evidence(
            _decimal(row[quantity]),
            _decimal(row["SalesPrice"]),
            _decimal(row["SalesPriceQuantity"]),
            [_decimal(row["LineDiscountAmount"]), _decimal(row["MultilineDiscountAmount"])],
            [_decimal(row["LineDiscountPercentage"]), _decimal(row["MultilineDiscountPercentage"])],
        ),
        canceled=row.get("SalesOrderLineStatus") == "Canceled",
    )


def _header_charges(total: Value, lines: Sequence[FinOpsLine]) -> Decimal:
    """The charges of the header alone: F&O's total holds those of the lines, too."""
    return _decimal(total) - sum((line.others for line in lines if not line.canceled), ZERO)


def _lines(document: SourceDocument) -> Sequence[Row]:
    return document.lines["lines"]


def _decimal(value: Value) -> Decimal:
    return Decimal(str(value)) if value is not None else ZERO


def _whole(value: Value) -> int:
    return int(_decimal(value))


def _activated(header: Row) -> bool:
    return header["statecode"] in _QUOTE_ACTIVATED or header["statuscode"] == _SUBMITTED


def _always(_header: Row) -> bool:
    return True


def _sales_read(entity: str, number: str, lines: str, link: str, extra: tuple[str, ...] = ()) -> DocumentRead:
    header = TableRead("", entity, (number,), (number, *_SALES_HEADER, *extra))
    return DocumentRead(header, (TableRead("lines", lines, ("sequencenumber",), _SALES_LINE, ((link, link),)),))


def _finops_read(
    entity: str, key: Sequence[str], columns: Sequence[str], lines: str, line: Sequence[str]
) -> DocumentRead:
    header = TableRead("", entity, tuple(key), (*key, "CurrencyCode", *columns))
    link = tuple((name, name) for name in key)
    return DocumentRead(
        header, (TableRead("lines", lines, ("LineCreationSequenceNumber",), (*key, *_LINE, *line), link),)
    )


_QUOTES = DocumentKind(
    _sales_read("quotes", "quotenumber", "quotedetails", "quoteid", ("statecode", "statuscode", "revisionnumber")),
    _finops_read(
        "CDSSalesQuotationHeaders",
        ["SalesQuotationNumber"],
        ["AreTotalsCalculated", "QuotationTotalChargesAmount", "TotalDiscountAmount", "ArePricesIncludingSalesTax"],
        "CDSSalesQuotationLines",
        [*_PRICE, "RequestedSalesQuantity", "FixedPriceCharges", "TotalChargesAmount", "TotalTaxAmount"],
    ),
    "quotenumber",
    _quotation,
    _activated,
)
_ORDERS = DocumentKind(
    _sales_read("salesorders", "ordernumber", "salesorderdetails", "salesorderid"),
    _finops_read(
        "CDSSalesOrderHeaders",
        ["SalesOrderNumber"],
        [
            "SalesOrderProcessingStatus",
            "AreTotalsUpdated",
            "OrderTotalAmount",
            "OrderTotalChargesAmount",
            "OrderHeaderTaxAmount",
            "TotalDiscountAmount",
            "ArePricesIncludingSalesTax",
        ],
        "CDSSalesOrderLines",
        [
            *_PRICE,
            "OrderedSalesQuantity",
            "FixedPriceCharges",
            "TotalChargesAmount",
            "TotalTaxAmount",
            "SalesOrderLineStatus",
        ],
    ),
    "ordernumber",
    _order,
    _always,
)
_INVOICES = DocumentKind(
    _sales_read("invoices", "invoicenumber", "invoicedetails", "invoiceid"),
    _finops_read(
        "ExternallyMaintainedCustomerSalesInvoiceHeaders",
        ["InvoiceNumber", "InvoiceDate", "LedgerVoucher"],
        ["TotalInvoiceAmount", "InvoiceHeaderTaxAmount"],
        "ExternallyMaintainedCustomerSalesInvoiceLines",
        ["LineTotalChargeAmount", "LineTotalTaxAmount"],
    ),
    "invoicenumber",
    _invoice,
    _always,
)
_KINDS: Mapping[frozenset[str], DocumentKind] = {
    frozenset((kind.sales.header.entity, kind.finops.header.entity)): kind for kind in (_QUOTES, _ORDERS, _INVOICES)
}
