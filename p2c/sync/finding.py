"""Which row at the destination is the document, or why none may be written for it.

A document is found by its number there. A number that several rows have, one that the document did not have before, and
a row that has left the legal entity are for a person to look at: written all the same, there would be two of it. So is
a row that p2c does not know and that nothing proves to be the same record (`p2c.sync.evidence`): it is something else
that has the same number, and stays untouched. A row that was settled from another row of the source (which was deleted,
or whose number changed) needs the same proof: p2c's own id or mark only says that it is that other row's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from p2c.documents import Difference, DocumentWrite, ExistingDocument, Flaw, LegalEntity, RowKey
from p2c.mapping.mapper import Mapper
from p2c.state.conflicts import KEY_CHANGED, NUMBER_TAKEN
from p2c.state.couplings import Coupling, CouplingList
from p2c.sync.compare import Comparer
from p2c.sync.evidence import EvidenceJudge, Sides, row_text
from p2c.sync.identity import row_id
from p2c.sync.moves import Moves
from p2c.sync.outcomes import system_name
from p2c.sync.readying import ReadyDocument
from p2c.sync.work import Work
from p2c.systems import keys
from p2c.systems.ends import Destination
from p2c.templates.models import Template


@dataclass(frozen=True, slots=True)
class Found:
    """The row that is the document; None: there is none, and unless there is a `flaw` it may be created.

    `adopted`: p2c did not know the row, and there is evidence that it is the document. `sides` shows both records where
    the number is taken by another one, which `taken_by` names. `left` is the row that the document was before it moved,
    `moved` says that it has moved (`p2c.sync.moves`).
    """

    existing: ExistingDocument | None
    flaw: Flaw | None = None
    adopted: bool = False
    sides: tuple[Difference, ...] = ()
    taken_by: RowKey | None = None
    left: ExistingDocument | None = None
    moved: bool = False


class Finder:
    """Finds documents of one template at the destination, for one legal entity.

    `told`: a person has said that the source counts, so a document may go under another number than before.
    """

    def __init__(
        self,
        mapper: Mapper,
        comparer: Comparer,
        destination: Destination,
        legal_entity: LegalEntity,
        *,
        told: bool,
        couplings: CouplingList | None = None,
    ) -> None:
        template = mapper.template
        self._template = template
        self._evidence = EvidenceJudge(mapper)
        self._sides = Sides(mapper, destination, legal_entity)
        self._couplings = couplings
        self._coupled = frozenset(map(keys.fold, template.couplings.get(legal_entity.id, ())))
        # What puts a document out of use is read as well: to put it back, one must know what it holds now.
        self._write = _with_columns(mapper.writes(), [*template.deactivate, *self._evidence.columns])
        self._others = template.header.destination.others
        self._source_key = template.header.source.key
        self._comparer = comparer
        self._destination = destination
        self._legal_entity = legal_entity
        self._told = told
        self._moves = Moves(mapper, decided=told)

    async def find(self, able: Sequence[tuple[Work, ReadyDocument]]) -> list[Found]:
        """What is there of each document, in the same order."""
        if not able:
            return []
        numbers = [self._comparer.number(ready) for _, ready in able]
        there = await self._destination.fetch(self._write, self._legal_entity, numbers)
        elsewhere = await self._elsewhere([work for work, _ in able], numbers, there)
        candidates = [
            [one for one in there.get(keys.folded(number), []) if one.header.key not in work.taken]
            for (work, _), number in zip(able, numbers, strict=True)
        ]
        ours = [self._ours(work, ready, rows) for (work, ready), rows in zip(able, candidates, strict=True)]
        confirmed = await self._confirmed(
            [
                work
                for (work, _), rows, own in zip(able, candidates, ours, strict=True)
                if rows and (own is None or self._replaced(work))
            ]
        )
        met = {one.header.key for one in ours if one is not None}
        found: list[Found] = []
        for (work, ready), number, rows, own in zip(able, numbers, candidates, ours, strict=True):
            left = [one for one in rows if own is not None or one.header.key not in met]
            one = self._found(work, ready, number, left, own, elsewhere.get(id(work)), confirmed.get(work.document.key))
            if one.existing is not None:
                # What one document is, no other of the same number can be.
                met.add(one.existing.header.key)
            found.append(one)
        found = await self._with_left([work for work, _ in able], numbers, found)
        return await self._with_sides([work for work, _ in able], numbers, found)

    def _found(
        self,
        work: Work,
        ready: ReadyDocument,
        number: Sequence[str],
        candidates: Sequence[ExistingDocument],
        ours: ExistingDocument | None,
        moved: RowKey | None,
        coupling: Coupling | None,
    ) -> Found:
        existing = ours or (candidates[0] if len(candidates) == 1 else None)
        if existing is None:
            return Found(None, self._flaw(work, number, candidates, moved))
        stranger = self._stranger(number, existing)
        known = ours is not None and not self._replaced(work)
        if stranger is not None or not (known or self._is_document(work, ready, existing, coupling)):
            return Found(None, stranger, taken_by=existing.header.key)
        if ours is None and self._moves.has_moved(work, number):
            # It may have been here before: then its mark is on the row, and all of it is the document's.
            renumbered = self._renumbered(work, number)
            known = renumbered is None and self._evidence.is_marked(existing)
            return Found(None if renumbered else existing, renumbered, adopted=renumbered is None and not known)
        return Found(existing, adopted=ours is None)

    def _replaced(self, work: Work) -> str:
        """The source row that the document was settled from before, where that is another one; else "".

        Where several rows of the source have one number (revisions of a quote), each of them is the same document.
        """
        return "" if self._template.header.source.version else work.replaces

    def _ours(
        self, work: Work, document: ReadyDocument, candidates: Sequence[ExistingDocument]
    ) -> ExistingDocument | None:
        """The row that p2c made for this document, or settled it as."""
        known = {self._comparer.new_header_key(document)} if self._template.destination == "sales" else set()
        if work.entry is not None:
            if self._moves.has_moved(work, self._comparer.number(document)):
                # What the ledger knows is the row that the document was before.
                return None
            if not work.entry.destination_id:
                # Rows of this system have no ids: what the ledger has settled, or begun, under this number is the row.
                return candidates[0] if len(candidates) == 1 else None
            known.add(work.entry.destination_id)
        matching = [one for one in candidates if one.header.key in known]
        return matching[0] if len(matching) == 1 else None

    def _is_document(
        self, work: Work, ready: ReadyDocument, existing: ExistingDocument, coupling: Coupling | None
    ) -> bool:
        """Whether a row that p2c does not know is the document, by evidence or because a person says so."""
        if keys.fold(work.document.key) in self._coupled or _exchanged(work, existing):
            return True
        if self._evidence.proves(ready, existing, marks=not self._replaced(work)):
            return True
        pair = (work.document.source_id.lower(), row_text(existing.header.key))
        return coupling is not None and (coupling.source_id.lower(), coupling.destination) == pair

    async def _confirmed(self, works: Sequence[Work]) -> dict[str, Coupling]:
        """The couplings that a person confirmed of these documents."""
        if self._couplings is None or not works:
            return {}
        return await self._couplings.get_many([work.document.key for work in works])

    async def _with_sides(
        self, works: Sequence[Work], numbers: Sequence[tuple[str, ...]], found: Sequence[Found]
    ) -> list[Found]:
        """The same; where a number is taken, with both records and what to do."""
        taken = [(place, works[place], one.taken_by) for place, one in enumerate(found) if one.taken_by is not None]
        shown = await self._sides.of([(work.document, key) for _, work, key in taken])
        complete = list(found)
        for (place, work, _), sides in zip(taken, shown, strict=True):
            flaw = found[place].flaw or self._taken(work, numbers[place], sides)
            complete[place] = replace(found[place], flaw=flaw, sides=sides)
        return complete

    def _taken(self, work: Work, number: Sequence[str], sides: Sequence[Difference]) -> Flaw:
        """Why a document whose number another record has waits for a person."""
        key, entity, system = work.document.key, self._legal_entity.id, system_name(self._template.destination)
        by = f"another record in {system}"
        if before := self._replaced(work):
            source, now = system_name(self._template.source), work.document.source_id
            by = f"the record in {system} that was synced from row {before} of {source}, and now row {now} has it"
        values = ", ".join(f"{one.field} {one.destination} (here {one.source})" for one in sides if one.field != "id")
        return Flaw(
            ", ".join(self._source_key),
            f"number {'|'.join(number)} is taken by {by}: {values}. "
            "Give one of the two another number, or confirm that they are the same: "
            f"p2c couple {self._template.id} {key} -l {entity}",
            code=NUMBER_TAKEN,
        )

    def _flaw(
        self, work: Work, number: Sequence[str], candidates: Sequence[ExistingDocument], moved: RowKey | None
    ) -> Flaw | None:
        """Why a document that none of the rows is must not be created; None: it may be."""
        if candidates:
            return Flaw(", ".join(self._write.header.key), _several(number, candidates))
        renumbered = self._renumbered(work, number)
        if renumbered is None and moved is not None:
            return Flaw("owningbusinessunit", _moved(number, moved, self._legal_entity))
        return renumbered

    def _stranger(self, number: Sequence[str], existing: ExistingDocument) -> Flaw | None:
        """Why the row is something else than the document, if it is: a contact's number may be that of an account."""
        for column, values in self._others.items():
            held = existing.header.values.get(column)
            if held in values:
                text = f"number {'|'.join(number)} is taken by something else at the destination ({column} {held}): "
                advice = "give one of the two another number"
                return Flaw(", ".join(self._source_key), text + advice, code=NUMBER_TAKEN)
        return None

    def _renumbered(self, work: Work, number: Sequence[str]) -> Flaw | None:
        """What to tell of a document that went under another number: written now, there would be two of it.

        A number may be made of more than the document's own key (of a contact, its company's as well).
        """
        if work.entry is None or self._told:
            return None
        before = work.entry.number or work.document.key
        if keys.fold(before) == keys.fold(keys.join(number)) or self._moves.left(work, number):
            return None
        settle = f"p2c conflicts settle {work.document.key!r} --keep source"
        if self._moves.has_moved(work, number):
            advice = f"move it back, or create the new record and put the old one out of use with {settle}"
        else:
            advice = f"change it there, or let it go as a new one with {settle}, and see to the old"
        return Flaw(
            ", ".join(self._source_key),
            f"went as {before!r} and would now be {keys.join(number)!r}, a second one beside it: {advice}",
            code=KEY_CHANGED,
        )

    async def _with_left(
        self, works: Sequence[Work], numbers: Sequence[tuple[str, ...]], found: Sequence[Found]
    ) -> list[Found]:
        """The same; those that have moved with the row that they were before, if it is still there."""
        left = [
            (((work.left,) if work.left else self._moves.left(work, number)) if one.flaw is None else ())
            for work, number, one in zip(works, numbers, found, strict=True)
        ]
        wanted = [number for number in left if number]
        there = await self._destination.fetch(self._write, self._legal_entity, wanted) if wanted else {}
        return [
            replace(one, moved=True, left=next(iter(there.get(keys.folded(number), ())), None)) if number else one
            for one, number in zip(found, left, strict=True)
        ]

    async def _elsewhere(
        self,
        works: Sequence[Work],
        numbers: Sequence[tuple[str, ...]],
        there: Mapping[tuple[str, ...], Sequence[ExistingDocument]],
    ) -> dict[int, RowKey]:
        """Rows that documents were settled as and that now belong to another business unit, by their works.

        The same number may well be another legal entity's own, so only a row that we know by its id is meant.
        """
        lost = [
            (work, work.entry.destination_id, number)
            for work, number in zip(works, numbers, strict=True)
            if work.entry is not None and work.entry.destination_id and not there.get(keys.folded(number))
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
            for one in anywhere.get(keys.folded(number), ())
            if one.header.key == identifier
        }


def _exchanged(work: Work, existing: ExistingDocument) -> bool:
    """Whether the template of the other direction has made one of the two rows from the other."""
    known = work.counterpart
    if known is None or not known.settled or keys.fold(known.source_id) != row_text(existing.header.key):
        return False
    return not known.destination_id or known.destination_id == work.document.source_id


def shared_number(template: Template, key: str) -> str:
    """The number in a document's key that others may have as well; "" where a number is one document's alone.

    Several documents have one number where the source's key is longer than the destination's (invoices: number, date
    and voucher).
    """
    columns = len(template.header.source.key)
    return keys.split(key, columns)[0] if columns > len(template.header.destination.key) else ""


def apart(works: Sequence[Work], template: Template, legal_entity: LegalEntity) -> list[Work]:
    """The works of a page, each knowing which rows of its number are those of the others on that page.

    Those of one page are not in the ledger yet when one of them is looked at once more, or when a run that settled none
    was killed.
    """
    numbers = [keys.fold(shared_number(template, one.document.key)) for one in works]
    if not any(numbers):
        return list(works)
    alike: dict[str, set[str]] = defaultdict(set)
    own = [row_id(template.header.destination.entity, legal_entity.id, one.document.key) for one in works]
    for number, identifier in zip(numbers, own, strict=True):
        alike[number].add(identifier)
    return [
        replace(one, taken=one.taken | alike[number] - {identifier})
        for one, number, identifier in zip(works, numbers, own, strict=True)
    ]


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
