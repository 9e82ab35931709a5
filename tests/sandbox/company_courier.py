"""A courier for tests of the companies: carries just enough from one system to the other to let people go on."""

from decimal import Decimal
from typing import Any

from sandbox.company import Company
from sandbox.company.plan import UNITS, money
from sandbox.finops import FinOpsService
from sandbox.sales.service import SalesService


def products(company: Company) -> None:
    """Carry the products of the first legal entity to Sales, active and on their price list."""
    sales, finops = company.sales, company.finops
    group = sales.rows("uomschedule", name="Default unit")[0]["uomscheduleid"]
    with sales.bulk():
        for row in finops.books.rows("InventTable", dataAreaId=company.legal_entities[0].code):
            if not row["_Sellable"] or sales.rows("product", productnumber=row["ProductNumber"]):
                continue
            unit = sales.rows("uom", name=UNITS[row["SalesUnitSymbol"]])[0]["uomid"]
            currency = sales.rows("transactioncurrency", isocurrencycode=row["CurrencyCode"])[0]
            product: dict[str, Any] = {
                "productnumber": row["ProductNumber"],
                "name": row["ProductName"],
                "defaultuomscheduleid": group,
                "defaultuomid": unit,
                "transactioncurrencyid": currency["transactioncurrencyid"],
                "price": row["SalesPrice"],
                "msdynce_ismaintainedexternally": True,
                "statecode": 0,
                "statuscode": 1,
            }
            sales.create("product", product, user="integration")


def customers(company: Company) -> None:
    """Carry accounts, and contacts that are customers, to F&O."""
    for account in company.sales.rows("account"):
        if account["accountnumber"]:
            _customer(company, account["accountnumber"], account["name"], account)
    for contact in company.sales.rows("contact"):
        if contact["msdynce_isactivecustomer"]:
            _customer(company, contact["msdynce_contactnumber"], contact["fullname"], contact)


def orders(company: Company) -> None:
    """Carry activated orders of externally maintained products to F&O."""
    sales, finops = company.sales, company.finops
    numbers = {row["productid"]: row["productnumber"] for row in sales.rows("product")}
    for header in sales.rows("salesorder", statecode=0, msdynce_hasexternallymaintainedproductsonly=True):
        if header["msdynce_processingstatus"] == 647390000:
            area = _area(company, header)
            if not finops.books.has("SalesTable", area, header["ordernumber"]):
                _order(sales, finops, area, header, numbers)


def _order(
    sales: SalesService, finops: FinOpsService, area: str, header: dict[str, Any], numbers: dict[str, str]
) -> None:
    table = "account" if header["customeridtype"] == "account" else "contact"
    customer = sales.row(table, header["customerid"])
    assert customer is not None
    found = sales.rows("salesorderdetail", salesorderid=header["salesorderid"])
    lines = [_line(line, numbers[line["productid"]]) for line in found]
    currency = sales.row("transactioncurrency", header["transactioncurrencyid"])
    assert currency is not None
    account = customer["accountnumber"] if table == "account" else customer["msdynce_contactnumber"]
    code = currency["isocurrencycode"]
    finops.new_order(account, lines, area, SalesOrderNumber=header["ordernumber"], CurrencyCode=code)


def _line(line: dict[str, Any], product: str) -> dict[str, Any]:
    quantity, discount = line["quantity"], line["manualdiscountamount"] or Decimal(0)
    per_unit = money(discount / quantity)
    return {
        "ProductNumber": product,
        "OrderedSalesQuantity": quantity,
        "SalesPrice": line["priceperunit"],
        "LineDiscountAmount": per_unit,
        "FixedPriceCharges": money(quantity * per_unit) - discount,
        "LineCreationSequenceNumber": line["sequencenumber"],
    }


def _customer(company: Company, number: str, name: str, row: dict[str, Any]) -> None:
    area = _area(company, row)
    if not company.finops.books.has("CustTable", area, number):
        values = {"IsExternallyMaintained": "Yes", "PartyNumber": number, "SiteId": "1", "WarehouseId": "13"}
        company.finops.new_customer(number, name or number, area, **values)


def _area(company: Company, row: dict[str, Any]) -> str:
    unit = company.sales.row("businessunit", row["owningbusinessunit"])
    assert unit is not None
    codes = {entity.business_unit: entity.code for entity in company.legal_entities}
    return codes.get(unit["name"], company.legal_entities[0].code)
