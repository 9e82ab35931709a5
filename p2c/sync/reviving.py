"""What puts a document back into use that was put out of use when it was gone, and is at its source again.

The ledger knows the columns by which it was put out of use, and what they held before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from p2c.documents import DocumentChange, ExistingDocument, RowChange, Value
from p2c.mapping.mapper import Mapper
from p2c.sync.compare import Verdict
from p2c.sync.readying import ReadyDocument


def revived(
    verdict: Verdict,
    mapper: Mapper,
    document: ReadyDocument,
    existing: ExistingDocument | None,
    before: Sequence[tuple[str, Value]],
) -> Verdict:
    """The verdict on a document, with the writes that put it back into use; the same one where nothing has to be.

    `before` are columns of its header with what they held before it was put out of use; empty: it never was. What the
    mapping speaks for is compared anyway; what somebody has changed since stays.
    """
    if not before or existing is None:
        return verdict
    header, deactivate = mapper.template.header, mapper.template.deactivate
    mapped = {**document.header.update, **document.header.after_update}
    held = existing.header.values
    values = {
        column: value
        for column, value in before
        if column not in mapped and mapper.same(header.name, column, deactivate.get(column), held.get(column))
    }
    if not values:
        return verdict
    row = RowChange("update", header.destination.entity, existing.header.key, values)
    if verdict.change is None:
        change = DocumentChange(document.key, (row,))
    else:
        change = replace(verdict.change, rows=(*verdict.change.rows, row))
    return replace(verdict, change=change, changed=(*verdict.changed, *values))
