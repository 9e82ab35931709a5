"""What every installation has before the first document: currencies, units, companies and their set-up."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from sandbox.finops.books import Books, Company
from sandbox.finops.catalog import entity_sets

DEFAULT_COMPANIES = (
    Company("usmf", "Contoso Entertainment System USA", "USD", Decimal("0.08"), "US"),
    Company("demf", "Contoso Entertainment System Germany", "EUR", Decimal("0.19"), "DE"),
    Company("jpmf", "Contoso Entertainment System Japan", "JPY", Decimal("0.10"), "JP"),
)

_CURRENCIES = (
    ("USD", "US Dollar", "$", "0.01"),
    ("EUR", "Euro", "€", "0.01"),
    ("GBP", "British Pound", "£", "0.01"),
    ("JPY", "Japanese Yen", "¥", "1"),
    ("KRW", "South Korean Won", "₩", "1"),
    ("CHF", "Swiss Franc", "CHF", "0.01"),
    ("CAD", "Canadian Dollar", "$", "0.01"),
    ("KWD", "Kuwaiti Dinar", "KD", "0.001"),
    ("BHD", "Bahraini Dinar", "BD", "0.001"),
)
_UNITS = (
    ("ea", "Each", 0, "Quantity"),
    ("pcs", "Pieces", 0, "Quantity"),
    ("box", "Boxes", 0, "Quantity"),
    ("dz", "Dozen", 0, "Quantity"),
    ("kg", "Kilogram", 3, "Mass"),
    ("lb", "Pound", 3, "Mass"),
    ("l", "Liter", 3, "LiquidVolume"),
    ("m", "Meter", 2, "Length"),
    ("hr", "Hours", 2, "Time"),
    ("day", "Days", 2, "Time"),
)
_GROUPS = (
    ("10", "Wholesale customers"),
    ("20", "Major customers"),
    ("30", "Retail customers"),
    ("80", "Other customers"),
)
_SITES = (("1", "Home theater production"), ("2", "Sub-assembly"))
_WAREHOUSES = (("11", "1"), ("12", "1"), ("13", "1"), ("21", "2"), ("22", "2"), ("23", "2"))


def install(books: Books, companies: Iterable[Company] = DEFAULT_COMPANIES) -> None:
    """Fills empty books with the shared set-up and these companies."""
    for code, name, symbol, rounding in _CURRENCIES:
        books.add(
            "Currency",
            {
                "CurrencyCode": code,
                "Name": name,
                "Symbol": symbol,
                "RoundingRuleSalesOrders": Decimal(rounding),
                "RoundingRulePrices": Decimal(rounding),
                "GeneralRoundingRule": Decimal(rounding),
            },
        )
    for symbol, description, precision, unit_class in _UNITS:
        books.add(
            "UnitOfMeasure",
            {
                "UnitSymbol": symbol,
                "UnitDescription": description,
                "DecimalPrecision": precision,
                "UnitClass": unit_class,
            },
        )
    for set_name in entity_sets():
        books.add("DMFEntity", {"EntityName": set_name, "TargetName": set_name, "EntityIsEnabled": "Yes"})
    for company in companies:
        add_company(books, company)


def add_company(books: Books, company: Company) -> None:
    """Adds a legal entity with customer groups, sites and warehouses."""
    area = company.id.lower()
    books.companies[area] = company
    books.add("DataArea", {"DataArea": area, "Name": company.name, "KnownAs": company.name, "LanguageId": "en-US"})
    books.add(
        "CompanyInfo",
        {
            "LegalEntityId": area,
            "Name": company.name,
            "CompanyName": company.name,
            "LanguageId": "en-US",
            "AddressCountryRegionISOCode": company.country,
            "LegalNature": None,
        },
    )
    for group, description in _GROUPS:
        books.add("CustGroup", {"dataAreaId": area, "CustomerGroupId": group, "Description": description})
    for site, name in _SITES:
        books.add("InventSite", {"dataAreaId": area, "SiteId": site, "SiteName": name})
    for warehouse, site in _WAREHOUSES:
        books.add(
            "InventLocation",
            {
                "dataAreaId": area,
                "WarehouseId": warehouse,
                "WarehouseName": f"Warehouse {warehouse}",
                "OperationalSiteId": site,
            },
        )
