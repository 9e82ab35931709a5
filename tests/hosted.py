"""The whole app, on the local host with Microsoft's worker, between both sandboxes and the stand-in for Service Bus."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo.stage import Stage
from p2c.triggers.timers import BUILTIN, setting_of
from sandbox.host import Host, HostError, Keys
from sandbox.host.runtime import require_runtime
from sandbox.servicebus import Broker, Draft, QueueOptions
from sandbox.servicebus.server import ServiceBus
from tests.staging import environment

ROOT = Path(__file__).parent.parent
KEY = "host-key"
WEBHOOK_KEY = "a webhook's key"
QUEUES = (
    QueueOptions("p2c-work", requires_session=True, max_delivery_count=3, duplicate_window=timedelta(minutes=10)),
    QueueOptions("p2c-inbox", max_delivery_count=3),
)


@dataclass(frozen=True)
class App:
    """The running app, and how a flow or an operator calls it."""

    stage: Stage
    host: Host
    caller: httpx.Client

    @property
    def broker(self) -> Broker:
        """The queues."""
        return self.host.broker

    def tick(self, template: str) -> None:
        """Fires a template's timer and waits until its lanes are done."""
        self.host.run_timer(f"timer_{template.replace('-', '_')}")
        self.host.wait_idle()

    def tick_all(self) -> None:
        """One tick of each, one after the other."""
        for template in BUILTIN:
            self.tick(template)

    def runs(self) -> list[dict[str, Any]]:
        """The latest runs."""
        found = self.caller.get("/api/runs", params={"limit": 200}).raise_for_status().json()["runs"]
        assert isinstance(found, list)
        return found

    def post_event(self, body: object) -> None:
        """Puts an event into the inbox, as Dataverse or F&O would, and waits until the lanes are done."""
        self.broker.send("p2c-inbox", Draft(json.dumps(body).encode(), content_type="application/json"))
        self.host.wait_idle()


def settings_of(stage: Stage, bus: str, **more: str) -> dict[str, str]:
    """All app settings of the app on this stage."""
    schedules = {setting_of(one): "0 0 0 1 1 *" for one in BUILTIN}
    return {
        **environment(stage),
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        "P2C_WORK__fullyQualifiedNamespace": "local.servicebus.windows.net",
        "P2C_INBOX__fullyQualifiedNamespace": "local.servicebus.windows.net",
        "P2C_WORK_QUEUE": "p2c-work",
        "P2C_INBOX_QUEUE": "p2c-inbox",
        "P2C_WORK_URL": bus,
        "P2C_WORK__TOKEN": "sandbox",
        "P2C_MAX_DELIVERIES": "3",
        "P2C_WEBHOOK_KEY": WEBHOOK_KEY,
        **schedules,
        **more,
    }


@contextmanager
def running(stage: Stage, **settings: str) -> Iterator[App]:
    """The app on this stage. Where Microsoft's worker cannot run the test is skipped, but fails in CI."""
    try:
        require_runtime()
    except HostError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    broker = Broker(QUEUES)
    with ExitStack() as stack:
        bus = stack.enter_context(ServiceBus(broker, token="sandbox"))
        values: Mapping[str, str] = settings_of(stage, bus.url, **settings)
        host = Host(ROOT, values, broker, keys=Keys(KEY, "master-key"))
        stack.callback(host.stop)
        host.start()
        caller = stack.enter_context(
            httpx.Client(base_url=host.url, headers={"x-functions-key": KEY}, timeout=120.0, trust_env=False)
        )
        yield App(stage, host, caller)
