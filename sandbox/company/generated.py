"""A company of any size, made from a seed: the same seed and size give the same company on every machine.

The shape is that of trading companies: few customers buy most, most orders have few lines, a third of the lines is
discounted, and a small share is in a state that must not be synchronised.
"""

from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate
from random import Random

from sandbox.company.plan import (
    USMF,
    Account,
    Address,
    Contact,
    ContactKind,
    Line,
    Order,
    OrderFate,
    Plan,
    Product,
    Progress,
    Quote,
    QuoteFate,
    money,
)

_FIRST = (
    "Ada",
    "Björn",
    "Chloé",
    "Dmitri",
    "Elena",
    "Fatima",
    "Goran",
    "Hana",
    "Iñaki",
    "Jia",
    "Kofi",
    "Lucía",
    "Møller",
)
_LAST = ("Andersen", "Brown", "Chen", "D'Amico", "Estrada", "Fischer", "García", "Haddad", "Ito", "Jansen", "Kowalski")
_KINDS = ("Trading", "Foods", "Coffee", "Imports", "Hotels", "Catering", "Stores", "Logistics")
_FORMS = ("Inc.", "Ltd.", "GmbH", "S.A.", "& Co.", "LLC")
_GOODS = ("Grinder", "Kettle", "Mug", "Filter", "Scale", "Tamper", "Beans", "Tea", "Syrup", "Machine", "Brush", "Jug")
_FINISHES = ("black", "white", "steel", "copper", "oak", "blue", "small", "large")
_PLACES = (
    Address("100 Main Street", "Springfield", "62701", "United States", "IL"),
    Address("7 Market Square", "Leeds", "LS1 4DY", "United Kingdom"),
    Address("Hauptstraße 12", "Köln", "50667", "Germany"),
    Address("25 avenue Foch", "Lyon", "69006", "France"),
    Address("Calle Mayor 3", "Madrid", "28013", "Spain"),
    Address("88 King Street West", "Toronto", "M5H 1A1", "Canada", "ON"),
    Address("Storgatan 5", "Malmö", "21134", "Sweden"),
    Address("1 Unnamed Road", "Reno", "89501", "", "NV"),
)
_CONTACT_KINDS = (ContactKind.COMPANY_CONTACT, ContactKind.ACTIVE_CUSTOMER, ContactKind.NEITHER)
_QUOTE_FATES = (
    QuoteFate.DRAFT,
    QuoteFate.ACTIVE,
    QuoteFate.WON,
    QuoteFate.LOST,
    QuoteFate.SUBMITTED,
    QuoteFate.CANCELED,
    QuoteFate.REVISED,
)
_PROGRESS = (Progress.NONE, Progress.CONFIRMED, Progress.PICKED, Progress.SHIPPED, Progress.INVOICED)
_FIRST_DAY = date(2025, 1, 2)


def plan(seed: int, size: int) -> Plan:
    """Give a company with `size` orders and proportionate accounts, contacts, products and quotes."""
    random = Random(f"{seed}/{size}")
    company = Plan("generated", [USMF])
    company.accounts = [_account(random, number) for number in range(1, max(5, size // 20) + 1)]
    company.contacts = [_contact(random, number, company) for number in range(1, max(5, size // 10) + 1)]
    company.products = [_product(random, number) for number in range(1, max(12, min(size // 10, 2000)) + 1)]
    people = [contact.key for contact in company.contacts if contact.kind is ContactKind.ACTIVE_CUSTOMER]
    buyers = [account.key for account in company.accounts] + people
    shop = _Shop(random, buyers, company.products)
    company.quotes = [shop.quote(number) for number in range(1, size // 2 + 1)]
    company.orders = [shop.order(number) for number in range(1, size + 1)]
    return company


class _Shop:
    """Where documents are written: customers and products are picked with the skew of Zipf's law."""

    def __init__(self, random: Random, customers: list[str], products: list[Product]) -> None:
        self._random = random
        self._customers = customers
        self._products = [product for product in products if not product.stopped]
        self._customer_weights = list(accumulate(1 / (rank + 1) for rank in range(len(customers))))
        self._product_weights = list(accumulate(1 / (rank + 1) ** 0.7 for rank in range(len(self._products))))

    def quote(self, number: int) -> Quote:
        fate = self._random.choices(_QUOTE_FATES, (12, 45, 20, 8, 8, 4, 3))[0]
        return Quote(
            f"QG-{number:06}",
            f"Quote {number}",
            self._customer(),
            self._lines(write_in_share=0.03),
            fate,
            deliver_by=self._day(number),
        )

    def order(self, number: int) -> Order:
        fates = (OrderFate.ACTIVE, OrderFate.DRAFT, OrderFate.CANCELED)
        freight = money(Decimal(self._random.randint(500, 9900)) / 100) if self._random.random() < 0.2 else Decimal(0)
        return Order(
            f"SG-{number:06}",
            f"Order {number}",
            self._customer(),
            self._lines(write_in_share=0.02),
            self._random.choices(fates, (93, 5, 2))[0],
            deliver_by=self._day(number),
            progress=self._random.choices(_PROGRESS, (30, 15, 10, 15, 30))[0],
            freight=freight,
        )

    def _customer(self) -> str:
        return self._random.choices(self._customers, cum_weights=self._customer_weights)[0]

    def _day(self, number: int) -> date:
        return _FIRST_DAY + timedelta(days=number % 330 + self._random.randint(5, 30))

    def _lines(self, write_in_share: float) -> tuple[Line, ...]:
        count = min(12, 1 + int(self._random.expovariate(0.6)))
        lines = [self._line() for _ in range(count)]
        if self._random.random() < write_in_share:
            lines.append(Line("", Decimal(1), Decimal("25.00"), write_in="Something special"))
        return tuple(lines)

    def _line(self) -> Line:
        product = self._random.choices(self._products, cum_weights=self._product_weights)[0]
        quantity = Decimal(self._random.randint(1, 40))
        if product.decimals:
            quantity += Decimal(self._random.randint(0, 999)) / 1000
        discount = Decimal(0)
        if self._random.random() < 0.33:
            percent = Decimal(self._random.choice((3, 5, 10, 15, 25)))
            discount = money(quantity * product.price * percent / 100)
        return Line(product.number, quantity, product.price, discount)


def _account(random: Random, number: int) -> Account:
    name = f"{random.choice(_LAST)} {random.choice(_KINDS)} {random.choice(_FORMS)} {number}"
    details = {"telephone1": f"+1 555 {number:07}", "creditlimit": Decimal(random.randint(1, 500) * 100)}
    return Account(f"a{number}", name, f"AG-{number:06}", "USD", random.choice(_PLACES), details=dict(details))


def _contact(random: Random, number: int, company: Plan) -> Contact:
    kind = random.choices(_CONTACT_KINDS, (80, 15, 5))[0]
    parent = random.choice(company.accounts).key if kind is ContactKind.COMPANY_CONTACT else ""
    return Contact(
        f"c{number}",
        random.choice(_FIRST),
        random.choice(_LAST),
        f"CG-{number:06}",
        kind,
        parent,
        address=random.choice(_PLACES),
        details={"emailaddress1": f"c{number}@customer.example"},
    )


def _product(random: Random, number: int) -> Product:
    by_weight = number % 11 == 0
    price = Decimal(int(random.lognormvariate(3.2, 1.2) * 100) + 5) / 100
    return Product(
        f"PG-{number:05}",
        f"{random.choice(_GOODS)} {random.choice(_FINISHES)} {number}",
        price,
        unit="kg" if by_weight else "ea",
        cost=money(price * Decimal("0.55")),
        service=number % 25 == 0,
        stopped=number % 40 == 0,
        decimals=3 if by_weight else 0,
    )
