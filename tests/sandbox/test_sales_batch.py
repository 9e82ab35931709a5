import json
from typing import Any

import pytest

from sandbox.sales.service import SalesService
from sandbox.wire.multipart import Reply
from tests.sandbox.sales_support import World, make_world


@pytest.fixture
def world() -> World:
    return make_world()


def operation(method: str, url: str, body: Any = None, content_id: str = "", **headers: str) -> str:
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    if content_id:
        lines.append(f"Content-ID: {content_id}")
    lines += ["", f"{method} {url} HTTP/1.1", "Content-Type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", "" if body is None else json.dumps(body)])


def change_set(*operations: str) -> str:
    inner = "".join(f"--cs\r\n{each}\r\n" for each in operations)
    return f"Content-Type: multipart/mixed; boundary=cs\r\n\r\n{inner}--cs--\r\n"


def send(service: SalesService, *parts: str, prefer: str = "") -> Reply:
    body = "".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--\r\n"
    headers = {"content-type": "multipart/mixed; boundary=b", "prefer": prefer}
    return service.handle("POST", "/api/data/v9.2/$batch", headers, body.encode())


def statuses(reply: Reply) -> list[int]:
    return [int(line.split()[1]) for line in reply.body.decode().splitlines() if line.startswith("HTTP/1.1 ")]


def test_a_document_is_written_in_one_change_set_with_references(world: World) -> None:
    header = {"name": "Q", "customerid_account@odata.bind": f"/accounts({world.ids['account']})"}
    line = {
        "quoteid@odata.bind": "$1",
        "isproductoverridden": True,
        "productdescription": "x",
        "quantity": 2,
        "priceperunit": 4,
    }
    reply = send(
        world.service,
        change_set(
            operation("POST", "/api/data/v9.2/quotes", header, "1"),
            operation("POST", "quotedetails", line, "2"),
            operation("PATCH", "$1", {"description": "d"}, "3"),
        ),
    )
    assert reply.status == 200
    assert statuses(reply) == [204, 204, 204]
    assert [f"Content-ID: {number}" in reply.body.decode() for number in (1, 2, 3)] == [True] * 3
    (row,) = world.get("quotes?$select=totalamount,description").rows
    assert (row["totalamount"], row["description"]) == (8, "d")


def test_a_change_set_is_all_or_nothing(world: World) -> None:
    events = len(world.service.events)
    reply = send(
        world.service,
        change_set(
            operation("POST", "accounts", {"name": "new"}, "1"),
            operation("PATCH", f"accounts({world.ids['account']})", {"nonsense": 1}, "2"),
        ),
    )
    assert reply.status == 400
    assert statuses(reply) == [400]
    assert "Content-ID: 2" in reply.body.decode()
    assert world.get("accounts?$filter=name eq 'new'").rows == []
    assert len(world.service.events) == events


def test_a_batch_stops_at_the_first_failure(world: World) -> None:
    parts = (
        operation("POST", "accounts", {"name": "one"}),
        operation("GET", "accounts(00000000-0000-4000-8000-000000000000)"),
        operation("POST", "accounts", {"name": "three"}),
    )
    reply = send(world.service, *parts)
    assert (reply.status, statuses(reply)) == (400, [204, 404])
    assert len(world.get("accounts?$filter=name eq 'one'").rows) == 1
    assert world.get("accounts?$filter=name eq 'three'").rows == []


def test_a_batch_goes_on_when_asked_to(world: World) -> None:
    reply = send(
        world.service,
        change_set(operation("POST", "accounts", {"nonsense": 1}, "1")),
        operation("POST", "accounts", {"name": "two"}),
        operation("GET", "accounts?$select=name&$filter=name%20eq%20'two'"),
        prefer="odata.continue-on-error",
    )
    assert (reply.status, statuses(reply)) == (200, [400, 204, 200])


def test_a_thousand_operations_are_the_most(world: World) -> None:
    one = operation("GET", "WhoAmI()")
    assert send(world.service, *[one] * 1000).status == 200
    assert json.loads(send(world.service, *[one] * 1001).body)["error"]["code"] == "0x80048d16"


def test_batches_do_not_nest_and_references_must_exist(world: World) -> None:
    assert statuses(send(world.service, operation("POST", "$batch"))) == [400]
    assert statuses(send(world.service, change_set(operation("PATCH", "$9", {"name": "x"}, "1")))) == [400]


def test_addresses_may_be_longer_inside_a_batch(world: World) -> None:
    query = "accounts?$filter=name%20eq%20'{}'"
    assert statuses(send(world.service, operation("GET", query.format("x" * 60_000)))) == [200]
    assert statuses(send(world.service, operation("GET", query.format("x" * 66_000)))) == [414]


def test_an_operation_inside_can_be_throttled(world: World) -> None:
    world.service.options.batch_throttle_every = 2
    one = operation("POST", "accounts", {"name": "x"})
    reply = send(world.service, one, one, one, prefer="odata.continue-on-error")
    assert statuses(reply) == [204, 429, 204]
    assert "Retry-After: 1" in reply.body.decode()
    assert "0x80072322" in reply.body.decode()


def test_a_malformed_batch_is_refused(world: World) -> None:
    reply = world.service.handle("POST", "/api/data/v9.2/$batch", {"content-type": "application/json"}, b"{}")
    assert reply.status == 400


def test_parts_are_counted(world: World) -> None:
    send(world.service, operation("GET", "accounts"), operation("POST", "accounts", {"name": "x"}))
    assert (world.service.stats.reads, world.service.stats.writes) == (1, 1)
    assert world.service.stats.by_path == {"/api/data/v9.2/accounts": 2}


def test_conditions_hold_inside_a_change_set(world: World) -> None:
    path = f"accounts({world.ids['account']})"
    reply = send(world.service, change_set(operation("PATCH", path, {"name": "x"}, "1", If_None_Match="*")))
    assert statuses(reply) == [412]
