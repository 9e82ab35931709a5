"""A company from its master data to the changes after the first synchronisation, with a courier in p2c's place."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sandbox.company import Company, CompanyError, build
from sandbox.company.finops_masters import OWN_CUSTOMER
from sandbox.company.plan import OrderFate, Progress
from sandbox.finops import FinOpsService
from sandbox.sales.options import SalesOptions
from sandbox.sales.service import SalesService
from tests.sandbox import company_courier as courier

DRAFT, ACTIVE = 647390011, 647390000
Make = Callable[..., Company]


@pytest.fixture
def make() -> Make:
    def company(name: str = "contoso", **given: Any) -> Company:
        options = given.pop("options", None)
        sales, finops = SalesService(options=options), FinOpsService()
        return build(name, sales=sales, finops=finops, **given)

    return company


@pytest.fixture
def sold(make: Make) -> Company:
    company = make()
    company.set_up()
    courier.products(company)
    courier.customers(company)
    company.sell()
    courier.customers(company)
    courier.orders(company)
    return company


def order_of(company: Company, number: str) -> dict[str, Any]:
    return company.sales.rows("salesorder", ordernumber=number)[0]


def status_of(company: Company, number: str, area: str = "usmf") -> str | None:
    row = company.finops.books.get("SalesTable", area, number)
    return None if row is None else str(row["SalesOrderProcessingStatus"])


def test_master_data_is_in_both_systems(make: Make) -> None:
    company = make()
    company.set_up()
    sales, finops = company.sales, company.finops
    numbers = {account["accountnumber"]: account for account in sales.rows("account")}
    assert {"A-1001", "O'M-1002", "TR/09 & CO"} <= numbers.keys()
    generated = [account for number, account in numbers.items() if number.startswith("ACC-01000-")]
    assert [account["name"] for account in generated] == ["Fabrikam Residences"]
    assert numbers["A-1003"]["address1_country"] == "Deutschland"
    assert numbers["A-1006"]["address1_country"] is None
    assert numbers["A-1011"]["statecode"] == 1
    flags = Counter(
        (bool(contact["msdynce_isactivecustomer"]), bool(contact["msdynce_iscompanyanaccount"]))
        for contact in sales.rows("contact")
    )
    assert flags == {(False, True): 7, (True, False): 3, (True, True): 1, (False, False): 4}
    assert {row["isocurrencycode"]: row["currencyprecision"] for row in sales.rows("transactioncurrency")} == {
        "USD": 2,
        "EUR": 2,
        "JPY": 0,
    }
    beans = finops.books.get("InventTable", "usmf", "BEAN-KG")
    assert beans is not None
    assert (beans["SalesPrice"], beans["SalesUnitSymbol"], beans["SalesUnitDecimalPrecision"]) == (
        Decimal("18.45"),
        "kg",
        3,
    )
    stopped = finops.books.get("InventTable", "usmf", "OLD-01")
    assert stopped is not None
    assert stopped["IsSalesStopped"] == "Yes"
    own = finops.books.get("CustTable", "usmf", OWN_CUSTOMER)
    assert own is not None
    assert own["IsExternallyMaintained"] == "No"


def test_setting_up_twice_keeps_the_shared_records(make: Make) -> None:
    company = make("generated", size=20)
    company.set_up()
    count = len(company.sales.rows("pricelevel")), company.finops.books.store.count("InventTable")
    other = build("contoso", sales=company.sales, finops=company.finops)
    other.set_up()
    assert len(company.sales.rows("pricelevel")) == count[0] + 2
    assert company.finops.books.store.count("InventTable") == count[1] + len(other.plan.products)


def test_nobody_sells_before_products_are_in_sales(make: Make) -> None:
    company = make()
    company.set_up()
    with pytest.raises(CompanyError, match=r"Products are not in Sales yet .*ESP-100"):
        company.sell()
    assert company.sales.rows("quote") == []
    with pytest.raises(CompanyError, match="is not in Sales yet"):
        company.change()


def test_documents_are_in_the_states_of_the_plan(sold: Company) -> None:
    quotes = {(quote["quotenumber"], quote["revisionnumber"]): quote for quote in sold.sales.rows("quote")}
    states = {key: (quote["statecode"], quote["statuscode"]) for key, quote in quotes.items()}
    assert states == {
        ("Q-3001", 0): (0, 1),
        ("Q-3002", 0): (1, 2),
        ("Q-3003", 0): (3, 7),
        ("Q-3003", 1): (1, 2),
        ("Q-3004", 0): (2, 4),
        ("Q-3005", 0): (3, 647390000),
        ("Q-3006", 0): (3, 5),
        ("Q-3007", 0): (1, 2),
        ("Q-3008", 0): (1, 2),
        ("Q-3009", 0): (3, 6),
    }
    flag = "msdynce_hasexternallymaintainedproductsonly"
    assert [key for key, quote in quotes.items() if not quote[flag]] == [("Q-3007", 0)]
    orders = sold.sales.rows("salesorder")
    assert {order["ordernumber"] for order in orders if not order[flag]} == {"SO-4007", "SO-4008"}
    assert {order["ordernumber"] for order in orders if order["msdynce_processingstatus"] == DRAFT} == {"SO-4001"}
    assert {order["ordernumber"] for order in orders if order["statecode"] == 2} == {"SO-4010"}
    assert order_of(sold, "SO-4003")["quoteid"] == quotes["Q-3004", 0]["quoteid"]


def test_amounts_are_those_of_the_plan(sold: Company) -> None:
    # 12.345 kg at 17.35 is 214.19 (214.18575 half up), less 10.01; 1749.00 less 0.01.
    assert order_of(sold, "SO-4004")["totalamount"] == Decimal("1953.17")
    # Two mugs come back at 12.99 with a discount of -1.00, one grinder goes out at its list price.
    assert order_of(sold, "SO-4006")["totalamount"] == Decimal("-24.98") + Decimal("349.50")
    assert order_of(sold, "SO-4005")["totalamount"] == Decimal("8860")
    taken = sold.sales.rows("salesorderdetail", salesorderid=order_of(sold, "SO-4002")["salesorderid"])
    assert {line["priceperunit"] for line in taken} == {Decimal("1899.00"), Decimal("12.99")}


def test_a_document_without_an_address_of_its_own_takes_its_customers(sold: Company) -> None:
    assert order_of(sold, "SO-4004")["shipto_line1"] == "Königstraße 7"
    assert order_of(sold, "SO-4012")["shipto_country"] is None
    assert order_of(sold, "SO-4011")["shipto_city"] == "Halifax"


def test_selling_and_fulfilling_again_does_nothing_twice(sold: Company) -> None:
    assert sold.sell() == 0
    assert sum(sold.fulfil().values()) == 7
    invoices = sold.finops.books.rows("CustInvoiceJour")
    assert sold.fulfil() == {}
    assert sold.finops.books.rows("CustInvoiceJour") == invoices


def test_orders_that_arrived_are_taken_as_far_as_planned(sold: Company) -> None:
    assert Counter(sold.fulfil()) == {
        "invoiced": 2,
        "shipped": 1,
        "confirmed": 1,
        "picked": 1,
        "partly shipped": 1,
        "partly invoiced": 1,
    }
    reached = {order.progress: status_of(sold, order.number) for order in sold.plan.orders if order.progress.value}
    assert reached[Progress.INVOICED] == "Invoiced"
    assert reached[Progress.SHIPPED] == "Delivered"
    assert reached[Progress.CONFIRMED] == "Confirmed"
    assert reached[Progress.PICKED] == "Picked"
    assert reached[Progress.PARTLY_SHIPPED] == "PartiallyDelivered"
    assert reached[Progress.PARTLY_INVOICED] == "PartiallyInvoiced"
    assert [status_of(sold, number) for number in ("SO-4007", "SO-4010", "SO-4001")] == [None, None, None]
    freight = sold.finops.books.get("SalesTable", "usmf", "SO-4002")
    assert freight is not None
    assert (freight["OrderHeaderTaxAmount"], freight["AreTotalsUpdated"]) == (Decimal("3.60"), "Yes")


def test_orders_that_have_not_arrived_wait(make: Make) -> None:
    company = make()
    company.set_up()
    assert company.fulfil() == {}


def test_changes_happen_and_are_told(sold: Company) -> None:
    sold.fulfil()
    told = sold.change()
    assert [sentence.split(":")[0] for sentence in told].count("Sales") >= 6
    assert [sentence.split(":")[0] for sentence in told].count("F&O") >= 9
    sales, finops = sold.sales, sold.finops
    assert len(sales.rows("account", accountnumber="A-N001")) == 1
    assert sales.rows("account", accountnumber="A-1001")[0]["address1_line1"] == "601 Union Street"
    assert order_of(sold, "SO-4001")["msdynce_processingstatus"] == ACTIVE
    assert order_of(sold, "SO-N001")["totalamount"] == 3 * Decimal("1899.00") - Decimal("10.00")
    quote = sales.rows("quote", quotenumber="Q-W001")[0]
    assert (quote["statecode"], quote["msdynce_hasexternallymaintainedproductsonly"]) == (1, False)
    assert sales.rows("contact", msdynce_contactnumber="C-2007")[0]["msdynce_isactivecustomer"]
    assert finops.books.has("InventTable", "usmf", "NEW-001")
    entered = {row["OrderingCustomerAccountNumber"]: row for row in finops.books.rows("SalesTable")}
    assert entered[OWN_CUSTOMER]["OrderingCustomerIsExternallyMaintained"] == "No"
    origins = Counter(row["SalesOrderOriginType"] for row in finops.books.rows("SalesTable"))
    assert origins["WorkOrderIntegration"] == 1
    assert status_of(sold, "SO-4012") == "Canceled"
    assert any(row["TotalInvoiceAmount"] < 0 for row in finops.books.rows("CustInvoiceJour"))
    assert {row["AreTotalsUpdated"] for row in finops.books.rows("SalesTable")} == {"Yes"}
    # 250 at 25.00 per hundred.
    lines = finops.books.rows("SalesLine", SalesPriceQuantity=Decimal(100))
    assert [line["LineAmount"] for line in lines] == [Decimal("62.50")]
    assert sold.change()
    assert sales.rows("account", accountnumber="A-1001")[0]["address1_line1"] == "602 Union Street"


def test_a_company_is_the_same_in_every_run(make: Make) -> None:
    def ids(company: Company) -> dict[str, list[str]]:
        company.set_up()
        courier.products(company)
        company.sell()
        tables = ("account", "contact", "salesorder", "salesorderdetail", "quotedetail")
        return {table: sorted(row[f"{table}id"] for row in company.sales.rows(table)) for table in tables}

    assert ids(make("generated", seed=4, size=40)) == ids(make("generated", seed=4, size=40))


def test_the_group_keeps_legal_entities_apart(make: Make) -> None:
    company = make("contoso-group")
    company.set_up()
    courier.products(company)
    courier.customers(company)
    company.sell()
    courier.customers(company)
    courier.orders(company)
    company.fulfil()
    units = {row["businessunitid"]: row["name"] for row in company.sales.rows("businessunit")}
    order = order_of(company, "SO-4101")
    assert units[order["owningbusinessunit"]] == "Contoso Deutschland"
    assert status_of(company, "SO-4101", "demf") == "Invoiced"
    assert status_of(company, "SO-4101", "usmf") is None
    row = company.finops.books.get("SalesTable", "demf", "SO-4101")
    assert row is not None
    assert (row["CurrencyCode"], row["OrderHeaderTaxAmount"]) == ("EUR", Decimal("3.61"))
    prices = {
        area: company.finops.books.rows("InventTable", dataAreaId=area, ProductNumber="ESP-100")[0]["SalesPrice"]
        for area in ("usmf", "demf", "jpmf")
    }
    assert prices == {"usmf": Decimal("1899.00"), "demf": Decimal("1749.00"), "jpmf": Decimal("284000")}
    assert company.change()


def test_a_generated_company_lives_too(make: Make) -> None:
    company = make("generated", seed=2, size=80)
    company.set_up()
    courier.products(company)
    courier.customers(company)
    assert company.sell() == 80 + 40
    courier.customers(company)
    courier.orders(company)
    active = [order for order in company.plan.orders if order.fate is OrderFate.ACTIVE]
    planned = {order.number: order for order in active if status_of(company, order.number)}
    assert sum(company.fulfil().values()) == sum(order.progress is not Progress.NONE for order in planned.values())
    assert company.change()


def test_size_alone_asks_for_a_generated_company(make: Make) -> None:
    assert len(make(size=30).plan.orders) == 30
    assert make().plan.name == "contoso"
    with pytest.raises(CompanyError, match="no company 'fabrikam'; there are contoso"):
        make("fabrikam")


def test_discontinued_products_are_sold_until_their_orders_are_delivered(tmp_path: Path, make: Make) -> None:
    write_folder(tmp_path)
    company = make(data=tmp_path)
    company.set_up()

    def stops() -> dict[str, str]:
        return {row["ProductNumber"]: row["IsSalesStopped"] for row in company.finops.books.rows("InventTable")}

    assert stops() == {"1": "No", "2": "No", "3": "Yes"}
    courier.products(company)
    courier.customers(company)
    assert company.sell() == 1
    courier.orders(company)
    assert company.fulfil() == {"invoiced": 1}
    assert stops() == {"1": "No", "2": "Yes", "3": "Yes"}
    (invoice,) = company.finops.books.rows("CustInvoiceJour")
    # (12 × 14.40 − 25.92 + 5 × 9.99 − 2.50 + freight 32.38) × 1.08, tax rounded per line.
    lines = Decimal("146.88") + Decimal("47.45")
    tax = Decimal("11.75") + Decimal("3.80") + Decimal("2.59")
    assert invoice["TotalInvoiceAmount"] == lines + Decimal("32.38") + tax


def write_folder(folder: Path) -> None:
    """Write a company of one customer, one shipped order and three products, two of them discontinued."""
    (folder / "customers.csv").write_text(
        "customer_id,company_name,contact_name,contact_title,address,city,region,postal_code,country,phone,fax\n"
        "ACME,Acme,Ann Lee,Owner,1 Main St,Newport,Isle of Wight,PO30,UK,1,2\n"
    )
    (folder / "products.csv").write_text(
        "product_id,product_name,quantity_per_unit,unit_price,discontinued\n"
        "1,Tea,10 bags,14.40,0\n2,Old tea,,9.99,1\n3,Older tea,,1.00,1\n"
    )
    (folder / "orders.csv").write_text(
        "order_id,customer_id,order_date,required_date,shipped_date,freight,ship_name,ship_address,ship_city,ship_region,"
        "ship_postal_code,ship_country\n"
        "100,ACME,2025-07-04,2025-08-01,2025-07-16,32.38,Acme,1 Main St,Newport,Isle of Wight,PO30,UK\n"
    )
    (folder / "order_details.csv").write_text(
        "order_id,product_id,unit_price,quantity,discount\n100,1,14.40,12,0.15\n100,2,9.99,5,0.05\n"
    )


def test_people_sell_without_the_solution(make: Make) -> None:
    company = make(options=SalesOptions(solution=False))
    company.set_up()
    sales = company.sales
    group = sales.rows("uomschedule", name="Default unit")[0]["uomscheduleid"]
    unit = sales.rows("uom", name="Primary Unit")[0]["uomid"]
    for number in company.plan.product_numbers():
        product = {"productnumber": number, "name": number, "statecode": 0, "statuscode": 1}
        sales.create("product", {**product, "defaultuomscheduleid": group, "defaultuomid": unit})
    assert company.sell() == len(company.plan.quotes) + len(company.plan.orders)


def test_the_project_names_what_the_company_needs(tmp_path: Path, make: Make) -> None:
    project = make("contoso-group").project
    connection = project["connectionSet"]
    assert connection["masterLegalEntity"] == "usmf"
    units = {code: settings["businessUnits"] for code, settings in connection["legalEntities"].items()}
    assert units == {"usmf": ["Contoso USA"], "demf": ["Contoso Deutschland"], "jpmf": ["Contoso Japan"]}
    lists = project["templates"]["invoices"]["valueMaps"]["SalesInvoiceHeader"]["pricelevelid.name"]
    assert lists == {"EUR": "CRM Service Europe", "JPY": "CRM Service Japan"}
    write_folder(tmp_path)
    assert "accounts" not in make(data=tmp_path).project["templates"], "the templates know the Isle of Wight"
    customers = tmp_path / "customers.csv"
    customers.write_text(customers.read_text().replace("Isle of Wight", "Greater London"))
    changes = make(data=tmp_path).project["templates"]
    out = changes["accounts"]["valueMaps"]["Accounts - Customers"]["AddressState"]
    back = changes["orders-to-sales"]["valueMaps"]["OrderHeader"]["shipto_stateorprovince"]
    assert (out, back) == ({"Greater London": "LONDON"}, {"LONDON": "Greater London"})
