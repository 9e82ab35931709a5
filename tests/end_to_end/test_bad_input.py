"""One of each bad input: it is kept back with a word that helps, and everything else goes on."""

from __future__ import annotations

from decimal import Decimal

from p2c.documents import Outcome, OutcomeKind
from sandbox.company.bad import UNKNOWN_CUSTOMER, BadInput, bad, bad_orders
from sandbox.company.plan import Account, Address, Line, Order
from sandbox.company.sales_desk import Ref, SalesDesk
from sandbox.company.sales_masters import currency_of, write_account
from sandbox.company.selling import Seller
from tests.staging import FULL, Raise, counts, kept_back

TEMPLATE_OF = {
    "accounts": "accounts",
    "salesorders": "orders-to-finops",
    "SellableReleasedProducts": "products",
    "CDSSalesOrderHeaders": "orders-to-sales",
    "CDSSalesOrderLines": "orders-to-sales",
}
# What each is expected to be: outcome, field, line, and words that say what is wrong and what to do.
EXPECTED = {
    "null key": ("rejected", "accountnumber", "", ["is empty", "identifies the row"]),
    "300-character name": ("rejected", "name", "", ["300 characters", "shorten it"]),
    "unknown country": ("rejected", "address1_country", "", ["'Atlantis'", "add an entry", "project file"]),
    "duplicate account number": ("rejected", "accountnumber", "", ["several rows", "remove all but one"]),
    "control character": ("rejected", "name", "", ["U+0007 at position 5", "remove it"]),
    "unknown unit": ("rejected", "SalesUnitSymbol", "", ["'brl'", "add an entry"]),
    "unknown currency": ("rejected", "CurrencyCode", "", ["'KWD'", "add it there"]),
    "no price list of its currency": ("parked", "CurrencyCode", "", ["price list CHF", "Retried automatically"]),
    "Draft product": ("parked", "ProductNumber", "OrderLine 1", ["BAD-DRAFT", "is Draft", "activate it"]),
    "unknown customer": ("parked", "OrderingCustomerAccountNumber", "", [UNKNOWN_CUSTOMER, "Retried automatically"]),
    "orphan line": ("rejected", "SalesOrderNumber", "OrderLine 1", ["header 'BAD-ORPHAN' is not there", "restore"]),
    "quantity 0": ("rejected", "quantity", "OrderLine 2", ["is 0"]),
    "unknown country of delivery": ("rejected", "shipto_country", "", ["'Atlantis'", "add an entry"]),
}


def outcome_of(found: dict[tuple[str, str], Outcome], one: BadInput) -> Outcome:
    template = TEMPLATE_OF[one.entity]
    return found.get((template, one.key)) or found[template, f"(no key) {one.key}"]


def check(found: dict[tuple[str, str], Outcome], inputs: list[BadInput]) -> None:
    for one in inputs:
        if one.passes:
            assert (TEMPLATE_OF[one.entity], one.key) not in found
            continue
        outcome = outcome_of(found, one)
        kind, field, line, words = EXPECTED[one.name]
        number, _, product = outcome.line.partition(" (")
        assert (outcome.kind.value, outcome.field, number) == (kind, field, line), one.name
        assert bool(product) == (bool(line) and one.name != "orphan line"), "a line is named with its product"
        for word in words:
            assert word in outcome.reason, (one.name, outcome.reason)


def test_each_bad_input_is_kept_back_and_the_others_go_on(stage: Raise) -> None:
    play = stage()
    play.company.set_up()
    accounts = len(play.sandbox.sales.rows("account"))
    inputs = bad(play.sandbox.sales, play.sandbox.finops)
    assert {one.name for one in inputs if not one.passes} <= set(EXPECTED)
    results = play.run()
    found = kept_back(play, results)
    check(found, inputs)
    assert len(found) == sum(not one.passes for one in inputs), "nobody else was kept back"
    totals = counts(results)
    assert totals["accounts"]["created"] >= accounts
    assert totals["products"]["created"] >= 12
    assert {one.record.status for one in results if one.record.counts.get("rejected")} == {"Warning"}

    play.company.sell()
    orders = bad_orders(play.sandbox.sales)
    results = play.run()
    found = kept_back(play, results)
    check(found, orders)
    assert counts(results)["orders-to-finops"]["created"] >= 8
    check(kept_back(play, play.run(mode=FULL)), [*inputs, *orders])


def test_what_was_mended_goes_in_the_next_run(stage: Raise) -> None:
    play = stage()
    play.company.set_up()
    sales, finops = play.sandbox.sales, play.sandbox.finops
    inputs = {one.name: one for one in bad(sales, finops)}
    play.run()
    desk = SalesDesk(sales)
    desk.update(Ref("account", inputs["null key"].key), {"accountnumber": "BAD-NULL"})
    (long_name,) = sales.rows("account", accountnumber="BAD-LONG")
    desk.update(Ref("account", long_name["accountid"]), {"name": "Short"})
    (_, twin) = sales.rows("account", accountnumber="BAD-TWIN")
    desk.update(Ref("account", twin["accountid"]), {"accountnumber": "BAD-TWIN-2"})
    (draft,) = sales.rows("product", productnumber="BAD-DRAFT")
    desk.service.store.update("product", (draft["productid"],), {"statecode": 0, "statuscode": 1})
    # The other twin did not change: the next full run at the latest finds that it is alone now.
    runs = [play.run(), play.run(mode=FULL)]
    found = kept_back(play, runs[1])
    for name in ("null key", "300-character name", "duplicate account number", "Draft product"):
        one = inputs[name]
        assert not [key for template, key in found if template == TEMPLATE_OF[one.entity] and one.key in key], name
    created = [
        {outcome.key for one in results for outcome in play.outcomes(one) if outcome.kind is OutcomeKind.CREATED}
        for results in runs
    ]
    assert {"BAD-NULL", "BAD-LONG", "BAD-TWIN-2", inputs["Draft product"].key} <= created[0]
    assert "BAD-TWIN" in created[0] | created[1]


def test_an_order_of_an_unknown_customer_waits_and_goes_by_itself(stage: Raise) -> None:
    play = stage()
    play.company.set_up()
    play.run()
    finops = play.sandbox.finops
    finops.new_customer("LATE-1", "Late", "usmf", IsExternallyMaintained="Yes", SiteId="1", PartyNumber="LATE-1")
    line = {"ProductNumber": "MUG-01", "OrderedSalesQuantity": Decimal(2), "ShippingSiteId": "1"}
    number = str(finops.new_order("LATE-1", [line], "usmf")["SalesOrderNumber"])
    finops.confirm(number, "usmf")
    finops.calculate_totals()

    (parked,) = kept_back(play, play.run()).values()
    assert (parked.kind, parked.key, parked.missing) == (OutcomeKind.PARKED, number, ("account LATE-1",))
    write_account(SalesDesk(play.sandbox.sales), Account("late", "Late", "LATE-1", "USD", Address(country="USA")))
    results = play.run(["orders-to-sales"])
    assert counts(results)["orders-to-sales"]["created"] == 1
    assert kept_back(play, results) == {}
    (order,) = play.sandbox.sales.rows("salesorder", ordernumber=number)
    assert len(play.sandbox.sales.rows("salesorderdetail", salesorderid=order["salesorderid"])) == 1


def test_an_order_waits_for_a_customer_who_is_kept_back(stage: Raise) -> None:
    play = stage()
    play.company.set_up()
    play.run()
    sales = play.sandbox.sales
    desk = SalesDesk(sales)
    account = Account("far", "Far away", "FAR-1", "USD", Address(country="Atlantis", city="Deep"))
    record = write_account(desk, account)
    Seller.for_customers(desk, [account]).write_order(
        Order("SO-FAR", "Pearls", account.key, (Line("MUG-01", Decimal(1), Decimal(5)),), ship_to=Address(country="US"))
    )
    found = kept_back(play, play.run())
    assert {(template, one.kind.value) for (template, _), one in found.items()} == {
        ("accounts", "rejected"),
        ("orders-to-finops", "parked"),
    }
    waiting = found["orders-to-finops", "SO-FAR"]
    assert waiting.missing == ("customer FAR-1",)
    assert waiting.field.startswith("customerid.")
    desk.update(record, {"address1_country": "Greece"})
    assert kept_back(play, play.run()) == {}
    assert play.sandbox.finops.books.has("SalesTable", "usmf", "SO-FAR")


def test_a_product_waits_for_a_price_list_of_its_currency(stage: Raise) -> None:
    play = stage()
    play.company.set_up()
    finops, desk = play.sandbox.finops, SalesDesk(play.sandbox.sales)
    currency = currency_of(desk, "CHF")
    finops.new_product("CHF-1", "Priced in francs", Decimal(5), "usmf", CurrencyCode="CHF")
    (parked,) = kept_back(play, play.run(["products"])).values()
    assert (parked.key, parked.missing) == ("CHF-1", ("price list CHF",))
    desk.ensure("pricelevel", "Swiss", {"name": "Swiss"}, {"transactioncurrencyid": currency})
    assert kept_back(play, play.run(["products"])) == {}
