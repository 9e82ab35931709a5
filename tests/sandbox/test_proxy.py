"""The fault proxy: what a client meets, and whether the server behind it has acted."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import Sandbox
from sandbox.company import build
from sandbox.proxy import CALM, Fault, FaultPlan, FaultProxy, Kind, PlanError

GROUPS = "/data/CustomerGroups"
GROUP = {"dataAreaId": "usmf", "CustomerGroupId": "77", "Description": "Behind a proxy"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        build("contoso", sales=running.sales, finops=running.finops).set_up()
        yield running


class Client:
    """A client of F&O behind the proxy, which knows what the server was asked."""

    def __init__(self, sandbox: Sandbox, proxy: FaultProxy) -> None:
        self._sandbox = sandbox
        self.proxy = proxy
        headers = {"Authorization": f"Bearer {sandbox.token}"}
        self.http = httpx.Client(base_url=proxy.url, headers=headers, timeout=5, trust_env=False)

    def asked(self) -> int:
        return self._sandbox.finops.stats.requests

    def get(self, *faults: Fault) -> httpx.Response:
        self.proxy.plan = FaultPlan.of(faults)
        return self.http.get(GROUPS)


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    with FaultProxy(sandbox.finops_url, system="finops") as proxy:
        found = Client(sandbox, proxy)
        yield found
        found.http.close()


def test_a_calm_proxy_changes_nothing(sandbox: Sandbox, client: Client) -> None:
    direct = httpx.get(sandbox.finops_url + GROUPS, headers=client.http.headers, trust_env=False)
    behind = client.get()
    names = {"date", "ms-dyn-aid", "content-length"}
    assert behind.json()["value"] == direct.json()["value"]
    assert {one for one in behind.headers if one not in names} == {one for one in direct.headers if one not in names}
    # Links in answers lead back to the proxy.
    assert behind.json()["@odata.context"].startswith(client.proxy.url)


def test_writes_and_keys_arrive_as_they_were_sent(client: Client) -> None:
    made = client.http.post("/data/CustomerGroups", json={**GROUP, "CustomerGroupId": "O'M 1"})
    assert made.status_code == 201
    url = "/data/CustomerGroups(dataAreaId='usmf',CustomerGroupId='O%27%27M%201')"
    assert client.http.get(url).json()["Description"] == GROUP["Description"]
    assert client.proxy.log[-1].path == url
    gone = client.http.delete(url)
    assert (gone.status_code, gone.content) == (204, b"")


@pytest.mark.parametrize(
    ("kind", "error", "acted"),
    [
        (Kind.RESET_BEFORE, httpx.ReadError, False),
        (Kind.RESET_AFTER, httpx.ReadError, True),
        (Kind.CLOSED_BEFORE, httpx.RemoteProtocolError, False),
        (Kind.CLOSED_AFTER, httpx.RemoteProtocolError, True),
        (Kind.CUT_BODY, httpx.RemoteProtocolError, True),
        (Kind.SILENT, httpx.ReadTimeout, False),
        (Kind.UNANSWERED, httpx.ReadTimeout, True),
        (Kind.LATE, httpx.ReadTimeout, True),
    ],
)
def test_answers_that_never_come(client: Client, kind: Kind, error: type[Exception], acted: bool) -> None:
    before = client.asked()
    client.http.timeout = httpx.Timeout(0.2)
    with pytest.raises(error):
        client.get(Fault(kind, seconds=0.4))
    client.proxy.settle()
    assert client.asked() - before == int(acted)
    # The next request finds everything in order.
    client.http.timeout = httpx.Timeout(5)
    assert client.get().status_code == 200


@pytest.mark.parametrize(
    ("kind", "status", "content_type", "acted"),
    [
        (Kind.THROTTLED, 429, "application/json", False),
        (Kind.THROTTLED_DATE, 429, "application/json", False),
        (Kind.THROTTLED_BARE, 429, "application/json", False),
        (Kind.ERROR_500, 500, "application/json", False),
        (Kind.ERROR_502, 502, "text/html; charset=utf-8", False),
        (Kind.ERROR_503, 503, "application/json", False),
        (Kind.UNAUTHORIZED, 401, "", False),
        (Kind.LOST_IN_GATEWAY, 504, "text/html; charset=utf-8", True),
        (Kind.HTML, 200, "text/html; charset=utf-8", True),
        (Kind.WRONG_TYPE, 200, "text/plain", True),
        (Kind.EMPTY_OBJECT, 200, "application/json", True),
    ],
)
def test_answers_of_somebody_else(client: Client, kind: Kind, status: int, content_type: str, acted: bool) -> None:
    before = client.asked()
    answer = client.get(Fault(kind))
    assert (answer.status_code, answer.headers.get("Content-Type", "")) == (status, content_type)
    assert client.asked() - before == int(acted)
    assert client.proxy.log[-1].kind is kind
    assert client.proxy.log[-1].acted is acted
    assert client.get().status_code == 200


def test_throttling_says_when_to_come_again(client: Client) -> None:
    seconds = client.get(Fault(Kind.THROTTLED, retry_after=7)).headers
    assert seconds["Retry-After"] == "7"
    assert "Retry-After" not in client.get(Fault(Kind.THROTTLED_BARE)).headers
    date = client.get(Fault(Kind.THROTTLED_DATE, retry_after=7, skew=-3600)).headers
    then, now = parsedate_to_datetime(date["Retry-After"]), parsedate_to_datetime(date["Date"])
    assert (then - now).total_seconds() == pytest.approx(7, abs=1)
    assert (datetime.now(UTC) - now).total_seconds() == pytest.approx(3600, abs=5)


def test_a_skewed_clock_is_in_the_date_alone(client: Client) -> None:
    answer = client.get(Fault(Kind.SKEWED, skew=86_400))
    ahead = parsedate_to_datetime(answer.headers["Date"]) - datetime.now(UTC)
    assert ahead.total_seconds() == pytest.approx(86_400, abs=5)
    assert answer.json()["value"]


def test_half_a_body_and_bytes_that_trickle(client: Client) -> None:
    whole = client.get().content
    half = client.get(Fault(Kind.HALF_BODY)).content
    assert half == whole[: len(whole) // 2]
    slow = client.get(Fault(Kind.TRICKLE, seconds=0.2))
    assert slow.content == whole
    assert slow.elapsed.total_seconds() < 5


def test_half_a_batch_ends_properly(client: Client) -> None:
    part = f"--b\r\nContent-Type: application/http\r\n\r\nGET {GROUPS[6:]} HTTP/1.1\r\n\r\n\r\n"
    body = (part * 4 + "--b--\r\n").encode()
    client.proxy.plan = FaultPlan.of([Fault(Kind.HALF_BATCH, path=r"\$batch")])
    answer = client.http.post("/data/$batch", content=body, headers={"Content-Type": "multipart/mixed; boundary=b"})
    boundary = answer.headers["Content-Type"].split("boundary=")[1]
    assert answer.text.count(f"--{boundary}") == 3
    assert answer.text.rstrip().endswith(f"--{boundary}--")


def test_half_of_a_batch_is_done(sandbox: Sandbox, client: Client) -> None:
    part = f"--b\r\nContent-Type: application/http\r\n\r\nGET {GROUPS[6:]} HTTP/1.1\r\n\r\n\r\n"
    for parts, done in ((4, 2), (1, 1)):
        client.proxy.plan = FaultPlan.of([Fault(Kind.HALF_ACTED)])
        before = sandbox.finops.stats.reads
        body = (part * parts + "--b--\r\n").encode()
        answer = client.http.post("/data/$batch", content=body, headers={"Content-Type": "multipart/mixed; boundary=b"})
        assert answer.status_code == 200
        assert sandbox.finops.stats.reads - before == done


def test_the_plan_says_which_requests(client: Client) -> None:
    second = Fault(Kind.ERROR_502, after=1, times=1, method="GET", path="^/data/Customer", system="finops")
    other = Fault(Kind.ERROR_500, system="sales")
    client.proxy.plan = FaultPlan.of([other, second])
    assert [client.http.get(GROUPS).status_code for _ in range(3)] == [200, 502, 200]
    assert client.http.get("/data/Companies").status_code == 200
    assert [one.kind for one in client.proxy.log] == [None, Kind.ERROR_502, None, None]
    client.proxy.plan = CALM
    assert client.http.get(GROUPS).status_code == 200


@given(st.integers(), st.floats(0, 1), st.integers(0, 20))
def test_a_seed_always_draws_the_same(seed: int, probability: float, after: int) -> None:
    def drawn(*more: Fault) -> list[bool]:
        plan = FaultPlan.of([Fault(Kind.HTML, probability, after=after), *more], seed)
        return [(found := plan.choose("", "GET", "/x")) is not None and found.kind is Kind.HTML for _ in range(60)]

    hits = drawn()
    # Another fault in the plan takes nothing from the first.
    assert hits == drawn(Fault(Kind.SILENT, 0.5))
    assert not any(hits[:after])
    assert all(hits[after:]) or probability < 1
    assert not any(hits) or probability > 0


def test_a_plan_out_of_a_file() -> None:
    text = '{"seed": 4, "faults": [{"kind": "late", "probability": 0.5, "seconds": 2, "method": "POST"}]}'
    assert FaultPlan.parse(text).faults == (Fault(Kind.LATE, 0.5, seconds=2.0, method="POST"),)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "no JSON"),
        ("[]", "object"),
        ('{"fault": []}', "faults"),
        ('{"faults": [{"kind": "rain"}]}', "rain"),
        ('{"faults": [{"kind": "late", "chance": 1}]}', "fault 1: chance"),
        ('{"faults": [{"kind": "late", "path": "("}]}', "fault 1"),
        ('{"faults": [{"kind": "late", "seconds": "soon"}]}', "fault 1"),
    ],
)
def test_a_plan_that_cannot_be_read(text: str, why: str) -> None:
    with pytest.raises(PlanError, match=why):
        FaultPlan.parse(text)


def test_a_target_must_be_a_server() -> None:
    with pytest.raises(ValueError, match="plain http"):
        FaultProxy("https://org.crm.dynamics.com")


def test_as_a_process_it_reads_its_plan_again(sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "faults.json"
    file.write_text('{"faults": [{"kind": "error-502"}]}')
    command = [sys.executable, "-m", "sandbox.proxy", "--target", sandbox.finops_url, "--plan", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        headers = {"Authorization": f"Bearer {sandbox.token}"}
        with httpx.Client(base_url=url, headers=headers, trust_env=False) as http:
            assert http.get(GROUPS).status_code == 502
            file.write_text("{}")
            process.send_signal(signal.SIGHUP)
            statuses = (http.get(GROUPS).status_code for _ in range(1000))
            assert next(status for status in statuses if status == 200)
        process.terminate()
        assert process.wait(10) == 0


def test_a_plan_that_is_missing_ends_the_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sandbox.proxy", "--target", "http://127.0.0.1:1", "--plan", str(tmp_path / "no")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "no" in done.stderr
