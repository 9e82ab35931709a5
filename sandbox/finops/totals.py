"""The batch job *Calculate sales totals*: taxes and totals of orders that changed since it ran last."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal

from sandbox.finops.books import Books
from sandbox.finops.money import ZERO, Terms, share_out
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
    """Taxes of each line and of the header's charges, and the order's totals. Gives the header.

    Total = amounts of the lines + charges - the header's discount + tax, unless the amounts contain the tax. An order
    whose lines are all cancelled owes nothing, unless cancelled lines count.
    """
    terms, lines = terms_of(books, order), order_lines(books, order)
    counting = [line for line in lines if counts(books, line)]
    owed = bool(counting) or not lines
    charge = charges_of(order) if owed else ZERO
    discount = header_discount(terms, order, counting) if owed else ZERO
    amounts = [value(terms, line) for line in counting]
    shares = share_out(discount, [abs(amount) for amount in amounts], terms.unit)
    header_tax = terms.tax(charge)
    net, tax, charges, discounts = ZERO, header_tax, charge, discount
    of_line = {line["LineCreationSequenceNumber"]: pair for line, *pair in zip(counting, amounts, shares, strict=True)}
    for line in lines:
        found = of_line.get(line["LineCreationSequenceNumber"])
        line_charge = charges_of(line)
        shown_charge = line_charge + (terms.fixed_charge(line) if books.options.order_charges_contain_fixed else ZERO)
        line_discount = terms.discount(line, line["OrderedSalesQuantity"])
        line_tax = ZERO
        if found is not None:
            amount, share = found
            line_tax = terms.tax(amount + line_charge - share)
            net, tax, charges = net + amount + line_charge, tax + line_tax, charges + shown_charge
            discounts += line_discount if books.options.order_discount_contains_lines else ZERO
        computed = {
            "TotalTaxAmount": line_tax,
            "TotalDiscountAmount": line_discount,
            "TotalChargesAmount": shown_charge,
            "AreTotalsCalculated": "Yes",
            "AreSalesOrderTotalsUpdated": "Yes",
        }
        books.change("SalesLine", line, computed, touch=False)
    return books.change(
        "SalesTable",
        order,
        {
            "OrderHeaderTaxAmount": header_tax,
            "OrderTotalTaxAmount": tax,
            "OrderTotalChargesAmount": charges,
            "OrderTotalDiscountAmount": discounts,
            "OrderTotalAmount": net + charge - discount + terms.added_tax(tax),
            "TotalDiscountAmount": discount if owed else order["TotalDiscountAmount"],
            "AreTotalsUpdated": "Yes",
        },
        touch=books.options.totals_touch_header,
    )


def counts(books: Books, line: Row) -> bool:
    """Whether the amount of an order line counts in the order's totals."""
    return line["SalesOrderLineStatus"] != "Canceled" or books.options.canceled_lines == "counted"


def value(terms: Terms, line: Row) -> Decimal:
    """What an order line is worth in full: price less discounts, and the fixed charge that belongs to it."""
    return terms.net(line, line["OrderedSalesQuantity"]) + terms.fixed_charge(line)


def header_discount(terms: Terms, order: Row, counting: Sequence[Row]) -> Decimal:
    """The total discount of an order: the amount that was entered, or the percentage of the lines that count."""
    percentage = order["_TotalDiscountPercentage"]
    if not percentage:
        return terms.round(order["TotalDiscountAmount"])
    return terms.round(sum((value(terms, line) for line in counting), ZERO) * percentage / 100)


def charges_of(row: Row) -> Decimal:
    """The sum of the charge transactions on an order's header, or on a line of it."""
    return sum((Decimal(amount) for amount in json.loads(row["_Charges"] or "{}").values()), ZERO)


def with_charge(row: Row, code: str, amount: Decimal) -> str:
    """The charge transactions of a header or line with the one of that code set; an amount of 0 removes it."""
    charges: dict[str, str] = json.loads(row["_Charges"] or "{}")
    charges.pop(code, None)
    return json.dumps({**charges, code: str(amount)} if amount else charges)


def terms_of(books: Books, order: Row) -> Terms:
    """How the amounts of an order, of its lines and of its invoices are computed."""
    company = books.company(order["dataAreaId"])
    return Terms(
        books.rounding_unit(order["CurrencyCode"]),
        company.tax_rate if company else ZERO,
        order["ArePricesIncludingSalesTax"] == "Yes",
        books.options,
    )


def order_lines(books: Books, order: Row) -> list[Row]:
    """The lines of an order by their number."""
    return books.rows("SalesLine", dataAreaId=order["dataAreaId"], SalesOrderNumber=order["SalesOrderNumber"])
