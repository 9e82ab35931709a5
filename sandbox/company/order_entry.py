"""People in F&O enter orders themselves, with every kind of charge and discount, and deliver and invoice them."""

from decimal import ROUND_DOWN, Decimal
from typing import Any

from sandbox.company.plan import Cancellation, Credit, EnteredLine, EnteredOrder, Plan, Progress
from sandbox.finops import FinOpsService

_STEP = Decimal("0.001")


def enter(service: FinOpsService, plan: Plan, order: EnteredOrder) -> bool:
    """Enter an order and work on it as the plan says; False where it is there, or its customer is not in F&O yet."""
    company, account = order.legal_entity, _account_of(plan, order)
    books = service.books
    if books.has("SalesTable", company, order.number) or not account or not books.has("CustTable", company, account):
        return False
    header: dict[str, Any] = {
        "SalesOrderNumber": order.number,
        "SalesOrderName": f"Entered {order.number}",
        "CurrencyCode": order.currency,
        "ArePricesIncludingSalesTax": "Yes" if order.includes_tax else "No",
        "TotalDiscountAmount": order.discount,
        "_TotalDiscountPercentage": order.discount_percent,
    }
    service.new_order(account, [_line(line) for line in order.lines], company, **header)
    for code, amount in order.charges.items():
        service.charge(order.number, amount, code, company)
    for number, line in enumerate(order.lines, start=1):
        if line.charge:
            service.charge(order.number, line.charge, "HANDLING", company, number)
    service.confirm(order.number, company)
    if order.cancellation is Cancellation.LAST_LINE:
        service.cancel_order(order.number, company, len(order.lines))
    _deliver(service, order)
    return True


def cancel_later(service: FinOpsService, plan: Plan) -> list[str]:
    """Cancel the orders that the plan cancels once they are in Sales; give their numbers."""
    canceled = []
    for order in plan.entered:
        row = service.books.get("SalesTable", order.legal_entity, order.number)
        open_ = row is not None and row["SalesOrderProcessingStatus"] == "Confirmed"
        if open_ and order.cancellation is Cancellation.WHOLE_LATER:
            service.cancel_order(order.number, order.legal_entity)
            canceled.append(order.number)
    return canceled


def _account_of(plan: Plan, order: EnteredOrder) -> str:
    accounts = {account.key: account.number for account in plan.accounts}
    contacts = {contact.key: contact.number for contact in plan.contacts}
    return (accounts | contacts)[order.customer]


def _line(line: EnteredLine) -> dict[str, Any]:
    row = {
        "ProductNumber": line.product,
        "OrderedSalesQuantity": line.quantity,
        "SalesPrice": line.price,
        "SalesPriceQuantity": line.price_unit,
        "SalesUnitSymbol": line.unit or None,
        "LineDiscountAmount": line.discount,
        "LineDiscountPercentage": line.percent,
        "MultilineDiscountAmount": line.multiline,
        "MultilineDiscountPercentage": line.multiline_percent,
        "FixedPriceCharges": line.fixed,
    }
    return {name: value for name, value in row.items() if value is not None}


def _deliver(service: FinOpsService, order: EnteredOrder) -> None:
    number, company = order.number, order.legal_entity
    if order.progress in (Progress.NONE, Progress.CONFIRMED):
        return
    service.pick(number, company)
    if order.progress is Progress.PICKED:
        return
    partly = order.progress in (Progress.PARTLY_SHIPPED, Progress.PARTLY_INVOICED)
    invoiced = order.progress in (Progress.INVOICED, Progress.PARTLY_INVOICED)
    parts = max(order.invoices, 2 if partly else 1)
    for part in range(parts - 1):
        service.ship(number, company, _share(service, order, parts))
        if invoiced:
            service.invoice(number, company, shipped_only=True)
        if partly and part == 0:
            return
    service.ship(number, company)
    if order.progress is Progress.INVOICED:
        invoice = service.invoice(number, company)
        _take_back(service, order, invoice)


def _share(service: FinOpsService, order: EnteredOrder, parts: int) -> dict[int, Decimal]:
    """An equal part of each open line, in whole units where the ordered quantity is whole; at least something."""
    share = {}
    for line in service.order(order.number, order.legal_entity)["lines"]:
        if line["SalesOrderLineStatus"] != "Canceled":
            ordered = line["OrderedSalesQuantity"]
            step = Decimal(1) if ordered % 1 == 0 and abs(ordered) >= parts else _STEP
            share[line["LineCreationSequenceNumber"]] = (ordered / parts).quantize(step, ROUND_DOWN)
    return share


def _take_back(service: FinOpsService, order: EnteredOrder, invoice: dict[str, Any]) -> None:
    number, company = invoice["InvoiceNumber"], order.legal_entity
    if order.credit is Credit.WHOLE:
        service.credit_note(number, company)
    elif order.credit is Credit.FIRST_LINE:
        key = {name: invoice[name] for name in ("dataAreaId", "InvoiceNumber", "InvoiceDate", "LedgerVoucher")}
        first = service.books.rows("CustInvoiceTrans", **key)[0]
        half = (first["InvoicedQuantity"] / 2).quantize(_STEP, ROUND_DOWN)
        service.credit_note(number, company, {first["LineCreationSequenceNumber"]: half})
