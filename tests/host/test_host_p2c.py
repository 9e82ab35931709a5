"""The real app on the host: it loads, every function is there with its trigger, and it answers."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from p2c.templates.load import builtin_templates
from sandbox.host import Host, HostError
from sandbox.host.functions import BusTrigger, HttpTrigger, TimerTrigger
from sandbox.host.settings import read_local_settings

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "local.settings.json.example"
ROUTES = {
    ("POST", "runs", "function"),
    ("GET", "runs", "function"),
    ("GET", "runs/{id}", "function"),
    ("DELETE", "runs/{id}", "function"),
    ("GET", "templates", "function"),
    ("GET", "legal-entities", "function"),
    ("POST", "records/{template}/{key}/sync", "function"),
    ("GET", "dead-letters", "function"),
    ("GET", "dead-letters/{id}", "function"),
    ("POST", "dead-letters/replay", "function"),
    ("POST", "webhooks/dataverse", "anonymous"),
    ("POST", "webhooks/finops", "anonymous"),
    ("GET", "health", "anonymous"),
    ("GET", "openapi.json", "function"),
}


def test_every_function_of_the_app_is_indexed(runtime: None) -> None:
    with Host(ROOT, {**read_local_settings(EXAMPLE), "P2C_PROJECT": "no-such-file.json"}) as host:
        triggers = {name: function.trigger for name, function in host.functions.items()}
        timers = {name for name, trigger in triggers.items() if isinstance(trigger, TimerTrigger)}
        assert timers == {f"timer_{name.replace('-', '_')}" for name in builtin_templates()}
        queues = {name: trigger for name, trigger in triggers.items() if isinstance(trigger, BusTrigger)}
        assert {name: (trigger.queue, trigger.connection, trigger.sessions) for name, trigger in queues.items()} == {
            "work": ("p2c-work", "P2C_WORK", True),
            "inbox": ("p2c-inbox", "P2C_INBOX", False),
        }
        routes = {
            (method, trigger.route, trigger.auth_level)
            for trigger in triggers.values()
            if isinstance(trigger, HttpTrigger)
            for method in trigger.methods
        }
        assert ROUTES - routes == set()
        # There is no project file: it answers, and says that it is not well.
        assert httpx.get(f"{host.url}/api/health").status_code == 503
        assert httpx.get(f"{host.url}/api/runs").status_code == 401


@pytest.mark.parametrize("setting", ["P2C_WORK_QUEUE", "P2C_SCHEDULE_INVOICES", "P2C_INBOX__fullyQualifiedNamespace"])
def test_each_setting_of_its_bindings_is_needed(runtime: None, setting: str) -> None:
    settings = read_local_settings(EXAMPLE)
    del settings[setting]
    with pytest.raises(HostError, match=setting):
        Host(ROOT, settings).start()
