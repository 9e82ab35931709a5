"""How long a change takes from one system to the other by event: `python -m benchmarks.events`.

The whole app runs on the local host with Microsoft's worker; both sandboxes are in a process of their own. People
change one document after the other. Each change is sent as the events that its system would send, and measured until
the document has been written at the other side; once with the servers as fast as they are, once with a latency imposed.
After each stage both systems are compared: they must agree, or there is no result.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from benchmarks.apart import ApartError
from benchmarks.measuring import DELIVERIES, DOCUMENTS, MASTERS, TEMPLATES, BenchmarkError
from benchmarks.sources import Act, Sources
from benchmarks.telling import Told
from benchmarks.terminal import machine, positive
from p2c.operations.opening import open_session
from p2c.operations.reconcile import reconcile
from p2c.settings import AuthSettings, EndSettings, Settings
from p2c.triggers.timers import BUILTIN, setting_of
from sandbox.host import Host, HostError
from sandbox.host.runtime import require_runtime
from sandbox.people import to_json
from sandbox.servicebus import Broker, Draft, QueueOptions
from sandbox.servicebus.server import ServiceBus

ROOT = Path(__file__).parent.parent
LIMIT_SECONDS = 30.0
"""A change that takes longer is taken for lost."""
_IDLE_SECONDS = 600.0
_WEBHOOK_KEY = "benchmark"
_STAGES: tuple[tuple[Act, tuple[str, ...]], ...] = (("set_up", MASTERS), ("sell", DOCUMENTS), ("fulfil", DELIVERIES))
"""What people do first, and the templates whose documents are there then."""
_QUEUES = (
    QueueOptions("p2c-work", requires_session=True, duplicate_window=timedelta(minutes=10)),
    QueueOptions("p2c-inbox"),
)


@dataclass(frozen=True, slots=True)
class Latency:
    """The latencies of a template's changes, in seconds, in the order in which the changes were made.

    `imposed` is how many seconds each request of the app to either system took longer.
    """

    template: str
    imposed: float
    seconds: tuple[float, ...]

    def percentile(self, share: float) -> float:
        """The smallest latency that so great a share of the changes (above 0, at most 1) did not exceed."""
        return sorted(self.seconds)[math.ceil(share * len(self.seconds)) - 1]


def measured(changes: int, seed: int, imposed: float = 0.0) -> Iterator[Latency]:
    """Measures so many changes of each template while each request to a system takes `imposed` seconds longer.

    Raises ApartError when a change does not arrive, HostError when the app does not run, BenchmarkError when both
    systems do not agree after all changes of a stage.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="p2c-benchmark-")))
        sources = stack.enter_context(Sources(seed, changes))
        settings = _settings(sources, folder)
        app = stack.enter_context(_running(sources, settings))
        for act, templates in _STAGES:
            sources.act(act)
            for template in templates:
                app.tick(template)
            sources.imposes(imposed)
            for template in templates:
                yield Latency(template, imposed, tuple(app.measure(template, number) for number in range(changes)))
            sources.imposes(0.0)
            asyncio.run(_check(settings, templates))


async def _check(settings: Settings, templates: Sequence[str]) -> None:
    async with open_session(settings) as session:
        for one in await reconcile(session, templates):
            if one.error or one.different:
                example = next((f"{each.key}: {each.changed or each.reason}" for each in one.different), one.error)
                raise BenchmarkError(f"after all events, {one.template} does not agree: {example}")


class _App:
    """The running app, and those who send to it."""

    def __init__(self, sources: Sources, host: Host, caller: httpx.Client) -> None:
        self._sources = sources
        self._host = host
        self._caller = caller

    def tick(self, template: str) -> None:
        """One run of the template's timer, to its end."""
        self._host.run_timer(f"timer_{template.replace('-', '_')}")
        self._host.wait_idle(_IDLE_SECONDS)

    def measure(self, template: str, number: int) -> float:
        """Seconds of one change; after it the app has nothing left to do."""
        told = self._sources.change(template, number)
        try:
            seconds = self._sources.watched(lambda: self._send(told), LIMIT_SECONDS)
        except ApartError as error:
            last = " | ".join(f"{one.level} {one.message} {dict(one.extra)}" for one in list(self._host.logs)[-10:])
            raise ApartError(f"{template}, change {number}: {error}; last in the log: {last}") from error
        self._host.wait_idle(_IDLE_SECONDS)
        return seconds

    def _send(self, told: Sequence[Told]) -> None:
        for one in told:
            body = to_json(one.body).encode()
            if one.to == "inbox":
                self._host.broker.send("p2c-inbox", Draft(body, content_type="application/json"))
            else:
                self._caller.post("/api/webhooks/finops", content=body).raise_for_status()


def _settings(sources: Sources, folder: Path) -> Settings:
    project = folder / "p2c.json"
    project.write_text(json.dumps(sources.project), encoding="utf-8")
    end = EndSettings(auth=AuthSettings(kind="static", token=SecretStr(sources.token)))
    return Settings(project=project, state=str(folder / "state"), sales=end, finops=end)


@contextmanager
def _running(sources: Sources, own: Settings) -> Iterator[_App]:
    require_runtime()
    broker = Broker(_QUEUES)
    with ExitStack() as stack:
        bus = stack.enter_context(ServiceBus(broker, token="sandbox"))
        settings = {
            "AzureWebJobsStorage": "UseDevelopmentStorage=true",
            "P2C_PROJECT": str(own.project),
            "P2C_STATE": own.state,
            "P2C_SALES__AUTH__KIND": "static",
            "P2C_SALES__AUTH__TOKEN": sources.token,
            "P2C_FINOPS__AUTH__KIND": "static",
            "P2C_FINOPS__AUTH__TOKEN": sources.token,
            "P2C_WORK__fullyQualifiedNamespace": "local.servicebus.windows.net",
            "P2C_INBOX__fullyQualifiedNamespace": "local.servicebus.windows.net",
            "P2C_WORK_QUEUE": "p2c-work",
            "P2C_INBOX_QUEUE": "p2c-inbox",
            "P2C_WORK_URL": bus.url,
            "P2C_WORK__TOKEN": "sandbox",
            "P2C_WEBHOOK_KEY": _WEBHOOK_KEY,
            **{setting_of(one): "0 0 0 1 1 *" for one in BUILTIN},
        }
        host = Host(ROOT, settings, broker)
        stack.callback(host.stop)
        host.start()
        caller = httpx.Client(base_url=host.url, params={"code": _WEBHOOK_KEY}, timeout=60.0, trust_env=False)
        yield _App(sources, host, stack.enter_context(caller))


# --- command line --------------------------------------------------------------------------------------------------


def main(given: Sequence[str] | None = None) -> int:
    """Measures, and prints a table or JSON. Gives 1 when there is no result."""
    chosen = _arguments(given)
    told = Console(stderr=True)
    found: list[Latency] = []
    try:
        for imposed in (0.0, chosen.latency):
            for one in measured(chosen.changes, chosen.seed, imposed):
                found.append(one)
                told.print(f"{one.template}, {imposed * 1000:.0f} ms: {one.percentile(0.5):.3f} s", style="dim")
    except (ApartError, HostError, BenchmarkError) as error:
        told.print(f"No result: {error}", style="red", markup=False)
        return 1
    if chosen.json:
        json.dump(
            {"machine": machine(), "load": os.getloadavg()[0], "latencies": _as_json(found)}, sys.stdout, indent=2
        )
        print()
    else:
        _print(found, chosen, Console(width=chosen.width))
    return 0


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.events", description="Latency by event, per template.")
    parser.add_argument("--changes", type=positive, default=60, help="changes of each template")
    parser.add_argument("--seed", type=int, default=1, help="seed of the company")
    parser.add_argument("--json", action="store_true", help="print every latency as JSON")
    parser.add_argument("--width", type=int, default=120, help="columns of the output")
    parser.add_argument("--latency", type=float, default=0.03, help="seconds added to each request in a second round")
    chosen = parser.parse_args(given)
    if chosen.latency <= 0:
        parser.error("--latency must be above 0: the round without is always measured")
    return chosen


def _as_json(found: Sequence[Latency]) -> list[dict[str, Any]]:
    return [
        {
            "template": one.template,
            "imposed": one.imposed,
            "p50": round(one.percentile(0.5), 4),
            "p95": round(one.percentile(0.95), 4),
            "seconds": [round(each, 4) for each in one.seconds],
        }
        for one in found
    ]


def _print(found: Sequence[Latency], chosen: argparse.Namespace, console: Console) -> None:
    slow = f"{chosen.latency * 1000:.0f} ms"
    table = Table(title=f"{chosen.changes} changes each", title_justify="left")
    table.add_column("template", no_wrap=True)
    for name in ("p50 s", "p95 s", "longest s", f"p50 s, {slow}", f"p95 s, {slow}", f"longest s, {slow}"):
        table.add_column(name, justify="right")
    for template in TEMPLATES:
        own = sorted((one for one in found if one.template == template), key=lambda one: one.imposed)
        table.add_row(template, *(f"{one.percentile(share):.2f}" for one in own for share in (0.5, 0.95, 1.0)))
    console.print(table)
    console.print(f"Both systems agreed after every stage. {machine()}, load {os.getloadavg()[0]:.1f}.")


if __name__ == "__main__":
    sys.exit(main())
