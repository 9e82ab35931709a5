"""The F&O server's OData: companies, keys, literals, types, queries, pages, ETags, errors of the protocol."""

import base64
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest

from sandbox.finops.catalog import entity_sets
from tests.sandbox.finops_support import NO, YES, Api, customer_key, header_key, line_key


def test_without_cross_company_only_the_default_company_is_seen() -> None:
    api = Api()
    api.customer("US-1")
    api.customer("DE-1", dataAreaId="DEMF", SalesCurrencyCode="EUR")
    assert [row["CustomerAccount"] for row in api.get("CustomersV2").value] == ["US-1"]
    assert api.get("CustomersV2?$filter=dataAreaId eq 'demf'").value == []
    everyone = api.get("CustomersV2?cross-company=true&$filter=dataAreaId eq 'DEMF'").value
    assert [(row["dataAreaId"], row["CustomerAccount"]) for row in everyone] == [("demf", "DE-1")]
    key = customer_key("DE-1", "demf")
    assert api.get(key).status == 404
    assert api.patch(key, {"CreditLimit": 1}).status == 400
    assert api.delete(key).status == 400
    assert api.get(f"{key}?cross-company=true").status == 200
    assert api.patch(f"{key}?cross-company=true", {"CreditLimit": 1}).status == 204
    assert api.delete(f"{key}?cross-company=true").status == 204


def test_the_default_company_takes_a_row_that_names_none() -> None:
    api = Api(default_company="demf")
    made = api.post("CustomerGroups", {"CustomerGroupId": "77"})
    assert made.json["dataAreaId"] == "demf"
    unknown = api.post("CustomerGroups", {"dataAreaId": "none", "CustomerGroupId": "77"})
    assert unknown.status == 400


def test_created_is_201_with_the_whole_entity_etag_and_location() -> None:
    api = Api()
    made = api.customer("US'1", CreditLimit=Decimal("12.50"))
    assert made.status == 201
    assert made.headers["Location"] == "http://localhost/data/CustomersV2(dataAreaId='usmf',CustomerAccount='US''1')"
    assert made.headers["ETag"] == made.json["@odata.etag"]
    assert set(entity_sets()["CustomersV2"].properties) < set(made.json)
    assert made.json["CreditLimit"] == Decimal("12.5")
    assert b'"CreditLimit":12.5,' in made.body
    assert api.get(customer_key("us''1", "USMF")).json["CustomerAccount"] == "US'1"


def test_defaults_by_type() -> None:
    row = Api().customer().json
    assert row["SalesMemo"] == ""
    assert row["OrganizationNumberOfEmployees"] == 0
    assert row["AddressTimeZone"] is None
    assert row["IsOneTimeCustomer"] == "No"
    assert row["AddressValidFrom"] == "1900-01-01T00:00:00Z"
    api = Api()
    api.order()
    assert api.header()["ConfirmedShippingDate"] == "1900-01-01T12:00:00Z"


def test_the_same_row_through_two_entities() -> None:
    api = Api()
    api.customer()
    assert api.patch(customer_key(entity="CustomersV3"), {"OrganizationName": "Other"}).status == 204
    assert api.get(customer_key()).json["OrganizationName"] == "Other"
    api.order()
    other = api.get("CDSSalesOrderLinesV2").value[0]
    assert other["DefaultLineNumberFromLineCreationSequenceNumber"] == "No"
    assert "DefaultLineNumberFromLineCreationSequenceNumber" not in api.lines()[0]


@pytest.mark.parametrize(
    "url",
    [
        "Nothing",
        "customersV2",
        "CustomersV2('ACC-1')",
        "CustomersV2(dataAreaId='usmf')",
        "CustomersV2(dataAreaId='usmf',CustomerAccount=ACC-1)",
        "CustomersV2(dataAreaId='usmf',CustomerAccount='a'b')",
        "CustomersV2(dataAreaId='usmf',CustomerAccount='a',PartyType='b')",
        "CDSSalesOrderLines(dataAreaId='usmf',SalesOrderNumber='a',LineCreationSequenceNumber='1')",
    ],
)
def test_malformed_keys_and_unknown_sets_are_another_404(url: str) -> None:
    answer = Api().get(url)
    assert answer.status == 404
    assert answer.json["Message"].startswith("No HTTP resource was found that matches the request URI")


def test_missing_rows() -> None:
    api = Api()
    missing = api.get(customer_key("none"))
    assert missing.status == 404
    assert "Message" not in missing.json
    for answer in (api.patch(customer_key("none"), {"CreditLimit": 1}), api.delete(customer_key("none"))):
        assert (answer.status, answer.infolog) == (400, "No resources were found when selecting for update.")
    assert api.get("CustomersV2").value == []
    assert api.patch("CustomersV2", {}).infolog.startswith("More than one resource")


def test_keys_with_numbers_dates_and_enums() -> None:
    api = Api()
    api.order()
    assert api.get(line_key()).status == 200
    api.service.invoice("SO-1")
    row = api.get("ExternallyMaintainedCustomerSalesInvoiceHeaders").value[0]
    key = (
        f"ExternallyMaintainedCustomerSalesInvoiceHeaders(dataAreaId='usmf',InvoiceNumber='{row['InvoiceNumber']}',"
        f"InvoiceDate={row['InvoiceDate']},LedgerVoucher='{row['LedgerVoucher']}')"
    )
    assert api.get(key).json["InvoiceNumber"] == row["InvoiceNumber"]
    api.service.options.date_keys = False
    assert api.get(key).status == 404
    contact = {"ContactPersonPartyNumber": "CON-1", "AssociatedPartyNumber": "ACC-1", "LastName": "Doe"}
    assert api.post("CDSContactPersons", contact).status == 201
    second = (
        "CDSContactPersonsV2(dataAreaId='usmf',ContactPersonPartyNumber='CON-1',AssociatedContactType="
        "Microsoft.Dynamics.DataEntities.SmmContactPersonCdsAssociatedContactType'Customer',"
        "AssociatedContactNumber='ACC-1')"
    )
    assert api.get(second).json["LastName"] == "Doe"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"Unknown": 1}, "The property 'Unknown' does not exist on type"),
        ({"organizationName": "x"}, "The property 'organizationName' does not exist on type"),
        ({"IsOneTimeCustomer": "Maybe"}, "Cannot convert the literal 'Maybe'"),
        ({"IsOneTimeCustomer": 1}, "Cannot convert the literal '1'"),
        ({"CreditLimit": None}, "A null value was found for the property named 'CreditLimit'"),
        ({"OrganizationNumberOfEmployees": None}, "A null value was found"),
        ({"CreditLimit": "5"}, "Cannot convert the literal '5'"),
        ({"OrganizationNumberOfEmployees": Decimal("1.5")}, "Cannot convert the literal"),
        ({"OrganizationNumberOfEmployees": 2**31}, "Cannot convert the literal"),
        ({"AddressValidFrom": "yesterday"}, "Cannot convert the literal"),
        ({"SalesMemo": 5}, "Cannot convert the literal"),
    ],
)
def test_values_that_do_not_fit(changes: dict[str, object], text: str) -> None:
    api = Api()
    api.customer()
    answer = api.patch(customer_key(), changes)
    assert answer.status == 400
    assert answer.infolog.startswith(text)


def test_null_texts_become_empty_and_dates_may_be_days() -> None:
    api = Api()
    api.customer(SalesMemo="x")
    assert api.patch(customer_key(), {"SalesMemo": None, "IsOneTimeCustomer": None}).status == 204
    assert api.get(customer_key()).json["SalesMemo"] == ""
    api.order()
    assert api.patch(header_key(), {"RequestedShippingDate": "2026-07-23"}).status == 204
    assert api.header()["RequestedShippingDate"] == "2026-07-23T12:00:00Z"
    assert api.patch(header_key(), {"RequestedShippingDate": "2026-07-24T12:00:00Z"}).status == 204
    assert api.header()["RequestedShippingDate"] == "2026-07-24T12:00:00Z"


def test_filters() -> None:
    api = Api()
    for number, limit in (("A-1", 10), ("A-2", 20), ("B-1", 30)):
        api.customer(number, CreditLimit=limit, IsOneTimeCustomer="Yes" if limit == 20 else "No")

    def found(text: str) -> list[str]:
        return [row["CustomerAccount"] for row in api.get(f"CustomersV2?$filter={text}").value]

    assert found(f"IsOneTimeCustomer eq {YES}") == ["A-2"]
    assert found(f"IsOneTimeCustomer ne {YES} and CreditLimit gt 10.5") == ["B-1"]
    assert found("CustomerAccount eq 'A*'") == ["A-1", "A-2"]
    assert found("CustomerAccount gt 'A-1'") == ["A-2", "B-1"]
    assert found("CustomerAccount eq 'a-1' or CustomerAccount eq 'B-1'") == ["A-1", "B-1"]


@pytest.mark.parametrize(
    "text",
    [
        "CustomerAccount in ('A-1','A-2')",
        "IsOneTimeCustomer has Microsoft.Dynamics.DataEntities.NoYes'Yes'",
        f"IsOneTimeCustomer gt {NO}",
        "IsOneTimeCustomer eq 'Yes'",
        "IsOneTimeCustomer eq NoYes'Yes'",
        "IsOneTimeCustomer eq Microsoft.Dynamics.DataEntities.NoYes'Maybe'",
        "customerAccount eq 'A-1'",
        "contains(CustomerAccount,'A')",
    ],
)
def test_filters_that_are_refused(text: str) -> None:
    answer = Api().get(f"CustomersV2?$filter={text}")
    assert answer.status == 400
    assert answer.infolog.startswith("The query specified in the URI is not valid.")


def test_text_order_can_be_refused() -> None:
    assert Api(text_order=False).get("CustomersV2?$filter=CustomerAccount gt 'A'").status == 400


def test_select_orderby_top_skip_count() -> None:
    api = Api()
    for number in ("A", "B", "C"):
        api.customer(number)
    page = api.get("CustomersV2?$select=CustomerAccount&$orderby=CustomerAccount desc&$top=2&$skip=1&$count=true").json
    assert [set(row) for row in page["value"]] == [{"@odata.etag", "CustomerAccount"}] * 2
    assert [row["CustomerAccount"] for row in page["value"]] == ["B", "A"]
    assert page["@odata.count"] == 3
    assert "@odata.nextLink" not in page
    assert api.get("CustomersV2/$count").body == b"3"
    for refused in ("$select=Nope", "$orderby=Nope", "$expand=Nope", "$apply=x", "$search=x"):
        assert api.get(f"CustomersV2?{refused}").status == 400


def test_pages_follow_a_skip_link() -> None:
    api = Api(page_size=2)
    for number in "ABCDE":
        api.customer(number)
    seen, url = [], "CustomersV2?cross-company=true&$filter=CustomerAccount ne 'B'&$select=CustomerAccount"
    links = 0
    while url:
        page = api.get(url).json
        seen += [row["CustomerAccount"] for row in page["value"]]
        link = page.get("@odata.nextLink", "")
        assert "@odata.nextLink" not in page or "$skip=2" in link
        url = link.removeprefix("http://localhost/data/")
        links += 1
    assert (seen, links) == (["A", "C", "D", "E"], 2)
    limited = api.get("CustomersV2?$top=3").json
    assert limited["@odata.nextLink"].endswith("?$skip=2&$top=1")
    assert "@odata.nextLink" not in api.get("CustomersV2?$top=2").json


def test_expand_first_level_only() -> None:
    api = Api()
    api.order()
    api.line("SO-1", 2)
    expanded = api.get("CDSSalesOrderHeaders?$expand=CDSSalesOrderLines&$select=SalesOrderNumber").value[0]
    assert [line["LineCreationSequenceNumber"] for line in expanded["CDSSalesOrderLines"]] == [1, 2]
    assert "@odata.etag" in expanded["CDSSalesOrderLines"][0]
    back = api.get("CDSSalesOrderLines?$expand=CDSSalesOrderHeader&$top=1").value[0]
    assert back["CDSSalesOrderHeader"]["SalesOrderNumber"] == "SO-1"
    assert api.get("CDSSalesOrderHeaders?$expand=CDSSalesOrderLines($select=ProductNumber)").status == 400


def pairs(etag: str) -> list[list[str]]:
    text = base64.b64decode(etag.removeprefix('W/"').removesuffix('"')).decode()
    assert text[0] == text[-1] == "'"
    return [pair.split(",") for pair in text[1:-1].split(";")]


def test_an_etag_has_a_pair_for_each_table_and_an_update_moves_one_at_random() -> None:
    api = Api()
    first = pairs(api.customer(AddressStreet="", AddressCity="", AddressCountryRegionISOCode="").json["@odata.etag"])
    assert [version for version, _ in first] == ["1", "1", "0"]
    assert first[2] == ["0", "0"]
    api.patch(customer_key(), {"OrganizationName": "Other"})
    second = pairs(api.get(customer_key()).json["@odata.etag"])
    assert second[0] == first[0]
    assert second[1][0] not in ("1", "2")
    assert second[1][1] == first[1][1]
    api.patch(customer_key(), {"OrganizationName": "Other"})
    third = pairs(api.get(customer_key()).json["@odata.etag"])
    assert third[1] != second[1]
    api.patch(customer_key(), {"AddressCity": "Paris"})
    assert pairs(api.get(customer_key()).json["@odata.etag"])[2][0] == "1"


@pytest.mark.parametrize("touches", [False, True])
def test_a_line_moves_the_header_etag_only_by_switch(touches: bool) -> None:
    api = Api(line_change_touches_header=touches)
    api.order()
    before = api.header()["@odata.etag"]
    api.patch(line_key(), {"SalesPrice": 5})
    assert (api.header()["@odata.etag"] != before) is touches


@pytest.mark.parametrize("touches", [False, True])
def test_the_totals_job_moves_the_header_etag_only_by_switch(touches: bool) -> None:
    api = Api(totals_touch_header=touches)
    api.order()
    before = api.header()["@odata.etag"]
    api.service.calculate_totals()
    assert (api.header()["@odata.etag"] != before) is touches


def test_if_match_is_ignored_unless_switched_on() -> None:
    api = Api()
    api.customer()
    assert api.patch(customer_key(), {"CreditLimit": 1}, **{"if-match": 'W/"old"'}).status == 204
    api.service.options.check_if_match = True
    assert api.patch(customer_key(), {"CreditLimit": 2}, **{"if-match": 'W/"old"'}).status == 412
    current = api.get(customer_key()).json["@odata.etag"]
    assert api.patch(customer_key(), {"CreditLimit": 2}, **{"if-match": current}).status == 204
    assert api.patch(customer_key(), {"CreditLimit": 2}, **{"if-match": "*"}).status == 204


def test_long_urls() -> None:
    api = Api(max_url_length=200)
    assert api.get(f"CustomersV2?$filter=CustomerAccount eq '{'x' * 200}'").status == 414
    api.service.options.max_url_status = 404
    assert api.get(f"CustomersV2?$filter=CustomerAccount eq '{'x' * 200}'").status == 404
    api.service.options.max_url_length = None
    assert api.get(f"CustomersV2?$filter=CustomerAccount eq '{'x' * 200}'").status == 200


def test_methods_and_bodies_that_make_no_sense() -> None:
    api = Api()
    assert api.post("$metadata", {}).status == 405
    assert api.send("PATCH", customer_key()).status == 400
    assert api.service.handle("POST", "/data/CustomersV2", {}, b"{").status == 400
    assert api.service.handle("POST", "/data/CustomersV2", {}, b"[]").status == 400
    assert api.service.handle("GET", "/elsewhere", {}, b"").status == 404


def test_versions_and_modules() -> None:
    api = Api()
    prefix = "Microsoft.Dynamics.DataEntities"
    for name in ("GetApplicationVersion", "GetPlatformBuildVersion", "GetApplicationBuildVersion"):
        answer = api.post(f"DataManagementEntities/{prefix}.{name}", {})
        assert answer.status == 200
        assert answer.json["value"].count(".") >= 2
        assert api.post(f"DataManagementDefinitionGroups/{prefix}.{name}", {}).status == 404
    modules = api.post(f"SystemNotifications/{prefix}.GetInstalledModules", {}).json["value"]
    assert all(text.startswith("Name: ") and " | Version: " in text for text in modules)
    assert api.post(f"DataManagementEntities/{prefix}.GetInstalledModules", {}).status == 404


def test_metadata_is_a_valid_document() -> None:
    body = Api().get("$metadata").body
    root = ET.fromstring(body)
    edm = "{http://docs.oasis-open.org/odata/ns/edm}"
    types = {element.get("Name"): element for element in root.iter(f"{edm}EntityType")}
    customer = types["CustomerV2"]
    assert [ref.get("Name") for ref in customer.iter(f"{edm}PropertyRef")] == ["dataAreaId", "CustomerAccount"]
    properties = {prop.get("Name"): prop for prop in customer.iter(f"{edm}Property")}
    assert properties["CreditLimit"].get("Nullable") == "false"
    assert properties["IsOneTimeCustomer"].get("Type") == "Microsoft.Dynamics.DataEntities.NoYes"
    enums = {element.get("Name") for element in root.iter(f"{edm}EnumType")}
    used = {
        prop.get("Type", "").rpartition(".")[2]
        for prop in root.iter(f"{edm}Property")
        if "Edm." not in prop.get("Type", "")
    }
    assert used == enums
    sets = {element.get("Name") for element in root.iter(f"{edm}EntitySet")}
    assert sets == set(entity_sets())
    assert {row["name"] for row in Api().get("").value} == sets


def test_every_set_answers() -> None:
    api = Api()
    for name in entity_sets():
        answer = api.get(f"{name}?$top=1&$count=true")
        assert answer.status == 200, name
        for row in answer.value:
            assert set(entity_sets()[name].properties) < set(row)
