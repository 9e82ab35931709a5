import asyncio
import json
from collections.abc import Mapping, MutableMapping
from typing import Any

import httpx
import pytest

from sandbox.wire.limiter import Refusal
from sandbox.wire.service import ORIGIN_HEADER, USER_HEADER, Limits, Reply, Service


class Echo(Service):
    def handle(self, method: str, path_and_query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        told = {
            "url": path_and_query,
            "user": headers[USER_HEADER],
            "origin": headers[ORIGIN_HEADER],
            "body": body.decode(),
        }
        return Reply(200, {"Content-Type": "application/json"}, json.dumps(told).encode())

    def throttled(self, refusal: Refusal) -> Reply:
        return Reply(429, {}, refusal.kind.encode())


def client(service: Service, token: str | None = "t") -> httpx.AsyncClient:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(service.app), base_url="http://fake", headers=headers)


async def test_the_url_arrives_as_it_was_sent_and_the_user_is_known() -> None:
    async with client(Echo(token="t")) as http:
        answer = await http.get("/a('x%2Fy%20z')?$filter=b%20eq%20'%2B'", headers={USER_HEADER: "root"})
        assert answer.json() == {
            "url": "/a('x%2Fy%20z')?$filter=b%20eq%20'%2B'",
            "user": "integration",
            "origin": "http://fake",
            "body": "",
        }
    async with client(Echo(token="t"), "t-people") as http:
        assert (await http.get("/")).json()["user"] == "people"


async def test_a_client_that_leaves_in_the_middle_of_its_request_is_no_error() -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = [(b"authorization", b"Bearer t")]
    scope = {"type": "http", "method": "POST", "path": "/a", "raw_path": b"/a", "query_string": b"", "headers": headers}
    await Echo(token="t").app({**scope, "scheme": "http", "http_version": "1.1"}, receive, send)
    assert sent[0]["status"] == 499


@pytest.mark.parametrize("token", [None, "wrong", ""])
async def test_without_a_known_token_the_answer_is_401(token: str | None) -> None:
    service = Echo(token="t")
    async with client(service, token) as http:
        answer = await http.get("/a")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert (service.stats.requests, service.stats.rejected) == (0, 1)


async def test_a_token_of_the_token_endpoint_expires() -> None:
    service = Echo(token="t")
    form = {"grant_type": "client_credentials", "client_id": "c", "client_secret": "s"}
    async with client(service, None) as http:
        given = (await http.post("/tenant/oauth2/v2.0/token", data=form)).json()
        assert given["expires_in"] == 3600
        authorized = {"Authorization": f"Bearer {given['access_token']}"}
        assert (await http.get("/a", headers=authorized)).status_code == 200
        await http.post("/sandbox/clock", json={"advance": 3601})
        assert (await http.get("/a", headers=authorized)).status_code == 401
        refused = await http.post("/sandbox/token", data={**form, "client_secret": "wrong"})
        assert refused.status_code == 401


async def test_requests_beyond_the_limit_wait_for_the_window() -> None:
    service = Echo(token="t", limits=Limits(requests=2, window=300))
    async with client(service) as http, client(service, "t-people") as other:
        assert [(await http.get("/")).status_code for _ in range(3)] == [200, 200, 429]
        answer = await http.get("/")
        assert 295 <= int(answer.headers["Retry-After"]) <= 300
        assert (await other.get("/")).status_code == 200
        service.clock.advance(301)
        assert (await http.get("/")).status_code == 200


async def test_a_client_that_ignores_retry_after_waits_longer_where_that_is_asked_for() -> None:
    service = Echo(token="t", limits=Limits(requests=1, window=10, growth=5))
    async with client(service) as http:
        await http.get("/")
        waits = [int((await http.get("/")).headers["Retry-After"]) for _ in range(3)]
        assert waits[1] - waits[0] == pytest.approx(5, abs=1)
        assert waits[2] - waits[1] == pytest.approx(5, abs=1)


async def test_execution_time_and_concurrency_are_limited() -> None:
    service = Echo(token="t", limits=Limits(latency=0.05, execution_seconds=0.04))
    async with client(service) as http:
        assert (await http.get("/")).status_code == 200
        assert (await http.get("/")).text == "execution"
        service.clock.advance(301)
        service.limits = Limits(latency=0.05, concurrent=2)
        answers = await asyncio.gather(*(http.get("/") for _ in range(5)))
        assert sorted(answer.status_code for answer in answers) == [200, 200, 429, 429, 429]
        assert {answer.headers.get("Retry-After") for answer in answers} == {None, "1"}


async def test_statistics_and_limits_are_set_from_outside() -> None:
    service = Echo(token="t")
    async with client(service) as http:
        await http.get("/api/accounts(name='a(b')?x=1")
        await http.post("/api/accounts", json={})
        await http.post("/api/$batch", content=b"")
        told = (await http.get("/sandbox/statistics")).json()
        assert told == {
            "requests": 3,
            "operations": 2,
            "reads": 1,
            "writes": 1,
            "rejected": 0,
            "by_path": {"/api/accounts": 2},
        }
        await http.post("/sandbox/statistics/reset")
        assert service.stats.requests == 0
        assert (await http.post("/sandbox/limits", json={"requests": 5, "latency": 0.5})).json()["requests"] == 5
        assert service.limits.latency == 0.5
        assert (await http.post("/sandbox/limits", json={"speed": 5})).status_code == 400
