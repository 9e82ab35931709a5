"""A record that was merged into another one in Sales: its record at the destination is put out of use, once.

Merging makes the subordinate inactive and moves what refers to it to its master. A person who puts its customer back
into use afterwards, to invoice what is open, is not overruled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from p2c.documents import (
    DocumentChange,
    ExistingDocument,
    Flaw,
    MappedDocument,
    Note,
    NoteCode,
    RowChange,
    SourceDocument,
    Value,
)
from p2c.mapping.mapper import MERGED, Mapper
from p2c.sync.compare import Verdict
from p2c.sync.readying import ReadyDocument
from p2c.sync.work import Work


class Merges:
    """Puts merged records of one template out of use, or asks (`merges: ask`) unless a person has `decided`."""

    def __init__(self, mapper: Mapper, *, decided: bool) -> None:
        self._mapper = mapper
        self._task = mapper.template.header.name
        self._entity = mapper.template.header.destination.entity
        self._deactivate: Mapping[str, Value] = mapper.template.deactivate
        self._asks = mapper.template.merges == "ask" and not decided

    def hold(
        self, verdict: Verdict, work: Work, ready: ReadyDocument, existing: ExistingDocument | None
    ) -> Verdict | Flaw:
        """The verdict with the values that put the record out of use; why a person decides, where one does."""
        settled = work.entry is not None and work.entry.fingerprint == work.mapped.fingerprint
        if existing is None or settled or not is_merged(work.document):
            return verdict
        mapped = {**ready.header.update, **ready.header.after_update}
        values = {
            column: value
            for column, value in self._deactivate.items()
            if column not in mapped
            and not self._mapper.same(self._task, column, value, existing.header.values.get(column))
        }
        if not values:
            return verdict
        written = ", ".join(f"{column} = {value}" for column, value in values.items())
        if self._asks:
            return Flaw(
                MERGED,
                f"was merged into another record in Sales: decide what becomes of {work.document.key!r} in F&O, and "
                f"set {written} there, or with p2c conflicts settle {work.document.key!r} --keep source",
                code=MERGED,
            )
        row = RowChange("update", self._entity, existing.header.key, values)
        note = Note(NoteCode.MERGED, f"merged into another record in Sales; gets {written}", ", ".join(values))
        before = verdict.change
        change = replace(before, rows=(*before.rows, row)) if before else DocumentChange(work.document.key, (row,))
        changed = (*verdict.changed, *values)
        return replace(verdict, change=change, changed=changed, notes=(*verdict.notes, note))


def is_merged(document: SourceDocument) -> bool:
    """Whether the record was merged into another one."""
    return document.header.get(MERGED) is True


def as_merged(document: SourceDocument, mapped: MappedDocument) -> MappedDocument:
    """The mapped document; of a merged record with another fingerprint than it had before the merge."""
    if not is_merged(document):
        return mapped
    fingerprint = hashlib.sha256(f"{MERGED} {mapped.fingerprint}".encode()).hexdigest()
    return replace(mapped, fingerprint=fingerprint)
