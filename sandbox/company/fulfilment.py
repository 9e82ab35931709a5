"""People in F&O take orders that have arrived to where the plan says: confirmed, picked, shipped, invoiced."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sandbox.company import order_entry
from sandbox.company.plan import Order, OrderFate, Plan, Progress
from sandbox.finops import FinOpsService

_PICKED = {Progress.PICKED, Progress.SHIPPED, Progress.INVOICED}
_SHIPPED = {Progress.SHIPPED, Progress.INVOICED}


def fulfil(service: FinOpsService, plan: Plan) -> dict[str, int]:
    """Work on each order of the plan that is in F&O and still active; give how many got how far.

    Then enter the orders that start in F&O, stop products that are sold no more, and run *Calculate sales totals*.
    """
    reached: Counter[str] = Counter()
    waiting = [order for order in plan.orders if order.fate is OrderFate.ACTIVE and order.progress is not Progress.NONE]
    with service.books.atomic():
        for order in waiting:
            row = service.books.get("SalesTable", order.legal_entity, order.number)
            if row is not None and row["SalesOrderProcessingStatus"] == "Active":
                _work_on(service, order)
                reached[order.progress.value] += 1
        for entered in plan.entered:
            if order_entry.enter(service, plan, entered):
                reached["entered in F&O"] += 1
        _stop_products(service, plan)
        service.calculate_totals()
    return dict(reached)


def _work_on(service: FinOpsService, order: Order) -> None:
    number, company = order.number, order.legal_entity
    if order.freight:
        service.add_freight(number, order.freight, company)
    service.confirm(number, company)
    if order.progress in _PICKED:
        service.pick(number, company)
    if order.progress in _SHIPPED:
        service.ship(number, company)
    if order.progress in {Progress.PARTLY_SHIPPED, Progress.PARTLY_INVOICED}:
        service.ship(number, company, part_of(service.order(number, company)["lines"]))
    if order.progress in {Progress.INVOICED, Progress.PARTLY_INVOICED}:
        service.invoice(number, company, shipped_only=True)


def part_of(lines: Sequence[dict[str, Any]]) -> dict[int, Decimal]:
    """Give quantities by line that leave something over: the first of several lines, or half of an only line."""
    first = lines[0]
    quantity: Decimal = first["OrderedSalesQuantity"]
    if len(lines) == 1:
        whole = quantity // 2
        quantity = whole or quantity / 2
    return {first["LineCreationSequenceNumber"]: quantity}


def _stop_products(service: FinOpsService, plan: Plan) -> None:
    for entity in plan.legal_entities:
        for product in plan.products:
            row = service.books.get("InventTable", entity.code, product.number)
            if product.stopped and row is not None and row["IsSalesStopped"] != "Yes":
                service.stop_product(product.number, entity.code)
