"""What becomes of documents when batches are answered in part, slowly, wrongly or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import pytest

from p2c.documents import DocumentChange, RowChange
from p2c.errors import AuthError, ConfigError, Conflict, PrivilegeMissing, Throttled, Transient, Validation
from sandbox.wire.multipart import ChangeSet, Operation, decode, encode
from sandbox.wire.reply import Reply
from tests.systems.ends_support import Ends, ends

Name = str
Script = Callable[[list[Name]], list[Reply | list[Reply]] | httpx.Response]


def change(number: int, rows: int = 1) -> DocumentChange:
    name = f"00000000-0000-0000-0000-{number:012}"
    row = RowChange("create", "accounts", name, {"name": str(number)})
    return DocumentChange(str(number), (row,) * rows)


def fine() -> Reply:
    return Reply(204, {"OData-Version": "4.0"})


def refusal(status: int = 400, code: str = "0x80040203", text: str = "No.", **headers: str) -> Reply:
    body = json.dumps({"error": {"code": code, "message": text}}).encode()
    return Reply(status, {"Content-Type": "application/json", **headers}, body)


@dataclass
class Server:
    """Answers a batch by script; `batches` are the document numbers of each."""

    script: Script
    batches: list[list[Name]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/api/data/v9.2/$batch"
        names = [name_of(part) for part in decode(request.content, request.headers["content-type"])]
        self.batches.append(names)
        answer = self.script(names)
        if isinstance(answer, httpx.Response):
            return answer
        content_type, body = encode(answer)
        return httpx.Response(200, headers={"Content-Type": content_type}, content=body)


def name_of(part: Operation | ChangeSet) -> Name:
    assert isinstance(part, ChangeSet)
    return str(json.loads(part.operations[0].body)["name"])


async def write(server: Server, count: int, size: int = 200) -> tuple[list[object], Ends]:
    async with ends(sales=server, sales_batch_operations=size) as world:
        return list(await world.sales.write([change(number) for number in range(count)])), world


async def test_each_document_gets_its_own_answer() -> None:
    def script(names: list[Name]) -> list[Reply | list[Reply]]:
        return [refusal(text=f"No {name}.") if int(name) % 3 == 0 else [fine()] for name in names]

    results, _ = await write(Server(script), 10, size=4)

    assert [one is None for one in results] == [number % 3 != 0 for number in range(10)]
    assert [str(one) for one in results if one is not None] == ["No 0.", "No 3.", "No 6.", "No 9."]


async def test_a_service_that_stops_at_each_failure_is_asked_for_the_rest() -> None:
    def script(names: list[Name]) -> list[Reply | list[Reply]]:
        answers: list[Reply | list[Reply]] = []
        for name in names:
            if name in ("2", "5"):
                return [*answers, refusal(text=f"No {name}.")]
            answers.append([fine()])
        return answers

    server = Server(script)
    results, _ = await write(server, 9)

    assert [str(one) if one else None for one in results] == [
        "No 2." if number == 2 else "No 5." if number == 5 else None for number in range(9)
    ]
    assert server.batches[0] == [str(number) for number in range(9)]
    sent = [name for batch in server.batches[1:] for name in batch]
    assert sent[:6] == ["3", "4", "5", "6", "7", "8"]
    assert max(len(batch) for batch in server.batches[1:]) <= 100


async def test_a_document_that_is_never_answered_is_in_doubt_after_a_second_try() -> None:
    server = Server(lambda names: [])
    results, _ = await write(server, 3)
    assert [type(one) for one in results] == [Transient] * 3
    assert all(isinstance(one, Transient) and one.sent for one in results)
    assert [sorted(batch) for batch in server.batches[:1]] == [["0", "1", "2"]]
    assert sum(len(batch) for batch in server.batches) == 6


async def test_silence_about_one_does_not_touch_the_others() -> None:
    def script(names: list[Name]) -> list[Reply | list[Reply]]:
        return [[fine()] for name in names[: names.index("7")]] if "7" in names else [[fine()] for _ in names]

    results, _ = await write(Server(script), 10)
    assert [number for number, one in enumerate(results) if one is not None] == [7]
    assert isinstance(results[7], Transient)


def lost(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("connection reset", request=request)


async def test_a_batch_whose_answer_is_lost_is_not_sent_again() -> None:
    calls = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return lost(request)

    async with ends(sales=handler, sales_batch_operations=2) as world:
        results = await world.sales.write([change(number) for number in range(3)])
    assert len(calls) == 2
    assert all(isinstance(one, Transient) and one.sent for one in results)


async def test_a_gateway_s_page_leaves_documents_in_doubt() -> None:
    page = httpx.Response(502, headers={"Content-Type": "text/html"}, text="<html><title>Bad Gateway</title></html>")
    server = Server(lambda names: page)
    results, _ = await write(server, 2)
    assert [type(one) for one in results] == [Transient, Transient]
    assert len(server.batches) == 1


async def test_throttled_documents_go_again_and_only_those() -> None:
    seen: dict[Name, int] = {}

    def script(names: list[Name]) -> list[Reply | list[Reply]]:
        answers: list[Reply | list[Reply]] = []
        for name in names:
            seen[name] = seen.get(name, 0) + 1
            odd = int(name) % 2 and seen[name] < 3
            answers.append(refusal(429, "0x80072322", "Slow down.", **{"Retry-After": "0"}) if odd else [fine()])
        return answers

    results, world = await write(Server(script), 6)
    assert results == [None] * 6
    assert seen == {str(number): 3 if number % 2 else 1 for number in range(6)}
    assert world.sales.client.statistics.throttled == 6


async def test_a_document_that_stays_throttled_says_so() -> None:
    server = Server(lambda names: [refusal(429, "0x80072322", "Slow down.", **{"Retry-After": "0"}) for _ in names])
    results, _ = await write(server, 1)
    assert [type(one) for one in results] == [Throttled]
    assert len(server.batches) == 6


async def test_a_batch_that_is_refused_as_such_is_halved_until_the_culprit_is_alone() -> None:
    def script(names: list[Name]) -> list[Reply | list[Reply]] | httpx.Response:
        if "5" in names:
            return httpx.Response(413, json={"error": {"code": "", "message": "Too large."}})
        return [[fine()] for _ in names]

    results, _ = await write(Server(script), 8)
    assert [number for number, one in enumerate(results) if one is not None] == [5]
    assert isinstance(results[5], Validation)


async def test_a_missing_privilege_on_a_table_stops_the_run_with_one_error() -> None:
    def script(names: list[Name]) -> list[Reply | list[Reply]]:
        denied = refusal(403, "0x80040220", "Principal user is missing prvWriteAccount privilege.")
        return [denied if name == "1" else [fine()] for name in names]

    with pytest.raises(PrivilegeMissing, match="prvWriteAccount"):
        await write(Server(script), 3)


async def test_a_row_that_the_identity_may_not_write_concerns_its_document_only() -> None:
    def script(names: list[Name]) -> list[Reply | list[Reply]]:
        denied = refusal(403, "0x80048306", "SecLib::AccessCheckEx failed: no WriteAccess to this account.")
        return [denied if name == "1" else [fine()] for name in names]

    results, _ = await write(Server(script), 3)
    assert [type(one) for one in results] == [type(None), Validation, type(None)]
    assert "WriteAccess" in str(results[1])


async def test_a_wrong_column_stops_the_run_after_the_batches_under_way() -> None:
    def script(names: list[Name]) -> list[Reply | list[Reply]]:
        text = "Invalid property 'abc_x' was found in entity 'Microsoft.Dynamics.CRM.account'."
        return [refusal(text=text) if name == "0" else [fine()] for name in names]

    server = Server(script)
    async with ends(sales=server, sales_batch_operations=1) as world:
        with pytest.raises(ConfigError, match="abc_x"):
            await world.sales.write([change(number) for number in range(4)])
    assert len(server.batches) == 4


async def test_an_identity_that_is_refused_stops_the_run() -> None:
    server = Server(lambda names: httpx.Response(401, json={"error": {"code": "", "message": "Who are you?"}}))
    async with ends(sales=server) as world:
        with pytest.raises(AuthError):
            await world.sales.write([change(0)])


async def test_conflicts_are_not_tried_again() -> None:
    exists = "A record with matching key values already exists."
    server = Server(lambda names: [refusal(412, "0x80040237", exists) for _ in names])
    results, _ = await write(server, 2)
    assert [type(one) for one in results] == [Conflict, Conflict]
    assert len(server.batches) == 1


async def test_batches_travel_at_the_same_time() -> None:
    """Each batch waits until all are there: sent one after the other they would wait for ever."""
    arrived = asyncio.Event()
    names: list[Name] = []

    class Meeting(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await request.aread()
            parts = decode(request.content, request.headers["content-type"])
            names.extend(name_of(part) for part in parts)
            if len(names) == 4:
                arrived.set()
            await asyncio.wait_for(arrived.wait(), 10)
            content_type, body = encode([[fine()] for _ in parts])
            return httpx.Response(200, headers={"Content-Type": content_type}, content=body)

    async with ends(sales=lambda request: httpx.Response(500), sales_batch_operations=1) as world:
        world.sales_log.inner = Meeting()
        assert await world.sales.write([change(number) for number in range(4)]) == [None] * 4


@pytest.mark.parametrize(("rows", "size", "expected"), [(1, 3, [3, 3, 1]), (2, 3, [1] * 7), (5, 3, [1] * 7)])
async def test_documents_are_packed_whole(rows: int, size: int, expected: list[int]) -> None:
    server = Server(lambda names: [[fine()] * rows for _ in names])
    async with ends(sales=server, sales_batch_operations=size) as world:
        assert await world.sales.write([change(number, rows) for number in range(7)]) == [None] * 7
    assert sorted((len(batch) for batch in server.batches), reverse=True) == expected
