"""Deleting: what becomes of a document at the destination once it is gone from its source.

A deletion is told by the source, or found by a full read: what the ledger knows and no page had. Either way the source
is asked by key before it counts, without the template's filter and whoever owns the row: leaving a filter is never a
delete, and neither is a number that changed. What is gone is put on a list first, so that a run can stop before the
first of too many, and lose none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from p2c.documents import (
    Deletion,
    DocumentChange,
    DocumentRead,
    ExistingDocument,
    Flaw,
    LegalEntity,
    Outcome,
    OutcomeKind,
    RowChange,
    Skipped,
    SourceDocument,
    TableRead,
)
from p2c.equality import fold_key
from p2c.errors import MissingRow, TooManyDeletes
from p2c.mapping.mapper import Mapper
from p2c.state.ledger import Entry
from p2c.state.marks import ReadKeys
from p2c.sync import outcomes
from p2c.sync.identity import row_id
from p2c.sync.lane import Lane
from p2c.sync.sharing import SharedDocuments
from p2c.sync.work import Settled
from p2c.systems import keys
from p2c.systems.ends import Destination, Source
from p2c.templates import catalog
from p2c.templates.filters import parse as parse_filter

GONE, DEACTIVATED, RELEASED = "gone", "deactivated", "released"
"""Outcomes in the ledger: gone from the source and left as it was; put out of use; given to the other side."""
DEPARTED = frozenset({GONE, DEACTIVATED, RELEASED})
LEFT = "deleted-at-source"


@dataclass(frozen=True, slots=True)
class Brake:
    """How many documents a run may delete or deactivate: at most `limit`, and `percent` of those known; one always."""

    limit: int = 50
    percent: int = 10
    allowed: bool = False

    def check(self, count: int, known: int, template: str) -> None:
        """Raises TooManyDeletes."""
        most = min(self.limit, max(1, known * self.percent // 100))
        if count > most and not self.allowed:
            raise TooManyDeletes(
                f"{count} documents of {template} are gone from the source; deleting or deactivating more than {most} "
                f"(at most {self.limit}, or {self.percent} % of {known}) needs your word. None was touched.",
                hint=f"Look at the source first. If it is right: p2c run {template} --allow-deletes",
            )


class Departures:
    """The deletions of one template for one legal entity, by the template's policy.

    `kept`: what is found is remembered in the lane, so that a run in pieces can go on. With `dry` nothing is written
    at the destination, nor to the list.
    """

    def __init__(
        self,
        mapper: Mapper,
        source: Source,
        destination: Destination,
        legal_entity: LegalEntity,
        lane: Lane,
        brake: Brake,
        *,
        dry: bool = False,
        kept: bool = True,
        page_size: int = 500,
        shared: SharedDocuments | None = None,
    ) -> None:
        template = mapper.template
        self._shared = shared
        self._template = template
        self._mapper = mapper
        self._source = source
        self._destination = destination
        self._legal_entity = legal_entity
        self._lane = lane
        self._brake = brake
        self._dry = dry
        self._kept = kept
        self._page_size = page_size
        self._guards = [(rule, parse_filter(rule.when)) for rule in template.header.destination.guards]
        header = mapper.writes().header
        columns = tuple(dict.fromkeys([*header.columns, *template.deactivate]))
        self._write = replace(mapper.writes(), header=replace(header, columns=columns), lines=())
        self._read: ReadKeys | None = None
        self._told: dict[str, Deletion] = {}

    # --- while pages are read ---

    async def note(self, deleted: Sequence[Deletion]) -> None:
        """Remembers what the source says is deleted; to be called before the checkpoint moves."""
        known = await self._lane.ledger.get_many([one.key for one in deleted if one.key])
        found = [one for one in deleted if one.key in known and known[one.key].settled]
        if self._dry:
            self._told.update({one.key: one for one in found})
        elif found:
            await self._lane.leaving.put_many(found)
            await self._lane.leaving.flush()

    async def mark(self, run_id: str, page: int, documents: Sequence[SourceDocument]) -> None:
        """Remembers that these documents were read, on a page of a read of everything."""
        read = [one.key for one in documents if one.key]
        if self._kept:
            await self._lane.marks.add(run_id, page, read)
            return
        if self._read is None:
            self._read = ReadKeys(run_id, await self._lane.ledger.estimate())
        self._read.enter(read)

    # --- when all pages are settled ---

    async def find(self, run_id: str) -> None:
        """Puts on the list what the ledger knows and no page of this read of everything had, if it is gone."""
        met = self._read
        if self._kept or met is None:
            met = await self._lane.marks.gather(run_id, await self._lane.ledger.estimate())
        batch: list[Deletion] = []
        async for key, entry in self._lane.ledger.entries():
            if entry.settled and not self._done_with(entry) and key not in met:
                batch.append(Deletion(entry.source_id, key))
            if len(batch) >= self._page_size:
                await self.note(await self.confirmed(batch))
                batch = []
        await self.note(await self.confirmed(batch))

    async def pending(self) -> AsyncIterator[list[Deletion]]:
        """What is to be deleted, in chunks, all of it confirmed. Raises TooManyDeletes before the first chunk.

        Each chunk is to be given to `delete`, settled, and then to `done`.
        """
        count = 0
        async for chunk in self._chunks():
            confirmed = await self.confirmed(chunk)
            count += len(confirmed)
            there = {one.key for one in chunk} - {one.key for one in confirmed}
            await self._drop(there)
        if count and self._template.deletes != "ignore" and not self._dry:
            self._brake.check(count, await self._lane.ledger.estimate(), self._template.id)
        if count:
            async for chunk in self._chunks():
                yield chunk

    async def delete(self, deletions: Sequence[Deletion]) -> list[Settled]:
        """What became of them; those that never went have no outcome."""
        entries = await self._lane.ledger.get_many([one.key for one in deletions])
        known = [(one, entries[one.key]) for one in deletions if one.key in entries and entries[one.key].settled]
        known = [(one, entry) for one, entry in known if not self._done_with(entry)]
        if self._template.deletes == "ignore":
            return [self._left(one, entry) for one, entry in known]
        others = await self._shared.of_others([one.key for one, _ in known]) if self._shared is not None else {}
        staying = [
            self._left_to(others[fold_key(one.key)], one, entry) for one, entry in known if fold_key(one.key) in others
        ]
        return staying + await self._act([(one, entry) for one, entry in known if fold_key(one.key) not in others])

    async def done(self, deletions: Sequence[Deletion], settled: Sequence[Settled]) -> None:
        """Takes them off the list, but for those that failed: the next run tries them again."""
        failed = {one.document.key for one in settled if one.outcome.kind is OutcomeKind.FAILED}
        await self._drop({one.key for one in deletions} - failed)

    async def finish(self) -> None:
        """Forgets what pages were read."""
        if self._kept:
            await self._lane.marks.clear()

    async def _chunks(self) -> AsyncIterator[list[Deletion]]:
        batch: list[Deletion] = []
        if self._dry:
            batch = list(self._told.values())
        else:
            async for one in self._lane.leaving.all():
                batch.append(one)
                if len(batch) >= self._page_size:
                    yield batch
                    batch = []
        if batch:
            yield batch

    async def _drop(self, gone: set[str]) -> None:
        for key in gone:
            self._told.pop(key, None)
        if gone and not self._dry:
            await self._lane.leaving.remove_many(gone)
            await self._lane.leaving.flush()

    def _done_with(self, entry: Entry) -> bool:
        """Whether its leaving has been seen to already; what was left as it was counts again under another policy."""
        return entry.outcome in DEPARTED and not (entry.outcome == GONE and self._template.deletes != "ignore")

    # --- confirming ---

    async def confirmed(self, deletions: Sequence[Deletion]) -> list[Deletion]:
        """Those of which the source has no row, neither by key nor by id."""
        if not deletions:
            return []
        everybody = LegalEntity(self._legal_entity.id)
        found = await self._source.documents(_bare(self._mapper.reads()), everybody, [one.key for one in deletions])
        there = {fold_key(one.key) for one in found}
        gone = [one for one in deletions if fold_key(one.key) not in there]
        read = by_id(self._template.source, self._mapper.reads())
        if read is None or not gone:
            return gone
        rows = await self._source.documents(_bare(read), everybody, [one.source_id for one in gone if one.source_id])
        alive = {one.source_id.lower() for one in rows}
        return [one for one in gone if one.source_id.lower() not in alive]

    # --- acting ---

    async def _act(self, known: Sequence[tuple[Deletion, Entry]]) -> list[Settled]:
        columns = len(self._write.header.key)
        numbers = [keys.split(entry.number or one.key, columns) for one, entry in known]
        found = await self._destination.fetch(self._write, self._legal_entity, numbers) if known else {}
        settled: list[Settled] = []
        pending: list[tuple[SourceDocument, Entry, DocumentChange]] = []
        for (one, entry), number in zip(known, numbers, strict=True):
            document = SourceDocument(one.key, one.source_id or entry.source_id, {})
            candidates = found.get(keys.folded(number), [])
            existing = self._ours(one, entry, candidates)
            if existing is None:
                settled.append(self._absent(document, number, candidates))
            elif (guard := self._stopped(existing)) is not None:
                released = replace(entry, outcome=RELEASED)
                settled.append(Settled(document, outcomes.skipped(document, guard), released))
            elif (change := self._change(one, existing)) is None:
                same = Outcome(OutcomeKind.UNCHANGED, one.key, document.source_id, "it is out of use already")
                settled.append(Settled(document, same, _out_of_use(entry)))
            else:
                values = existing.header.values
                before = {column: values.get(column) for row in change.rows for column in row.values}
                pending.append((document, replace(entry, before=tuple(before.items())), change))
        return settled + await self._written(pending)

    async def _written(self, pending: Sequence[tuple[SourceDocument, Entry, DocumentChange]]) -> list[Settled]:
        changes = [change for _, _, change in pending]
        errors = [None for _ in changes] if self._dry or not changes else await self._destination.write(changes)
        settled: list[Settled] = []
        for (document, entry, change), error in zip(pending, errors, strict=True):
            if error is None or isinstance(error, MissingRow):
                settled.append(self._deleted(document, entry, change))
            else:
                settled.append(Settled(document, outcomes.from_error(document, error)))
        return settled

    def _deleted(self, document: SourceDocument, entry: Entry, change: DocumentChange) -> Settled:
        columns = tuple(change.rows[0].values)
        what = f"it was put out of use ({', '.join(columns)})" if columns else "it was deleted at the destination, too"
        outcome = Outcome(
            OutcomeKind.DELETED,
            document.key,
            document.source_id,
            f"it is gone from the source; {what}",
            changed=columns,
        )
        if columns:
            return Settled(document, outcome, _out_of_use(entry))
        return Settled(document, outcome, forget=True)

    def _left(self, one: Deletion, entry: Entry) -> Settled:
        document = SourceDocument(one.key, one.source_id or entry.source_id, {})
        why = Skipped(LEFT, "It is gone from the source; this template leaves the destination as it is.")
        return Settled(document, outcomes.skipped(document, why), replace(entry, outcome=GONE))

    def _left_to(self, why: Skipped, one: Deletion, entry: Entry) -> Settled:
        document = SourceDocument(one.key, one.source_id or entry.source_id, {})
        return Settled(document, outcomes.skipped(document, why), replace(entry, outcome=RELEASED))

    def _absent(
        self, document: SourceDocument, number: Sequence[str], candidates: Sequence[ExistingDocument]
    ) -> Settled:
        if candidates:
            rows = f"{len(candidates)} rows" if len(candidates) > 1 else "another row than the one that was settled"
            several = f"{'|'.join(number)} is the number of {rows} at the destination; delete the right one"
            flaw = Flaw(", ".join(self._write.header.key), several)
            return Settled(document, outcomes.rejected(document, [flaw]))
        reason = "it is gone from the source, and from the destination already"
        return Settled(document, Outcome(OutcomeKind.DELETED, document.key, document.source_id, reason), forget=True)

    def _ours(self, one: Deletion, entry: Entry, candidates: Sequence[ExistingDocument]) -> ExistingDocument | None:
        if len(candidates) == 1 and not entry.destination_id:
            return candidates[0]
        # A row of that number that is not the one we settled may be another document, or somebody's own.
        own = row_id(self._write.header.entity, self._legal_entity.id, one.key)
        matching = [found for found in candidates if found.header.key in (own, entry.destination_id)]
        return matching[0] if len(matching) == 1 else None

    def _stopped(self, existing: ExistingDocument) -> Skipped | None:
        broken = (rule for rule, when in self._guards if not when.holds(existing.header.values))
        return next((Skipped(rule.name, rule.reason) for rule in broken), None)

    def _change(self, one: Deletion, existing: ExistingDocument) -> DocumentChange | None:
        """The delete (lines go with their header in both systems), or the columns that are not as they should be."""
        entity, row = self._write.header.entity, existing.header
        if self._template.deletes == "delete":
            return DocumentChange(one.key, (RowChange("delete", entity, row.key),))
        task = self._template.header.name
        differing = {
            column: value
            for column, value in self._template.deactivate.items()
            if not self._mapper.same(task, column, value, row.values.get(column))
        }
        return DocumentChange(one.key, (RowChange("update", entity, row.key, differing),)) if differing else None


def by_id(system: str, read: DocumentRead) -> DocumentRead | None:
    """The same documents, asked for by the ids of their headers; None where rows have none."""
    if system != "sales":
        return None
    return replace(read, header=replace(read.header, key=(catalog.sales_table_by_set(read.header.entity).id,)))


def _bare(read: DocumentRead) -> DocumentRead:
    """Headers alone, whatever their filter."""
    header = read.header
    return DocumentRead(TableRead(header.task, header.entity, header.key, header.key))


def _out_of_use(entry: Entry) -> Entry:
    """What to remember of a document that was put out of use: should it come back, it is compared again."""
    return replace(entry, fingerprint="", etag="", outcome=DEACTIVATED, seen=())
