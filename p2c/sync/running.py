"""One run of one template for one legal entity: page after page, from the checkpoint to the end."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Container, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

from p2c.documents import LegalEntity, Outcome, OutcomeKind, Page
from p2c.equality import fold_key
from p2c.errors import ExpiredToken, LeaseHeld, P2CError, PreconditionFailed, StateError, TooManyDeletes
from p2c.mapping.mapper import Mapper
from p2c.state.checkpoint import Checkpoint
from p2c.state.runs import RunRecord, Status
from p2c.sync import outcomes
from p2c.sync.beginning import EVERY_PAGE, Beginner, mode_name
from p2c.sync.changing import Changes
from p2c.sync.deleting import Departures
from p2c.sync.extracting import read_ahead
from p2c.sync.increments import LedgerMemory, Reading
from p2c.sync.lane import Lane
from p2c.sync.paging import PageWork
from p2c.sync.retrying import moment
from p2c.sync.slicing import End, SliceEnded, Slicing, cancelled, due, handed_on, pause
from p2c.sync.watching import Mode, Progress
from p2c.sync.work import Settled
from p2c.systems.ends import MOST_CHANGES, Source, TooManyChanges
from p2c.templates.models import Template

_LOG = logging.getLogger(__name__)


class TemplateRun:
    """A run of one template in its lane."""

    def __init__(
        self,
        template: Template,
        template_hash: str,
        legal_entity: LegalEntity,
        mapper: Mapper,
        source: Source,
        lane: Lane,
        work: PageWork,
        departures: Departures,
        *,
        mode: Mode,
        page_size: int,
        progress: Progress,
        full_every: timedelta | None = None,
        slicing: Slicing | None = None,
        trigger: str = "",
        identities: Mapping[str, str] | None = None,
    ) -> None:
        self._template = template
        self._legal_entity = legal_entity
        self._mapper = mapper
        self._source = source
        self._lane = lane
        self._mode = mode
        self._page_size = page_size
        self._progress = progress
        self._slicing = slicing
        self._trigger = trigger
        self._departures = departures
        self._work = work
        self._compared: datetime | None = None
        # A dry run in one piece leaves no trace; one in slices has a lane of its own to remember where it is.
        self._kept = slicing is not None or not mode.dry
        self._beginner = Beginner(
            lane, template.id, template_hash, legal_entity.id, mode, self._kept, slicing, full_every, identities
        )
        self._changes = Changes(source, mapper.reads(), legal_entity, lane.remaining, page_size=page_size)
        self._checkpoint = Checkpoint()
        self._reading = Reading()
        self.outcomes: list[Outcome] = []
        """What a dry run found; a real one writes its outcomes to the state."""
        self.error: P2CError | None = None
        """What stopped the run."""
        self.end: End | None = None
        """How the slice ended, when the run goes on in another one or was cancelled."""
        self.pause: P2CError | None = None
        """What the run waits for, when it goes on in another slice."""

    async def run(self) -> RunRecord:
        """Runs to the end. An error that stops the run is in the record; it is not raised."""
        begun = await self._beginner.begin()
        self._reading, self._checkpoint, self._compared = begun.reading, begun.checkpoint, begun.compared
        record = self._record()
        await self._save(record)
        try:
            # How much has changed is not known before it has been read.
            expected = 0 if self._reading.changes else await self._lane.ledger.estimate()
            self._progress.started(self._template, self._legal_entity.id, expected)
            await self._read(begun.careful)
        except SliceEnded:
            _LOG.debug("slice ended", extra={"run": record.id})
        except P2CError as error:
            _LOG.info("run stopped", extra={"run": record.id, "kind": error.code})
            if not await self._paused(error):
                self.error = error
        record = self._record()
        if not isinstance(self.pause, LeaseHeld | PreconditionFailed):  # whoever has the lane now writes the record
            await self._save(record)
        self._progress.finished(record)
        return record

    # --- what is read ---

    async def _read(self, careful: int) -> None:
        if self._reading.changes:
            try:
                await self._changed(careful)
            except (ExpiredToken, TooManyChanges) as error:
                await self._give_up_changes(error)
            else:
                return
        await self._everything(careful)

    async def _everything(self, careful: int) -> None:
        reads, point = self._mapper.reads(), self._checkpoint
        if not (self._mode.dry or point.marked or point.cursor):
            # Before the first page: what changes while everything is read is read again next time.
            marked = await self._source.mark(reads, self._legal_entity)
            self._checkpoint = point.model_copy(update={"marked": marked})
        pages = self._source.pages(reads, self._legal_entity, page_size=self._page_size, cursor=point.cursor)
        await self._pages(pages, careful, whole=True)
        await self._depart(whole=True)
        if self._checkpoint.started is not None and not self._mode.dry:
            # Every page has been read since then: what still waits from before is not at the source any more.
            await self._lane.settler.sweep(self._checkpoint.started)
        await self._complete(self._checkpoint.marked, everything=True)

    async def _changed(self, careful: int) -> None:
        if self._checkpoint.phase != "again":
            careful = await self._named(careful)
            point = self._checkpoint
            # The tokens are good once all is settled: until then whoever begins anew starts from the old ones.
            update = {"phase": "again", "turned": datetime.now(UTC), "cursor": ""}
            self._checkpoint = point.model_copy(update=update | {"marked": dict(self._changes.tokens)})
            if self._slicing is not None:
                # When it was must outlive the process: what is noted from now on was met in this phase.
                await self._lane.checkpoints.save(self._template.id, self._checkpoint)
        await self._pages(self._again(self._checkpoint.cursor or ""), careful)
        await self._depart(whole=False)
        await self._complete(self._checkpoint.marked, everything=False)
        if self._slicing is not None and self._checkpoint.page > 1:
            await self._changes.forget()

    async def _named(self, careful: int) -> int:
        """Works through what the source names."""
        point = self._checkpoint
        if point.cursor is not None and await self._changes.load(point.run_id):
            return await self._pages(self._changes.pages(point.cursor), careful)
        if point.cursor is not None:
            # What was kept is lost. The tokens have not moved, so all of it is named again; where it was is not known.
            careful, point = EVERY_PAGE, point.model_copy(update={"cursor": None, "careful": True})
        await self._changes.name(point.delta, LedgerMemory(self._lane.ledger))
        if self._slicing is not None and await self._changes.keep(point.run_id):
            point = point.model_copy(update={"cursor": "0"})
        if point != self._checkpoint:
            self._checkpoint = point
            await self._lane.checkpoints.save(self._template.id, point)
        return await self._pages(self._changes.pages(point.cursor), careful)

    async def _give_up_changes(self, error: P2CError) -> None:
        """Reads everything instead, and compares it, since how much was missed is not known."""
        self._reading = Reading(full=True, why=f"what changed could not be read: {error}")
        update = {"mode": mode_name(self._mode, self._reading), "phase": "everything", "delta": {}, "marked": {}}
        self._checkpoint = self._checkpoint.model_copy(update=update)
        if self._kept:
            await self._lane.checkpoints.save(self._template.id, self._checkpoint)
        await self._save(self._record())

    async def _again(self, after: str) -> AsyncIterator[Page]:
        """What waits for something else than a change of its own, as far as this run has not met it yet.

        `after` is the key that an earlier slice came to.
        """
        point, now = self._checkpoint, datetime.now(UTC)
        # Met in this run: among the changes. After that it was on the page that an interrupted slice did not settle.
        since, until = moment(point.started or now), moment(point.turned or now)
        met = await self._met()
        batch: list[str] = []
        async for one in self._lane.waiting.all():
            if one.is_due(moment(now)) and one.key > after and not since <= one.last < until and one.key not in met:
                batch.append(one.key)
            if len(batch) >= self._page_size:
                yield await self._fresh(batch)
                batch = []
        if batch:
            yield await self._fresh(batch)

    async def _met(self) -> Container[str]:
        """What a dry run has met already; a real one notes it on the list of those that wait."""
        if self._mode.dry and self._kept:
            return await self._lane.marks.gather(self._checkpoint.run_id, MOST_CHANGES)
        return {one.key for one in self.outcomes}

    async def _fresh(self, keys: Sequence[str]) -> Page:
        found = await self._source.documents(self._mapper.reads(), self._legal_entity, keys)
        # One that is spelled otherwise now is listed anew, if it still waits.
        there = {one.key for one in found}
        if not self._mode.dry:
            await self._lane.settler.clear([key for key in keys if key not in there])
        return Page(sorted(found, key=lambda one: fold_key(one.key)), keys[-1])

    async def _pages(self, pages: AsyncIterator[Page], careful: int, *, whole: bool = False) -> int:
        """Works through pages, `whole`: of everything that there is. Gives how many more are to be taken with care."""
        async with aclosing(read_ahead(pages)) as ahead:
            async for page in ahead:
                self._lane.check()
                settled = await self._work.settle(
                    page,
                    self._compared,
                    careful=careful > 0 or self._reading.full,
                    newcomers=not self._mode.dry and not (whole and self._compared is None),
                )
                careful -= 1
                # Writing takes its time; whoever lost the lane meanwhile must not move its checkpoint.
                self._lane.check()
                await self._note(page, whole=whole)
                await self._settle(settled, page)
                self._progress.advanced(len(settled))
                await self._maybe_end(page)
        return careful

    async def _note(self, page: Page, *, whole: bool) -> None:
        """Remembers who is gone, and in a read of everything also who is there."""
        if page.deleted and not self._mode.dry:
            await self._lane.settler.forget([one.key for one in page.deleted])
        if page.deleted:
            await self._departures.note(page.deleted)
        if whole:
            point = self._checkpoint
            await self._departures.mark(point.run_id, point.page + 1, page.documents)
        elif self._mode.dry and self._kept:
            point = self._checkpoint
            await self._lane.marks.add(point.run_id, point.page + 1, [one.key for one in page.documents if one.key])

    async def _depart(self, *, whole: bool) -> None:
        """Sees to the documents that are gone from the source, once all others are settled."""
        if whole:
            await self._departures.find(self._checkpoint.run_id)
        try:
            async for chunk in self._departures.pending():
                self._lane.check()
                settled = await self._departures.delete(chunk)
                self._lane.check()
                await self._settle(settled, Page((), self._checkpoint.cursor))
                await self._departures.done(chunk, settled)
                self._progress.advanced(len(settled))
        except TooManyDeletes as error:
            # All else is done: the run ends as it would, and those who are gone stay on the list.
            self.error = error
        if whole:
            await self._departures.finish()

    # --- the slice ---

    async def _maybe_end(self, page: Page) -> None:
        """Raises SliceEnded when the slice is over and another one can go on behind this page."""
        if self._slicing is None or page.cursor is None:
            # The last page, or the only one: what is left to do is little.
            return
        self.end = await self._slicing.ends()
        if self.end is None:
            return
        point = self._checkpoint
        self._checkpoint = cancelled(point) if self.end is End.CANCELLED else handed_on(point, self._slicing)
        await self._lane.checkpoints.save(self._template.id, self._checkpoint)
        raise SliceEnded

    async def _paused(self, error: P2CError) -> bool:
        """Whether the run goes on later, in another slice. If a run in slices does not, nobody is expected any more."""
        if self._slicing is None:
            return False
        wait = self._slicing.passing(error)
        if not isinstance(error, StateError):
            then = due(pause(error, self._slicing.attempts)) if wait else None
            self._checkpoint = self._checkpoint.model_copy(update={"due": then})
            await self._lane.checkpoints.save(self._template.id, self._checkpoint)
        if wait:
            self.end, self.pause = End.PAUSE, error
        return wait

    # --- settling ---

    async def _settle(self, settled: Sequence[Settled], page: Page) -> None:
        moved = self._checkpoint.model_copy(update={"cursor": page.cursor, "page": self._checkpoint.page + 1})
        if not self._kept:
            found = [one.outcome for one in settled]
            self.outcomes.extend(found)
            self._checkpoint = outcomes.counted(moved, found)
        else:
            self._checkpoint = await self._lane.settler.settle(settled, moved)

    async def _complete(self, tokens: Mapping[str, str], *, everything: bool) -> None:
        now = datetime.now(UTC)
        end = {"completed": now, "due": None, "cursor": None, "careful": False, "turned": None}
        next_time = {"delta": dict(tokens), "marked": {}}
        compared = {"compared": now} if everything else {}
        self._checkpoint = self._checkpoint.model_copy(update=end | next_time | compared)
        if not self._kept:
            return
        # Before the checkpoint: nobody comes back to the record of a run that is complete.
        await self._save(self._record())
        await self._lane.checkpoints.save(self._template.id, self._checkpoint)
        if everything and not self._mode.dry:
            # Who is older than this is known by the ledger.
            await self._lane.newcomers.clear()

    def _record(self) -> RunRecord:
        point, error = self._checkpoint, self.error
        started = point.started or datetime.now(UTC)
        return RunRecord(
            id=point.run_id,
            template=self._template.id,
            legal_entity=self._legal_entity.id,
            mode=mode_name(self._mode, self._reading),
            trigger=self._trigger,
            status="Cancelled" if self.end is End.CANCELLED else _status(point, error),
            started=started,
            finished=datetime.now(UTC) if error or self.end is End.CANCELLED else point.completed,
            pages=point.page,
            slices=point.slice,
            counts=point.counts,
            note_counts=point.note_counts,
            error=str(error) if error else "",
            note=self._reading.why,
        )

    async def _save(self, record: RunRecord) -> None:
        if self._kept:
            await self._lane.runs.save(record)


def _status(checkpoint: Checkpoint, error: P2CError | None) -> Status:
    if error is not None:
        return "Error"
    if checkpoint.completed is None:
        return "Running"
    troubled = (OutcomeKind.PARKED, OutcomeKind.REJECTED, OutcomeKind.FAILED)
    return "Warning" if any(checkpoint.counts.get(kind.value) for kind in troubled) else "Completed"
