"""Runs over a network that breaks, in short; the whole is `python -m harness weather`."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from harness.__main__ import arguments
from harness.equal import Snapshot, differences
from harness.life import Life, undisturbed
from harness.network import IMPATIENT, Network, Trial, endure, exposed, lies
from harness.throttling import throttled_run
from harness.weather import WEATHERS
from p2c.settings import AuthSettings, EndSettings
from p2c.state.runs import RunRecord
from p2c.templates.models import Template
from sandbox.company.sales_desk import record_id
from sandbox.proxy import CALM, Fault, FaultPlan, Kind

ACCOUNT = record_id("account", "fourth")


@pytest.fixture(scope="module")
def reference() -> Snapshot:
    """What an undisturbed contoso has after its first runs."""
    return undisturbed("contoso", 0)[0].systems


@pytest.fixture
def contoso() -> Iterator[tuple[Life, Network]]:
    with exposed("contoso", 0) as one:
        yield one


def test_a_life_in_bad_weather_ends_as_an_undisturbed_one() -> None:
    tally = endure(Trial("contoso", 0, "writes-reset,half-acted,storm", 1, acts=3))
    assert tally.problems == []
    assert sum(tally.calm_runs.values()) == 3
    assert tally.faults.total() > 20
    assert tally.documents["created"] > 0
    assert json.loads(json.dumps(tally.numbers()))["lives"] == 1


async def test_an_outage_in_the_middle_of_a_run_is_an_error_and_no_more(
    reference: Snapshot, contoso: tuple[Life, Network]
) -> None:
    life, network = contoso
    life.acts[0]()
    network.sales.plan = network.finops.plan = FaultPlan.of([Fault(Kind.ERROR_502, after=8)])
    said = await life.run(IMPATIENT)
    network.weather(CALM)
    assert said is not None
    assert {each.record.status for each in said if each.record.error} == {"Error"}
    assert await lies(life, said) == []
    again = await life.run()
    assert again is not None
    assert {each.record.status for each in again} == {"Completed"}
    assert differences(reference, life.snapshot()) == []


async def test_a_document_that_was_changed_back_while_its_write_was_in_doubt(contoso: tuple[Life, Network]) -> None:
    life, network = contoso
    life.acts[0]()
    await life.run()
    before = life.snapshot()
    town = life.sandbox.sales.engine.need("account", ACCOUNT)["address1_city"]
    life.sandbox.sales.people.update("account", ACCOUNT, {"address1_city": "Elsewhere"})
    # The write takes effect, its answer is lost, and nobody can look.
    lost, dead = Fault(Kind.RESET_AFTER, path=r"\$batch"), Fault(Kind.RESET_BEFORE, method="GET", after=1)
    network.finops.plan = FaultPlan.of([lost, dead])
    said = await life.run(IMPATIENT)
    assert said is None or said[0].record.status == "Error"
    assert differences(before, life.snapshot()) != []
    network.weather(CALM)
    life.sandbox.sales.people.update("account", ACCOUNT, {"address1_city": town})
    await life.run()
    assert differences(before, life.snapshot()) == []


class _Expiring:
    """Lets the token expire when the first template is done."""

    def __init__(self, one: Life) -> None:
        self._life = one

    def started(self, template: Template, legal_entity: str, expected: int) -> None: ...
    def advanced(self, documents: int) -> None: ...

    def finished(self, record: RunRecord) -> None:
        self._life.sandbox.sales.clock.advance(self._life.sandbox.sales.token_lifetime)


async def test_a_token_that_expires_in_the_middle_stops_the_run(
    reference: Snapshot, contoso: tuple[Life, Network]
) -> None:
    life, _ = contoso
    life.acts[0]()
    plain, sales = life.settings, life.sandbox.sales
    sales.token_lifetime = 30.0
    token, _ = sales.issue_token()
    auth = AuthSettings(kind="static", token=SecretStr(token))
    life.settings = plain.model_copy(update={"sales": EndSettings(url=plain.sales.url, auth=auth)})
    async with life.session() as session:
        finished = await session.run(progress=_Expiring(life))
    statuses = {one.record.template: one.record.status for one in finished}
    assert statuses["accounts"] == "Completed"
    assert statuses["products"] == "Error"
    assert "expired" in next(one.record.error for one in finished if one.record.template == "products")
    life.settings = plain
    said = await life.run()
    assert said is not None
    assert {each.record.status for each in said} == {"Completed"}
    assert differences(reference, life.snapshot()) == []


def test_a_throttled_run_slows_down_as_a_whole_and_speeds_up_again() -> None:
    found = throttled_run()
    assert found.status == "Completed"
    assert found.refusals == found.throttled
    assert found.lowest <= found.before / 2
    assert found.intruders == 0
    assert found.end > found.before


def test_every_kind_of_fault_has_its_weather() -> None:
    assert {kind.value for kind in Kind} <= WEATHERS.keys()
    for name, weather in WEATHERS.items():
        assert weather(1).faults, name
        assert weather(1).faults == weather(1).faults


def test_the_command_knows_its_weathers(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments(["weather", "--only", "sunshine"])
    assert "sunshine" in capsys.readouterr().err
