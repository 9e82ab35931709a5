"""Fields in which a written value does not stick: the destination changes it (a plug-in, a completed address).

Without this such a field is written in every full comparison, and each time for nothing. Two writes tell: p2c writes
the same value over the same value of the destination a second time only where the source has not changed in between.
From then on the field is left alone until either value changes, and the document has a note.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b

from p2c.documents import ExistingDocument, ExistingRow, Note, NoteCode, Reference, RowChange, Value
from p2c.state.ledger import Overwritten
from p2c.sync.compare import Verdict
from p2c.sync.work import Work

_DIGEST = 6


def without_unstable(verdict: Verdict, work: Work, existing: ExistingDocument | None, template_hash: str) -> Verdict:
    """The verdict without the fields in which a written value does not stick, and what to remember for the next time.

    Fields are left out of updates only: what is created has not been seen to change.
    """
    if verdict.change is None or existing is None or work.entry is None:
        return verdict
    entry, mark = work.entry, verdict.change.mark
    same_source = entry.fingerprint == work.mapped.fingerprint and entry.template_hash == template_hash
    known = {(found.row, found.column): found for found in entry.overwritten}
    held = _rows(existing)
    rows: list[RowChange] = []
    notes: list[Note] = []
    overwritten: list[Overwritten] = []
    left_out: set[tuple[str, str]] = set()
    for row in verdict.change.rows:
        if row.action != "update" or str(row.key) not in held:
            rows.append(row)
            continue
        values = dict(row.values)
        if mark is not None and row.key == mark.key and mark.is_on(held[str(row.key)].values):
            # What the header holds there is what p2c wrote: the mark of a document that is not complete.
            rows.append(row)
            continue
        for column, value in row.values.items():
            there = held[str(row.key)].values.get(column)
            token = _token(value, there)
            before = known.get((row.label, column))
            if before is not None and before.token == token:
                del values[column]
                left_out.add((row.label, column))
                overwritten.append(Overwritten(row.label, column, token, unstable=True))
                notes.append(_note(row, column))
            elif same_source or (before is not None and before.unstable):
                # What is written over an unstable field will not be there either: no change that a person makes.
                overwritten.append(Overwritten(row.label, column, token, before is not None and before.unstable))
        if values:
            rows.append(replace(row, values=values))
    names = {f"{row}: {column}" if row else column for row, column in left_out}
    return replace(
        verdict,
        change=replace(verdict.change, rows=tuple(rows)) if rows else None,
        changed=tuple(name for name in verdict.changed if name not in names),
        notes=(*verdict.notes, *notes),
        overwritten=tuple(overwritten),
        unstable=frozenset((field.row, field.column) for field in overwritten if field.unstable),
    )


def _rows(existing: ExistingDocument) -> dict[str, ExistingRow]:
    rows = (existing.header, *(row for lines in existing.lines.values() for row in lines))
    return {str(row.key): row for row in rows}


def _token(written: Value | Reference, there: Value) -> str:
    text = written.id if isinstance(written, Reference) else written
    return blake2b(f"{text!r}\x1f{there!r}".encode("utf-8", "surrogatepass"), digest_size=_DIGEST).hexdigest()


def _note(row: RowChange, column: str) -> Note:
    reason = (
        "the destination changes what p2c writes here, so p2c leaves the field alone until one of the two values "
        "changes: look for a plug-in, a workflow or a business rule there, or leave the field out in the project file"
    )
    return Note(NoteCode.DOES_NOT_STICK, reason, column, row.label)
