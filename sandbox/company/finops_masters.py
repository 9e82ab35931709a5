"""F&O before the first document: legal entities, products, and a customer whom Sales does not know."""

from decimal import Decimal
from typing import Any

from sandbox.company.plan import RATES, LegalEntity, Plan, Product, money
from sandbox.finops import Company, FinOpsService

OWN_CUSTOMER = "US-900"
"""Account of a customer that F&O keeps for itself: not externally maintained, so its orders never go to Sales."""

_SITE, _WAREHOUSE = "1", "13"


def set_up(service: FinOpsService, plan: Plan) -> None:
    """Write legal entities, products and the customer of F&O's own. What is there already stays."""
    ordered = {line.product for order in plan.orders for line in order.lines}
    for entity in plan.legal_entities:
        if service.books.company(entity.code) is None:
            company = Company(entity.code, entity.name, entity.currency, entity.tax_rate, entity.country)
            service.new_company(company)
        products = [product for product in plan.products if not _released(service, entity, product)]
        # A stopped product that orders name is stopped later, when they have been delivered.
        rows = [_product(entity, product, product.stopped and product.number not in ordered) for product in products]
        service.create_many("SellableReleasedProducts", rows)
        if not service.books.has("CustTable", entity.code, OWN_CUSTOMER):
            service.new_customer(OWN_CUSTOMER, "Walk-in customers", entity.code, SiteId=_SITE, WarehouseId=_WAREHOUSE)


def product_row(entity: LegalEntity, product: Product) -> dict[str, Any]:
    """Give a product as it is released to a legal entity."""
    return _product(entity, product, product.stopped)


def _released(service: FinOpsService, entity: LegalEntity, product: Product) -> bool:
    return service.books.has("InventTable", entity.code, product.number)


def _product(entity: LegalEntity, product: Product, stopped: bool) -> dict[str, Any]:
    currency, price, cost = product.currency, product.price, product.cost
    if entity.currency != "USD":
        factor = RATES[entity.currency] / RATES[product.currency]
        price = product.prices.get(entity.currency, money(price * factor, entity.currency))
        currency, cost = entity.currency, money(cost * factor, entity.currency)
    return {
        "dataAreaId": entity.code,
        "ProductNumber": product.number,
        "ProductName": product.name,
        "ProductDescription": product.description,
        "ProductType": "Service" if product.service else "Item",
        "IsStockedProduct": "No" if product.service else "Yes",
        "SalesUnitSymbol": product.unit,
        "InventoryUnitSymbol": product.unit,
        "SalesUnitDecimalPrecision": product.decimals,
        "InventoryUnitDecimalPrecision": product.decimals,
        "SalesPrice": price,
        "UnitCost": Decimal(cost),
        "CurrencyCode": currency,
        "IsSalesStopped": "Yes" if stopped else "No",
        "_SiteId": _SITE,
        "_WarehouseId": _WAREHOUSE,
        "_PriceQuantity": product.price_unit,
    }
