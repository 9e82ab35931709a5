"""The hand-made company: few rows, and for each rule of synchronisation one that it lets pass and one that it stops.

It sells coffee equipment. `plan()` is the company with one legal entity, `group()` the one with three.
"""

from datetime import date
from decimal import Decimal

from sandbox.company.plan import (
    DEMF,
    JPMF,
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
)

D = Decimal


def plan() -> Plan:
    """Give the company with the legal entity usmf."""
    return Plan("contoso", [USMF], list(_ACCOUNTS), list(_CONTACTS), list(_PRODUCTS), list(_QUOTES), list(_ORDERS))


def group() -> Plan:
    """Give the company with usmf, demf and jpmf, each with its own business unit, customers and documents."""
    company = plan()
    company.name = "contoso-group"
    company.legal_entities += [DEMF, JPMF]
    company.accounts += _GROUP_ACCOUNTS
    company.contacts += _GROUP_CONTACTS
    company.quotes += _GROUP_QUOTES
    company.orders += _GROUP_ORDERS
    return company


_SEATTLE = Address("400 Pine Street", "Seattle", "98101", "United States", "WA", name="Head office")
_DUBLIN = Address("12 O'Connell Street", "Dublin", "D01 T0X4", "Ireland", line2="2nd floor")
_MUNICH = Address("Königstraße 7", "München", "80331", "Deutschland", "BY", line2="Hinterhof", line3="Tor 3")
_TOKYO = Address("銀座4丁目5番11号", "中央区", "104-0061", "Japan", "東京都")
_PARIS = Address("18, rue de l'Église", "Paris", "75006", "FR")
_LONDON = Address("221B Baker Street", "London", "NW1 6XE", "Great Britain", "Greater London")

_ACCOUNTS = [
    Account(
        "fourth",
        "Fourth Coffee",
        "A-1001",
        "USD",
        _SEATTLE,
        second_address=Address("Pier 91", "Seattle", "98119", "USA", "WA", name="Warehouse"),
        details={
            "creditlimit": D("25000.00"),
            "numberofemployees": 240,
            "emailaddress1": "buying@fourthcoffee.example",
            "telephone1": "+1 206 555 0100",
            "fax": "+1 206 555 0101",
            "websiteurl": "https://fourthcoffee.example",
            "description": "Pays on time.\nPrefers deliveries on Tuesdays.",
        },
    ),
    Account("omalley", "O'Malley & Sons' Pub Supplies", "O'M-1002", "EUR", _DUBLIN),
    Account("mueller", "Müller Großhandel GmbH", "A-1003", "EUR", _MUNICH, details={"creditlimit": D("10000.50")}),
    Account("nihon", "日本珈琲株式会社", "A-1004", "JPY", _TOKYO),
    Account("soleil", "Café Soleil ☕🌞", "A-1005", "EUR", _PARIS, details={"telephone1": "+33 1 99 00 12 34"}),
    Account("relecloud", "Relecloud", "A-1006", "USD", Address("1 Cloud Way", "Reno", "89501", "", "NV")),
    Account("fabrikam", "Fabrikam Residences", "", "USD", Address("9 Elm Road", "Austin", "73301", "usa", "TX")),
    Account("trey", "Trey Research", "TR/09 & CO", "USD", Address("70 Lab Lane", "Boston", "02110", "US", "MA")),
    Account("ski", "Alpine Ski House", "A-1009", "USD", Address("5 Summit Dr", "Denver", "80202", "U.S.A.", "CO")),
    Account("bailey", 'Bailey "Best" Beans, Ltd.', "A-1010", "USD", _LONDON),
    Account(
        "closed", "Proseware (closed)", "A-1011", "USD", Address("2 Old Mill", "Salem", "97301", "USA"), active=False
    ),
    Account("lamna", "Lamna Healthcare Company", "A-1012", "USD", Address(country="Canada", city="Toronto")),
]

_PERSONAL = {
    "jobtitle": "Buyer",
    "department": "Procurement",
    "emailaddress1": "n.lind@fourthcoffee.example",
    "telephone1": "+1 206 555 0110",
    "birthdate": date(1984, 2, 29),
    "gendercode": 2,
    "familystatuscode": 2,
    "spousesname": "Anders Lind",
    "donotpostalmail": True,
}
_COMPANY = ContactKind.COMPANY_CONTACT
_HOME = Address("3 Lake View", "Portland", "97201", "United States", "OR")

_CONTACTS = [
    Contact("lind", "Nora", "Lind", "C-2001", _COMPANY, "fourth", address=_SEATTLE, details=_PERSONAL),
    Contact("obrien", "Siobhán", "O'Brien", "C-2002", _COMPANY, "omalley", address=_DUBLIN),
    Contact("weiss", "Jürgen", "Weiß", "C-2003", _COMPANY, "mueller", details={"gendercode": 1}),
    Contact("sato", "花子", "佐藤", "C-2004", _COMPANY, "nihon", address=_TOKYO),
    Contact("dubois", "Zoë", "Dubois", "", _COMPANY, "soleil"),
    Contact("two", "Li", "Wu", "C-2006", _COMPANY, "fourth", details={"middlename": "Mei", "donotpostalmail": False}),
    Contact("fab", "Ray", "Moss", "C-2007", _COMPANY, "fabrikam"),
    Contact("vance", "Alex", "Vance", "C-2008", ContactKind.ACTIVE_CUSTOMER, address=_HOME),
    Contact("costa", "Inês", "Costa d'Almeida", "C'2009", ContactKind.ACTIVE_CUSTOMER, currency="EUR", address=_PARIS),
    Contact("tanaka", "太郎", "田中", "C-2010", ContactKind.ACTIVE_CUSTOMER, currency="JPY", address=_TOKYO),
    Contact("both", "Dana", "Birk", "C-2011", ContactKind.ACTIVE_CUSTOMER, "ski", address=_HOME),
    Contact("stray", "Sam", "Stray", "C-2012", ContactKind.NEITHER, details={"telephone1": "555-0142"}),
    Contact("noone", "", "Unknown", "C-2013", ContactKind.NEITHER),
    Contact("child", "Kim", "Vance", "C-2014", ContactKind.CONTACT_OF_CONTACT, "vance"),
    Contact("aide", "Pat", "Aide", "", ContactKind.CONTACT_OF_CONTACT, "lind"),
]

_PRODUCTS = [
    Product(
        "ESP-100",
        "Espresso machine",
        D("1899.00"),
        cost=D("1120.40"),
        description="Two groups, 230 V",
        prices={"EUR": D("1749.00"), "JPY": D("284000")},
    ),
    Product("GRD-200:BLACK", "Grinder, black", D("349.50"), cost=D("190"), prices={"EUR": D("329.90")}),
    Product("GRD-200:WHITE", "Grinder, white", D("349.50"), cost=D("190"), prices={"EUR": D("329.90")}),
    Product("BEAN-KG", "House blend", D("18.45"), unit="kg", cost=D("9.10"), decimals=3, prices={"EUR": D("17.35")}),
    Product("CUP-12", "Paper cup 12 oz", D("0.07"), unit="pcs", cost=D("0.03"), description="Sold by the hundred"),
    Product("CUP-BOX", "Paper cups, box of 1000", D("65.00"), unit="box", cost=D("30")),
    Product("SVC-INST", "Installation", D("95.00"), unit="hr", service=True, decimals=2),
    Product("SVC-CARE", "Care plan, one year", D("480.00"), service=True),
    Product("MUG-01", "Barista's mug ☕", D("12.99"), cost=D("3.333")),
    Product("KET-EUR", "Schwanenhals-Kessel", D("89.90"), currency="EUR", cost=D("41.25")),
    Product("SEN-JPY", "煎茶 100g", D("1280"), currency="JPY", cost=D("600")),
    Product("FREE-01", "Sample bag", D("0.00")),
    Product("OLD-01", "Stovetop pot (discontinued)", D("39.00"), stopped=True),
]

_BEANS = Line("BEAN-KG", D("2.5"), discount=D("1.00"))
_MACHINE = Line("ESP-100", D("1"))
_THREE_MUGS = Line("MUG-01", D("3"), discount=D("10.00"))

_QUOTES = [
    Quote("Q-3001", "Draft for Fourth Coffee", "fourth", (_MACHINE,), QuoteFate.DRAFT),
    Quote(
        "Q-3002",
        "Opening of the harbour shop",
        "fourth",
        (_MACHINE, Line("GRD-200:BLACK", D("2"), discount=D("49.01")), _THREE_MUGS, Line("SVC-INST", D("3.5"))),
        QuoteFate.ACTIVE,
        deliver_by=date(2026, 3, 2),
        details={"description": "PO 77-A", "effectiveto": date(2026, 12, 31)},
    ),
    Quote("Q-3003", "Second thoughts", "relecloud", (Line("MUG-01", D("24")),), QuoteFate.REVISED),
    Quote("Q-3004", "Won at once", "omalley", (Line("KET-EUR", D("6"), discount=D("7.77")),), QuoteFate.WON, "EUR"),
    Quote("Q-3005", "Submitted to the back office", "trey", (Line("CUP-BOX", D("10")), _BEANS), QuoteFate.SUBMITTED),
    Quote("Q-3006", "Too dear", "ski", (Line("ESP-100", D("4")),), QuoteFate.LOST),
    Quote(
        "Q-3007",
        "With something of their own",
        "bailey",
        (_THREE_MUGS, Line("", D("1"), D("250.00"), write_in="Engraving")),
        QuoteFate.ACTIVE,
    ),
    Quote("Q-3008", "A private customer", "vance", (Line("GRD-200:WHITE", D("1")),), QuoteFate.ACTIVE, ship_to=_HOME),
    Quote("Q-3009", "Withdrawn", "lamna", (Line("CUP-12", D("500")),), QuoteFate.CANCELED),
]

_ORDERS = [
    Order("SO-4001", "Still being written", "fourth", (_MACHINE,), OrderFate.DRAFT),
    Order(
        "SO-4002",
        "First machine",
        "fourth",
        (_MACHINE, _THREE_MUGS),
        deliver_by=date(2026, 2, 16),
        progress=Progress.INVOICED,
        freight=D("45.00"),
        details={"description": "PO 78-B", "submitdate": date(2026, 1, 30)},
    ),
    Order(
        "SO-4003",
        "Kettles",
        "omalley",
        (Line("KET-EUR", D("6"), discount=D("7.77")),),
        OrderFate.ACTIVE,
        "EUR",
        progress=Progress.SHIPPED,
        quote="Q-3004",
    ),
    Order(
        "SO-4004",
        "Beans by weight",
        "mueller",
        (Line("BEAN-KG", D("12.345"), D("17.35"), D("10.01")), Line("ESP-100", D("1"), D("1749.00"), D("0.01"))),
        OrderFate.ACTIVE,
        "EUR",
        progress=Progress.CONFIRMED,
    ),
    Order(
        "SO-4005",
        "煎茶",
        "nihon",
        (Line("SEN-JPY", D("7"), discount=D("100")),),
        OrderFate.ACTIVE,
        "JPY",
        progress=Progress.PARTLY_SHIPPED,
    ),
    Order(
        "SO-4006",
        "Two came back",
        "relecloud",
        (Line("MUG-01", D("-2"), D("12.49")), Line("GRD-200:BLACK", D("1"))),
        progress=Progress.INVOICED,
    ),
    Order("SO-4007", "With a write-in", "trey", (_MACHINE, Line("", D("1"), D("19.95"), write_in="Gift wrapping"))),
    Order("SO-4008", "Only a write-in", "ski", (Line("", D("2"), D("30.00"), write_in="Tasting evening"),)),
    Order(
        "SO-4009",
        "A private order",
        "vance",
        (Line("GRD-200:WHITE", D("1"), discount=D("33.33")), _BEANS),
        ship_to=_HOME,
        progress=Progress.PICKED,
    ),
    Order("SO-4010", "Cancelled before it left", "bailey", (_THREE_MUGS,), OrderFate.CANCELED),
    Order(
        "SO-4011",
        "Elsewhere",
        "trey",
        (Line("CUP-BOX", D("3"), discount=D("20.00")), Line("SVC-CARE", D("1")), Line("FREE-01", D("5"))),
        ship_to=Address("88 Dock Road", "Halifax", "B3H 1A1", "Canada", "NS", name="Test site"),
        progress=Progress.PARTLY_INVOICED,
        freight=D("12.50"),
    ),
    Order("SO-4012", "No country given", "relecloud", (Line("CUP-12", D("1000"), discount=D("3.33")),)),
]

_BERLIN = Address("Unter den Linden 5", "Berlin", "10117", "Germany")
_OSAKA = Address("梅田1-1-3", "大阪市", "530-0001", "Japan", "大阪府")

_GROUP_ACCOUNTS = [
    Account("adatum", "Adatum GmbH", "DE-1101", "EUR", _BERLIN, "demf"),
    Account("tailspin", "Tailspin Kaffeehaus e. K.", "DE-1102", "EUR", _MUNICH, "demf"),
    Account("wingtip", "ウィングチップ商会", "JP-1201", "JPY", _OSAKA, "jpmf"),
]
_GROUP_CONTACTS = [
    Contact("klein", "Grete", "Klein", "C-2101", _COMPANY, "adatum", "demf", "EUR"),
    Contact("mori", "誠", "森", "C-2201", ContactKind.ACTIVE_CUSTOMER, "", "jpmf", "JPY", _OSAKA),
]
_GROUP_QUOTES = [
    Quote(
        "Q-3101",
        "Angebot Büro",
        "adatum",
        (Line("ESP-100", D("2"), discount=D("99.99")),),
        QuoteFate.ACTIVE,
        "EUR",
        "demf",
    ),
]
_GROUP_ORDERS = [
    Order(
        "SO-4101",
        "Mühlen",
        "adatum",
        (Line("GRD-200:BLACK", D("3"), discount=D("10.00")),),
        OrderFate.ACTIVE,
        "EUR",
        "demf",
        progress=Progress.INVOICED,
        freight=D("19.00"),
    ),
    Order(
        "SO-4102",
        "Bohnen",
        "tailspin",
        (Line("BEAN-KG", D("0.75")),),
        OrderFate.ACTIVE,
        "EUR",
        "demf",
        progress=Progress.CONFIRMED,
    ),
    Order(
        "SO-4201",
        "エスプレッソ",
        "wingtip",
        (Line("ESP-100", D("3"), discount=D("1000")),),
        OrderFate.ACTIVE,
        "JPY",
        "jpmf",
        progress=Progress.INVOICED,
    ),
    Order("SO-4202", "個人", "mori", (Line("ESP-100", D("1")),), OrderFate.DRAFT, "JPY", "jpmf"),
]
