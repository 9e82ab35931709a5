import pytest

from tests.sandbox.sales_support import Answer, World, make_world

TRACK = "odata.track-changes"


@pytest.fixture
def world() -> World:
    return make_world()


def delta(world: World, query: str = "accounts?$select=name") -> str:
    answer = world.get(query, prefer=TRACK)
    assert answer.headers["preference-applied"] == TRACK
    link: str = answer.body["@odata.deltaLink"]
    return link


def test_the_first_read_gives_all_rows_and_a_delta_link_on_the_last_page(world: World) -> None:
    for number in range(4):
        world.post("accounts", {"name": f"n{number}"})
    pages: list[Answer] = []
    link: str | None = "accounts?$select=name"
    while link:
        pages.append(world.get(link, prefer=f"{TRACK},odata.maxpagesize=2"))
        link = pages[-1].body.get("@odata.nextLink")
    assert [len(page.rows) for page in pages] == [2, 2, 1]
    assert ["@odata.deltaLink" in page.body for page in pages] == [False, False, True]


def test_a_delta_has_whole_rows_then_deletes(world: World) -> None:
    account = world.ids["account"]
    gone = world.post("accounts", {"name": "gone"}).id
    link = delta(world, "accounts?$select=name,accountnumber")
    world.delete(f"accounts({gone})")
    world.patch(f"accounts({account})", {"fax": "1"})
    never = world.post("accounts", {"name": "never seen"}).id
    world.delete(f"accounts({never})")
    answer = world.get(link, prefer=TRACK)
    assert answer.body["@odata.context"].endswith("$metadata#accounts(name,accountnumber)/$delta")
    changed, *deleted = answer.rows
    assert (changed["accountid"], changed["name"], changed["accountnumber"]) == (account, "Adventure Works", "US-001")
    assert [row["id"] for row in deleted] == [gone, never]
    assert {row["reason"] for row in deleted} == {"deleted"}
    assert deleted[0]["@odata.context"].endswith("$metadata#accounts/$deletedEntity")
    assert world.get(answer.body["@odata.deltaLink"], prefer=TRACK).rows == []


def test_a_row_that_changes_twice_comes_once_with_its_last_values(world: World) -> None:
    link = delta(world)
    for name in ("one", "two"):
        world.patch(f"accounts({world.ids['account']})", {"name": name})
    assert [row["name"] for row in world.get(link, prefer=TRACK).rows] == ["two"]


def test_a_delta_is_paged_and_nothing_is_lost_while_rows_change(world: World) -> None:
    link: str | None = delta(world)
    made = [world.post("accounts", {"name": f"n{number}"}).id for number in range(5)]
    seen: list[str] = []
    last = ""
    while link:
        page = world.get(link, prefer=f"{TRACK},odata.maxpagesize=2")
        seen += [row["accountid"] for row in page.rows]
        if len(seen) == 2:
            world.patch(f"accounts({made[4]})", {"name": "changed"})
        link = page.body.get("@odata.nextLink")
        last = page.body.get("@odata.deltaLink", "")
    seen += [row["accountid"] for row in world.get(last, prefer=TRACK).rows]
    assert set(seen) == set(made)


def test_a_page_without_the_preference_has_no_delta_link(world: World) -> None:
    world.post("accounts", {"name": "n"})
    first = world.get("accounts?$select=name", prefer=f"{TRACK},odata.maxpagesize=1")
    last = world.get(first.body["@odata.nextLink"], prefer="odata.maxpagesize=1")
    assert "@odata.deltaLink" not in last.body


def test_asking_for_annotations_hides_the_delta_link(world: World) -> None:
    prefer = f'{TRACK},odata.include-annotations="*"'
    assert "@odata.deltaLink" not in world.get("accounts?$select=name", prefer=prefer).body
    kept = make_world(annotations_hide_delta_link=False)
    assert "@odata.deltaLink" in kept.get("accounts?$select=name", prefer=prefer).body


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("$filter=name eq 'a'", "filter"),
        ("$orderby=name", "orderby"),
        ("$expand=primarycontactid", "expand"),
        ("$top=1", "top"),
    ],
)
def test_what_tracking_does_not_support(world: World, option: str, name: str) -> None:
    answer = world.get(f"accounts?{option}", prefer=TRACK)
    assert answer.status == 400
    assert answer.text == f'The "${name}" query parameter isn\'t supported when Change Tracking is enabled.'


def test_a_table_that_is_not_enabled() -> None:
    world = make_world(not_tracked=frozenset({"account"}))
    answer = world.get("accounts", prefer=TRACK)
    assert (answer.code, answer.text) == ("0x80072491", "Entity account isn't enabled for change tracking.")
    (row,) = world.get("EntityDefinitions?$select=ChangeTrackingEnabled&$filter=LogicalName eq 'account'").rows
    assert row["ChangeTrackingEnabled"] is False


def test_a_token_expires(world: World) -> None:
    link = delta(world)
    world.service.clock.advance(6 * 86400)
    assert world.get(link, prefer=TRACK).status == 200
    world.service.clock.advance(2 * 86400)
    answer = world.get(link, prefer=TRACK)
    assert (answer.status, answer.code) == (400, "0x80044352")


def test_changes_are_counted(world: World) -> None:
    link = delta(world)
    world.post("accounts", {"name": "a"})
    world.delete(f"accounts({world.ids['account']})")
    token = link.partition("$deltatoken=")[2]
    assert world.get(f"accounts/$count?$deltatoken={token}").body.decode("utf-8-sig") == "2"


def test_a_write_that_failed_is_no_change(world: World) -> None:
    link = delta(world)
    assert world.patch(f"accounts({world.ids['account']})", {"name": "x", "foo": 1}).status == 400
    assert world.get(link, prefer=TRACK).rows == []
