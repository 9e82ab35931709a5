"""The companies with the amounts of real documents: what they contain, and that people get it into both systems."""

from collections import Counter
from decimal import Decimal

import pytest

from sandbox.company import Company, build, contoso_money, generated_money
from sandbox.company.plan import Cancellation, Credit, Plan, Progress
from sandbox.finops import FinOpsService
from sandbox.sales.service import SalesService
from tests.sandbox import company_courier as courier


def lived(name: str, size: int = 0) -> Company:
    """A company whose orders are in F&O and worked on, with a courier in p2c's place."""
    company = build(name, size=size, sales=SalesService(), finops=FinOpsService())
    company.set_up()
    courier.products(company)
    courier.customers(company)
    company.sell()
    courier.customers(company)
    courier.orders(company)
    company.fulfil()
    return company


@pytest.mark.parametrize("plan", [contoso_money.plan(), generated_money.plan(1, 400)], ids=lambda plan: plan.name)
def test_a_company_has_a_document_of_every_kind(plan: Plan) -> None:
    details = [document.details for document in plan.documents()]
    for name in ("discountpercentage", "discountamount", "freightamount"):
        assert any(name in columns for columns in details)
    lines = [line for order in plan.entered for line in order.lines]
    for name in ("discount", "percent", "multiline", "multiline_percent", "charge"):
        assert any(getattr(line, name) for line in lines), name
    assert {line.fixed > 0 for line in lines if line.fixed} == {True, False}
    assert {amount > 0 for order in plan.entered for amount in order.charges.values()} == {True, False}
    assert any(line.quantity < 0 for line in lines)
    assert any(line.quantity % 1 for line in lines)
    assert {order.includes_tax for order in plan.entered} == {True, False}
    assert any(order.discount for order in plan.entered)
    assert any(order.discount_percent for order in plan.entered)
    assert {order.credit for order in plan.entered} == set(Credit)
    assert {order.cancellation for order in plan.entered} == set(Cancellation)
    assert {Progress.CONFIRMED, Progress.PARTLY_INVOICED, Progress.INVOICED} <= {o.progress for o in plan.entered}
    assert any(order.invoices > 1 for order in plan.entered)
    assert {"KRW", "KWD"} <= set(plan.currencies())
    assert any(product.price_unit > 1 for product in plan.products)
    assert any(product.volume for product in plan.products)
    assert any(product.price.normalize().as_tuple().exponent == -4 for product in plan.products)


def test_contoso_has_several_price_lists_of_a_currency_and_several_units_of_a_product() -> None:
    plan = contoso_money.plan()
    assert len({price_list.name for price_list in plan.price_lists if price_list.currency == "USD"}) > 1
    units = [unit for price_list in plan.price_lists for number, unit in price_list.prices if number == "SYRUP-1L"]
    assert set(units) == {"ea", "box"}


def test_a_generated_company_has_as_many_orders_as_asked_and_the_same_for_the_same_seed() -> None:
    plan = generated_money.plan(4, 1000)
    assert plan == generated_money.plan(4, 1000)
    assert plan != generated_money.plan(5, 1000)
    assert len(plan.orders) + len(plan.entered) == 1000
    assert 250 < len(plan.entered) < 450
    assert 50 < sum(order.includes_tax for order in plan.entered) * 2 < 200


def test_people_enter_deliver_and_invoice_what_the_plan_says() -> None:
    company = lived("contoso-money")
    books, plan = company.finops.books, company.plan
    entered = {order.number: books.get("SalesTable", "usmf", order.number) for order in plan.entered}
    assert all(entered.values())
    invoices = Counter(row["SalesOrderNumber"] for row in books.rows("CustInvoiceJour"))
    assert (invoices["FO-5004"], invoices["FO-5005"], invoices["FO-5007"]) == (3, 4, 0)
    totals = {row["SalesOrderNumber"]: row for row in books.rows("SalesTable")}
    assert totals["FO-5003"]["OrderTotalAmount"] == Decimal("1234.03")
    assert totals["FO-5007"]["OrderTotalAmount"] == Decimal("77.61")
    assert totals["FO-5010"]["OrderTotalAmount"] % 1 == 0
    freight = sum(row["_Charge"] for row in books.rows("CustInvoiceJour", SalesOrderNumber="FO-5005"))
    assert freight == 20
    told = company.change()
    assert "F&O: order FO-5008 was cancelled." in told
    assert totals["FO-5008"]["OrderTotalAmount"] > 0
    company.finops.calculate_totals()
    assert company.finops.order("FO-5008")["OrderTotalAmount"] == 0


def test_documents_of_sales_have_discounts_freight_and_volume_discounts() -> None:
    company = lived("contoso-money")
    orders = {row["ordernumber"]: row for row in company.sales.rows("salesorder")}
    quotes = {row["quotenumber"]: row for row in company.sales.rows("quote")}
    assert orders["SO-4021"]["totaldiscountamount"] > 10
    assert orders["SO-4022"]["totalamount"] == Decimal("137.67")
    volume = company.sales.rows("quotedetail", quoteid=quotes["Q-3023"]["quoteid"])
    assert sorted(line["extendedamount"] for line in volume) == [Decimal("226.80"), Decimal("522.60")]
    assert quotes["Q-3024"]["totalamount"] == 4 * 99 + 2 * 130
    assert orders["SO-4024"]["totalamount"] % Decimal("0.01") != 0
    assert orders["SO-4025"]["totalamount"] % 1 == 0


def test_the_large_company_has_an_order_that_fits_no_change_set() -> None:
    plan = contoso_money.large()
    assert max(len(order.lines) for order in plan.orders) == contoso_money.LARGE
    assert max(len(order.lines) for order in plan.entered) == contoso_money.LARGE


def test_the_group_enters_orders_in_each_legal_entity() -> None:
    company = lived("contoso-group-money")
    kept = {(row["dataAreaId"], row["SalesOrderNumber"]) for row in company.finops.books.rows("SalesTable")}
    assert {("usmf", "FO-5001"), ("demf", "FO-5101"), ("jpmf", "FO-5201")} <= kept


def test_a_generated_company_lives() -> None:
    company = lived("generated-money", size=60)
    kept = {row["SalesOrderNumber"] for row in company.finops.books.rows("SalesTable")}
    assert {order.number for order in company.plan.entered} <= kept
    assert company.change()
