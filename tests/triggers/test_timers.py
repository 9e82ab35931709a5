"""Timers put runs on lanes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from p2c.lanes.parts import Parts
from p2c.settings import AppSettings
from p2c.templates.load import builtin_templates, ordered
from p2c.triggers.timers import BUILTIN, setting_of, start, timers
from tests.triggers.desk import PROJECT, Desk, desk

NOON = datetime(2026, 11, 22, 12, 5, 7, tzinfo=UTC)
OWN = {
    "id": "own-accounts",
    "name": "Own",
    "from": "sales",
    "to": "finops",
    "family": "accounts",
    "schedule": "0 30 * * * *",
    "tasks": [
        {
            "name": "T",
            "source": {"entity": "accounts", "key": ["accountnumber"]},
            "destination": {"entity": "CustomersV2", "key": ["CustomerAccount"]},
            "fields": [{"source": "accountnumber", "destination": "CustomerAccount"}],
        }
    ],
}


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as opened:
        yield opened


def project(folder: Path, **more: Any) -> Path:
    file = folder / "p2c.json"
    file.write_text(json.dumps(PROJECT | more), encoding="utf-8")
    return file


def test_there_is_a_timer_for_every_template_in_their_order() -> None:
    assert set(BUILTIN) == set(builtin_templates())
    places = {name: place for place, name in enumerate(BUILTIN)}
    for one in ordered(builtin_templates()):
        assert all(places[before] < places[one.id] for before in one.runs_after)


def test_schedules_are_settings() -> None:
    assert setting_of("contacts-to-customers") == "P2C_SCHEDULE_CONTACTS_TO_CUSTOMERS"


async def test_a_tick_puts_a_run_on_each_lane(app: Desk) -> None:
    assert await start(app.parts, "quotes", NOON) == 2
    sent = [(one.draft.session_id, json.loads(one.draft.body)) for one in app.broker.active("p2c-work")]
    assert {session for session, _ in sent} == {"usmf.quotes", "demf.quotes"}
    assert [body["runId"] for _, body in sent] == [
        f"20261122T120507000000Z-{one}-quotes-timer" for one in ("usmf", "demf")
    ]
    assert all(body["trigger"] == "timer" and body["mode"] == "incremental" for _, body in sent)


async def test_both_order_templates_share_a_lane(app: Desk) -> None:
    await start(app.parts, "orders-to-finops", NOON)
    await start(app.parts, "orders-to-sales", NOON)
    sessions = [one.draft.session_id for one in app.broker.active("p2c-work")]
    assert sorted(sessions) == ["demf.orders", "demf.orders", "usmf.orders", "usmf.orders"]


async def test_a_template_that_is_switched_off_does_not_tick(tmp_path: Path) -> None:
    project(tmp_path, templates={"quotes": {"enabled": False}})
    async with desk(tmp_path) as app:
        assert await start(app.parts, "quotes", NOON) == 0
        assert app.work() == []


def test_a_template_of_the_projects_own_has_a_timer_with_its_own_schedule(tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text(json.dumps(OWN), encoding="utf-8")
    parts = Parts(AppSettings(project=project(tmp_path, templateFiles=["own.json"])))
    assert parts.own_schedules() == {"own-accounts": "0 30 * * * *"}
    blueprint = timers(parts, parts.own_schedules())
    names = [one._function.get_function_name() for one in blueprint._function_builders]
    assert names == [f"timer_{one.replace('-', '_')}" for one in (*BUILTIN, "own-accounts")]


def test_a_broken_project_leaves_the_package_s_timers(tmp_path: Path) -> None:
    parts = Parts(AppSettings(project=project(tmp_path, templateFiles=["missing.json"])))
    assert parts.own_schedules() == {}
