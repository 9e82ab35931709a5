"""Amounts of whole documents: F&O computes them in every way that its columns may be read, Sales adds them up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import mapping_rows as rows
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.documents import HEADER, MappedDocument, NoteCode, Rejected, SourceDocument
from p2c.mapping.context import Context
from p2c.mapping.mapper import Mapper
from p2c.mapping.money import round_half_up
from p2c.templates.load import builtin_templates

D = Decimal
ZERO = D(0)
CENT = D("0.01")
ONE, HUNDRED, USUAL_RATE = D(1), D(100), D("0.19")
FREIGHT_TAX = "msdynce_misctax"


@dataclass(frozen=True)
class Readings:
    """What is unverified of F&O, as the sandbox has it."""

    amount_has_fixed: bool = True
    charges_have_fixed: bool = False
    discounts_per_price_unit: bool = False
    percentages_compound: bool = True
    canceled: str = "excluded"
    discount_has_lines: bool = True
    invoice_amount_has_tax: bool = False


@dataclass(frozen=True)
class Line:
    """A line as a person enters it."""

    quantity: Decimal = ONE
    price: Decimal = HUNDRED
    units: Decimal = ONE
    off: Decimal = ZERO
    percent: Decimal = ZERO
    multiline: Decimal = ZERO
    multiline_percent: Decimal = ZERO
    fixed: Decimal = ZERO
    charge: Decimal = ZERO
    canceled: bool = False


@dataclass(frozen=True)
class Order:
    lines: tuple[Line, ...]
    rate: Decimal = USUAL_RATE
    includes_tax: bool = False
    charge: Decimal = ZERO
    discount: Decimal = ZERO
    smallest: Decimal = CENT
    currency: str = "USD"
    readings: Readings = Readings()

    def round(self, amount: Decimal) -> Decimal:
        return (amount / self.smallest).quantize(D(1), rounding=ROUND_HALF_UP) * self.smallest

    def tax(self, amount: Decimal) -> Decimal:
        return self.round(amount * self.rate / (1 + self.rate) if self.includes_tax else amount * self.rate)

    def net(self, line: Line) -> Decimal:
        first, second = line.percent / 100, line.multiline_percent / 100
        together = first + second - (first * second if self.readings.percentages_compound else 0)
        off = line.off + line.multiline
        one = (
            (line.price - off) / line.units if self.readings.discounts_per_price_unit else line.price / line.units - off
        )
        return self.round(line.quantity * one * (1 - together))

    def counts(self, line: Line) -> bool:
        return not line.canceled or self.readings.canceled == "counted"

    def shares(self, counting: list[Line]) -> list[Decimal]:
        weights = [abs(self.net(line) + line.fixed) for line in counting]
        whole, given, reached, shares = sum(weights), ZERO, ZERO, []
        for weight in weights:
            reached += weight
            now = self.round(self.discount * reached / whole) if whole else ZERO
            shares.append(now - given)
            given = now
        return shares

    def document(self) -> SourceDocument:
        counting = [line for line in self.lines if self.counts(line)]
        shares = iter(self.shares(counting))
        total = tax = charges = ZERO
        written = []
        for number, line in enumerate(self.lines, 1):
            value, line_tax = self.net(line) + line.fixed, ZERO
            shown = line.charge + (line.fixed if self.readings.charges_have_fixed else ZERO)
            if self.counts(line):
                share = next(shares)
                line_tax = self.tax(value + line.charge - share)
                total, tax, charges = total + value + line.charge, tax + line_tax, charges + shown
            amount = value if self.readings.amount_has_fixed else value - line.fixed
            written.append(
                {
                    **rows.FINOPS_LINE,
                    "LineCreationSequenceNumber": number,
                    "OrderedSalesQuantity": line.quantity,
                    "SalesPrice": line.price,
                    "SalesPriceQuantity": line.units,
                    "LineDiscountAmount": line.off,
                    "LineDiscountPercentage": line.percent,
                    "MultilineDiscountAmount": line.multiline,
                    "MultilineDiscountPercentage": line.multiline_percent,
                    "FixedPriceCharges": line.fixed,
                    "LineAmount": ZERO if line.canceled and self.readings.canceled == "zeroed" else amount,
                    "TotalChargesAmount": shown,
                    "TotalTaxAmount": line_tax,
                    "SalesOrderLineStatus": "Canceled" if line.canceled else "Backorder",
                }
            )
        owed = bool(counting)
        charge, discount = (self.charge, self.discount) if owed else (ZERO, ZERO)
        header_tax = self.tax(charge)
        header = {
            **rows.FINOPS_ORDER,
            "CurrencyCode": self.currency,
            "ArePricesIncludingSalesTax": "Yes" if self.includes_tax else "No",
            "SalesOrderProcessingStatus": "Confirmed",
            "TotalDiscountAmount": self.discount,
            "OrderTotalChargesAmount": charges + charge,
            "OrderHeaderTaxAmount": header_tax,
            "OrderTotalTaxAmount": tax + header_tax,
            "OrderTotalAmount": total + charge - discount + (ZERO if self.includes_tax else tax + header_tax),
        }
        return rows.document("O", header, OrderLine=written)

    def invoice(self) -> SourceDocument:
        """All of the order, invoiced."""
        shares = self.shares(list(self.lines))
        total = tax = charges = discounts = ZERO
        written = []
        for number, (line, share) in enumerate(zip(self.lines, shares, strict=True), 1):
            value = self.net(line) + line.fixed
            line_tax = self.tax(value + line.charge - share)
            line_discount = self.round(line.quantity * line.price / line.units - self.net(line))
            shown_charge = line.charge + (line.fixed if self.readings.charges_have_fixed else ZERO)
            shown = value if self.readings.amount_has_fixed else value - line.fixed
            if self.includes_tax and not self.readings.invoice_amount_has_tax:
                shown -= self.tax(shown)
            total, tax, charges = total + value + line.charge, tax + line_tax, charges + shown_charge
            discounts += line_discount
            written.append(
                {
                    **rows.INVOICE_LINE,
                    "LineCreationSequenceNumber": number,
                    "InvoicedQuantity": line.quantity,
                    "SalesPrice": line.price,
                    "LineAmount": shown,
                    "LineTotalDiscountAmount": line_discount,
                    "LineTotalChargeAmount": shown_charge,
                    "LineTotalTaxAmount": line_tax,
                }
            )
        header_tax = self.tax(self.charge)
        with_lines = self.readings.discount_has_lines
        header = {
            **rows.INVOICE,
            "CurrencyCode": self.currency,
            "TotalChargeAmount": charges + self.charge,
            "TotalDiscountAmount": self.discount + (discounts if with_lines else ZERO),
            "TotalDiscountCustomerGroupCode": self.discount if with_lines else ZERO,
            "TotalTaxAmount": tax + header_tax,
            "InvoiceHeaderTaxAmount": header_tax,
            "TotalInvoiceAmount": total
            + self.charge
            - self.discount
            + (ZERO if self.includes_tax else tax + header_tax),
        }
        return rows.document("I", header, SalesInvoiceLine=written)


def mapped(template: str, document: SourceDocument, context: Context) -> MappedDocument:
    result = Mapper(with_price_lists(template), context).map(document)
    assert isinstance(result, MappedDocument), result
    return result


def with_price_lists(template: str) -> Any:
    """The template with a price list for every currency."""
    found = builtin_templates()[template]
    header = found.header.model_copy(
        update={"fields": [one for one in found.header.fields if one.destination != "pricelevelid.name"]}
    )
    return found.model_copy(update={"tasks": [header, *found.lines]})


def value(values: Mapping[str, Any], name: str) -> Decimal:
    return D(values.get(name) or 0)


def line_net(values: Mapping[str, Any], places: int) -> Decimal:
    base = round_half_up(value(values, "quantity") * value(values, "priceperunit"), places)
    return base - value(values, "manualdiscountamount")


def sales_total(document: MappedDocument, places: int = 2) -> Decimal:
    """As Sales computes `totalamount`, with the Freight Tax line that the solution makes."""
    header = document.header.values
    lines = [{**line.create, **line.values} for line in document.lines]
    assert all(value(line, "manualdiscountamount") >= 0 for line in lines)
    assert value(header, "freightamount") >= 0
    assert value(header, "discountamount") >= 0
    whole = sum((line_net(line, places) + value(line, "tax") for line in lines), ZERO)
    return whole + value(header, "freightamount") - value(header, "discountamount") + value(header, FREIGHT_TAX)


def nets(document: MappedDocument, task: str, places: int = 2) -> list[Decimal]:
    return [line_net(line.values, places) for line in document.lines if line.task == task]


cents = st.decimals(min_value=-20, max_value=20, places=2)
discounts = st.decimals(min_value=0, max_value=9, places=2)
percents = st.sampled_from([ZERO, D(5), D("12.5"), D(100)])
lines = st.builds(
    Line,
    quantity=st.decimals(min_value=-500, max_value=500, places=2).filter(bool),
    price=st.decimals(min_value=10, max_value=2000, places=4),
    units=st.sampled_from([D(1), D(10), D(100)]),
    off=discounts,
    percent=percents,
    multiline=discounts,
    multiline_percent=percents,
    fixed=st.sampled_from([ZERO, ZERO, D("-0.01"), D("0.02"), D("7.5")]),
    charge=st.sampled_from([ZERO, ZERO, D("5"), D("-3.25")]),
)
readings = st.builds(
    Readings,
    amount_has_fixed=st.booleans(),
    charges_have_fixed=st.booleans(),
    discounts_per_price_unit=st.booleans(),
    percentages_compound=st.booleans(),
    canceled=st.sampled_from(["excluded", "counted", "zeroed"]),
    discount_has_lines=st.booleans(),
    invoice_amount_has_tax=st.booleans(),
)
rates = st.sampled_from([ZERO, D("0.19"), D("0.075")])
orders = st.builds(
    Order,
    lines=st.lists(lines, min_size=1, max_size=4).map(tuple),
    rate=rates,
    includes_tax=st.booleans(),
    charge=cents,
    discount=cents,
    readings=readings,
)
CONTEXT = Context(
    legal_entity="usmf",
    currency_precision={"USD": 2, "JPY": 0, "KWD": 3},
    value_maps={"units": {"ea": "Primary Unit"}, "country-names": {"": None, "GB": "United Kingdom", "DE": "Germany"}},
)


@given(orders)
def test_the_total_of_an_order_is_the_same_in_both_systems(order: Order) -> None:
    source = order.document()
    result = mapped("orders-to-sales", source, CONTEXT)
    assert sales_total(result) == source.header["OrderTotalAmount"]


@given(orders)
def test_an_order_line_has_the_net_amount_of_finops(order: Order) -> None:
    order = replace(order, includes_tax=False, readings=replace(order.readings, amount_has_fixed=True))
    result = mapped("orders-to-sales", order.document(), CONTEXT)
    assert nets(result, "OrderLine") == [order.net(line) + line.fixed for line in order.lines]


@given(orders, st.data())
def test_cancelled_lines_leave_no_amount(order: Order, data: st.DataObject) -> None:
    order = replace(order, readings=replace(order.readings, charges_have_fixed=False))
    flags = [data.draw(st.booleans()) for _ in order.lines]
    canceled = tuple(replace(line, canceled=flag) for line, flag in zip(order.lines, flags, strict=True))
    source = replace(order, lines=canceled).document()
    result = mapped("orders-to-sales", source, CONTEXT)
    for line, flag in zip([line for line in result.lines if line.task == "OrderLine"], flags, strict=True):
        if flag:
            assert line_net(line.values, 2) == 0 == value(line.values, "tax")
    assert not {line.key[0] for line in result.lines if line.task == "ChargeLine"} & {
        str(500000000 + number) for number, flag in enumerate(flags, 1) if flag
    }
    if all(flags):
        assert sales_total(result) == 0
    elif order.readings.canceled != "counted":
        assert sales_total(result) == source.header["OrderTotalAmount"]


@pytest.mark.parametrize("counted", ["excluded", "counted", "zeroed"])
def test_a_cancelled_line_with_a_charge_does_not_change_the_freight(counted: str, context: Context) -> None:
    open_line, canceled = Line(price=D("108"), charge=D(4)), Line(price=D(60), charge=D(7), canceled=True)
    order = Order((open_line, canceled), rate=ZERO, charge=D(3), readings=Readings(canceled=counted))
    result = mapped("orders-to-sales", order.document(), context)
    assert result.header.values["freightamount"] == 3
    assert sales_total(result) == D(115)
    second = result.lines[1]
    assert (second.values["quantity"], second.values["priceperunit"]) == (0, 60), "it stays to be seen"


def test_a_cancelled_order_leaves_no_amount(context: Context) -> None:
    order = Order((Line(canceled=True), Line(canceled=True, charge=D(5))), charge=D(10), discount=D(20)).document()
    header = {**order.header, "SalesOrderProcessingStatus": "Canceled", "OrderTotalChargesAmount": D(15)}
    result = mapped("orders-to-sales", replace(order, header=header), context)
    assert sales_total(result) == 0
    assert result.notes == ()


def test_prices_with_tax_are_written_without(context: Context) -> None:
    for source, template, task in (
        (Order((Line(price=D(119)),), includes_tax=True).document(), "orders-to-sales", "OrderLine"),
        (Order((Line(price=D(119)),), includes_tax=True).invoice(), "invoices", "SalesInvoiceLine"),
    ):
        result = mapped(template, source, context)
        values = result.lines[0].values
        assert nets(result, task) == [D(100)]
        assert (values["priceperunit"], values["manualdiscountamount"], values["tax"]) == (100, 0, 19)
        assert sales_total(result) == D(119)
        assert result.notes == ()


def test_discount_and_charges_with_tax_are_written_without(context: Context) -> None:
    line = Line(quantity=D(2), price=D(119), percent=D(10), charge=D("11.90"))
    order = Order((line,), includes_tax=True, charge=D("23.80"), discount=D("11.90"))
    result = mapped("orders-to-sales", order.document(), context)
    product, charge = result.lines
    assert (product.values["priceperunit"], product.values["manualdiscountamount"]) == (100, 20)
    assert charge.values["priceperunit"] == 10
    assert (result.header.values["freightamount"], result.header.values["discountamount"]) == (20, 10)
    assert sales_total(result) == order.document().header["OrderTotalAmount"]


@pytest.mark.parametrize("amount_has_fixed", [True, False])
@pytest.mark.parametrize("charges_have_fixed", [True, False])
def test_the_documented_discount_arrives_whole(
    amount_has_fixed: bool, charges_have_fixed: bool, context: Context
) -> None:
    known = Readings(amount_has_fixed=amount_has_fixed, charges_have_fixed=charges_have_fixed)
    line = Line(quantity=D(3), off=D("3.33"), fixed=D("-0.01"), charge=D(5))
    result = mapped("orders-to-sales", Order((line,), readings=known).document(), context)
    product, charge = result.lines
    assert product.values["manualdiscountamount"] == D("10.00")
    assert charge.values["priceperunit"] == D("5.00")
    assert result.header.values["freightamount"] == 0
    assert result.notes == ()


def test_a_price_with_more_decimals_keeps_the_amount_and_is_noted(context: Context) -> None:
    order = Order((Line(quantity=D(1000), price=D("0.0725")),), rate=ZERO)
    for source, template in ((order.document(), "orders-to-sales"), (order.invoice(), "invoices")):
        result = mapped(template, source, context)
        values = result.lines[0].values
        assert (values["priceperunit"], values["manualdiscountamount"]) == (D("0.08"), D("7.50"))
        (note,) = result.notes
        assert (note.code, note.field) == (NoteCode.EQUAL_AFTER_ROUNDING, "SalesPrice")
        assert "is 0.0725" in note.reason
        assert "0.08" in note.reason
        assert note.line == f"{result.lines[0].task} 1 (D0001)"


@pytest.mark.parametrize(("currency", "smallest", "places"), [("JPY", "1", 0), ("KWD", "0.001", 3)])
def test_the_currency_decides_the_decimals(currency: str, smallest: str, places: int, context: Context) -> None:
    line = Line(quantity=D(7), price=D("333.3333"), percent=D("12.5"), charge=D(5) * D(smallest))
    order = Order((line,), currency=currency, smallest=D(smallest), charge=D(9) * D(smallest))
    for source, template, total in (
        (order.document(), "orders-to-sales", "OrderTotalAmount"),
        (order.invoice(), "invoices", "TotalInvoiceAmount"),
    ):
        result = mapped(template, source, context)
        expected = D(str(source.header[total])) - (D(str(source.header.get("InvoiceHeaderTaxAmount") or 0)))
        assert sales_total(result, places) == expected


def test_an_amount_below_half_a_step_of_the_price_has_its_line(context: Context) -> None:
    charge, header = D("-0.003"), D("-0.004")
    order = Order((Line(charge=charge),), ZERO, charge=header, currency="KWD", smallest=D("0.001"))
    for source, template in ((order.document(), "orders-to-sales"), (order.invoice(), "invoices")):
        result = mapped(template, source, context)
        assert nets(result, "ChargeLine", 3) == [charge]
        assert nets(result, "ExtraLine", 3) == [header]
        assert sales_total(result, 3) == D("99.993")


def test_the_total_selects_where_the_row_allows_two_amounts(context: Context) -> None:
    """2.75 x 20.65 less 1.70 is 55.0875 with tax: 55.08, where the discount is 1.7036, or 55.09."""
    line = {**rows.INVOICE_LINE, "LineTotalChargeAmount": ZERO}
    first = {
        "InvoicedQuantity": ONE,
        "SalesPrice": D("2081.31"),
        "LineAmount": D("1927.14"),
        "LineTotalTaxAmount": D("151.09"),
    }
    second = {
        "LineCreationSequenceNumber": 2,
        "InvoicedQuantity": D("2.75"),
        "SalesPrice": D("20.65"),
        "LineAmount": D("51.00"),
        "LineTotalDiscountAmount": D("1.70"),
        "LineTotalTaxAmount": D("4.00"),
    }
    for total in ("2105.56", "2105.57"):
        header = {
            **rows.INVOICE,
            "TotalInvoiceAmount": D(total),
            "InvoiceHeaderTaxAmount": D("0.88"),
            "TotalTaxAmount": D("155.97"),
            "TotalChargeAmount": D("11.90"),
            "TotalDiscountAmount": D("44.43"),
            "TotalDiscountCustomerGroupCode": D("42.73"),
        }
        lines = [{**line, "LineTotalDiscountAmount": ZERO, **first}, {**line, **second}]
        result = mapped("invoices", rows.document("I", header, SalesInvoiceLine=lines), context)
        assert sales_total(result) == D(total) - D("0.88")
        assert NoteCode.TOTAL_UNEXPLAINED not in {note.code for note in result.notes}


@pytest.mark.parametrize("discount", ["0", "23.80"])
def test_a_fixed_charge_stays_in_the_invoice_line_where_prices_include_tax(discount: str, context: Context) -> None:
    lines = Line(quantity=D(32), price=D("349.44"), fixed=D("2.38")), Line(quantity=D(28), price=D("124.30"))
    order = Order(lines, includes_tax=True, charge=D("11.90"), discount=D(discount))
    source = order.invoice()
    shown = [
        {**row, "LineTotalChargeAmount": line.fixed}
        for row, line in zip(source.lines["SalesInvoiceLine"], lines, strict=True)
    ]
    header = {**source.header, "TotalChargeAmount": D("11.90") + D("2.38")}
    result = mapped("invoices", replace(source, header=header, lines={"SalesInvoiceLine": shown}), context)
    assert nets(result, "SalesInvoiceLine") == [row["LineAmount"] for row in shown]
    assert not [line for line in result.lines if line.task != "SalesInvoiceLine"]
    assert abs(value(result.header.values, "discountamount") - D(discount) / D("1.19")) <= CENT, "its tax is per line"
    assert sales_total(result) == D(str(header["TotalInvoiceAmount"])) - D(str(header["InvoiceHeaderTaxAmount"]))


def test_the_rows_decide_whether_the_amount_contains_the_fixed_charge(context: Context) -> None:
    """-0.05 x 13.6477 less 5 % and 12.5 % rounds to -0.57 one after the other, to -0.56 added up: -0.57 with a charge
    of -0.01 is both. The other line has one meaning only, and the amounts of one document are read alike."""
    small = Line(D("-0.05"), D("13.6477"), percent=D(5), multiline_percent=D("12.5"), fixed=D("-0.01"))
    plain = Line(D(3), D(100), fixed=D("7.5"))
    for contained in (True, False):
        known = Readings(amount_has_fixed=contained, percentages_compound=not contained)
        order = Order((small, plain), readings=known)
        result = mapped("orders-to-sales", order.document(), context)
        assert nets(result, "OrderLine") == [order.net(line) + line.fixed for line in order.lines]
    alone = Order((small,), readings=Readings(percentages_compound=False))
    assert nets(mapped("orders-to-sales", alone.document(), context), "OrderLine") == [D("-0.57")]


def test_charges_and_discounts_below_zero_become_a_line(context: Context) -> None:
    order = Order((Line(quantity=D(-2), off=D(10)),), charge=D(-8), discount=D(-5))
    for source, template in ((order.document(), "orders-to-sales"), (order.invoice(), "invoices")):
        result = mapped(template, source, context)
        product, extra = result.lines
        assert (product.values["priceperunit"], product.values["manualdiscountamount"]) == (90, 0)
        assert (extra.task, extra.values["priceperunit"]) == ("ExtraLine", -3)


plain_invoices = st.builds(
    Order,
    lines=st.lists(
        st.builds(
            Line,
            quantity=st.one_of(st.integers(-50, 50).map(D), st.decimals(min_value=-50, max_value=50, places=2)).filter(
                bool
            ),
            price=st.decimals(min_value=10, max_value=2000, places=2),
            off=discounts,
            percent=percents,
            charge=st.sampled_from([ZERO, D(5), D("-3.25")]),
        ),
        min_size=1,
        max_size=4,
    ).map(tuple),
    rate=rates,
    includes_tax=st.booleans(),
    charge=cents,
    discount=cents,
    readings=readings,
)


@given(plain_invoices)
def test_the_total_of_an_invoice_is_the_same_in_both_systems(order: Order) -> None:
    source = order.invoice()
    result = mapped("invoices", source, CONTEXT)
    expected = D(str(source.header["TotalInvoiceAmount"])) - D(str(source.header["InvoiceHeaderTaxAmount"]))
    assert sales_total(result) == expected


@pytest.mark.parametrize("amount_has_tax", [True, False])
@pytest.mark.parametrize("with_lines", [True, False])
@pytest.mark.parametrize("off", ["0", "3.33"])
def test_an_invoice_with_tax_in_its_prices_agrees_in_every_reading(
    amount_has_tax: bool, with_lines: bool, off: str, context: Context
) -> None:
    known = Readings(invoice_amount_has_tax=amount_has_tax, discount_has_lines=with_lines)
    lines = (Line(quantity=D(3), price=D(119), off=D(off)), Line(quantity=D(2), price=D("59.50"), percent=D(10)))
    order = Order(lines, includes_tax=True, charge=D("11.90"), discount=D("23.80"), readings=known)
    source = order.invoice()
    result = mapped("invoices", source, context)
    expected = D(str(source.header["TotalInvoiceAmount"])) - D(str(source.header["InvoiceHeaderTaxAmount"]))
    assert sales_total(result) == expected
    assert result.header.values["discountamount"] in (D(20), D("20.01"), D("19.99"))


@pytest.mark.parametrize("charges_have_fixed", [True, False])
def test_the_rounding_of_a_discount_stays_in_the_invoice_line(charges_have_fixed: bool, context: Context) -> None:
    line = Line(quantity=D(3), off=D("3.33"), fixed=D("-0.01"), charge=D(5))
    order = Order((line,), readings=Readings(charges_have_fixed=charges_have_fixed))
    result = mapped("invoices", order.invoice(), context)
    product, charge = result.lines
    assert product.values["manualdiscountamount"] == D("10.00")
    assert charge.values["priceperunit"] == D("5.00")


def test_a_total_that_no_reading_explains_is_noted(context: Context) -> None:
    source = Order((Line(),)).document()
    result = mapped("orders-to-sales", replace(source, header={**source.header, "OrderTotalAmount": D(500)}), context)
    (note,) = result.notes
    assert (note.code, note.field, note.line) == (NoteCode.TOTAL_UNEXPLAINED, "OrderTotalAmount", HEADER)
    assert "is 500" in note.reason
    assert result.header.values["freightamount"] == 0, "no amount comes from the total"


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"OrderedSalesQuantity": None}, "OrderedSalesQuantity", "is empty"),
        ({"OrderedSalesQuantity": ZERO}, "OrderedSalesQuantity", "is 0, but the line has an amount"),
        ({"LineAmount": "much"}, "LineAmount", "no number"),
    ],
)
def test_a_line_without_an_amount_names_its_column(
    change: dict[str, Any], field: str, reason: str, context: Context
) -> None:
    source = Order((Line(), Line())).document()
    changed = [source.lines["OrderLine"][0], {**source.lines["OrderLine"][1], **change}]
    result = Mapper(builtin_templates()["orders-to-sales"], context).map(replace(source, lines={"OrderLine": changed}))
    assert isinstance(result, Rejected)
    (flaw,) = result.flaws
    assert (flaw.field, flaw.line) == (field, "OrderLine 2 (D0001)")
    assert reason in flaw.reason
