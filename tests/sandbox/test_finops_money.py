"""Amounts of F&O documents: charges, discounts, tax inside prices, partial invoices, cancelled lines; exact sums."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.finops.money import ZERO, share_out
from tests.sandbox.finops_support import Api

INVOICES = "ExternallyMaintainedCustomerSalesInvoiceHeaders"
INVOICE_LINES = "ExternallyMaintainedCustomerSalesInvoiceLines"
UNITS = {"USD": Decimal("0.01"), "JPY": Decimal(1), "KWD": Decimal("0.001")}


def amount(text: str) -> Decimal:
    return Decimal(text)


def with_prices_including_tax(api: Api, order: str = "SO-1") -> None:
    key = {"dataAreaId": "usmf", "SalesOrderNumber": order}
    api.service.update("CDSSalesOrderHeaders", key, {"ArePricesIncludingSalesTax": "Yes"})


def calculated(api: Api, order: str = "SO-1") -> dict[str, Any]:
    api.service.calculate_totals()
    return api.header(order)


def test_charges_of_header_and_lines_are_taxed_and_counted() -> None:
    api = Api()
    api.order(FixedPriceCharges=amount("-0.01"))
    people = api.service
    people.charge("SO-1", amount("25"), "FREIGHT")
    people.charge("SO-1", amount("-5"), "BONUS")
    people.charge("SO-1", amount("4"), "PACKING", line=1)
    header = calculated(api)
    (line,) = api.lines()
    assert (line["LineAmount"], line["TotalChargesAmount"], line["TotalTaxAmount"]) == (
        amount("29.99"),
        4,
        amount("2.72"),
    )
    assert (header["OrderHeaderTaxAmount"], header["OrderTotalChargesAmount"]) == (amount("1.6"), 24)
    assert header["OrderTotalAmount"] == amount("29.99") + 24 + amount("4.32")
    people.charge("SO-1", ZERO, "BONUS")
    assert calculated(api)["OrderTotalChargesAmount"] == 29


@pytest.mark.parametrize(
    ("discounts", "net", "discount"),
    [
        ({"LineDiscountPercentage": 10}, "27", "3"),
        ({"LineDiscountAmount": 1}, "27", "3"),
        ({"MultilineDiscountAmount": amount("0.5")}, "28.5", "1.5"),
        ({"MultilineDiscountPercentage": 5}, "28.5", "1.5"),
        ({"LineDiscountPercentage": 10, "MultilineDiscountPercentage": 5}, "25.65", "4.35"),
        (
            {
                "LineDiscountAmount": 1,
                "MultilineDiscountAmount": 1,
                "LineDiscountPercentage": 50,
                "MultilineDiscountPercentage": 50,
            },
            "6",
            "24",
        ),
    ],
)
def test_discounts_of_a_line_in_any_combination(discounts: dict[str, Any], net: str, discount: str) -> None:
    api = Api()
    api.order(**discounts)
    assert calculated(api)["OrderTotalAmount"] == amount(net) + (amount(net) * amount("0.08")).quantize(amount("0.01"))
    (line,) = api.lines()
    assert (line["LineAmount"], line["TotalDiscountAmount"]) == (amount(net), amount(discount))


def test_percentages_compound_or_add_up() -> None:
    for compound, net in ((True, "25.65"), (False, "25.5")):
        api = Api(percentages_compound=compound)
        api.order(LineDiscountPercentage=10, MultilineDiscountPercentage=5)
        assert api.lines()[0]["LineAmount"] == amount(net)


@pytest.mark.parametrize(("per_price_unit", "net"), [(False, "0"), (True, "19.8")])
def test_discount_amounts_are_for_one_unit_or_for_the_price_unit(per_price_unit: bool, net: str) -> None:
    api = Api(discounts_per_price_unit=per_price_unit)
    api.order(quantity=200, SalesPriceQuantity=100, SalesPrice=10, LineDiscountAmount=amount("0.1"))
    assert api.lines()[0]["LineAmount"] == amount(net)


def test_a_line_amount_with_or_without_its_fixed_charge_comes_to_the_same_total() -> None:
    for contains, shown in ((True, 32), (False, 30)):
        api = Api(line_amount_contains_fixed_charge=contains)
        api.order(FixedPriceCharges=2)
        header = calculated(api)
        assert api.lines()[0]["LineAmount"] == shown
        assert (header["OrderTotalAmount"], header["OrderTotalChargesAmount"]) == (amount("34.56"), 0)
        api.service.invoice("SO-1")
        assert api.get(INVOICES).value[0]["TotalInvoiceAmount"] == amount("34.56")
        assert api.get(INVOICE_LINES).value[0]["LineAmount"] == shown


def test_fixed_charges_show_among_the_charges_by_switch() -> None:
    for contains, order, invoice in ((False, 4, 4), (True, 6, 6)):
        api = Api(order_charges_contain_fixed=contains, invoice_charges_contain_fixed=contains)
        api.order(FixedPriceCharges=2)
        api.service.charge("SO-1", amount("4"), "PACKING", line=1)
        header = calculated(api)
        assert (header["OrderTotalChargesAmount"], header["OrderTotalAmount"]) == (order, amount("38.88"))
        api.service.invoice("SO-1")
        posted = api.get(INVOICES).value[0]
        assert (posted["TotalChargeAmount"], posted["TotalInvoiceAmount"]) == (invoice, amount("38.88"))
        assert api.get(INVOICE_LINES).value[0]["LineTotalChargeAmount"] == invoice


@pytest.mark.parametrize(("contains_lines", "order", "code"), [(True, 6, 3), (False, 3, 0)])
def test_a_total_discount_lowers_the_tax(contains_lines: bool, order: int, code: int) -> None:
    api = Api(order_discount_contains_lines=contains_lines, invoice_discount_contains_lines=contains_lines)
    api.order(LineDiscountAmount=1)
    api.service.discount_order("SO-1", amount=amount("3"))
    header = calculated(api)
    assert (header["TotalDiscountAmount"], header["OrderTotalDiscountAmount"]) == (3, order)
    assert (header["OrderTotalTaxAmount"], header["OrderTotalAmount"]) == (amount("1.92"), amount("25.92"))
    api.service.invoice("SO-1")
    posted = api.get(INVOICES).value[0]
    assert (posted["TotalDiscountAmount"], posted["TotalDiscountCustomerGroupCode"]) == (order, code)
    assert (posted["TotalTaxAmount"], posted["TotalInvoiceAmount"]) == (amount("1.92"), amount("25.92"))


def test_a_total_discount_in_per_cent_follows_the_lines() -> None:
    api = Api()
    api.order()
    api.service.discount_order("SO-1", percentage=amount("10"))
    assert calculated(api)["TotalDiscountAmount"] == 3
    api.line("SO-1", 2, OrderedSalesQuantity=2)
    header = calculated(api)
    assert (header["TotalDiscountAmount"], header["OrderTotalAmount"]) == (5, amount("48.6"))


def test_a_price_that_includes_tax_is_not_taxed_again() -> None:
    api = Api()
    api.order(SalesPrice=108, quantity=1)
    with_prices_including_tax(api)
    api.service.add_freight("SO-1", amount("10.8"))
    header = calculated(api)
    assert api.lines()[0]["LineAmount"] == 108
    assert (header["OrderTotalTaxAmount"], header["OrderHeaderTaxAmount"]) == (amount("8.8"), amount("0.8"))
    assert header["OrderTotalAmount"] == amount("118.8")


def test_an_invoice_shows_its_line_with_or_without_the_tax_inside() -> None:
    for includes, shown in ((False, 100), (True, 108)):
        api = Api(invoice_line_amount_includes_tax=includes)
        api.order(SalesPrice=108, quantity=1)
        with_prices_including_tax(api)
        api.service.invoice("SO-1")
        posted = api.get(INVOICES).value[0]
        assert (posted["TotalTaxAmount"], posted["TotalInvoiceAmount"]) == (8, 108)
        assert api.get(INVOICE_LINES).value[0]["LineAmount"] == shown


@pytest.mark.parametrize(
    ("position", "line_amount", "total", "of_nothing"),
    [("excluded", 20, "32.4", "0"), ("counted", 20, "54", "64.8"), ("zeroed", 0, "32.4", "0")],
)
def test_what_a_cancelled_line_and_a_cancelled_order_leave(
    position: Literal["excluded", "counted", "zeroed"], line_amount: int, total: str, of_nothing: str
) -> None:
    api = Api(canceled_lines=position)
    api.order()
    api.line("SO-1", 2, OrderedSalesQuantity=2)
    api.service.cancel_order("SO-1", line=2)
    assert calculated(api)["OrderTotalAmount"] == amount(total)
    canceled = api.lines()[1]
    assert (canceled["LineAmount"], canceled["OrderedSalesQuantity"]) == (line_amount, 2)
    api.service.add_freight("SO-1", amount("10"))
    api.service.cancel_order("SO-1")
    header = calculated(api)
    assert header["OrderTotalAmount"] == amount(of_nothing)
    assert (header["OrderTotalTaxAmount"] == 0) is (position != "counted")


def test_partial_invoices_share_out_what_the_header_owes() -> None:
    api = Api()
    api.order()
    api.service.add_freight("SO-1", amount("10"))
    api.service.discount_order("SO-1", amount=amount("1"))
    for _ in range(3):
        api.service.ship("SO-1", lines={1: 1})
        api.service.invoice("SO-1", shipped_only=True)
    posted = api.get(INVOICES).value
    assert [row["TotalChargeAmount"] for row in posted] == [amount("3.33"), amount("3.34"), amount("3.33")]
    assert [row["TotalDiscountAmount"] for row in posted] == [amount("0.33"), amount("0.34"), amount("0.33")]


def test_a_credit_note_gives_back_the_discount_and_the_charges() -> None:
    api = Api()
    api.order()
    api.service.add_freight("SO-1", amount("10"))
    api.service.discount_order("SO-1", amount=amount("1"))
    posted = api.service.invoice("SO-1")
    partial = api.service.credit_note(posted["InvoiceNumber"], lines={1: 1})
    assert (partial["TotalChargeAmount"], partial["TotalDiscountAmount"]) == (0, amount("-0.33"))
    whole = api.service.credit_note(posted["InvoiceNumber"])
    for name in ("TotalChargeAmount", "TotalDiscountAmount", "TotalTaxAmount", "TotalInvoiceAmount"):
        assert whole[name] == -posted[name]


# ---------------------------------------------------------------- sums, for every combination

prices = st.decimals(0, 5000, places=4)
percentages = st.decimals(0, 40, places=1)
lines = st.fixed_dictionaries(
    {
        "OrderedSalesQuantity": st.one_of(st.integers(-20, 20), st.decimals(-500, 500, places=3)).filter(bool),
        "SalesPrice": prices,
        "SalesPriceQuantity": st.sampled_from([1, 100, 1000]),
        "LineDiscountPercentage": st.one_of(st.just(ZERO), percentages),
        "MultilineDiscountPercentage": st.one_of(st.just(ZERO), percentages),
        "LineDiscountAmount": st.sampled_from([ZERO, amount("0.33"), amount("1.5")]),
        "MultilineDiscountAmount": st.sampled_from([ZERO, amount("0.07")]),
        "SalesUnitSymbol": st.sampled_from(["ea", "box", "kg"]),
    }
)
switches = st.fixed_dictionaries(
    {
        "line_amount_contains_fixed_charge": st.booleans(),
        "discounts_per_price_unit": st.booleans(),
        "percentages_compound": st.booleans(),
        "order_discount_contains_lines": st.booleans(),
        "order_charges_contain_fixed": st.booleans(),
        "invoice_discount_contains_lines": st.booleans(),
        "invoice_charges_contain_fixed": st.booleans(),
        "invoice_line_amount_includes_tax": st.booleans(),
    }
)
charges = st.integers(-3000, 3000)


@given(
    st.sampled_from(sorted(UNITS)),
    st.lists(st.tuples(lines, charges, charges), min_size=1, max_size=3),
    charges,
    st.integers(0, 500),
    st.booleans(),
    switches,
    st.data(),
)
@settings(max_examples=40, deadline=None)
def test_every_total_is_the_sum_of_its_parts(
    currency: str,
    given_lines: list[tuple[dict[str, Any], int, int]],
    freight: int,
    discount: int,
    includes_tax: bool,
    options: dict[str, Any],
    data: st.DataObject,
) -> None:
    api, unit = API, UNITS[currency]
    for name, position in options.items():
        setattr(api.service.options, name, position)
    rows = [{**row, "ProductNumber": "P-1", "FixedPriceCharges": fixed * unit} for row, fixed, _ in given_lines]
    inside: dict[str, Any] = {"ArePricesIncludingSalesTax": "Yes" if includes_tax else "No"}
    made = api.service.new_order("ACC-1", rows, CurrencyCode=currency, **inside)
    number = made["SalesOrderNumber"]
    for place, (_, _, charge) in enumerate(given_lines, start=1):
        api.service.charge(number, charge * unit, "PACKING", line=place)
    api.service.charge(number, freight * unit, "FREIGHT")
    api.service.discount_order(number, amount=discount * unit)
    api.service.calculate_totals()
    order = api.service.order(number)
    fixed = _order_adds_up(order, unit, includes_tax, options)
    whole = order["OrderTotalAmount"]
    quantity = rows[0]["OrderedSalesQuantity"]
    first = (Decimal(quantity) * data.draw(st.sampled_from([amount("0.25"), amount("0.5")]))).quantize(amount("0.001"))
    posted = []
    if first:
        api.service.ship(number, lines={1: first})
        posted.append(api.service.invoice(number, shipped_only=True))
    if first != quantity or len(rows) > 1:
        posted.append(api.service.invoice(number))
    for invoice in posted:
        _invoice_adds_up(api, invoice, unit, includes_tax, options)
    assert sum(row["_Charge"] for row in posted) == freight * unit
    assert sum(row["_Discount"] for row in posted) == discount * unit
    transactions = api.service.books.rows("CustInvoiceTrans", InvoiceNumber=posted[-1]["InvoiceNumber"])
    assert all(row["_Charge"] % unit == 0 and row["_FixedCharge"] % unit == 0 for row in transactions)
    if len(posted) == 1:
        assert posted[0]["TotalInvoiceAmount"] == whole
        assert sum(row["_FixedCharge"] for row in transactions) == fixed
    back = api.service.credit_note(posted[-1]["InvoiceNumber"])
    assert back["TotalInvoiceAmount"] == -posted[-1]["TotalInvoiceAmount"]
    _invoice_adds_up(api, back, unit, includes_tax, options)


API = Api()
API.customer()
API.service.new_product("P-1", "Widget", Decimal("10.00"), IsStockedProduct="No")


def _order_adds_up(order: dict[str, Any], unit: Decimal, includes_tax: bool, options: dict[str, Any]) -> Decimal:
    fixed = sum((line["FixedPriceCharges"] for line in order["lines"]), ZERO)
    of_lines = sum((line["LineAmount"] for line in order["lines"]), ZERO)
    if not options["line_amount_contains_fixed_charge"]:
        of_lines += fixed
    charged = order["OrderTotalChargesAmount"] - (fixed if options["order_charges_contain_fixed"] else ZERO)
    tax = ZERO if includes_tax else order["OrderTotalTaxAmount"]
    assert order["OrderTotalAmount"] == of_lines + charged - order["TotalDiscountAmount"] + tax
    assert order["OrderTotalTaxAmount"] == order["OrderHeaderTaxAmount"] + sum(
        line["TotalTaxAmount"] for line in order["lines"]
    )
    off = sum((line["TotalDiscountAmount"] for line in order["lines"]), ZERO)
    own = order["OrderTotalDiscountAmount"] - (off if options["order_discount_contains_lines"] else ZERO)
    assert own == order["TotalDiscountAmount"]
    _in_smallest_units(order, unit, ("OrderTotalAmount", "OrderTotalTaxAmount", "OrderTotalChargesAmount"))
    for line in order["lines"]:
        _in_smallest_units(line, unit, ("LineAmount", "TotalTaxAmount", "TotalDiscountAmount", "TotalChargesAmount"))
    return fixed


def _invoice_adds_up(
    api: Api, invoice: dict[str, Any], unit: Decimal, includes_tax: bool, options: dict[str, Any]
) -> None:
    rows = api.service.books.rows("CustInvoiceTrans", InvoiceNumber=invoice["InvoiceNumber"])
    fixed = sum((row["_FixedCharge"] for row in rows), ZERO)
    header_charge = invoice["TotalChargeAmount"] - sum(row["LineTotalChargeAmount"] for row in rows)
    line_charges = sum((row["LineTotalChargeAmount"] for row in rows), ZERO)
    if options["invoice_charges_contain_fixed"]:
        line_charges -= fixed
    of_lines = sum((row["LineAmount"] for row in rows), ZERO)
    if not options["line_amount_contains_fixed_charge"]:
        of_lines += fixed
    own = invoice["TotalDiscountAmount"]
    if options["invoice_discount_contains_lines"]:
        own -= sum(row["LineTotalDiscountAmount"] for row in rows)
        assert own == invoice["TotalDiscountCustomerGroupCode"]
    tax = ZERO if includes_tax else invoice["TotalTaxAmount"]
    if options["invoice_line_amount_includes_tax"] or not includes_tax:
        assert invoice["TotalInvoiceAmount"] == of_lines + line_charges + header_charge - own + tax
    assert invoice["TotalTaxAmount"] == invoice["InvoiceHeaderTaxAmount"] + sum(
        row["LineTotalTaxAmount"] for row in rows
    )
    _in_smallest_units(invoice, unit, ("TotalInvoiceAmount", "TotalTaxAmount", "TotalChargeAmount"))
    for row in rows:
        _in_smallest_units(row, unit, ("LineAmount", "LineTotalTaxAmount", "LineTotalDiscountAmount"))


def _in_smallest_units(row: dict[str, Any], unit: Decimal, names: Sequence[str]) -> None:
    assert {name: row[name] % unit for name in names} == dict.fromkeys(names, 0)


@given(
    st.integers(-10_000, 10_000), st.lists(st.decimals(0, 1000, places=2), min_size=1), st.sampled_from(["1", "0.01"])
)
def test_shares_add_up_to_the_total(total: int, weights: list[Decimal], unit: str) -> None:
    whole = total * Decimal(unit)
    shares = share_out(whole, weights, Decimal(unit))
    assert sum(shares) == (whole if any(weights) else 0)
    assert all(share % Decimal(unit) == 0 for share in shares)
