"""How a run begins: what it reads, and the checkpoint that it goes on from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from p2c.state.checkpoint import Checkpoint
from p2c.sync.increments import Reading, choose
from p2c.sync.lane import Lane
from p2c.sync.slicing import Slicing, due
from p2c.sync.watching import Mode

CAREFUL_PAGES = 2
"""How many pages after an interrupted full read are compared with the destination whatever the ledger says.

The page that was being written when the process died was not settled; were its documents changed back at the source
meanwhile, the ledger would call them unchanged. New rows may have pushed some of them onto the next page.
"""
EVERY_PAGE = 1 << 30


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a run reads, where it stands, and how many of its next pages are compared with the destination.

    `compared` is when everything was last read to the end.
    """

    reading: Reading
    checkpoint: Checkpoint
    careful: int = 0
    compared: datetime | None = None


@dataclass(frozen=True, slots=True)
class Beginner:
    """Begins runs of one template (its id and hash) in its lane.

    `kept`: the run is remembered; a dry one in one piece leaves no trace. `full_every`: how often everything is
    compared without anybody asking for it. `identities` are those of the environments.
    """

    lane: Lane
    template: str
    template_hash: str
    legal_entity: str
    mode: Mode
    kept: bool
    slicing: Slicing | None = None
    full_every: timedelta | None = None
    identities: Mapping[str, str] | None = None

    async def begin(self) -> Beginning:
        """Finds out what to read, and saves the checkpoint of a run that is new."""
        known = await self.lane.checkpoints.load(self.template)
        now = datetime.now(UTC)
        reading = choose(known, self.template_hash, full=self.mode.full, every=self.full_every, now=now)
        if known is not None and known.identities and self._elsewhere(known):
            # What is remembered is of environments that these were copied from: nothing of it is taken on trust.
            reading = Reading(full=True, why="the state was bound to other environments before")
            known = known.model_copy(update={"delta": {}, "marked": {}, "compared": None, "cursor": None})
        if known is not None and self._continued(known):
            return await self._go_on(known)
        if known is not None and self._resumable(known, reading):
            resumed = known.model_copy(update={"slice": known.slice + 1})
            return replace(await self._go_on(resumed), reading=replace(reading, why=await self._why(known)))
        return await self._anew(known, reading, now)

    async def _go_on(self, known: Checkpoint) -> Beginning:
        changes = known.phase != "everything"
        reading = Reading(changes=changes, full=known.mode.endswith("full"), why=await self._why(known))
        interrupted = self.slicing is None or self.slicing.interrupted
        careful = EVERY_PAGE if known.careful else CAREFUL_PAGES if interrupted else 0
        return Beginning(reading, known, careful, known.compared)

    async def _anew(self, known: Checkpoint | None, reading: Reading, now: datetime) -> Beginning:
        same = known is not None and known.template_hash == self.template_hash
        delta = known.delta if known is not None and same else {}
        interrupted = known is not None and known.completed is None
        fresh = Checkpoint(
            template_hash=self.template_hash,
            mode=mode_name(self.mode, reading),
            run_id=self._run_id(now),
            phase="changed" if reading.changes else "everything",
            slice=self.slicing.number if self.slicing else 0,
            due=due() if self.slicing else None,
            started=now,
            careful=interrupted,
            delta=delta,
            # Tokens of an earlier state serve after a full read as well as new ones would.
            marked={} if reading.changes else delta,
            compared=known.compared if known is not None and same else None,
            identities=dict(self.identities or {}),
        )
        if self.kept:
            if known is not None and interrupted and known.run_id != fresh.run_id:
                await self._give_up(known, fresh)
            # Before anything is written: an interruption of the first page must be noticed, too.
            await self.lane.checkpoints.save(self.template, fresh)
        compared = known.compared if known is not None else None
        return Beginning(reading, fresh, EVERY_PAGE if interrupted else 0, compared)

    def _run_id(self, now: datetime) -> str:
        return self.slicing.run_id if self.slicing else f"{now:%Y%m%dT%H%M%S%f}-{self.legal_entity}-{self.template}"

    async def _why(self, known: Checkpoint) -> str:
        begun = await self.lane.runs.load(known.run_id)
        return begun.note if begun else ""

    async def _give_up(self, known: Checkpoint, fresh: Checkpoint) -> None:
        """Ends the record of a run that was killed and is not gone on with: it would be under way for ever."""
        record = await self.lane.runs.load(known.run_id)
        if record is not None and record.status == "Running":
            end = {"status": "Error", "finished": fresh.started, "error": f"interrupted; {fresh.run_id} began anew"}
            await self.lane.runs.save(record.model_copy(update=end))

    def _elsewhere(self, known: Checkpoint) -> bool:
        return bool(self.identities) and self.identities != known.identities

    def _continued(self, known: Checkpoint) -> bool:
        """Whether the checkpoint is one of this very run, in a read that can go on from it."""
        return (
            self.slicing is not None
            and self.slicing.goes_on(known)
            and known.cursor is not None
            and known.template_hash == self.template_hash
        )

    def _resumable(self, known: Checkpoint, reading: Reading) -> bool:
        """Whether an interrupted read of everything can be gone on with."""
        return (
            self.slicing is None
            and not self.mode.dry
            and not reading.changes
            and known.phase == "everything"
            and known.completed is None
            and known.cursor is not None
            and known.template_hash == self.template_hash
            and known.mode == reading.mode
        )


def mode_name(mode: Mode, reading: Reading) -> str:
    """What records and checkpoints call a run."""
    return ("dry " if mode.dry else "") + reading.mode
