from typing import Any

import pytest

from tests.sandbox.sales_support import Answer, World, make_world

LINES = {"quotes": "quotedetails", "salesorders": "salesorderdetails", "invoices": "invoicedetails"}


@pytest.fixture
def world() -> World:
    return make_world()


def act(world: World, name: str, activity: str, lookup: str, record: str, status: int = -1) -> Answer:
    entity_set = {"quoteid": "quotes", "salesorderid": "salesorders"}[lookup]
    return world.post(name, {"Status": status, activity: {f"{lookup}@odata.bind": f"/{entity_set}({record})"}})


def state(world: World, entity_set: str, record: str) -> tuple[int, int]:
    row = world.get(f"{entity_set}({record})?$select=statecode,statuscode").body
    return row["statecode"], row["statuscode"]


def test_numbers_are_given_where_there_is_none(world: World) -> None:
    for entity_set, column in (
        ("quotes", "quotenumber"),
        ("salesorders", "ordernumber"),
        ("invoices", "invoicenumber"),
    ):
        first, second = (world.get(f"{entity_set}({world.header(entity_set)})").body[column] for _ in range(2))
        assert first != second
        own = world.header(entity_set, **{column: "MINE"})
        assert world.get(f"{entity_set}({own})?$select={column}").body[column] == "MINE"


def test_a_quotes_way_through_its_states(world: World) -> None:
    quote = world.header("quotes")
    assert state(world, "quotes", quote) == (0, 1)
    assert world.patch(f"quotes({quote})", {"statecode": 1, "statuscode": 2}).status == 204
    won = world.patch(f"quotes({quote})", {"statecode": 2, "statuscode": 4})
    assert won.text == "Quote status cannot be changed to Won. Please use the WinQuoteRequest instead."
    closed = world.patch(f"quotes({quote})", {"statecode": 3, "statuscode": 5})
    assert closed.text == "Quote status cannot be changed to Closed. Please use the CloseQuoteRequest instead."
    assert world.patch(f"quotes({quote})", {"statecode": 0, "statuscode": 1}).status == 204
    assert act(world, "WinQuote", "QuoteClose", "quoteid", quote, 4).status == 400
    world.patch(f"quotes({quote})", {"statecode": 1})
    assert state(world, "quotes", quote) == (1, 2)
    assert act(world, "WinQuote", "QuoteClose", "quoteid", quote, 4).status == 204
    assert state(world, "quotes", quote) == (2, 4)
    assert world.patch(f"quotes({quote})", {"statecode": 0}).status == 204
    world.patch(f"quotes({quote})", {"statecode": 1})
    assert act(world, "CloseQuote", "QuoteClose", "quoteid", quote, 6).status == 204
    assert state(world, "quotes", quote) == (3, 6)


@pytest.mark.parametrize(("statecode", "statuscode"), [(0, 2), (1, 1), (1, 4), (9, 1), (0, 77)])
def test_state_and_status_belong_together(world: World, statecode: int, statuscode: int) -> None:
    answer = world.patch(f"quotes({world.header('quotes')})", {"statecode": statecode, "statuscode": statuscode})
    assert (answer.status, answer.code) == (400, "0x80048408")


def test_a_status_alone_must_fit_the_state(world: World) -> None:
    quote = world.header("quotes")
    assert world.patch(f"quotes({quote})", {"statuscode": 4}).code == "0x80048408"
    order = world.header("salesorders")
    assert world.patch(f"salesorders({order})", {"statuscode": 2}).status == 204
    assert world.patch(f"salesorders({order})", {"statecode": 1, "statuscode": -1}).status == 204
    assert state(world, "salesorders", order) == (1, 3)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"statecode": 3, "statuscode": 100001}, "use the FullfillSalesOrder Request"),
        ({"statecode": 2, "statuscode": 4}, "use the CancelSalesOrderRequest"),
        ({"statecode": 4, "statuscode": 100003}, "to Invoiced"),
    ],
)
def test_an_order_is_not_closed_by_update(world: World, change: dict[str, Any], text: str) -> None:
    answer = world.patch(f"salesorders({world.header('salesorders')})", change)
    assert answer.status == 400
    assert text in answer.text


def test_an_orders_actions(world: World) -> None:
    order = world.header("salesorders")
    assert act(world, "FulfillSalesOrder", "OrderClose", "salesorderid", order, 100002).status == 204
    assert state(world, "salesorders", order) == (3, 100002)
    assert world.patch(f"salesorders({order})", {"statecode": 0}).status == 400
    other = world.header("salesorders")
    assert act(world, "CancelSalesOrder", "OrderClose", "salesorderid", other).status == 204
    assert state(world, "salesorders", other) == (2, 4)
    assert act(world, "FulfillSalesOrder", "OrderClose", "salesorderid", other, 100001).status == 400
    assert act(world, "NonsenseOrder", "OrderClose", "salesorderid", other).status == 404
    assert world.post("CancelSalesOrder", {"Status": 4}).status == 400


def test_switches_about_states() -> None:
    world = make_world(order_invoiced_by_update=True, revive_by_update=True, invoice_canceled_by_update=False)
    order = world.header("salesorders")
    assert world.patch(f"salesorders({order})", {"statecode": 4}).status == 204
    assert world.patch(f"salesorders({order})", {"statecode": 0}).status == 204
    invoice = world.header("invoices")
    assert world.patch(f"invoices({invoice})", {"statecode": 3}).status == 400


def test_an_invoice_is_paid_by_update(world: World) -> None:
    invoice = world.header("invoices")
    assert world.patch(f"invoices({invoice})", {"statecode": 2, "statuscode": 100001}).status == 204
    assert world.patch(f"invoices({invoice})", {"statecode": 0}).status == 400
    other = world.header("invoices")
    assert world.patch(f"invoices({other})", {"statecode": 3}).status == 204
    assert state(world, "invoices", other) == (3, 100003)


@pytest.mark.parametrize(("entity_set", "statecode"), [("quotes", 1), ("salesorders", 1), ("invoices", 2)])
def test_a_read_only_state_is_for_administrators(entity_set: str, statecode: int) -> None:
    world = make_world(administrators=frozenset({"people"}))
    record = world.header(entity_set)
    world.patch(f"{entity_set}({record})", {"statecode": statecode})
    refused = world.patch(f"{entity_set}({record})", {"description": "x"})
    assert (refused.code, refused.text) == ("0x8004022e", "The object cannot be updated because it is read-only.")
    world.user = "people"
    assert world.patch(f"{entity_set}({record})", {"description": "x"}).status == 204


def test_the_processing_status_of_an_active_order_may_be_written(world: World) -> None:
    order = world.header("salesorders")
    assert world.patch(f"salesorders({order})", {"msdynce_processingstatus": 647390003}).status == 204


def test_lines_follow_the_state_of_their_header(world: World) -> None:
    for entity_set, table in LINES.items():
        record = world.header(entity_set)
        line = world.line(table, record)
        closed = {"quotes": 1, "salesorders": None, "invoices": 2}[entity_set]
        if closed is None:
            world.patch(f"salesorders({record})", {"statecode": 1})
            assert world.patch(f"{table}({line})", {"quantity": 2}).status == 204
            act(world, "CancelSalesOrder", "OrderClose", "salesorderid", record)
        else:
            world.patch(f"{entity_set}({record})", {"statecode": closed})
        answers = (
            world.patch(f"{table}({line})", {"quantity": 3}),
            world.delete(f"{table}({line})"),
            world.post(table, world.line_body(table, record)),
        )
        assert {(answer.status, answer.code) for answer in answers} == {(400, "0x80043b09")}


def test_lines_of_submitted_orders_by_switch() -> None:
    world = make_world(submitted_order_lines_editable=False)
    order = world.header("salesorders")
    world.patch(f"salesorders({order})", {"statecode": 1})
    assert world.post("salesorderdetails", world.line_body("salesorderdetails", order)).code == "0x80043b09"


def test_revisions_share_the_number(world: World) -> None:
    quote = world.header("quotes", quotenumber="Q-1")
    world.line("quotedetails", quote, quantity=3, sequencenumber=7)
    world.patch(f"quotes({quote})", {"statecode": 1})
    revised = world.post("ReviseQuote", {"QuoteId": quote, "ColumnSet": {"AllColumns": True}})
    assert revised.status == 200
    assert (revised.body["quotenumber"], revised.body["revisionnumber"], revised.body["statecode"]) == ("Q-1", 1, 0)
    assert state(world, "quotes", quote) == (3, 7)
    (line,) = world.get(f"quotes({revised.body['quoteid']})/quote_details").rows
    assert (line["quantity"], line["sequencenumber"], line["extendedamount"]) == (3, 7, 30)


def test_a_won_quote_becomes_an_order_with_locked_prices(world: World) -> None:
    quote = world.header("quotes")
    line = world.line("quotedetails", quote, quantity=2)
    world.patch(f"quotes({quote})", {"statecode": 1})
    assert world.post("ConvertQuoteToSalesOrder", {"QuoteId": quote}).status == 400
    act(world, "WinQuote", "QuoteClose", "quoteid", quote, 4)
    order = world.post("ConvertQuoteToSalesOrder", {"QuoteId": quote}).body
    assert (order["_quoteid_value"], order["ispricelocked"], order["totalamount"]) == (quote, True, 20)
    (copied,) = world.get(f"salesorders({order['salesorderid']})/order_details").rows
    assert (copied["_quotedetailid_value"], copied["quantity"]) == (line, 2)
    lock = {"SalesOrderId": order["salesorderid"]}
    assert world.post("LockSalesOrderPricing", lock).code == "0x80043b1d"
    assert world.post("UnlockSalesOrderPricing", lock).status == 204
    assert world.post("UnlockSalesOrderPricing", lock).code == "0x80043b1e"


def test_an_order_becomes_an_invoice(world: World) -> None:
    order = world.header("salesorders")
    line = world.line("salesorderdetails", order)
    invoice = world.post("ConvertSalesOrderToInvoice", {"SalesOrderId": order}).body
    assert invoice["_salesorderid_value"] == order
    (copied,) = world.get(f"invoices({invoice['invoiceid']})/invoice_details").rows
    assert copied["_salesorderdetailid_value"] == line
    assert state(world, "salesorders", order) == (4, 100003)
    assert world.patch(f"salesorderdetails({line})", {"quantity": 5}).code == "0x80043b09"


def test_deleting_a_header_deletes_its_lines(world: World) -> None:
    order = world.header("salesorders")
    line = world.line("salesorderdetails", order)
    world.delete(f"salesorders({order})")
    assert world.get(f"salesorderdetails({line})").status == 404


def test_the_currency_is_that_of_the_price_list(world: World) -> None:
    euro = world.service.create(
        "transactioncurrency",
        {
            "isocurrencycode": "EUR",
            "currencyname": "Euro",
            "currencysymbol": "€",
            "currencyprecision": 2,
            "exchangerate": 1,
        },
    )["transactioncurrencyid"]
    body = {
        "customerid_account@odata.bind": f"/accounts({world.ids['account']})",
        "pricelevelid@odata.bind": f"/pricelevels({world.ids['pricelevel']})",
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({euro})",
    }
    assert world.post("salesorders", body).code == "0x80048cf6"
    list_in_euro = world.service.create("pricelevel", {"name": "EU", "transactioncurrencyid": euro})["pricelevelid"]
    order = world.header("salesorders", **{"pricelevelid@odata.bind": f"/pricelevels({list_in_euro})"})
    row = world.row("salesorder", order)
    assert row["transactioncurrencyid"] == euro
    change = {"pricelevelid@odata.bind": f"/pricelevels({world.ids['pricelevel']})"}
    assert world.patch(f"salesorders({order})", change).code == "0x80048cf6"
