"""Lines of sales orders and sales quotations."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import ClassVar

from sandbox.finops.books import Books
from sandbox.finops.infolog import InfologError, Line, canceled, must_be_filled, not_found, refused
from sandbox.finops.money import ZERO, Terms
from sandbox.finops.rules.base import Reference, Rules, Values, Write, settle_country
from sandbox.finops.rules.documents import (
    ADDRESS_PARTS,
    ORDER,
    QUOTATION,
    Document,
    check_open,
    totals_out_of_date,
)
from sandbox.finops.tables import tables
from sandbox.wire.store import Row

_ONE = Decimal(1)


class LineRules(Rules):
    """A line takes from product and header what the caller leaves out, and its net amount is computed."""

    document: ClassVar[Document]
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("SalesUnitSymbol", "Unit", "UnitOfMeasure", "Units", by_company=False),
        Reference("ShippingSiteId", "Site", "InventSite", "Sites"),
        Reference("ShippingWarehouseId", "Warehouse", "InventLocation", "Warehouses"),
    )

    def prepare(self, write: Write, given: Values) -> Row:
        """Header, product and defaults."""
        document, row = self.document, dict(given)
        header = self.header(write, row)
        row[document.number] = header[document.number]
        self._settle_line_number(write, row)
        product = find_product(write, row.get("ProductNumber", ""))
        row["ProductNumber"] = product["ProductNumber"]
        price = product["SalesPrice"] if "SalesPrice" not in row else row["SalesPrice"]
        row["SalesPrice"] = price
        row["SalesPriceQuantity"] = row.get("SalesPriceQuantity") or product["_PriceQuantity"]
        row.setdefault(document.quantity, _ONE)
        for field, value in (
            ("SalesUnitSymbol", product["SalesUnitSymbol"]),
            ("ProductName", product["ProductName"]),
            ("LineDescription", product["ProductName"]),
            ("ShippingSiteId", header["DefaultShippingSiteId"] or product["_SiteId"]),
            ("ShippingWarehouseId", header["DefaultShippingWarehouseId"] or product["_WarehouseId"]),
            ("RequestedShippingDate", header["RequestedShippingDate"]),
        ):
            row[field] = row.get(field) or value
        self._settle_currency(row, header)
        self._settle_address(write, row, header)
        self._check(write, row, product)
        row["LineAmount"] = self._amount(write.books, row)
        return row

    def revise(self, write: Write, row: Row, given: Values) -> Values:
        """Another product is looked up; the amount is computed again."""
        changes = dict(given)
        if "ProductNumber" in given:
            product = find_product(write, given["ProductNumber"])
            changes["ProductNumber"] = product["ProductNumber"]
            if product["ProductNumber"] != row["ProductNumber"]:
                changes.setdefault("ProductName", product["ProductName"])
        if "SalesPriceQuantity" in given and given["SalesPriceQuantity"] <= 0:
            raise refused("The price unit must be greater than zero.")
        if "SalesUnitSymbol" in given and not given["SalesUnitSymbol"]:
            raise must_be_filled("Unit")
        after = {**row, **changes}
        self._settle_currency(changes, row)
        settle_country(write, changes, "DeliveryAddress")
        self._check(write, after, None)
        changes["LineAmount"] = self._amount(write.books, after)
        return changes

    def header(self, write: Write, row: Values) -> Row:
        """The header that the line belongs to. Raises InfologError."""
        document = self.document
        number = row.get(document.number, "")
        if not number:
            raise must_be_filled(document.label)
        found = write.books.get(document.header, write.company, number)
        if found is None:
            raise not_found(number, document.label, document.related, write.field(document.number))
        return found

    def _settle_line_number(self, write: Write, row: Values) -> None:
        if "LineCreationSequenceNumber" in row:
            return
        if not write.books.options.line_number_from_sequence:
            raise must_be_filled("Line creation sequence number")
        number = {self.document.number: row[self.document.number]}
        taken = write.books.rows(self.document.lines, dataAreaId=write.company, **number)
        row["LineCreationSequenceNumber"] = max((line["LineCreationSequenceNumber"] for line in taken), default=0) + 1

    def _settle_currency(self, row: Values, header: Row) -> None:
        given = row.get("CurrencyCode") or header["CurrencyCode"]
        if given.upper() != header["CurrencyCode"].upper():
            raise refused(f"The currency of a line must be that of its header, {header['CurrencyCode']}.")
        row["CurrencyCode"] = header["CurrencyCode"]

    def _settle_address(self, write: Write, row: Values, header: Row) -> None:
        settle_country(write, row, "DeliveryAddress")
        if not any(row.get(f"DeliveryAddress{part}") for part in ADDRESS_PARTS):
            row |= {name: header[name] for name in _shared_address(self.document.header, self.document.lines)}

    def _check(self, write: Write, row: Values, product: Row | None) -> None:
        quantity = row[self.document.quantity]
        if quantity == 0 and write.books.options.refuse_zero_quantity:
            raise canceled("The quantity of a line cannot be zero.")
        stocked = product is not None and product["IsStockedProduct"] == "Yes"
        if stocked and not row["ShippingSiteId"]:
            raise canceled("Inventory dimension Site is mandatory and must consequently be specified.")

    def _amount(self, books: Books, row: Values) -> Decimal:
        terms = Terms(books.rounding_unit(row["CurrencyCode"]), ZERO, False, books.options)
        return terms.line_amount(row, row[self.document.quantity])


class OrderLineRules(LineRules):
    """Lines of sales orders: a change puts the order's totals out of date; a stopped product is refused."""

    table = ORDER.lines
    document = ORDER
    computed: ClassVar[frozenset[str]] = frozenset(
        {
            "LineAmount",
            "AreTotalsCalculated",
            "AreSalesOrderTotalsUpdated",
            "SalesOrderProcessingStatus",
            "SalesOrderLineStatus",
            "PickedQuantity",
            "TotalTaxAmount",
            "TotalDiscountAmount",
            "TotalChargesAmount",
            "OrderingCustomerIsExternallyMaintained",
            "InvoiceCustomerIsExternallyMaintained",
            "SalesOrderOriginType",
            "SalesOrderNumberHeader",
            "FormattedDeliveryAddress",
            "InventoryLotId",
        }
    )

    def prepare(self, write: Write, given: Values) -> Row:
        """A line starts open and active, under an open order."""
        row = super().prepare(write, given)
        header = self.header(write, row)
        check_open(header)
        check_not_stopped(write, row["ProductNumber"])
        row["SalesOrderNumberHeader"] = header["SalesOrderNumber"]
        row["SalesOrderLineStatus"] = "Backorder"
        row["InventoryLotId"] = write.books.next_number(write.company, "lot", "{:09}")
        for name in (
            "SalesOrderOriginType",
            "OrderingCustomerIsExternallyMaintained",
            "InvoiceCustomerIsExternallyMaintained",
        ):
            row[name] = header[name]
        return row

    def create(self, write: Write, given: Values) -> Row:
        """As any creation; the order's totals are out of date."""
        row = super().create(write, given)
        totals_out_of_date(write.books, row["dataAreaId"], row["SalesOrderNumber"])
        return row

    def revise(self, write: Write, row: Row, given: Values) -> Values:
        """Refused on a closed order or line, and below what has been delivered."""
        check_open(self.header(write, row))
        if row["SalesOrderProcessingStatus"] in ("Invoiced", "Canceled"):
            raise refused(f"The line cannot be changed. The status is {row['SalesOrderProcessingStatus']}.")
        changes = super().revise(write, row, given)
        if changes.get("ProductNumber", row["ProductNumber"]) != row["ProductNumber"]:
            check_not_stopped(write, changes["ProductNumber"])
        quantity = {**row, **changes}["OrderedSalesQuantity"]
        if abs(quantity) < abs(row["_Delivered"]):
            raise refused(f"The quantity cannot be less than the delivered quantity {row['_Delivered'].normalize():f}.")
        changes |= {"AreSalesOrderTotalsUpdated": "No", "AreTotalsCalculated": "No"}
        return changes

    def update(self, write: Write, row: Row, given: Values) -> Row:
        """As any update; the order's totals are out of date."""
        after = super().update(write, row, given)
        totals_out_of_date(write.books, row["dataAreaId"], row["SalesOrderNumber"])
        return after

    def delete(self, write: Write, row: Row) -> None:
        """Refused once something of the line has been delivered."""
        if row["_Delivered"]:
            number = row["LineCreationSequenceNumber"]
            raise InfologError(Line("Error", f"Line {number} cannot be deleted: quantities have been posted."))
        super().delete(write, row)
        totals_out_of_date(write.books, row["dataAreaId"], row["SalesOrderNumber"])


class QuotationLineRules(LineRules):
    """Lines of sales quotations."""

    table = QUOTATION.lines
    document = QUOTATION
    computed: ClassVar[frozenset[str]] = frozenset(
        {
            "LineAmount",
            "AreTotalsCalculated",
            "SalesQuotationStatus",
            "TotalTaxAmount",
            "TotalDiscountAmount",
            "TotalChargesAmount",
            "FormattedDeliveryAddress",
            "InventoryLotId",
            "DeliveryPostalAddressRecId",
        }
    )


@cache
def _shared_address(header: str, lines: str) -> tuple[str, ...]:
    theirs = tables()[lines].columns
    return tuple(name for name in tables()[header].columns if name.startswith("DeliveryAddress") and name in theirs)


def find_product(write: Write, number: str) -> Row:
    """The released product of that number in the company. Raises InfologError."""
    if not number:
        raise must_be_filled("Product number")
    found = write.books.get("InventTable", write.company, number)
    if found is None:
        raise not_found(number, "Product number", "Products", write.field("ProductNumber"))
    return found


def check_not_stopped(write: Write, number: str) -> None:
    """Raises InfologError for a product that is stopped for sales."""
    product = write.books.get("InventTable", write.company, number)
    if product is not None and product["IsSalesStopped"] == "Yes":
        raise refused(
            f"Item '{number}' is blocked for 'Sales order'.",
            "validateWrite failed on data source 'SalesLine (SalesLine)'.",
        )
