"""A document that moves to another record of the destination: its new row takes over, the old one is put out of use.

The number of a contact person in F&O is made of the contact's own number and that of its account. When only the part
that is not the document's own key changes, the document has moved. Both rows are written in one change set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from p2c.documents import (
    HEADER,
    DocumentChange,
    ExistingDocument,
    Note,
    NoteCode,
    RowChange,
    Value,
)
from p2c.mapping.mapper import Mapper
from p2c.state.ledger import Entry
from p2c.sync.compare import Verdict
from p2c.sync.work import Work
from p2c.systems import keys


class Moves:
    """Recognises documents of one template that have moved, and puts their old rows out of use.

    It follows a move where the template says so (`moves: follow`) or a person does (`decided`); a template whose
    documents have no number but their own key has no moves.
    """

    def __init__(self, mapper: Mapper, *, decided: bool) -> None:
        template = mapper.template
        self._task = template.header.name
        self._mapper = mapper
        self._own = template.own_key
        self._deactivate: Mapping[str, Value] = template.deactivate
        self._possible = template.can_move
        self._follows = self._possible and (decided or template.moves == "follow")

    def left(self, work: Work, number: Sequence[str]) -> tuple[str, ...]:
        """The number that the document had before it moved and that p2c puts out of use; () where it has not moved."""
        return self._before(work.entry, number) if self._follows else ()

    def has_moved(self, work: Work, number: Sequence[str]) -> bool:
        """Whether the document has moved, by whatever the template says of moves."""
        return self._possible and bool(self._before(work.entry, number))

    def _before(self, entry: Entry | None, number: Sequence[str]) -> tuple[str, ...]:
        if entry is None or not entry.number:
            return ()
        before = keys.split(entry.number, len(number))
        if len(before) != len(number):
            return ()
        pairs = list(zip(self._own, keys.folded(before), keys.folded(number), strict=True))
        same_document = all(old == new for own, old, new in pairs if own)
        elsewhere = any(old != new for own, old, new in pairs if not own)
        return tuple(before) if same_document and elsewhere else ()

    def with_left(self, verdict: Verdict, left: ExistingDocument | None) -> Verdict:
        """The verdict, with the old row put out of use in the same change set, unless it is so already."""
        if left is None:
            return verdict
        values = {
            column: value
            for column, value in self._deactivate.items()
            if not self._mapper.same(self._task, column, value, left.header.values.get(column))
        }
        if not values:
            return verdict
        entity, key = self._mapper.template.header.destination.entity, left.header.key
        row = RowChange("update", entity, key, values, HEADER, left.header.etag)
        name = keys.join(value for column, value in key if column != "dataAreaId") if not isinstance(key, str) else key
        written = ", ".join(f"{column} = {value}" for column, value in values.items())
        note = Note(NoteCode.MOVED, f"moved; its old record {name} gets {written}", ", ".join(values))
        before = verdict.change
        change = replace(before, rows=(*before.rows, row)) if before else DocumentChange(name, (row,))
        changed = (*verdict.changed, *(f"{name}: {column}" for column in values))
        return replace(verdict, change=change, changed=changed, notes=(*verdict.notes, note))


def as_moved(entry: Entry | None) -> Entry | None:
    """What the ledger knows of a document that has moved, without what it knows of the old row."""
    return replace(entry, seen=(), before=(), overwritten=()) if entry is not None else None
