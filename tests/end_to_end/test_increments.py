"""Increments against both local servers: what is read, what is written, and that documents stay whole."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from demo.stage import Stage
from p2c.documents import OutcomeKind
from p2c.operations.opening import opened_store
from p2c.state.ledger import Entry, Ledger
from p2c.sync.session import Finished
from sandbox.company.plan import Account, Address
from sandbox.company.sales_desk import SalesDesk
from sandbox.company.sales_masters import write_account
from sandbox.sales.options import SalesOptions
from tests.staging import Raise, counts, forget_requests, kept_back, writes


def sold(stage: Raise, **options: SalesOptions) -> Stage:
    """A company whose documents are in both systems, read once in full and once as changes."""
    play = stage(**options)
    play.company.set_up()
    play.run()
    play.company.sell()
    play.run()
    play.run()
    return play


def record_of(results: list[Finished], template: str) -> Finished:
    return next(one for one in results if one.record.template == template)


def entry_of(play: Stage, template: str, key: str) -> Entry:
    async def work() -> Entry:
        async with opened_store(play.settings) as store:
            return (await Ledger(store, f"lanes/usmf/{template}/ledger/{template}").get_many([key]))[key]

    return asyncio.run(work())


def test_a_run_without_changes_costs_a_request_per_table_and_a_scan(stage: Raise) -> None:
    play = sold(stage)
    forget_requests(play)
    results = play.run(["quotes"])
    assert [one.record.mode for one in results] == ["incremental"]
    assert [one.record.note for one in results] == [""]
    assert counts(results) == {"quotes": {}}
    assert record_of(results, "quotes").record.requests == {"sales": 2, "finops": 0}
    results = play.run(["orders-to-sales"])
    assert counts(results) == {"orders-to-sales": {}}
    assert record_of(results, "orders-to-sales").record.requests == {"sales": 0, "finops": 2}
    assert writes(play) == (0, 0)


def test_our_own_writes_come_back_and_are_unchanged(stage: Raise) -> None:
    play = stage()
    play.company.set_up()
    play.run()
    play.company.sell()
    play.run()
    forget_requests(play)
    again = counts(play.run())
    assert {kind for kinds in again.values() for kind in kinds} <= {"unchanged", "skipped"}
    assert writes(play) == (0, 0)
    assert counts(play.run()) == {template: {} for template in again}


def test_a_quote_activated_long_after_its_lines_were_entered_arrives_whole(stage: Raise) -> None:
    play = sold(stage)
    sales, finops = play.sandbox.sales, play.sandbox.finops
    there = {row["SalesQuotationNumber"] for row in finops.books.rows("SalesQuotationTable")}
    draft = next(
        row
        for row in sales.rows("quote")
        if row["statecode"] == 0
        and row["quotenumber"] not in there
        and row["msdynce_hasexternallymaintainedproductsonly"]
    )
    lines = sales.rows("quotedetail", quoteid=draft["quoteid"])
    sales.people.activate_quote(str(draft["quoteid"]))
    results = play.run(["quotes"])
    assert counts(results) == {"quotes": {"created": 1}}
    number = draft["quotenumber"]
    assert len(finops.books.rows("SalesQuotationLine", SalesQuotationNumber=number)) == len(lines) > 0


def test_a_line_removed_in_sales_is_removed_in_finops(stage: Raise) -> None:
    play = sold(stage)
    sales, finops = play.sandbox.sales, play.sandbox.finops
    order = next(
        row
        for row in sales.rows("salesorder")
        if len(finops.books.rows("SalesLine", SalesOrderNumber=row["ordernumber"])) > 1
    )
    lines = sales.rows("salesorderdetail", salesorderid=order["salesorderid"])
    sales.people.delete("salesorderdetail", str(lines[0]["salesorderdetailid"]))
    assert counts(play.run(["orders-to-finops"]))["orders-to-finops"] == {"updated": 1}
    left = finops.books.rows("SalesLine", SalesOrderNumber=order["ordernumber"])
    assert len(left) == len(lines) - 1


def test_a_line_added_in_finops_is_added_in_sales(stage: Raise) -> None:
    play = sold(stage)
    sales, finops = play.sandbox.sales, play.sandbox.finops
    play.company.fulfil()
    play.run()
    order = next(row for row in finops.books.rows("SalesTable", SalesOrderProcessingStatus="Confirmed"))
    number, company = order["SalesOrderNumber"], order["dataAreaId"]
    before = finops.books.rows("SalesLine", SalesOrderNumber=number, dataAreaId=company)
    finops.create(
        "CDSSalesOrderLines",
        {
            "dataAreaId": company,
            "SalesOrderNumber": number,
            "LineCreationSequenceNumber": 77,
            "ProductNumber": before[0]["ProductNumber"],
            "OrderedSalesQuantity": Decimal(2),
            "ShippingSiteId": before[0]["ShippingSiteId"],
            "ShippingWarehouseId": before[0]["ShippingWarehouseId"],
        },
    )
    # Until the totals are calculated only the status is compared; then no ETag moves, and the line is written.
    assert counts(play.run(["orders-to-sales"]))["orders-to-sales"] == {"unchanged": 1}
    finops.calculate_totals()
    assert counts(play.run(["orders-to-sales"]))["orders-to-sales"] == {"updated": 1}
    (header,) = sales.rows("salesorder", ordernumber=number)
    assert len(sales.rows("salesorderdetail", salesorderid=header["salesorderid"], sequencenumber=77)) == 1


def test_a_filtered_header_leaves_no_lines_behind(stage: Raise) -> None:
    filtered = "SO-FILTERED"

    def only(project: dict) -> None:  # type: ignore[type-arg]
        project.setdefault("templates", {})["orders-to-finops"] = {"filter": f"ordernumber ne '{filtered}'"}

    play = stage(project=only)
    play.company.set_up()
    play.run()
    play.company.sell()
    play.run()
    sales, finops = play.sandbox.sales, play.sandbox.finops
    order = sales.rows("salesorder")[0]
    sales.people.update("salesorder", str(order["salesorderid"]), {"ordernumber": filtered})
    line = sales.rows("salesorderdetail", salesorderid=order["salesorderid"])[0]
    sales.people.update("salesorderdetail", str(line["salesorderdetailid"]), {"quantity": Decimal(99)})
    assert counts(play.run(["orders-to-finops"]))["orders-to-finops"] == {}
    assert finops.books.rows("SalesLine", SalesOrderNumber=filtered) == []


def test_a_rejected_line_is_named_and_the_other_side_stays(stage: Raise) -> None:
    play = sold(stage)
    sales, finops = play.sandbox.sales, play.sandbox.finops
    row = next(one for one in sales.rows("salesorder") if finops.books.has("SalesTable", "usmf", one["ordernumber"]))
    number = row["ordernumber"]
    before = finops.order(number)
    line = sales.rows("salesorderdetail", salesorderid=row["salesorderid"])[0]
    sales.people.update("salesorderdetail", str(line["salesorderdetailid"]), {"sequencenumber": None})
    sales.people.update("salesorder", str(row["salesorderid"]), {"name": "Renamed"})
    (outcome,) = kept_back(play, play.run(["orders-to-finops"])).values()
    assert (outcome.kind, outcome.key) == (OutcomeKind.REJECTED, number)
    assert outcome.line.startswith("OrderLine")
    assert finops.order(number) == before


def test_an_order_whose_account_comes_in_the_same_run_does_not_wait(stage: Raise) -> None:
    play = sold(stage)
    desk = SalesDesk(play.sandbox.sales)
    write_account(desk, Account("new", "New", "NEW-1", "USD", Address(country="USA")))
    (account,) = play.sandbox.sales.rows("account", accountnumber="NEW-1")
    order = play.sandbox.sales.rows("salesorder")[0]
    play.sandbox.sales.people.update(
        "salesorder", str(order["salesorderid"]), {"customerid": ("account", account["accountid"])}
    )
    results = play.run()
    assert kept_back(play, results) == {}
    assert counts(results)["accounts"] == {"created": 1}


@pytest.mark.parametrize("tables", [{"account", "quote", "salesorder"}, {"quotedetail", "salesorderdetail", "contact"}])
def test_tables_that_are_not_tracked(stage: Raise, tables: set[str]) -> None:
    play = sold(stage, sales=SalesOptions(not_tracked=frozenset(tables)))
    sales, finops = play.sandbox.sales, play.sandbox.finops
    play.sandbox.sales.clock.advance(3600)
    forget_requests(play)
    again = counts(play.run())
    assert {kind for kinds in again.values() for kind in kinds} <= {"unchanged", "skipped"}
    assert writes(play) == (0, 0)
    account = sales.rows("account", accountnumber="US-001") or sales.rows("account")
    sales.people.update("account", str(account[0]["accountid"]), {"name": "Renamed"})
    order = next(one for one in sales.rows("salesorder") if finops.books.has("SalesTable", "usmf", one["ordernumber"]))
    line = sales.rows("salesorderdetail", salesorderid=order["salesorderid"])[0]
    sales.people.update("salesorderdetail", str(line["salesorderdetailid"]), {"quantity": Decimal(42)})
    found = counts(play.run())
    assert found["accounts"]["updated"] == 1
    assert found["orders-to-finops"]["updated"] == 1


def test_a_row_from_the_future_hides_no_others(stage: Raise) -> None:
    play = sold(stage, sales=SalesOptions(not_tracked=frozenset({"account"})))
    sales = play.sandbox.sales
    one, other = [row for row in sales.rows("account") if row["accountnumber"]][:2]
    sales.clock.advance(86_400)
    sales.people.update("account", str(one["accountid"]), {"name": "From the future"})
    sales.clock.advance(-86_400)
    play.run(["accounts"])
    sales.people.update("account", str(other["accountid"]), {"name": "Afterwards"})
    assert counts(play.run(["accounts"]))["accounts"]["updated"] == 1
    customer = play.sandbox.finops.books.get("CustTable", "usmf", other["accountnumber"])
    assert customer is not None
    assert customer["OrganizationName"] == "Afterwards"


def test_a_superseded_revision_that_is_read_again_does_not_stand_for_the_quote(stage: Raise) -> None:
    play = sold(stage, sales=SalesOptions(not_tracked=frozenset({"quote", "quotedetail"})))
    sales, there = play.sandbox.sales, play.sandbox.finops.books.rows("SalesQuotationTable")
    numbers = {row["SalesQuotationNumber"] for row in there}
    quote = next(row for row in sales.rows("quote", statecode=1) if row["quotenumber"] in numbers)
    revision = sales.people.revise_quote(str(quote["quoteid"]))
    sales.people.activate_quote(revision)
    for _ in range(2):
        # All that changed in the last minutes is read again each time, both revisions with it.
        assert counts(play.run(["quotes"]))["quotes"].keys() == {"skipped", "unchanged"}
        entry = entry_of(play, "quotes", str(quote["quotenumber"]))
        assert entry.outcome == "settled"
        assert set(entry.line_ids) == {row["quotedetailid"] for row in sales.rows("quotedetail", quoteid=revision)}


def test_an_expired_token_is_followed_by_a_full_comparison_that_says_so(stage: Raise) -> None:
    play = sold(stage)
    play.sandbox.sales.clock.advance(8 * 86_400)
    results = play.run(["accounts"])
    (one,) = results
    assert (one.record.status, one.record.mode) == ("Completed", "full")
    assert "change-tracking token of account has expired" in one.record.note
    assert counts(results)["accounts"] == {"unchanged": len(play.sandbox.sales.rows("account"))}
    (again,) = play.run(["accounts"])
    assert (again.record.mode, again.record.counts) == ("incremental", {})


def test_several_legal_entities_share_a_feed(stage: Raise) -> None:
    play = stage("contoso-group")
    play.company.set_up()
    play.run()
    play.run()
    account = play.sandbox.sales.rows("account")[0]
    play.sandbox.sales.people.update("account", str(account["accountid"]), {"name": "Renamed"})
    results = play.run(["accounts"])
    assert counts(results)["accounts"] == {"updated": 1}
    assert sorted(sum(one.record.counts.values()) for one in results) == [*[0] * (len(results) - 1), 1]
