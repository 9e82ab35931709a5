"""What people post: confirmations, picking, packing slips, invoices, cancellations, credit notes.

Quantities are kept per line, so that deliveries and invoices may be partial; the statuses follow from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sandbox.finops.books import Books
from sandbox.finops.infolog import InfologError, Line
from sandbox.finops.money import ZERO, discount_amount, line_amount, round_to, tax_of
from sandbox.finops.totals import order_lines, tax_rate
from sandbox.wire.store import Row

Quantities = Mapping[int, Decimal] | None


def stop(text: str) -> InfologError:
    """A posting that cannot be."""
    return InfologError(Line("Error", text))


def confirm(books: Books, order: Row) -> Row:
    """Posts the confirmation of an order."""
    _check_postable(order)
    for line in _open_lines(books, order):
        books.change("SalesLine", line, {"_Confirmed": True})
    books.log("SalesTable", order, "confirmed")
    return settle_status(books, order, {"ConfirmedShippingDate": order["RequestedShippingDate"]})


def pick(books: Books, order: Row, quantities: Quantities = None) -> Row:
    """Picks the given quantity of each line, or all that is left to deliver."""
    _check_postable(order)
    for line in _chosen(books, order, quantities):
        most = line["OrderedSalesQuantity"] - line["_Delivered"]
        wanted = most if quantities is None else quantities[line["LineCreationSequenceNumber"]]
        _check_quantity(line, wanted, most)
        books.change("SalesLine", line, {"PickedQuantity": wanted})
    return settle_status(books, order)


def ship(books: Books, order: Row, quantities: Quantities = None) -> Row:
    """Posts a packing slip for the given quantity of each line, or for all that is left to deliver."""
    _check_postable(order)
    today, shipped = books.today(), False
    for line in _chosen(books, order, quantities):
        left = line["OrderedSalesQuantity"] - line["_Delivered"]
        wanted = left if quantities is None else quantities[line["LineCreationSequenceNumber"]]
        _check_quantity(line, wanted, left)
        if wanted == 0:
            continue
        shipped = True
        books.change(
            "SalesLine",
            line,
            {"_Delivered": line["_Delivered"] + wanted, "PickedQuantity": ZERO, "ConfirmedShippingDate": today},
        )
    if not shipped:
        raise stop(f"Sales order {order['SalesOrderNumber']} has nothing to deliver.")
    books.log("SalesTable", order, "shipped")
    return settle_status(books, order, {"ConfirmedShippingDate": today})


def invoice(books: Books, order: Row, shipped_only: bool = False) -> Row:
    """Posts an invoice for what is delivered and not invoiced yet, delivering the rest first unless ``shipped_only``.

    Gives the row of the invoice.
    """
    _check_postable(order)
    left = any(line["OrderedSalesQuantity"] != line["_Delivered"] for line in _open_lines(books, order))
    if left and not shipped_only:
        order = ship(books, order)
    parts = []
    for line in order_lines(books, order):
        quantity = line["_Delivered"] - line["_Invoiced"]
        if quantity == 0:
            continue
        invoiced = line["_Delivered"]
        unit = books.rounding_unit(order["CurrencyCode"])
        # The fixed charge is shared out by quantity; the last invoice of the line takes what rounding left over.
        whole = invoiced == line["OrderedSalesQuantity"]
        share = line["FixedPriceCharges"] * invoiced / line["OrderedSalesQuantity"]
        due = line["FixedPriceCharges"] if whole else round_to(share, unit)
        charge = due - line["_InvoicedCharge"]
        books.change("SalesLine", line, {"_Invoiced": invoiced, "_InvoicedCharge": due})
        parts.append((line, quantity, charge))
    if not parts:
        raise stop(f"Sales order {order['SalesOrderNumber']} has nothing to invoice.")
    header_charge = order["_HeaderCharge"] - order["_InvoicedHeaderCharge"]
    order = settle_status(books, order, {"_InvoicedHeaderCharge": order["_HeaderCharge"]})
    return _post_invoice(books, order, parts, header_charge)


def credit_note(books: Books, original: Row, quantities: Quantities = None) -> Row:
    """Posts an invoice with negative quantities against an invoice: the given quantity of each line, or all of it.

    Gives the row of the credit note.
    """
    key = {name: original[name] for name in ("dataAreaId", "InvoiceNumber", "InvoiceDate", "LedgerVoucher")}
    order = books.get("SalesTable", original["dataAreaId"], original["SalesOrderNumber"])
    if order is None:
        raise stop(f"Invoice {original['InvoiceNumber']} has no sales order.")
    by_number = {line["LineCreationSequenceNumber"]: line for line in order_lines(books, order)}
    parts = []
    for posted in books.rows("CustInvoiceTrans", **key):
        number = posted["LineCreationSequenceNumber"]
        quantity = posted["InvoicedQuantity"] if quantities is None else quantities.get(number, ZERO)
        if quantity == 0:
            continue
        if abs(quantity) > abs(posted["InvoicedQuantity"]) or quantity * posted["InvoicedQuantity"] < 0:
            raise stop(f"Line {number} cannot be credited for more than it was invoiced.")
        share = posted["LineTotalChargeAmount"] * quantity / posted["InvoicedQuantity"]
        charge = round_to(share, books.rounding_unit(original["CurrencyCode"]))
        parts.append((by_number[number], -quantity, -charge))
    if not parts:
        raise stop(f"Invoice {original['InvoiceNumber']} has nothing to credit.")
    header_charge = -original["TotalChargeAmount"] if quantities is None else ZERO
    return _post_invoice(books, order, parts, header_charge)


def cancel(books: Books, order: Row, line_number: int | None = None) -> Row:
    """Cancels an order, or one line of it. What was delivered stays: such a line cannot be cancelled."""
    _check_postable(order)
    lines = [line for line in _open_lines(books, order) if line_number in (None, line["LineCreationSequenceNumber"])]
    if not lines and line_number is not None:
        raise stop(f"Sales order {order['SalesOrderNumber']} has no open line {line_number}.")
    for line in lines:
        if line["_Delivered"]:
            raise stop(f"Line {line['LineCreationSequenceNumber']} has been delivered and cannot be cancelled.")
        canceled = {"SalesOrderLineStatus": "Canceled", "SalesOrderProcessingStatus": "Canceled"}
        books.change("SalesLine", line, canceled)
    books.log("SalesTable", order, "canceled")
    return settle_status(books, order, canceled=line_number is None)


def line_status(line: Row) -> str:
    """Processing status of a line from its quantities; quantities of a return line are negative."""
    if line["SalesOrderLineStatus"] == "Canceled":
        return "Canceled"
    ordered, delivered, invoiced = (abs(line[name]) for name in ("OrderedSalesQuantity", "_Delivered", "_Invoiced"))
    if invoiced:
        if invoiced >= ordered:
            return "Invoiced"
        return "DeliveredPartiallyInvoiced" if delivered >= ordered else "PartiallyInvoiced"
    if delivered:
        return "Delivered" if delivered >= ordered else "PartiallyDelivered"
    if line["PickedQuantity"]:
        return "Picked"
    return "Confirmed" if line["_Confirmed"] else "Active"


def header_status(statuses: list[str]) -> str:
    """Processing status of an order from those of its lines; cancelled lines do not count unless all are."""
    counting = {status for status in statuses if status != "Canceled"}
    if not counting:
        return "Canceled"
    if len(counting) == 1:
        return counting.pop()
    if counting & {"Invoiced", "PartiallyInvoiced", "DeliveredPartiallyInvoiced"}:
        whole = counting <= {"Invoiced", "DeliveredPartiallyInvoiced", "Delivered"}
        return "DeliveredPartiallyInvoiced" if whole else "PartiallyInvoiced"
    if counting & {"Delivered", "PartiallyDelivered"}:
        return "PartiallyDelivered"
    return "Picked" if "Picked" in counting else "Confirmed"


_SALES_STATUS = {
    "Delivered": "Delivered",
    "DeliveredPartiallyInvoiced": "Delivered",
    "Invoiced": "Invoiced",
    "Canceled": "Canceled",
}


def settle_status(books: Books, order: Row, also: Mapping[str, Any] | None = None, canceled: bool = False) -> Row:
    """Sets the statuses of an order and its lines from the quantities; totals have to be calculated again.

    ``also`` is written to the header besides; ``canceled`` decides for an order without lines. Gives the header.
    """
    lines = order_lines(books, order)
    statuses = []
    for line in lines:
        status = line_status(line)
        statuses.append(status)
        shown = {
            "SalesOrderProcessingStatus": status,
            "SalesOrderLineStatus": _SALES_STATUS.get(status, "Backorder"),
            "AreSalesOrderTotalsUpdated": "No",
            "AreTotalsCalculated": "No",
        }
        books.change("SalesLine", line, shown, touch=False)
    status = header_status(statuses) if lines else "Confirmed"
    if not lines and canceled:
        status = "Canceled"
    changes = {
        **(also or {}),
        "SalesOrderProcessingStatus": status,
        "SalesOrderStatus": _SALES_STATUS.get(status, "Backorder"),
        "AreTotalsUpdated": "No",
    }
    return books.change("SalesTable", order, changes)


def _post_invoice(books: Books, order: Row, parts: list[tuple[Row, Decimal, Decimal]], header_charge: Decimal) -> Row:
    """Writes an invoice of these lines, each with its quantity and its share of the fixed charge."""
    company = order["dataAreaId"]
    rate, unit = tax_rate(books, company), books.rounding_unit(order["CurrencyCode"])
    external = order["InvoiceCustomerIsExternallyMaintained"] == "Yes"
    key = {
        "dataAreaId": company,
        "InvoiceNumber": books.next_number(company, "CustInvoice", "CIV-{:06}"),
        "InvoiceDate": books.today(),
        "LedgerVoucher": books.next_number(company, "CustVoucher", "ARIV{:06}"),
    }
    net = tax = discount = ZERO
    for line, quantity, charge in parts:
        amount = line_amount(line, quantity, unit, charge)
        line_tax, line_discount = tax_of(amount, rate, unit), discount_amount(line, quantity, unit)
        net, tax, discount = net + amount, tax + line_tax, discount + line_discount
        books.add(
            "CustInvoiceTrans",
            {
                **key,
                "LineCreationSequenceNumber": line["LineCreationSequenceNumber"],
                "InvoicedQuantity": quantity,
                "CurrencyCode": order["CurrencyCode"],
                "LineTotalDiscountAmount": line_discount,
                "LineTotalTaxAmount": line_tax,
                "LineTotalChargeAmount": charge,
                "LineAmount": amount,
                "SalesPrice": line["SalesPrice"],
                "SalesUnitSymbol": line["SalesUnitSymbol"],
                "ProductNumber": line["ProductNumber"],
                "ProductName": line["ProductName"],
                "ProductDescription": line["LineDescription"],
                "ConfirmedShippingDate": line["ConfirmedShippingDate"],
                "_ExternallyMaintained": external,
                "_Customer": order["InvoiceCustomerAccountNumber"],
                "_PriceQuantity": line["SalesPriceQuantity"],
            },
        )
    header_tax = tax_of(header_charge, rate, unit)
    row = books.add(
        "CustInvoiceJour",
        {
            **key,
            "InvoiceCustomerAccountNumber": order["InvoiceCustomerAccountNumber"],
            "SalesOrderNumber": order["SalesOrderNumber"],
            "SalesOrderOriginType": order["SalesOrderOriginType"],
            "CurrencyCode": order["CurrencyCode"],
            "CustomersOrderReference": order["CustomersOrderReference"],
            "ContactPersonId": order["ContactPersonId"],
            "PaymentTermsName": order["PaymentTermsName"],
            "DeliveryTermsCode": order["DeliveryTermsCode"],
            "DeliveryModeCode": order["DeliveryModeCode"],
            "InvoiceAddressStreet": order["InvoiceAddressStreet"],
            "InvoiceAddressStreetNumber": order["InvoiceAddressStreetNumber"],
            "InvoiceAddressCity": order["InvoiceAddressCity"],
            "InvoiceAddressState": order["InvoiceAddressStateId"],
            "InvoiceAddressZipCode": order["InvoiceAddressZipCode"],
            "InvoiceAddressCountryRegionId": order["InvoiceAddressCountryRegionId"],
            "InvoiceAddressCountryRegionISOCode": order["InvoiceAddressCountryRegionISOCode"],
            "TotalChargeAmount": header_charge,
            "TotalDiscountAmount": discount,
            "TotalTaxAmount": tax + header_tax,
            "InvoiceHeaderTaxAmount": header_tax,
            "TotalInvoiceAmount": net + header_charge + tax + header_tax,
            "_ExternallyMaintained": external,
        },
    )
    books.log("CustInvoiceJour", row, "invoiced")
    return row


def _open_lines(books: Books, order: Row) -> list[Row]:
    return [line for line in order_lines(books, order) if line["SalesOrderLineStatus"] != "Canceled"]


def _chosen(books: Books, order: Row, quantities: Quantities) -> list[Row]:
    lines = _open_lines(books, order)
    if quantities is None:
        return lines
    unknown = quantities.keys() - {line["LineCreationSequenceNumber"] for line in lines}
    if unknown:
        raise stop(f"Sales order {order['SalesOrderNumber']} has no open line {min(unknown)}.")
    return [line for line in lines if line["LineCreationSequenceNumber"] in quantities]


def _check_quantity(line: Row, wanted: Decimal, most: Decimal) -> None:
    if abs(wanted) > abs(most) or wanted * most < 0:
        raise stop(f"Line {line['LineCreationSequenceNumber']} has only {most.normalize():f} left to deliver.")


def _check_postable(order: Row) -> None:
    if order["SalesOrderProcessingStatus"] in ("Invoiced", "Canceled"):
        number, status = order["SalesOrderNumber"], order["SalesOrderProcessingStatus"]
        raise stop(f"Sales order {number} cannot be posted. The status is {status}.")
