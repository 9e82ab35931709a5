from urllib.parse import quote

import pytest

from tests.sandbox.sales_support import World, make_world


@pytest.fixture
def world() -> World:
    return make_world()


def named(world: World, *names: str) -> None:
    for name in names:
        world.post("accounts", {"name": name, "accountnumber": name})


def names(world: World, filter_text: str, **headers: str) -> list[str]:
    answer = world.get(f"accounts?$select=name&$filter={filter_text}&$orderby=name", **headers)
    assert answer.status == 200, answer.body
    return [row["name"] for row in answer.rows]


def test_filters_on_text_do_not_regard_case(world: World) -> None:
    named(world, "b", "C", "O'Hara")
    assert names(world, "name eq 'B' or name eq 'O''Hara'") == ["b", "O'Hara"]
    assert names(world, "contains(name,'VENTURE')") == ["Adventure Works"]
    assert names(world, "startswith(name,'adv') and statecode eq 0") == ["Adventure Works"]
    assert names(world, "not (name gt 'b')") == ["Adventure Works", "b"]
    assert names(world, "fax ne 'x' and name ne 'b'") == ["Adventure Works", "C", "O'Hara"]


def test_filters_on_lookups_and_through_them(world: World) -> None:
    world.header("quotes", name="one")
    account, currency = world.ids["account"], world.service.engine.base_currency_id()
    for text in (
        f"_customerid_value eq {account}",
        f"customerid_account/accountid eq {account}",
        "customerid_account/accountnumber eq 'us-001'",
        f"customerid_account/transactioncurrencyid/transactioncurrencyid eq {currency} or name eq 'one'",
        "pricelevelid/transactioncurrencyid/isocurrencycode eq 'USD' and totalamount lt 1.5",
    ):
        assert len(world.get(f"quotes?$select=name&$filter={text}").rows) == 1, text
    assert world.get("quotes?$select=name&$filter=customerid_contact/lastname eq 'Ek'").rows == []


@pytest.mark.parametrize(
    "query",
    [
        "accounts?$select=Name",
        "accounts?$select=_name_value",
        "quotes?$select=customerid",
        "quotes?$select=customeridname",
        "accounts?$filter=name eq 5",
        "accounts?$filter=name eq",
        "accounts?$filter=nonsense eq 'x'",
        "accounts?$filter=statecode eq 'Active'",
        "quotes?$filter=customerid/name eq 'x'",
        "quotes?$filter=customerId_account/name eq 'x'",
        "accounts?$orderby=nonsense",
        "accounts?$skip=5",
        "accounts?$top=x",
        "accounts?$expand=nonsense",
        "accounts?$select=name&$select=fax",
        "accounts?$filter=Microsoft.Dynamics.CRM.Nonsense(PropertyName='name')",
        "accounts?$filter=Microsoft.Dynamics.CRM.In(PropertyName='x',PropertyValues=[\"a\"])",
        "accounts?$skiptoken=garbage",
        "accounts?$deltatoken=garbage",
    ],
)
def test_malformed_queries(world: World, query: str) -> None:
    answer = world.get(query)
    assert answer.status == 400
    assert answer.code.startswith("0x8004") or answer.code == "0x80060888"


def test_an_unknown_table_is_not_found(world: World) -> None:
    assert world.get("nonsense").status == 404
    assert world.get("Accounts").status == 404
    assert world.get("accounts/nonsense").status == 404


def test_in_takes_lists_and_aliases(world: World) -> None:
    named(world, 'say "hi"', "it's", "a,b", "(c)")
    listed = 'Microsoft.Dynamics.CRM.In(PropertyName=\'name\',PropertyValues=["a,b","(c)"])'
    assert names(world, listed) == ["(c)", "a,b"]
    text = (
        "accounts?$select=name&$filter=Microsoft.Dynamics.CRM.In(PropertyName=@p1,PropertyValues=@p2)"
        '&@p1=\'name\'&@p2=["it\'s","say \\"hi\\""]&$orderby=name'
    )
    path = "/api/data/v9.2/" + quote(text, safe="/?&=$(),'@")
    reply = world.service.handle("GET", path, {}, b"")
    assert b"it's" in reply.body
    assert rb"say \"hi\"" in reply.body


def test_in_takes_ids_and_numbers_as_text(world: World) -> None:
    world.header("quotes")
    account = world.ids["account"].upper()
    for prop in ("_customerid_value", "customerid"):
        text = f"quotes?$filter=Microsoft.Dynamics.CRM.In(PropertyName='{prop}',PropertyValues=[\"{account}\"])"
        assert len(world.get(text).rows) == 1
    text = 'quotes?$filter=Microsoft.Dynamics.CRM.In(PropertyName=\'statecode\',PropertyValues=["0","1"])'
    assert len(world.get(text).rows) == 1


def test_pages_hold_every_row_once_even_when_rows_come_in_between(world: World) -> None:
    named(world, *(f"n{number}" for number in range(9)))
    seen: list[str] = []
    link: str | None = "accounts?$select=name&$count=true"
    while link:
        page = world.get(link, prefer="odata.maxpagesize=4")
        assert page.headers["preference-applied"] == "odata.maxpagesize=4"
        seen += [row["accountid"] for row in page.rows]
        link = page.body.get("@odata.nextLink")
        if len(seen) == 4:
            assert page.body["@odata.count"] == 10
            world.post("accounts", {"accountid": "00000000-0000-4000-8000-000000000001", "name": "late"})
    assert len(seen) == len(set(seen)) == 10


def test_ordered_pages(world: World) -> None:
    named(world, "x3", "x1", "x2", "x5", "x4")
    first = world.get(
        "accounts?$select=name&$filter=startswith(name,'x')&$orderby=name desc", prefer="odata.maxpagesize=2"
    )
    second = world.get(first.body["@odata.nextLink"], prefer="odata.maxpagesize=2")
    third = world.get(second.body["@odata.nextLink"], prefer="odata.maxpagesize=2")
    assert [row["name"] for page in (first, second, third) for row in page.rows] == ["x5", "x4", "x3", "x2", "x1"]
    assert "@odata.nextLink" not in third.body


def test_top_is_ignored_with_a_page_size(world: World) -> None:
    named(world, "a", "b", "c")
    assert len(world.get("accounts?$top=2").rows) == 2
    assert "@odata.nextLink" not in world.get("accounts?$top=2").body
    assert len(world.get("accounts?$top=2", prefer="odata.maxpagesize=3").rows) == 3


def test_counts(world: World) -> None:
    named(world, "a", "b")
    assert world.get("accounts/$count").body.decode("utf-8-sig") == "3"
    assert world.get("accounts/$count?$filter=name eq 'a'").body.decode("utf-8-sig") == "1"


def test_a_selected_amount_brings_its_currency(world: World) -> None:
    row = world.get(f"products({world.ids['A']})?$select=price").body
    assert set(row) == {"@odata.context", "@odata.etag", "price", "_transactioncurrencyid_value", "productid"}


def test_annotations_come_when_asked_for(world: World) -> None:
    quote = world.header("quotes", freightamount=1234.5, willcall=True)
    row = world.get(
        f"quotes({quote})?$select=statecode,freightamount,willcall,_customerid_value",
        prefer='odata.include-annotations="*"',
    ).body
    shown = "OData.Community.Display.V1.FormattedValue"
    assert row[f"statecode@{shown}"] == "Draft"
    assert row[f"freightamount@{shown}"] == "$1,234.50"
    assert row[f"willcall@{shown}"] == "Yes"
    assert row[f"_customerid_value@{shown}"] == "Adventure Works"
    assert row["_customerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "account"
    assert row["_customerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty"] == "customerid_account"
    one = world.get(
        f"quotes({quote})?$select=_customerid_value",
        prefer='odata.include-annotations="Microsoft.Dynamics.CRM.lookuplogicalname"',
    ).body
    assert [name for name in one if name.startswith("_customerid_value@")] == [
        "_customerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"
    ]


def test_expand_one_level(world: World) -> None:
    quote = world.header("quotes")
    for number in (2, 1):
        world.line("quotedetails", quote, sequencenumber=number)
    other = world.header("quotes", **{"customerid_contact@odata.bind": f"/contacts({world.ids['contact']})"})
    rows = world.get(
        "quotes?$select=name&$expand=customerid_account($select=name),customerid_contact($select=lastname),"
        "quote_details($select=sequencenumber;$orderby=sequencenumber;$expand=)",
        prefer="odata.maxpagesize=1000",
    )
    by_id = {row["quoteid"]: row for row in rows.rows}
    assert by_id[quote]["customerid_account"]["name"] == "Adventure Works"
    assert by_id[quote]["customerid_contact"] is None
    assert by_id[other]["customerid_account"] is None
    assert by_id[other]["customerid_contact"]["lastname"] == "Ek"
    assert [line["sequencenumber"] for line in by_id[quote]["quote_details"]] == [1, 2]
    assert by_id[other]["quote_details"] == []


def test_the_next_link_of_an_expanded_collection_gives_the_same_rows(world: World) -> None:
    quote = world.header("quotes")
    world.line("quotedetails", quote)
    row = world.get(f"quotes({quote})?$select=name&$expand=quote_details($select=quantity)").body
    link = row["quote_details@odata.nextLink"]
    assert "$skiptoken" not in link
    again = world.get(link).rows
    assert [line["quotedetailid"] for line in again] == [line["quotedetailid"] for line in row["quote_details"]]


def test_nested_expands_page_their_children_and_refuse_order(world: World) -> None:
    quote = world.header("quotes")
    for number in range(5):
        world.line("quotedetails", quote, sequencenumber=number)
    text = "quotes?$select=name&$expand=quote_details($select=sequencenumber;$expand=productid($select=productnumber))"
    (row,) = world.get(text, prefer="odata.maxpagesize=2").rows
    lines = row["quote_details"]
    assert len(lines) == 2
    assert lines[0]["productid"]["productnumber"] == "A"
    link = row["quote_details@odata.nextLink"]
    while link:
        page = world.get(link, prefer="odata.maxpagesize=2")
        lines += page.rows
        link = page.body.get("@odata.nextLink")
    assert sorted(line["sequencenumber"] for line in lines) == [0, 1, 2, 3, 4]
    refused = world.get(text.replace("$expand=productid", "$top=1;$expand=productid"))
    assert (refused.status, refused.code) == (400, "0x80060888")


def test_at_most_fifteen_expands(world: World) -> None:
    assert world.get("quotes?$expand=" + ",".join(["pricelevelid"] * 15)).status == 200
    assert world.get("quotes?$expand=" + ",".join(["pricelevelid"] * 16)).status == 400


def test_the_length_of_an_address_is_limited(world: World) -> None:
    query = "accounts?$filter=name eq '{}'"
    assert world.get(query.format("x" * 32_000)).status == 200
    assert world.get(query.format("x" * 33_000)).status == 414


def test_single_values_and_the_service_document(world: World) -> None:
    account = world.ids["account"]
    assert world.get(f"accounts({account})/name").body["value"] == "Adventure Works"
    assert world.get(f"accounts({account})/fax").status == 204
    assert world.get(f"accounts({account})/nonsense").status == 404
    assert {"name": "quotes", "kind": "EntitySet", "url": "quotes"} in world.get("").rows


def test_both_versions_of_the_address_work(world: World) -> None:
    reply = world.service.handle("GET", "/api/data/v9.0/accounts?$select=name", {}, b"")
    assert reply.status == 200
    assert b"/api/data/v9.0/$metadata#accounts(name)" in reply.body
    assert world.service.handle("GET", "/api/data/accounts", {}, b"").status == 404
    assert world.service.handle("PUT", "/api/data/v9.2/accounts", {}, b"{}").status == 405
