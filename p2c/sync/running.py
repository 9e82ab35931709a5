"""One run of one template for one legal entity: page after page, from the checkpoint to the end."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from p2c.documents import Flaw, LegalEntity, MappedDocument, Outcome, OutcomeKind, Page, SourceDocument
from p2c.errors import P2CError
from p2c.mapping.mapper import Mapper
from p2c.state.checkpoint import Checkpoint
from p2c.state.ledger import Entry
from p2c.state.runs import RunRecord, Status
from p2c.sync import outcomes
from p2c.sync.extracting import map_page, read_ahead
from p2c.sync.lane import Lane
from p2c.sync.loading import Loader, Settled, Work
from p2c.systems.ends import Source
from p2c.templates.models import Template

_LOG = logging.getLogger(__name__)

CAREFUL_PAGES = 2
"""How many pages after an interruption are compared with the destination whatever the ledger says.

The page that was being written when the process died was not settled; were its documents changed back at the source
meanwhile, the ledger would call them unchanged. New rows may have pushed some of them onto the next page.
"""


class Progress(Protocol):
    """Who watches a run."""

    def started(self, template: Template, legal_entity: str, expected: int) -> None:
        """A template begins; `expected` documents as far as the last run tells, 0 = unknown."""

    def advanced(self, documents: int) -> None:
        """So many documents more have an outcome."""

    def finished(self, record: RunRecord) -> None:
        """The template ended."""


class Quiet:
    """Nobody watches."""

    def started(self, template: Template, legal_entity: str, expected: int) -> None: ...
    def advanced(self, documents: int) -> None: ...
    def finished(self, record: RunRecord) -> None: ...


@dataclass(frozen=True, slots=True)
class Mode:
    """How to run. `full`: compare every document with the destination, whatever the ledger says.

    `dry`: write nothing.
    """

    full: bool = False
    dry: bool = False

    @property
    def name(self) -> str:
        return ("dry " if self.dry else "") + ("full" if self.full else "incremental")


class TemplateRun:
    """A run of one template in its lane."""

    def __init__(
        self,
        template: Template,
        template_hash: str,
        legal_entity: LegalEntity,
        mapper: Mapper,
        source: Source,
        loader: Loader,
        lane: Lane,
        *,
        mode: Mode,
        page_size: int,
        progress: Progress,
    ) -> None:
        self._template = template
        self._hash = template_hash
        self._legal_entity = legal_entity
        self._mapper = mapper
        self._source = source
        self._loader = loader
        self._lane = lane
        self._mode = mode
        self._page_size = page_size
        self._progress = progress
        self._checkpoint = Checkpoint()
        self.outcomes: list[Outcome] = []
        """What a dry run found; a real one writes its outcomes to the state."""
        self.error: P2CError | None = None
        """What stopped the run."""

    async def run(self) -> RunRecord:
        """Runs to the end. An error that stops the run is in the record; it is not raised."""
        self._checkpoint, careful = await self._begin()
        record = self._record()
        await self._save(record)
        self._progress.started(self._template, self._legal_entity.id, await self._lane.ledger.estimate())
        try:
            await self._pages(careful)
        except P2CError as error:
            _LOG.info("run stopped", extra={"run": record.id, "kind": error.code})
            self.error = error
        record = self._record()
        await self._save(record)
        self._progress.finished(record)
        return record

    async def _begin(self) -> tuple[Checkpoint, int]:
        """The checkpoint to go on from, and how many pages to take with care."""
        known = await self._lane.checkpoints.load(self._template.id)
        if known is not None and self._resumable(known):
            return known.model_copy(update={"slice": known.slice + 1}), CAREFUL_PAGES
        now = datetime.now(UTC)
        fresh = Checkpoint(
            template_hash=self._hash,
            mode=self._mode.name,
            run_id=f"{now:%Y%m%dT%H%M%S%f}-{self._legal_entity.id}-{self._template.id}",
            started=now,
        )
        interrupted = known is not None and known.completed is None
        if not self._mode.dry:
            if known is not None and interrupted:
                await self._give_up(known, fresh)
            # Before anything is written: an interruption of the first page must be noticed, too.
            await self._lane.checkpoints.save(self._template.id, fresh)
        return fresh, (1 << 30) if interrupted else 0

    async def _give_up(self, known: Checkpoint, fresh: Checkpoint) -> None:
        """Ends the record of a run that was killed and is not gone on with: it would be under way for ever."""
        record = await self._lane.runs.load(known.run_id)
        if record is not None and record.status == "Running":
            end = {"status": "Error", "finished": fresh.started, "error": f"interrupted; {fresh.run_id} began anew"}
            await self._lane.runs.save(record.model_copy(update=end))

    def _resumable(self, known: Checkpoint) -> bool:
        return (
            not self._mode.dry
            and known.completed is None
            and known.cursor is not None
            and known.template_hash == self._hash
            and known.mode == self._mode.name
        )

    async def _pages(self, careful: int) -> None:
        pages = self._source.pages(
            self._mapper.reads(), self._legal_entity, page_size=self._page_size, cursor=self._checkpoint.cursor
        )
        async with aclosing(read_ahead(pages)) as ahead:
            async for page in ahead:
                self._lane.check()
                settled = await self._page(page, careful=careful > 0)
                careful -= 1
                # Writing takes its time; whoever lost the lane meanwhile must not move its checkpoint.
                self._lane.check()
                await self._settle(settled, page)
                self._progress.advanced(len(settled))
        await self._complete()

    async def _page(self, page: Page, *, careful: bool) -> list[Settled]:
        settled = [self._orphan(*one) for one in page.orphans]
        mapped: list[tuple[SourceDocument, MappedDocument]] = []
        for document, result in map_page(self._mapper, page):
            if isinstance(result, MappedDocument):
                mapped.append((document, result))
            else:
                settled.append(Settled(document, outcomes.from_mapping(document, result)))
        entries = await self._lane.ledger.get_many([document.key for document, _ in mapped])
        works: list[Work] = []
        for document, result in mapped:
            entry = entries.get(document.key)
            if self._known(entry, result) and not (careful or self._mode.full):
                same = Outcome(OutcomeKind.UNCHANGED, document.key, source_id=document.source_id)
                settled.append(Settled(document, same))
            else:
                works.append(Work(document, result, entry))
        return settled + await self._loader.load(works)

    def _known(self, entry: Entry | None, mapped: MappedDocument) -> bool:
        return entry is not None and entry.fingerprint == mapped.fingerprint and entry.template_hash == self._hash

    async def _settle(self, settled: Sequence[Settled], page: Page) -> None:
        moved = self._checkpoint.model_copy(update={"cursor": page.cursor, "page": self._checkpoint.page + 1})
        if self._mode.dry:
            found = [one.outcome for one in settled]
            self.outcomes.extend(found)
            self._checkpoint = moved.model_copy(update={"counts": outcomes.count(moved.counts, found)})
        else:
            self._checkpoint = await self._lane.settler.settle(settled, moved)

    async def _complete(self) -> None:
        self._checkpoint = self._checkpoint.model_copy(update={"cursor": None, "completed": datetime.now(UTC)})
        if self._mode.dry:
            return
        if self._checkpoint.started is not None:
            # Every page has been read since then: what still waits from before is not at the source any more.
            await self._lane.settler.sweep(self._checkpoint.started)
        # Before the checkpoint: nobody comes back to the record of a run that is complete.
        await self._save(self._record())
        await self._lane.checkpoints.save(self._template.id, self._checkpoint)

    def _orphan(self, task: str, label: str, key: str) -> Settled:
        """A line without its header: a document of its own, which cannot go."""
        link = next((one.source.link for one in self._template.lines if one.name == task), {})
        reason = f"the line's header {key!r} is not there: restore the header at the source, or delete the line"
        document = SourceDocument(key=key, source_id=label, header={})
        flaw = Flaw(", ".join(link) or task, reason, f"{task} {label}".strip())
        return Settled(document, outcomes.rejected(document, [flaw]))

    def _record(self) -> RunRecord:
        point, error = self._checkpoint, self.error
        started = point.started or datetime.now(UTC)
        return RunRecord(
            id=point.run_id,
            template=self._template.id,
            legal_entity=self._legal_entity.id,
            mode=self._mode.name,
            status=_status(point, error),
            started=started,
            finished=datetime.now(UTC) if error else point.completed,
            pages=point.page,
            slices=point.slice,
            counts=point.counts,
            error=str(error) if error else "",
        )

    async def _save(self, record: RunRecord) -> None:
        if not self._mode.dry:
            await self._lane.runs.save(record)


def _status(checkpoint: Checkpoint, error: P2CError | None) -> Status:
    if error is not None:
        return "Error"
    if checkpoint.completed is None:
        return "Running"
    troubled = (OutcomeKind.PARKED, OutcomeKind.REJECTED, OutcomeKind.FAILED)
    return "Warning" if any(checkpoint.counts.get(kind.value) for kind in troubled) else "Completed"
