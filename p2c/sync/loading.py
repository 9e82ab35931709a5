"""Loading: mapped documents against the destination, until each of them has an outcome.

A round resolves lookups, reads the destination, compares, writes, and looks at the answers. What the destination
answers with a conflict, a missing row or silence is read and compared again in the next round: nothing is ever sent a
second time blindly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from p2c.documents import (
    DocumentChange,
    DocumentWrite,
    ExistingDocument,
    Flaw,
    LegalEntity,
    MappedDocument,
    Outcome,
    OutcomeKind,
    Reference,
    RowChange,
    RowKey,
    Skipped,
    SourceDocument,
    Value,
)
from p2c.errors import ServiceError, Validation
from p2c.mapping.mapper import Mapper
from p2c.state.conflicts import Conflict
from p2c.state.ledger import Entry
from p2c.sync import conflicts, outcomes
from p2c.sync.compare import Comparer, Verdict
from p2c.sync.outcomes import Awaited
from p2c.sync.readying import Readier, ReadyDocument, blame
from p2c.sync.witness import Witness
from p2c.systems import keys
from p2c.systems.ends import Destination
from p2c.templates.filters import Expression
from p2c.templates.filters import parse as parse_filter
from p2c.templates.models import Conflicts, Rule

ROUNDS = 4
BEGUN = "begun"
"""Outcome in the ledger: rows are being added, and are known as ours whatever becomes of the process meanwhile."""

Note = Callable[[Mapping[str, Entry]], Awaitable[None]]
"""Makes entries of the ledger durable, by document key."""


@dataclass(frozen=True, slots=True)
class Work:
    """A mapped document to load, and what we remember of it (None: never settled).

    `taken` are ids of rows at the destination that have its number there and are other documents.
    """

    document: SourceDocument
    mapped: MappedDocument
    entry: Entry | None
    taken: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Settled:
    """How a document ended, and what to remember; `entry` None leaves the memory as it was, `forget` clears it."""

    document: SourceDocument
    outcome: Outcome
    entry: Entry | None = None
    conflict: Conflict | None = None
    forget: bool = False


@dataclass(frozen=True, slots=True)
class _Pending:
    work: Work
    verdict: Verdict
    change: DocumentChange
    ready: ReadyDocument
    conflict: Conflict | None = None


class Loader:
    """Loads documents of one template into the destination, for one legal entity.

    With `dry` nothing is written: the outcomes say what would be. `policy` is a person's word on conflicts, in place
    of the template's.
    """

    def __init__(
        self,
        mapper: Mapper,
        comparer: Comparer,
        destination: Destination,
        legal_entity: LegalEntity,
        template_hash: str,
        *,
        dry: bool = False,
        policy: Conflicts | None = None,
    ) -> None:
        template = mapper.template
        self._mapper = mapper
        self._write = _with_columns(mapper.writes(), template.deactivate)
        self._comparer = comparer
        self._destination = destination
        self._legal_entity = legal_entity
        self._hash = template_hash
        self._dry = dry
        self._told = policy == "source"
        self._witness = Witness(mapper, comparer)
        self._judge = conflicts.Judge(template, template_hash, legal_entity, self._witness, policy)
        # Rows that a line's absence removes only if they are ours: then it must be known whose they are.
        self._owns_lines = any(task.destination.extra == "ours" for task in template.lines)
        self._readier = Readier(mapper, destination, legal_entity)
        self._guards = [(rule, parse_filter(rule.when)) for rule in template.header.destination.guards]
        self._update_only = [(rule, parse_filter(rule.when)) for rule in template.update_only]
        self._references = {
            (task.name, one.destination): one.reference
            for task in template.tasks
            for one in task.fields
            if one.reference
        }

    async def load(self, works: Sequence[Work], note: Note | None = None, *, alone: bool = False) -> list[Settled]:
        """One Settled for each work. Raises ConfigError and AuthError: they stop the run.

        `note` is given what is begun before it is sent: documents that get lines, with the names of the lines. Who dies
        or learns nothing of the outcome then still knows them as ours. `alone`: no checkpoint tells the next run that
        this was interrupted; so all that is changed is noted, and compared if it is not settled.
        """
        done: list[Settled] = []
        pending = list(works)
        begun: dict[int, Entry] = {}
        last: dict[int, ServiceError] = {}
        for _ in range(ROUNDS):
            if not pending:
                return done
            ready = await self._prepare(pending, done)
            if note is not None and (new := self._begun(ready, alone=alone)):
                begun |= new
                await note({one.work.document.key: new[id(one.work)] for one in ready if id(one.work) in new})
            pending = await self._send(ready, done, last)
        for work in pending:
            outcome = outcomes.from_error(work.document, last[id(work)])
            # Whether the last attempt took effect is unknown: forget the fingerprint, so that the next run looks.
            entry = begun.get(id(work), work.entry)
            entry = replace(entry, fingerprint="", etag="") if entry is not None else None
            done.append(Settled(work.document, outcome, entry))
        return done

    async def _prepare(self, works: list[Work], done: list[Settled]) -> list[_Pending]:
        """What is to be written; the others are done."""
        readied = await self._readier.ready([work.mapped for work in works])
        able: list[tuple[Work, ReadyDocument]] = []
        for work, result in zip(works, readied, strict=True):
            if result.document is not None:
                able.append((work, result.document))
            elif result.flaws:
                done.append(Settled(work.document, outcomes.rejected(work.document, result.flaws)))
            else:
                done.append(Settled(work.document, outcomes.parked(work.document, result.missing)))
        pending = await self._compare(able, done)
        if self._dry:
            done.extend(self._written(one) for one in pending)
            return []
        return pending

    async def _send(
        self, pending: Sequence[_Pending], done: list[Settled], last: dict[int, ServiceError]
    ) -> list[Work]:
        """Writes; gives what is to be looked at once more."""
        errors = await self._destination.write([one.change for one in pending]) if pending else []
        again: list[Work] = []
        refused: list[tuple[_Pending, Validation]] = []
        for one, error in zip(pending, errors, strict=True):
            if error is None:
                done.append(self._written(one))
            elif isinstance(error, Validation):
                refused.append((one, error))
            else:
                last[id(one.work)] = error
                again.append(one.work)
        done.extend(await self._refused(refused))
        return again

    def _begun(self, pending: Sequence[_Pending], *, alone: bool) -> dict[int, Entry]:
        """What to remember of documents while they are written, by their works: the lines that they may have then.

        A row that was there before us stays unknown: nothing in it is ours until all of it is settled.
        """
        found: dict[int, Entry] = {}
        for one in pending:
            document, entry = one.work.document, one.work.entry
            if entry is None and one.verdict.created:
                entry = Entry(
                    "",
                    source_id=document.source_id,
                    template_hash=self._hash,
                    number=self._other_number(document, one.ready),
                )
            names = [name for name in one.verdict.line_names if entry is not None and name not in entry.lines]
            matters = (bool(names) and self._owns_lines) or (alone and one.work.entry is not None)
            if entry is not None and matters and document.key:
                lines = (*entry.lines, *names)
                ids = tuple(document.line_ids)
                found[id(one.work)] = replace(
                    entry, fingerprint="", etag="", lines=lines, outcome=BEGUN, seen=(), line_ids=ids
                )
        return found

    async def _compare(self, able: Sequence[tuple[Work, ReadyDocument]], done: list[Settled]) -> list[_Pending]:
        numbers = [self._number(ready) for _, ready in able]
        found = await self._destination.fetch(self._write, self._legal_entity, numbers) if able else {}
        elsewhere = await self._elsewhere(able, numbers, found)
        pending: list[_Pending] = []
        for (work, ready), number in zip(able, numbers, strict=True):
            candidates = [one for one in found.get(_fold(number), []) if one.header.key not in work.taken]
            existing = self._choose(work, ready, candidates)
            if existing is None and candidates:
                flaw = Flaw(", ".join(self._write.header.key), _several(number, candidates))
                done.append(Settled(work.document, outcomes.rejected(work.document, [flaw])))
                continue
            if existing is None and (other := self._renumbered(work, number)) is not None:
                done.append(Settled(work.document, outcomes.rejected(work.document, [other])))
                continue
            if existing is None and id(work) in elsewhere:
                flaw = Flaw("owningbusinessunit", _moved(number, elsewhere[id(work)], self._legal_entity))
                done.append(Settled(work.document, outcomes.rejected(work.document, [flaw])))
                continue
            ours = work.entry.lines if work.entry is not None else None
            stopped = self._stopped(work.document, existing)
            if stopped is not None:
                conflict = self._taken_over(work, ready, existing, ours, stopped)
                done.append(Settled(work.document, outcomes.skipped(work.document, stopped), conflict=conflict))
                continue
            verdict = self._revived(work, existing, ready, self._comparer.compare(ready, existing, ours))
            if verdict.unfit:
                done.append(Settled(work.document, outcomes.parked(work.document, verdict.unfit)))
            elif verdict.change is None:
                outcome = Outcome(OutcomeKind.UNCHANGED, work.document.key, source_id=work.document.source_id)
                done.append(Settled(work.document, outcome, self._settled_entry(work, ready, verdict)))
            else:
                self._settle_conflict(_Pending(work, verdict, verdict.change, ready), existing, pending, done)
        return pending

    def _revived(
        self, work: Work, existing: ExistingDocument | None, ready: ReadyDocument, verdict: Verdict
    ) -> Verdict:
        """The verdict on a document that was put out of use and is at its source again: it is put back into use.

        What the mapping speaks for is compared anyway; what somebody has changed since stays.
        """
        entry = work.entry
        if entry is None or not entry.before or existing is None:
            return verdict
        mapped = {**ready.header.update, **ready.header.after_update}
        mapper, task, held = self._mapper, self._mapper.template.header.name, existing.header.values
        values = {
            column: value
            for column, value in entry.before
            if column not in mapped
            and mapper.same(task, column, mapper.template.deactivate.get(column), held.get(column))
        }
        if not values:
            return verdict
        row = RowChange("update", self._write.header.entity, existing.header.key, values)
        rows = (*verdict.change.rows, row) if verdict.change else (row,)
        return replace(verdict, change=DocumentChange(ready.key, rows), changed=(*verdict.changed, *values))

    def _renumbered(self, work: Work, number: Sequence[str]) -> Flaw | None:
        """What to tell of a document that went under another number: written now, there would be two of it.

        A number may be made of more than the document's own key (of a contact, its company's as well).
        """
        if work.entry is None or self._told:
            return None
        before = work.entry.number or work.document.key
        if keys.fold(before) == keys.fold(keys.join(number)):
            return None
        return Flaw(
            ", ".join(self._mapper.template.header.source.key),
            f"went as {before!r} and would now be {keys.join(number)!r}, a second one beside it: change it there, or "
            f"let it go as a new one with p2c conflicts settle {work.document.key!r} --keep source, and see to the old",
        )

    async def _elsewhere(
        self,
        able: Sequence[tuple[Work, ReadyDocument]],
        numbers: Sequence[tuple[str, ...]],
        found: Mapping[tuple[str, ...], Sequence[ExistingDocument]],
    ) -> dict[int, RowKey]:
        """Rows that documents were settled as and that now belong to another business unit, by their works.

        The same number may well be another legal entity's own, so only a row that we know by its id is meant.
        """
        lost = [
            (work, work.entry.destination_id, number)
            for (work, _), number in zip(able, numbers, strict=True)
            if work.entry is not None and work.entry.destination_id and not found.get(_fold(number))
        ]
        if not lost or not (self._legal_entity.business_units or self._legal_entity.others):
            return {}
        header = replace(self._write, lines=())
        anywhere = await self._destination.fetch(
            header, LegalEntity(self._legal_entity.id), [number for _, _, number in lost]
        )
        return {
            id(work): one.header.key
            for work, identifier, number in lost
            for one in anywhere.get(_fold(number), ())
            if one.header.key == identifier
        }

    def _settle_conflict(
        self, one: _Pending, existing: ExistingDocument | None, pending: list[_Pending], done: list[Settled]
    ) -> None:
        """Lets a document be written, unless it is in a conflict that the source does not win."""
        work = one.work
        judgement = self._judge.judge(work.document, work.mapped, work.entry, existing, one.change)
        if judgement is None:
            pending.append(one)
        elif judgement.outcome is None:
            pending.append(replace(one, conflict=judgement.conflict))
        elif judgement.conflict.winner == "destination" and work.entry is not None:
            # What was seen of the destination stays: it is a conflict for as long as the two sides differ.
            kept = replace(
                work.entry,
                fingerprint=work.mapped.fingerprint,
                outcome=conflicts.KEPT,
                etag=work.document.etag,
                line_ids=tuple(work.document.line_ids),
            )
            done.append(Settled(work.document, judgement.outcome, kept, judgement.conflict))
        else:
            done.append(Settled(work.document, judgement.outcome, conflict=judgement.conflict))

    def _taken_over(
        self,
        work: Work,
        ready: ReadyDocument,
        existing: ExistingDocument | None,
        ours: Sequence[str] | None,
        guard: Skipped,
    ) -> Conflict | None:
        """The conflict of a document that was changed here although a guard gives it to the other side."""
        if existing is None or work.entry is None or work.entry.fingerprint == work.mapped.fingerprint:
            return None
        change = self._comparer.compare(ready, existing, ours).change
        return self._judge.guarded(work.document, work.mapped, work.entry, existing, change, guard)

    def _number(self, document: ReadyDocument) -> tuple[str, ...]:
        """The values by which the document is found at the destination."""
        return tuple(_text(document.header.create.get(column)) for column in self._write.header.key)

    def _choose(
        self, work: Work, document: ReadyDocument, candidates: Sequence[ExistingDocument]
    ) -> ExistingDocument | None:
        """The row that is this document: the only one, or the one that we made or settled before."""
        if len(candidates) <= 1:
            return candidates[0] if candidates else None
        known = {self._comparer.new_header_key(document)}
        if work.entry is not None:
            known.add(work.entry.destination_id)
        matching = [one for one in candidates if one.header.key in known]
        return matching[0] if len(matching) == 1 else None

    def _stopped(self, document: SourceDocument, existing: ExistingDocument | None) -> Skipped | None:
        if existing is None:
            return _first_broken(self._update_only, document.header)
        return _first_broken(self._guards, existing.header.values)

    def _written(self, one: _Pending) -> Settled:
        kind = OutcomeKind.CREATED if one.verdict.created else OutcomeKind.UPDATED
        document = one.work.document
        outcome = Outcome(kind, document.key, source_id=document.source_id, changed=one.verdict.changed)
        if one.conflict is not None:
            outcome = replace(outcome, rule=conflicts.RULE, reason=conflicts.written(one.verdict.changed))
        return Settled(document, outcome, self._settled_entry(one.work, one.ready, one.verdict), one.conflict)

    async def _refused(self, refused: Sequence[tuple[_Pending, Validation]]) -> list[Settled]:
        """Whether a refused document names a row that is not there: then it waits; else a person must look."""
        named: dict[int, list[tuple[tuple[str, str], Awaited]]] = defaultdict(list)
        for index, (one, _) in enumerate(refused):
            for row in (one.ready.header, *one.ready.lines):
                for path, value in row.create.items():
                    reference = self._references.get((row.task, path))
                    if reference and value and not isinstance(value, Reference):
                        place = blame(self._mapper.field(row.task, path), path)
                        awaited = Awaited(reference.partition(".")[0], str(value), place, row.label)
                        named[index].append(((reference, str(value)), awaited))
        wanted = {pair for pairs in named.values() for pair, _ in pairs}
        absent = await self._destination.missing(wanted, self._legal_entity) if wanted else set()
        settled: list[Settled] = []
        for index, (one, error) in enumerate(refused):
            missing = [awaited for pair, awaited in named[index] if pair in absent]
            document = one.work.document
            outcome = outcomes.parked(document, missing) if missing else outcomes.from_error(document, error)
            settled.append(Settled(document, outcome))
        return settled

    def _other_number(self, document: SourceDocument, ready: ReadyDocument) -> str:
        """The document's number at the destination; "" where that is its key."""
        number = keys.join(self._number(ready))
        return "" if number.casefold() == document.key.casefold() else number

    def _settled_entry(self, work: Work, ready: ReadyDocument, verdict: Verdict) -> Entry:
        adopted = work.entry is None and not verdict.created
        return Entry(
            fingerprint=work.mapped.fingerprint,
            source_id=work.document.source_id,
            destination_id=verdict.header_key if isinstance(verdict.header_key, str) else "",
            lines=verdict.line_names,
            outcome="settled",
            template_hash=self._hash,
            etag=work.document.etag,
            number=self._other_number(work.document, ready),
            seen=self._witness.testimony(ready, created=verdict.created, adopted=adopted),
            line_ids=tuple(work.document.line_ids),
        )


def _first_broken(rules: Sequence[tuple[Rule, Expression]], row: Mapping[str, Value]) -> Skipped | None:
    for rule, expression in rules:
        if not expression.holds(row):
            return Skipped(rule.name, rule.reason)
    return None


def _several(number: Sequence[str], candidates: Sequence[ExistingDocument]) -> str:
    ids = ", ".join(str(one.header.key) for one in candidates)
    return f"{len(candidates)} rows at the destination are numbered {'|'.join(number)} ({ids}); keep one of them"


def _moved(number: Sequence[str], key: RowKey, legal_entity: LegalEntity) -> str:
    return (
        f"{'|'.join(number)} ({key}) belongs to a business unit at the destination that is none of {legal_entity.id}: "
        "give it back to an owner of the legal entity"
    )


def _with_columns(write: DocumentWrite, columns: Iterable[str]) -> DocumentWrite:
    header = write.header
    return replace(write, header=replace(header, columns=tuple(dict.fromkeys([*header.columns, *columns]))))


def _fold(number: Sequence[str]) -> tuple[str, ...]:
    return tuple(part.casefold() for part in number)


def _text(value: Value | Reference) -> str:
    return "" if value is None or isinstance(value, Reference) else str(value)
