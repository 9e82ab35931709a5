from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sandbox.sales_support import World, make_world

ID = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def world() -> World:
    return make_world()


def test_create_gives_the_address_and_with_the_preference_the_record(world: World) -> None:
    plain = world.post("accounts", {"name": "Litware"})
    assert plain.status == 204
    assert plain.headers["odata-entityid"].startswith("http://localhost/api/data/v9.2/accounts(")
    whole = world.post("accounts?$select=name", {"name": "Litware"}, prefer="return=representation")
    assert whole.status == 201
    assert whole.body["name"] == "Litware"
    assert whole.body["@odata.etag"].startswith('W/"')
    assert set(whole.body) == {"@odata.context", "@odata.etag", "name", "accountid"}


def test_an_own_primary_key_is_taken_once(world: World) -> None:
    assert world.post("accounts", {"accountid": ID, "name": "A"}).id == ID
    again = world.post("accounts", {"accountid": ID, "name": "B"})
    assert (again.status, again.code) == (412, "0x80040237")
    assert again.text == "A record with matching key values already exists."
    assert world.get(f"accounts({ID})?$select=name").body["name"] == "A"


def test_patch_upserts_as_the_conditions_allow(world: World) -> None:
    assert world.patch(f"accounts({ID})", {"name": "A"}, if_match="*").status == 404
    assert world.patch(f"accounts({ID})", {"name": "A"}, if_none_match="*").status == 204
    exists = world.patch(f"accounts({ID})", {"name": "B"}, if_none_match="*")
    assert (exists.status, exists.code) == (412, "0x80040237")
    assert world.patch(f"accounts({ID})", {"name": "C"}, if_match="*").status == 204
    assert world.get(f"accounts({ID})?$select=name").body["name"] == "C"


def test_a_write_with_an_old_version_is_refused(world: World) -> None:
    path = f"accounts({world.ids['account']})"
    etag = world.get(f"{path}?$select=name").body["@odata.etag"]
    assert world.patch(path, {"name": "B"}, if_match=etag).status == 204
    refused = world.patch(path, {"name": "C"}, if_match=etag)
    assert (refused.status, refused.code) == (412, "0x80060882")
    assert world.delete(path, if_match=etag).status == 412


def test_delete_and_read_of_what_is_not_there(world: World) -> None:
    record = world.post("accounts", {"name": "A"}).id
    assert world.delete(f"accounts({record})").status == 204
    missing = world.get(f"accounts({record})")
    assert (missing.status, missing.code) == (404, "0x80040217")
    assert world.delete(f"accounts({record})").status == 404


def test_an_alternate_key_upserts_and_is_echoed(world: World) -> None:
    path = "contacts(msdynce_contactnumber='CON-7')"
    created = world.patch(path, {"lastname": "One"})
    assert created.status == 204
    assert created.headers["odata-entityid"] == f"http://localhost/api/data/v9.2/{path}"
    world.patch(path, {"lastname": "Two", "msdynce_contactnumber": "CON-8"})
    found = world.get(f"{path}?$select=lastname,msdynce_contactnumber").body
    assert (found["lastname"], found["msdynce_contactnumber"]) == ("Two", "CON-7")
    whole = world.patch(f"{path}?$select=lastname", {"lastname": "Three"}, prefer="return=representation")
    assert (whole.status, whole.body["lastname"]) == (200, "Three")


def test_values_of_the_body_win_over_the_key_on_create(world: World) -> None:
    world.patch("contacts(msdynce_contactnumber='K1')", {"lastname": "A", "msdynce_contactnumber": "K2"})
    assert world.get("contacts(msdynce_contactnumber='K2')").status == 200
    missing = world.get("contacts(msdynce_contactnumber='K1')")
    assert (missing.status, missing.code) == (404, "0x80060891")


def test_an_alternate_key_is_unique(world: World) -> None:
    world.post("contacts", {"lastname": "A", "msdynce_contactnumber": "X"})
    refused = world.post("contacts", {"lastname": "B", "msdynce_contactnumber": "X"})
    assert (refused.status, refused.code) == (412, "0x80060892")


@pytest.mark.parametrize("character", list("/<>*%&:\\?+"))
def test_characters_that_break_a_key_in_an_address(world: World, character: str) -> None:
    number = f"a{character}b"
    world.post("contacts", {"lastname": "A", "msdynce_contactnumber": number})
    encoded = "".join(f"%{byte:02X}" for byte in number.encode())
    assert world.get(f"contacts(msdynce_contactnumber='{encoded}')").status >= 400
    assert len(world.get(f"contacts?$filter=msdynce_contactnumber eq '{encoded}'").rows) == 1


def test_a_quote_in_a_key_is_doubled(world: World) -> None:
    world.post("contacts", {"lastname": "A", "msdynce_contactnumber": "O'Hara"})
    assert world.get("contacts(msdynce_contactnumber='O''Hara')?$select=lastname").body["lastname"] == "A"


def test_columns_that_are_no_key_are_refused_in_an_address(world: World) -> None:
    assert world.get("accounts(accountnumber='US-001')").status == 400
    with_key = make_world(account_number_key=True)
    assert with_key.get("accounts(accountnumber='US-001')?$select=name").body["name"] == "Adventure Works"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"foo": 1}, "0x80048d19"),
        ({"Name": "x"}, "0x80048d19"),
        ({"name": 5}, "0x80048d19"),
        ({"creditlimit": "5"}, "0x80048d19"),
        ({"creditonhold": 1}, "0x80048d19"),
        ({"numberofemployees": 1.5}, "0x80048d19"),
        ({"primarycontactid": "x"}, "0x80048d19"),
        ({"_primarycontactid_value": ID}, "0x80048d19"),
        ({"PrimaryContactId@odata.bind": f"/contacts({ID})"}, "0x80048d19"),
        ({"primarycontactid@odata.bind": f"/contacts({ID})"}, "0x80040217"),
        ({"primarycontactid@odata.bind": "/contacts(msdynce_contactnumber='no')"}, "0x80060891"),
        ({"name": "a" * 161}, "0x80044331"),
        ({"name": "😀" * 81}, "0x80044331"),
        ({"name": "bell\x07"}, "0x80040216"),
        ({"name": "half \ud83d"}, "0x80040216"),
        ({"creditlimit": 10**15}, "0x80044330"),
        ({"creditlimit": -1}, "0x80044330"),
        ({"numberofemployees": -1}, "0x8004432f"),
        ({"numberofemployees": 2**31}, "0x80048d19"),
        ({"industrycode": 999}, "0x8004431a"),
        ({"statuscode": 2}, "0x80048408"),
        ({"statecode": 1}, "0x80040203"),
        ({"lastonholdtime": "yesterday"}, "0x80048d19"),
        ({"lastonholdtime": "1700-01-01T00:00:00Z"}, "0x80040239"),
    ],
)
def test_what_a_table_does_not_take(world: World, body: dict[str, Any], code: str) -> None:
    answer = world.post("accounts", {"name": "A", **body})
    assert answer.status in (400, 404)
    assert answer.code == code


def test_text_values(world: World) -> None:
    record = world.post("accounts", {"name": "😀" * 80, "description": "a\r\nb\t", "fax": ""}).id
    found = world.get(f"accounts({record})?$select=name,description,fax").body
    assert (found["name"], found["description"], found["fax"]) == ("😀" * 80, "a\r\nb\t", None)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2024-03-01T10:20:30+02:00", "2024-03-01T08:20:30Z"),
        ("2024-03-01T10:20:30", "2024-03-01T10:20:30Z"),
        ("2024-03-01T10:20:30.999Z", "2024-03-01T10:20:30Z"),
    ],
)
def test_moments_are_kept_in_utc(world: World, sent: str, stored: str) -> None:
    quote = world.header("quotes", requestdeliveryby=sent, expireson="2024-03-01")
    found = world.get(f"quotes({quote})?$select=requestdeliveryby,expireson").body
    assert (found["requestdeliveryby"], found["expireson"]) == (stored, "2024-03-01")
    assert world.patch(f"quotes({quote})", {"expireson": sent}).status == 400


def test_a_lookup_is_bound_cleared_and_polymorphic(world: World) -> None:
    account, contact = world.ids["account"], world.ids["contact"]
    quote = world.header("quotes")
    assert world.row("quote", quote)["customeridtype"] == "account"
    world.patch(f"quotes({quote})", {"customerid_contact@odata.bind": f"contacts({contact})"})
    row = world.row("quote", quote)
    assert (row["customerid"], row["customeridtype"], row["contactid"], row["accountid"]) == (
        contact,
        "contact",
        contact,
        None,
    )
    world.patch(f"accounts({account})", {"primarycontactid@odata.bind": f"/contacts({contact})"})
    assert world.get(f"accounts({account})/primarycontactid?$select=lastname").body["lastname"] == "Ek"
    world.delete(f"accounts({account})/primarycontactid/$ref")
    assert world.get(f"accounts({account})/primarycontactid").status == 204
    world.patch(f"accounts({account})", {"primarycontactid@odata.bind": f"/contacts({contact})"})
    world.patch(f"accounts({account})", {"primarycontactid": None})
    assert world.row("account", account)["primarycontactid"] is None


def test_nested_records_are_created_with_their_parent(world: World) -> None:
    line = {"productdescription": "Extra", "isproductoverridden": True, "quantity": 2, "priceperunit": 3}
    quote = world.header("quotes", quote_details=[line])
    (found,) = world.get(f"quotes({quote})/quote_details?$select=productdescription,extendedamount").rows
    assert (found["productdescription"], found["extendedamount"]) == ("Extra", 6)


def test_a_failed_nested_create_leaves_nothing(world: World) -> None:
    before = world.service.store.count("quote")
    answer = world.post(
        "quotes",
        {"customerid_account@odata.bind": f"/accounts({world.ids['account']})", "quote_details": [{"nonsense": 1}]},
    )
    assert answer.status == 400
    assert world.service.store.count("quote") == before


def test_columns_that_are_not_valid_are_passed_over_or_refused() -> None:
    world = make_world()
    quote = world.header("quotes", totalamount=5, createdon="2001-01-01T00:00:00Z")
    assert world.row("quote", quote)["totalamount"] == 0
    assert not world.row("quote", quote)["createdon"].startswith("2001")
    assert world.patch(f"quotes({quote})", {"quotenumber": "X"}).status == 204
    assert world.row("quote", quote)["quotenumber"] != "X"
    strict = make_world(invalid_columns="refuse")
    quote = strict.header("quotes")
    assert strict.patch(f"quotes({quote})", {"quotenumber": "X"}).status == 400
    lenient = make_world(statecode_on_create="ignore")
    created = lenient.post("accounts", {"name": "A", "statecode": 1})
    assert lenient.row("account", created.id)["statecode"] == 0


def test_a_required_column_cannot_be_cleared(world: World) -> None:
    assert world.patch(f"products({world.ids['A']})", {"productnumber": None}).status == 400
    assert world.patch(f"pricelevels({world.ids['pricelevel']})", {"name": ""}).status == 400
    assert world.post("pricelevels", {"description": "no name"}).status == 400


def test_owner_and_business_unit_follow_each_other(world: World) -> None:
    unit = world.service.create("businessunit", {"name": "DE"})["businessunitid"]
    team = world.service.create("team", {"name": "DE", "teamtype": 0, "businessunitid": unit})["teamid"]
    account = world.post("accounts", {"name": "A", "ownerid@odata.bind": f"/teams({team})"}).id
    found = world.get(f"accounts({account})?$select=_ownerid_value,_owningbusinessunit_value,_owningteam_value").body
    assert (found["_ownerid_value"], found["_owningbusinessunit_value"], found["_owningteam_value"]) == (
        team,
        unit,
        team,
    )
    user = world.get("WhoAmI()").body["UserId"]
    world.patch(f"accounts({account})", {"ownerid@odata.bind": f"/systemusers({user})"})
    row = world.row("account", account)
    assert (row["owninguser"], row["owningteam"]) == (user, None)
    assert row["owningbusinessunit"] != unit


@pytest.mark.parametrize("taken", [False, True])
def test_a_disabled_user_cannot_own_a_record(taken: bool) -> None:
    world = make_world(disabled_owners="take" if taken else "refuse")
    unit = world.service.create("businessunit", {"name": "DE"})["businessunitid"]
    names = dict.fromkeys(("domainname", "internalemailaddress"), "seller@contoso.example")
    seller = {"fullname": "Seller", **names, "businessunitid": unit, "isdisabled": True}
    user = world.service.create("systemuser", seller)["systemuserid"]
    answer = world.post("accounts", {"name": "A", "ownerid@odata.bind": f"/systemusers({user})"})
    assert answer.status == (204 if taken else 400)


def test_each_write_moves_version_and_modification(world: World) -> None:
    path = f"accounts({world.ids['account']})"
    first = world.get(f"{path}?$select=versionnumber,modifiedon,_modifiedby_value").body
    world.service.clock.advance(60)
    world.patch(path, {"name": "B"})
    second = world.get(f"{path}?$select=versionnumber,modifiedon,_modifiedby_value").body
    assert second["versionnumber"] > first["versionnumber"]
    assert second["modifiedon"] > first["modifiedon"]
    assert second["_modifiedby_value"] == world.get("WhoAmI()").body["UserId"] != first["_modifiedby_value"]


def test_a_caller_acts_on_behalf_of_another(world: World) -> None:
    world.user = "people"
    person = world.get("WhoAmI()").body["UserId"]
    world.user = "integration"
    account = world.post("accounts", {"name": "A"}, mscrmcallerid=person).id
    row = world.row("account", account)
    assert (row["createdby"], row["ownerid"]) == (person, person)
    assert row["createdonbehalfby"] == world.get("WhoAmI()").body["UserId"]


def test_create_and_update_multiple_hold_together(world: World) -> None:
    kind = "Microsoft.Dynamics.CRM.account"
    url = "accounts/Microsoft.Dynamics.CRM."
    made = world.post(f"{url}CreateMultiple", {"Targets": [{"@odata.type": kind, "name": name} for name in ("A", "B")]})
    assert made.status == 200
    first, second = made.body["Ids"]
    changes = [
        {"@odata.type": kind, "accountid": first, "name": "C"},
        {"@odata.type": kind, "accountid": second, "x": 1},
    ]
    assert world.post(f"{url}UpdateMultiple", {"Targets": changes}).status == 400
    assert world.row("account", first)["name"] == "A"
    assert world.post(f"{url}UpdateMultiple", {"Targets": changes[:1]}).status == 204
    assert world.row("account", first)["name"] == "C"
    assert world.post(f"{url}UpdateMultiple", {"Targets": [{"accountid": first}]}).status == 400


def test_upsert_multiple_by_alternate_key(world: World) -> None:
    url = "contacts/Microsoft.Dynamics.CRM.UpsertMultiple"
    target = {
        "@odata.type": "Microsoft.Dynamics.CRM.contact",
        "@odata.id": "contacts(msdynce_contactnumber='N1')",
        "lastname": "A",
    }
    repeated = {**target, "msdynce_contactnumber": "N1"}
    assert world.post(url, {"Targets": [repeated]}).status == 400
    assert world.post(url, {"Targets": [target]}).status == 204
    assert world.post(url, {"Targets": [{**target, "lastname": "B"}]}).status == 204
    assert world.get("contacts(msdynce_contactnumber='N1')?$select=lastname").body["lastname"] == "B"


def test_a_table_without_bulk_messages_says_so(world: World) -> None:
    url = "productpricelevels/Microsoft.Dynamics.CRM.CreateMultiple"
    assert world.post(url, {"Targets": [{"@odata.type": "x"}]}).status == 400
    messages = world.get(
        "sdkmessagefilters?$select=primaryobjecttypecode&$filter=sdkmessageid/name eq 'CreateMultiple'"
    )
    tables = {row["primaryobjecttypecode"] for row in messages.rows}
    assert "quote" in tables
    assert "productpricelevel" not in tables


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=5, allow_nan=False))
def test_amounts_are_rounded_half_up_to_the_currency(amount: Decimal) -> None:
    world = AMOUNTS
    order = world.service.create("salesorder", {"name": "A", "msdynce_misctax": amount})
    step = Decimal("0.01")
    expected = (abs(amount) / step + Decimal("0.5")).__floor__() * step
    assert order["msdynce_misctax"] == expected.copy_sign(amount)
    body = world.get(f"salesorders({order['salesorderid']})?$select=msdynce_misctax").body
    assert body["msdynce_misctax"] == order["msdynce_misctax"]


@pytest.mark.parametrize("entity_set", ["quotes", "salesorders", "invoices"])
@pytest.mark.parametrize(
    ("column", "value", "bounds"),
    [
        ("discountamount", -0.01, "0 to 1000000000000"),
        ("freightamount", -1, "0 to 1000000000000"),
        ("freightamount", 10**12 + 1, "0 to 1000000000000"),
        ("discountpercentage", -1, "0 to 100"),
        ("discountpercentage", 100.01, "0 to 100"),
    ],
)
def test_a_header_takes_no_number_outside_its_range(entity_set: str, column: str, value: float, bounds: str) -> None:
    world = make_world(negative_discounts=False)
    header = world.header(entity_set)
    answer = world.patch(f"{entity_set}({header})", {column: value})
    assert (answer.status, answer.code) == (400, "0x80044330")
    assert f".{column}. The value {value} of type" in answer.text
    assert f"outside the valid range({bounds})" in answer.text


@pytest.mark.parametrize("lines", ["quotedetails", "salesorderdetails", "invoicedetails"])
def test_a_line_takes_a_negative_quantity_price_and_tax_but_no_negative_discount(lines: str) -> None:
    world = make_world(negative_discounts=False)
    header = world.header({"quotedetails": "quotes", "salesorderdetails": "salesorders"}.get(lines, "invoices"))
    line = world.line(lines, header, quantity=-2, priceperunit=-5, ispriceoverridden=True, tax=-1)
    assert world.patch(f"{lines}({line})", {"manualdiscountamount": -0.01}).code == "0x80044330"
    assert world.patch(f"{lines}({line})", {"sequencenumber": 2**31}).code == "0x80048d19"
    assert world.patch(f"{lines}({line})", {"lineitemnumber": -1}).code == "0x8004432f"


def test_an_environment_may_take_negative_discounts() -> None:
    world = make_world(negative_discounts=True)
    order = world.header("salesorders")
    assert world.patch(f"salesorders({order})", {"freightamount": -10, "discountamount": -10}).status == 204
    line = world.line("salesorderdetails", order, manualdiscountamount=-3)
    assert world.row("salesorderdetail", line)["manualdiscountamount"] == -3
    assert world.patch(f"salesorders({order})", {"freightamount": -(10**12) - 1}).code == "0x80044330"
    assert world.patch(f"salesorders({order})", {"discountpercentage": -1}).code == "0x80044330"


AMOUNTS = make_world()


def test_yen_have_no_decimals_and_too_many_can_be_refused() -> None:
    world = make_world(money_rounded_silently=False)
    yen = world.service.create(
        "transactioncurrency",
        {
            "isocurrencycode": "JPY",
            "currencyname": "Yen",
            "currencysymbol": "¥",
            "currencyprecision": 0,
            "exchangerate": 150,
        },
    )["transactioncurrencyid"]
    body = {"name": "A", "creditlimit": 12.5, "transactioncurrencyid@odata.bind": f"/transactioncurrencies({yen})"}
    assert world.post("accounts", body).code == "0x80044330"
    account = world.post("accounts", {**body, "creditlimit": 300}).id
    assert world.row("account", account)["creditlimit_base"] == 2


def test_numbers_as_text_are_taken_only_with_the_parameter(world: World) -> None:
    body = {"name": "A", "creditlimit": "12.34"}
    assert world.post("accounts", body).status == 400
    made = world.post("accounts", body, content_type="application/json; IEEE754Compatible=true")
    assert world.row("account", made.id)["creditlimit"] == Decimal("12.34")
