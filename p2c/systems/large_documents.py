"""Documents that do not fit into one change set: several, in order, with a mark while the document is incomplete.

The first change set gives the header the mark of its template (`unfinished`), the last one the true values. What is
interrupted in between leaves a header that shows it; the next run compares and writes what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from p2c.documents import DocumentChange, RowChange
from p2c.errors import NotSendable


def split(change: DocumentChange, most: int) -> Iterator[DocumentChange]:
    """The changes whose rows fit into a change set of `most` requests, in the order in which they are to be written.

    Raises NotSendable where the document has more rows and its header cannot carry a mark.
    """
    if len(change.rows) <= most:
        yield change
        return
    mark = change.mark
    if mark is None:
        raise NotSendable(
            f"The document {change.key} has {len(change.rows)} rows to write; {most} is the most that can be written "
            "together, and its template has no mark for an incomplete document (`unfinished`)."
        )
    first, *rest = change.rows
    if first.action != "delete" and (first.entity, first.key) == (mark.entity, mark.key):
        marked = replace(first, values={**first.values, **mark.unfinished})
    else:
        marked, rest = RowChange("update", mark.entity, mark.key, mark.unfinished, etag=mark.etag), [first, *rest]
    rows = [marked, *rest, RowChange("update", mark.entity, mark.key, mark.finished)]
    for start in range(0, len(rows), most):
        yield replace(change, rows=tuple(rows[start : start + most]))
