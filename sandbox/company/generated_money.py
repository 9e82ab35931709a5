"""A generated company whose documents have charges, discounts, taxes inside prices and currencies as real ones have.

It is the generated company of the same seed and size, of whose orders a third is entered in F&O instead.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import TypeVar

from sandbox.company import generated
from sandbox.company.plan import (
    RATES,
    Cancellation,
    Credit,
    EnteredLine,
    EnteredOrder,
    Order,
    OrderFate,
    Plan,
    Product,
    Progress,
    Quote,
    money,
)

DEFAULT_SIZE = 1000
"""Orders of the company where nothing else is asked for."""

_Document = TypeVar("_Document", Quote, Order)
_ENTERED_SHARE = 0.35
_PROGRESS = (Progress.CONFIRMED, Progress.PICKED, Progress.PARTLY_SHIPPED, Progress.PARTLY_INVOICED, Progress.INVOICED)


def plan(seed: int, size: int) -> Plan:
    """Give a company with `size` orders, in Sales and in F&O together; the same seed and size give the same company."""
    random = Random(f"money {seed}/{size}")
    company = generated.plan(seed, size)
    company.name = "generated-money"
    desk = _Desk(random, company)
    company.products = desk.products
    company.quotes = [desk.with_header_amounts(quote) for quote in company.quotes]
    orders, company.orders = company.orders, []
    for number, order in enumerate(orders, start=1):
        if random.random() < _ENTERED_SHARE:
            company.entered.append(desk.entered(f"FG-{number:06}", order))
        else:
            company.orders.append(desk.with_header_amounts(order))
    return company


class _Desk:
    """Where orders get their amounts."""

    def __init__(self, random: Random, company: Plan) -> None:
        self._random = random
        self.products = [self._product(product) for product in company.products]
        sold = (product for product in self.products if not product.stopped)
        self._products = {product.number: product for product in sold}

    def with_header_amounts(self, document: _Document) -> _Document:
        """Give a document of Sales a discount or freight on its header, as an eighth of them has."""
        details = dict(document.details)
        if self._happens(0.06):
            details["discountpercentage"] = Decimal(self._random.choice(("2.5", "5", "10", "12.75")))
        if self._happens(0.03):
            details["discountamount"] = self._amount(100, 2500)
        if self._happens(0.05):
            details["freightamount"] = self._amount(500, 9900)
        lines = tuple(replace(line, price=None) if self._in_volume(line.product) else line for line in document.lines)
        return replace(document, details=details, lines=lines)

    def entered(self, number: str, order: Order) -> EnteredOrder:
        """Give the order that people enter in F&O in an order's place."""
        currency = self._random.choices(("USD", "EUR", "JPY", "KRW", "KWD"), (86, 6, 3, 2, 3))[0]
        lines = tuple(self._line(line.product, line.quantity, currency) for line in order.lines if line.product)
        charges: dict[str, Decimal] = {}
        if self._happens(0.30):
            charges["FREIGHT"] = self._in(currency, self._amount(500, 9900))
        if self._happens(0.05):
            charges["BONUS"] = -self._in(currency, self._amount(100, 500))
        progress = self._random.choices(_PROGRESS, (20, 10, 10, 15, 45))[0]
        untouched = progress is Progress.CONFIRMED
        cancellation = Cancellation.NONE
        if untouched and order.fate is not OrderFate.DRAFT and self._happens(0.15):
            several = len(lines) > 1 and self._happens(0.7)
            cancellation = Cancellation.LAST_LINE if several else Cancellation.WHOLE_LATER
        invoiced = progress is Progress.INVOICED
        credit = Credit.NONE
        if invoiced and self._happens(0.08):
            credit = self._random.choice((Credit.WHOLE, Credit.FIRST_LINE))
        return EnteredOrder(
            number,
            order.customer,
            lines,
            currency,
            includes_tax=self._happens(0.12),
            discount=self._in(currency, self._amount(100, 900)) if self._happens(0.04) else Decimal(0),
            discount_percent=Decimal(self._random.choice((2, 5, 10))) if self._happens(0.05) else Decimal(0),
            charges=charges,
            progress=progress,
            invoices=self._random.choice((2, 3)) if invoiced and self._happens(0.2) else 1,
            cancellation=cancellation,
            credit=credit,
        )

    def _product(self, product: Product) -> Product:
        place = int(product.number.removeprefix("PG-"))
        if place % 9 == 0:
            return replace(product, price=product.price / 100 + Decimal("0.0025"), unit="pcs")
        if place % 13 == 0:
            return replace(product, price_unit=Decimal(self._random.choice((100, 1000))))
        if place % 7 == 0 and not product.stopped:
            return replace(product, volume=((10, Decimal(5)), (30, Decimal("7.5"))))
        return product

    def _in_volume(self, number: str) -> bool:
        return bool(number and self._products[number].volume)

    def _line(self, number: str, quantity: Decimal, currency: str) -> EnteredLine:
        price = self._products[number].price
        if self._happens(0.03):
            quantity = -quantity
        return EnteredLine(
            number,
            quantity,
            self._in(currency, price) if currency != "USD" else None,
            discount=self._in(currency, price / 20) if self._happens(0.05) else Decimal(0),
            percent=self._sometimes(0.20, ("3", "5", "10", "12.5", "33.3")),
            multiline_percent=self._sometimes(0.05, ("2", "2.5")),
            multiline=self._in(currency, price / 50) if self._happens(0.03) else Decimal(0),
            fixed=self._in(currency, self._sometimes(0.03, ("2.00", "-0.01", "0.02"))),
            charge=self._in(currency, self._sometimes(0.05, ("1.50", "4.25", "-0.75"))),
        )

    def _happens(self, share: float) -> bool:
        return self._random.random() < share

    def _sometimes(self, share: float, values: Sequence[str]) -> Decimal:
        return Decimal(self._random.choice(values)) if self._happens(share) else Decimal(0)

    def _amount(self, low: int, high: int) -> Decimal:
        return Decimal(self._random.randint(low, high)) / 100

    @staticmethod
    def _in(currency: str, amount: Decimal) -> Decimal:
        return money(amount * RATES[currency], currency)
