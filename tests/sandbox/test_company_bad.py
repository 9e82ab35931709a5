"""Each bad input is where it says, in the state in which a synchronisation meets it."""

from decimal import Decimal

import pytest

from sandbox.company import Company, bad, build
from sandbox.company.bad import UNKNOWN_CUSTOMER, BadInput, bad_orders
from sandbox.finops import FinOpsService
from sandbox.sales.service import SalesService
from tests.sandbox import company_courier as courier


@pytest.fixture
def company() -> Company:
    company = build(sales=SalesService(), finops=FinOpsService())
    company.set_up()
    return company


def named(inputs: list[BadInput]) -> dict[str, BadInput]:
    return {each.name: each for each in inputs}


def test_bad_accounts(company: Company) -> None:
    inputs = named(bad(company.sales, company.finops))
    sales = company.sales
    keyless = sales.row("account", inputs["null key"].key)
    assert keyless is not None
    assert keyless["accountnumber"] is None
    assert len(sales.rows("account", accountnumber=inputs["300-character name"].key)[0]["name"]) == 300
    assert sales.rows("account", accountnumber=inputs["unknown country"].key)[0]["address1_country"] == "Atlantis"
    assert len(sales.rows("account", accountnumber=inputs["duplicate account number"].key)) == 2
    assert "\x07" in sales.rows("account", accountnumber=inputs["control character"].key)[0]["name"]
    assert inputs["emoji"].passes
    assert [each.name for each in inputs.values() if each.passes] == ["emoji"]


def test_bad_rows_in_finops(company: Company) -> None:
    inputs = named(bad(company.sales, company.finops))
    sales, books = company.sales, company.finops.books
    for name in ("unknown unit", "unknown currency", "no price list of its currency"):
        assert books.has("InventTable", "usmf", inputs[name].key)
    unit = books.rows("InventTable", ProductNumber=inputs["unknown unit"].key)[0]["SalesUnitSymbol"]
    assert unit == "brl"
    assert sales.rows("transactioncurrency", isocurrencycode="KWD") == []
    (francs,) = sales.rows("transactioncurrency", isocurrencycode="CHF")
    assert sales.rows("pricelevel", transactioncurrencyid=francs["transactioncurrencyid"]) == []
    ghost = books.get("SalesTable", "usmf", inputs["unknown customer"].key)
    assert ghost is not None
    assert ghost["OrderingCustomerAccountNumber"] == UNKNOWN_CUSTOMER
    assert (ghost["SalesOrderProcessingStatus"], ghost["AreTotalsUpdated"]) == ("Confirmed", "Yes")
    assert ghost["OrderingCustomerIsExternallyMaintained"] == "Yes"
    assert sales.rows("account", accountnumber=UNKNOWN_CUSTOMER) == []
    assert books.has("SalesTable", "usmf", inputs["Draft product"].key)
    assert sales.rows("product", productnumber="BAD-DRAFT")[0]["statecode"] == 2
    assert books.rows("SalesLine", SalesOrderNumber=inputs["orphan line"].key)
    assert not books.has("SalesTable", "usmf", inputs["orphan line"].key)


def test_bad_orders(company: Company) -> None:
    courier.products(company)
    inputs = named(bad_orders(company.sales))
    sales = company.sales
    zero = sales.rows("salesorder", ordernumber=inputs["quantity 0"].key)[0]
    quantities = {line["quantity"] for line in sales.rows("salesorderdetail", salesorderid=zero["salesorderid"])}
    assert quantities == {Decimal(1), Decimal(0)}
    assert zero["msdynce_processingstatus"] == 647390000
    assert len(sales.rows("salesorder", ordernumber=inputs["300-character name"].key)[0]["name"]) == 300
    country = sales.rows("salesorder", ordernumber=inputs["unknown country of delivery"].key)[0]["shipto_country"]
    assert country == "Atlantis"
