"""`p2c doctor`: a deployment looked at from outside, through the local host with both sandboxes, and its refusals."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from p2c.cli import app as commands
from p2c.errors import ConfigError
from p2c.operations.doctor import Examination, examine
from tests.hosted import KEY, App, running
from tests.staging import Raise


@pytest.fixture
def start(stage: Raise) -> Iterator[Callable[..., App]]:
    with ExitStack() as stack:

        def started(**settings: str) -> App:
            play = stage()
            play.company.set_up()
            return stack.enter_context(running(play, **settings))

        yield started


def p2c(*arguments: str, **more: str) -> Result:
    """The command, with nothing of p2c's in its environment but what is given."""
    clean = {name: None for name in os.environ if name.startswith("P2C_")}
    return CliRunner().invoke(commands, list(arguments), env={**clean, "COLUMNS": "250", **more})


def checks(result: Result) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in json.loads(result.stdout)["checks"]}


def test_a_deployment_from_its_first_day_on(start: Callable[..., App]) -> None:
    app = start()
    first = p2c("doctor", app.host.url, "--json", P2C_DOCTOR_KEY=KEY)
    found = checks(first)
    assert first.exit_code == 1, first.output
    assert {name for name, one in found.items() if one["verdict"] == "warning"} == {
        name for name in found if name.startswith("runs of")
    }
    assert [found[name]["verdict"] for name in ("health", "strangers", "sales", "finops", "state")] == ["ok"] * 5
    assert found["work queue"]["verdict"] == "unchecked"

    app.tick_all()
    second = p2c("doctor", app.host.url + "/api/", "--key", KEY)
    assert second.exit_code == 0, second.output
    assert "not checked" in second.stdout
    assert second.stdout.rstrip().endswith("All is well.")
    assert KEY not in first.output + second.output

    refused = p2c("doctor", app.host.url, "--key", "another-key")
    assert refused.exit_code == 5
    assert "the app refused the key or token" in refused.stdout
    assert "another-key" not in refused.output

    without = p2c("doctor", app.host.url, "--json")
    assert without.exit_code == 1
    assert checks(without)["checks"]["verdict"] == "warning"


def test_a_broken_sales_token(start: Callable[..., App]) -> None:
    app = start(P2C_SALES__AUTH__TOKEN="not-the-token")
    result = p2c("doctor", app.host.url, "--json", P2C_DOCTOR_KEY=KEY)
    found = checks(result)
    assert result.exit_code == 3
    assert all(one["hint"] for one in found.values() if one["verdict"] in ("failed", "warning"))
    assert json.loads(result.stdout)["verdict"] == "failed"
    assert (found["sales"]["verdict"], found["finops"]["verdict"]) == ("failed", "ok")
    assert "not-the-token" not in result.output


def test_nobody_there() -> None:
    result = p2c("doctor", "http://127.0.0.1:9", "--key", "k", "--json")
    assert result.exit_code == 3
    assert list(checks(result)) == ["health"]


@pytest.mark.parametrize(
    "url", ["http://p2c.example", "https://p2c.example/?code=secret", "p2c.example", "https://u:secret@p2c.example"]
)
def test_an_address_that_no_key_goes_to(url: str) -> None:
    result = p2c("doctor", url, "--key", "k")
    assert result.exit_code == 4
    assert "secret" not in result.output


def test_a_key_and_a_token_are_too_much() -> None:
    assert p2c("doctor", "https://p2c.example", "--key", "k", "--token", "t").exit_code == 2


# --- apps that are not as they should be ---

Answers = Callable[[httpx.Request], httpx.Response]


async def seen(*, health: httpx.Response, stranger: httpx.Response, inside: httpx.Response) -> Examination:
    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/health":
            assert "authorization" not in request.headers
            return health
        if "authorization" not in request.headers:
            return stranger
        assert request.url.path == "/api/checks"
        return inside

    return await examine("https://p2c.example/", token="t", transport=httpx.MockTransport(reply))


OK = {"status": "ok"}
NONE: dict[str, Any] = {"checks": []}


async def test_an_app_that_is_well_behind_easy_auth() -> None:
    found = await seen(
        health=httpx.Response(200, json=OK), stranger=httpx.Response(401), inside=httpx.Response(200, json=NONE)
    )
    assert (found.verdict, found.refused) == ("ok", False)


@pytest.mark.parametrize(
    ("health", "stranger", "inside", "name", "verdict"),
    [
        (httpx.Response(200, json=OK | {"sales": "contoso"}), 401, 200, "health", "failed"),
        (httpx.Response(200, text="<html>"), 401, 200, "health", "failed"),
        (httpx.Response(503, json={"status": "broken"}), 401, 200, "health", "failed"),
        (httpx.Response(401), 401, 200, "health", "failed"),
        (httpx.Response(200, json=OK), 200, 200, "strangers", "failed"),
        (httpx.Response(200, json=OK), 302, 200, "strangers", "warning"),
        (httpx.Response(200, json=OK), 500, 200, "strangers", "warning"),
        (httpx.Response(200, json=OK), 401, 404, "checks", "failed"),
        (httpx.Response(200, json=OK), 401, 500, "checks", "failed"),
        (httpx.Response(200, json=OK), 401, 302, "checks", "failed"),
    ],
)
async def test_what_is_wrong_is_said(
    health: httpx.Response, stranger: int, inside: int, name: str, verdict: str
) -> None:
    elsewhere = {"location": "https://login.example/"}
    found = await seen(
        health=health,
        stranger=httpx.Response(stranger, headers=elsewhere if stranger == 302 else {}, json={}),
        inside=httpx.Response(inside, headers=elsewhere if inside == 302 else {}, json=NONE),
    )
    wrong = {one.name: one.verdict for one in found.checks if one.verdict != "ok"}
    assert wrong == {name: verdict}
    assert all(one.hint for one in found.checks if one.verdict != "ok")
    assert found.verdict == verdict


async def test_an_answer_of_something_else() -> None:
    found = await seen(
        health=httpx.Response(200, json=OK), stranger=httpx.Response(401), inside=httpx.Response(200, json={"a": 1})
    )
    assert [one.verdict for one in found.checks] == ["ok", "ok", "failed"]


async def test_a_token_without_the_role_is_refused() -> None:
    found = await seen(
        health=httpx.Response(200, json=OK), stranger=httpx.Response(401), inside=httpx.Response(403, json={})
    )
    assert found.refused


async def test_a_wrong_address_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ConfigError):
        await examine("ftp://p2c.example")
