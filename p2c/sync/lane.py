"""A lane: what one legal entity and document family remember, with one writer at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from p2c.errors import LeaseHeld
from p2c.state.checkpoint import Checkpoints
from p2c.state.conflicts import ConflictList
from p2c.state.couplings import CouplingList
from p2c.state.leaving import LeavingList
from p2c.state.ledger import Ledger
from p2c.state.marks import ReadMarks
from p2c.state.newcomers import Newcomers
from p2c.state.remaining import RemainingChanges
from p2c.state.runs import Runs
from p2c.state.store import Lease, Store
from p2c.state.waiting import WaitingList
from p2c.sync.settling import DrySettler, Settler
from p2c.templates.models import Template


@dataclass(frozen=True, slots=True)
class Lane:
    """The memory of one template in its lane, and the lease that keeps others out (None: a dry run).

    `counterpart` is the ledger of the template of the other direction (`putsBack`). It is read only.
    """

    checkpoints: Checkpoints
    ledger: Ledger
    waiting: WaitingList
    runs: Runs
    settler: Settler
    lease: Lease | None
    conflicts: ConflictList
    leaving: LeavingList
    marks: ReadMarks
    remaining: RemainingChanges
    newcomers: Newcomers
    couplings: CouplingList
    counterpart: Ledger | None = None

    def check(self) -> None:
        """Raises LeaseHeld when the lease was lost: somebody else may be writing."""
        if self.lease is not None and self.lease.lost:
            raise LeaseHeld(
                "the lane's lease was lost", hint="The run stops here; the next one goes on from its checkpoint."
            )


@asynccontextmanager
async def open_lane(
    store: Store,
    template: Template,
    legal_entity: str,
    *,
    lease_seconds: float,
    retry_minutes: Sequence[float] = (),
    dry: bool = False,
) -> AsyncIterator[Lane]:
    """The lane of a template and legal entity, leased while it is open. Raises LeaseHeld when another run has it.

    Who writes outcomes gives the `retry_minutes` of the settings.
    """
    prefix = f"lanes/{legal_entity}/{template.family}"
    checkpoints = Checkpoints(store, prefix)
    ledger = Ledger(store, f"{prefix}/ledger/{template.id}")
    waiting = WaitingList(store, f"{prefix}/waiting/{template.id}")
    runs = Runs(store)
    conflicts = ConflictList(store, f"{prefix}/conflicts/{template.id}")
    leaving = LeavingList(store, f"{prefix}/leaving/{template.id}")
    marks = ReadMarks(store, f"{prefix}/marks/{template.id}")
    settler = Settler(template.id, legal_entity, ledger, waiting, runs, checkpoints, conflicts, retry_minutes)
    remaining = RemainingChanges(store, f"{prefix}/remaining/{template.id}.json")
    newcomers = Newcomers(store, f"{prefix}/newcomers/{template.id}")
    couplings = CouplingList(store, f"{prefix}/couplings/{template.id}")
    counterpart = Ledger(store, f"{prefix}/ledger/{template.puts_back}") if template.puts_back else None
    lane = Lane(
        checkpoints,
        ledger,
        waiting,
        runs,
        settler,
        None,
        conflicts,
        leaving,
        marks,
        remaining,
        newcomers,
        couplings,
        counterpart,
    )
    if dry:
        yield lane
        return
    async with await store.lease(f"{prefix}/lease", lease_seconds) as lease:
        yield replace(lane, lease=lease)


@asynccontextmanager
async def open_dry_lane(store: Store, template: Template, legal_entity: str, run_id: str) -> AsyncIterator[Lane]:
    """The lane for a dry run in slices: it reads what the real one remembers and keeps nothing but its own progress."""
    async with open_lane(store, template, legal_entity, lease_seconds=60, dry=True) as lane:
        checkpoints = Checkpoints(store, f"runs/dry/{run_id}")
        settler = DrySettler(
            template.id, legal_entity, lane.ledger, lane.waiting, lane.runs, checkpoints, lane.conflicts
        )
        marks = ReadMarks(store, f"runs/dry/{run_id}/marks")
        remaining = RemainingChanges(store, f"runs/dry/{run_id}/remaining.json")
        yield replace(lane, checkpoints=checkpoints, settler=settler, marks=marks, remaining=remaining)
