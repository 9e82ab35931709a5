"""Kinds of amounts that meet in one document, by hand arithmetic on both sides, and reconcile's judgement of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from demo.stage import Stage
from sandbox.company.sales_desk import Ref, SalesDesk
from sandbox.company.sales_masters import currency_of, owner_of, price_list_of
from sandbox.wire.store import Row
from tests.staging import FULL, Raise, counts, forget_requests, writes

D = Decimal
MASTERS = ["products", "accounts", "contacts", "contacts-to-customers"]
BOTH = ["orders-to-sales", "invoices"]


def opened(stage: Raise) -> Stage:
    """A company with many currencies, its masters in both systems."""
    play = stage("contoso-money")
    play.company.set_up()
    counts(play.run(MASTERS))
    return play


def sellable(play: Stage) -> Row:
    return next(row for row in play.sandbox.sales.rows("product") if row["productnumber"] == "MUG-01")


def enter(play: Stage, number: str, *lines: dict[str, Any], account: str = "A-1001", **header: Any) -> None:
    """A confirmed order of F&O; a line is quantity, price and what else it is given."""
    people = play.sandbox.finops
    people.new_order(
        account, [{"ProductNumber": "MUG-01", **line} for line in lines], SalesOrderNumber=number, **header
    )
    people.confirm(number)


def line(quantity: str, price: str, **more: str) -> dict[str, Any]:
    return {
        "OrderedSalesQuantity": D(quantity),
        "SalesPrice": D(price),
        **{name: D(text) for name, text in more.items()},
    }


def sell(play: Stage, number: str, account: str, currency: str, *lines: dict[str, Any], **header: Any) -> Ref:
    """An activated order of Sales."""
    desk, product = SalesDesk(play.sandbox.sales), sellable(play)
    with desk.bulk():
        made = desk.create(
            "salesorder",
            number,
            {
                "ordernumber": number,
                "name": number,
                "customerid": desk.find("account", accountnumber=account),
                "transactioncurrencyid": currency_of(desk, currency),
                "pricelevelid": price_list_of(desk, currency),
                "ownerid": owner_of("usmf"),
                **header,
            },
        )
        for position, values in enumerate(lines, start=1):
            row = {
                "salesorderid": made,
                "sequencenumber": position,
                "productid": Ref("product", product["productid"]),
                "uomid": Ref("uom", product["defaultuomid"]),
                "ispriceoverridden": True,
                **values,
            }
            desk.create("salesorderdetail", f"{number} {position}", row)
    desk.activate_order(made)
    return made


def order_in_sales(play: Stage, number: str) -> Row:
    (row,) = play.sandbox.sales.rows("salesorder", ordernumber=number)
    return row


def invoice_totals(play: Stage, number: str) -> list[tuple[Decimal, Decimal]]:
    """Of each invoice of an order: the total in Sales, and that of F&O less the tax on header charges."""
    found = []
    for row in play.sandbox.finops.books.rows("CustInvoiceJour", SalesOrderNumber=number):
        (made,) = play.sandbox.sales.rows("invoice", invoicenumber=row["InvoiceNumber"])
        found.append((made["totalamount"], row["TotalInvoiceAmount"] - row["InvoiceHeaderTaxAmount"]))
    return found


def settled(play: Stage) -> None:
    """Every document agrees by reconcile, and another run writes nothing."""
    balances = [balance for agreement in play.reconcile() for balance in agreement.balances]
    assert sum(balance.compared for balance in balances) > 0
    assert not [str(difference) for balance in balances for difference in balance.unexplained]
    forget_requests(play)
    play.run(BOTH, mode=FULL)
    assert writes(play) == (0, 0)


def test_an_invoice_of_fractions_with_tax_inside_and_a_header_discount_agrees_to_the_cent(stage: Raise) -> None:
    """55.0875 with tax, of which F&O makes 55.08: 2081.31 + 55.08 + 11.90 - 42.73 = 2105.56, 0.88 of it header tax."""
    play = opened(stage)
    people = play.sandbox.finops
    lines = line("1", "2081.31"), line("2.75", "20.65", LineDiscountPercentage="3")
    enter(play, "K-tax", *lines, ArePricesIncludingSalesTax="Yes")
    people.discount_order("K-tax", percentage=D(2))
    people.charge("K-tax", D("11.90"))
    people.calculate_totals()
    play.run(["orders-to-sales"])
    assert order_in_sales(play, "K-tax")["totalamount"] == D("2105.56")
    people.invoice("K-tax")
    people.calculate_totals()
    (_, invoices) = play.run(BOTH)
    assert invoice_totals(play, "K-tax") == [(D("2104.68"), D("2104.68"))]
    assert not invoices.record.note_counts.get("total-unexplained")
    settled(play)


def test_partial_invoices_and_credit_notes_with_all_kinds_of_amounts_agree(stage: Raise) -> None:
    play = opened(stage)
    people = play.sandbox.finops
    enter(
        play,
        "K-part",
        line("5", "33.33", LineDiscountAmount="0.33", FixedPriceCharges="0.02"),
        line("3", "9.99"),
        line("-2", "100", LineDiscountAmount="10"),
        line("1000", "0.0725"),
    )
    people.charge("K-part", D("25.55"))
    people.charge("K-part", D("4.44"), "HANDLING", line=1)
    people.discount_order("K-part", percentage=D("3.3"))
    people.ship("K-part", lines={1: D(2)})
    people.invoice("K-part", shipped_only=True)
    people.invoice("K-part")
    posted = [row["InvoiceNumber"] for row in people.books.rows("CustInvoiceJour", SalesOrderNumber="K-part")]
    for number in posted:
        people.credit_note(number)
    people.calculate_totals()
    play.run(BOTH)
    totals = invoice_totals(play, "K-part")
    assert len(totals) == 4
    assert all(ours == theirs for ours, theirs in totals)
    assert sum(ours for ours, _ in totals) == 0
    settled(play)


def test_a_charge_smaller_than_a_step_of_the_price_has_its_line(stage: Raise) -> None:
    """5.000 - 0.004 + 0.400 tax - 0.003 = 5.393: prices of Sales have two decimals, dinars three."""
    play = opened(stage)
    people = play.sandbox.finops
    enter(play, "K-fils", line("1", "5"), account="A-1021", CurrencyCode="KWD")
    people.charge("K-fils", D("-0.003"))
    people.charge("K-fils", D("-0.004"), "HANDLING", line=1)
    people.calculate_totals()
    people.invoice("K-fils")
    people.calculate_totals()
    play.run(BOTH)
    assert order_in_sales(play, "K-fils")["totalamount"] == D("5.393")
    assert invoice_totals(play, "K-fils") == [(D("5.393"), D("5.393"))]
    settled(play)


@pytest.mark.parametrize(("currency", "account", "scale"), [("KWD", "A-1021", "0.001"), ("JPY", "A-1001", "1")])
@pytest.mark.parametrize("canceled", ["excluded", "zeroed"])
def test_header_amounts_of_sales_go_there_and_back_through_a_change_and_a_cancelled_line(
    stage: Raise, currency: str, account: str, scale: str, canceled: str
) -> None:
    play = opened(stage)
    people = play.sandbox.finops
    people.set_options(canceled_lines=canceled)
    unit = D(scale)
    record = sell(
        play,
        "K-back",
        account,
        currency,
        {"quantity": D(3), "priceperunit": D("399"), "manualdiscountamount": 5 * unit},
        {"quantity": D("5.5"), "priceperunit": D("72")},
        {"quantity": D(-1), "priceperunit": D("125")},
        discountpercentage=D("3.3"),
        discountamount=777 * unit,
        freightamount=1005 * unit,
    )
    counts(play.run(["orders-to-finops"]))
    (entered,) = play.sandbox.sales.rows("salesorder", salesorderid=record.id)
    sent = sum(row["LineAmount"] for row in people.books.rows("SalesLine", SalesOrderNumber="K-back"))
    assert entered["totalamount"] - entered["totaltax"] == sent
    people.confirm("K-back")
    people.calculate_totals()
    play.run(["orders-to-sales"])
    back = order_in_sales(play, "K-back")
    assert (back["discountamount"], back["discountpercentage"], back["freightamount"]) == (
        entered["discountamount"],
        entered["discountpercentage"],
        entered["freightamount"],
    )
    key = {"dataAreaId": "usmf", "SalesOrderNumber": "K-back", "LineCreationSequenceNumber": 1}
    people.update("CDSSalesOrderLines", key, {"OrderedSalesQuantity": D(4)})
    people.cancel_order("K-back", line=2)
    people.calculate_totals()
    play.run(["orders-to-sales"])
    assert order_in_sales(play, "K-back")["totalamount"] == people.order("K-back")["OrderTotalAmount"]
    settled(play)


def test_an_order_that_f_and_o_rounds_coarser_is_explained_until_it_is_confirmed(stage: Raise) -> None:
    """3 x 9.99 = 29.97 in Sales, 29.95 in F&O; once F&O is the master, Sales has 29.95 and the tax on it."""
    play = opened(stage)
    people = play.sandbox.finops
    people.update("Currency", {"CurrencyCode": "USD"}, {"RoundingRuleSalesOrders": D("0.05")})
    sell(play, "K-coarse", "A-1001", "USD", {"quantity": D(3), "priceperunit": D("9.99")})
    counts(play.run(["orders-to-finops"]))
    balances = [balance for agreement in play.reconcile() for balance in agreement.balances]
    assert [(difference.number, difference.explanation) for one in balances for difference in one.differences] == [
        ("K-coarse", "finops-rounds-coarser")
    ]
    people.confirm("K-coarse")
    people.calculate_totals()
    play.run(["orders-to-sales"])
    assert order_in_sales(play, "K-coarse")["totalamount"] == people.order("K-coarse")["OrderTotalAmount"]
    settled(play)
