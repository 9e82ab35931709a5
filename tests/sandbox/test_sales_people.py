from decimal import Decimal

import httpx
import pytest

from sandbox.sales.errors import SalesError
from sandbox.sales.service import SalesService
from sandbox.wire.service import Limits, PeopleError
from tests.sandbox.sales_support import World, make_world


@pytest.fixture
def world() -> World:
    return make_world()


def http(service: SalesService) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {service.token}"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(service.app), base_url="http://org", headers=headers)


async def test_people_act_through_routes(world: World) -> None:
    quote = world.header("quotes")
    world.line("quotedetails", quote)
    async with http(world.service) as client:
        assert (await client.post("/sandbox/people/activate-quote", json={"id": quote})).json() == {}
        refused = await client.post("/sandbox/people/activate-quote", json={"id": quote, "user": "people"})
        assert refused.status_code == 200
        won = await client.post("/sandbox/people/win-quote", json={"id": quote, "create_order": True})
        order = won.json()["id"]
        await client.post("/sandbox/people/activate-order", json={"id": order})
        assert world.row("salesorder", order)["msdynce_processingstatus"] == 647390000
        await client.post("/sandbox/people/cancel-order", json={"id": order})
        assert world.row("salesorder", order)["statecode"] == 2
        again = await client.post("/sandbox/people/cancel-order", json={"id": order})
        assert again.status_code == 400
        assert "Canceled" in again.json()["error"]
        assert (await client.post("/sandbox/people/cancel-order", json={})).status_code == 400


async def test_people_write_records_through_routes(world: World) -> None:
    async with http(world.service) as client:
        row = {"name": "N", "creditlimit": 1.5, "primarycontactid": world.ids["contact"]}
        made = (await client.post("/sandbox/people/create", json={"table": "account", "row": row})).json()
        assert (made["name"], made["creditlimit"], made["primarycontactid"]) == ("N", "1.50", world.ids["contact"])
        changed = {"table": "accounts", "id": made["accountid"], "row": {"name": "M"}}
        assert (await client.post("/sandbox/people/update", json=changed)).json()["name"] == "M"
        await client.post("/sandbox/people/delete", json={"table": "account", "id": made["accountid"]})
        assert world.get(f"accounts({made['accountid']})").status == 404
        unknown = await client.post("/sandbox/people/create", json={"table": "nonsense"})
        assert unknown.json() == {"error": "There is no table nonsense."}


def test_seeds_write_under_the_same_rules(world: World) -> None:
    service = world.service
    with pytest.raises(SalesError):
        service.create("account", {"name": "x" * 161})
    with pytest.raises(PeopleError):
        service.create("account", {"nonsense": 1})
    account = service.create("accounts", {"name": "x", "creditlimit": Decimal("5")}, user="integration")
    assert account["createdby"] == world.get("WhoAmI()").body["UserId"]


def test_a_failed_bulk_leaves_nothing(world: World) -> None:
    service = world.service
    before = service.store.count("account")

    def seed() -> None:
        with service.bulk():
            service.create("account", {"name": "a"})
            service.create("account", {"name": "x" * 161})

    with pytest.raises(SalesError):
        seed()
    assert service.store.count("account") == before


def test_every_change_is_an_event(world: World) -> None:
    start = len(world.service.events)
    account = world.post("accounts", {"name": "A"}).id
    world.patch(f"accounts({account})", {"name": "B"})
    world.delete(f"accounts({account})")
    events = world.service.events[start:]
    assert [(event.message, event.table, event.id) for event in events] == [
        ("Create", "account", account),
        ("Update", "account", account),
        ("Delete", "account", account),
    ]
    assert events[1].changes["name"] == "B"
    assert events[1].before is not None
    assert events[1].before["name"] == "A"
    assert {event.user for event in events} == {world.get("WhoAmI()").body["UserId"]}


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (Limits(requests=0), "0x80072322"),
        (Limits(execution_seconds=0.0), "0x80072321"),
        (Limits(concurrent=0), "0x80072326"),
    ],
)
async def test_throttling_speaks_as_dataverse_does(limits: Limits, code: str) -> None:
    service = SalesService(limits=limits)
    async with http(service) as client:
        answer = await client.get("/api/data/v9.2/WhoAmI()")
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == code
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["x-ms-dop-hint"] == "4"
