"""Documents in several change sets: every row once and in order, the mark first, the true values last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.documents import DocumentChange, Mark, Reference, RowChange, Value
from p2c.errors import NotSendable
from p2c.systems.large_documents import split

MARK = Mark("salesorders", "id", {"name": "Incomplete"}, {"name": "Order 1"})


def document(lines: int, *, with_header: bool, mark: Mark | None = MARK) -> DocumentChange:
    header = [RowChange("update", "salesorders", "id", {"name": "Order 1", "description": "x"}, etag="v1")]
    rows = [
        RowChange("create", "salesorderdetails", str(line), {"quantity": 1}, f"line {line}") for line in range(lines)
    ]
    return DocumentChange("SO-1", tuple(header * with_header + rows), mark)


@given(lines=st.integers(1, 60), most=st.integers(2, 20), with_header=st.booleans())
def test_every_row_is_written_once_and_no_change_set_is_too_large(lines: int, most: int, with_header: bool) -> None:
    change = document(lines, with_header=with_header)
    sets = list(split(change, most))
    assert all(len(part.rows) <= most for part in sets)
    rows = [row for part in sets for row in part.rows]
    if len(sets) == 1:
        assert sets == [change]
        return
    assert [row for row in rows if row.action == "create"] == [row for row in change.rows if row.action == "create"]
    first, last = rows[0], rows[-1]
    assert first.values["name"] == "Incomplete"
    assert (last.action, last.key, last.values) == ("update", "id", {"name": "Order 1"})


def test_the_version_that_was_compared_is_on_the_first_change_set_only() -> None:
    sets = list(split(document(10, with_header=True), 4))
    assert [row.etag for part in sets for row in part.rows if row.entity == "salesorders"] == ["v1", ""]
    header: Mapping[str, Value | Reference] = sets[0].rows[0].values
    assert header == {"name": "Incomplete", "description": "x"}


def test_where_only_lines_change_the_mark_carries_the_version_of_the_header() -> None:
    change = document(10, with_header=False)
    assert change.mark is not None
    first = next(split(replace(change, mark=replace(change.mark, etag="v1")), 4)).rows[0]
    assert (first.entity, first.action, first.etag) == ("salesorders", "update", "v1")


def test_a_document_without_a_mark_is_not_sent_in_parts() -> None:
    with pytest.raises(NotSendable, match=r"SO-1 has 5 rows to write; 4 is the most"):
        list(split(document(5, with_header=False, mark=None), 4))
