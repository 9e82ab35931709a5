"""What the Sales sandbox does not implement is answered with an error, never with 200; what it says in `$metadata`."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sandbox.sales_support import World, make_world

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
READER = make_world()


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.mark.parametrize(
    ("option", "status"),
    [
        ("$apply=aggregate($count as n)", 501),
        ("fetchXml=<fetch/>", 501),
        ("savedQuery=00000000-0000-0000-0000-000000000001", 501),
        ("userQuery=00000000-0000-0000-0000-000000000001", 501),
        ("$search=x", 501),
        ("$compute=1 as x", 501),
        ("$format=json", 501),
        ("$skip=1", 400),
        ("$nonsense=1", 400),
        ("nonsense=1", 400),
        ("filter=name eq 'x'", 400),
        ("@p1='x'", 400),
        ("$expand=primarycontactid($filter=fullname eq 'x')", 400),
        ("$expand=primarycontactid($top=1)", 400),
        ("$expand=contact_customer_accounts($count=true)", 400),
        ("$expand=contact_customer_accounts($skip=1)", 400),
        ("$expand=contact_customer_accounts($search=x)", 501),
        ("$expand=contact_customer_accounts($levels=2)", 501),
        ("$expand=contact_customer_accounts($nonsense=2)", 400),
    ],
)
def test_an_option_that_is_not_implemented_is_refused(world: World, option: str, status: int) -> None:
    answer = world.get(f"accounts?{option}")
    assert answer.status == status
    assert "stand-in" in answer.text or "Skip" in answer.text


@pytest.mark.parametrize(
    "url",
    [
        "accounts(ACCOUNT)?$filter=name eq 'x'",
        "accounts(ACCOUNT)?$top=1",
        "accounts(ACCOUNT)?$count=true",
        "accounts(ACCOUNT)/name?$select=name",
        "accounts(ACCOUNT)/name/$value?$select=name",
        "accounts(ACCOUNT)/primarycontactid?$filter=fullname eq 'x'",
        "accounts(ACCOUNT)/contact_customer_accounts/$count",
        "accounts(ACCOUNT)/contact_customer_accounts(ACCOUNT)",
        "accounts(ACCOUNT)/primarycontactid/fullname/$value",
        "accounts/$count?$top=1",
        "accounts/$count?$select=name",
        "accounts/Microsoft.Dynamics.CRM.account",
        "accounts/$count/x",
        "WhoAmI?$select=UserId",
        "WhoAmI/UserId",
        "RetrieveTotalRecordCount(EntityNames=['account'])",
        "EntityDefinitions?$top=1",
        "EntityDefinitions?$orderby=LogicalName",
        "EntityDefinitions?$expand=Attributes($expand=OptionSet)",
        "EntityDefinitions?$expand=ManyToOneRelationships",
        "EntityDefinitions(LogicalName='account')/Attributes(LogicalName='name')/SchemaName/x",
        "?$filter=name eq 'x'",
        "$metadata?$format=json",
    ],
)
def test_a_path_or_option_out_of_place_is_refused(world: World, url: str) -> None:
    answer = world.get(url.replace("ACCOUNT", world.ids["account"]))
    assert answer.status in (400, 404, 501)


@given(
    st.from_regex(r"\A[$]?[a-z]{2,12}\Z"),
    st.sampled_from(["accounts", "EntityDefinitions", "WhoAmI", "accounts/$count"]),
)
def test_no_unknown_option_is_ever_ignored(name: str, path: str) -> None:
    known = {"$filter", "$select", "$orderby", "$top", "$count", "$expand", "$skiptoken", "$deltatoken", "$skip"}
    if name not in known:
        assert READER.get(f"{path}?{name}=1").status in (400, 501)


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {"Prefer": "respond-async"}, 501),
        ("GET", {"Prefer": "odata.maxpagesize=5,handling=strict"}, 501),
        ("GET", {"Prefer": "odata.maxpagesize=many"}, 400),
        ("GET", {"Prefer": "return=all"}, 400),
        ("GET", {"Prefer": "=,"}, 400),
        ("GET", {"Accept": "application/atom+xml"}, 406),
        ("GET", {"Accept": "application/json;odata.metadata=full"}, 406),
        ("GET", {"OData_MaxVersion": "3.0"}, 400),
        ("GET", {"OData_Isolation": "snapshot"}, 501),
        ("GET", {"MSCRM_Nonsense": "1"}, 501),
        ("GET", {"If_Match": "*"}, 501),
        ("GET", {"If_None_Match": "*"}, 501),
        ("GET", {"If_Modified_Since": "Tue, 01 Dec 2026 00:00:00 GMT"}, 501),
        ("POST", {"If_Match": "*"}, 501),
        ("POST", {"Prefer": "odata.track-changes"}, 501),
        ("POST", {"MSCRM.SuppressDuplicateDetection": "false"}, 501),
        ("PUT", {}, 405),
        ("PATCH", {}, 405),
        ("DELETE", {}, 405),
        ("MERGE", {}, 405),
    ],
)
def test_a_header_or_method_that_is_not_implemented_is_refused(
    world: World, method: str, headers: dict[str, str], status: int
) -> None:
    answer = world.call(method, "accounts", None if method == "GET" else {"name": "x"}, **headers)
    assert answer.status == status


def test_what_clients_send_by_habit_is_accepted(world: World) -> None:
    habits = {
        "Accept": "application/json, text/plain, */*",
        "OData_Version": "4.0",
        "OData_MaxVersion": "4.0",
        "If_None_Match": "null",
        "Prefer": 'odata.include-annotations="*",odata.maxpagesize=2; return=minimal',
        "MSCRM.SuppressDuplicateDetection": "true",
    }
    assert world.get("accounts?$select=name", **habits).status == 200


def test_an_action_that_is_not_there_says_so(world: World) -> None:
    answer = world.post("QualifyLead", {})
    assert answer.status == 404
    assert "stand-in" in answer.text


def test_a_refused_part_of_a_batch_fails_like_a_request_of_its_own(world: World) -> None:
    body = (
        "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        "GET /api/data/v9.2/accounts?$apply=x HTTP/1.1\r\n\r\n\r\n--b--\r\n"
    )
    headers = {"content-type": "multipart/mixed; boundary=b"}
    reply = world.service.handle("POST", "/api/data/v9.2/$batch", headers, body.encode())
    assert b"HTTP/1.1 501" in reply.body
    assert world.service.handle("GET", "/api/data/v9.2/$batch", headers, b"").status == 405
    assert world.service.handle("POST", "/api/data/v9.2/$batch?$top=1", headers, body.encode()).status == 400


def test_a_read_with_the_version_that_is_known_is_not_answered_again(world: World) -> None:
    url = f"accounts({world.ids['account']})"
    first = world.get(f"{url}?$select=name")
    etag = first.body["@odata.etag"]
    assert world.get(f"{url}?$select=name", If_None_Match=etag).status == 304
    assert world.get(f"{url}?$select=name", If_None_Match="null").status == 200
    assert world.get(f"{url}?$expand=primarycontactid", If_None_Match=etag).status == 200
    assert world.get(url, If_None_Match=etag, Prefer='odata.include-annotations="*"').status == 200
    assert world.patch(url, {"name": "Other"}).status == 204
    assert world.get(f"{url}?$select=name", If_None_Match=etag).body["name"] == "Other"


def test_a_table_without_versions_is_always_answered_whole() -> None:
    world = make_world(no_versions=frozenset({"account"}))
    url = f"accounts({world.ids['account']})"
    assert world.get(url, If_None_Match=world.get(url).body["@odata.etag"]).status == 200


def test_create_only_is_refused_where_the_record_exists(world: World) -> None:
    url = f"accounts({world.ids['account']})"
    taken = world.patch(url, {"name": "x"}, If_None_Match="*")
    assert (taken.status, taken.code) == (412, "0x80040237")
    assert world.patch("accounts(11111111-1111-1111-1111-111111111111)", {"name": "x"}, If_None_Match="*").status == 204
    assert world.patch(url, {"name": "x"}, If_None_Match="*", If_Match="*").status == 501
    assert world.delete(url, If_None_Match="*").status == 501


def test_one_property_is_read_written_and_cleared(world: World) -> None:
    url = f"accounts({world.ids['account']})"
    assert world.call("PUT", f"{url}/telephone1", {"value": "555"}).status == 204
    assert world.get(f"{url}/telephone1").body["value"] == "555"
    assert world.get(f"{url}/telephone1/$value").body == b"555"
    assert world.delete(f"{url}/telephone1").status == 204
    assert world.get(f"{url}/telephone1").status == 204
    assert world.get(f"{url}/telephone1/$value").status == 204
    assert world.call("PUT", f"{url}/creditlimit", {"value": -1}).code == "0x80044330"
    assert world.call("PUT", f"{url}/name", {"value": "a" * 161}).code == "0x80044331"
    assert world.call("PUT", f"{url}/name", {"name": "x"}).code == "0x80048d19"
    assert world.call("PUT", f"{url}/nonsense", {"value": 1}).status == 404
    assert world.call("PUT", f"{url}/name", {"value": "x"}, If_Match='W/"1"').code == "0x80060882"
    assert world.call("POST", f"{url}/name", {"value": "x"}).status == 405
    assert world.call("PUT", f"{url}/primarycontactid", {"value": "x"}).status == 501


def test_a_reference_of_a_lookup_is_set_read_and_removed(world: World) -> None:
    url = f"accounts({world.ids['account']})"
    contact = world.post("contacts", {"lastname": "Li"}).id
    address = f"http://localhost/api/data/v9.2/contacts({contact})"
    assert world.get(f"{url}/primarycontactid/$ref").status == 204
    assert world.call("PUT", f"{url}/primarycontactid/$ref", {"@odata.id": address}).status == 204
    assert world.row("account", world.ids["account"])["primarycontactid"] == contact
    assert world.get(f"{url}/primarycontactid/$ref").body["@odata.id"] == address
    other = f"{url}/primarycontactid/$ref?$id={address.replace(contact, world.ids['account'])}"
    assert world.delete(other).status == 404
    assert world.delete(f"{url}/primarycontactid/$ref").status == 204
    assert world.row("account", world.ids["account"])["primarycontactid"] is None
    wrong = {"@odata.id": f"accounts({world.ids['account']})"}
    assert world.call("PUT", f"{url}/primarycontactid/$ref", wrong).status == 400
    assert world.call("PUT", f"{url}/primarycontactid/$ref", {}).code == "0x80048d19"
    assert world.call("POST", f"{url}/primarycontactid/$ref", {"@odata.id": address}).status == 405
    assert world.call("PUT", f"{url}/name/$ref", {"@odata.id": address}).status == 404


def test_a_reference_of_a_collection_is_added_read_and_removed(world: World) -> None:
    url = f"accounts({world.ids['account']})/contact_customer_accounts"
    contacts = [world.post("contacts", {"lastname": name}).id for name in ("Li", "Wu")]
    for contact in contacts:
        assert world.post(f"{url}/$ref", {"@odata.id": f"contacts({contact})"}).status == 204
    found = {row["@odata.id"].rpartition("(")[2].rstrip(")") for row in world.get(f"{url}/$ref").rows}
    assert found == set(contacts)
    assert world.delete(f"{url}({contacts[0]})/$ref").status == 204
    assert world.delete(f"{url}({contacts[0]})/$ref").status == 404
    assert world.delete(f"{url}/$ref?$id=contacts({contacts[1]})").status == 204
    assert world.get(f"{url}/$ref").rows == []
    assert world.delete(f"{url}/$ref").status == 400
    assert world.call("PUT", f"{url}/$ref", {"@odata.id": f"contacts({contacts[0]})"}).status == 405


def test_the_metadata_describes_every_table_and_its_relations(world: World) -> None:
    reply = world.service.handle("GET", "/api/data/v9.2/$metadata", {}, b"")
    assert reply.headers["Content-Type"] == "application/xml"
    root = ET.fromstring(reply.body)
    types = {element.get("Name"): element for element in root.iter(f"{EDM}EntityType")}
    sets = {element.get("Name"): element for element in root.iter(f"{EDM}EntitySet")}
    document = world.get("").body
    assert set(sets) == {item["name"] for item in document["value"]}
    order = types["salesorder"]
    assert [ref.get("Name") for ref in order.iter(f"{EDM}PropertyRef")] == ["salesorderid"]
    navigation = {element.get("Name"): element.get("Type") for element in order.iter(f"{EDM}NavigationProperty")}
    assert navigation["customerid_account"] == "Microsoft.Dynamics.CRM.account"
    assert navigation["order_details"] == "Collection(Microsoft.Dynamics.CRM.salesorderdetail)"
    for name, element in sets.items():
        row = next(iter(world.get(f"{name}?$top=1").rows), None)
        kind = types[(element.get("EntityType") or "").rpartition(".")[2]]
        properties = {item.get("Name") for item in kind.iter(f"{EDM}Property")}
        assert row is None or {key for key in row if "@" not in key} <= properties, name
    assert "WinQuote" in {element.get("Name") for element in root.iter(f"{EDM}ActionImport")}
