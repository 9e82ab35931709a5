"""Invoices and credit notes as people post them, with their share of what the order owes as a whole.

Fixed charges and charges of a line are shared out by quantity, charges and discount of the header by value; what was
invoiced before is taken off, so that the last invoice takes what rounding left over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.finops.books import Books
from sandbox.finops.money import ZERO, Terms, due, share_out
from sandbox.finops.posting import Quantities, check_postable, open_lines, settle_status, ship, stop
from sandbox.finops.totals import charges_of, header_discount, order_lines, terms_of, value
from sandbox.wire.store import Row


@dataclass(frozen=True, slots=True)
class Part:
    """What an invoice holds of an order line: a quantity, its share of the fixed charge and of the line's charges."""

    line: Row
    quantity: Decimal
    fixed: Decimal
    charge: Decimal


def invoice(books: Books, order: Row, shipped_only: bool = False) -> Row:
    """Posts an invoice for what is delivered and not invoiced yet, delivering the rest first unless ``shipped_only``.

    Gives the row of the invoice.
    """
    check_postable(order)
    left = any(line["OrderedSalesQuantity"] != line["_Delivered"] for line in open_lines(books, order))
    if left and not shipped_only:
        order = ship(books, order)
    terms, parts = terms_of(books, order), []
    for line in order_lines(books, order):
        quantity = line["_Delivered"] - line["_Invoiced"]
        if quantity == 0:
            continue
        reached, ordered = line["_Delivered"], line["OrderedSalesQuantity"]
        fixed = due(terms.fixed_charge(line), reached, ordered, terms.unit)
        charge = due(charges_of(line), reached, ordered, terms.unit)
        invoiced = {"_Invoiced": reached, "_InvoicedFixed": fixed, "_InvoicedCharge": charge}
        books.change("SalesLine", line, invoiced)
        parts.append(Part(line, quantity, fixed - line["_InvoicedFixed"], charge - line["_InvoicedCharge"]))
    if not parts:
        raise stop(f"Sales order {order['SalesOrderNumber']} has nothing to invoice.")
    charge, discount = _due_of_header(terms, order, open_lines(books, order))
    so_far = {"_InvoicedCharge": charge, "_InvoicedDiscount": discount}
    of_header = (charge - order["_InvoicedCharge"], discount - order["_InvoicedDiscount"])
    return _post(books, settle_status(books, order, so_far), parts, *of_header)


def credit_note(books: Books, original: Row, quantities: Quantities = None) -> Row:
    """Posts an invoice with negative quantities against an invoice: the given quantity of each line, or all of it.

    A credit note over the whole invoice gives the header's charges and discount back; one over a part of it gives back
    its share of the discount, and no charge of the header. Gives the row of the credit note.
    """
    key = {name: original[name] for name in ("dataAreaId", "InvoiceNumber", "InvoiceDate", "LedgerVoucher")}
    order = books.get("SalesTable", original["dataAreaId"], original["SalesOrderNumber"])
    if order is None:
        raise stop(f"Invoice {original['InvoiceNumber']} has no sales order.")
    terms = terms_of(books, order)
    by_number = {line["LineCreationSequenceNumber"]: line for line in order_lines(books, order)}
    parts, credited, invoiced = [], ZERO, ZERO
    for posted in books.rows("CustInvoiceTrans", **key):
        number, whole = posted["LineCreationSequenceNumber"], posted["InvoicedQuantity"]
        quantity = whole if quantities is None else quantities.get(number, ZERO)
        line = by_number[number]
        invoiced += abs(terms.net(line, whole))
        if quantity == 0:
            continue
        if abs(quantity) > abs(whole) or quantity * whole < 0:
            raise stop(f"Line {number} cannot be credited for more than it was invoiced.")
        credited += abs(terms.net(line, quantity))
        fixed = due(posted["_FixedCharge"], quantity, whole, terms.unit)
        charge = due(posted["_Charge"], quantity, whole, terms.unit)
        parts.append(Part(line, -quantity, -fixed, -charge))
    if not parts:
        raise stop(f"Invoice {original['InvoiceNumber']} has nothing to credit.")
    charge = -original["_Charge"] if quantities is None else ZERO
    return _post(books, order, parts, charge, -due(original["_Discount"], credited, invoiced, terms.unit))


def _due_of_header(terms: Terms, order: Row, lines: Sequence[Row]) -> tuple[Decimal, Decimal]:
    """What is due of the header's charges and discount: by the value invoiced so far, all of it with the last line."""
    last = all(line["_Invoiced"] == line["OrderedSalesQuantity"] for line in lines)
    worth = [abs(value(terms, line)) for line in lines]
    whole = sum(worth, ZERO)
    pairs = zip(lines, worth, strict=True)
    reached = sum((amount * line["_Invoiced"] / line["OrderedSalesQuantity"] for line, amount in pairs), ZERO)
    totals = charges_of(order), header_discount(terms, order, lines)
    charge, discount = (total if last else due(total, reached, whole, terms.unit) for total in totals)
    return charge, discount


def _post(books: Books, order: Row, parts: Sequence[Part], header_charge: Decimal, header_discount: Decimal) -> Row:
    """Writes an invoice of these parts, with its part of the header's charges and discount. Gives its row."""
    company, options, terms = order["dataAreaId"], books.options, terms_of(books, order)
    external = order["InvoiceCustomerIsExternallyMaintained"] == "Yes"
    key = {
        "dataAreaId": company,
        "InvoiceNumber": books.next_number(company, "CustInvoice", "CIV-{:06}"),
        "InvoiceDate": books.today(),
        "LedgerVoucher": books.next_number(company, "CustVoucher", "ARIV{:06}"),
    }
    header_tax = terms.tax(header_charge)
    net, tax, charges, discounts = ZERO, header_tax, header_charge, header_discount
    amounts = [terms.net(part.line, part.quantity) + part.fixed for part in parts]
    shares = share_out(header_discount, [abs(amount) for amount in amounts], terms.unit)
    for part, amount, share in zip(parts, amounts, shares, strict=True):
        line_tax = terms.tax(amount + part.charge - share)
        line_discount = terms.discount(part.line, part.quantity)
        line_charge = part.charge + (part.fixed if options.invoice_charges_contain_fixed else ZERO)
        net, tax, charges = net + amount + part.charge, tax + line_tax, charges + line_charge
        discounts += line_discount if options.invoice_discount_contains_lines else ZERO
        row = {
            **key,
            **_copied_to_line(order, part.line),
            "InvoicedQuantity": part.quantity,
            "LineTotalDiscountAmount": line_discount,
            "LineTotalTaxAmount": line_tax,
            "LineTotalChargeAmount": line_charge,
            "LineAmount": _shown_amount(terms, amount, part.fixed),
            "_ExternallyMaintained": external,
            "_FixedCharge": part.fixed,
            "_Charge": part.charge,
        }
        books.add("CustInvoiceTrans", row)
    row = {
        **key,
        **_copied_to_header(order),
        "TotalChargeAmount": charges,
        "TotalDiscountAmount": discounts,
        "TotalDiscountCustomerGroupCode": header_discount if options.invoice_discount_contains_lines else ZERO,
        "TotalTaxAmount": tax,
        "InvoiceHeaderTaxAmount": header_tax,
        "TotalInvoiceAmount": net + header_charge - header_discount + terms.added_tax(tax),
        "_ExternallyMaintained": external,
        "_Charge": header_charge,
        "_Discount": header_discount,
    }
    posted = books.add("CustInvoiceJour", row)
    books.log("CustInvoiceJour", posted, "invoiced")
    return posted


def _shown_amount(terms: Terms, amount: Decimal, fixed: Decimal) -> Decimal:
    shown = amount if terms.options.line_amount_contains_fixed_charge else amount - fixed
    without_tax = terms.includes_tax and not terms.options.invoice_line_amount_includes_tax
    return shown - terms.tax(shown) if without_tax else shown


def _copied_to_line(order: Row, line: Row) -> dict[str, Any]:
    copied = {
        name: line[name]
        for name in (
            "LineCreationSequenceNumber",
            "SalesPrice",
            "SalesUnitSymbol",
            "ProductNumber",
            "ProductName",
            "ConfirmedShippingDate",
        )
    }
    return {
        **copied,
        "CurrencyCode": order["CurrencyCode"],
        "ProductDescription": line["LineDescription"],
        "_Customer": order["InvoiceCustomerAccountNumber"],
        "_PriceQuantity": line["SalesPriceQuantity"],
    }


def _copied_to_header(order: Row) -> dict[str, Any]:
    copied = {
        name: order[name]
        for name in (
            "InvoiceCustomerAccountNumber",
            "SalesOrderNumber",
            "SalesOrderOriginType",
            "CurrencyCode",
            "CustomersOrderReference",
            "ContactPersonId",
            "PaymentTermsName",
            "DeliveryTermsCode",
            "DeliveryModeCode",
            "InvoiceAddressStreet",
            "InvoiceAddressStreetNumber",
            "InvoiceAddressCity",
            "InvoiceAddressZipCode",
            "InvoiceAddressCountryRegionId",
            "InvoiceAddressCountryRegionISOCode",
        )
    }
    return {**copied, "InvoiceAddressState": order["InvoiceAddressStateId"]}
