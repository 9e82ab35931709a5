import re
from decimal import Decimal

import pytest

from tests.sandbox.sales_support import World, make_world

ORDER_FLAG = "msdynce_hasexternallymaintainedproductsonly"
LINE_FLAG = "msdynce_orderhasexternalmaintainedproductsonly"


@pytest.fixture
def world() -> World:
    return make_world()


def test_empty_numbers_are_filled(world: World) -> None:
    account = world.row("account", world.post("accounts", {"name": "A"}).id)
    contact = world.row("contact", world.post("contacts", {"lastname": "B"}).id)
    assert re.fullmatch(r"ACC-0\d{4}-[A-Z]{6}", account["accountnumber"])
    assert re.fullmatch(r"CON-0\d{4}-[A-Z]{6}", contact["msdynce_contactnumber"])
    assert world.row("account", world.ids["account"])["accountnumber"] == "US-001"


def test_the_plug_ins_can_be_bypassed(world: World) -> None:
    account = world.post("accounts", {"name": "A"}, **{"mscrm.bypasscustompluginexecution": "true"}).id
    assert world.row("account", account)["accountnumber"] is None
    account = world.post("accounts", {"name": "A"}, **{"mscrm.bypassbusinesslogicexecution": "CustomSync"}).id
    assert world.row("account", account)["accountnumber"] is None


@pytest.mark.parametrize("entity_set", ["quotes", "salesorders", "invoices"])
def test_a_contact_becomes_an_active_customer(world: World, entity_set: str) -> None:
    contact = world.ids["contact"]
    assert world.row("contact", contact)["msdynce_isactivecustomer"] is False
    bind = {"customerid_contact@odata.bind": f"/contacts({contact})"}
    record = world.header(entity_set)
    assert world.patch(f"{entity_set}({record})", bind).status == 204
    assert world.row("contact", contact)["msdynce_isactivecustomer"] is True
    other = world.post("contacts", {"lastname": "C"}).id
    world.post(entity_set, {"customerid_contact@odata.bind": f"/contacts({other})"})
    assert world.row("contact", other)["msdynce_isactivecustomer"] is True


def test_the_company_of_a_contact_is_an_account_or_not(world: World) -> None:
    to_account = {"parentcustomerid_account@odata.bind": f"/accounts({world.ids['account']})"}
    contact = world.post("contacts", {"lastname": "C", **to_account}).id
    assert world.row("contact", contact)["msdynce_iscompanyanaccount"] is True
    to_contact = {"parentcustomerid_contact@odata.bind": f"/contacts({world.ids['contact']})"}
    world.patch(f"contacts({contact})", to_contact)
    assert world.row("contact", contact)["msdynce_iscompanyanaccount"] is False


def test_an_external_product_gets_its_price_list_item(world: World) -> None:
    product = world.ids["A"]
    (item,) = world.service.rows("productpricelevel", productid=product)
    assert (item["amount"], item["pricelevelid"]) == (10, world.ids["pricelevel"])
    world.patch(f"products({product})", {"price": 12.5})
    (item,) = world.service.rows("productpricelevel", productid=product)
    assert item["amount"] == Decimal("12.5")
    other = world.service.create("pricelevel", {"name": "AAA comes first"})["pricelevelid"]
    world.patch(f"products({product})", {"pricelevelid@odata.bind": f"/pricelevels({other})"})
    assert {row["pricelevelid"] for row in world.service.rows("productpricelevel", productid=product)} == {
        world.ids["pricelevel"],
        other,
    }


def test_without_a_price_list_an_external_product_fails_as_a_whole(world: World) -> None:
    world.patch(f"pricelevels({world.ids['pricelevel']})", {"statecode": 1})
    body = {
        "productnumber": "X",
        "name": "X",
        "msdynce_ismaintainedexternally": True,
        "defaultuomid@odata.bind": f"/uoms({world.ids['uom']})",
        "defaultuomscheduleid@odata.bind": f"/uomschedules({world.ids['uomschedule']})",
    }
    assert world.post("products", body).code == "0x80040265"
    assert world.service.rows("product", productnumber="X") == []
    assert world.post("products", {**body, "msdynce_ismaintainedexternally": False}).status == 204


def test_the_flags_of_an_order_and_the_echo_on_its_lines(world: World) -> None:
    order = world.header("salesorders")
    first = world.line("salesorderdetails", order, "A")
    assert (world.row("salesorder", order)[ORDER_FLAG], world.row("salesorderdetail", first)[LINE_FLAG]) == (True, True)
    events = len(world.service.events)
    second = world.line("salesorderdetails", order, "B")
    assert world.row("salesorder", order)[ORDER_FLAG] is False
    assert world.row("salesorderdetail", first)[LINE_FLAG] is False
    echoes = [
        event.id
        for event in world.service.events[events:]
        if event.table == "salesorderdetail" and event.message == "Update"
    ]
    assert sorted(echoes) == sorted([first, second])
    world.delete(f"salesorderdetails({second})")
    assert world.row("salesorder", order)[ORDER_FLAG] is True
    events = len(world.service.events)
    world.patch(f"salesorderdetails({first})", {"quantity": 9})
    assert [event.table for event in world.service.events[events:]].count("salesorderdetail") == 1


def test_a_write_in_line_makes_a_quote_hand_made(world: World) -> None:
    quote = world.header("quotes")
    line = world.line("quotedetails", quote)
    write_in = {"quoteid@odata.bind": f"/quotes({quote})", "productdescription": "x", "isproductoverridden": True}
    world.post("quotedetails", write_in)
    assert world.row("quote", quote)[ORDER_FLAG] is False
    assert world.row("quotedetail", line)["msdynce_quotehasexternalmaintainedproductsonly"] is False


@pytest.mark.parametrize(("entity_set", "table"), [("salesorders", "salesorderdetail"), ("invoices", "invoicedetail")])
def test_the_freight_tax_line_follows_the_header(world: World, entity_set: str, table: str) -> None:
    record = world.header(entity_set, msdynce_misctax=7.25)
    header = table.removesuffix("detail")
    world.line(f"{table}s", record, "A")

    def tax_lines() -> list[tuple[str, Decimal]]:
        rows = world.service.rows(table, **{f"{header}id": record, "msdynce_ismisctax": True})
        return [(row["productdescription"], row["extendedamount"]) for row in rows]

    assert tax_lines() == [("Freight Tax", Decimal("7.25"))]
    world.patch(f"{entity_set}({record})", {"msdynce_misctax": 8})
    world.patch(f"{entity_set}({record})", {"msdynce_misctax": 8})
    assert tax_lines() == [("Freight Tax", Decimal(8))]
    assert world.row(header, record)["totalamount"] == 18
    assert world.row(header, record)[ORDER_FLAG] is True
    world.patch(f"{entity_set}({record})", {"msdynce_misctax": None})
    assert tax_lines() == []
    assert world.row(header, record)["totalamount"] == 10


def test_activate_shows_in_the_processing_status_only(world: World) -> None:
    order = world.header("salesorders")
    line = world.line("salesorderdetails", order)
    assert world.row("salesorder", order)["msdynce_processingstatus"] == 647390011
    world.service.people.activate_order(order)
    row = world.row("salesorder", order)
    assert (row["msdynce_processingstatus"], row["statecode"]) == (647390000, 0)
    assert world.row("salesorderdetail", line)["msdynce_orderissubmitted"] is True


def test_submit_closes_a_quote_as_submitted(world: World) -> None:
    quote = world.header("quotes")
    world.service.people.activate_quote(quote)
    world.service.people.submit_quote(quote)
    row = world.row("quote", quote)
    assert (row["statecode"], row["statuscode"]) == (3, 647390000)


def test_without_the_solution_there_are_no_columns_and_no_plug_ins() -> None:
    world = make_world(solution=False)
    account = world.post("accounts", {"name": "A"}).id
    assert world.row("account", account)["accountnumber"] is None
    for table, column in (
        ("contacts", "msdynce_contactnumber"),
        ("quotes", ORDER_FLAG),
        ("salesorders", "msdynce_misctax"),
    ):
        assert world.get(f"{table}?$select={column}").status == 400
        assert world.post(table, {column: None}).code == "0x80048d19"
    assert world.get("contacts(msdynce_contactnumber='x')").status == 400
    assert world.get("solutions?$filter=uniquename eq 'msdynce_ProspectToCashIntegration'").rows == []
    order = world.header("salesorders")
    events = len(world.service.events)
    world.line("salesorderdetails", order)
    assert [event.table for event in world.service.events[events:]] == ["salesorderdetail", "salesorder"]
    quote = world.header("quotes")
    world.service.people.activate_quote(quote)
    close = {"Status": 647390000, "QuoteClose": {"quoteid@odata.bind": f"/quotes({quote})"}}
    assert world.post("CloseQuote", close).code == "0x80048408"


def test_the_installed_version_is_told() -> None:
    world = make_world(solution_version="1.14.0.0")
    (row,) = world.get(
        "solutions?$select=uniquename,version&$filter=uniquename eq 'msdynce_ProspectToCashIntegration'"
    ).rows
    assert row["version"] == "1.14.0.0"
