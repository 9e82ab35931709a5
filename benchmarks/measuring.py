"""One scenario measured: a client against fresh servers, template by template, first load and 2 % changed.

The seconds are those from the start of a template's run to its end, as the client sees them. What is changed is changed
in three stages, since quotes need products and invoices need orders.
"""

from __future__ import annotations

import asyncio
import json
import resource
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from pydantic import SecretStr

from benchmarks.plain import PlainFinOps, PlainSales
from benchmarks.served import Served
from p2c.operations.opening import open_session, opened_store, project_of
from p2c.operations.reconcile import reconcile
from p2c.settings import AuthSettings, EndSettings, Settings
from p2c.state.runs import RunRecord
from p2c.sync.session import Session
from p2c.systems.connect import connect
from p2c.templates.models import Template

Client = Literal["p2c", "plain"]
Kind = Literal["first load", "2 % changed"]

MASTERS = ("accounts", "products", "contacts", "contacts-to-customers")
DOCUMENTS = ("quotes", "orders-to-finops")
DELIVERIES = ("orders-to-sales", "invoices")
TEMPLATES = (*MASTERS, *DOCUMENTS, *DELIVERIES)
"""The eight templates in the order in which they are measured."""

_SPAWN = get_context("spawn")


class BenchmarkError(Exception):
    """A measurement that says nothing: a run had trouble, or both systems do not agree after it."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Who is measured, and on a company of which size and seed.

    `latency` is how many seconds each request of the first load takes longer; for each number in `changed` there is a
    further run with 2 % changed and that latency.
    """

    client: Client
    documents: int
    latency: float
    changed: tuple[float, ...]
    seed: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """A run of one template. `latency` is the seconds added to each request, `documents` those that belong to it,
    `written` those that were written. Times are seconds, `memory` is the most that the process has had so far, in MiB.
    """

    client: Client
    latency: float
    kind: Kind
    template: str
    documents: int
    written: int
    requests: int
    operations: int
    writes: int
    seconds: float
    processor: float
    memory: float


def measured(scenario: Scenario) -> Iterator[Measurement]:
    """Measures in a process of its own, so that memory is this scenario's. Raises BenchmarkError."""
    here, there = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_measure, args=(there, scenario))
    process.start()
    there.close()
    try:
        while (found := _next(here)) is not None:
            yield found
    finally:
        here.close()
        process.join()


def _next(pipe: Connection) -> Measurement | None:
    try:
        found = pipe.recv()
    except EOFError:
        raise BenchmarkError("the process that measures ended before its time") from None
    if isinstance(found, BenchmarkError):
        raise found
    return found if isinstance(found, Measurement) else None


def _measure(pipe: Connection, scenario: Scenario) -> None:
    try:
        with (
            TemporaryDirectory(prefix="p2c-benchmark-") as folder,
            Served(scenario.seed, scenario.documents) as served,
        ):
            stages = _Stages(scenario, served, _settings(served, Path(folder)), pipe.send)
            asyncio.run(stages.run())
        pipe.send(None)
    except BenchmarkError as error:
        pipe.send(error)


def _settings(served: Served, folder: Path) -> Settings:
    file = folder / "p2c.json"
    file.write_text(json.dumps(served.project), encoding="utf-8")
    end = EndSettings(auth=AuthSettings(kind="static", token=SecretStr(served.token)))
    return Settings(project=file, state=str(folder / "state"), sales=end, finops=end)


class _Stages:
    """The stages of one scenario; `tell` gets each measurement."""

    def __init__(
        self, scenario: Scenario, served: Served, settings: Settings, tell: Callable[[Measurement], None]
    ) -> None:
        self._scenario = scenario
        self._served = served
        self._settings = settings
        self._tell = tell

    async def run(self) -> None:
        served = self._served
        served.set_up()
        await self._stage(MASTERS, served.change_masters)
        served.sell()
        await self._stage(DOCUMENTS, served.change_documents)
        served.fulfil()
        await self._stage(DELIVERIES, served.change_deliveries)

    async def _stage(self, templates: tuple[str, ...], change: Callable[[int], None]) -> None:
        await self._templates(templates, "first load", self._scenario.latency)
        for count, latency in enumerate(self._scenario.changed):
            change(count)
            await self._templates(templates, "2 % changed", latency)
        async with open_session(self._settings) as session:
            for one in await reconcile(session, templates):
                if one.error or one.different or one.kept_back:
                    example = next((f"{each.key}: {each.changed or each.reason}" for each in one.different), one.error)
                    raise BenchmarkError(f"after {self._scenario.client}, {one.template} does not agree: {example}")

    async def _templates(self, templates: tuple[str, ...], kind: Kind, latency: float) -> None:
        async with self._session() as session:
            meter = _Meter(self._scenario.client, latency, kind, self._served)
            self._served.imposes(latency)
            for one in await session.run(templates, progress=meter):
                if one.record.status != "Completed":
                    raise BenchmarkError(
                        f"{self._scenario.client}: {one.record.template} ended in {one.record.status} "
                        f"{one.record.error or dict(one.record.counts)}"
                    )
            self._served.imposes(0)
        for found in meter.found:
            self._tell(found)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Session]:
        settings = self._settings
        if self._scenario.client == "p2c":
            async with open_session(settings) as session:
                yield session
            return
        project = project_of(settings)
        places = project.connection_set
        connected = connect(
            places.sales.url, places.finops.url, sales_auth=settings.sales.auth, finops_auth=settings.finops.auth
        )
        async with connected as (sales, finops), opened_store(settings) as store:
            yield Session(project, settings, PlainSales(sales.client), PlainFinOps(finops.client), store)


class _Meter:
    """Watches a run and measures each template of it."""

    def __init__(self, client: Client, latency: float, kind: Kind, served: Served) -> None:
        self._client: Client = client
        self._latency = latency
        self._kind: Kind = kind
        self._served = served
        self._began = (0.0, 0.0)
        self.found: list[Measurement] = []

    def started(self, template: Template, legal_entity: str, expected: int) -> None:
        self._served.reset()
        self._began = (time.perf_counter(), time.process_time())

    def advanced(self, documents: int) -> None:
        """Of no interest here."""

    def finished(self, record: RunRecord) -> None:
        seconds, processor = time.perf_counter() - self._began[0], time.process_time() - self._began[1]
        asked = self._served.asked()
        counts = record.counts
        written = counts.get("created", 0) + counts.get("updated", 0) + counts.get("deleted", 0)
        self.found.append(
            Measurement(
                client=self._client,
                latency=self._latency,
                kind=self._kind,
                template=record.template,
                documents=written + counts.get("unchanged", 0),
                written=written,
                requests=asked.requests,
                operations=asked.operations,
                writes=asked.writes,
                seconds=seconds,
                processor=processor,
                # The kernel counts it in KiB.
                memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            )
        )
