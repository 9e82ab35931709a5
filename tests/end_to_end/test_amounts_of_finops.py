"""Amounts that people enter in F&O, in orders and invoices in Sales: in every position of what is unverified."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from demo.stage import Stage
from sandbox.finops.service import FinOpsService
from sandbox.wire.store import Row
from tests.staging import FULL, Raise, counts, forget_requests, writes

D = Decimal
MASTERS = ["products", "accounts", "contacts", "contacts-to-customers"]
POSITIONS: dict[str, dict[str, Any]] = {
    "as expected": {},
    "the other way": {
        "line_amount_contains_fixed_charge": False,
        "discounts_per_price_unit": True,
        "percentages_compound": False,
        "order_discount_contains_lines": False,
        "order_charges_contain_fixed": True,
        "invoice_discount_contains_lines": False,
        "invoice_line_amount_includes_tax": True,
    },
    "zeroed": {"canceled_lines": "zeroed", "order_charges_contain_fixed": True},
}
ROUNDING = {
    "OrderedSalesQuantity": 3,
    "SalesPrice": D(100),
    "LineDiscountAmount": D("3.33"),
    "FixedPriceCharges": D("-0.01"),
}
LINES: dict[str, list[dict[str, Any]]] = {
    "M-rounding": [ROUNDING],
    "M-discounts": [
        {"OrderedSalesQuantity": 7, "SalesPrice": D("19.99"), "LineDiscountPercentage": D(10)},
        {"OrderedSalesQuantity": 3, "SalesPrice": D("19.99"), "MultilineDiscountPercentage": D("12.5")},
        {
            "OrderedSalesQuantity": 2,
            "SalesPrice": D("19.99"),
            "LineDiscountAmount": D("0.5"),
            "LineDiscountPercentage": D(10),
            "MultilineDiscountAmount": D("0.25"),
            "MultilineDiscountPercentage": D(5),
        },
    ],
    "M-prices": [
        {"OrderedSalesQuantity": 1000, "SalesPrice": D("0.0725")},
        {"OrderedSalesQuantity": 250, "SalesPrice": D("12.5"), "SalesPriceQuantity": 100},
        {"OrderedSalesQuantity": -2, "SalesPrice": D(100), "LineDiscountAmount": D(10)},
    ],
    "M-charges": [ROUNDING, {"OrderedSalesQuantity": 1, "SalesPrice": D(60)}],
    "M-credit": [{"OrderedSalesQuantity": 1, "SalesPrice": D(60)}],
    "M-tax": [{"OrderedSalesQuantity": 1, "SalesPrice": D(119)}, {"OrderedSalesQuantity": 3, "SalesPrice": D("9.99")}],
}


def entered(stage: Raise, **options: Any) -> Stage:
    """Masters in both systems, and confirmed orders with all kinds of amounts in F&O."""

    play = stage()
    play.company.set_up()
    counts(play.run(MASTERS))
    people = play.sandbox.finops
    people.set_options(**options)
    for number, lines in LINES.items():
        order(play, number, lines, ArePricesIncludingSalesTax="Yes" if number == "M-tax" else "No")
    people.charge("M-charges", D("25.5"))
    people.charge("M-charges", D(4), "HANDLING", line=1)
    people.charge("M-charges", D("-3.25"), "HANDLING", line=2)
    people.charge("M-credit", D(-8))
    people.charge("M-tax", D("11.9"))
    people.discount_order("M-discounts", amount=D("7.77"))
    people.discount_order("M-charges", percentage=D(5))
    people.calculate_totals()
    return play


def order(play: Stage, number: str, lines: list[dict[str, Any]], **header: Any) -> None:
    people: FinOpsService = play.sandbox.finops
    product = next(row for row in play.sandbox.sales.rows("product") if row["statecode"] == 0)["productnumber"]
    people.new_order(
        "A-1001", [{"ProductNumber": product, **line} for line in lines], SalesOrderNumber=number, **header
    )
    people.confirm(number)


def in_sales(play: Stage, table: str, **number: str) -> Row:
    (row,) = play.sandbox.sales.rows(table, **number)
    return row


def lines_in_sales(play: Stage, number: str) -> list[Row]:
    made = in_sales(play, "salesorder", ordernumber=number)
    rows = play.sandbox.sales.rows("salesorderdetail", salesorderid=made["salesorderid"])
    return sorted(rows, key=lambda row: row["sequencenumber"] or 0)


def total_of(play: Stage, number: str) -> Decimal:
    return D(play.sandbox.finops.order(number)["OrderTotalAmount"])


@pytest.mark.parametrize("position", POSITIONS)
def test_orders_and_invoices_have_the_same_totals_in_both_systems(stage: Raise, position: str) -> None:
    play = entered(stage, **POSITIONS[position])
    people = play.sandbox.finops
    assert counts(play.run(["orders-to-sales"]))["orders-to-sales"]["created"] == len(LINES)
    for number in LINES:
        assert in_sales(play, "salesorder", ordernumber=number)["totalamount"] == total_of(play, number), number
    for number in LINES:
        people.invoice(number)
    people.calculate_totals()
    play.run(["orders-to-sales", "invoices"])
    posted = people.books.rows("CustInvoiceJour")
    assert {row["SalesOrderNumber"] for row in posted} >= set(LINES)
    for row in posted:
        invoice = in_sales(play, "invoice", invoicenumber=row["InvoiceNumber"])
        assert invoice["totalamount"] == row["TotalInvoiceAmount"] - row["InvoiceHeaderTaxAmount"], row
    forget_requests(play)
    play.run(["orders-to-sales", "invoices"], mode=FULL)
    assert writes(play) == (0, 0)


def test_a_price_that_sales_cannot_hold_is_counted_and_named(stage: Raise) -> None:
    play = entered(stage)
    (finished,) = play.run(["orders-to-sales"])
    notes = [note for outcome in play.outcomes(finished) for note in outcome.notes if outcome.key == "M-prices"]
    assert [(note.code.value, note.line, note.field) for note in notes] == [
        ("equal-after-rounding", "OrderLine 1 (CUP-12)", "SalesPrice"),
        ("equal-after-rounding", "OrderLine 2 (CUP-12)", "SalesPrice"),
        ("equal-after-rounding", "OrderLine 3 (CUP-12)", "SalesPrice"),
    ]
    assert finished.record.note_counts["equal-after-rounding"] >= len(notes)
    first = lines_in_sales(play, "M-prices")[0]
    assert (first["priceperunit"], first["manualdiscountamount"], first["baseamount"]) == (D("0.08"), D("7.5"), D(80))


@pytest.mark.parametrize("canceled", ["excluded", "counted", "zeroed"])
def test_what_is_cancelled_in_finops_leaves_no_amount_in_sales(stage: Raise, canceled: str) -> None:
    play = entered(stage, canceled_lines=canceled)
    people = play.sandbox.finops
    lines = [{"OrderedSalesQuantity": 1, "SalesPrice": D(100)}, {"OrderedSalesQuantity": 1, "SalesPrice": D(60)}]
    for number in ("M-line", "M-whole"):
        order(play, number, lines)
        people.charge(number, D(10))
        people.charge(number, D(5), "HANDLING", line=2)
    people.calculate_totals()
    play.run(["orders-to-sales"])
    before = in_sales(play, "salesorder", ordernumber="M-line")["totalamount"]
    people.cancel_order("M-line", line=2)
    people.cancel_order("M-whole")
    people.calculate_totals()
    play.run(["orders-to-sales"])
    kept, gone = (in_sales(play, "salesorder", ordernumber=number) for number in ("M-line", "M-whole"))
    assert gone["totalamount"] == 0
    assert kept["totallineitemamount"] == 100 + kept["msdynce_misctax"], "the line and the Freight Tax line"
    assert kept["freightamount"] == 10
    assert kept["totalamount"] < before
    if canceled != "counted":
        assert kept["totalamount"] == total_of(play, "M-line")
    shown = [row for row in lines_in_sales(play, "M-line") if row["sequencenumber"] == 2]
    assert [(row["quantity"], row["priceperunit"]) for row in shown] == [(0, 60)], "it stays visible"
    forget_requests(play)
    play.run(["orders-to-sales"], mode=FULL)
    assert writes(play) == (0, 0)


def test_a_line_of_a_person_in_sales_stays(stage: Raise) -> None:
    play = entered(stage)
    play.run(["orders-to-sales"])
    made = in_sales(play, "salesorder", ordernumber="M-rounding")["salesorderid"]
    sales = play.sandbox.sales
    engine = sales.engine
    engine.create(
        "salesorderdetail",
        {
            "salesorderid": made,
            "isproductoverridden": True,
            "productdescription": "Gift wrap",
            "quantity": D(1),
            "priceperunit": D(3),
            "sequencenumber": 77,
        },
        sales.caller("people"),
    )
    play.sandbox.finops.charge("M-rounding", D(2), "HANDLING", line=1)
    play.sandbox.finops.calculate_totals()
    play.run(["orders-to-sales"], mode=FULL)
    names = [row["productdescription"] for row in lines_in_sales(play, "M-rounding")]
    assert "Gift wrap" in names
    assert "Charges" in names
