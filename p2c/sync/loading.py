"""Loading: mapped documents against the destination, until each of them has an outcome.

A round resolves lookups, reads the destination, compares, writes, and looks at the answers. What the destination
answers with a conflict, a missing row or silence is read and compared again in the next round: nothing is ever sent a
second time blindly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from p2c.documents import (
    ExistingDocument,
    Flaw,
    LegalEntity,
    Outcome,
    OutcomeKind,
    Reference,
    Skipped,
    SourceDocument,
    Value,
)
from p2c.errors import ServiceError, Validation
from p2c.mapping.mapper import Mapper
from p2c.state.conflicts import Conflict
from p2c.state.couplings import CouplingList
from p2c.state.ledger import Entry
from p2c.sync import conflicts, outcomes, remembering
from p2c.sync.cancellations import CancellationJudge
from p2c.sync.compare import Comparer, Verdict
from p2c.sync.finding import Finder, Found, apart
from p2c.sync.foreign_lines import ForeignLines
from p2c.sync.merges import Merges
from p2c.sync.moves import Moves, as_moved
from p2c.sync.optional_fields import OptionalFields, Rejections
from p2c.sync.outcomes import Awaited
from p2c.sync.readying import Readied, Readier, ReadyDocument, blame
from p2c.sync.remembering import Memory
from p2c.sync.reviving import revived
from p2c.sync.sharing import MasterOnly
from p2c.sync.unstable_fields import without_unstable
from p2c.sync.witness import Witness
from p2c.sync.work import Note, Pending, Settled, Work
from p2c.systems.ends import Destination
from p2c.templates.filters import Expression
from p2c.templates.filters import parse as parse_filter
from p2c.templates.models import Conflicts, Rule

ROUNDS = 4


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
        couplings: CouplingList | None = None,
        master_only: MasterOnly | None = None,
    ) -> None:
        template = mapper.template
        self._mapper = mapper
        self._comparer = comparer
        self._destination = destination
        self._legal_entity = legal_entity
        self._dry = dry
        self._master_only = master_only
        self._readier = Readier(mapper, destination, legal_entity)
        self._finder = Finder(mapper, comparer, destination, legal_entity, told=policy == "source", couplings=couplings)
        self._merges = Merges(mapper, decided=policy == "source")
        self._moves = Moves(mapper, decided=policy == "source")
        self._foreign_lines = ForeignLines(mapper, comparer)
        witness = Witness(mapper, comparer)
        self._judge = conflicts.Judge(template, template_hash, legal_entity, witness, policy)
        self._memory = Memory(mapper, comparer, witness, template_hash)
        self._hash = template_hash
        self._optional = OptionalFields(mapper, legal_entity)
        self._cancellations = CancellationJudge(mapper, legal_entity)
        self._guards = [(rule, parse_filter(rule.when)) for rule in template.header.destination.guards]
        self._update_only = [(rule, parse_filter(rule.when)) for rule in template.update_only]
        self._unfinished = template.header.destination.unfinished
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
        pending = apart(works, self._mapper.template, self._legal_entity)
        begun: dict[int, Entry] = {}
        last: dict[int, ServiceError] = {}
        without_optional: dict[int, Validation] = {}
        for _ in range(ROUNDS):
            if not pending:
                return done
            ready = await self._prepare(pending, done, without_optional)
            if note is not None and (new := self._memory.begun(ready, alone=alone)):
                begun |= new
                await note({one.work.document.key: new[id(one.work)] for one in ready if id(one.work) in new})
            pending = await self._send(ready, done, last, without_optional)
        for work in pending:
            outcome = outcomes.from_error(work.document, last[id(work)], work.mapped)
            done.append(Settled(work.document, outcome, remembering.doubted(begun.get(id(work), work.entry))))
        return done

    async def _prepare(self, works: list[Work], done: list[Settled], without_optional: Rejections) -> list[Pending]:
        """What is to be written; the others are done."""
        readied = await self._readier.ready([work.mapped for work in works])
        able: list[tuple[Work, ReadyDocument]] = []
        await self._say_where(readied)
        for work, result in zip(works, readied, strict=True):
            if result.document is not None:
                able.append((work, result.document))
            elif work.mapped.skipped is not None:
                done.append(Settled(work.document, outcomes.skipped(work.document, work.mapped.skipped)))
            elif result.flaws:
                done.append(Settled(work.document, outcomes.rejected(work.document, result.flaws)))
            else:
                done.append(Settled(work.document, outcomes.parked(work.document, result.missing)))
        pending = await self._compare(able, done, without_optional)
        if self._dry:
            done.extend(self._written(one) for one in pending)
            return []
        return pending

    async def _say_where(self, readied: Sequence[Readied]) -> None:
        """Adds to what documents wait for where F&O has it, when that is not where it comes from."""
        wanted = {(one.what, one.key) for result in readied for one in result.missing}
        if self._master_only is None or not wanted:
            return
        found = await self._master_only.why(sorted(wanted))
        for result in readied:
            result.missing = [
                replace(one, why=found[one.what, one.key]) if (one.what, one.key) in found else one
                for one in result.missing
            ]

    async def _send(
        self,
        pending: Sequence[Pending],
        done: list[Settled],
        last: dict[int, ServiceError],
        without_optional: dict[int, Validation],
    ) -> list[Work]:
        """Writes, and returns what the next round reads and compares again.

        A document that is rejected with optional fields is tried once more without them.
        """
        errors = await self._destination.write([one.change for one in pending]) if pending else []
        again: list[Work] = []
        refused: list[tuple[Pending, Validation]] = []
        for one, error in zip(pending, errors, strict=True):
            if error is None:
                done.append(self._written(one))
            elif (
                isinstance(error, Validation)
                and id(one.work) not in without_optional
                and self._optional.are_in(one.change)
            ):
                last[id(one.work)] = without_optional[id(one.work)] = error
                again.append(one.work)
            elif isinstance(error, Validation):
                refused.append((one, error))
            else:
                last[id(one.work)] = error
                again.append(one.work)
        done.extend(await self._refused(refused))
        return again

    async def _compare(
        self, able: Sequence[tuple[Work, ReadyDocument]], done: list[Settled], without_optional: Rejections
    ) -> list[Pending]:
        pending: list[Pending] = []
        for (known, ready), there in zip(able, await self._finder.find(able), strict=True):
            # What the ledger says of an adopted document is of another row, if it says anything.
            work = replace(known, entry=None) if there.adopted else known
            if there.moved:
                work = replace(work, entry=as_moved(work.entry))
            if (kept_back := self._kept_back(work, ready, there)) is not None:
                done.append(kept_back)
                continue
            verdict = self._verdict(work, ready, there, without_optional)
            if isinstance(verdict, Flaw):
                done.append(Settled(work.document, outcomes.rejected(work.document, [verdict])))
                continue
            if verdict.unfit:
                done.append(Settled(work.document, outcomes.parked(work.document, verdict.unfit)))
            elif verdict.change is None:
                outcome = Outcome(
                    OutcomeKind.UNCHANGED,
                    work.document.key,
                    source_id=work.document.source_id,
                    notes=work.mapped.notes + verdict.notes,
                )
                done.append(Settled(work.document, outcome, self._memory.settled(work, ready, verdict)))
            else:
                self._settle_conflict(Pending(work, verdict, verdict.change, ready), there.existing, pending, done)
        return pending

    def _kept_back(self, work: Work, ready: ReadyDocument, there: Found) -> Settled | None:
        """How a document ends that is not compared with the row that was found; None where it is compared."""
        document, existing, skipped = work.document, there.existing, work.mapped.skipped
        if work.mapped.canceled and (flaw := self._cancellations.flaw(work, existing)):
            return Settled(document, outcomes.rejected(document, [flaw]))
        if skipped is not None and (work.mapped.canceled or not self._is_complete(existing)):
            return Settled(document, outcomes.skipped(document, skipped))
        if there.flaw is not None:
            return self._rejected(document, there, there.flaw)
        ours = work.entry.lines if work.entry is not None else None
        stopped = self._stopped(document, existing)
        if stopped is not None:
            conflict = self._taken_over(work, ready, existing, ours, stopped)
            return Settled(document, outcomes.skipped(document, stopped), conflict=conflict)
        if flaws := self._foreign_lines.flaws(ready, existing, ours):
            return Settled(document, outcomes.rejected(document, flaws))
        return None

    def _verdict(self, work: Work, ready: ReadyDocument, there: Found, without_optional: Rejections) -> Verdict | Flaw:
        """What differs from the row that was found, and is to be written; a Flaw where a person has to decide."""
        existing, entry = there.existing, work.entry
        verdict = self._comparer.compare(ready, _compared(work, existing), entry.lines if entry is not None else None)
        if entry is not None:
            verdict = revived(verdict, self._mapper, ready, existing, entry.before)
        held = self._merges.hold(verdict, work, ready, existing)
        if isinstance(held, Flaw):
            return held
        verdict = self._moves.with_left(held, there.left)
        verdict = without_unstable(verdict, work, existing, self._hash)
        if self._dry and entry is not None:
            verdict = self._optional.known_to_be_rejected(verdict, entry)
        if (rejection := without_optional.get(id(work))) is not None:
            verdict = self._optional.left_out(verdict, rejection)
        return verdict

    def _rejected(self, document: SourceDocument, found: Found, flaw: Flaw) -> Settled:
        """The document waits for a person, who sees both records where its number is taken."""
        outcome = outcomes.rejected(document, [flaw], found.sides)
        if found.taken_by is None:
            return Settled(document, outcome)
        return Settled(document, outcome, conflict=self._judge.taken(document, found.sides, found.taken_by, flaw))

    def _settle_conflict(
        self, one: Pending, existing: ExistingDocument | None, pending: list[Pending], done: list[Settled]
    ) -> None:
        """Lets a document be written, unless it is in a conflict that the source does not win."""
        work = one.work
        judgement = self._judge.judge(work.document, work.mapped, work.entry, existing, one.change)
        if judgement is None:
            pending.append(one)
        elif judgement.outcome is None:
            pending.append(replace(one, conflict=judgement.conflict))
        elif judgement.conflict.winner == "destination" and work.entry is not None:
            kept = remembering.kept(work, work.entry)
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
        change = self._comparer.compare(ready, _compared(work, existing), ours).change
        return self._judge.guarded(work.document, work.mapped, work.entry, existing, change, guard)

    def _is_complete(self, existing: ExistingDocument | None) -> bool:
        """Whether the row is there and all of its document's lines are written."""
        if existing is None:
            return False
        mark = {column: value for column, value in self._unfinished.items() if column in existing.header.values}
        return not mark or any(existing.header.values[column] != value for column, value in mark.items())

    def _stopped(self, document: SourceDocument, existing: ExistingDocument | None) -> Skipped | None:
        if existing is None:
            return _first_broken(self._update_only, document.header)
        return _first_broken(self._guards, existing.header.values)

    def _written(self, one: Pending) -> Settled:
        kind = OutcomeKind.CREATED if one.verdict.created else OutcomeKind.UPDATED
        document = one.work.document
        outcome = Outcome(
            kind,
            document.key,
            source_id=document.source_id,
            changed=one.verdict.changed,
            notes=one.work.mapped.notes + one.verdict.notes,
        )
        if one.conflict is not None:
            outcome = replace(outcome, rule=conflicts.RULE, reason=conflicts.written(one.verdict.changed))
        return Settled(document, outcome, self._memory.settled(one.work, one.ready, one.verdict), one.conflict)

    async def _refused(self, refused: Sequence[tuple[Pending, Validation]]) -> list[Settled]:
        """Whether a refused document names a row that is not there: then it waits; else a person must look."""
        named: dict[int, list[tuple[tuple[str, str], Awaited]]] = defaultdict(list)
        for index, (one, _) in enumerate(refused):
            for row in (one.ready.header, *one.ready.lines):
                for path, value in row.create.items():
                    reference = self._references.get((row.task, path))
                    if reference and value and not isinstance(value, Reference):
                        place = blame(self._mapper.field(row.task, path), path)
                        awaited = Awaited(reference.partition(".")[0], str(value), place, row.place)
                        named[index].append(((reference, str(value)), awaited))
        wanted = {pair for pairs in named.values() for pair, _ in pairs}
        absent = await self._destination.missing(wanted, self._legal_entity) if wanted else {}
        settled: list[Settled] = []
        for index, (one, error) in enumerate(refused):
            missing = [
                replace(awaited, elsewhere=absent[pair], here=self._legal_entity.id)
                for pair, awaited in named[index]
                if pair in absent
            ]
            document = one.work.document
            outcome = (
                outcomes.parked(document, missing) if missing else outcomes.from_error(document, error, one.work.mapped)
            )
            settled.append(Settled(document, outcome))
        return settled


def _compared(work: Work, existing: ExistingDocument | None) -> ExistingDocument | None:
    """What a document is compared with: without the lines where only some fields of its header go."""
    if existing is None or work.mapped.skipped is None:
        return existing
    return replace(existing, lines={})


def _first_broken(rules: Sequence[tuple[Rule, Expression]], row: Mapping[str, Value]) -> Skipped | None:
    for rule, expression in rules:
        if not expression.holds(row):
            return Skipped(rule.name, rule.reason)
    return None
