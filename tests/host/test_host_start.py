"""What the host refuses to start with, and that it says why."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.host import Host, HostError
from sandbox.host.__main__ import arguments, settings_of
from sandbox.host.config import read_host_config
from sandbox.host.routes import RouteTable
from sandbox.host.runtime import require_runtime
from sandbox.host.settings import read_local_settings
from sandbox.servicebus import QueueOptions
from tests.host.conftest import Start
from tests.host.support import APP, SETTINGS, write_app

ROOT = Path(__file__).parent.parent.parent
HTTP = "async def hello(req: func.HttpRequest) -> str:\n    return 'hello'\n"
BUS = "@app.service_bus_queue_trigger('message', connection='BUS', queue_name='q'{})\n"
BUS += "async def take(message: func.ServiceBusMessage) -> None: ...\n"
TIMER = "@app.timer_trigger(arg_name='timer', schedule='{}')\nasync def tick(timer: func.TimerRequest) -> None: ...\n"


@pytest.mark.parametrize(
    ("setting", "function", "what"),
    [
        ("LANES", "lane", "LANES for its queueName"),
        ("TICK_SCHEDULE", "tick", "TICK_SCHEDULE for its schedule"),
        ("BUS__fullyQualifiedNamespace", "lane", "BUS__fullyQualifiedNamespace (or BUS"),
        ("AzureWebJobsStorage", "tick", "AzureWebJobsStorage"),
    ],
)
def test_a_missing_setting_is_named(runtime: None, setting: str, function: str, what: str) -> None:
    settings = {name: value for name, value in SETTINGS.items() if name != setting}
    host = Host(APP, settings)
    with pytest.raises(HostError) as refusal:
        host.start()
    assert f"The function {function} needs the setting {what}" in str(refusal.value)
    assert "not set" in str(refusal.value)


def test_a_setting_is_found_in_any_case(start: Start) -> None:
    settings = {name: value for name, value in SETTINGS.items() if name != "LANES"}
    with Host(APP, {**settings, "lanes": "others"}) as host:
        assert "others" in host.broker.names


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("", "no functions"),
        ("import nothing_of_that_name\n", "nothing_of_that_name"),
        ("other = func.FunctionApp()\n", "More than one"),
        ("@app.route('a')\nasync def hello(request: func.HttpRequest) -> str: ...\n", "cannot load the hello function"),
        ("@app.route('a')\nasync def a(req: func.TimerRequest) -> str: ...\n", "do not match the corresponding"),
        (f"@app.function_name('a')\n@app.route('a')\n{HTTP}@app.function_name('b')\n@app.route('A')\n{HTTP}",
         "Two functions take 'api/a'"),
        (f"@app.route('a/{{b:regex(x)}}')\n{HTTP}", "not stood in for"),
        (f"@app.route('a/{{b?}}/c')\n{HTTP}", "only the last part"),
        (TIMER.format("*/5 * * * *"), "The schedule of the function tick: '*/5 * * * *' has 5 fields"),
        ("@app.retry(strategy='fixed_delay', max_retry_count='2', delay_interval='00:00:01')\n"
         + TIMER.format("0 0 3 * * *"),
         "retry policy"),
        ("@app.queue_trigger('m', queue_name='q', connection='BUS')\nasync def a(m: func.QueueMessage) -> None: ...\n",
         "trigger queueTrigger, which is not stood in for"),
        ("@app.service_bus_queue_output('out', connection='BUS', queue_name='q')\n@app.route('a')\n"
         "async def a(req: func.HttpRequest, out: func.Out[str]) -> str: ...\n",
         "has the binding serviceBus: not stood in"),
        (BUS.format(", auto_complete_messages=False"), "autoCompleteMessages off"),
        (BUS.format(", is_sessions_enabled=True"), "The queue q has no sessions, and the function take asks for them"),
    ],
)  # fmt: skip
def test_apps_that_do_not_run(start: Start, tmp_path: Path, code: str, reason: str) -> None:
    folder = write_app(tmp_path, code)
    with pytest.raises(HostError) as refusal:
        start(folder, queues=(QueueOptions("q"),))
    assert reason in str(refusal.value)


def test_the_service_bus_trigger_comes_with_the_extension_bundle(start: Start, tmp_path: Path) -> None:
    folder = write_app(tmp_path, BUS.format(""), {"extensionBundle": {}})
    with pytest.raises(HostError, match="extensionBundle"):
        start(folder)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"version": "1.0"}, '"version": "2.0"'),
        ({"extensions": {"serviceBus": {"messageHandlerOptions": {}}}}, "a name of extension 4.x"),
        ({"extensions": {"serviceBus": {"maxConcurentCalls": 1}}}, "no option of the Service Bus extension"),
        ({"extensions": {"serviceBus": {"clientRetryOptions": {"tries": 1}}}}, "no option tries"),
        ({"extensions": {"serviceBus": {"autoCompleteMessages": False}}}, "must be true"),
        ({"extensions": {"serviceBus": {"maxBatchWaitTime": "00:03:00"}}}, "longer than 00:02:30"),
        ({"extensions": {"serviceBus": {"minMessageBatchSize": 2}}}, "not stood in for"),
        ({"extensions": {"serviceBus": {"maxConcurrentSessions": 0}}}, "whole number from 1"),
        ({"extensions": {"serviceBus": {"sessionIdleTimeout": "10"}}}, "sessionIdleTimeout"),
        ({"extensions": {"serviceBus": []}}, "is an object"),
        ({"functionTimeout": "soon"}, "functionTimeout"),
    ],
)
def test_what_is_wrong_with_host_json(tmp_path: Path, given: dict[str, Any], reason: str) -> None:
    folder = write_app(tmp_path, "", given)
    with pytest.raises(HostError, match=reason):
        read_host_config(folder, {})


def test_host_json_and_the_settings_that_override_it(tmp_path: Path) -> None:
    bus = {"maxConcurrentSessions": 4, "clientRetryOptions": {"tryTimeout": "00:00:30"}}
    folder = write_app(tmp_path, "", {"functionTimeout": "-1", "extensions": {"serviceBus": bus}})
    config = read_host_config(folder, {})
    assert (config.bus.max_concurrent_sessions, config.function_timeout, config.route_prefix) == (4, None, "api")
    assert config.bus.session_idle.total_seconds() == 30, "unless set, that of one try"
    overrides = {
        "AzureFunctionsJobHost__extensions__serviceBus__maxConcurrentSessions": "9",
        "AzureFunctionsJobHost__extensions__http__routePrefix": "",
    }
    config = read_host_config(folder, overrides)
    assert (config.bus.max_concurrent_sessions, config.route_prefix) == (9, "")
    with pytest.raises(HostError, match="no section"):
        read_host_config(folder, {"AzureFunctionsJobHost__version__a": "1"})


def test_a_folder_without_an_app(tmp_path: Path, runtime: None) -> None:
    with pytest.raises(HostError, match="no function app"):
        Host(tmp_path, SETTINGS).start()
    (tmp_path / "host.json").write_text("{")
    with pytest.raises(HostError, match="is no JSON"):
        Host(tmp_path, SETTINGS).start()


def test_local_settings(tmp_path: Path) -> None:
    file = tmp_path / "local.settings.json"
    with pytest.raises(HostError, match="cannot be read"):
        read_local_settings(file)
    file.write_text(json.dumps({"IsEncrypted": False, "Values": {"A": "1"}}))
    assert read_local_settings(file) == {"A": "1"}
    for bad, reason in (
        ({"IsEncrypted": True, "Values": {}}, "encrypted"),
        ({"Values": {"A": 1}}, "texts, which A is not"),
        ([], "no settings file"),
    ):
        file.write_text(json.dumps(bad))
        with pytest.raises(HostError, match=reason):
            read_local_settings(file)


def test_settings_of_the_command_line_prevail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "local.settings.json"
    file.write_text(json.dumps({"Values": {"P2C_A": "file", "P2C_B": "file", "P2C_C": "file"}}))
    monkeypatch.setenv("P2C_B", "environment")
    monkeypatch.setenv("P2C_C", "environment")
    chosen = arguments(["--settings", str(file), "--set", "P2C_C={servicebus}/x"])
    settings = settings_of(chosen, {"servicebus": "http://127.0.0.1:5"})
    assert [settings[f"P2C_{name}"] for name in "ABC"] == ["file", "environment", "http://127.0.0.1:5/x"]
    with pytest.raises(HostError, match="NAME=VALUE"):
        settings_of(arguments(["--set", "novalue"]), {})


def test_routes() -> None:
    table = RouteTable(
        [
            ("runs/{id:guid}", ["GET"], "run"),
            ("runs/{name}", [], "named"),
            ("runs/latest", [], "latest"),
            ("files/{*path}", [], "files"),
            ("items/{id:int}", [], "item"),
        ]
    )
    found = {path: (match := table.match("GET", path)) and (match.target, match.parameters) for path in (
        "/runs/LATEST", "/runs/x%20y", "/runs/0af76519-16cd-43dd-8448-eb211c80319c", "/files/a/b%2fc", "/files",
        "/items/5", "/items/x", "/items/99999999999", "/runs", "/runs/a/b",
    )}  # fmt: skip
    assert found == {
        "/runs/LATEST": ("latest", {}),
        "/runs/x%20y": ("named", {"name": "x y"}),
        "/runs/0af76519-16cd-43dd-8448-eb211c80319c": ("run", {"id": "0af76519-16cd-43dd-8448-eb211c80319c"}),
        "/files/a/b%2fc": ("files", {"path": "a/b%2fc"}),
        "/files": ("files", {"path": ""}),
        "/items/5": ("item", {"id": "5"}),
        "/items/x": None,
        "/items/99999999999": None,
        "/runs": None,
        "/runs/a/b": None,
    }


def test_an_older_python_is_refused() -> None:
    with pytest.raises(HostError, match=r"needs Python 3\.13 or later.* this is Python 3\.12"):
        require_runtime((3, 12))


def test_an_app_that_no_longer_loads_stops_the_work_and_shows_in_the_status(start: Start, tmp_path: Path) -> None:
    folder = write_app(tmp_path, f"@app.route('a', auth_level=func.AuthLevel.ANONYMOUS)\n{HTTP}")
    host = start(folder)
    assert httpx.get(f"{host.url}/api/a").text == "hello"
    write_app(tmp_path, "raise RuntimeError('broken')\n")
    host.kill_worker()
    host.broker.wait(lambda: host.status()["state"] == "Error")
    assert "RuntimeError: broken" in host.status()["errors"][0]


def test_nothing_of_this_process_reaches_the_app_but_its_settings(start: Start, tmp_path: Path) -> None:
    code = "import os, json\n@app.route('a', auth_level=func.AuthLevel.ANONYMOUS)\n"
    code += "async def a(req: func.HttpRequest) -> str:\n    return json.dumps([dict(os.environ), os.getcwd()])\n"
    os.environ["P2C_SECRET_OF_THE_TEST"] = "x"
    try:
        host = start(write_app(tmp_path, code), settings={"MINE": "1"})
        environment, folder = httpx.get(f"{host.url}/api/a").json()
    finally:
        del os.environ["P2C_SECRET_OF_THE_TEST"]
    assert environment["MINE"] == "1"
    assert not {"P2C_SECRET_OF_THE_TEST", "PYTHONPATH", "PYTEST_CURRENT_TEST"} & environment.keys()
    assert Path(folder) == tmp_path


def test_as_a_program(runtime: None, tmp_path: Path) -> None:
    file = tmp_path / "local.settings.json"
    file.write_text(json.dumps({"IsEncrypted": False, "Values": {**SETTINGS, "GREETING": "from the file"}}))
    queues = tmp_path / "queues.json"
    queues.write_text(json.dumps([{"name": "lanes", "requiresSession": True, "maxDeliveryCount": 5}]))
    places = ["--app", str(APP), "--port", "0", "--servicebus-port", "0"]
    options = ["--settings", str(file), "--queues", str(queues), "--key", "k"]
    command = [sys.executable, "-m", "sandbox.host", *places, *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert httpx.get(f"{told['url']}/api/thread").text == "from the file"
        assert httpx.get(f"{told['url']}/api/echo/a", headers={"x-functions-key": told["key"]}).status_code == 202
        headers = {"Authorization": f"Bearer {told['token']}", "BrokerProperties": '{"SessionId": "s"}'}
        assert httpx.post(f"{told['servicebus']}/lanes/messages", content=b"1", headers=headers).status_code == 201
        assert "lane" in told["functions"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_as_a_program_that_cannot_start(runtime: None, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sandbox.host", "--app", str(tmp_path), "--port", "0", "--servicebus-port", "0"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 2
    assert "no function app" in ended.stderr


def test_the_worker_ends_with_its_host(runtime: None, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sandbox.host", "--app", str(APP), "--port", "0", "--servicebus-port", "0"]
    for name, value in SETTINGS.items():
        command += ["--set", f"{name}={value}"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        json.loads(process.stdout.readline())
        process.kill()
        # The worker has this pipe too: it is at its end only when both are gone.
        process.stderr.read()
