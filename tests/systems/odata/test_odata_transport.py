"""The client: what it sends, where, how often, and what it gives back."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from p2c.errors import AuthError, ConfigError, Conflict, MissingRow, Throttled, Transient, Validation
from p2c.systems.credentials import StaticToken
from p2c.systems.odata.batch import ChangeSet, Part, PartAnswer
from p2c.systems.odata.errors import classify_finops
from p2c.systems.odata.gate import Gate
from p2c.systems.odata.transport import ODataClient, RetryPolicy, http_client

Connect = Callable[..., ODataClient]


def script(*steps: httpx.Response | Exception) -> tuple[list[httpx.Request], Callable[[httpx.Request], httpx.Response]]:
    """A service that answers with these in turn, and the requests that it got."""
    got: list[httpx.Request] = []
    left = list(steps)

    def handler(request: httpx.Request) -> httpx.Response:
        got.append(request)
        step = left.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    return got, handler


def ok(**fields: Any) -> httpx.Response:
    return httpx.Response(200, content=json.dumps(fields).encode(), headers={"Content-Type": "application/json"})


async def test_a_request_carries_token_odata_headers_and_our_id(connect: Connect) -> None:
    got, handler = script(ok(value=[]))
    client = connect(handler, headers={"If-None-Match": "null"})
    await client.request(
        "GET", "accounts?$select=name", headers={"prefer": "odata.maxpagesize=5", "if-none-match": "*"}
    )
    sent = got[0]
    assert str(sent.url) == "https://org.crm.dynamics.com/api/data/v9.2/accounts?$select=name"
    assert sent.headers["Authorization"] == "Bearer token-1"
    assert sent.headers["OData-Version"] == "4.0"
    assert sent.headers["Prefer"] == "odata.maxpagesize=5"
    assert sent.headers.get_list("If-None-Match") == ["*"]
    assert sent.headers["x-ms-client-request-id"]
    assert "gzip" in sent.headers["Accept-Encoding"]
    assert sent.extensions["timeout"]


async def test_json_is_exact(connect: Connect) -> None:
    response = httpx.Response(200, content=b'{"amount": 5000000.0000, "n": 3}')
    document = await connect(script(response)[1]).get("orders")
    assert str(document["amount"]) == "5000000.0000"
    assert isinstance(document["amount"], Decimal)


GARBAGE = [b"<html>Welcome</html>", b"[1]", b"{}", b'{"value": [']


@pytest.mark.parametrize("body", GARBAGE)
async def test_what_is_no_such_json_object_is_transient(connect: Connect, body: bytes) -> None:
    with pytest.raises(Transient):
        await connect(lambda request: httpx.Response(200, content=body)).get("orders", having=["Version"])


@pytest.mark.parametrize("body", GARBAGE)
async def test_garbage_is_asked_for_again(connect: Connect, body: bytes) -> None:
    got, handler = script(httpx.Response(200, content=body), ok(value=[{"n": 1}]))
    pages = [rows async for rows, _ in connect(handler).pages("orders")]
    assert pages == [[{"n": 1}]]
    assert len(got) == 2


@pytest.mark.parametrize("content", [b"{}", b'{"value": {}}'])
async def test_a_page_without_rows_is_not_an_empty_one(connect: Connect, content: bytes) -> None:
    with pytest.raises(Transient):
        _ = [page async for page in connect(lambda request: httpx.Response(200, content=content)).pages("orders")]


async def test_an_answer_that_never_ends_is_given_up() -> None:
    class Trickle(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                yield b" "
                await asyncio.sleep(0)

    transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=Trickle()))
    async with http_client("http://127.0.0.1:1", transport=transport) as http:
        client = ODataClient(
            "http://127.0.0.1:1/data/",
            system="finops",
            credential=StaticToken("t"),
            scope="s",
            classify=classify_finops,
            gate=Gate(1, 1, 1),
            http=http,
            retry=RetryPolicy(attempts=1, budget=0.05),
        )
        with pytest.raises(Transient) as caught:
            await client.get("orders")
    assert caught.value.sent
    assert client.gate.in_flight == 0


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("accounts", "https://org.example.com/data/accounts"),
        ("/data/accounts?x=1", "https://org.example.com/data/accounts?x=1"),
        ("//evil.example.com/x", "https://org.example.com/evil.example.com/x"),
        ("https://org.example.com/data/A?$skip=1", "https://org.example.com/data/A?$skip=1"),
        ("http://10.0.0.4:8080/data/A?$skip=1", "https://org.example.com/data/A?$skip=1"),
        ("HTTPS://evil.example.com@x/data/A", "https://org.example.com/data/A"),
        ("https://evil.example.com?x=/a", "https://org.example.com/?x=/a"),
    ],
)
async def test_the_token_goes_to_our_own_host_only(connect: Connect, given: str, expected: str) -> None:
    got, handler = script(ok())
    await connect(handler, base_url="https://ORG.example.com/data").request("GET", given)
    assert str(got[0].url) == expected


async def test_an_opaque_token_in_a_link_is_sent_unchanged(connect: Connect) -> None:
    link = "/api/data/v9.2/accounts?$select=name&$deltatoken=919042%2108%2f22%2f2017%2008%3a10%3a44"
    got, handler = script(ok())
    await connect(handler).request("GET", f"https://org.crm.dynamics.com{link}")
    assert got[0].url.raw_path.decode() == link


@pytest.mark.parametrize(
    "address", ["org.crm.dynamics.com", "ftp://x/", "https://", "http://org.crm.dynamics.com/", "https://u:p@org/"]
)
def test_addresses_that_cannot_be_one(connect: Connect, address: str) -> None:
    with pytest.raises(ConfigError):
        connect(script()[1], base_url=address)


@pytest.mark.parametrize("address", ["http://127.0.0.1:8001/data", "http://localhost/data", "http://[::1]:8001/data"])
async def test_this_machine_may_be_asked_without_tls(connect: Connect, address: str) -> None:
    got, handler = script(ok())
    await connect(handler, base_url=address).request("GET", "A")
    assert str(got[0].url) == f"{address}/A"


async def test_cookies_are_not_kept(connect: Connect) -> None:
    first = httpx.Response(200, content=b"{}", headers={"Set-Cookie": "ARRAffinity=server1; path=/"})
    got, handler = script(first, ok())
    client = connect(handler)
    await client.request("GET", "a")
    await client.request("GET", "b")
    assert "cookie" not in got[1].headers


async def test_redirects_are_not_followed(connect: Connect) -> None:
    got, handler = script(httpx.Response(302, headers={"Location": "https://login.example.com/"}))
    with pytest.raises(ConfigError, match="302"):
        await connect(handler).request("GET", "a")
    assert len(got) == 1


async def test_not_modified_is_an_answer(connect: Connect) -> None:
    assert (await connect(script(httpx.Response(304))[1]).request("GET", "a")).status == 304


# --- trying again --------------------------------------------------------------------------------------------------


async def test_passing_failures_are_tried_again_with_growing_jitter(connect: Connect, clock: Any) -> None:
    got, handler = script(httpx.Response(502), httpx.ReadTimeout("x"), httpx.Response(500), ok())
    client = connect(handler)
    assert (await client.request("GET", "a")).status == 200
    assert clock.sleeps == [0.25, 0.5, 1.0]
    assert (client.statistics.requests, client.statistics.retries, client.statistics.seconds_waited) == (4, 3, 1.75)
    assert len({request.headers["x-ms-client-request-id"] for request in got}) == 4


async def test_attempts_are_bounded(connect: Connect) -> None:
    got, handler = script(*[httpx.Response(503) for _ in range(9)])
    with pytest.raises(Transient):
        await connect(handler).request("GET", "a")
    assert len(got) == 4


@pytest.mark.parametrize("failure", [httpx.Response(500), httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x")])
async def test_what_may_have_had_an_effect_is_not_sent_twice(connect: Connect, failure: Any) -> None:
    got, handler = script(failure, ok())
    with pytest.raises(Transient) as caught:
        await connect(handler).request("POST", "a", body=b"{}", idempotent=False)
    assert caught.value.sent
    assert len(got) == 1


@pytest.mark.parametrize("failure", [httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.PoolTimeout("x")])
async def test_what_was_surely_not_sent_is_tried_again(connect: Connect, failure: Exception) -> None:
    got, handler = script(failure, ok())
    assert (await connect(handler).request("POST", "a", body=b"{}", idempotent=False)).status == 200
    assert len(got) == 2


async def test_a_lost_connection_leaves_our_id_for_the_ticket(connect: Connect) -> None:
    got, handler = script(httpx.ReadError("x"))
    with pytest.raises(Transient) as caught:
        await connect(handler).request("POST", "a", idempotent=False)
    assert caught.value.correlation.activity_id == got[0].headers["x-ms-client-request-id"]
    assert caught.value.system == "sales"
    assert re.fullmatch(r"Sales does not answer at https?://[^/ ]+: ReadError\.", caught.value.message)


@pytest.mark.parametrize(("status", "kind"), [(400, Validation), (412, Conflict), (403, AuthError), (404, ConfigError)])
async def test_refusals_are_final(connect: Connect, status: int, kind: type[Exception]) -> None:
    got, handler = script(httpx.Response(status))
    with pytest.raises(kind):
        await connect(handler).request("PATCH", "a", body=b"{}")
    assert len(got) == 1


# --- throttling ----------------------------------------------------------------------------------------------------


async def test_a_throttled_request_waits_as_long_as_it_is_told(connect: Connect, clock: Any) -> None:
    refusal = httpx.Response(429, headers={"Retry-After": "17"})
    got, handler = script(refusal, refusal, ok())
    client, began = connect(handler), clock.now
    await client.request("POST", "a", body=b"{}", idempotent=False)
    assert clock.now == began + 34.0
    assert client.gate.limit == 2
    assert (client.statistics.throttled, client.statistics.retries, client.statistics.seconds_waited) == (2, 2, 34.0)
    assert len(got) == 3


async def test_throttling_does_not_count_as_an_attempt(connect: Connect) -> None:
    got, handler = script(*[httpx.Response(429, headers={"Retry-After": "1"}) for _ in range(20)], ok())
    assert (await connect(handler).request("GET", "a")).status == 200
    assert len(got) == 21


async def test_without_a_time_it_backs_off(connect: Connect, clock: Any) -> None:
    _, handler = script(httpx.Response(429), httpx.Response(429), ok())
    began = clock.now
    await connect(handler).request("GET", "a")
    assert clock.now == began + (0.5 + 0.25) + (0.5 + 0.5)


async def test_the_budget_ends_the_waiting_at_once(connect: Connect, clock: Any) -> None:
    got, handler = script(httpx.Response(429, headers={"Retry-After": "301"}))
    client, began = connect(handler), clock.now
    with pytest.raises(Throttled) as caught:
        await client.request("GET", "a")
    assert caught.value.retry_after == 301.0
    # The next one learns it without asking.
    with pytest.raises(Throttled) as again:
        await client.request("GET", "a")
    assert again.value.retry_after == 301.0
    assert (clock.now, len(got)) == (began, 1)


async def test_one_refusal_holds_everybody_back(connect: Connect, clock: Any) -> None:
    times: list[float] = []
    four_are_in = asyncio.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        times.append(clock.now)
        if len(times) > 4:
            return ok()
        if len(times) == 4:
            four_are_in.set()
        await four_are_in.wait()
        return httpx.Response(429, headers={"Retry-After": "20"})

    client, began = connect(handler, gate=Gate(4, 1, 8, clock=clock, sleep=clock.sleep)), clock.now
    await asyncio.gather(*(client.request("GET", "a") for _ in range(12)))
    assert sorted(times)[:4] == [began] * 4
    assert all(at >= began + 20.0 for at in sorted(times)[4:])
    assert client.statistics.throttled == 4
    assert client.gate.limit >= 2  # Halved once, not four times.


@pytest.mark.parametrize(("hint", "limit"), [("4", 4), ("1,200.00", 8), ("many", 8), ("0", 8), ("", 8)])
async def test_the_hint_of_the_service_is_heeded(connect: Connect, hint: str, limit: int) -> None:
    client = connect(script(httpx.Response(200, headers={"x-ms-dop-hint": hint}))[1])
    await client.request("GET", "a")
    assert client.gate.limit == limit


async def test_a_place_at_the_gate_is_given_back_after_any_end(connect: Connect, credential: Any) -> None:
    client = connect(script(httpx.Response(400), httpx.ReadError("x"))[1])
    for _ in range(2):
        with pytest.raises((Validation, Transient)):
            await client.request("POST", "a", idempotent=False)
    credential.error = ClientAuthenticationError("no")
    with pytest.raises(AuthError):
        await client.request("GET", "a")
    assert client.gate.in_flight == 0


# --- sign-in -------------------------------------------------------------------------------------------------------


async def test_a_refused_token_is_renewed_once(connect: Connect) -> None:
    got, handler = script(httpx.Response(401), ok())
    await connect(handler).request("POST", "a", body=b"{}", idempotent=False)
    assert [request.headers["Authorization"] for request in got] == ["Bearer token-1", "Bearer token-2"]
    got, handler = script(httpx.Response(401), httpx.Response(401), ok())
    with pytest.raises(AuthError):
        await connect(handler).request("GET", "a")
    assert len(got) == 2


async def test_a_claims_challenge_is_answered(connect: Connect, credential: Any) -> None:
    claims = '{"access_token":{"nbf":{"essential":true}}}'
    encoded = base64.b64encode(claims.encode()).decode().rstrip("=")
    challenge = {"WWW-Authenticate": f'Bearer realm="", error="insufficient_claims", claims="{encoded}"'}
    await connect(script(httpx.Response(401, headers=challenge), ok())[1]).request("GET", "a")
    assert credential.claims == [None, claims]


async def test_an_identity_that_is_refused_is_not_tried_again(connect: Connect, credential: Any) -> None:
    credential.error = ClientAuthenticationError("AADSTS7000215: Invalid client secret.\nTrace ID: 1")
    with pytest.raises(AuthError, match="AADSTS7000215") as caught:
        await connect(script()[1]).request("GET", "a")
    assert "Trace" not in str(caught.value)


async def test_a_token_service_that_is_away_is_transient(connect: Connect, credential: Any, clock: Any) -> None:
    credential.error = ServiceRequestError("dns")
    with pytest.raises(Transient) as caught:
        await connect(script()[1]).request("POST", "a", idempotent=False)
    assert not caught.value.sent
    assert len(clock.sleeps) == 3


# --- pages ---------------------------------------------------------------------------------------------------------


async def test_pages_follow_links_with_the_same_headers(connect: Connect) -> None:
    other = "http://internal:8080/api/data/v9.2/accounts?$skiptoken=%3ccookie%3e"
    last = {"@odata.deltaLink": "https://x/delta", "value": [{"n": 3}]}
    got, handler = script(ok(value=[{"n": 1}, {"n": 2}], **{"@odata.nextLink": other}), ok(**last))
    headers = {"Prefer": "odata.track-changes"}
    pages = [page async for page in connect(handler).pages("accounts", headers=headers)]
    assert [rows for rows, _ in pages] == [[{"n": 1}, {"n": 2}], [{"n": 3}]]
    assert pages[1][1]["@odata.deltaLink"] == "https://x/delta"
    assert str(got[1].url) == "https://org.crm.dynamics.com/api/data/v9.2/accounts?$skiptoken=%3ccookie%3e"
    assert [request.headers["Prefer"] for request in got] == ["odata.track-changes"] * 2


async def test_pages_that_go_in_a_circle_end(connect: Connect) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        turn = "2" if request.url.query.endswith(b"1") else "1"
        return ok(value=[], **{"@odata.nextLink": f"https://x/api/data/v9.2/accounts?p={turn}"})

    with pytest.raises(Transient, match="already read"):
        _ = [page async for page in connect(handler).pages("accounts?p=1")]


# --- batches -------------------------------------------------------------------------------------------------------


def multipart(*chunks: str, status: int = 200, boundary: str = "R") -> httpx.Response:
    body = "".join(f"--{boundary}\r\n{chunk}\r\n" for chunk in chunks) + f"--{boundary}--\r\n"
    headers = {"Content-Type": f"multipart/mixed; boundary={boundary}", "x-ms-service-request-id": "outer-1"}
    return httpx.Response(status, content=body.encode(), headers=headers)


def single(status: int, body: str = "", **headers: str) -> str:
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(
        ["Content-Type: application/http", "Content-ID: 1", "", f"HTTP/1.1 {status} X", *lines, "", body]
    )


def nested(*inner: str) -> str:
    content = "".join(f"--C\r\n{part}\r\n" for part in inner)
    return f'Content-Type: multipart/mixed; boundary="C"\r\n\r\n{content}--C--\r\n'


SETS = [ChangeSet([Part("POST", "CustomersV3", {}, b"{}")]) for _ in range(3)]


async def test_a_batch_gives_each_item_its_answer(connect: Connect) -> None:
    got, handler = script(multipart(nested(single(201)), single(500, '{"error":{"message":"no"}}')))
    client = connect(handler)
    answers = await client.batch(SETS, headers={"prefer": "return=representation"})
    assert isinstance(answers[0], list)
    assert answers[0][0].status == 201
    assert isinstance(answers[1], PartAnswer)
    refusal = client.refusal(answers[1])
    assert isinstance(refusal, Transient)
    assert refusal.correlation.request_id == "outer-1"
    assert answers[2] is None
    assert got[0].url.path.endswith("/$batch")
    assert got[0].headers.get_list("Prefer") == ["odata.continue-on-error,return=representation"]
    assert got[0].headers["Content-Type"].startswith("multipart/mixed; boundary=batch_")


async def test_the_answers_of_a_batch_that_stopped_are_read(connect: Connect) -> None:
    got, handler = script(multipart(single(404, '{"error":{"code":"0x80040217","message":"gone"}}'), status=400))
    client = connect(handler)
    answers = await client.batch([Part("GET", "a(1)"), Part("GET", "a(2)")], continue_on_error=False)
    assert isinstance(answers[0], PartAnswer)
    assert isinstance(client.refusal(answers[0]), MissingRow)
    assert answers[1] is None
    assert "prefer" not in got[0].headers


async def test_a_throttled_part_slows_everybody_down(connect: Connect) -> None:
    _, handler = script(multipart(nested(single(201)), single(429, "", Retry_After="12")))
    client = connect(handler, classify=classify_finops, system="finops")
    answers = await client.batch(SETS[:2])
    assert isinstance(answers[1], PartAnswer)
    refusal = client.refusal(answers[1])
    assert isinstance(refusal, Throttled)
    assert refusal.retry_after == 12.0
    assert (client.gate.pause, client.gate.limit, client.statistics.throttled) == (12.0, 4, 1)


async def test_a_batch_that_may_have_arrived_is_not_sent_again(connect: Connect) -> None:
    got, handler = script(httpx.ReadTimeout("x"), ok())
    with pytest.raises(Transient) as caught:
        await connect(handler).batch(SETS)
    assert caught.value.sent
    assert len(got) == 1


async def test_a_batch_of_reads_may_be_sent_again(connect: Connect) -> None:
    _, handler = script(httpx.ReadTimeout("x"), multipart(single(200, "{}")))
    answers = await connect(handler).batch([Part("GET", "a")], idempotent=True)
    assert [entry.status for entry in answers if isinstance(entry, PartAnswer)] == [200]


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (httpx.Response(400, content=b'{"error":{"code":"","message":"malformed"}}'), Validation),
        (httpx.Response(200, content=b"<html>"), Transient),
        (httpx.Response(200, headers={"Content-Type": "multipart/mixed"}), Transient),
    ],
)
async def test_a_batch_that_is_refused_as_a_whole(connect: Connect, response: httpx.Response, kind: type) -> None:
    with pytest.raises(kind):
        await connect(script(response)[1]).batch(SETS)


async def test_an_empty_batch_is_not_sent(connect: Connect) -> None:
    assert await connect(script()[1]).batch([]) == []


# --- logs and counts -----------------------------------------------------------------------------------------------


async def test_logs_name_kind_and_id_but_no_values(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="p2c")
    body = b'{"error":{"code":"0x80040216","message":"hunter2"}}'
    first = httpx.Response(500, content=body, headers={"x-ms-service-request-id": "r-9"})
    await connect(script(first, ok())[1]).request("GET", "accounts(name='O''Brien')?$filter=1")
    text = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("p2c"))
    assert "/api/data/v9.2/accounts again" in text
    assert "transient 0x80040216 r-9" in text
    for value in ("token-1", "O''Brien", "filter", "hunter2"):
        assert value not in text


async def test_bytes_are_counted(connect: Connect) -> None:
    client = connect(script(httpx.Response(200, content=b"12345"))[1])
    await client.request("POST", "a", body=b"1234567")
    assert (client.statistics.bytes_sent, client.statistics.bytes_received) == (7, 5)


async def test_the_http_client_has_time_outs() -> None:
    async with http_client("https://x/", connect=3.0, read=60.0) as client:
        assert (client.timeout.connect, client.timeout.read) == (3.0, 60.0)
        assert not client.follow_redirects
