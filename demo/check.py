"""The check at the end: both systems read with plain requests and compared, field by field, without p2c's code.

p2c's own reconciliation maps with p2c's own mapping; were that wrong, it would agree with itself. This one knows only
what a business person would look at: names, addresses, quantities, and what a line costs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import httpx

Row = Mapping[str, Any]
_CENT = Decimal("0.01")
_PRICE_UNITS = (1, 100, 1000)
_CHARGES = 500_000_000


@dataclass(slots=True)
class Checked:
    """How much was compared, and what differs: one sentence each."""

    what: str
    rows: int = 0
    fields: int = 0
    differences: list[str] = field(default_factory=list)

    def compare(self, name: str, sales: Any, finops: Any) -> None:
        """One field of one row."""
        self.fields += 1
        if _plain(sales) != _plain(finops):
            self.differences.append(f"{self.what} {name}: Sales has {sales!r}, F&O has {finops!r}")

    def amount(self, name: str, quantity: Decimal, unit: Decimal, sales: Decimal, *finops: Decimal) -> None:
        """The amount of a line, to the currency's smallest unit; `finops` are the readings that F&O's row allows.

        For a fraction of a unit of quantity the smallest unit is let pass: Sales rounds price times quantity before it
        takes the discount off, F&O after.
        """
        near = unit if quantity != quantity.to_integral_value() else Decimal(0)
        allowed = [amount for amount in finops if abs(sales - amount) <= near]
        self.compare(f"{name} net amount", allowed[0] if allowed else sales, finops[0] if not allowed else allowed[0])


class Reader:
    """Reads whole tables of both sandboxes."""

    def __init__(self, sales_url: str, finops_url: str, token: str, units: Mapping[str, str]) -> None:
        """`units`: the legal entity of each business unit by name; with a single one everything belongs to it."""
        self._client = httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60)
        self._units = units
        self._by_id: dict[str, str] = {}
        self._rounding: dict[str, Decimal] = {}
        self._sales = f"{sales_url}/api/data/v9.2/"
        self._finops = f"{finops_url}/data/"

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def sales(self, path: str) -> list[Row]:
        """All rows of a Sales query."""
        return list(self._pages(self._sales + path))

    def home(self, row: Row) -> str:
        """The legal entity that a row of Sales belongs to."""
        if len(self._units) == 1:
            return next(iter(self._units.values()))
        if not self._by_id:
            units = self.sales("businessunits?$select=name")
            self._by_id = {unit["businessunitid"]: self._units.get(unit["name"], "") for unit in units}
        return self._by_id.get(row["_owningbusinessunit_value"], "")

    def finops(self, entity: str) -> list[Row]:
        """All rows of an F&O entity, of every legal entity."""
        return list(self._pages(f"{self._finops}{entity}?cross-company=true"))

    def unit(self, currency: str) -> Decimal:
        """The smallest unit of amounts in a currency, as F&O rounds them."""
        if not self._rounding:
            rows = self.finops("Currencies")
            self._rounding = {row["CurrencyCode"]: Decimal(row["RoundingRuleSalesOrders"]) for row in rows}
        return self._rounding.get(currency) or _CENT

    def _pages(self, url: str) -> Iterator[Row]:
        while url:
            answer = self._client.get(url)
            answer.raise_for_status()
            body = json.loads(answer.text, parse_float=Decimal)
            yield from body["value"]
            url = body.get("@odata.nextLink", "")


def check(reader: Reader) -> list[Checked]:
    """Everything that both systems have, compared; one result per kind of thing."""
    return [
        _customers(
            reader,
            "account",
            "accounts?$select=accountnumber,name,address1_city,telephone1,_owningbusinessunit_value",
            "accountnumber",
        ),
        _customers(
            reader,
            "active contact",
            "contacts?$select=msdynce_contactnumber,lastname,_owningbusinessunit_value"
            "&$filter=msdynce_isactivecustomer eq true",
            "msdynce_contactnumber",
        ),
        _contacts(reader),
        _products(reader),
        _documents(reader, "quote line", "quotedetails", "quoteid", "quotenumber", "CDSSalesQuotationLines"),
        _documents(reader, "order line", "salesorderdetails", "salesorderid", "ordernumber", "CDSSalesOrderLines"),
        _invoices(reader),
    ]


def _customers(reader: Reader, what: str, query: str, number: str) -> Checked:
    result = Checked(what)
    customers = _by(reader.finops("CustomersV2"), lambda row: f"{row['dataAreaId']} {row['CustomerAccount']}")
    for row in reader.sales(query):
        customer = customers.get(_key(f"{reader.home(row)} {row[number]}"))
        if customer is None:
            result.differences.append(f"{what} {row[number]}: not among the customers of F&O")
            continue
        result.rows += 1
        if what == "account":
            result.compare(f"{row[number]} name", row["name"], customer["OrganizationName"])
            result.compare(f"{row[number]} city", row["address1_city"], customer["AddressCity"])
            result.compare(f"{row[number]} phone", row["telephone1"], customer["PrimaryContactPhone"])
        else:
            result.compare(f"{row[number]} last name", row["lastname"], customer["PersonLastName"])
        result.compare(f"{row[number]} externally maintained", "Yes", customer["IsExternallyMaintained"])
    return result


def _contacts(reader: Reader) -> Checked:
    result = Checked("contact")
    people = _by(
        reader.finops("CDSContactPersons"), lambda row: f"{row['dataAreaId']} {row['ContactPersonPartyNumber']}"
    )
    wanted = "msdynce_isactivecustomer ne true and msdynce_iscompanyanaccount eq true"
    columns = "msdynce_contactnumber,firstname,lastname,jobtitle,birthdate,_owningbusinessunit_value"
    company = "parentcustomerid_account($select=accountnumber)"
    for row in reader.sales(f"contacts?$select={columns}&$expand={company}&$filter={wanted}"):
        number = row["msdynce_contactnumber"]
        person = people.get(_key(f"{reader.home(row)} {number}"))
        if person is None:
            result.differences.append(f"contact {number}: not in F&O")
            continue
        result.rows += 1
        result.compare(f"{number} first name", row["firstname"], person["FirstName"])
        result.compare(f"{number} last name", row["lastname"], person["LastName"])
        result.compare(f"{number} job", row["jobtitle"], person["EmploymentProfession"])
        account = (row["parentcustomerid_account"] or {}).get("accountnumber")
        result.compare(f"{number} company", account, person["AssociatedPartyNumber"])
        if row["birthdate"]:
            result.compare(f"{number} birth year", int(row["birthdate"][:4]), person["BirthYear"])
            result.compare(f"{number} birth day", int(row["birthdate"][8:10]), person["BirthDay"])
    return result


def _products(reader: Reader) -> Checked:
    result = Checked("product")
    released = _by(reader.finops("SellableReleasedProducts"), lambda row: row["ProductNumber"])
    items = reader.sales("productpricelevels?$select=amount&$expand=productid($select=productnumber)")
    prices: dict[str, set[Decimal]] = {}
    for item in items:
        prices.setdefault(_key(item["productid"]["productnumber"]), set()).add(Decimal(item["amount"]).normalize())
    decimals = reader.sales("organizations?$select=pricingdecimalprecision")[0]["pricingdecimalprecision"]
    for row in reader.sales("products?$select=productnumber,name,price,statecode"):
        number = row["productnumber"]
        product = released.get(_key(number))
        if product is None:
            continue
        result.rows += 1
        result.compare(f"{number} name", row["name"], product["ProductName"])
        # Sales keeps as many decimals of a price as the organisation does.
        price = _round(Decimal(product["SalesPrice"]), Decimal(1).scaleb(-decimals))
        result.compare(f"{number} price", row["price"], price)
        if product["IsSalesStopped"] == "No":  # A product that F&O stops stays in use in Sales.
            result.compare(f"{number} active in Sales", row["statecode"] == 0, True)
        listed = price.normalize() in prices.get(_key(number), set())
        result.compare(f"{number} on a price list at its price", listed, True)
    return result


def _documents(reader: Reader, what: str, lines: str, parent: str, number: str, entity: str) -> Checked:
    """Lines of quotes or orders that F&O has too: product, quantity, and the net amount.

    Where amounts of the header or tax inside the prices stand on the lines of one system alone, the net amount of a
    line is not comparable; the document's total is. A cancelled line has no amount in Sales.
    """
    result = Checked(what)
    columns = "sequencenumber,quantity,extendedamount,tax,isproductoverridden"
    header = f"{number},_owningbusinessunit_value,totaldiscountamount,freightamount"
    parents = f"{parent}($select={header}{',statecode' if parent == 'quoteid' else ''})"
    expand = f"{parents},productid($select=productnumber)"
    found = [row for row in reader.sales(f"{lines}?$select={columns}&$expand={expand}") if row[parent]]
    # Of a quote's revisions only the one that is active or won is in F&O.
    current = [row for row in found if parent != "quoteid" or row[parent]["statecode"] in (1, 2)]
    sales = _by(current, lambda row: f"{reader.home(row[parent])} {row[parent][number]}/{row['sequencenumber']}")
    there = reader.finops(entity)
    key = "SalesQuotationNumber" if parent == "quoteid" else "SalesOrderNumber"
    quantity = "RequestedSalesQuantity" if parent == "quoteid" else "OrderedSalesQuantity"
    headers = _by(reader.finops(entity.replace("Lines", "Headers")), lambda row: f"{row['dataAreaId']} {row[key]}")
    known = {_key(f"{reader.home(row[parent])} {row[parent][number]}") for row in current}
    for row in there:
        if _key(f"{row['dataAreaId']} {row[key]}") not in known:
            continue
        name = f"{row['dataAreaId']} {row[key]}/{row['LineCreationSequenceNumber']}"
        line, canceled = sales.get(_key(name)), row.get("SalesOrderLineStatus") == "Canceled"
        if canceled:
            result.compare(f"{name} net amount", _net(line) if line else 0, 0)
            continue
        if line is None:
            result.differences.append(f"{what} {name}: in F&O, not in Sales")
            continue
        result.rows += 1
        result.compare(f"{name} product", (line["productid"] or {}).get("productnumber"), row["ProductNumber"])
        result.compare(f"{name} quantity", line["quantity"], row[quantity])
        theirs = headers[_key(f"{row['dataAreaId']} {row[key]}")]
        on_header = line[parent]["totaldiscountamount"] or line[parent]["freightamount"]
        if theirs["ArePricesIncludingSalesTax"] == "No" and not (on_header or theirs["TotalDiscountAmount"]):
            unit = reader.unit(row["CurrencyCode"])
            result.amount(name, Decimal(line["quantity"]), unit, _net(line), Decimal(row["LineAmount"]))
    return result


def _invoices(reader: Reader) -> Checked:
    """Lines of invoices: quantity, tax, and the net amount with the charges of the line.

    The amount of a line in F&O holds fixed charges, but no others; which ones `LineTotalChargeAmount` are, only price,
    discount and price unit tell. In Sales a charge may be a line of its own.
    """
    result = Checked("invoice line")
    columns = "sequencenumber,quantity,extendedamount,tax"
    invoice = "invoiceid($select=invoicenumber,_owningbusinessunit_value)"
    rows = reader.sales(f"invoicedetails?$select={columns}&$expand={invoice}")
    sales = _by(
        rows, lambda row: f"{reader.home(row['invoiceid'])} {row['invoiceid']['invoicenumber']}/{row['sequencenumber']}"
    )
    for row in reader.finops("ExternallyMaintainedCustomerSalesInvoiceLines"):
        number = f"{row['dataAreaId']} {row['InvoiceNumber']}"
        name = f"{number}/{row['LineCreationSequenceNumber']}"
        line = sales.get(_key(name))
        if line is None:
            result.differences.append(f"invoice line {name}: in F&O, not in Sales")
            continue
        result.rows += 1
        result.compare(f"{name} quantity", line["quantity"], row["InvoicedQuantity"])
        result.compare(f"{name} tax", line["tax"], row["LineTotalTaxAmount"])
        charge = sales.get(_key(f"{number}/{row['LineCreationSequenceNumber'] + _CHARGES}"))
        net, unit = _net(line) + (_net(charge) if charge else 0), reader.unit(row["CurrencyCode"])
        result.amount(name, Decimal(line["quantity"]), unit, net, *_invoiced(row, unit))
    return result


def _invoiced(row: Row, unit: Decimal) -> Iterator[Decimal]:
    """What an invoice line may come to: its amount, or price less discount and with all charges, by price unit."""
    yield Decimal(row["LineAmount"])
    if row["LineTotalChargeAmount"]:
        gross = Decimal(row["InvoicedQuantity"]) * Decimal(row["SalesPrice"])
        charged = Decimal(row["LineTotalChargeAmount"]) - Decimal(row["LineTotalDiscountAmount"])
        for price_unit in _PRICE_UNITS:
            priced = _round(gross / price_unit, unit) + charged
            yield priced
            # The discount of a line is rounded, and so is its amount.
            if abs(priced - row["LineAmount"] - row["LineTotalChargeAmount"]) <= unit:
                yield Decimal(row["LineAmount"]) + Decimal(row["LineTotalChargeAmount"])


def _net(line: Row) -> Decimal:
    return Decimal(line["extendedamount"]) - Decimal(line["tax"] or 0)


def _round(amount: Decimal, unit: Decimal) -> Decimal:
    return (amount / unit).quantize(Decimal(1), rounding=ROUND_HALF_UP) * unit


def _by(rows: Iterable[Row], key: Callable[[Row], Any]) -> dict[str, Row]:
    return {_key(key(row)): row for row in rows}


def _key(value: Any) -> str:
    return str(value).casefold()


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | Decimal):
        return Decimal(value).normalize()
    return "" if value is None else str(value).strip()
