"""Set-up tables, products and invoices, and the place where a table finds its rules."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import ClassVar

from sandbox.finops.infolog import mandatory
from sandbox.finops.rules.base import Reference, Rules, Values, Write
from sandbox.finops.rules.contacts import ContactRules
from sandbox.finops.rules.customers import CustomerRules
from sandbox.finops.rules.documents import OrderHeaderRules, QuotationHeaderRules
from sandbox.finops.rules.lines import OrderLineRules, QuotationLineRules
from sandbox.finops.tables import tables
from sandbox.wire.store import Row


class SetupRules(Rules):
    """Set-up: the key is all that is needed."""

    def __init__(self, table: str, label: str, key: str) -> None:
        self._table, self._label, self._key = table, label, key

    @property
    def table(self) -> str:  # type: ignore[override]
        """The table that this instance serves."""
        return self._table

    def prepare(self, write: Write, given: Values) -> Row:
        """The last part of the key must be filled."""
        if not given.get(self._key):
            raise mandatory(self._label)
        return given


class WarehouseRules(Rules):
    """A warehouse belongs to a site."""

    table = "InventLocation"
    references: ClassVar[tuple[Reference, ...]] = (Reference("OperationalSiteId", "Site", "InventSite", "Sites"),)

    def prepare(self, write: Write, given: Values) -> Row:
        """Number and site must be filled."""
        if not given.get("WarehouseId"):
            raise mandatory("Warehouse")
        if not given.get("OperationalSiteId"):
            raise mandatory("Site")
        return given


class ProductRules(Rules):
    """Released products: the entity only reads; people release and change them."""

    table = "InventTable"
    read_only = True
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("SalesUnitSymbol", "Unit", "UnitOfMeasure", "Units", by_company=False),
        Reference("CurrencyCode", "Currency", "Currency", "Currencies", by_company=False),
        Reference("_SiteId", "Site", "InventSite", "Sites"),
        Reference("_WarehouseId", "Warehouse", "InventLocation", "Warehouses"),
    )

    def prepare(self, write: Write, given: Values) -> Row:
        """The price is in the company's currency."""
        if not given.get("ProductNumber"):
            raise mandatory("Product number")
        company = write.books.company(write.company)
        row = {
            "ProductType": "Item",
            "SalesUnitSymbol": "ea",
            "IsStockedProduct": "Yes",
            "FieldServiceProductType": "Inventory",
            "CurrencyCode": company.currency if company else "",
            **given,
        }
        row.setdefault("InventoryUnitSymbol", row["SalesUnitSymbol"])
        return row


class InvoiceRules(Rules):
    """Invoices are posted, never written."""

    table = "CustInvoiceJour"
    read_only = True


class InvoiceLineRules(Rules):
    """Lines of invoices are posted, never written."""

    table = "CustInvoiceTrans"
    read_only = True


@cache
def rules() -> Mapping[str, Rules]:
    """The rules of each table."""
    special: tuple[Rules, ...] = (
        CustomerRules(),
        ContactRules(),
        OrderHeaderRules(),
        OrderLineRules(),
        QuotationHeaderRules(),
        QuotationLineRules(),
        WarehouseRules(),
        ProductRules(),
        InvoiceRules(),
        InvoiceLineRules(),
    )
    found: dict[str, Rules] = {each.table: each for each in special}
    for name, table in tables().items():
        found.setdefault(name, SetupRules(name, table.label, table.key[-1]))
    return found
