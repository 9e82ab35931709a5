"""Functions over HTTP, and the host's own addresses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from sandbox.host import Host
from tests.host.conftest import Start
from tests.host.support import Gate, said

KEY = {"x-functions-key": "host-key"}
MASTER = {"x-functions-key": "master-key"}


def test_a_function_gets_the_request_and_gives_the_answer(host: Host) -> None:
    url = f"{host.url}/api/echo/caf%C3%A9%20au%20lait/5?a=1&a=2&b="
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = httpx.post(url, content='{"ä": 1}'.encode(), headers={**KEY, "traceparent": trace, "X-One": "1"})
    seen: dict[str, Any] = answer.json()
    assert answer.status_code == 202
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["location"] == f"{url}/status"
    assert answer.headers["set-cookie"] == "seen=yes; HttpOnly; Path=/"
    assert (seen["method"], seen["url"], seen["body"]) == ("POST", url, '{"ä": 1}')
    assert seen["query"] == {"a": "1,2", "b": ""}
    assert seen["route"] == {"name": "café au lait", "number": "5"}
    assert seen["headers"]["x-one"] == "1"
    assert (seen["trace"], seen["function"]) == (trace, "echo")


def test_an_encoded_slash_stays_encoded_in_a_route_parameter(host: Host) -> None:
    answer = httpx.get(f"{host.url}/api/echo/a%2Fb%25", headers=KEY)
    assert answer.json()["route"] == {"name": "a%2Fb%"}


def test_the_literal_route_wins_and_text_is_an_answer(host: Host) -> None:
    answer = httpx.get(f"{host.url}/api/echo/literal")
    assert (answer.status_code, answer.text) == (200, "literal")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/echo/a"),
        ("HEAD", "/api/echo/literal"),
        ("GET", "/api/echo/a/b"),
        ("GET", "/echo/a"),
        ("GET", "/api"),
    ],
)
def test_what_has_no_route_is_404_a_wrong_method_too(host: Host, method: str, path: str) -> None:
    assert httpx.request(method, host.url + path, headers=KEY).status_code == 404


def test_function_keys(host: Host) -> None:
    url = f"{host.url}/api/echo/a"
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, headers={"x-functions-key": "wrong"}).status_code == 401
    assert httpx.get(url, headers=MASTER).status_code == 202
    assert httpx.get(url, params={"code": "host-key"}).status_code == 202
    assert httpx.get(f"{host.url}/api/secret", headers=KEY).status_code == 401
    assert httpx.get(f"{host.url}/api/secret", headers=MASTER).status_code == 204


def test_an_exception_is_a_500_without_a_word(host: Host) -> None:
    answer = httpx.get(f"{host.url}/api/boom")
    assert (answer.status_code, answer.content) == (500, b"")
    failed = [invocation for invocation in host.invocations if invocation.function == "boom"]
    assert failed
    assert failed[-1].error == "ValueError: told to fail"


def test_a_sync_function_runs_in_a_thread_and_sees_the_settings(start: Start) -> None:
    host = start()
    assert httpx.get(f"{host.url}/api/thread").text == "good day"
    host.broker.wait(lambda: any(line.message == "printed" for line in list(host.logs)))
    assert [line.invocation for line in said(host, "in a thread")] == [each.id for each in host.invocations]


def test_requests_run_side_by_side(host: Host) -> None:
    with Gate() as gate, ThreadPoolExecutor(3) as pool:
        url = f"{host.url}/api/gate?port={gate.port}"
        answers = [pool.submit(httpx.get, url) for _ in range(3)]
        for _ in answers:
            gate.arrived()
        gate.open()
        assert [answer.result().text for answer in answers] == ["through"] * 3


def test_the_hosts_own_addresses(host: Host) -> None:
    assert httpx.get(host.url).status_code == 200
    assert httpx.get(f"{host.url}/admin/host/ping").status_code == 200
    assert httpx.get(f"{host.url}/admin/host/status", headers=KEY).status_code == 401
    status = httpx.get(f"{host.url}/admin/host/status", headers=MASTER).json()
    assert (status["state"], status["errors"]) == ("Running", [])
    listed = httpx.get(f"{host.url}/admin/functions", headers=MASTER).json()
    shown = {function["name"]: function["trigger"] for function in listed}
    assert shown["tick"] == {"type": "timerTrigger", "schedule": "0 0 3 * * *"}
    assert shown["lane"] == {"type": "serviceBusTrigger", "queueName": "lanes", "isSessionsEnabled": True}
    assert shown["echo"]["route"] == "echo/{name}/{number:int?}"
    assert httpx.get(f"{host.url}/admin/functions").status_code == 401


def test_a_timer_is_run_by_hand_over_http(host: Host) -> None:
    before = len(said(host, "tick"))
    assert httpx.post(f"{host.url}/admin/functions/tick", headers=KEY, json={}).status_code == 401
    assert httpx.post(f"{host.url}/admin/functions/tick", headers=MASTER, json={}).status_code == 202
    host.broker.wait(lambda: len(said(host, "tick")) == before + 1)
    assert httpx.post(f"{host.url}/admin/functions/nothing", headers=MASTER).status_code == 404
    assert httpx.post(f"{host.url}/admin/functions/lane", headers=MASTER).status_code == 400


def test_any_method_where_the_route_names_none(host: Host) -> None:
    assert httpx.put(f"{host.url}/api/thread").status_code == 200
    assert httpx.delete(f"{host.url}/api/thread").status_code == 200
