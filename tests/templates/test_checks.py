"""Every kind of mistake in a template is found, at its place."""

from __future__ import annotations

from typing import Any

import pytest

from p2c.errors import ConfigError
from p2c.templates.load import load_template, parse_template
from tests.templates.support import Json, problems, to_finops, to_sales


def test_the_small_templates_are_right() -> None:
    assert problems(to_finops()) == []
    assert problems(to_sales()) == []


def spoilt(raw: Json, place: str, value: Any) -> Json:
    """The template with a value put in place ("+" appends to a list)."""
    *way, last = place.split("/")
    here: Any = raw
    for part in way:
        here = here[int(part)] if isinstance(here, list) else here.setdefault(part, {})
    if last == "+":
        here.append(value)
    elif isinstance(here, list):
        here[int(last)] = value
    else:
        here[last] = value
    return raw


HEADER, LINE = "tasks/0/fields/+", "tasks/1/fields/+"
DEFAULT = {"transformType": "Default"}
MAP = {"transformType": "ValueMap"}


def constant(destination: str, value: Any, **more: Any) -> Json:
    return {"destination": destination, "transform": [{**DEFAULT, "defaultValue": value}], **more}


def mapped(source: str, destination: str, entries: Json, **more: Any) -> Json:
    return {"source": source, "destination": destination, "transform": [{**MAP, "valueMap": entries, **more}]}


def copied(source: Any, destination: str, **more: Any) -> Json:
    return {"source": source, "destination": destination, **more}


F, T = "/tasks/0/fields/1", "/tasks/0/fields/1/transform/0"
TO_FINOPS = [
    # names
    ("id", "Our Quotes", "/id", "string should match pattern"),
    ("family", "", "/family", "string should match pattern"),
    ("color", "red", "/color", "'color' is not known here"),
    ("to", "sales", "/to", "the same system"),
    ("schedule", "*/5 * * * *", "/schedule", "six fields"),
    ("scope", "union", "/scope", "only rows of F&O are asked for in other legal entities"),
    ("tasks/0/source/entity", "quote", "/tasks/0/source/entity", "Did you mean 'quotes'"),
    ("tasks/0/destination/entity", "CDSSalesQuotationHeader", "/tasks/0/destination/entity", "Did you mean 'CDS"),
    (HEADER, copied("nmae", "SalesQuotationName"), f"{F}/source", "Did you mean 'name'"),
    (HEADER, copied("name", "SalesQuotationNmae"), f"{F}/destination", "Did you mean 'SalesQuotationName'"),
    (HEADER, copied("name", "OurName"), f"{F}/destination", "no property 'OurName'"),
    (HEADER, copied("name.", "SalesQuotationName"), f"{F}/source", "a name is expected at position 6"),
    (HEADER, copied("customerid", "SalesQuotationName"), f"{F}/source", "go on to a column, as in customerid.name"),
    (
        HEADER,
        copied("customerid.account(name)", "SalesQuotationName"),
        f"{F}/source",
        "write 'customerid.account(name)' as 'customerid.Account(name)'",
    ),
    # structure
    (
        "tasks/0/destination/others",
        {"PartyTyp": ["x"]},
        "/tasks/0/destination/others/PartyTyp",
        "no property 'PartyTyp'",
    ),
    ("tasks/1/destination/others", {"SalesQuotationNumber": ["x"]}, "/tasks/1/destination/others", "by the header"),
    ("tasks", [], "/tasks", "at least 1"),
    ("tasks/0/parent", "Line", "/tasks/0/parent", "it has no parent"),
    ("tasks/1/parent", "Headr", "/tasks/1/parent", "Did you mean 'Header'"),
    ("tasks/1/name", "Header", "/tasks", "2 tasks are named 'Header'"),
    ("tasks/0/source/key", [], "/tasks/0/source/key", "must be named"),
    ("tasks/0/source/key", ["quotenumbr"], "/tasks/0/source/key/0", "Did you mean 'quotenumber'"),
    ("tasks/0/source/version", "revision", "/tasks/0/source/version", "no column 'revision'"),
    ("tasks/1/source/link", {}, "/tasks/1/source/link", "a line needs a link"),
    ("tasks/1/source/link", {"quotid": "quoteid"}, "/tasks/1/source/link/quotid", "Did you mean 'quoteid'"),
    ("tasks/1/source/link", {"quoteid": "quotid"}, "/tasks/1/source/link/quoteid", "Did you mean 'quoteid'"),
    ("tasks/0/source/link", {"quoteid": "quoteid"}, "/tasks/0/source/link", "only a line"),
    ("tasks/1/destination/link", {}, "/tasks/1/destination/link", "a line needs a link"),
    ("tasks/1/source/self", True, "/tasks/1/source/entity", "leave the entity out"),
    ("tasks/0/destination/key", ["SalesQuotationName"], "/tasks/0/destination/key/0", "no field writes the key"),
    ("tasks/1/destination/key", ["SalesQuotationNumber"], "/tasks/1/destination/key", "is LineCreationSequenceNumber"),
    ("tasks/0/include", "name ne null", "/tasks/0/include", "chosen by rules"),
    ("tasks/0/unlessColumn", "SalesNothing", "/tasks/0/unlessColumn", "no property 'SalesNothing'"),
    # rules
    ("tasks/0/rules", [{"name": "a", "when": "name eqq 1", "reason": "r"}], "/tasks/0/rules/0/when", "at position 6"),
    ("tasks/0/rules", [{"name": "a", "when": "nmae eq 'x'", "reason": "r"}], "/tasks/0/rules/0/when", "mean 'name'"),
    ("tasks/0/rules", [{"name": "a", "when": "statecode eq 9", "reason": "r"}], "/tasks/0/rules/0/when", "0 Draft"),
    (
        "tasks/0/rules",
        [{"name": "a", "when": "statecode in ('Won')", "reason": "r"}],
        "/tasks/0/rules/0/when",
        "'Won' is 2",
    ),
    (
        "tasks/0/rules",
        [{"name": "a", "when": "willcall eq 1", "reason": "r"}],
        "/tasks/0/rules/0/when",
        "neither true nor false, but it is compared with willcall",
    ),
    (
        "tasks/0/rules",
        [{"name": "a", "when": "name ne null", "reason": "r"}, {"name": "a", "when": "name ne 'x'", "reason": "r"}],
        "/tasks/0/rules/0/name",
        "another rule is named 'a'",
    ),
    ("tasks/0/rules", [{"name": "a", "when": "name ne null"}], "/tasks/0/rules/0/reason", "'reason' must be given"),
    (
        "tasks/0/rules",
        [{"name": "a", "when": "name ne null", "reason": "r", "still": ["SalesQuotationNumbr"]}],
        "/tasks/0/rules/0/still/0",
        "the header has no field with this destination. Did you mean 'SalesQuotationNumber'?",
    ),
    ("updateOnly", [{"name": "a", "when": "x eq 1", "reason": "r"}], "/updateOnly/0/when", "no column 'x'"),
    (
        "canceled",
        {"when": ["statecode eq 3", "nmae eq 'x'"], "unless": "SalesQuotationStatus eq 'Lost'"},
        "/canceled/when/1",
        "mean 'name'",
    ),
    (
        "canceled",
        {"when": ["statecode eq 3"], "unless": "SalesQuotationStatus eq 'Gone'"},
        "/canceled/unless",
        "'Gone'",
    ),
    (
        "tasks/0/destination/guards",
        [{"name": "a", "when": "SalesQuotationStatus eq 'Creatd'", "reason": "r"}],
        "/tasks/0/destination/guards/0/when",
        "Did you mean 'Created'",
    ),
    ("tasks/1/destination/ignore", "ProductName ge", "/tasks/1/destination/ignore", "a value is expected"),
    ("tasks/1/include", "quantitty gt 0", "/tasks/1/include", "Did you mean 'quantity'"),
    # types
    (HEADER, copied("requestdeliveryby", "SalesQuotationName"), F, "local day does not fit SalesQuotationName"),
    (HEADER, copied("name", "RequestedShippingDate"), F, "text does not fit RequestedShippingDate, which is date"),
    (HEADER, copied("statecode", "SalesQuotationStatus"), F, "choice does not fit"),
    (HEADER, copied("willcall", "SalesQuotationStatus"), F, "boolean does not fit"),
    (HEADER, copied("totalamount", "SalesQuotationName"), F, "money does not fit"),
    (HEADER, {"destination": "SalesQuotationName"}, F, "needs a Default"),
    (HEADER, copied(["name", "description"], "SalesQuotationName"), f"{F}/source", "2 sources need a first transform"),
    (HEADER, copied("name", "SalesQuotationName", maxLength=0), f"{F}/maxLength", "greater than 0"),
    (HEADER, copied("effectiveto", "SalesQuotationExpiryDate", maxLength=9), f"{F}/maxLength", "is no text"),
    (HEADER, copied("name", "SalesQuotationNumber"), f"{F}/destination", "another field writes SalesQuotationNumber"),
    # transforms
    (HEADER, {**copied("name", "Email"), "transform": [{"transformType": "Trim"}]}, T, "There are:"),
    (HEADER, {**copied("name", "Email"), "transform": [{"transformType": "Defualt"}]}, T, "Did you mean 'Default'"),
    (HEADER, {**copied("name", "Email"), "transform": [{}]}, T, "'transformType' must be given"),
    (
        HEADER,
        {**copied("willcall", "Email"), "transform": [{"transformType": "Truncate", "maxLength": 5}]},
        T,
        "boolean",
    ),
    (HEADER, {**copied("name", "Email"), "transform": [{"transformType": "UnitPrice"}]}, T, "takes 2 sources, not 1"),
    (HEADER, {**copied("name", "Email"), "transform": [MAP]}, T, "needs entries"),
    (HEADER, {**copied("name", "Email"), "transform": [{**MAP, "use": "contries"}]}, f"{T}/use", "mean 'countries'"),
    (
        HEADER,
        {
            **copied(["name", "name"], "Email"),
            "transform": [{**DEFAULT, "defaultValue": "x"}, {"transformType": "Join"}],
        },
        "/tasks/0/fields/1/transform/1",
        "must be the first transform",
    ),
    (
        HEADER,
        {**copied("name", "Email"), "transform": [{**DEFAULT, "defaultValue": "x"}, {**MAP, "valueMap": {"y": "z"}}]},
        f"{T}/defaultValue",
        "'x' is not in the ValueMap",
    ),
    # constants
    (HEADER, constant("Email", 5), f"{T}/defaultValue", "5 is no text"),
    (HEADER, constant("Email", "x@y.example", maxLength=5), f"{T}/defaultValue", "11 characters, more than 5"),
    (HEADER, constant("SalesQuotationStatus", "Snet"), f"{T}/defaultValue", "Did you mean 'Sent'"),
    (HEADER, constant("IsDeliveryAddressPrivate", True), f"{T}/defaultValue", "True is no member of No, Yes"),
    (HEADER, constant("CashDiscountPercentage", "a"), f"{T}/defaultValue", "'a' is no number"),
    (HEADER, constant("RequestedShippingDate", "23.7.2026"), f"{T}/defaultValue", "is no date"),
    (
        HEADER,
        mapped("statecode", "SalesQuotationStatus", {"1": "Send"}),
        f"{T}/valueMap/1",
        "Did you mean 'Sent'",
    ),
    (HEADER, mapped("statecode", "SalesQuotationStatus", {"Won": "Sent"}), f"{T}/valueMap/Won", "is a number"),
    (HEADER, mapped("willcall", "Email", {"Yes": "x"}), f"{T}/valueMap/Yes", "the source is true or false"),
    # what F&O has not
    (HEADER, copied("name", "Email", missing="park"), f"{F}/missing", "has no lookups"),
    (HEADER, copied("name", "Email", last=True), f"{F}/last", "no last step"),
    (HEADER, copied("name", "Email", reference="CustomersV2.Account"), f"{F}/reference", "no property 'Account'"),
    (HEADER, copied("name", "Email", reference="Customers.Account"), f"{F}/reference", "no entity set 'Customers'"),
]


@pytest.mark.parametrize(("place", "value", "pointer", "message"), TO_FINOPS)
def test_mistakes_on_the_way_to_finops(place: str, value: Any, pointer: str, message: str) -> None:
    found = problems(spoilt(to_finops(), place, value))
    assert any(where == pointer and message in what for where, what in found), found


G = "/tasks/1/fields/1"
TO_SALES = [
    (HEADER, copied("InvoiceNumber", "invoiceid"), F, "text does not fit invoiceid, which is guid"),
    (HEADER, copied("TotalTaxAmount", "totalamount"), f"{F}/on", "cannot be written on create"),
    (HEADER, copied("TotalTaxAmount", "exchangerate"), f"{F}/destination", "Sales computes exchangerate"),
    (HEADER, copied("CurrencyCode", "transactioncurrencyid.isocurrencycode"), f"{F}/on", 'add "on": "create"'),
    (HEADER, constant("statecode", 2), f"{F}/on", '"last": true'),
    (HEADER, constant("statecode", 12, last=True), f"{F}/transform/0/defaultValue", "is none of the choices"),
    (HEADER, constant("statuscode", "New"), f"{F}/transform/0/defaultValue", "('New' is 1)"),
    (HEADER, constant("paymenttermscode", True), f"{F}/transform/0/defaultValue", "is no number of a choice"),
    (HEADER, constant("willcall", "Yes"), f"{F}/transform/0/defaultValue", "neither true nor false"),
    (HEADER, constant("name", "x" * 301), f"{F}/transform/0/defaultValue", "301 characters, more than 300"),
    (HEADER, copied("InvoiceNumber", "name", maxLength=301), f"{F}/maxLength", "takes 300 characters only"),
    (HEADER, copied("InvoiceCustomerAccountNumber", "customerid"), f"{F}/destination", "customerid is a lookup"),
    (HEADER, copied("InvoiceCustomerAccountNumber", "customerid.name"), f"{F}/destination", "may lead to several"),
    (HEADER, copied("InvoiceNumber", "name", missing="park"), f"{F}/missing", "is no lookup"),
    (HEADER, copied("InvoiceNumber", "name", reference="CustomersV2.CustomerAccount"), f"{F}/reference", "has lookups"),
    (HEADER, copied("InvoiceNumber", "name", lineKind="product"), f"{F}/lineKind", "no field of this task"),
    (HEADER, copied("CurrencyCode", "pricelevelid.name", missing="writeIn"), f"{F}/missing", "only a product"),
    (HEADER, copied("InvoiceNumber", "entityimage"), f"{F}/destination", "no field can write"),
    (HEADER, copied("InvoiceNumbr", "name"), f"{F}/source", "Did you mean 'InvoiceNumber'"),
    (HEADER, copied("InvoiceNumber.x", "name"), f"{F}/source", "have none"),
    (LINE, copied("ConfirmedShippingDate", "quantity"), G, "date does not fit quantity"),
    (LINE, copied("InvoicedQuantity", "sequencenumber"), G, "decimal does not fit sequencenumber"),
    (LINE, constant("producttypecode", 1, on="both"), G, ""),
    (LINE, constant("sequencenumber", 1, lineKind="product"), f"{G}/destination", "another field writes"),
    (
        HEADER,
        mapped("SalesOrderOriginType", "name", {"WorkOrder": "x"}),
        f"{F}/transform/0/valueMap/WorkOrder",
        "SalesOriginType has no member 'WorkOrder'",
    ),
]


@pytest.mark.parametrize(("place", "value", "pointer", "message"), TO_SALES)
def test_mistakes_on_the_way_to_sales(place: str, value: Any, pointer: str, message: str) -> None:
    found = problems(spoilt(to_sales(), place, value))
    if not message:
        assert found == []
        return
    assert any(where == pointer and message in what for where, what in found), found


@pytest.mark.parametrize(
    "field",
    [
        copied("abc_segment", "Email"),
        copied("customerid.Account(accountnumber).Contact(abc_number)", "Email"),
        copied("name", "OurOwn", custom=True),
        copied("willcall", "IsDeliveryAddressPrivate"),
        copied("effectiveto", "SalesQuotationExpiryDate"),
        copied("totalamount", "QuotationTotalAmount"),
        mapped("shipto_country", "DeliveryAddressCountryRegionISOCode", {"": "US"}, use="countries"),
        mapped("name", "SalesQuotationStatus", {"x": None}),
    ],
)
def test_what_is_right_on_the_way_to_finops(field: Json) -> None:
    assert problems(spoilt(to_finops(), HEADER, field)) == []


@pytest.mark.parametrize(
    "field",
    [
        copied("OurOwn", "name", custom=True),
        copied("InvoiceNumber", "abc_text"),
        copied("InvoiceDate", "datedelivered"),
        constant("statecode", 2, last=True),
        constant("paymenttermscode", 100_000_007),
        constant("discountamount", "12.50"),
        copied("CurrencyCode", "transactioncurrencyid.isocurrencycode", on="create", missing="reject"),
        copied("SalesOrderNumber", "ownerid.salesorderid.ordernumber", on="create", missing="omit"),
    ],
)
def test_what_is_right_on_the_way_to_sales(field: Json) -> None:
    assert problems(spoilt(to_sales(), HEADER, field)) == []


def test_all_mistakes_are_found_at_once() -> None:
    raw = to_finops()
    raw["schedule"] = "never"
    raw["tasks"][0]["fields"] += [copied("nmae", "Email"), constant("SalesQuotationStatus", "x")]
    raw["tasks"][1]["include"] = "a eq"
    assert len(problems(raw)) == 4


def test_files(tmp_path: Any) -> None:
    file = tmp_path / "our.json"
    with pytest.raises(ConfigError, match="There is no file"):
        load_template(file)
    for text, message in [
        ("{", "is no JSON: .* line 1, column 2"),
        ('{"a": 1, "a": 2}', "'a' is there twice"),
        ('{"a": 1.5}', 'as text, "1.5"'),
        ("[]", "must be an object"),
    ]:
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=message):
            load_template(file)


def test_a_problem_names_its_file() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_template({**to_finops(), "schedule": "x"}, "our.json")
    assert "our.json#/schedule: a schedule has six fields" in str(caught.value)
