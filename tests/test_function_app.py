"""The app as the host indexes it, and the files beside it."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import shutil
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


def deployed() -> list[Path]:
    """The files of the repository that `.funcignore`, which is written as `.gitignore` is, leaves to be deployed."""

    def git(*arguments: str) -> set[str]:
        command = ["git", "ls-files", "-z", "--cached", "--others", *arguments]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        return set(done.stdout.split("\0")) - {""}

    left = git("--exclude-standard") - git("--ignored", "--exclude-from=.funcignore")
    return sorted(Path(one) for one in left if (ROOT / one).is_file())


def needed() -> set[Path]:
    """Modules that `function_app.py` imports, at whatever place, and those import in turn."""
    modules = {".".join(one.relative_to(ROOT).with_suffix("").parts): one for one in (ROOT / "p2c").rglob("*.py")}
    modules |= {name.removesuffix(".__init__"): one for name, one in modules.items() if name.endswith(".__init__")}
    found: set[Path] = set()
    waiting = [ROOT / "function_app.py"]
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [one.name for one in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
            for name in names:
                parts = name.split(".")
                packages = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
                waiting += [modules[one] for one in packages if one in modules]
    return {one.relative_to(ROOT) for one in found}


def test_exactly_the_modules_are_deployed_that_the_app_imports() -> None:
    modules = {one for one in deployed() if one.suffix == ".py"}
    assert modules - needed() == set(), "only the command line or a generator needs it: name it in .funcignore"
    assert needed() - modules == set(), ".funcignore leaves out what the app imports"


def test_the_app_loads_with_nothing_but_what_is_deployed(tmp_path: Path) -> None:
    files = deployed()
    assert {Path("host.json"), Path("requirements.txt"), Path("function_app.py")} <= set(files)
    for one in files:
        (tmp_path / one).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / one, tmp_path / one)
    script = f"""
import importlib, sys
sys.path[:] = [{str(tmp_path)!r}, *(one for one in sys.path if {str(ROOT)!r} not in (one, one.rstrip('/')))]
import function_app
for one in {[".".join(one.with_suffix("").parts) for one in files if one.suffix == ".py"]!r}:
    importlib.import_module(one)
assert all((module.__file__ or "").startswith({str(tmp_path)!r}) for name, module in sys.modules.items()
           if name.partition(".")[0] == "p2c"), "it came from elsewhere"
from p2c.templates.load import builtin_templates
from p2c.triggers.openapi import document
print(len(function_app.app.get_functions()), len(builtin_templates()), len(document()["paths"]))
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("P2C_", "PYTHONPATH"))}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert all(int(one) > 5 for one in done.stdout.split())
