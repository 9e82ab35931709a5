"""Contoso with the documents of real companies: every charge, discount, price unit, tax rule and currency.

`plan()` is contoso with these documents, `group()` contoso-group, `large()` contoso with an order of 1 100 lines.
"""

from datetime import date
from decimal import Decimal

from sandbox.company import contoso
from sandbox.company.plan import (
    Account,
    Address,
    Cancellation,
    Credit,
    EnteredLine,
    EnteredOrder,
    Line,
    Order,
    OrderFate,
    Plan,
    PriceList,
    Product,
    Progress,
    Quote,
    QuoteFate,
)

D = Decimal

LARGE = 1100
"""Lines of the order that is larger than a change set."""


def plan() -> Plan:
    """Give contoso with the documents of real companies."""
    return _extended(contoso.plan(), "contoso-money")


def group() -> Plan:
    """Give contoso-group with the documents of real companies in each legal entity."""
    company = _extended(contoso.group(), "contoso-group-money")
    company.entered += _GROUP_ENTERED
    return company


def large() -> Plan:
    """Give contoso with one order of 1 100 lines from Sales and one from F&O."""
    company = contoso.plan()
    company.name = "contoso-large"
    from_sales = tuple(Line("MUG-01", D(1 + number % 7), discount=D(number % 4)) for number in range(LARGE))
    entered = tuple(EnteredLine("MUG-01", D(1 + number % 5), percent=D(number % 3 * 5)) for number in range(LARGE))
    company.orders.append(Order("SO-4900", "A mug for each", "fourth", from_sales, progress=Progress.INVOICED))
    company.entered.append(EnteredOrder("FO-5900", "fourth", entered, progress=Progress.INVOICED))
    return company


def _extended(company: Plan, name: str) -> Plan:
    company.name = name
    company.accounts += _ACCOUNTS
    company.products += _PRODUCTS
    company.quotes += _QUOTES
    company.orders += _ORDERS
    company.entered += _ENTERED
    company.price_lists += _PRICE_LISTS
    return company


_ACCOUNTS = [
    Account("kuwait", "Gulf Coffee Trading W.L.L.", "A-1021", "KWD", Address("Salem Street 4", "Kuwait City", "13001")),
    Account("seoul", "한빛커피 주식회사", "A-1022", "KRW", Address("세종대로 110", "서울", "04524", "South Korea")),
]

_PRODUCTS = [
    Product("SCREW-M3", "Screw M3, by the piece", D("0.0725"), unit="pcs", cost=D("0.0311")),
    Product("LABEL-C", "Labels, priced by the hundred", D("12.50"), unit="pcs", cost=D("7"), price_unit=D(100)),
    Product("FILTER-M", "Filters, priced by the thousand", D("33.35"), unit="pcs", price_unit=D(1000)),
    Product(
        "SYRUP-1L",
        "Vanilla syrup",
        D("9.95"),
        cost=D("4.20"),
        volume=((12, D("5")), (48, D("12.5"))),
    ),
]

_PRICE_LISTS = [
    PriceList(
        "Trade USA 2026",
        "USD",
        date(2026, 1, 1),
        date(2026, 12, 31),
        {("SYRUP-1L", "ea"): D("8.75"), ("SYRUP-1L", "box"): D("99.00"), ("MUG-01", "box"): D("130.00")},
    ),
    PriceList("Trade USA 2024 (expired)", "USD", date(2024, 1, 1), date(2024, 12, 31), {("MUG-01", "ea"): D("11.11")}),
    PriceList("Wholesale Europe", "EUR", date(2026, 1, 1), date(2027, 6, 30), {("KET-EUR", "ea"): D("71.90")}),
]

_MUGS = Line("MUG-01", D("7"))
_SYRUP = Line("SYRUP-1L", D("24"))
_MACHINE = Line("ESP-100", D("1"), discount=D("99.01"))

_QUOTES = [
    Quote(
        "Q-3021",
        "Ten per cent on everything",
        "fourth",
        (_MACHINE, _MUGS, Line("MUG-01", D("3"), discount=D("1.00"))),
        QuoteFate.ACTIVE,
        details={"discountpercentage": D("10")},
    ),
    Quote(
        "Q-3022",
        "A round sum off, and freight",
        "trey",
        (_MUGS, Line("BEAN-KG", D("3.333"))),
        QuoteFate.WON,
        details={"discountamount": D("25.00"), "freightamount": D("18.40")},
    ),
    Quote("Q-3023", "Syrup by volume", "ski", (_SYRUP, Line("SYRUP-1L", D("60"))), QuoteFate.ACTIVE),
    Quote(
        "Q-3024",
        "At trade prices",
        "relecloud",
        (Line("SYRUP-1L", D("4"), unit="box"), Line("MUG-01", D("2"), unit="box")),
        QuoteFate.ACTIVE,
        price_list="Trade USA 2026",
    ),
]

_ORDERS = [
    Order(
        "SO-4021",
        "Per cent, amount and freight together",
        "fourth",
        (_MACHINE, _MUGS, Line("BEAN-KG", D("1.111"))),
        progress=Progress.INVOICED,
        details={"discountpercentage": D("7.5"), "discountamount": D("10.00"), "freightamount": D("35.00")},
    ),
    Order(
        "SO-4022",
        "Freight only",
        "trey",
        (Line("MUG-01", D("3")), Line("MUG-01", D("7"), discount=D("2.22"))),
        progress=Progress.CONFIRMED,
        details={"freightamount": D("9.99")},
    ),
    Order("SO-4023", "Syrup by volume", "ski", (_SYRUP, _MUGS), progress=Progress.SHIPPED),
    Order(
        "SO-4024",
        "Dinars",
        "kuwait",
        (Line("ESP-100", D("2"), D("583.125"), D("10.005")), Line("MUG-01", D("3"), D("3.985"))),
        OrderFate.ACTIVE,
        "KWD",
        progress=Progress.INVOICED,
        details={"discountpercentage": D("2.5")},
    ),
    Order(
        "SO-4025",
        "Won",
        "seoul",
        (Line("ESP-100", D("1"), D("2640000"), D("40000")), Line("MUG-01", D("3"), D("18100"), D("1000"))),
        OrderFate.ACTIVE,
        "KRW",
        progress=Progress.CONFIRMED,
        details={"discountamount": D("5001"), "freightamount": D("33000")},
    ),
    Order(
        "SO-4026",
        "By the box at trade prices",
        "relecloud",
        (Line("SYRUP-1L", D("4"), unit="box"), Line("MUG-01", D("1"), unit="box", discount=D("1.30"))),
        progress=Progress.PARTLY_INVOICED,
        price_list="Trade USA 2026",
    ),
]

_ENTERED = [
    EnteredOrder(
        "FO-5001",
        "fourth",
        (EnteredLine("ESP-100", D("1"), percent=D("12.5")), EnteredLine("MUG-01", D("7"), percent=D("5"))),
        charges={"FREIGHT": D("45.00")},
        progress=Progress.INVOICED,
    ),
    EnteredOrder(
        "FO-5002",
        "trey",
        (
            EnteredLine(
                "GRD-200:BLACK",
                D("3"),
                discount=D("9.99"),
                percent=D("3"),
                multiline=D("1.50"),
                multiline_percent=D("2"),
            ),
            EnteredLine("MUG-01", D("11"), multiline_percent=D("7.5"), fixed=D("2.00"), charge=D("3.50")),
            EnteredLine("SYRUP-1L", D("5"), fixed=D("-0.07"), charge=D("-1.25")),
        ),
        discount_percent=D("4"),
        charges={"FREIGHT": D("21.00"), "BONUS": D("-6.50")},
        progress=Progress.INVOICED,
        credit=Credit.WHOLE,
    ),
    EnteredOrder(
        "FO-5003",
        "omalley",
        (EnteredLine("ESP-100", D("1"), D("1190.00")), EnteredLine("MUG-01", D("3"), D("11.90"), percent=D("10"))),
        currency="EUR",
        includes_tax=True,
        charges={"FREIGHT": D("11.90")},
        progress=Progress.INVOICED,
    ),
    EnteredOrder(
        "FO-5004",
        "ski",
        (
            EnteredLine("SCREW-M3", D("1000")),
            EnteredLine("LABEL-C", D("250")),
            EnteredLine("FILTER-M", D("1700"), percent=D("3")),
        ),
        progress=Progress.INVOICED,
        invoices=3,
    ),
    EnteredOrder(
        "FO-5005",
        "relecloud",
        (EnteredLine("MUG-01", D("10")), EnteredLine("SYRUP-1L", D("10"), percent=D("2.5"))),
        discount=D("10.00"),
        charges={"FREIGHT": D("20.00")},
        progress=Progress.INVOICED,
        invoices=3,
        credit=Credit.FIRST_LINE,
    ),
    EnteredOrder(
        "FO-5006",
        "fourth",
        (EnteredLine("MUG-01", D("-2"), discount=D("1.00")), EnteredLine("SYRUP-1L", D("6"))),
        progress=Progress.INVOICED,
    ),
    EnteredOrder(
        "FO-5007",
        "trey",
        (EnteredLine("MUG-01", D("4")), EnteredLine("SYRUP-1L", D("2")), EnteredLine("GRD-200:WHITE", D("1"))),
        cancellation=Cancellation.LAST_LINE,
    ),
    EnteredOrder(
        "FO-5008",
        "ski",
        (EnteredLine("MUG-01", D("6"), percent=D("10")),),
        charges={"FREIGHT": D("8.00")},
        cancellation=Cancellation.WHOLE_LATER,
    ),
    EnteredOrder(
        "FO-5009",
        "kuwait",
        (EnteredLine("MUG-01", D("3"), D("3.985"), percent=D("2.5")), EnteredLine("BEAN-KG", D("1.234"), D("5.665"))),
        currency="KWD",
        discount=D("0.125"),
        charges={"FREIGHT": D("1.255")},
        progress=Progress.INVOICED,
    ),
    EnteredOrder(
        "FO-5010",
        "seoul",
        (EnteredLine("MUG-01", D("7"), D("18100"), percent=D("3")), EnteredLine("BEAN-KG", D("0.333"), D("25650"))),
        currency="KRW",
        discount_percent=D("1"),
        charges={"FREIGHT": D("33000")},
        progress=Progress.PARTLY_INVOICED,
    ),
    EnteredOrder(
        "FO-5011",
        "vance",
        (EnteredLine("MUG-01", D("2"), unit="box", price=D("130.00")), EnteredLine("SYRUP-1L", D("3"))),
        includes_tax=True,
        discount_percent=D("5"),
        progress=Progress.PARTLY_SHIPPED,
    ),
]

_GROUP_ENTERED = [
    EnteredOrder(
        "FO-5101",
        "adatum",
        (EnteredLine("ESP-100", D("1"), D("2081.31")), EnteredLine("BEAN-KG", D("2.75"), D("20.65"), percent=D("3"))),
        "EUR",
        "demf",
        includes_tax=True,
        discount_percent=D("2"),
        charges={"FREIGHT": D("11.90")},
        progress=Progress.INVOICED,
    ),
    EnteredOrder(
        "FO-5201",
        "wingtip",
        (EnteredLine("ESP-100", D("1"), percent=D("3")), EnteredLine("SEN-JPY", D("3"), discount=D("33"))),
        "JPY",
        "jpmf",
        discount=D("1000"),
        charges={"FREIGHT": D("1500")},
        progress=Progress.INVOICED,
        invoices=2,
    ),
]
