"""One of each bad input, for tests: what a synchronisation must survive, name and set apart from the rest.

`bad` needs the master data of the company *contoso* in both systems. What the API itself refuses is put in below it, as
years of imports do.
"""

from dataclasses import dataclass
from decimal import Decimal

from sandbox.company.plan import USMF, Account, Address, Line, Order
from sandbox.company.sales_desk import Ref, SalesDesk
from sandbox.company.sales_masters import currency_of, write_account
from sandbox.company.selling import Seller
from sandbox.finops import FinOpsService
from sandbox.sales.service import SalesService

UNKNOWN_CUSTOMER = "GHOST-1"
_PLACE = Address("1 Test Road", "Reno", "89501", "USA", "NV")
_UNIT, _CURRENCY, _LISTLESS = "brl", "KWD", "CHF"


@dataclass(frozen=True, slots=True)
class BadInput:
    """A bad input: what it is, where it is (`sales` or `finops`), in which table or entity set, under which key.

    `key` is the record's number, or its id in Sales where it has no number. With `passes` it is only unusual.
    """

    name: str
    system: str
    entity: str
    key: str
    passes: bool = False


def bad(sales: SalesService, finops: FinOpsService) -> list[BadInput]:
    """Write one of each bad input into the two systems and say where each is."""
    return [*_bad_sales(SalesDesk(sales)), *_bad_finops(SalesDesk(sales), finops)]


def bad_orders(sales: SalesService) -> list[BadInput]:
    """Write the bad inputs that need products in Sales: an order with quantity 0, a header with a name too long.

    Raises CompanyError while the product of a company is missing in Sales.
    """
    desk = SalesDesk(sales)
    account = Account("bad orders", "Orders to reject", "BAD-ORDERS", "USD", _PLACE)
    write_account(desk, account)
    product = next(row["productnumber"] for row in sales.rows("product", statecode=0))
    seller = Seller.for_customers(desk, [account])
    one, none = Line(product, Decimal(1), Decimal(5)), Line(product, Decimal(0), Decimal(5))
    seller.write_order(Order("BAD-ZERO", "Quantity 0", account.key, (one, none)))
    seller.write_order(Order("BAD-NAME", "N" * 300, account.key, (one,)))
    seller.write_order(
        Order("BAD-COUNTRY", "Unknown country", account.key, (one,), ship_to=Address(country="Atlantis"))
    )
    return [
        BadInput("quantity 0", "sales", "salesorders", "BAD-ZERO"),
        BadInput("300-character name", "sales", "salesorders", "BAD-NAME"),
        BadInput("unknown country of delivery", "sales", "salesorders", "BAD-COUNTRY"),
    ]


def _bad_sales(desk: SalesDesk) -> list[BadInput]:
    def account(key: str, name: str, number: str, country: str = "USA") -> Ref:
        place = Address("1 Test Road", "Reno", "89501", country, "NV")
        return write_account(desk, Account(key, name, number, "USD", place))

    store = desk.service.store
    keyless = account("bad null key", "No number", "BAD-NULL")
    store.update("account", (keyless.id,), {"accountnumber": None})
    long_name = account("bad long name", "Long", "BAD-LONG")
    store.update("account", (long_name.id,), {"name": "L" * 300})
    account("bad country", "Lost city", "BAD-COUNTRY", "Atlantis")
    account("bad twin 1", "First twin", "BAD-TWIN")
    account("bad twin 2", "Second twin", "BAD-TWIN")
    bell = account("bad control", "Bell", "BAD-CONTROL")
    store.update("account", (bell.id,), {"name": "Bell\x07 and null\x00"})
    account("bad emoji", "Emoji 👩‍🚀🧪", "BAD-EMOJI")
    return [
        BadInput("null key", "sales", "accounts", keyless.id),
        BadInput("300-character name", "sales", "accounts", "BAD-LONG"),
        BadInput("unknown country", "sales", "accounts", "BAD-COUNTRY"),
        BadInput("duplicate account number", "sales", "accounts", "BAD-TWIN"),
        BadInput("control character", "sales", "accounts", "BAD-CONTROL"),
        BadInput("emoji", "sales", "accounts", "BAD-EMOJI", passes=True),
    ]


def _bad_finops(desk: SalesDesk, finops: FinOpsService) -> list[BadInput]:
    finops.create("UnitsOfMeasure", {"UnitSymbol": _UNIT, "UnitDescription": "Barrel"})
    if not finops.books.has("Currency", _LISTLESS):
        finops.create("Currencies", {"CurrencyCode": _LISTLESS, "Name": _LISTLESS})
    currency_of(desk, _LISTLESS)
    area, five = USMF.code, Decimal(5)
    finops.new_product("BAD-UNIT", "Sold by the barrel", five, area, SalesUnitSymbol=_UNIT)
    finops.new_product("BAD-CURRENCY", "Priced in dinars", five, area, CurrencyCode=_CURRENCY)
    finops.new_product("BAD-LIST", "Priced in francs, without a price list", five, area, CurrencyCode=_LISTLESS)
    # Not sellable, so it never comes to Sales, where somebody entered a draft by hand.
    finops.new_product("BAD-DRAFT", "Draft in Sales", five, area, _Sellable=False, _SiteId="1", _WarehouseId="13")
    group = desk.find("uomschedule", name="Default unit")
    unit = desk.find("uom", name="Primary Unit")
    draft: dict[str, object] = {
        "productnumber": "BAD-DRAFT",
        "name": "Draft in Sales",
        "defaultuomscheduleid": group,
        "defaultuomid": unit,
    }
    desk.create("product", "BAD-DRAFT", {**draft, "statecode": 2, "statuscode": 0})
    known = "BAD-BUYER"
    write_account(desk, Account("bad buyer", "Buyer of drafts", known, "USD", _PLACE))
    for customer in (known, UNKNOWN_CUSTOMER):
        finops.new_customer(customer, customer, area, IsExternallyMaintained="Yes", SiteId="1", PartyNumber=customer)
    ghost = _order(finops, UNKNOWN_CUSTOMER, "BAD-LIST")
    drafty = _order(finops, known, "BAD-DRAFT")
    finops.calculate_totals()
    orphan = {"dataAreaId": area, "SalesOrderNumber": "BAD-ORPHAN", "LineCreationSequenceNumber": 1}
    with finops.lock:
        finops.books.add("SalesLine", {**orphan, "ProductNumber": "BAD-LIST", "OrderedSalesQuantity": Decimal(1)})
    return [
        BadInput("unknown unit", "finops", "SellableReleasedProducts", "BAD-UNIT"),
        BadInput("unknown currency", "finops", "SellableReleasedProducts", "BAD-CURRENCY"),
        BadInput("no price list of its currency", "finops", "SellableReleasedProducts", "BAD-LIST"),
        BadInput("Draft product", "finops", "CDSSalesOrderHeaders", drafty),
        BadInput("unknown customer", "finops", "CDSSalesOrderHeaders", ghost),
        BadInput("orphan line", "finops", "CDSSalesOrderLines", "BAD-ORPHAN"),
    ]


def _order(finops: FinOpsService, customer: str, product: str) -> str:
    line = {"ProductNumber": product, "OrderedSalesQuantity": Decimal(1), "ShippingSiteId": "1"}
    order = finops.new_order(customer, [line], USMF.code)
    finops.confirm(order["SalesOrderNumber"], USMF.code)
    return str(order["SalesOrderNumber"])
