"""Customers: an account in a company, with the party (person or organisation) behind it."""

from __future__ import annotations

from typing import ClassVar

import sqlalchemy as sa

from sandbox.finops.infolog import InfologError, Line, mandatory, refused
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


class CustomerRules(Rules):
    """An account, a group, a name and a currency; the flag *externally maintained* reaches orders and invoices."""

    table = "CustTable"
    computed: ClassVar[frozenset[str]] = frozenset({"FullPrimaryAddress"})
    references: ClassVar[tuple[Reference, ...]] = (
        Reference("CustomerGroupId", "Customer group", "CustGroup", "Customer groups"),
        Reference("SalesCurrencyCode", "Currency", "Currency", "Currencies", by_company=False),
        Reference("SiteId", "Site", "InventSite", "Sites"),
        Reference("WarehouseId", "Warehouse", "InventLocation", "Warehouses"),
    )

    def prepare(self, write: Write, given: Values) -> Row:
        """Defaults: party type, party number, language, search name and currency of the company."""
        row = {"PartyType": "Organization", **given}
        if not row.get("CustomerAccount"):
            raise mandatory("Customer account")
        if not row.get("CustomerGroupId"):
            raise mandatory("Customer group")
        name = _name(row)
        if not name:
            raise mandatory("First name" if row["PartyType"] == "Person" else "Organization name")
        row["OrganizationName"] = name
        row["NameAlias"] = row.get("NameAlias") or name[: write.books.options.lengths.get("NameAlias", 20)]
        company = write.books.company(write.company)
        row["SalesCurrencyCode"] = row.get("SalesCurrencyCode") or (company.currency if company else "")
        row["LanguageId"] = language(row.get("LanguageId") or "en-US")
        self._settle_party(write, row)
        _settle_addresses(write, row, row)
        return row

    def revise(self, write: Write, row: Row, given: Values) -> Values:
        """The name of a person follows its parts; the party of a customer stays the one that it has."""
        changes = dict(given)
        if "PartyNumber" in given and given["PartyNumber"].lower() != row["PartyNumber"].lower():
            raise refused("The party number of a customer cannot be changed.")
        if "PartyType" in given and given["PartyType"] != row["PartyType"]:
            raise refused("The party type of a customer cannot be changed.")
        after = {**row, **changes}
        person = row["PartyType"] == "Person"
        if person and {"PersonFirstName", "PersonMiddleName", "PersonLastName"} & given.keys():
            changes["OrganizationName"] = _name({**after, "OrganizationName": ""})
        if not person and "OrganizationName" in given and not given["OrganizationName"]:
            raise mandatory("Organization name")
        if "CustomerGroupId" in given and not given["CustomerGroupId"]:
            raise mandatory("Customer group")
        if "LanguageId" in given:
            changes["LanguageId"] = language(given["LanguageId"])
        _settle_addresses(write, changes, after)
        return changes

    def update(self, write: Write, row: Row, given: Values) -> Row:
        """As any update; the flag is passed on to the customer's orders and invoices."""
        after = super().update(write, row, given)
        if after["IsExternallyMaintained"] != row["IsExternallyMaintained"]:
            pass_flag_on(write, after)
        return after

    def delete(self, write: Write, row: Row) -> None:
        """Refused for a customer with orders, quotations or invoices."""
        company, account = row["dataAreaId"], row["CustomerAccount"]
        store = write.books.store
        for table, column in (
            ("SalesTable", "OrderingCustomerAccountNumber"),
            ("SalesTable", "InvoiceCustomerAccountNumber"),
            ("SalesQuotationTable", "RequestingCustomerAccountNumber"),
            ("CustInvoiceJour", "InvoiceCustomerAccountNumber"),
        ):
            source = store.table(table)
            if store.count(table, sa.and_(source.c.dataAreaId == company, source.c[column] == account)):
                raise InfologError(Line("Error", f"Customer {account} cannot be deleted: transactions exist."))
        super().delete(write, row)

    def _settle_party(self, write: Write, row: Row) -> None:
        number = row.get("PartyNumber")
        if not number:
            row["PartyNumber"] = write.books.next_number("", "party", "{:09}")
            return
        for other in write.books.rows("CustTable", dataAreaId=write.company, PartyNumber=number):
            if other["CustomerAccount"].lower() != row["CustomerAccount"].lower():
                raise refused(
                    f"Cannot create customer with account number {row['CustomerAccount']} with same party number as "
                    f"customer {other['CustomerAccount']}."
                )


def _name(row: Values) -> str:
    if row.get("PartyType") != "Person":
        return str(row.get("OrganizationName", ""))
    parts = (row.get(f"Person{part}Name", "") for part in ("First", "Middle", "Last"))
    return " ".join(part for part in parts if part) or str(row.get("OrganizationName", ""))


def _settle_addresses(write: Write, values: Values, after: Values) -> None:
    for prefix in ("Address", "DeliveryAddress", "InvoiceAddress"):
        settle_country(write, values, prefix)
    if any(name.startswith("Address") for name in values):
        whole = {**after, **values}
        parts = ("Street", "City", "State", "ZipCode", "CountryRegionId")
        values["FullPrimaryAddress"] = formatted_address(*(whole.get(f"Address{part}", "") for part in parts))


def pass_flag_on(write: Write, customer: Row) -> None:
    """Sets what orders, lines and invoices show of the customer's flag *externally maintained*."""
    books, company, account = write.books, customer["dataAreaId"], customer["CustomerAccount"]
    flag = customer["IsExternallyMaintained"]
    lines = books.store.table("SalesLine")
    for role in ("OrderingCustomer", "InvoiceCustomer"):
        change = {f"{role}IsExternallyMaintained": flag}
        where = {"dataAreaId": company, f"{role}AccountNumber": account}
        numbers = [order["SalesOrderNumber"] for order in books.rows("SalesTable", **where)]
        books.change_where("SalesTable", change, **where)
        books.store.update_where(
            "SalesLine", sa.and_(lines.c.dataAreaId == company, lines.c.SalesOrderNumber.in_(numbers)), change
        )
    external = {"_ExternallyMaintained": flag == "Yes"}
    books.change_where("CustInvoiceJour", external, dataAreaId=company, InvoiceCustomerAccountNumber=account)
    books.change_where("CustInvoiceTrans", external, dataAreaId=company, _Customer=account)
