"""The batch job *Calculate sales totals*: taxes and totals of orders that changed since it ran last."""

from __future__ import annotations

from decimal import Decimal

from sandbox.finops.books import Books
from sandbox.finops.money import ZERO, discount_amount, tax_of
from sandbox.wire.store import Row


def calculate_sales_totals(books: Books, company: str | None = None) -> int:
    """Brings the totals of all orders (of one company, or of all) up to date and gives how many it calculated."""
    waiting = books.rows("SalesTable", AreTotalsUpdated="No")
    chosen = [order for order in waiting if company is None or order["dataAreaId"] == company.lower()]
    for order in chosen:
        with books.atomic():
            calculate_order(books, order)
    return len(chosen)


def calculate_order(books: Books, order: Row) -> Row:
    """Taxes of each line and of the header's charges, and the order's totals. Gives the header."""
    rate, unit = tax_rate(books, order["dataAreaId"]), books.rounding_unit(order["CurrencyCode"])
    net = tax = discount = ZERO
    for line in order_lines(books, order):
        counts = line["SalesOrderProcessingStatus"] != "Canceled"
        line_tax = tax_of(line["LineAmount"], rate, unit) if counts else ZERO
        line_discount = discount_amount(line, line["OrderedSalesQuantity"], unit)
        books.change(
            "SalesLine",
            line,
            {
                "TotalTaxAmount": line_tax,
                "TotalDiscountAmount": line_discount,
                "AreTotalsCalculated": "Yes",
                "AreSalesOrderTotalsUpdated": "Yes",
            },
            touch=False,
        )
        if counts:
            net, tax, discount = net + line["LineAmount"], tax + line_tax, discount + line_discount
    charge = order["_HeaderCharge"]
    header_tax = tax_of(charge, rate, unit)
    return books.change(
        "SalesTable",
        order,
        {
            "OrderHeaderTaxAmount": header_tax,
            "OrderTotalTaxAmount": tax + header_tax,
            "OrderTotalChargesAmount": charge,
            "OrderTotalDiscountAmount": discount,
            "OrderTotalAmount": net + charge + tax + header_tax,
            "AreTotalsUpdated": "Yes",
        },
        touch=books.options.totals_touch_header,
    )


def order_lines(books: Books, order: Row) -> list[Row]:
    """The lines of an order by their number."""
    return books.rows("SalesLine", dataAreaId=order["dataAreaId"], SalesOrderNumber=order["SalesOrderNumber"])


def tax_rate(books: Books, company: str) -> Decimal:
    """The sales tax of a company, as a fraction."""
    found = books.company(company)
    return found.tax_rate if found else ZERO
