"""What proves that a row which p2c does not know is the document, template by template."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.documents import ExistingDocument, ExistingRow, Reference, Value
from p2c.mapping.context import Context
from p2c.mapping.mapper import Mapper
from p2c.sync.evidence import EvidenceJudge, row_text
from p2c.sync.readying import ReadyDocument, ReadyRow
from p2c.templates.load import builtin_templates
from p2c.templates.valuemaps import shared_maps

CUSTOMER = Reference("customerid", "customerid_account", "accounts", "AAAA-1")
CURRENCY = Reference("transactioncurrencyid", "transactioncurrencyid", "transactioncurrencies", "eeee-1")
SALES_DOCUMENT: dict[str, Any] = {"customerid": CUSTOMER, "transactioncurrencyid": CURRENCY}
SAME_SALES_DOCUMENT = {"customerid": "aaaa-1", "transactioncurrencyid": "eeee-1"}


def judge(template: str, absent: frozenset[tuple[str, str]] = frozenset()) -> EvidenceJudge:
    return EvidenceJudge(
        Mapper(builtin_templates()[template], Context("usmf", value_maps=shared_maps(), absent=absent))
    )


def proven(template: str, ours: dict[str, Any], theirs: dict[str, Value], **how: bool) -> bool:
    document = ReadyDocument("1", ReadyRow("header", "entity", "", ours, ours), ())
    return judge(template).proves(document, ExistingDocument(ExistingRow("key", theirs)), **how)


ALIKE: list[tuple[str, dict[str, Any], dict[str, Value]]] = [
    ("accounts", {"OrganizationName": "Adventure Works"}, {"OrganizationName": " ADVENTURE  works "}),
    ("products", {"name": "Box"}, {"name": "ｂｏｘ"}),
    ("contacts", {"FirstName": None, "LastName": "Li"}, {"FirstName": "", "LastName": "LI"}),
    (
        "contacts-to-customers",
        {"PersonFirstName": "Ana", "PersonLastName": "Li"},
        {"PersonFirstName": "Ana", "PersonLastName": "Li"},
    ),
    (
        "quotes",
        {"RequestingCustomerAccountNumber": "C-1", "CurrencyCode": "USD"},
        {"RequestingCustomerAccountNumber": "c-1", "CurrencyCode": "USD"},
    ),
    (
        "orders-to-finops",
        {"OrderingCustomerAccountNumber": "C-1", "CurrencyCode": "USD"},
        {"OrderingCustomerAccountNumber": "C-1", "CurrencyCode": "USD"},
    ),
    ("orders-to-sales", SALES_DOCUMENT, SAME_SALES_DOCUMENT),
    ("invoices", SALES_DOCUMENT, SAME_SALES_DOCUMENT),
]

MARKS: list[tuple[str, str, Value, Value]] = [
    ("accounts", "IsExternallyMaintained", "Yes", "No"),
    ("contacts", "IsContactPersonExternallyMaintained", "Yes", "No"),
    ("contacts-to-customers", "IsExternallyMaintained", "Yes", "No"),
    ("products", "msdynce_ismaintainedexternally", True, False),
    ("orders-to-sales", "msdynce_ismaintainedexternally", True, None),
    ("invoices", "msdynce_ismaintainedexternally", True, None),
]


@pytest.mark.parametrize(("template", "ours", "theirs"), ALIKE)
def test_what_both_records_hold_proves_it_and_each_part_of_it_counts(
    template: str, ours: dict[str, Any], theirs: dict[str, Value]
) -> None:
    assert proven(template, ours, theirs)
    for column in theirs:
        assert not proven(template, ours, {**theirs, column: "another"}), column


@pytest.mark.parametrize(("template", "column", "marked", "unmarked"), MARKS)
def test_a_mark_of_the_integration_proves_it(template: str, column: str, marked: Value, unmarked: Value) -> None:
    assert column in judge(template).columns
    assert proven(template, {}, {column: marked})
    assert not proven(template, {}, {column: unmarked})
    assert not proven(template, {}, {column: marked}, marks=False)


@pytest.mark.parametrize("template", list(builtin_templates()))
def test_two_records_without_a_name_or_customer_are_not_alike(template: str) -> None:
    assert not proven(template, {}, {})


def test_a_mark_that_the_environment_does_not_have_is_not_asked_for() -> None:
    absent = frozenset({("salesorder", "msdynce_ismaintainedexternally")})
    assert "msdynce_ismaintainedexternally" not in judge("orders-to-sales", absent).columns


def same_name(ours: str | None, theirs: str | None) -> bool:
    return proven("accounts", {"OrganizationName": ours}, {"OrganizationName": theirs})


@given(st.text(max_size=20))
def test_a_name_is_the_same_whatever_its_case_and_the_blanks_around_it(name: str) -> None:
    other = name.upper().lower()
    assert same_name(name, f" {other} ") is bool(name) or other.casefold() != name.casefold()
    assert same_name(name, name) is bool(name)


def test_names_of_other_letters_are_others() -> None:
    assert not same_name("Müller", "Muller")
    assert not same_name(None, " ")


def test_a_row_without_an_id_is_named_by_its_key() -> None:
    assert row_text((("dataAreaId", "usmf"), ("SalesOrderNumber", "SO-1"))) == "so-1"
    assert row_text("AB-12") == "ab-12"
