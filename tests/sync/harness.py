"""A run of the small template, in a lane whose store can stop, and whose lease can be lost."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

from p2c.documents import LegalEntity, Outcome
from p2c.errors import LeaseHeld
from p2c.mapping.mapper import Mapper
from p2c.state.checkpoint import Checkpoint
from p2c.state.conflicts import Conflict
from p2c.state.runs import RunRecord
from p2c.state.store import Lease
from p2c.state.waiting import Waiting
from p2c.sync.compare import Comparer
from p2c.sync.deleting import Brake, Departures
from p2c.sync.lane import Lane, open_dry_lane, open_lane
from p2c.sync.loading import Loader
from p2c.sync.paging import PageWork
from p2c.sync.renames import Renames
from p2c.sync.running import TemplateRun
from p2c.sync.slicing import End, Slicing
from p2c.sync.taking import Taking
from p2c.sync.watching import Mode
from p2c.systems.ends import Source
from p2c.templates.load import template_hash
from p2c.templates.models import Template
from tests.state.stopping import MemoryStore
from tests.sync.world import USMF, Shelf, mapper, template


class LeasingStore(MemoryStore):
    """A store in memory with leases."""

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[str, MemoryLease] = {}

    async def lease(self, name: str, seconds: float = 60) -> Lease:
        if name in self.held:
            raise LeaseHeld(f"{name} is held.")
        self.held[name] = MemoryLease(self, name, seconds)
        return self.held[name]


class MemoryLease(Lease):
    """A lease in a LeasingStore; `lose` takes it away from whoever holds it."""

    def __init__(self, store: LeasingStore, name: str, seconds: float) -> None:
        super().__init__(name, seconds)
        self._store = store

    def lose(self) -> None:
        self._store.held.pop(self.name, None)
        self._lost = True

    async def _renew(self) -> None:
        if self._store.held.get(self.name) is not self:
            raise LeaseHeld(f"{self.name} is lost.")

    async def _release(self) -> None:
        self._store.held.pop(self.name, None)


@dataclass
class Watch:
    """A Progress that keeps what it was told."""

    expected: int = -1
    documents: int = 0
    records: list[RunRecord] = field(default_factory=list)

    def started(self, template: Template, legal_entity: str, expected: int) -> None:
        self.expected = expected

    def advanced(self, documents: int) -> None:
        self.documents += documents

    def finished(self, record: RunRecord) -> None:
        self.records.append(record)


S = TypeVar("S", bound=Source)


@dataclass
class Bench(Generic[S]):
    """Source, destination and memory of one lane; `run` runs the template once."""

    source: S
    shelf: Shelf = field(default_factory=Shelf)
    store: LeasingStore = field(default_factory=LeasingStore)
    template: Template = field(default_factory=template)
    legal_entity: LegalEntity = USMF
    watch: Watch = field(default_factory=Watch)
    full_every: timedelta | None = None
    brake: Brake = field(default_factory=lambda: Brake(limit=50, percent=100))
    identities: dict[str, str] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    """Of the last run: from the state, or the findings of a dry one."""
    end: End | None = None
    """How its slice ended."""

    async def run(self, *, full: bool = False, dry: bool = False, slicing: Slicing | None = None) -> RunRecord:
        open_it = (
            open_dry_lane(self.store, self.template, self.legal_entity.id, slicing.run_id)
            if dry and slicing
            else self.lane(dry=dry)
        )
        async with open_it as lane:
            run = self.prepared(lane, full=full, dry=dry, slicing=slicing)
            record = await run.run()
            kept = [one async for one in lane.runs.outcomes(record.id)]
        self.outcomes = kept or list(run.outcomes)
        self.end = run.end
        return record

    async def take(self, *keys: str) -> list[Outcome]:
        """Synchronises some documents, as events do."""
        rules = mapper(self.template)
        async with self.lane(dry=False) as lane:
            work, departures = self._work(lane, rules), self._departures(lane, rules)
            return await Taking(rules, self.legal_entity, self.source, lane, work, departures).take(keys)

    def prepared(
        self, lane: Lane, *, full: bool = False, dry: bool = False, slicing: Slicing | None = None
    ) -> TemplateRun:
        rules = mapper(self.template)
        return TemplateRun(
            self.template,
            template_hash(self.template),
            self.legal_entity,
            rules,
            self.source,
            lane,
            self._work(lane, rules, dry=dry),
            self._departures(lane, rules, dry=dry, kept=not dry or slicing is not None),
            mode=Mode(full, dry),
            page_size=10,
            progress=self.watch,
            full_every=self.full_every,
            slicing=slicing,
            identities=self.identities,
        )

    def _work(self, lane: Lane, rules: Mapper, *, dry: bool = False) -> PageWork:
        entity, digest = self.legal_entity, template_hash(self.template)
        loader = Loader(rules, Comparer(rules, entity), self.shelf, entity, digest, dry=dry)
        renames = Renames(rules, self.source, entity, lane.ledger, lane.newcomers)
        return PageWork(rules, digest, lane.ledger, loader, renames, dry=dry)

    def _departures(self, lane: Lane, rules: Mapper, *, dry: bool = False, kept: bool = True) -> Departures:
        return Departures(
            rules, self.source, self.shelf, self.legal_entity, lane, self.brake, dry=dry, kept=kept, page_size=2
        )

    def lane(self, *, dry: bool = True) -> AbstractAsyncContextManager[Lane]:
        return open_lane(self.store, self.template, self.legal_entity.id, lease_seconds=60, dry=dry)

    async def conflicts(self) -> list[Conflict]:
        async with self.lane() as lane:
            return [one async for one in lane.conflicts.all()]

    async def waiting(self) -> list[Waiting]:
        async with self.lane() as lane:
            return [one async for one in lane.waiting.all()]

    async def checkpoint(self) -> Checkpoint | None:
        async with self.lane() as lane:
            found: Checkpoint | None = await lane.checkpoints.load(self.template.id)
            return found
