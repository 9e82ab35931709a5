"""Which documents have moved, and what becomes of the rows that they were before."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.documents import DocumentChange, ExistingDocument, ExistingRow, MappedDocument, MappedRow, SourceDocument
from p2c.mapping.context import Context
from p2c.mapping.mapper import Mapper
from p2c.state.ledger import Entry
from p2c.sync.compare import Verdict
from p2c.sync.moves import Moves, as_moved
from p2c.sync.work import Work
from p2c.templates.load import builtin_templates
from p2c.templates.models import Template
from p2c.templates.valuemaps import shared_maps

CONTACTS = builtin_templates()["contacts"]
OLD = (("dataAreaId", "usmf"), ("ContactPersonPartyNumber", "C-1"), ("AssociatedPartyNumber", "A-1"))


def moves(template: Template = CONTACTS, *, decided: bool = False) -> Moves:
    return Moves(Mapper(template, Context("usmf", value_maps=shared_maps())), decided=decided)


def work(number: str, *, known: bool = True) -> Work:
    document = SourceDocument(key="C-1", source_id="id", header={})
    row = MappedRow("Contacts", "CDSContactPersons", "", (), {})
    entry = Entry("f", template_hash="h", number=number) if known else None
    return Work(document, MappedDocument("C-1", "id", row, (), "f"), entry)


def left(**held: str) -> ExistingDocument:
    return ExistingDocument(ExistingRow(OLD, {"IsInactive": "No", **held}))


def verdict(change: DocumentChange | None = None) -> Verdict:
    return Verdict(change, (), True, OLD, ())


def test_only_contacts_can_move() -> None:
    assert [name for name, template in builtin_templates().items() if template.can_move] == ["contacts"]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("C-1|A-1", ("C-1", "A-1")),
        ("C-1|A-2", ()),
        ("c-1|a-2 ", ()),
        # Another contact's number is a changed key, not a move.
        ("C-2|A-1", ()),
        ("C-1", ()),
        ("", ()),
    ],
)
def test_a_document_has_moved_when_only_the_part_that_is_not_its_own_has_changed(
    before: str, expected: tuple[str, ...]
) -> None:
    assert moves().left(work(before), ("C-1", "A-2")) == expected
    assert moves().has_moved(work(before), ("C-1", "A-2")) is bool(expected)


def test_a_document_that_the_ledger_does_not_know_has_not_moved() -> None:
    assert moves().left(work("C-1|A-1", known=False), ("C-1", "A-2")) == ()


def test_a_move_is_followed_where_the_template_or_a_person_says_so() -> None:
    asking = CONTACTS.model_copy(update={"moves": "ask"})
    assert moves(asking).has_moved(work("C-1|A-1"), ("C-1", "A-2"))
    assert moves(asking).left(work("C-1|A-1"), ("C-1", "A-2")) == ()
    assert moves(asking, decided=True).left(work("C-1|A-1"), ("C-1", "A-2")) == ("C-1", "A-1")


def test_without_values_that_put_a_record_out_of_use_nothing_moves() -> None:
    assert not moves(CONTACTS.model_copy(update={"deactivate": {}})).has_moved(work("C-1|A-1"), ("C-1", "A-2"))


NUMBERS = st.text(st.characters(exclude_characters="|", exclude_categories=("C", "Z")), min_size=1, max_size=8)


@given(NUMBERS, NUMBERS)
def test_the_number_of_a_contact_may_hold_a_bar(contact: str, account: str) -> None:
    number = f"{contact}|{contact}"
    found = moves().left(work(f"{number}|{account}"), (number, f"{account}+"))
    assert found == (number, account)


def test_the_old_row_is_put_out_of_use_in_the_same_change_set() -> None:
    change = DocumentChange("C-1", ())
    found = moves().with_left(verdict(change), left())
    assert found.change is not None
    assert [(row.action, row.key, dict(row.values)) for row in found.change.rows] == [
        ("update", OLD, {"IsInactive": "Yes"})
    ]
    assert found.changed == ("C-1|A-1: IsInactive",)
    assert [note.code for note in found.notes] == ["moved"]


def test_an_old_row_is_put_out_of_use_alone_where_the_new_one_agrees_already() -> None:
    found = moves().with_left(verdict(), left())
    assert found.change is not None
    assert len(found.change.rows) == 1


def test_an_old_row_that_is_out_of_use_or_not_there_costs_nothing() -> None:
    assert moves().with_left(verdict(), left(IsInactive="Yes")) == verdict()
    assert moves().with_left(verdict(), None) == verdict()


def test_what_the_ledger_saw_of_the_old_row_does_not_count_for_the_new_one() -> None:
    entry = Entry("f", number="C-1|A-1", seen=("abc",), before=(("IsInactive", "No"),))
    assert as_moved(entry) == replace(entry, seen=(), before=())
    assert as_moved(None) is None
