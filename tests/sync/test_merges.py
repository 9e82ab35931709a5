"""What becomes of a record that was merged into another one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from p2c.documents import ExistingDocument, ExistingRow, Flaw, MappedDocument, MappedRow, SourceDocument
from p2c.mapping.context import Context
from p2c.mapping.mapper import Mapper
from p2c.state.ledger import Entry
from p2c.sync.compare import Verdict
from p2c.sync.merges import Merges, as_merged
from p2c.sync.readying import ReadyDocument, ReadyRow
from p2c.sync.work import Work
from p2c.templates.load import builtin_templates
from p2c.templates.models import Merges as Policy
from p2c.templates.valuemaps import shared_maps

KEY = (("dataAreaId", "usmf"), ("CustomerAccount", "A-1"))
AGREEING = Verdict(None, (), False, KEY, ())


def hold(
    *, policy: Policy = "hold", decided: bool = False, merged: bool | None = True, held: str = "No", before: str = "old"
) -> Verdict | Flaw:
    template = builtin_templates()["accounts"].model_copy(update={"merges": policy})
    document = SourceDocument(key="A-1", source_id="id", header={"merged": merged})
    row = MappedRow("Accounts - Customers", "CustomersV2", "", (), {})
    mapped = as_merged(document, MappedDocument("A-1", "id", row, (), "old"))
    fingerprint = mapped.fingerprint if before == "merged" else before
    work = Work(document, mapped, Entry(fingerprint, source_id="id", template_hash="h"))
    ready = ReadyDocument("A-1", ReadyRow(row.task, row.entity, "", {}, {}), ())
    merges = Merges(Mapper(template, Context("usmf", value_maps=shared_maps())), decided=decided)
    return merges.hold(AGREEING, work, ready, ExistingDocument(ExistingRow(KEY, {"OnHoldStatus": held})))


@pytest.mark.parametrize(("policy", "decided"), [("hold", False), ("hold", True), ("ask", True)])
def test_the_record_is_put_out_of_use_with_a_note(policy: Policy, decided: bool) -> None:
    verdict = hold(policy=policy, decided=decided)
    assert isinstance(verdict, Verdict)
    assert verdict.change is not None
    assert [dict(row.values) for row in verdict.change.rows] == [{"OnHoldStatus": "All"}]
    assert verdict.changed == ("OnHoldStatus",)
    assert [note.code for note in verdict.notes] == ["merged"]


def test_a_person_is_asked_where_the_template_says_so() -> None:
    flaw = hold(policy="ask")
    assert isinstance(flaw, Flaw)
    assert flaw.code == "merged"
    assert "p2c conflicts settle 'A-1' --keep source" in flaw.reason


@pytest.mark.parametrize("policy", ["hold", "ask"])
def test_nothing_is_done_a_second_time_nor_where_it_is_done_or_nothing_was_merged(policy: Policy) -> None:
    assert hold(policy=policy, before="merged") == AGREEING
    assert hold(policy=policy, held="All") == AGREEING
    assert hold(policy=policy, merged=False) == AGREEING
    assert hold(policy=policy, merged=None) == AGREEING


def test_merging_changes_the_fingerprint_once() -> None:
    row = MappedRow("Accounts - Customers", "CustomersV2", "", (), {})
    mapped = MappedDocument("A-1", "id", row, (), "old")
    merged = SourceDocument(key="A-1", source_id="id", header={"merged": True})
    assert as_merged(replace(merged, header={"merged": False}), mapped) == mapped
    assert as_merged(merged, mapped).fingerprint != mapped.fingerprint
    assert as_merged(merged, mapped) == as_merged(merged, mapped)
