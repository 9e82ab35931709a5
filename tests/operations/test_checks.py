"""What the app finds when it looks at its own parts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from demo.stage import Stage
from p2c.operations.checks import SOLUTION, Check, check_app
from p2c.operations.opening import opened_store
from p2c.settings import AppSettings, AuthSettings, BusSettings, EndSettings
from p2c.state.binding import NAME, Binding
from p2c.systems.odata.transport import RetryPolicy
from sandbox.finops import FinOpsService
from sandbox.sales.options import SalesOptions
from sandbox.servicebus import Broker, QueueOptions, ServiceBus
from sandbox.wire.reply import Reply
from tests.staging import Raise, change_project


@contextmanager
def settings(stage: Stage, **more: Any) -> Iterator[AppSettings]:
    """The settings of an app on this stage, with a queue."""
    with ServiceBus(Broker([QueueOptions("p2c-work", requires_session=True)])) as bus:
        known = {name: getattr(stage.settings, name) for name in ("project", "state", "sales", "finops")}
        work = BusSettings(token=SecretStr("sandbox"))
        yield AppSettings(**{**known, "work": work, "work_url": bus.url, **more})


async def look(stage: Stage, now: datetime | None = None, hours: int = 24, **more: Any) -> dict[str, Check]:
    with settings(stage, **more) as given:
        found = await check_app(given, hours=hours, now=now)
    assert len({one.name for one in found}) == len(found)
    assert [one.name for one in found if one.verdict in ("failed", "warning") and not one.hint] == []
    return {one.name: one for one in found}


def verdicts(found: dict[str, Check]) -> dict[str, str]:
    return {name: one.verdict for name, one in found.items() if not name.startswith("runs of")}


WELL = {
    "project": "ok",
    "state": "ok",
    "sales": "ok",
    "solution": "ok",
    "finops": "ok",
    "environments": "ok",
    "work queue": "unchecked",
    "runs": "ok",
}


@pytest.fixture
def play(stage: Raise) -> Stage:
    found = stage()
    found.company.set_up()
    return found


async def test_all_is_well_and_nothing_is_written(play: Stage) -> None:
    before = play.sandbox.sales.stats.writes
    found = await look(play)
    assert verdicts(found) == WELL
    assert play.sandbox.sales.stats.writes == before
    assert SOLUTION in found["solution"].why
    assert "10.0." in found["finops"].why
    assert "first run binds" in found["environments"].why
    async with opened_store(play.settings) as store:
        assert await store.read(NAME) is None


def test_runs_are_fresh_then_old(play: Stage) -> None:
    play.run(["accounts"])
    found = asyncio.run(look(play))
    assert verdicts(found) == WELL
    assert "belongs to these" in found["environments"].why
    assert found["runs of accounts"].verdict == "ok"
    assert found["runs of quotes"].verdict == "warning"
    later = asyncio.run(look(play, now=datetime.now(UTC) + timedelta(hours=3), hours=2))
    assert later["runs of accounts"].verdict == "warning"
    assert "No successful run lately for" in later["runs of accounts"].why


@pytest.mark.parametrize(("end", "failed", "other"), [("sales", "sales", "finops"), ("finops", "finops", "sales")])
async def test_a_refused_identity_is_one_finding(play: Stage, end: str, failed: str, other: str) -> None:
    wrong = EndSettings(auth=AuthSettings(kind="static", token=SecretStr("not-the-token")))
    more: dict[str, Any] = {end: wrong}
    found = await look(play, **more)
    assert (found[failed].verdict, found[other].verdict) == ("failed", "ok")
    assert found["environments"].verdict == "unchecked"
    assert "not-the-token" not in json.dumps([one.why + one.hint for one in found.values()])


class Discreet(FinOpsService):
    """Does not show its version: it refuses, or has no such action."""

    def __init__(self, status: int) -> None:
        super().__init__(token="sandbox")
        self._status = status

    def handle(self, method: str, path_and_query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if "GetApplicationVersion" in path_and_query:
            return Reply(self._status, {"Content-Type": "application/json"}, b'{"Message": "Not for you."}')
        return super().handle(method, path_and_query, headers, body)


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_user_that_may_not_ask_for_the_version_is_no_fault(stage: Raise, status: int) -> None:
    found = await look(stage(finops=Discreet(status)))
    assert verdicts(found) == WELL
    assert "does not show its version" in found["finops"].why


async def test_sales_without_the_solution(stage: Raise) -> None:
    found = await look(stage(sales=SalesOptions(solution=False)))
    assert found["solution"].verdict == "ok"
    assert "not installed" in found["solution"].why


async def test_a_system_that_is_away_does_not_hold_the_others_up(play: Stage) -> None:
    found = await look(play, finops=play.settings.finops.model_copy(update={"url": "http://127.0.0.1:9"}))
    assert (found["sales"].verdict, found["finops"].verdict) == ("ok", "failed")
    assert found["finops"].seconds < RetryPolicy().budget


async def test_a_wrong_sign_in_is_said_once(play: Stage) -> None:
    found = await look(play, sales=EndSettings(auth=AuthSettings(kind="clientSecret")))
    assert found["sign-in"].verdict == "failed"
    assert "P2C_SALES__AUTH__TENANT_ID" in found["sign-in"].why
    assert {found[name].verdict for name in ("sales", "finops", "solution", "environments")} == {"unchecked"}


async def test_a_broken_project_says_what_and_the_rest_is_looked_at(play: Stage) -> None:
    change_project(play.settings, lambda project: project.update(templates={"acounts": {"enabled": False}}))
    found = await look(play)
    assert found["project"].verdict == "failed"
    assert "acounts" in found["project"].why
    assert (found["state"].verdict, found["sales"].verdict, found["runs"].verdict) == ("ok", "unchecked", "unchecked")


async def test_a_state_of_other_environments(play: Stage) -> None:
    async with opened_store(play.settings) as store:
        await Binding(store).bind({"sales": "another", "finops": "localhost"})
    found = await look(play)
    assert found["environments"].verdict == "failed"
    assert "another" in found["environments"].why


async def test_a_damaged_state(play: Stage) -> None:
    async with opened_store(play.settings) as store:
        await store.write(NAME, b"{")
    found = await look(play)
    assert (found["state"].verdict, found["runs"].verdict) == ("failed", "unchecked")


async def test_a_queue_that_is_away_and_one_that_is_not_set(play: Stage) -> None:
    assert (await look(play, work_url="http://127.0.0.1:9"))["work queue"].verdict == "failed"
    found = await look(play, work_url="")
    assert found["work queue"].verdict == "failed"
    assert "P2C_WORK" in found["work queue"].hint


async def test_the_inbox_is_looked_at_where_it_has_a_namespace_of_its_own(play: Stage) -> None:
    assert "inbox queue" not in await look(play)
    token = SecretStr("sandbox")
    apart: dict[str, Any] = {
        "work": BusSettings(namespace="127.0.0.1:9", token=token),
        "inbox": BusSettings(namespace="127.0.0.1:10", token=token),
        "work_url": "",
    }
    found = await look(play, **apart)
    assert (found["work queue"].verdict, found["inbox queue"].verdict) == ("failed", "failed")
    assert "P2C_INBOX" in found["inbox queue"].hint


async def test_a_signature_in_an_address_is_not_told(play: Stage, tmp_path: Path) -> None:
    found = await look(play, state="https://account.blob.core.windows.net/?sv=1&sig=secret-signature")
    assert found["state"].verdict == "failed"
    assert "secret-signature" not in json.dumps([one.why + one.hint for one in found.values()])
