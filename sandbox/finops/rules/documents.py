"""Headers of sales orders and sales quotations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sandbox.finops.books import Books
from sandbox.finops.infolog import InfologError, Line, must_be_filled, not_found, refused
from sandbox.finops.rules.base import (
    Reference,
    Rules,
    Values,
    Write,
    formatted_address,
    language,
    settle_country,
)
from sandbox.wire.store import Row

ADDRESS_PARTS = ("Street", "City", "StateId", "ZipCode", "CountyId", "CountryRegionId", "CountryRegionISOCode")
CLOSED = ("Invoiced", "Canceled")
_DELIVERED = ("PartiallyDelivered", "Delivered", "PartiallyInvoiced", "DeliveredPartiallyInvoiced", "Invoiced")
# An address of a customer names these parts otherwise than an order does.
_CUSTOMER_PARTS = {"StateId": "State", "CountyId": "County"}


@dataclass(frozen=True)
class Document:
    """How one of the two documents calls its tables and fields."""

    header: str
    lines: str
    number: str
    label: str
    related: str
    customer: str
    quantity: str
    reference: str


ORDER = Document(
    "SalesTable",
    "SalesLine",
    "SalesOrderNumber",
    "Sales order",
    "Sales orders",
    "OrderingCustomerAccountNumber",
    "OrderedSalesQuantity",
    "SO-{:06}",
)
QUOTATION = Document(
    "SalesQuotationTable",
    "SalesQuotationLine",
    "SalesQuotationNumber",
    "Quotation",
    "Sales quotations",
    "RequestingCustomerAccountNumber",
    "RequestedSalesQuantity",
    "QUO-{:06}",
)


class HeaderRules(Rules):
    """A header takes from its customer what the caller leaves out: currency, language, name, site, addresses."""

    document: ClassVar[Document]
    name_field: ClassVar[str]
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("CurrencyCode", "Currency", "Currency", "Currencies", by_company=False),
        Reference("DefaultShippingSiteId", "Site", "InventSite", "Sites"),
        Reference("DefaultShippingWarehouseId", "Warehouse", "InventLocation", "Warehouses"),
    )

    def prepare(self, write: Write, given: Values) -> Row:
        """Number, customers and defaults."""
        document, row = self.document, dict(given)
        self._settle_number(write, row)
        customer = self.find_customer(write, document.customer, row.get(document.customer, ""))
        row[document.customer] = customer["CustomerAccount"]
        account = row.get("InvoiceCustomerAccountNumber") or customer["InvoiceAccount"] or customer["CustomerAccount"]
        same = account.lower() == customer["CustomerAccount"].lower()
        invoiced = customer if same else self.find_customer(write, "InvoiceCustomerAccountNumber", account)
        row["InvoiceCustomerAccountNumber"] = invoiced["CustomerAccount"]
        for field, value in (
            ("CurrencyCode", customer["SalesCurrencyCode"]),
            (self.name_field, customer["OrganizationName"]),
            ("DefaultShippingSiteId", customer["SiteId"]),
            ("DefaultShippingWarehouseId", customer["WarehouseId"]),
            ("RequestedShippingDate", write.books.today()),
        ):
            row[field] = row.get(field) or value
        row["LanguageId"] = language(row.get("LanguageId") or customer["LanguageId"] or "en-US")
        settle_delivery_address(write, row, customer)
        _settle_invoice_address(row, invoiced)
        self.show_customers(row, customer, invoiced)
        return row

    def show_customers(self, row: Row, customer: Row, invoiced: Row) -> None:
        """Sets what a document shows of its two customers besides names and addresses: here nothing."""

    def revise(self, write: Write, row: Row, given: Values) -> Values:
        """Customers are looked up again; an address keeps its formatted text."""
        changes = dict(given)
        for field in (self.document.customer, "InvoiceCustomerAccountNumber"):
            if field in given:
                customer = self.find_customer(write, field, given[field])
                changes[field] = customer["CustomerAccount"]
                if field == "InvoiceCustomerAccountNumber":
                    _settle_invoice_address(changes, customer)
        if "LanguageId" in given:
            changes["LanguageId"] = language(given["LanguageId"])
        if "CurrencyCode" in given and not given["CurrencyCode"]:
            raise must_be_filled("Currency")
        settle_country(write, changes, "DeliveryAddress")
        if any(name.startswith("DeliveryAddress") for name in changes):
            _format_delivery({**row, **changes}, changes, row)
        return changes

    def update(self, write: Write, row: Row, given: Values) -> Row:
        """As any update; another currency reaches the lines."""
        after = super().update(write, row, given)
        if after["CurrencyCode"] != row["CurrencyCode"]:
            number = {self.document.number: row[self.document.number]}
            currency = {"CurrencyCode": after["CurrencyCode"]}
            write.books.change_where(self.document.lines, currency, dataAreaId=row["dataAreaId"], **number)
        return after

    def delete(self, write: Write, row: Row) -> None:
        """The lines go with their header."""
        number = {self.document.number: row[self.document.number]}
        for line in write.books.rows(self.document.lines, dataAreaId=row["dataAreaId"], **number):
            write.books.remove(self.document.lines, line)
        super().delete(write, row)

    def find_customer(self, write: Write, field: str, account: str) -> Row:
        """The customer of that account. Raises InfologError when it is missing or not there."""
        label = "Invoice account" if field.startswith("Invoice") else "Customer account"
        if not account:
            raise must_be_filled(label)
        found = write.books.get("CustTable", write.company, account)
        if found is None:
            raise not_found(account, label, "Customers", write.field(field))
        return found

    def _settle_number(self, write: Write, row: Row) -> None:
        document = self.document
        if row.get(document.number):
            return
        if write.books.options.numbers_are_manual and not write.system:
            raise must_be_filled(document.label)
        row[document.number] = write.books.next_number(write.company, document.header, document.reference)


class OrderHeaderRules(HeaderRules):
    """Sales orders: status and totals are the application's; a closed order cannot be changed."""

    table = ORDER.header
    document = ORDER
    name_field = "SalesOrderName"
    computed: ClassVar[frozenset[str]] = frozenset(
        {
            "SalesOrderProcessingStatus",
            "SalesOrderStatus",
            "AreTotalsUpdated",
            "OrderTotalAmount",
            "OrderTotalTaxAmount",
            "OrderTotalChargesAmount",
            "OrderTotalDiscountAmount",
            "OrderHeaderTaxAmount",
            "OrderingCustomerIsExternallyMaintained",
            "InvoiceCustomerIsExternallyMaintained",
            "SalesOrderOriginType",
            "OrderCreationDateTime",
            "FormattedDelveryAddress",
            "FormattedInvoiceAddress",
            "DeliveryPostalAddressRecId",
        }
    )

    def prepare(self, write: Write, given: Values) -> Row:
        """An order starts open, active and without totals."""
        row = super().prepare(write, given)
        row["OrderCreationDateTime"] = write.books.now()
        row["SalesOrderStatus"] = "Backorder"
        row.setdefault("SalesOrderOriginType", write.books.options.integration_origin)
        self._check_quotation(write, row)
        return row

    def show_customers(self, row: Row, customer: Row, invoiced: Row) -> None:
        """An order shows whether its customers are externally maintained."""
        row["OrderingCustomerIsExternallyMaintained"] = customer["IsExternallyMaintained"]
        row["InvoiceCustomerIsExternallyMaintained"] = invoiced["IsExternallyMaintained"]

    def revise(self, write: Write, row: Row, given: Values) -> Values:
        """Refused for an invoiced or cancelled order; otherwise the totals are out of date."""
        check_open(row)
        changes = super().revise(write, row, given)
        if "QuotationNumber" in changes:
            self._check_quotation(write, changes)
        if {self.document.customer, "InvoiceCustomerAccountNumber"} & changes.keys():
            self._settle_flags(write, {**row, **changes}, changes)
        changes["AreTotalsUpdated"] = "No"
        return changes

    def update(self, write: Write, row: Row, given: Values) -> Row:
        """As any update; the lines show the flags of the header."""
        after = super().update(write, row, given)
        shown: Values = {"AreSalesOrderTotalsUpdated": "No", "AreTotalsCalculated": "No"}
        for flag in ("OrderingCustomerIsExternallyMaintained", "InvoiceCustomerIsExternallyMaintained"):
            if after[flag] != row[flag]:
                shown[flag] = after[flag]
        if len(shown) > 2 or row["AreTotalsUpdated"] == "Yes":
            where = {"dataAreaId": row["dataAreaId"], "SalesOrderNumber": row["SalesOrderNumber"]}
            write.books.change_where("SalesLine", shown, **where)
        return after

    def delete(self, write: Write, row: Row) -> None:
        """Refused once something has been delivered or invoiced."""
        if row["SalesOrderProcessingStatus"] in _DELIVERED:
            raise InfologError(
                Line("Error", f"Sales order {row['SalesOrderNumber']} cannot be deleted: it has postings.")
            )
        super().delete(write, row)

    def find_customer(self, write: Write, field: str, account: str) -> Row:
        """As for any document; a customer on hold is refused as well, unless the options say otherwise."""
        found = super().find_customer(write, field, account)
        if found["OnHoldStatus"] == "All" and write.books.options.blocked_customers_refused:
            raise refused(f"Customer {found['CustomerAccount']} is on hold.")
        return found

    def _check_quotation(self, write: Write, row: Values) -> None:
        number = row.get("QuotationNumber")
        if number and write.books.options.quotation_must_exist:
            Reference("QuotationNumber", "Quotation", QUOTATION.header, QUOTATION.related).check(write, number)

    def _settle_flags(self, write: Write, order: Values, values: Values) -> None:
        for role, field in (("Ordering", self.document.customer), ("Invoice", "InvoiceCustomerAccountNumber")):
            customer = write.books.get("CustTable", write.company, order[field])
            assert customer is not None
            values[f"{role}CustomerIsExternallyMaintained"] = customer["IsExternallyMaintained"]


class QuotationHeaderRules(HeaderRules):
    """Sales quotations."""

    table = QUOTATION.header
    document = QUOTATION
    name_field = "SalesQuotationName"
    computed: ClassVar[frozenset[str]] = frozenset(
        {
            "SalesQuotationStatus",
            "AreTotalsCalculated",
            "QuotationTotalAmount",
            "QuotationTotalTaxAmount",
            "QuotationTotalChargesAmount",
            "QuotationTotalDiscountAmount",
            "QuotationHeaderTaxAmount",
            "GeneratedSalesOrderNumber",
            "FormattedDeliveryAddress",
            "FormattedInvoiceAddress",
        }
    )


def check_open(order: Row) -> None:
    """Raises InfologError for an order that is invoiced or cancelled."""
    status = order["SalesOrderProcessingStatus"]
    if status in CLOSED:
        raise refused(f"Sales order {order['SalesOrderNumber']} cannot be changed. The status is {status}.")


def totals_out_of_date(books: Books, company: str, number: str) -> None:
    """Marks an order and its lines as changed since the totals were calculated."""
    header = books.get("SalesTable", company, number)
    if header is None:
        return
    if header["AreTotalsUpdated"] == "Yes":
        where = {"dataAreaId": company, "SalesOrderNumber": number}
        books.change_where("SalesTable", {"AreTotalsUpdated": "No"}, **where)
        books.change_where("SalesLine", {"AreSalesOrderTotalsUpdated": "No", "AreTotalsCalculated": "No"}, **where)
    if books.options.line_change_touches_header:
        books.change("SalesTable", header, {})


def settle_delivery_address(write: Write, row: Values, customer: Row) -> None:
    """Takes the customer's delivery address, else its primary one, for a document that brings none."""
    settle_country(write, row, "DeliveryAddress")
    if not any(row.get(f"DeliveryAddress{part}") for part in ADDRESS_PARTS):
        prefix = (
            "DeliveryAddress" if customer["DeliveryAddressStreet"] or customer["DeliveryAddressCity"] else "Address"
        )
        for part in ADDRESS_PARTS:
            row[f"DeliveryAddress{part}"] = customer[f"{prefix}{_CUSTOMER_PARTS.get(part, part)}"]
        row["DeliveryAddressDescription"] = row.get("DeliveryAddressDescription") or customer[f"{prefix}Description"]
        row["DeliveryAddressName"] = row.get("DeliveryAddressName") or customer["OrganizationName"]
    _format_delivery(row, row, row)


def _format_delivery(address: Values, values: Values, columns: Values) -> None:
    parts = ("Street", "City", "StateId", "ZipCode", "CountryRegionId")
    text = formatted_address(*(address.get(f"DeliveryAddress{part}", "") for part in parts))
    # Order headers alone carry the misspelt name.
    misspelt = "SalesOrderNumber" in columns and "LineCreationSequenceNumber" not in columns
    values["FormattedDelveryAddress" if misspelt else "FormattedDeliveryAddress"] = text


def _settle_invoice_address(row: Values, customer: Row) -> None:
    for part in ("Street", "City", "StateId", "ZipCode", "CountyId", "CountryRegionId", "CountryRegionISOCode"):
        row[f"InvoiceAddress{part}"] = customer[f"Address{_CUSTOMER_PARTS.get(part, part)}"]
    row["FormattedInvoiceAddress"] = customer["FullPrimaryAddress"]
