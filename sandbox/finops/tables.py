"""The application's tables behind the entity sets: which sets look at which table, and what makes up a row's ETag.

An entity joins several tables of the application. Here one wide table holds the joined row, and each *source* (a table
of the application) keeps a RecId and a RecVersion of its own, since the ETag lists one pair per source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any

from sandbox.finops.catalog import entity_sets
from sandbox.wire.store import Row, TableSpec


@dataclass(frozen=True)
class Source:
    """A table of the application in an entity's join.

    ``prefixes`` and ``names`` say which columns are its own; the first source of a table has all others. An optional
    source has no row (pair ``0,0``) until one of its columns gets a value.
    """

    name: str
    prefixes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    optional: bool = False

    def owns(self, column: str) -> bool:
        """Whether the column belongs to this source."""
        return column in self.names or (bool(self.prefixes) and column.startswith(self.prefixes))


@dataclass(frozen=True)
class Table:
    """A backing table: its key, its sources, the columns that no entity shows, and its label in messages."""

    name: str
    label: str
    key: tuple[str, ...]
    sources: tuple[Source, ...]
    sets: tuple[str, ...]
    hidden: Mapping[str, tuple[str, Any]] = field(default_factory=dict)
    indexes: tuple[tuple[str, ...], ...] = ()

    @property
    def columns(self) -> dict[str, str]:
        """Every column and its kind: key first, then the properties of all its entity sets, then what is hidden."""
        kinds = dict.fromkeys(self.key, "text")
        for set_name in self.sets:
            kinds |= {prop.name: prop.kind for prop in entity_sets()[set_name].properties.values()}
        kinds |= {name: kind for name, (kind, _) in self.hidden.items()}
        for index in range(len(self.sources)):
            kinds |= {f"_RecId{index}": "integer", f"_RecVersion{index}": "integer"}
        return kinds

    @property
    def defaults(self) -> dict[str, Any]:
        """What a column has that an insert leaves out."""
        found: dict[str, Any] = {}
        for set_name in self.sets:
            found |= {prop.name: prop.default for prop in entity_sets()[set_name].properties.values()}
        found |= {name: default for name, (_, default) in self.hidden.items()}
        for index in range(len(self.sources)):
            found |= {f"_RecId{index}": 0, f"_RecVersion{index}": 0}
        return {name: value for name, value in found.items() if value is not None}

    def spec(self) -> TableSpec:
        """The table for the store."""
        return TableSpec(self.columns, self.key, self.indexes, self.defaults)

    def source_of(self, column: str) -> int:
        """The place of the source that the column belongs to."""
        for index, source in enumerate(self.sources[1:], start=1):
            if source.owns(column):
                return index
        return 0

    def touched(self, columns: Iterable[str]) -> set[int]:
        """The sources that a write of these columns writes; the first one when it names none."""
        return {self.source_of(column) for column in columns if column not in self.key} or {0}

    def key_of(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """The key of a row, in the order of the table's key."""
        return tuple(row[name] for name in self.key)

    def etag_columns(self) -> tuple[str, ...]:
        """The hidden columns that an ETag is made of."""
        return tuple(name for index in range(len(self.sources)) for name in (f"_RecVersion{index}", f"_RecId{index}"))

    def pairs(self, row: Row) -> str:
        """RecVersion and RecId of each source, as the ETag holds them."""
        return ";".join(f"{row[f'_RecVersion{index}']},{row[f'_RecId{index}']}" for index in range(len(self.sources)))


_ZERO = Decimal(0)
_DELIVERY = Source("LogisticsPostalAddress", prefixes=("DeliveryAddress",), optional=True)
_INVOICE_KEY = ("dataAreaId", "InvoiceNumber", "InvoiceDate", "LedgerVoucher")
_LINE_STATE: dict[str, tuple[str, Any]] = {
    "_Delivered": ("decimal", _ZERO),
    "_Invoiced": ("decimal", _ZERO),
    "_Charges": ("text", ""),
    "_InvoicedFixed": ("decimal", _ZERO),
    "_InvoicedCharge": ("decimal", _ZERO),
    "_Confirmed": ("boolean", False),
}

_TABLES = (
    Table(
        "CustTable",
        "Customers",
        ("dataAreaId", "CustomerAccount"),
        (
            Source("CustTable"),
            Source(
                "DirPartyTable",
                ("Organization", "Person", "PrimaryContact", "Party"),
                ("NameAlias", "LanguageId", "KnownAs"),
            ),
            Source(
                "LogisticsPostalAddress",
                ("Address", "DeliveryAddress"),
                ("FullPrimaryAddress",),
                optional=True,
            ),
        ),
        ("CustomersV2", "CustomersV3"),
        indexes=(("PartyNumber",), ("dataAreaId", "PartyNumber", "CustomerAccount")),
    ),
    Table(
        "ContactPerson",
        "Contacts",
        ("dataAreaId", "ContactPersonPartyNumber", "AssociatedPartyNumber"),
        (
            Source("ContactPerson"),
            Source(
                "DirPerson",
                ("Birth", "PrimaryEmail", "PrimaryPhone", "PrimaryFax", "PrimaryURL"),
                ("FirstName", "MiddleName", "LastName", "Gender", "MaritalStatus"),
            ),
            Source("LogisticsPostalAddress", ("PrimaryAddress",), optional=True),
        ),
        ("CDSContactPersons", "CDSContactPersonsV2"),
        indexes=(("AssociatedPartyNumber",),),
    ),
    Table(
        "InventTable",
        "Released products",
        ("dataAreaId", "ProductNumber"),
        (
            Source("InventTable"),
            Source("EcoResProduct", ("Product",)),
            Source("InventTableModule", ("SalesUnit",), ("SalesPrice",)),
        ),
        ("SellableReleasedProducts",),
        hidden={
            "_Sellable": ("boolean", True),
            "_SiteId": ("text", ""),
            "_WarehouseId": ("text", ""),
            "_PriceQuantity": ("decimal", Decimal(1)),
        },
    ),
    Table(
        "SalesQuotationTable",
        "Sales quotations",
        ("dataAreaId", "SalesQuotationNumber"),
        (Source("SalesQuotationTable"), _DELIVERY),
        ("CDSSalesQuotationHeaders",),
    ),
    Table(
        "SalesQuotationLine",
        "Sales quotation lines",
        ("dataAreaId", "SalesQuotationNumber", "LineCreationSequenceNumber"),
        (Source("SalesQuotationLine"), _DELIVERY),
        ("CDSSalesQuotationLines",),
    ),
    Table(
        "SalesTable",
        "Sales orders",
        ("dataAreaId", "SalesOrderNumber"),
        (Source("SalesTable"), _DELIVERY),
        ("CDSSalesOrderHeaders",),
        hidden={
            "_Charges": ("text", ""),
            "_TotalDiscountPercentage": ("decimal", _ZERO),
            "_InvoicedCharge": ("decimal", _ZERO),
            "_InvoicedDiscount": ("decimal", _ZERO),
        },
        indexes=(
            ("AreTotalsUpdated",),
            ("dataAreaId", "OrderingCustomerAccountNumber"),
            ("dataAreaId", "InvoiceCustomerAccountNumber"),
        ),
    ),
    Table(
        "SalesLine",
        "Sales order lines",
        ("dataAreaId", "SalesOrderNumber", "LineCreationSequenceNumber"),
        (Source("SalesLine"), _DELIVERY),
        ("CDSSalesOrderLines", "CDSSalesOrderLinesV2"),
        hidden=_LINE_STATE,
    ),
    Table(
        "CustInvoiceJour",
        "Customer invoice journal",
        _INVOICE_KEY,
        (Source("CustInvoiceJour"),),
        ("ExternallyMaintainedCustomerSalesInvoiceHeaders",),
        hidden={
            "_ExternallyMaintained": ("boolean", False),
            "_Charge": ("decimal", _ZERO),
            "_Discount": ("decimal", _ZERO),
        },
        indexes=(("dataAreaId", "InvoiceCustomerAccountNumber"), ("dataAreaId", "SalesOrderNumber")),
    ),
    Table(
        "CustInvoiceTrans",
        "Customer invoice lines",
        (*_INVOICE_KEY, "LineCreationSequenceNumber"),
        (Source("CustInvoiceTrans"),),
        ("ExternallyMaintainedCustomerSalesInvoiceLines", "ExternallyMaintainedCustomerSalesInvoiceLinesV2"),
        hidden={
            "_ExternallyMaintained": ("boolean", False),
            "_Customer": ("text", ""),
            "_PriceQuantity": ("decimal", Decimal(1)),
            "_FixedCharge": ("decimal", _ZERO),
            "_Charge": ("decimal", _ZERO),
        },
        indexes=(("dataAreaId", "_Customer"),),
    ),
    Table("DataArea", "Companies", ("DataArea",), (Source("DataArea"),), ("Companies",)),
    Table("CompanyInfo", "Legal entities", ("LegalEntityId",), (Source("CompanyInfo"),), ("LegalEntities",)),
    Table("Currency", "Currencies", ("CurrencyCode",), (Source("Currency"),), ("Currencies",)),
    Table(
        "CustGroup", "Customer groups", ("dataAreaId", "CustomerGroupId"), (Source("CustGroup"),), ("CustomerGroups",)
    ),
    Table("UnitOfMeasure", "Units", ("UnitSymbol",), (Source("UnitOfMeasure"),), ("UnitsOfMeasure",)),
    Table("InventSite", "Sites", ("dataAreaId", "SiteId"), (Source("InventSite"),), ("OperationalSitesV2",)),
    Table("InventLocation", "Warehouses", ("dataAreaId", "WarehouseId"), (Source("InventLocation"),), ("Warehouses",)),
    Table("DMFEntity", "Data entities", ("EntityName",), (Source("DMFEntity"),), ("DataManagementEntities",)),
)


@cache
def tables() -> Mapping[str, Table]:
    """Every backing table by its name."""
    return {table.name: table for table in _TABLES}


@cache
def tables_by_set() -> Mapping[str, Table]:
    """The backing table of each entity set that has rows."""
    return {name: table for table in _TABLES for name in table.sets}
