"""The app settings of the deployment and what the code asks for are the same: nothing lacks, nothing is misspelt."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from typing import Any

import pytest
from pydantic import BaseModel

from benchmarks import scale
from p2c.settings import AppSettings
from p2c.templates.load import builtin_templates
from tests.infra.bicep import INFRA, MAIN, ROOT, of_kind, properties, text_of

SITE = INFRA / "modules" / "function-app.bicep"
OPTIONAL = ("webhookSettings", "salesSecretSettings", "finopsSecretSettings", "easyAuthSettings")
OF_THE_HOST = re.compile(r"^(APPLICATIONINSIGHTS|AZURE|AzureWebJobs|PYTHON|WEBSITE|OVERRIDE)_?")

_TELL_BINDINGS = """
import json
import function_app
found = [one.get_dict_repr() for one in function_app.app.get_functions()]
print(json.dumps(found, default=str))
"""


def base_settings() -> dict[str, str]:
    """The settings that are always there, with the text of their values."""
    given = properties(of_kind(SITE, "var")["baseSettings"].value)
    return {name: text_of(node) for name, node in given.items()}


def optional_settings() -> set[str]:
    return {
        name
        for variable in OPTIONAL
        for name in re.findall(r"\b([A-Z][A-Z0-9_]+):", text_of(of_kind(SITE, "var")[variable].value))
    }


@cache
def functions() -> tuple[dict[str, Any], ...]:
    """The functions with their bindings, as the app tells the host in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("P2C_")}
    told = subprocess.run(
        [sys.executable, "-c", _TELL_BINDINGS], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    return tuple(json.loads(told.stdout))


def bindings() -> list[dict[str, Any]]:
    return [binding for one in functions() for binding in one["bindings"]]


def test_every_setting_that_a_binding_names_is_there() -> None:
    named = {
        name
        for binding in bindings()
        for value in binding.values()
        if isinstance(value, str)
        for name in re.findall(r"%(\w+)%", value)
    }
    assert len(named) > len(builtin_templates())
    assert named - set(base_settings()) == set()


def test_every_connection_that_a_binding_names_is_there() -> None:
    connections = {binding["connection"] for binding in bindings() if "connection" in binding}
    assert connections
    for connection in connections:
        for part in ("fullyQualifiedNamespace", "credential", "clientId"):
            assert f"{connection}__{part}" in base_settings()


def test_every_schedule_is_that_of_a_timer() -> None:
    timers = [binding["schedule"] for binding in bindings() if binding["type"] == "timerTrigger"]
    given = {f"%{name}%" for name in base_settings() if name.startswith("P2C_SCHEDULE_")}
    assert set(timers) == given
    assert len(timers) == len(builtin_templates())


def test_schedules_are_those_of_the_templates() -> None:
    told = json.loads((INFRA / "schedules.json").read_text(encoding="utf-8"))
    assert told == {template.id: template.schedule for template in builtin_templates().values()}


def test_each_template_has_its_schedule_setting() -> None:
    given = base_settings()
    for template in builtin_templates().values():
        value = given[f"P2C_SCHEDULE_{template.id.upper().replace('-', '_')}"]
        assert value in {f"schedules.{template.id}", f"schedules['{template.id}']"}


@pytest.mark.parametrize("name", sorted({*base_settings(), *optional_settings()}))
def test_every_setting_is_one_that_something_reads(name: str) -> None:
    if OF_THE_HOST.match(name) or name.startswith("P2C_SCHEDULE_"):
        return
    assert _reads(AppSettings, name.removeprefix("P2C_").casefold()), name


def _reads(model: type[BaseModel], rest: str) -> bool:
    for field, info in model.model_fields.items():
        for known in {field, info.alias or field}:
            if rest == known:
                return True
            inner = info.annotation
            if rest.startswith(f"{known}__") and isinstance(inner, type) and issubclass(inner, BaseModel):
                return _reads(inner, rest.removeprefix(f"{known}__"))
    return False


def test_a_misspelt_setting_would_be_found() -> None:
    assert _reads(AppSettings, "sales__auth__client_id")
    assert not _reads(AppSettings, "sales__auth__client")
    assert not _reads(AppSettings, "slice_second")


def test_what_must_differ_by_deployment_is_set() -> None:
    needed = {"P2C_STATE", "P2C_SALES__URL", "P2C_FINOPS__URL", "P2C_PUBLIC_URL", "P2C_PROJECT", "P2C_EASY_AUTH"}
    assert needed <= set(base_settings())
    assert "P2C_WEBHOOK_KEY" in optional_settings()
    assert "P2C_WORK_URL" not in base_settings()


def test_the_code_agrees_on_queues_and_deliveries() -> None:
    variables = {name: text_of(one.value).strip("'") for name, one in of_kind(MAIN, "var").items()}
    fields = AppSettings.model_fields
    assert variables["workQueueName"] == fields["work_queue"].default
    assert variables["inboxQueueName"] == fields["inbox_queue"].default
    deliveries = of_kind(MAIN, "param")["maxDeliveries"]
    assert int(text_of(deliveries.value)) == fields["max_deliveries"].default
    for queue in ("work-queue", "inbox-queue"):
        given = properties(of_kind(INFRA / "modules" / f"{queue}.bicep", "resource")["queue"].body)["properties"]
        assert text_of(properties(given)["maxDeliveryCount"]) == "maxDeliveries"
    assert base_settings()["P2C_MAX_DELIVERIES"] == "string(maxDeliveries)"


def test_a_slice_that_is_allowed_here_is_allowed_there() -> None:
    field = AppSettings.model_fields["slice_seconds"]
    for path in (MAIN, SITE):
        slice_seconds = of_kind(path, "param")["sliceSeconds"]
        for limit in ("minValue", "maxValue"):
            AppSettings(slice_seconds=float(slice_seconds.decorators[limit]))
        assert int(text_of(slice_seconds.value)) == field.default


def test_what_scales_by_itself_is_as_much_as_the_costs_reckon_with() -> None:
    kinds = [binding["type"] for binding in bindings() if binding["type"].casefold().endswith("trigger")]
    assert len(kinds) == len(functions())
    assert scale.groups() == sum(kind != "httpTrigger" for kind in kinds) + 1


def test_the_lanes_have_sessions_and_the_inbox_has_none() -> None:
    sessions = {
        binding["queueName"]: bool(binding.get("isSessionsEnabled"))
        for binding in bindings()
        if binding["type"] == "serviceBusTrigger"
    }
    assert sessions == {"%P2C_WORK_QUEUE%": True, "%P2C_INBOX_QUEUE%": False}
    for queue, wanted in (("work-queue", "true"), ("inbox-queue", "false")):
        given = properties(of_kind(INFRA / "modules" / f"{queue}.bicep", "resource")["queue"].body)["properties"]
        assert text_of(properties(given)["requiresSession"]) == wanted
        assert text_of(properties(given)["requiresDuplicateDetection"]) == wanted


def test_easy_auth_lets_through_what_checks_for_itself() -> None:
    auth = of_kind(INFRA / "modules" / "easy-auth.bicep", "resource")["auth"]
    excluded = set(re.findall(r"'(/api/[^']+)'", text_of(auth.node)))
    routes = {f"/api/{binding['route']}" for binding in bindings() if binding["type"] == "httpTrigger"}
    assert excluded == {route for route in routes if route.startswith("/api/webhooks/")} | {"/api/health"}
    assert "/api/health" in routes


def test_sign_in_kinds_are_those_of_the_code() -> None:
    kinds = AppSettings.model_fields["state_auth"].annotation
    assert kinds is not None
    known = set(kinds.model_fields["kind"].annotation.__args__)
    for name in ("salesAuthKind", "finopsAuthKind"):
        allowed = re.findall(r"'(\w+)'", of_kind(MAIN, "param")[name].decorators["allowed"])
        assert set(allowed) <= known
