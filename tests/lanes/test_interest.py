"""Which templates an event concerns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from p2c.lanes.happening import Happening
from p2c.lanes.interest import Interest, interests
from p2c.templates.load import builtin_templates

TEMPLATES = list(builtin_templates().values())
ID = "7d2f5a10-93c4-ee11-9079-6045bd8a1c2e"


def sales(table: str, **more: Any) -> list[Interest]:
    return interests(Happening("sales", table, **{"what": "changed", "identity": "i", "id": ID, **more}), TEMPLATES)


def finops(table: str, facts: Mapping[str, str], entities: Mapping[str, str] | None = None) -> list[Interest]:
    return interests(Happening("finops", table, "changed", "i", "", "usmf", facts), TEMPLATES, entities)


def names(found: list[Interest]) -> list[str]:
    return [one.template.id for one in found]


def test_a_header_by_its_number_or_its_id() -> None:
    (known,) = sales("account", facts={"accountnumber": "A1"})
    assert (known.template.id, known.known, known.gone) == ("accounts", {"accountnumber": "A1"}, False)
    (unknown,) = sales("account")
    assert (unknown.id, dict(unknown.known), unknown.gone) == (ID, {}, False)


def test_one_table_may_concern_two_templates() -> None:
    assert names(sales("contact")) == ["contacts", "contacts-to-customers"]


def test_a_line_names_its_header_or_is_asked_for_it() -> None:
    (told,) = sales("quotedetail", facts={"quoteid": ID.upper()})
    assert (told.template.id, told.id, told.line_id) == ("quotes", ID, "")
    (untold,) = sales("salesorderdetail")
    assert (untold.template.id, untold.id, untold.line_id) == ("orders-to-finops", "", ID)


@pytest.mark.parametrize(
    ("table", "facts"), [("account", {}), ("quotedetail", {}), ("account", {"accountnumber": "A1"})]
)
def test_what_is_gone_is_left_to_a_run(table: str, facts: dict[str, str]) -> None:
    (found,) = sales(table, what="deleted", facts=facts)
    assert found.gone


@pytest.mark.parametrize("table", ["lead", "product", "invoice", ""])
def test_tables_that_nobody_reads_are_of_no_interest(table: str) -> None:
    assert sales(table) == []


def test_a_disabled_template_wants_nothing() -> None:
    off = [one.model_copy(update={"enabled": False}) for one in TEMPLATES]
    assert interests(Happening("sales", "account", "changed", "i", ID), off) == []


def test_a_posted_invoice_concerns_the_invoice_and_its_order() -> None:
    found = finops("SalesInvoicePostedBusinessEvent", {"invoiceid": "I1", "salesorderid": "O1"})
    told = {one.template.id: dict(one.known) for one in found}
    assert told == {"orders-to-sales": {"SalesOrderNumber": "O1"}, "invoices": {"InvoiceNumber": "I1"}}


@pytest.mark.parametrize(
    ("virtual", "facts", "template", "known"),
    [
        (
            "mserp_salesorderheadercdsentity",
            {"mserp_salesordernumber": "O1"},
            "orders-to-sales",
            {"SalesOrderNumber": "O1"},
        ),
        (
            "mserp_salesorderlinecdsentity",
            {"mserp_salesordernumber": "O1"},
            "orders-to-sales",
            {"SalesOrderNumber": "O1"},
        ),
        (
            "mserp_ecoressellablereleasedproductentity",
            {"mserp_productnumber": "P1"},
            "products",
            {"ProductNumber": "P1"},
        ),
    ],
)
def test_data_events(virtual: str, facts: dict[str, str], template: str, known: dict[str, str]) -> None:
    (found,) = finops(virtual, facts)
    assert (found.template.id, dict(found.known), found.gone) == (template, known, False)


def test_a_virtual_entity_with_another_name_is_told_by_the_settings() -> None:
    facts = {"mserp_invoicenumber": "I1", "mserp_invoicedate": "1672358400000", "mserp_ledgervoucher": "V1"}
    assert finops("mserp_abccustominvoice", facts) == []
    told = {"mserp_abccustominvoice": "ExternallyMaintainedCustomerSalesInvoiceHeaders"}
    (found,) = finops("mserp_abccustominvoice", facts, told)
    # A date comes as a number there: the invoice is looked for by what is text.
    assert dict(found.known) == {"InvoiceNumber": "I1", "LedgerVoucher": "V1"}
