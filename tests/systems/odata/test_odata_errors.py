"""Every refusal of the reference, and what it is taken for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.errors import (
    AuthError,
    ConfigError,
    Conflict,
    ExpiredToken,
    MissingRow,
    P2CError,
    PrivilegeMissing,
    ServiceError,
    Throttled,
    Transient,
    Validation,
)
from p2c.systems.odata.errors import classify_finops, classify_sales
from p2c.systems.odata.refusal import retry_after

ID_1, ID_2 = "0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7"
HTML = b"<html><head><title>502 - Web server received an invalid response</title></head><body>..</body></html>"


def sales(code: str, message: str = "Because.") -> bytes:
    return json.dumps({"error": {"code": code, "message": message}}).encode()


def finops(message: str, kind: str = "System.InvalidOperationException") -> bytes:
    inner = {"message": message, "type": kind, "stacktrace": "   at Microsoft.Secret.Place()"}
    return json.dumps({"error": {"code": "", "message": "An error has occurred.", "innererror": inner}}).encode()


SALES: list[tuple[int, bytes, type[P2CError]]] = [
    (429, sales("0x80072321", "Combined execution time of incoming requests exceeded limit"), Throttled),
    (
        429,
        sales("0x80072322", "Number of requests exceeded the limit of 6000 over time window of 300 seconds."),
        Throttled,
    ),
    (429, sales("0x80072326", "Number of concurrent requests exceeded the limit of 52."), Throttled),
    (400, sales("0x80072326"), Throttled),
    (429, b"", Throttled),
    (412, sales("0x80040237", "A record with matching key values already exists."), Conflict),
    (412, sales("0x80060892", "A record that has the attribute values Account Number already exists."), Conflict),
    (412, sales("0x80040333"), Conflict),
    (
        412,
        sales("0x80060882", "The version of the existing record doesn't match the RowVersion property provided."),
        Conflict,
    ),
    (412, sales(""), Conflict),
    (404, sales("0x80060891", "A record with the specified key values does not exist in account entity"), MissingRow),
    (404, sales("0x80040217", "account With Id = 0f8fad5b-d9cb-469f-a165-70867728950e Does Not Exist"), MissingRow),
    (404, sales("0x8006088a", "Resource not found for the segment 'acounts'."), ConfigError),
    (404, b'{"Message":"No HTTP resource was found that matches the request URI"}', ConfigError),
    (404, b"", ConfigError),
    (404, HTML, ConfigError),
    (400, sales("0x0", "Could not find a property named 'nme' on type 'Microsoft.Dynamics.CRM.account'."), ConfigError),
    (
        400,
        sales("0x80048d19", "Invalid property 'nme' was found in entity 'Microsoft.Dynamics.CRM.account'."),
        ConfigError,
    ),
    (400, sales("0x80060888", "Syntax error at position 8 in 'name eq'."), ConfigError),
    (400, sales("0x80072491", "Entity X isn't enabled for change tracking."), ConfigError),
    (400, sales("0x80072492"), ConfigError),
    (400, sales("", 'The "$filter" query parameter isn\'t supported when Change Tracking is enabled.'), ConfigError),
    (302, b"", ConfigError),
    (400, sales("0x80044352", "Version stamp associated with the client has expired."), ExpiredToken),
    (410, sales("0x80044352"), ExpiredToken),
    (401, b"", AuthError),
    (403, sales("0x80040220", "Principal user is missing prvReadAccount privilege"), PrivilegeMissing),
    (
        403,
        sales("0x80040220", f"Principal user (Id={ID_1}) is missing prvReadAccount. context.Caller={ID_1}"),
        PrivilegeMissing,
    ),
    (
        403,
        sales("0x80040220", f"Principal user (Id={ID_2}) is missing prvReadAccount. context.Caller={ID_1}"),
        AuthError,
    ),
    (400, sales("0x80040220"), AuthError),
    (403, sales("0x80042f09"), AuthError),
    (400, sales("0x80044331", "The length of the 'name' attribute exceeded"), Validation),
    (400, sales("0x80044330", "The value of 'creditlimit' on record of type 'account' is outside"), Validation),
    (400, sales("0x80048408", "10000 is not a valid status code for state code OrderState.Active"), Validation),
    (400, sales("0x80040265", "The user is not authorized to raise a limit, said a plug-in."), Validation),
    (400, sales("0x8004022e", "The object cannot be updated because it is read-only."), Validation),
    (400, sales("0x80043b09", "The detail cannot be updated because the parent is not editable."), Validation),
    (400, sales("0x80043afb"), Validation),
    (413, b"", Validation),
    (500, sales("0x80040216", "An unexpected error occurred."), Transient),
    (400, sales("0x80044150", "Sql error: Transaction was deadlocked on lock resources"), Transient),
    (500, sales("0x80040265", "A plug-in's own refusal."), Validation),
    (502, HTML, Transient),
    (503, b"", Transient),
    (504, b"", Transient),
    (408, b"", Transient),
    (0, b"garbage", Transient),
]

CUSTOMER_GROUP = (
    "Write failed for table row of type 'CustCustomerV3Entity'. Infolog: Warning: The value 'Local' in field "
    "'Customer group' is not found in the related table 'Customer groups'.; Warning: validateField failed on field "
    "'CustCustomerV3Entity.CustomerGroupId'."
)
DUPLICATE = (
    "Write failed for table row of type 'CustCustomerGroupEntity'. Infolog: Info: Cannot create a record in "
    "Customer groups (CustGroup). Customer group: 10, Wholesale. The record already exists.."
)
SITE = (
    "Write failed for table row of type 'SalesOrderLineV3Entity'. Infolog: Warning: Inventory dimension Site is "
    "mandatory and must consequently be specified.; Error: Update has been canceled.."
)
BUSY = "Cannot edit a record in Customers (CustTable). An update conflict occurred due to another user process."
AX = "Microsoft.Dynamics.Platform.Integration.Services.OData.AxODataWriteException"
RESOURCES = "This request could not be processed at this time due to system experiencing high resource utilization."

FINOPS: list[tuple[int, bytes, type[P2CError]]] = [
    (500, finops(DUPLICATE, AX), Conflict),
    (400, finops(DUPLICATE, AX), Conflict),
    (400, finops(f"Write failed for table row of type 'X'. Infolog: Error: {BUSY}"), Conflict),
    (400, finops("No resources were found when selecting for update."), MissingRow),
    (404, finops("No resources were found when selecting for update."), MissingRow),
    (404, b"", MissingRow),
    (
        404,
        b'{"Message":"No HTTP resource was found that matches the request URI \'https://h/data/Nix\'."}',
        ConfigError,
    ),
    (404, HTML, ConfigError),
    (
        400,
        finops("Could not find a property named 'Nix' on type 'Microsoft.Dynamics.DataEntities.CustomerV3'."),
        ConfigError,
    ),
    (
        400,
        finops("The property 'Nix' does not exist on type 'Microsoft.Dynamics.DataEntities.CustomerV3'."),
        ConfigError,
    ),
    (400, finops(CUSTOMER_GROUP), Validation),
    (500, finops(CUSTOMER_GROUP), Validation),
    (500, finops(SITE), Validation),
    (400, finops("Cannot create customer with account number A with same party number as prospect P"), Validation),
    (400, finops("Write returned RecId 0. Infolog: Error: Mandatory field 'Organization name' not set."), Validation),
    (400, finops("Write failed. Infolog: Error: Field 'Associated party number' must be filled in."), Validation),
    (400, b"<html><title>Bad Request</title></html>", Validation),
    (414, b"", Validation),
    (429, b"", Throttled),
    (429, b"not json", Throttled),
    (503, RESOURCES.encode(), Throttled),
    (401, b"", AuthError),
    (403, HTML, AuthError),
    (500, finops("Object reference not set to an instance of an object."), Transient),
    (500, b"", Transient),
    (500, finops("Write failed. Infolog: Error: Deadlock, where one or more users have locked the table."), Transient),
    (502, HTML, Transient),
    (503, b"", Transient),
    (0, b"", Transient),
]


@pytest.mark.parametrize(("status", "body", "kind"), SALES)
def test_refusals_of_sales(status: int, body: bytes, kind: type[P2CError]) -> None:
    assert type(classify_sales(status, {}, body)) is kind


@pytest.mark.parametrize(("status", "body", "kind"), FINOPS)
def test_refusals_of_finops(status: int, body: bytes, kind: type[P2CError]) -> None:
    assert type(classify_finops(status, {}, body)) is kind


@pytest.mark.parametrize(
    ("text", "message", "field"),
    [
        (
            CUSTOMER_GROUP,
            "The value 'Local' in field 'Customer group' is not found in the related table 'Customer groups'.",
            "CustomerGroupId",
        ),
        (SITE, "Inventory dimension Site is mandatory and must consequently be specified.", "Site"),
        (
            "Write returned RecId 0. Infolog: Error: Mandatory field 'Organization name' not set.",
            "Mandatory field 'Organization name' not set.",
            "Organization name",
        ),
        (
            "Infolog: Warning: Item 'A1' is blocked for 'Purchase order'.; Warning: validateWrite failed on data "
            "source 'PurchLine (PurchLine)'.",
            "Item 'A1' is blocked for 'Purchase order'.",
            "",
        ),
        ("Infolog: Error: Field 'Associated party number' must be filled in.", "", "Associated party number"),
        ("Infolog: Error: Update has been canceled..", "Update has been canceled.", ""),
        ("Infolog: Warning: One.; Warning: One.; Error: Two.", "One. Two.", ""),
        (
            DUPLICATE,
            "Cannot create a record in Customer groups (CustGroup). Customer group: 10, Wholesale. "
            "The record already exists.",
            "",
        ),
    ],
)
def test_the_infolog_says_why_and_where(text: str, message: str, field: str) -> None:
    error = classify_finops(400, {}, finops(text))
    assert isinstance(error, ServiceError)
    assert error.fault.field == field
    assert not message or error.message == message


def test_the_deepest_exception_speaks() -> None:
    body = {
        "error": {
            "message": "An error has occurred.",
            "innererror": {
                "message": "Exception occurred while executing action.",
                "internalexception": {"message": "Infolog: Error: The real cause.", "stacktrace": "at X"},
            },
        }
    }
    error = classify_finops(400, {}, json.dumps(body).encode())
    assert error.message == "The real cause."
    assert "at X" not in str(error)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (
            "A validation error occurred. The length of the 'name' attribute of the 'account' entity exceeded 160.",
            "name",
        ),
        (
            "A validation error occurred. The value of 'creditlimit' on record of type 'account' is outside.",
            "creditlimit",
        ),
        (
            "A validation error occurred for salesorder.freightamount. The value -1 of type Microsoft.Xrm.Sdk.Money is "
            "outside the valid range(0 to 1000000000000).",
            "freightamount",
        ),
        ("Attribute: statecode cannot be set to NULL", "statecode"),
        ("Because.", ""),
    ],
)
def test_the_column_that_sales_names(message: str, field: str) -> None:
    error = classify_sales(400, {}, sales("0x80044331", message))
    assert isinstance(error, Validation)
    assert error.fault.field == field
    assert error.message == message


def test_an_unknown_name_is_named_and_says_what_to_do() -> None:
    error = classify_finops(400, {}, finops("Could not find a property named 'Nix' on type 'X'."))
    assert isinstance(error, ConfigError)
    assert "'Nix'" in error.hint


def test_a_refused_token_says_why_in_its_challenge() -> None:
    challenge = (
        'Bearer authorization_uri="https://login.example", error="invalid_token", error_description="It expired"'
    )
    refused = classify_sales(401, {"WWW-Authenticate": challenge}, b"")
    assert refused.message == "Sales answered 401: It expired"


def test_ids_for_a_ticket() -> None:
    headers = {"X-MS-Service-Request-Id": "r-1", "x-ms-client-request-id": "c-1"}
    error = classify_sales(400, headers, sales("0x80044331"))
    assert isinstance(error, ServiceError)
    assert error.system == "sales"
    got = error.correlation
    assert (got.status, got.service_code, got.request_id, got.activity_id) == (400, "0x80044331", "r-1", "c-1")
    other = classify_finops(400, {"ms-dyn-aid": "a-1", "x-ms-client-request-id": "c-1"}, finops("x"))
    assert isinstance(other, ServiceError)
    assert other.system == "finops"
    assert other.correlation.activity_id == "a-1"
    refused = classify_finops(401, {"ms-dyn-aid": "a-1"}, b"")
    assert "a-1" in str(refused)
    assert "Microsoft Entra applications" in refused.hint


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "17"}, 17.0),
        ({"retry-after": "1,200.00"}, 1200.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "Fri, 23 Oct 2026 10:00:30 GMT", "date": "Fri, 23 Oct 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Fri, 23 Oct 2026 09:00:00 GMT", "date": "Fri, 23 Oct 2026 10:00:00 GMT"}, 0.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize("status", [429, 503])
def test_a_time_to_come_again_means_throttled(status: int) -> None:
    for classify in (classify_sales, classify_finops):
        error = classify(status, {"Retry-After": "7"}, HTML)
        assert isinstance(error, Throttled)
        assert error.retry_after == 7.0


documents: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "code", "message", "Message", "innererror", "x"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@given(st.integers(0, 599), documents.map(lambda document: json.dumps(document).encode()) | st.binary())
def test_no_answer_is_too_odd_to_be_classified(status: int, body: bytes) -> None:
    for classify in (classify_sales, classify_finops):
        error = classify(status, {"Retry-After": "x"}, body)
        assert isinstance(error, P2CError)
        assert error.message


SERVICED = b"<html><title>Scheduled maintenance</title><body>We will be back soon.</body></html>"


@pytest.mark.parametrize("classify", [classify_sales, classify_finops])
@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (503, {"content-type": "text/html"}, b"<html><body>Service Unavailable</body></html>"),
        (503, {}, b"<html></html>"),
        (404, {"content-type": "text/html"}, SERVICED),
        (302, {"location": "https://status.example/offline/maintenance.html"}, b""),
    ],
)
def test_a_page_of_maintenance_passes_and_is_no_wrong_address(
    classify: Callable[..., Exception], status: int, headers: dict[str, str], body: bytes
) -> None:
    error = classify(status, headers, body)
    assert type(error) is Transient
    assert "down for maintenance" in str(error)
    assert "address" not in str(error)


@pytest.mark.parametrize("classify", [classify_sales, classify_finops])
def test_a_page_of_another_site_is_a_wrong_address(classify: Callable[..., Exception]) -> None:
    error = classify(404, {"content-type": "text/html"}, b"<html><title>Not found</title></html>")
    assert type(error) is ConfigError
    assert "Check the address" in str(error)
