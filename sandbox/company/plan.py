"""What a company consists of and what its people will do: plain data, the same for both systems.

A plan holds business words only (account numbers, product numbers, units of F&O); the modules beside this one turn
it into rows. Money and quantities are Decimal.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

EXPONENTS = {"JPY": 0, "KRW": 0, "KWD": 3, "BHD": 3}
"""Decimals of a currency, where it is not 2 (ISO 4217)."""

PRICE_LISTS = {
    "USD": "CRM Service USA (sample)",
    "EUR": "CRM Service Europe",
    "JPY": "CRM Service Japan",
    "KRW": "CRM Service Korea",
    "KWD": "CRM Service Kuwait",
}
"""The price list of each currency. The first name is the one that the documented value map knows."""

UNIT_GROUP = "Default unit"

UNITS = {"ea": "Primary Unit", "box": "Box", "kg": "Kilogram", "hr": "Hour", "pcs": "Piece"}
"""Unit symbol in F&O → name of the unit in Sales. All belong to the unit group above."""

RATES = {
    "USD": Decimal("1"),
    "EUR": Decimal("0.92"),
    "JPY": Decimal("150"),
    "CHF": Decimal("0.88"),
    "KRW": Decimal("1390"),
    "KWD": Decimal("0.307"),
}
"""Units of the currency for one US dollar, the base currency in Sales."""


class CompanyError(Exception):
    """The company cannot do what it was asked, with the reason in words."""


@dataclass(frozen=True, slots=True)
class LegalEntity:
    """A legal entity of F&O and the business unit in Sales that sells for it.

    `country` is an ISO code, `tax_rate` the sales tax on everything as a fraction.
    """

    code: str
    name: str
    currency: str
    country: str
    tax_rate: Decimal
    business_unit: str


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address; `country` is as people write it in Sales, so it may be a name, a code or blank."""

    line1: str = ""
    city: str = ""
    postal_code: str = ""
    country: str = ""
    state: str = ""
    line2: str = ""
    line3: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """An account. A blank `number` leaves numbering to the solution; `details` are further columns by Sales name."""

    key: str
    name: str
    number: str
    currency: str
    address: Address
    legal_entity: str = "usmf"
    second_address: Address | None = None
    details: dict[str, object] = field(default_factory=dict)
    active: bool = True


class ContactKind(StrEnum):
    """What decides where a contact goes."""

    ACTIVE_CUSTOMER = "active customer"
    COMPANY_CONTACT = "company contact"
    NEITHER = "neither"
    CONTACT_OF_CONTACT = "contact of a contact"


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact; `parent` is the key of an account (company contact) or of another contact (contact of a contact)."""

    key: str
    first_name: str
    last_name: str
    number: str
    kind: ContactKind
    parent: str = ""
    legal_entity: str = "usmf"
    currency: str = "USD"
    address: Address = Address()
    details: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Product:
    """A released product of F&O. `prices` are people's own price list items in Sales, by currency.

    A `stopped` product that orders name was sold before: people stop it after these orders have been delivered.
    `price_unit` is for how many units F&O's price is. `volume` are the steps of its discount list in Sales: from so
    many units on, so many per cent.
    """

    number: str
    name: str
    price: Decimal
    currency: str = "USD"
    unit: str = "ea"
    cost: Decimal = Decimal("0")
    description: str = ""
    service: bool = False
    stopped: bool = False
    decimals: int = 0
    prices: dict[str, Decimal] = field(default_factory=dict)
    price_unit: Decimal = Decimal("1")
    volume: tuple[tuple[int, Decimal], ...] = ()


@dataclass(frozen=True, slots=True)
class PriceList:
    """A further price list in Sales, valid from one day to another. `prices` are by product and unit of F&O."""

    name: str
    currency: str
    begin: date
    end: date
    prices: dict[tuple[str, str], Decimal]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a quote or order. Without a product it is a write-in product called `write_in`.

    A price of None takes the price list's. `discount` is the amount for the whole line, `unit` a symbol of F&O.
    """

    product: str
    quantity: Decimal
    price: Decimal | None = None
    discount: Decimal = Decimal("0")
    unit: str = ""
    write_in: str = ""


class QuoteFate(StrEnum):
    """How far people take a quote."""

    DRAFT = "draft"
    ACTIVE = "active"
    REVISED = "revised"
    WON = "won"
    LOST = "lost"
    CANCELED = "canceled"
    SUBMITTED = "submitted"


class OrderFate(StrEnum):
    """How far people in Sales take an order."""

    DRAFT = "draft"
    ACTIVE = "active"
    CANCELED = "canceled"


class Progress(StrEnum):
    """How far people in F&O take an order that has arrived."""

    NONE = "none"
    CONFIRMED = "confirmed"
    PICKED = "picked"
    PARTLY_SHIPPED = "partly shipped"
    SHIPPED = "shipped"
    PARTLY_INVOICED = "partly invoiced"
    INVOICED = "invoiced"


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote. `customer` is the key of an account or contact; `ship_to` of None copies the customer's address.

    A blank `price_list` is the one of the currency.
    """

    number: str
    name: str
    customer: str
    lines: tuple[Line, ...]
    fate: QuoteFate
    currency: str = "USD"
    legal_entity: str = "usmf"
    ship_to: Address | None = None
    deliver_by: date | None = None
    details: dict[str, object] = field(default_factory=dict)
    price_list: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """An order: like a quote; `freight` is the header charge that F&O puts on it, `quote` the number it came from."""

    number: str
    name: str
    customer: str
    lines: tuple[Line, ...]
    fate: OrderFate = OrderFate.ACTIVE
    currency: str = "USD"
    legal_entity: str = "usmf"
    ship_to: Address | None = None
    deliver_by: date | None = None
    progress: Progress = Progress.NONE
    freight: Decimal = Decimal("0")
    quote: str = ""
    details: dict[str, object] = field(default_factory=dict)
    price_list: str = ""


@dataclass(frozen=True, slots=True)
class EnteredLine:
    """A line that people enter in F&O. A price of None takes the product's; `charge` is a charge transaction.

    `discount` and `multiline` are amounts for one unit, `percent` and `multiline_percent` percentages.
    """

    product: str
    quantity: Decimal
    price: Decimal | None = None
    price_unit: Decimal | None = None
    unit: str = ""
    discount: Decimal = Decimal("0")
    percent: Decimal = Decimal("0")
    multiline: Decimal = Decimal("0")
    multiline_percent: Decimal = Decimal("0")
    fixed: Decimal = Decimal("0")
    charge: Decimal = Decimal("0")


class Credit(StrEnum):
    """What people take back of an order's last invoice."""

    NONE = "none"
    FIRST_LINE = "half of the first line"
    WHOLE = "the whole invoice"


class Cancellation(StrEnum):
    """What people cancel of an order after its confirmation."""

    NONE = "none"
    LAST_LINE = "the last line"
    WHOLE_LATER = "the whole order, once it is in Sales"


@dataclass(frozen=True, slots=True)
class EnteredOrder:
    """An order that people enter in F&O. `customer` is the key of an account or contact.

    `charges` are the header's, by code; `invoices` is over how many deliveries and invoices the order is spread.
    """

    number: str
    customer: str
    lines: tuple[EnteredLine, ...]
    currency: str = "USD"
    legal_entity: str = "usmf"
    includes_tax: bool = False
    discount: Decimal = Decimal("0")
    discount_percent: Decimal = Decimal("0")
    charges: dict[str, Decimal] = field(default_factory=dict)
    progress: Progress = Progress.CONFIRMED
    invoices: int = 1
    cancellation: Cancellation = Cancellation.NONE
    credit: Credit = Credit.NONE


@dataclass(slots=True)
class Plan:
    """Everything about a company before it is in any system. `problems` are what was wrong in its source."""

    name: str
    legal_entities: list[LegalEntity]
    accounts: list[Account] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    quotes: list[Quote] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    entered: list[EnteredOrder] = field(default_factory=list)
    price_lists: list[PriceList] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def currencies(self) -> list[str]:
        """Give the currencies that the plan mentions, US dollars first."""
        named = {entity.currency for entity in self.legal_entities}
        named |= {account.currency for account in self.accounts} | {product.currency for product in self.products}
        named |= {document.currency for document in (*self.documents(), *self.entered)}
        return ["USD", *sorted(named - {"USD"})]

    def documents(self) -> Iterator[Quote | Order]:
        """Give all quotes, then all orders."""
        yield from self.quotes
        yield from self.orders

    def product_numbers(self) -> set[str]:
        """Give the products that quotes and orders name."""
        return {line.product for document in self.documents() for line in document.lines if line.product}


def money(amount: Decimal, currency: str = "USD") -> Decimal:
    """Round half up to the currency's decimals."""
    return amount.quantize(Decimal(1).scaleb(-EXPONENTS.get(currency, 2)), ROUND_HALF_UP)


USMF = LegalEntity("usmf", "Contoso Coffee Equipment USA", "USD", "US", Decimal("0.08"), "Contoso USA")
DEMF = LegalEntity("demf", "Contoso Kaffeetechnik Deutschland", "EUR", "DE", Decimal("0.19"), "Contoso Deutschland")
JPMF = LegalEntity("jpmf", "Contoso Coffee Equipment Japan", "JPY", "JP", Decimal("0.10"), "Contoso Japan")
