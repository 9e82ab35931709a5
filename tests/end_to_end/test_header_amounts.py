"""Header discounts, freight and volume discounts of quotes and orders in F&O, and back in Sales."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from demo.stage import Stage
from sandbox.company.sales_desk import Ref, SalesDesk
from sandbox.company.sales_masters import currency_of, owner_of, price_list_of
from sandbox.wire.store import Row
from tests.staging import FULL, Raise, change_project, counts, forget_requests, kept_back, writes

D = Decimal


def stocked(stage: Raise, **templates: Any) -> Stage:
    """A company with accounts and products in both systems, and the template changes given."""

    def change(content: dict[str, Any]) -> None:
        content.setdefault("templates", {}).update(templates)

    play = stage(project=change)
    play.company.set_up()
    counts(play.run(["products", "accounts", "contacts", "contacts-to-customers"]))
    return play


def product_of(play: Stage) -> Row:
    """The dearest product that can be sold, so that every per cent of its price counts."""
    sellable = (row for row in play.sandbox.sales.rows("product") if row["statecode"] == 0 and row["price"])
    return max(sellable, key=lambda row: (row["price"], row["productid"]))


def sell(
    play: Stage,
    number: str,
    lines: Sequence[dict[str, Any]],
    kind: str = "salesorder",
    **header: object,
) -> Ref:
    """An activated order or quote of a person in Sales; a line has quantity and price, and what else it is given."""
    desk = SalesDesk(play.sandbox.sales)
    account = desk.find("account", accountnumber="A-1001")
    product = product_of(play)
    with desk.bulk():
        made = desk.create(
            kind,
            number,
            {
                f"{'order' if kind == 'salesorder' else 'quote'}number": number,
                "name": number,
                "customerid": account,
                "transactioncurrencyid": currency_of(desk, "USD"),
                "pricelevelid": price_list_of(desk, "USD"),
                "ownerid": owner_of("usmf"),
                **header,
            },
        )
        for position, line in enumerate(lines, start=1):
            desk.create(
                f"{kind}detail" if kind == "salesorder" else "quotedetail",
                f"{number} {position}",
                {
                    f"{kind}id": made,
                    "sequencenumber": position,
                    "productid": Ref("product", product["productid"]),
                    "uomid": Ref("uom", product["defaultuomid"]),
                    "ispriceoverridden": "priceperunit" in line,
                    **line,
                },
            )
    if kind == "salesorder":
        desk.activate_order(made)
    else:
        desk.activate_quote(made)
    return made


def give_volume_discount(play: Stage, product: str, percentage: Decimal) -> None:
    """A discount list of Sales for a product: so many per cent off from 4 pieces on."""
    sales = play.sandbox.sales
    discounts = sales.create("discounttype", {"name": "Quantity"})["discounttypeid"]
    step = {"discounttypeid": discounts, "lowquantity": D(4), "highquantity": D(1000), "percentage": percentage}
    sales.create("discount", step)
    for item in sales.rows("productpricelevel", productid=product):
        sales.people.update("productpricelevel", item["productpricelevelid"], {"discounttypeid": discounts})


def at_sales(play: Stage, record: Ref) -> Row:
    id_name = f"{record.table}id"
    (row,) = play.sandbox.sales.rows(record.table, **{id_name: record.id})
    return row


def lines_at_finops(play: Stage, number: str, table: str = "SalesLine") -> list[Row]:
    column = "SalesOrderNumber" if table == "SalesLine" else "SalesQuotationNumber"
    return sorted(
        play.sandbox.finops.books.rows(table, **{column: number}), key=lambda row: row["LineCreationSequenceNumber"]
    )


def amount_at_finops(play: Stage, number: str, table: str = "SalesLine") -> Decimal:
    """The lines' amounts with their charges, without tax."""
    contained = play.sandbox.finops.options.line_amount_contains_fixed_charge
    lines = lines_at_finops(play, number, table)
    return sum((row["LineAmount"] + (0 if contained else row["FixedPriceCharges"]) for row in lines), D(0))


KINDS: dict[str, dict[str, Any]] = {
    "A-discount": {"discountamount": D("40.00")},
    "A-percent": {"discountpercentage": D("10")},
    "A-both": {"discountamount": D("7.77"), "discountpercentage": D("3.3")},
    "A-freight": {"freightamount": D("12.34")},
    "A-all": {"discountamount": D("7.77"), "discountpercentage": D("3.3"), "freightamount": D("0.01")},
}
LINES = [
    {"quantity": D(3), "priceperunit": D("99.99"), "manualdiscountamount": D("10.00")},
    {"quantity": D(7), "priceperunit": D("1.15")},
    {"quantity": D(1), "priceperunit": D(0)},
]


@pytest.mark.parametrize("kind", ["salesorder", "quote"])
def test_documents_with_header_amounts_have_the_same_total_in_both_systems(stage: Raise, kind: str) -> None:
    play = stocked(stage)
    template, table = ("orders-to-finops", "SalesLine") if kind == "salesorder" else ("quotes", "SalesQuotationLine")
    made = {number: sell(play, number, LINES, kind, **header) for number, header in KINDS.items()}
    assert counts(play.run([template]))[template] == {"created": len(KINDS)}
    for number, record in made.items():
        row = at_sales(play, record)
        assert row["totalamount"] - row["totaltax"] == amount_at_finops(play, number, table), number
    forget_requests(play)
    assert counts(play.run([template], mode=FULL))[template] == {"unchanged": len(KINDS)}
    assert writes(play) == (0, 0)


def test_a_changed_header_discount_changes_the_lines_that_carry_it_and_no_other(stage: Raise) -> None:
    play = stocked(stage)
    record = sell(play, "B-1", LINES, discountamount=D(20))
    play.run(["orders-to-finops"])
    SalesDesk(play.sandbox.sales).update(record, {"discountamount": D("20.03")})
    (finished,) = play.run(["orders-to-finops"])
    (outcome,) = play.outcomes(finished)
    assert {name.partition(":")[0] for name in outcome.changed} <= {"OrderLine 1", "OrderLine 2"}
    row = at_sales(play, record)
    assert row["totalamount"] - row["totaltax"] == amount_at_finops(play, "B-1")


def test_ignored_header_amounts_are_a_note_and_rejected_ones_a_dead_letter(stage: Raise) -> None:
    play = stocked(stage, **{"orders-to-finops": {"headerAmounts": "ignore"}})
    sell(play, "C-1", [{"quantity": D(4), "priceperunit": D(100)}], discountamount=D(40))
    (finished,) = play.run(["orders-to-finops"])
    assert (finished.record.status, finished.record.counts) == ("Completed", {"created": 1})
    assert finished.record.note_counts == {"header-amounts-ignored": 1}
    assert amount_at_finops(play, "C-1") == D(400)
    change_project(
        play.settings, lambda content: content["templates"]["orders-to-finops"].update(headerAmounts="reject")
    )
    ((_, outcome),) = kept_back(play, play.run(["orders-to-finops"])).items()
    assert (outcome.kind, outcome.rule) == ("rejected", "header-amounts")
    change_project(play.settings, lambda content: content["templates"].pop("orders-to-finops"))
    assert counts(play.run(["orders-to-finops"]))["orders-to-finops"] == {"updated": 1}
    assert amount_at_finops(play, "C-1") == D(360)


def test_a_discount_larger_than_what_the_lines_come_to_is_rejected(stage: Raise) -> None:
    play = stocked(stage)
    sell(play, "D-1", [{"quantity": D(1), "priceperunit": D(30)}], discountamount=D(40))
    ((_, outcome),) = kept_back(play, play.run(["orders-to-finops"])).items()
    assert (outcome.rule, outcome.field) == ("header-amounts", "discountamount, discountpercentage")
    assert "40" in outcome.reason


def test_returns_and_fractions_agree(stage: Raise) -> None:
    play = stocked(stage)
    lines = [
        {"quantity": D(-2), "priceperunit": D("19.99"), "manualdiscountamount": D("1.00")},
        {"quantity": D("0.333"), "priceperunit": D("77.77")},
        {"quantity": D(4)},
    ]
    give_volume_discount(play, product_of(play)["productid"], D(5))
    record = sell(play, "E-1", lines, discountpercentage=D("12.5"), freightamount=D("3.33"))
    assert counts(play.run(["orders-to-finops"]))["orders-to-finops"] == {"created": 1}
    row = at_sales(play, record)
    (listed,) = play.sandbox.sales.rows("salesorderdetail", salesorderid=record.id, sequencenumber=3)
    assert listed["volumediscountamount"] > 0
    assert row["totalamount"] - row["totaltax"] == amount_at_finops(play, "E-1")


def test_a_blank_requested_date_is_the_date_of_the_document_when_it_is_created_and_no_other_time(stage: Raise) -> None:
    play = stocked(stage)
    record = sell(play, "F-1", LINES, submitdate="2026-03-05")
    sell(play, "F-2", LINES, "quote", effectivefrom="2026-03-06")
    assert counts(play.run(["orders-to-finops", "quotes"])) == {
        "orders-to-finops": {"created": 1},
        "quotes": {"created": 1},
    }
    finops = play.sandbox.finops
    assert str(finops.order("F-1")["RequestedShippingDate"]).startswith("2026-03-05")
    assert all(str(row["RequestedReceiptDate"]).startswith("2026-03-05") for row in lines_at_finops(play, "F-1"))
    lines = lines_at_finops(play, "F-2", "SalesQuotationLine")
    assert all(str(row["RequestedReceiptDate"]).startswith("2026-03-06") for row in lines)
    key = {"dataAreaId": "usmf", "SalesOrderNumber": "F-1"}
    finops.update("CDSSalesOrderHeaders", key, {"RequestedShippingDate": "2026-04-01T12:00:00Z"})
    SalesDesk(play.sandbox.sales).update(record, {"name": "renamed"})
    assert counts(play.run(["orders-to-finops"])) == {"orders-to-finops": {"updated": 1}}
    assert str(finops.order("F-1")["RequestedShippingDate"]).startswith("2026-04-01")


# --- and back ------------------------------------------------------------------------------------------------------


def amounts_in_sales(play: Stage, record: Ref) -> dict[str, Any]:
    """The amounts that the seller entered, of the header and of each line; 0 and nothing are the same."""
    row = at_sales(play, record)
    found = {name: row[name] or D(0) for name in ("discountamount", "discountpercentage", "freightamount")}
    for line in play.sandbox.sales.rows("salesorderdetail", salesorderid=record.id):
        for name in ("quantity", "priceperunit", "manualdiscountamount", "volumediscountamount"):
            found[f"{line['sequencenumber']} {name}"] = line[name] or D(0)
    return found


def confirm(play: Stage, number: str) -> None:
    play.sandbox.finops.confirm(number)
    play.sandbox.finops.calculate_totals()


def agree(play: Stage, record: Ref, number: str) -> None:
    assert at_sales(play, record)["totalamount"] == play.sandbox.finops.order(number)["OrderTotalAmount"], number


def test_an_order_that_goes_there_and_back_unchanged_keeps_the_amounts_of_the_seller(stage: Raise) -> None:
    play = stocked(stage)
    give_volume_discount(play, product_of(play)["productid"], D(5))
    lines = [*LINES, {"quantity": D(5)}]
    made = {number: sell(play, number, lines, **header) for number, header in KINDS.items()}
    play.run(["orders-to-finops"])
    entered = {number: amounts_in_sales(play, record) for number, record in made.items()}
    for number in made:
        confirm(play, number)
    (finished,) = play.run(["orders-to-sales"])
    assert finished.record.counts == {"updated": len(KINDS)}
    for number, record in made.items():
        assert amounts_in_sales(play, record) == entered[number], number
        agree(play, record, number)
    for outcome in play.outcomes(finished):
        assert not [name for name in outcome.changed if name.endswith(("amount", "percentage", "priceperunit"))]
    forget_requests(play)
    for names in (["orders-to-finops"], ["orders-to-sales"]):
        assert set(counts(play.run(names, mode=FULL))[names[0]]) <= {"unchanged", "skipped"}
    assert writes(play) == (0, 0)


def test_what_finops_changes_meanwhile_changes_its_line_and_the_totals_agree(stage: Raise) -> None:
    play = stocked(stage)
    made = {number: sell(play, number, LINES, **header) for number, header in KINDS.items()}
    play.run(["orders-to-finops"])
    entered = {number: amounts_in_sales(play, record) for number, record in made.items()}
    for number in made:
        key = {"dataAreaId": "usmf", "SalesOrderNumber": number, "LineCreationSequenceNumber": 2}
        play.sandbox.finops.update("CDSSalesOrderLines", key, {"OrderedSalesQuantity": D(9)})
        confirm(play, number)
    assert counts(play.run(["orders-to-sales"])) == {"orders-to-sales": {"updated": len(KINDS)}}
    for number, record in made.items():
        agree(play, record, number)
        now = amounts_in_sales(play, record)
        differs = {name for name in now if now[name] != entered[number][name]}
        allowed = {"2 quantity", "2 manualdiscountamount"}
        if KINDS[number].get("discountpercentage"):
            allowed |= {"discountamount", "discountpercentage"}
        assert differs <= allowed, number


def test_a_discount_that_finops_takes_away_leaves_the_header_in_sales(stage: Raise) -> None:
    play = stocked(stage)
    record = sell(play, "H-1", LINES, discountamount=D(20))
    play.run(["orders-to-finops"])
    for line in lines_at_finops(play, "H-1"):
        key = {name: line[name] for name in ("dataAreaId", "SalesOrderNumber", "LineCreationSequenceNumber")}
        play.sandbox.finops.update("CDSSalesOrderLines", key, {"LineDiscountAmount": D(0), "FixedPriceCharges": D(0)})
    confirm(play, "H-1")
    play.run(["orders-to-sales"])
    agree(play, record, "H-1")
    assert amounts_in_sales(play, record)["discountamount"] == D(0)


def test_without_its_memory_the_totals_agree_all_the_same(stage: Raise) -> None:
    play = stocked(stage)
    made = {number: sell(play, number, LINES, **header) for number, header in KINDS.items()}
    play.run(["orders-to-finops"])
    for number in made:
        confirm(play, number)
    shutil.rmtree(play.settings.state)
    assert counts(play.run(["orders-to-sales"])) == {"orders-to-sales": {"updated": len(KINDS)}}
    for number, record in made.items():
        agree(play, record, number)
