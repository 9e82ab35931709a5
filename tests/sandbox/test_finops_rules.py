"""What the F&O application checks and fills in when rows are written."""

from decimal import Decimal
from typing import Any

import pytest

from tests.sandbox.finops_support import Api, customer_key, header_key, line_key


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"CustomerGroupId": "Local"}, "The value 'Local' in field 'Customer group' is not found in the related table"),
        ({"SiteId": "9"}, "The value '9' in field 'Site' is not found in the related table 'Sites'"),
        ({"WarehouseId": "99"}, "The value '99' in field 'Warehouse' is not found"),
        ({"SalesCurrencyCode": "XXX"}, "The value 'XXX' in field 'Currency' is not found"),
        ({"AddressCountryRegionISOCode": "XX"}, "The value 'XX' in field 'ISO code' is not found"),
        ({"DeliveryAddressCountryRegionId": "XXX"}, "The value 'XXX' in field 'Country/region' is not found"),
        ({"OrganizationName": ""}, "Mandatory field 'Organization name' not set."),
        ({"CustomerGroupId": ""}, "Mandatory field 'Customer group' not set."),
        ({"OrganizationName": "x" * 101}, "The value of field 'OrganizationName' is longer than 100 characters."),
    ],
)
def test_customers_that_are_refused(values: dict[str, Any], text: str) -> None:
    api = Api()
    answer = api.customer(**values)
    assert answer.status == 400
    assert "Infolog: " in answer.infolog
    assert text in answer.infolog
    assert api.get("CustomersV2").value == []


def test_reference_errors_name_the_entity() -> None:
    answer = Api().customer(CustomerGroupId="Local")
    assert answer.infolog.startswith("Write failed for table row of type 'CustCustomerV2Entity'. Infolog: Warning: ")
    assert "; Warning: validateField failed on field 'CustCustomerV2Entity.CustomerGroupId'." in answer.infolog


def test_customer_defaults() -> None:
    api = Api()
    row = api.customer(SalesCurrencyCode="", LanguageId="en-us", DeliveryAddressCountryRegionISOCode="de").json
    assert row["SalesCurrencyCode"] == "USD"
    assert row["LanguageId"] == "en-US"
    assert row["DeliveryAddressCountryRegionId"] == "DEU"
    assert row["DeliveryAddressCountryRegionISOCode"] == "DE"
    assert row["AddressCountryRegionId"] == "USA"
    assert row["FullPrimaryAddress"] == "1 Main Street\nKirkland\nUSA"
    assert row["NameAlias"] == "Customer ACC-1"
    person = api.customer(
        "P", PartyType="Person", PersonFirstName="Ann", PersonLastName="Lee", OrganizationName=""
    ).json
    assert person["OrganizationName"] == "Ann Lee"
    api.patch(customer_key("P"), {"PersonLastName": "Poe"})
    assert api.get(customer_key("P")).json["OrganizationName"] == "Ann Poe"


def test_parties_are_one_per_company() -> None:
    api = Api()
    api.customer("A")
    again = api.customer("B", PartyNumber="A")
    assert "with same party number as customer A" in again.infolog
    assert api.customer("A", dataAreaId="demf").status == 201
    assert api.patch(customer_key("A"), {"PartyNumber": "A"}).status == 204
    assert api.patch(customer_key("A"), {"PartyNumber": "other"}).status == 400


def test_keys_in_a_body_may_be_repeated_but_not_changed() -> None:
    api = Api()
    api.customer()
    same = {"dataAreaId": "USMF", "CustomerAccount": "ACC-1", "CreditLimit": 5}
    assert api.patch(customer_key(), same).status == 204
    assert api.patch(customer_key(), {"CustomerAccount": "other"}).status == 400


def test_a_text_too_long_can_be_cut_instead() -> None:
    api = Api(text_too_long="truncate")
    assert api.customer(OrganizationName="x" * 101).json["OrganizationName"] == "x" * 100


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"AssociatedPartyNumber": "none"}, "The value 'none' in field 'Associated party number' is not found"),
        ({"AssociatedPartyNumber": ""}, "Field 'Associated party number' must be filled in."),
        ({"LastName": ""}, "Field 'First name' must be filled in."),
    ],
)
def test_contacts_that_are_refused(values: dict[str, Any], text: str) -> None:
    api = Api()
    api.customer()
    given = {"ContactPersonPartyNumber": "CON-1", "AssociatedPartyNumber": "ACC-1", "LastName": "Doe", **values}
    answer = api.post("CDSContactPersons", given)
    assert answer.status == 400
    assert text in answer.infolog


def test_contacts_belong_to_a_customer() -> None:
    api = Api()
    api.customer()
    made = api.post("CDSContactPersonsV2", {"AssociatedContactNumber": "ACC-1", "FirstName": "Jo", "BirthMonth": "May"})
    assert made.status == 201
    assert made.json["ContactPersonPartyNumber"] != ""
    rows = api.get("CDSContactPersons?$filter=AssociatedPartyNumber eq 'ACC-1'").value
    assert [row["FirstName"] for row in rows] == ["Jo"]
    assert api.post("CDSContactPersonsV2", {"AssociatedContactNumber": "none", "FirstName": "Jo"}).status == 400


def test_an_order_takes_from_its_customer_what_is_left_out() -> None:
    api = Api()
    api.order()
    header = api.header()
    assert header["CurrencyCode"] == "USD"
    assert header["InvoiceCustomerAccountNumber"] == "ACC-1"
    assert header["DeliveryAddressStreet"] == "1 Main Street"
    assert header["DeliveryAddressCountryRegionISOCode"] == "US"
    assert header["InvoiceAddressCity"] == "Kirkland"
    assert header["DefaultShippingSiteId"] == "1"
    assert header["SalesOrderProcessingStatus"] == "Active"
    assert header["SalesOrderStatus"] == "Backorder"
    assert header["AreTotalsUpdated"] == "No"
    assert header["OrderingCustomerIsExternallyMaintained"] == "Yes"
    assert header["OrderCreationDateTime"][:4] >= "2024"
    line = api.lines()[0]
    assert line["SalesPriceQuantity"] == 1
    assert line["SalesPrice"] == 10
    assert line["SalesUnitSymbol"] == "ea"
    assert line["DeliveryAddressCity"] == "Kirkland"
    assert line["ShippingWarehouseId"] == "13"
    assert line["LineAmount"] == 30


def test_an_address_of_the_order_itself_reaches_its_lines() -> None:
    api = Api()
    api.order()
    ship_to = {
        "DeliveryAddressStreet": "2 Rue X",
        "DeliveryAddressCity": "Paris",
        "DeliveryAddressCountryRegionISOCode": "FR",
    }
    header = {"dataAreaId": "usmf", "SalesOrderNumber": "SO-2", "OrderingCustomerAccountNumber": "ACC-1", **ship_to}
    made = api.post("CDSSalesOrderHeaders", header).json
    assert made["DeliveryAddressCountryRegionId"] == "FRA"
    assert made["FormattedDelveryAddress"] == "2 Rue X\nParis\nFRA"
    assert api.line("SO-2", 1).json["DeliveryAddressCity"] == "Paris"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"OrderingCustomerAccountNumber": "none"}, "The value 'none' in field 'Customer account' is not found"),
        ({"OrderingCustomerAccountNumber": ""}, "Field 'Customer account' must be filled in."),
        ({"InvoiceCustomerAccountNumber": "none"}, "The value 'none' in field 'Invoice account' is not found"),
        ({"CurrencyCode": "XXX"}, "The value 'XXX' in field 'Currency' is not found"),
        ({"SalesOrderNumber": ""}, "Field 'Sales order' must be filled in."),
        ({"SalesOrderNumber": "SO-1"}, "The record already exists."),
        ({"DefaultShippingSiteId": "9"}, "The value '9' in field 'Site' is not found"),
        ({"SalesOrderProcessingStatus": "Confirmed"}, "Field 'SalesOrderProcessingStatus' cannot be edited."),
    ],
)
def test_orders_that_are_refused(values: dict[str, Any], text: str) -> None:
    api = Api()
    api.order()
    given = {"dataAreaId": "usmf", "SalesOrderNumber": "SO-2", "OrderingCustomerAccountNumber": "ACC-1", **values}
    answer = api.post("CDSSalesOrderHeaders", given)
    assert answer.status == 400
    assert text in answer.infolog


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"ProductNumber": "none"}, "The value 'none' in field 'Product number' is not found"),
        ({"ProductNumber": ""}, "Field 'Product number' must be filled in."),
        ({"SalesOrderNumber": "none"}, "The value 'none' in field 'Sales order' is not found"),
        ({"SalesUnitSymbol": "zz"}, "The value 'zz' in field 'Unit' is not found"),
        ({"OrderedSalesQuantity": 0}, "The quantity of a line cannot be zero.; Error: Update has been canceled.."),
        ({"LineCreationSequenceNumber": 1}, "Cannot create a record in Sales order lines (SalesLine)."),
        ({"CurrencyCode": "EUR"}, "The currency of a line must be that of its header, USD."),
        ({"ProductNumber": "STOPPED"}, "Item 'STOPPED' is blocked for 'Sales order'.; Warning: validateWrite failed"),
        ({"LineAmount": 5}, "Field 'LineAmount' cannot be edited."),
    ],
)
def test_lines_that_are_refused(values: dict[str, Any], text: str) -> None:
    api = Api()
    api.order()
    api.service.new_product("STOPPED", "Old", Decimal(1))
    api.service.stop_product("STOPPED")
    answer = (
        api.line("SO-1", 2, **values) if "SalesOrderNumber" not in values else api.line(values["SalesOrderNumber"], 2)
    )
    if "LineCreationSequenceNumber" in values:
        answer = api.line("SO-1", 1)
    assert answer.status == 400
    assert text in answer.infolog
    assert len(api.lines()) == 1


def test_a_stocked_product_needs_a_site() -> None:
    api = Api()
    api.customer(SiteId="", WarehouseId="")
    api.service.new_product("P-1", "Widget", Decimal(1))
    api.service.new_product("P-2", "Work", Decimal(1), IsStockedProduct="No", ProductType="Service")
    api.service.new_product("P-3", "Sited", Decimal(1), _SiteId="2")
    header = {"SalesOrderNumber": "SO-1", "OrderingCustomerAccountNumber": "ACC-1"}
    assert api.post("CDSSalesOrderHeaders", header).status == 201
    refused = api.line("SO-1", 1)
    assert "Warning: Inventory dimension Site is mandatory and must consequently be specified." in refused.infolog
    assert api.line("SO-1", 2, ProductNumber="P-2").status == 201
    assert api.line("SO-1", 3, ProductNumber="P-3").json["ShippingSiteId"] == "2"


@pytest.mark.parametrize(
    ("line", "amount"),
    [
        (
            {"OrderedSalesQuantity": 3, "LineDiscountAmount": Decimal("3.33"), "FixedPriceCharges": Decimal("-0.01")},
            "20.00",
        ),
        ({"OrderedSalesQuantity": -2, "SalesPrice": 150}, "-300"),
        ({"OrderedSalesQuantity": 5, "SalesPrice": 10, "SalesPriceQuantity": 100}, "0.5"),
        ({"OrderedSalesQuantity": 1, "SalesPrice": Decimal("0.005")}, "0.01"),
        ({"OrderedSalesQuantity": 2, "SalesPrice": 100, "LineDiscountPercentage": 10}, "180"),
    ],
)
def test_the_amount_of_a_line(line: dict[str, Any], amount: str) -> None:
    api = Api()
    api.order()
    assert api.line("SO-1", 2, **line).json["LineAmount"] == Decimal(amount)


def test_amounts_round_to_the_currency() -> None:
    api = Api(default_company="jpmf")
    api.customer(dataAreaId="jpmf", SalesCurrencyCode="JPY")
    api.service.new_product("P-1", "Widget", Decimal("33.5"), "jpmf")
    api.post("CDSSalesOrderHeaders", {"SalesOrderNumber": "SO-1", "OrderingCustomerAccountNumber": "ACC-1"})
    assert api.line("SO-1", 1, dataAreaId="jpmf").json["LineAmount"] == 34


def test_a_change_of_a_line_is_checked_and_computed_again() -> None:
    api = Api()
    api.order()
    assert api.patch(line_key(), {"SalesPrice": 7}).status == 204
    assert api.lines()[0]["LineAmount"] == 21
    assert api.patch(line_key(), {"ProductNumber": "none"}).status == 400
    assert api.patch(line_key(), {"OrderedSalesQuantity": 0}).status == 400
    assert api.patch(line_key(), {"SalesPriceQuantity": 0}).status == 400
    assert api.delete(line_key()).status == 204
    assert api.lines() == []


def test_computed_fields_may_be_ignored_by_switch() -> None:
    api = Api(read_only_fields="ignore")
    api.order()
    assert api.patch(header_key(), {"SalesOrderProcessingStatus": "Invoiced"}).status == 204
    assert api.header()["SalesOrderProcessingStatus"] == "Active"


def test_lines_go_with_their_header() -> None:
    api = Api()
    api.order()
    assert api.delete(header_key()).status == 204
    assert api.lines() == []


def test_quotations() -> None:
    api = Api()
    api.order()
    header = {
        "SalesQuotationNumber": "Q-1",
        "RequestingCustomerAccountNumber": "ACC-1",
        "SalesQuotationName": "Big deal",
    }
    made = api.post("CDSSalesQuotationHeaders", header)
    assert made.status == 201
    assert made.json["CurrencyCode"] == "USD"
    assert made.json["FormattedDeliveryAddress"] == "1 Main Street\nKirkland\nUSA"
    line = {"SalesQuotationNumber": "Q-1", "ProductNumber": "P-1", "RequestedSalesQuantity": 4, "LineDiscountAmount": 1}
    first = api.post("CDSSalesQuotationLines", line).json
    assert (first["LineCreationSequenceNumber"], first["LineAmount"]) == (1, 36)
    assert api.post("CDSSalesQuotationLines", line).json["LineCreationSequenceNumber"] == 2
    refused = api.post("CDSSalesQuotationLines", {**line, "SalesQuotationNumber": "none"})
    assert (
        "The value 'none' in field 'Quotation' is not found in the related table 'Sales quotations'" in refused.infolog
    )


def test_switches_of_references() -> None:
    api = Api(quotation_must_exist=True, numbers_are_manual=False, line_number_from_sequence=False)
    api.order()
    with_quote = {"OrderingCustomerAccountNumber": "ACC-1", "QuotationNumber": "none"}
    assert "The value 'none' in field 'Quotation'" in api.post("CDSSalesOrderHeaders", with_quote).infolog
    numbered = api.post("CDSSalesOrderHeaders", {"OrderingCustomerAccountNumber": "ACC-1"}).json
    assert numbered["SalesOrderNumber"].startswith("SO-")
    without = {"SalesOrderNumber": "SO-1", "ProductNumber": "P-1"}
    assert api.post("CDSSalesOrderLines", without).status == 400
    assert api.patch(customer_key(), {"OnHoldStatus": "All"}).status == 204
    assert "is on hold" in api.post("CDSSalesOrderHeaders", {"OrderingCustomerAccountNumber": "ACC-1"}).infolog


def test_what_only_reads() -> None:
    api = Api()
    assert api.post("SellableReleasedProducts", {"ProductNumber": "X"}).status == 400
    assert api.post("ExternallyMaintainedCustomerSalesInvoiceHeaders", {"InvoiceNumber": "X"}).status == 400


def test_a_customer_with_transactions_stays() -> None:
    api = Api()
    api.order()
    assert api.delete(customer_key()).status == 400
    api.delete(header_key())
    assert api.delete(customer_key()).status == 204
