"""What people post on the way of an order: confirmations, picking, packing slips, cancellations.

Quantities are kept per line, so that deliveries and invoices may be partial; the statuses follow from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sandbox.finops.books import Books
from sandbox.finops.infolog import InfologError, Line
from sandbox.finops.money import ZERO
from sandbox.finops.totals import order_lines
from sandbox.wire.store import Row

Quantities = Mapping[int, Decimal] | None


def stop(text: str) -> InfologError:
    """A posting that cannot be."""
    return InfologError(Line("Error", text))


def confirm(books: Books, order: Row) -> Row:
    """Posts the confirmation of an order."""
    check_postable(order)
    for line in open_lines(books, order):
        books.change("SalesLine", line, {"_Confirmed": True})
    books.log("SalesTable", order, "confirmed")
    return settle_status(books, order, {"ConfirmedShippingDate": order["RequestedShippingDate"]})


def pick(books: Books, order: Row, quantities: Quantities = None) -> Row:
    """Picks the given quantity of each line, or all that is left to deliver."""
    check_postable(order)
    for line in _chosen(books, order, quantities):
        most = line["OrderedSalesQuantity"] - line["_Delivered"]
        wanted = most if quantities is None else quantities[line["LineCreationSequenceNumber"]]
        _check_quantity(line, wanted, most)
        books.change("SalesLine", line, {"PickedQuantity": wanted})
    return settle_status(books, order)


def ship(books: Books, order: Row, quantities: Quantities = None) -> Row:
    """Posts a packing slip for the given quantity of each line, or for all that is left to deliver."""
    check_postable(order)
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


def cancel(books: Books, order: Row, line_number: int | None = None) -> Row:
    """Cancels an order, or one line of it. What was delivered stays: such a line cannot be cancelled.

    The ordered quantity stays on a cancelled line; the options say what becomes of its amount.
    """
    check_postable(order)
    lines = [line for line in open_lines(books, order) if line_number in (None, line["LineCreationSequenceNumber"])]
    if not lines and line_number is not None:
        raise stop(f"Sales order {order['SalesOrderNumber']} has no open line {line_number}.")
    for line in lines:
        if line["_Delivered"]:
            raise stop(f"Line {line['LineCreationSequenceNumber']} has been delivered and cannot be cancelled.")
        canceled: dict[str, Any] = {"SalesOrderLineStatus": "Canceled", "SalesOrderProcessingStatus": "Canceled"}
        if books.options.canceled_lines == "zeroed":
            canceled["LineAmount"] = ZERO
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


def open_lines(books: Books, order: Row) -> list[Row]:
    """The lines of an order that are not cancelled."""
    return [line for line in order_lines(books, order) if line["SalesOrderLineStatus"] != "Canceled"]


def _chosen(books: Books, order: Row, quantities: Quantities) -> list[Row]:
    lines = open_lines(books, order)
    if quantities is None:
        return lines
    unknown = quantities.keys() - {line["LineCreationSequenceNumber"] for line in lines}
    if unknown:
        raise stop(f"Sales order {order['SalesOrderNumber']} has no open line {min(unknown)}.")
    return [line for line in lines if line["LineCreationSequenceNumber"] in quantities]


def _check_quantity(line: Row, wanted: Decimal, most: Decimal) -> None:
    if abs(wanted) > abs(most) or wanted * most < 0:
        raise stop(f"Line {line['LineCreationSequenceNumber']} has only {most.normalize():f} left to deliver.")


def check_postable(order: Row) -> None:
    """Raises InfologError for an order that is invoiced or cancelled."""
    if order["SalesOrderProcessingStatus"] in ("Invoiced", "Canceled"):
        number, status = order["SalesOrderNumber"], order["SalesOrderProcessingStatus"]
        raise stop(f"Sales order {number} cannot be posted. The status is {status}.")
