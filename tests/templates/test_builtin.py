"""The templates of the package: what Microsoft documents, and that each of them is right."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from p2c.documents import Row, Value
from p2c.errors import ConfigError
from p2c.templates import filters, paths
from p2c.templates.load import builtin_templates, ordered, parse_template, template_hash
from p2c.templates.models import Default, FieldMap, Rule, Task, ValueMap
from p2c.templates.resolve import cells

NAMES = {
    "accounts": "Accounts (Sales to Fin and Ops) - Direct",
    "products": "Products (Fin and Ops to Sales) - Direct",
    "contacts": "Contacts (Sales to Fin and Ops) - Direct",
    "contacts-to-customers": "Contacts to Customer (Sales to Fin and Ops) - Direct",
    "quotes": "Sales Quotes (Sales to Fin and Ops) - Direct",
    "orders-to-finops": "Sales Orders (Sales to Fin and Ops) - Direct",
    "orders-to-sales": "Sales Orders (Fin and Ops to Sales) - Direct",
    "invoices": "Sales Invoices (Fin and Ops to Sales) - Direct",
}
ENTITIES = {
    ("accounts", "Accounts - Customers"): ("accounts", "CustomersV2"),
    ("products", "Products"): ("SellableReleasedProducts", "products"),
    ("contacts", "Contacts"): ("contacts", "CDSContactPersons"),
    ("contacts-to-customers", "ContactToCustomer"): ("contacts", "CustomersV2"),
    ("quotes", "QuoteHeader"): ("quotes", "CDSSalesQuotationHeaders"),
    ("quotes", "QuoteLine"): ("quotedetails", "CDSSalesQuotationLines"),
    ("orders-to-finops", "OrderHeader"): ("salesorders", "CDSSalesOrderHeaders"),
    ("orders-to-finops", "OrderLine"): ("salesorderdetails", "CDSSalesOrderLines"),
    ("orders-to-sales", "OrderHeader"): ("CDSSalesOrderHeaders", "salesorders"),
    ("orders-to-sales", "OrderLine"): ("CDSSalesOrderLines", "salesorderdetails"),
    ("invoices", "SalesInvoiceHeader"): ("ExternallyMaintainedCustomerSalesInvoiceHeaders", "invoices"),
    ("invoices", "SalesInvoiceLine"): ("ExternallyMaintainedCustomerSalesInvoiceLines", "invoicedetails"),
}


def task(template: str, name: str) -> Task:
    return next(one for one in builtin_templates()[template].tasks if one.name == name)


def field(template: str, name: str, destination: str) -> FieldMap:
    return next(one for one in task(template, name).fields if one.destination == destination)


def skipped_by(rules: list[Rule], row: Row) -> str:
    """The name of the first rule that stops a row, `""` when none does."""
    return next((rule.name for rule in rules if not filters.parse(rule.when).holds(row)), "")


def test_the_eight_templates_in_their_order() -> None:
    assert {one.id: one.name for one in builtin_templates().values()} == NAMES
    assert list(builtin_templates()) == list(NAMES)
    assert [one.id for one in ordered(builtin_templates())] == list(NAMES)


@pytest.mark.parametrize(("place", "entities"), ENTITIES.items())
def test_tasks(place: tuple[str, str], entities: tuple[str, str]) -> None:
    found = task(*place)
    assert (found.source.entity, found.destination.entity) == entities


@pytest.mark.parametrize("template", NAMES)
def test_every_name_exists(template: str) -> None:
    """Loading checks it, too; this looks without the loader's help."""
    found = builtin_templates()[template]
    sets = {one.name: one.source.entity for one in found.tasks}
    for one in found.tasks:
        source = one
        while source.source.self:
            source = task(template, source.parent)
        for mapping in one.fields:
            for text in mapping.sources:
                assert cells(found.source, sets[source.name], paths.parse(text))
            assert cells(found.destination, one.destination.entity, paths.parse(mapping.destination))
            assert not mapping.custom


@pytest.mark.parametrize(
    ("template", "name", "destination", "value", "always"),
    [
        ("accounts", "Accounts - Customers", "PartyType", "Organization", False),
        ("accounts", "Accounts - Customers", "CustomerGroupId", "10", False),
        ("accounts", "Accounts - Customers", "SiteId", "1", False),
        ("accounts", "Accounts - Customers", "WarehouseId", "13", False),
        ("accounts", "Accounts - Customers", "LanguageId", "en-us", False),
        ("accounts", "Accounts - Customers", "IsExternallyMaintained", "Yes", True),
        ("accounts", "Accounts - Customers", "AddressDescription", "Primary", False),
        ("contacts-to-customers", "ContactToCustomer", "PartyType", "Person", False),
        ("contacts-to-customers", "ContactToCustomer", "CustomerGroupId", "10", False),
        ("contacts", "Contacts", "IsContactPersonExternallyMaintained", "Yes", True),
        ("products", "Products", "defaultuomscheduleid.name", "Default unit", False),
        ("products", "Products", "quantitydecimal", 0, False),
        ("products", "Products", "msdynce_ismaintainedexternally", True, True),
        ("quotes", "QuoteHeader", "IsDeliveryAddressOrderSpecific", "Yes", True),
        ("orders-to-sales", "OrderHeader", "msdynce_ismaintainedexternally", True, True),
        ("invoices", "SalesInvoiceLine", "ispriceoverridden", True, True),
        ("orders-to-sales", "FreightTaxLine", "productdescription", "Freight Tax", True),
    ],
)
def test_defaults(template: str, name: str, destination: str, value: Value, always: bool) -> None:
    default = field(template, name, destination).transform[-1]
    assert isinstance(default, Default)
    assert (default.value, default.always) == (value, always)


@pytest.mark.parametrize("name", ["SiteId", "WarehouseId"])
def test_a_contact_gets_no_site_and_no_warehouse(name: str) -> None:
    fields = task("contacts-to-customers", "ContactToCustomer").fields
    assert name not in {one.destination for one in fields}


@pytest.mark.parametrize(
    ("template", "name", "destination", "blank", "shared"),
    [
        ("accounts", "Accounts - Customers", "AddressCountryRegionISOCode", None, "countries"),
        ("quotes", "QuoteHeader", "DeliveryAddressCountryRegionISOCode", "US", "countries"),
        ("orders-to-finops", "OrderHeader", "DeliveryAddressCountryRegionISOCode", "US", "countries"),
        ("invoices", "SalesInvoiceHeader", "billto_country", None, "country-names"),
        ("products", "Products", "defaultuomid.name", None, "units"),
        ("quotes", "QuoteLine", "SalesUnitSymbol", None, "units-back"),
    ],
)
def test_value_maps(template: str, name: str, destination: str, blank: str | None, shared: str) -> None:
    value_map = field(template, name, destination).transform[0]
    assert isinstance(value_map, ValueMap)
    assert (value_map.values.get(""), value_map.use, value_map.unmapped) == (blank, shared, "reject")


def test_price_lists_by_currency() -> None:
    for template, name in [("orders-to-sales", "OrderHeader"), ("invoices", "SalesInvoiceHeader")]:
        price_list = field(template, name, "pricelevelid.name").transform[0]
        assert isinstance(price_list, ValueMap)
        assert price_list.values == {"USD": "CRM Service USA (sample)"}


def test_the_processing_status_says_where_an_order_is() -> None:
    status = field("orders-to-sales", "OrderHeader", "msdynce_processingstatus").transform[0]
    assert isinstance(status, ValueMap)
    end = cells("sales", "salesorders", paths.parse("msdynce_processingstatus"))[0]
    labels = {symbol: getattr(end, "options", {})[number] for symbol, number in status.values.items()}
    assert labels == {
        "Active": "Active",
        "Confirmed": "Confirmed",
        "Picked": "Picked",
        "PartiallyDelivered": "Partially Shipped",
        "Delivered": "Shipped",
        "PartiallyInvoiced": "Partially Invoiced",
        "DeliveredPartiallyInvoiced": "Partially Invoiced",
        "Invoiced": "Invoiced",
        "Canceled": "Cancelled",
    }


def test_the_state_of_an_order_is_never_written() -> None:
    for name in ("orders-to-finops", "orders-to-sales", "invoices"):
        for one in builtin_templates()[name].tasks:
            assert "statecode" not in {mapping.destination for mapping in one.fields}


CONTACT = {"msdynce_isactivecustomer": False, "msdynce_iscompanyanaccount": True}


@pytest.mark.parametrize(
    ("row", "as_contact", "as_customer"),
    [
        (CONTACT, "", "active-customer"),
        ({**CONTACT, "msdynce_isactivecustomer": None}, "", "active-customer"),
        ({**CONTACT, "msdynce_isactivecustomer": True}, "no-active-customer", ""),
        ({**CONTACT, "msdynce_iscompanyanaccount": False}, "company-is-account", "active-customer"),
        ({}, "company-is-account", "active-customer"),
    ],
)
def test_a_contact_is_one_thing_or_the_other(row: Row, as_contact: str, as_customer: str) -> None:
    assert skipped_by(task("contacts", "Contacts").rules, row) == as_contact
    assert skipped_by(task("contacts-to-customers", "ContactToCustomer").rules, row) == as_customer


@pytest.mark.parametrize(
    ("statecode", "statuscode", "external", "stopped_by"),
    [
        (0, 1, True, "activated"),
        (1, 2, True, ""),
        (1, 3, True, ""),
        (2, 4, True, ""),
        (3, 5, True, "activated"),
        (3, 6, True, "activated"),
        (3, 7, True, "activated"),
        (3, 647390000, True, ""),
        (1, 2, False, "external-products-only"),
        (1, 2, None, "external-products-only"),
    ],
)
def test_quotes(statecode: int, statuscode: int, external: bool | None, stopped_by: str) -> None:
    row: Mapping[str, Value] = {
        "statecode": statecode,
        "statuscode": statuscode,
        "msdynce_hasexternallymaintainedproductsonly": external,
    }
    assert skipped_by(task("quotes", "QuoteHeader").rules, row) == stopped_by
    assert task("quotes", "QuoteHeader").source.version == "revisionnumber"


@pytest.mark.parametrize(
    ("status", "external", "statecode", "stopped_by"),
    [
        (647390011, True, 0, "activated"),
        (None, True, 0, "activated"),
        (647390000, True, 0, ""),
        (647390000, False, 0, "external-products-only"),
        (647390000, True, 2, "not-canceled"),
        (647390001, True, 0, "finops-is-master"),
        (647390003, True, 0, "finops-is-master"),
        (647390010, True, 0, "finops-is-master"),
    ],
)
def test_orders_to_finops(status: int | None, external: bool, statecode: int, stopped_by: str) -> None:
    row: Mapping[str, Value] = {
        "msdynce_processingstatus": status,
        "msdynce_hasexternallymaintainedproductsonly": external,
        "statecode": statecode,
    }
    assert skipped_by(task("orders-to-finops", "OrderHeader").rules, row) == stopped_by


@pytest.mark.parametrize(("status", "stopped_by"), [("Active", ""), ("Confirmed", "finops-confirmed")])
def test_a_confirmed_order_is_not_touched(status: str, stopped_by: str) -> None:
    guards = task("orders-to-finops", "OrderHeader").destination.guards
    assert skipped_by(guards, {"SalesOrderProcessingStatus": status}) == stopped_by


ORDER = {
    "OrderingCustomerIsExternallyMaintained": "Yes",
    "InvoiceCustomerIsExternallyMaintained": "Yes",
    "AreTotalsUpdated": "Yes",
    "SalesOrderOriginType": "NotSpecified",
    "SalesOrderProcessingStatus": "Confirmed",
}


@pytest.mark.parametrize(
    ("change", "stopped_by"),
    [
        ({}, ""),
        ({"OrderingCustomerIsExternallyMaintained": "No"}, "externally-maintained-customer"),
        ({"InvoiceCustomerIsExternallyMaintained": None}, "externally-maintained-customer"),
        ({"AreTotalsUpdated": "No"}, "totals-calculated"),
        ({"SalesOrderOriginType": "WorkOrderIntegration"}, "not-work-order"),
        ({"SalesOrderOriginType": None}, ""),
        ({"SalesOrderProcessingStatus": "Active"}, "confirmed"),
        ({"SalesOrderProcessingStatus": "Picked"}, ""),
        ({"SalesOrderProcessingStatus": "PartiallyDelivered"}, ""),
        ({"SalesOrderProcessingStatus": "Delivered"}, ""),
        ({"SalesOrderProcessingStatus": "PartiallyInvoiced"}, ""),
        ({"SalesOrderProcessingStatus": "DeliveredPartiallyInvoiced"}, ""),
        ({"SalesOrderProcessingStatus": "Invoiced"}, ""),
        ({"SalesOrderProcessingStatus": "Canceled"}, ""),
    ],
)
def test_orders_to_sales(change: dict[str, Value], stopped_by: str) -> None:
    row = {**ORDER, **change}
    template = builtin_templates()["orders-to-sales"]
    assert skipped_by(template.header.rules, row) == stopped_by
    canceled = row["SalesOrderProcessingStatus"] == "Canceled"
    assert skipped_by(template.update_only, row) == ("canceled-before-sales" if canceled else "")


@pytest.mark.parametrize(("updated", "stopped_by"), [("Yes", ""), ("No", "line-totals-calculated")])
def test_a_line_without_totals_holds_its_order_back(updated: str, stopped_by: str) -> None:
    rules = task("orders-to-sales", "OrderLine").rules
    assert skipped_by(rules, {"AreSalesOrderTotalsUpdated": updated}) == stopped_by


@pytest.mark.parametrize(
    ("row", "owners"),
    [
        ({"sequencenumber": 1}, ["OrderLine"]),
        ({"sequencenumber": None}, ["OrderLine"]),
        ({"sequencenumber": 999_999_999}, ["FreightTaxLine"]),
        ({"sequencenumber": 7, "msdynce_ismisctax": True}, []),
    ],
)
def test_each_order_line_in_sales_belongs_to_one_task(row: Row, owners: list[str]) -> None:
    tasks = [task("orders-to-sales", name) for name in ("OrderLine", "FreightTaxLine")]
    assert [one.name for one in tasks if not filters.parse(one.destination.ignore).holds(row)] == owners


@pytest.mark.parametrize(
    ("number", "owner"), [(1, "SalesInvoiceLine"), (None, "SalesInvoiceLine"), (500_000_001, "ChargeLine")]
)
def test_each_invoice_line_in_sales_belongs_to_one_task(number: int | None, owner: str) -> None:
    tasks = [task("invoices", name) for name in ("SalesInvoiceLine", "ChargeLine")]
    row = {"sequencenumber": number}
    assert [one.name for one in tasks if not filters.parse(one.destination.ignore).holds(row)] == [owner]


def test_what_is_no_charge_becomes_no_charge_line() -> None:
    one = task("invoices", "ChargeLine")
    assert one.skip_zero == ["priceperunit", "manualdiscountamount"]
    assert not one.include


def test_every_lookup_says_what_to_do_without_its_row() -> None:
    for template in builtin_templates().values():
        if template.destination == "sales":
            for one in template.tasks:
                for mapping in one.fields:
                    lookup = "." in mapping.destination
                    assert bool(mapping.missing) is lookup, (template.id, mapping.destination)


def test_every_rule_has_a_reason_in_a_sentence() -> None:
    for template in builtin_templates().values():
        rules = [*template.update_only]
        for one in template.tasks:
            rules += [*one.rules, *one.destination.guards]
        for rule in rules:
            assert rule.reason[0].isupper(), rule
            assert rule.reason.endswith("."), rule


def test_the_hash_changes_with_the_mapping_only() -> None:
    original = builtin_templates()["accounts"]
    raw = original.model_dump(mode="json", by_alias=True)
    assert template_hash(parse_template(raw, "x")) == template_hash(original)
    cosmetic = {**raw, "name": "Other", "schedule": "", "enabled": False, "description": "", "runsAfter": []}
    cosmetic["tasks"][0]["fields"][0]["note"] = "other"
    assert template_hash(parse_template(cosmetic, "x")) == template_hash(original)
    raw["tasks"][0]["fields"][0]["maxLength"] = 19
    assert template_hash(parse_template(raw, "x")) != template_hash(original)


def test_each_template_has_its_own_hash() -> None:
    assert len({template_hash(one) for one in builtin_templates().values()}) == len(NAMES)


def test_a_circle_has_no_order() -> None:
    templates = builtin_templates()
    first = templates["accounts"].model_copy(update={"runs_after": ["products"]})
    second = templates["products"].model_copy(update={"runs_after": ["accounts"]})
    with pytest.raises(ConfigError, match="accounts, products run after one another"):
        ordered({"accounts": first, "products": second})


def test_the_order_keeps_what_it_can() -> None:
    templates = builtin_templates()
    chosen = {name: templates[name] for name in ("invoices", "quotes", "accounts", "orders-to-sales")}
    assert [one.id for one in ordered(chosen)] == ["accounts", "quotes", "orders-to-sales", "invoices"]
