"""People over HTTP do what people in Python do."""

import json
import shlex
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.company import Company, build
from sandbox.people import People, RefusedError, to_json
from sandbox.wire.launch import Sandbox
from tests.sandbox import company_courier as courier


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[Company, People]]:
    with Sandbox() as sandbox:
        company = build(sales=sandbox.sales, finops=sandbox.finops)
        company.set_up()
        courier.products(company)
        courier.customers(company)
        company.sell()
        courier.customers(company)
        courier.orders(company)
        with People(sandbox.sales_url, sandbox.finops_url, sandbox.token) as people:
            yield company, people


def test_people_in_sales_press_buttons_by_number(stage: tuple[Company, People]) -> None:
    company, people = stage
    people.sales.activate_order("SO-4001")
    assert company.sales.rows("salesorder", ordernumber="SO-4001")[0]["msdynce_processingstatus"] == 647390000
    people.sales.activate_quote("Q-3001")
    people.sales.win_quote("Q-3001")
    assert company.sales.rows("quote", quotenumber="Q-3001")[0]["statecode"] == 2
    revision = people.sales.revise_quote("Q-3003")
    assert people.sales.find("quotes", "Q-3003") == revision
    made = people.sales.create("account", {"name": "Ann's", "creditlimit": Decimal("10.10"), "fax": None})
    people.sales.update("account", made["accountid"], {"name": "Ann's & Co"})
    assert company.sales.row("account", made["accountid"])["name"] == "Ann's & Co"  # type: ignore[index]
    people.sales.delete("account", made["accountid"])
    assert company.sales.row("account", made["accountid"]) is None


def test_people_in_finops_take_an_order_to_its_invoice(stage: tuple[Company, People]) -> None:
    company, people = stage
    finops = people.finops
    finops.customer("US-777", "Seventh Heaven")
    finops.product("P-777", "Seventh", Decimal("7.77"))
    finops.change_product("P-777", SalesPrice=Decimal("8.88"))
    line = {"ProductNumber": "P-777", "OrderedSalesQuantity": Decimal(4), "ShippingSiteId": "1"}
    number = finops.order("US-777", [line], RequestedShippingDate=date(2026, 1, 5))["SalesOrderNumber"]
    finops.add_freight(number, Decimal("5.00"))
    finops.confirm(number)
    finops.pick(number)
    finops.ship(number, lines={1: Decimal(3)})
    invoice = finops.invoice(number, shipped_only=True)
    assert Decimal(invoice["TotalChargeAmount"]) == Decimal("3.75")
    assert finops.calculate_totals() >= 1
    shown = finops.show_order(number)
    assert shown["SalesOrderProcessingStatus"] == "PartiallyInvoiced"
    assert Decimal(shown["lines"][0]["LineAmount"]) == Decimal("35.52")
    finops.credit_note(invoice["InvoiceNumber"])
    finops.stop_product("P-777")
    assert company.finops.books.rows("InventTable", ProductNumber="P-777")[0]["IsSalesStopped"] == "Yes"
    other = finops.order("US-777", [{**line, "ProductNumber": "MUG-01"}])["SalesOrderNumber"]
    finops.cancel_order(other)
    assert finops.show_order(other)["SalesOrderProcessingStatus"] == "Canceled"


def test_the_last_act_can_be_repeated_with_curl(stage: tuple[Company, People]) -> None:
    _, people = stage
    people.finops.change_product("MUG-01", ProductName="Barista's mug")
    words = shlex.split(people.curl)
    assert words[:3] == ["curl", "-X", "POST"]
    assert words[3].endswith("/sandbox/change-product")
    assert words[-1] == '{"number": "MUG-01", "company": "usmf", "ProductName": "Barista\'s mug"}'


def test_refusals_say_why(stage: tuple[Company, People]) -> None:
    _, people = stage
    with pytest.raises(RefusedError, match="no record 'NONE' in salesorders"):
        people.sales.cancel_order("NONE")
    with pytest.raises(RefusedError, match=r"400: .*SalesOrderNumber"):
        people.finops.confirm("NONE")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
def test_json_keeps_every_digit(value: Any) -> None:
    assert json.loads(to_json(value), parse_float=Decimal) == value
