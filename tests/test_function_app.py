"""The app as the host indexes it, and the files beside it."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from p2c.settings import AppSettings
from p2c.templates.schedule import mistake
from p2c.triggers.timers import BUILTIN, setting_of

ROOT = Path(__file__).parent.parent
_PRINT = """
import json, logging
import function_app
functions = function_app.app.get_functions()
print(json.dumps([[one.get_function_name(), json.loads(str(one))['bindings']] for one in functions]))
"""


@pytest.fixture(scope="module")
def functions() -> dict[str, list[dict[str, Any]]]:
    """The bindings of every function, from a process of its own: an app can be indexed only once."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("P2C_")}
    done = subprocess.run(
        [sys.executable, "-c", _PRINT], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    found = json.loads(done.stdout)
    assert len(found) == len({name for name, _ in found})
    return dict(found)


@pytest.fixture(scope="module")
def example() -> dict[str, str]:
    """The settings of the example."""
    values = json.loads((ROOT / "local.settings.json.example").read_text(encoding="utf-8"))["Values"]
    assert isinstance(values, dict)
    return values


def bindings(functions: dict[str, list[dict[str, Any]]], kind: str) -> dict[str, dict[str, Any]]:
    return {name: one for name, found in functions.items() for one in found if one["type"] == kind}


def test_all_functions_are_there(functions: dict[str, list[dict[str, Any]]]) -> None:
    timers = {f"timer_{one.replace('-', '_')}" for one in BUILTIN}
    assert set(bindings(functions, "timerTrigger")) == timers
    assert set(bindings(functions, "serviceBusTrigger")) == {"work", "inbox"}
    assert {"runs", "run", "record_sync", "templates", "health", "webhook_dataverse", "webhook_finops"} < set(functions)


def test_the_lanes_have_sessions(functions: dict[str, list[dict[str, Any]]]) -> None:
    found = bindings(functions, "serviceBusTrigger")
    assert (found["work"]["isSessionsEnabled"], found["work"]["cardinality"]) == (True, "ONE")
    assert (found["work"]["connection"], found["work"]["queueName"]) == ("P2C_WORK", "%P2C_WORK_QUEUE%")
    assert not found["inbox"].get("isSessionsEnabled")


def test_no_two_functions_have_one_route(functions: dict[str, list[dict[str, Any]]]) -> None:
    routes = Counter(re.sub(r"\{.*?\}", "{}", one["route"]) for one in bindings(functions, "httpTrigger").values())
    assert [route for route, number in routes.items() if number > 1] == []


def test_only_health_and_webhooks_are_anonymous_without_easy_auth(functions: dict[str, list[dict[str, Any]]]) -> None:
    levels = {name: one["authLevel"] for name, one in bindings(functions, "httpTrigger").items()}
    anonymous = {name for name, level in levels.items() if level.upper() == "ANONYMOUS"}
    assert anonymous == {"health", "webhook_dataverse", "webhook_finops"}


def test_every_setting_that_a_binding_names_is_in_the_example(
    functions: dict[str, list[dict[str, Any]]], example: dict[str, str]
) -> None:
    text = json.dumps(functions)
    assert set(re.findall(r"%(\w+)%", text)) <= set(example)
    for connection in set(re.findall(r'"connection": "(\w+)"', text)):
        assert f"{connection}__fullyQualifiedNamespace" in example


def test_the_schedules_of_the_example_are_schedules(example: dict[str, str]) -> None:
    schedules = {setting_of(one): example[setting_of(one)] for one in BUILTIN}
    assert {name: mistake(text) for name, text in schedules.items() if mistake(text) or not text} == {}
    assert mistake("*/5 * * * *"), "five fields are a mistake that the test above would find"


def test_every_setting_of_the_example_is_one(example: dict[str, str]) -> None:
    schedules = {setting_of(one) for one in BUILTIN}
    known = {f"P2C_{name.upper()}" for name in AppSettings.model_fields}
    for name in example:
        if name.startswith("P2C_") and name not in schedules:
            assert name.partition("__")[0] in known, name


HOST_KEYS = {
    "serviceBus": {
        "autoCompleteMessages",
        "clientRetryOptions",
        "maxAutoLockRenewalDuration",
        "maxConcurrentCalls",
        "maxConcurrentSessions",
        "prefetchCount",
        "sessionIdleTimeout",
    },
    "http": {"routePrefix"},
}


def test_host_json_has_the_names_of_extension_5() -> None:
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    assert {name: set(keys) for name, keys in host["extensions"].items()} == HOST_KEYS
    assert host["extensions"]["serviceBus"]["autoCompleteMessages"] is True
    assert host["extensionBundle"]["version"] == "[4.*, 5.0.0)"


def load_tool() -> Any:
    spec = importlib.util.spec_from_file_location("requirements_tool", ROOT / "tools" / "requirements.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_requirements_are_pinned_and_fresh() -> None:
    tool = load_tool()
    head, *lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert tool.fingerprint() in head, "pyproject.toml has changed: run `python tools/requirements.py`"
    pins = dict(line.split("==") for line in lines)
    for text in tool.wanted():
        requirement = Requirement(text)
        assert requirement.specifier.contains(pins[requirement.name.lower()], prereleases=True), text
    assert "azure-functions-worker" not in pins
    assert version("httpx")


def test_the_app_does_not_carry_the_command_line() -> None:
    unwanted = ("typer", "sandbox", "p2c.cli", "p2c.render")
    script = f"import sys, function_app; print([one for one in {unwanted} if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_what_is_deployed_leaves_out_what_is_not_needed() -> None:
    ignored = (ROOT / ".funcignore").read_text(encoding="utf-8").split()
    assert {"tests", "sandbox", "infra", "docs", "local.settings.json", ".*"} <= set(ignored)
    assert not {"p2c", "function_app.py", "host.json", "requirements.txt"} & set(ignored)
