"""The comparison of two sandboxes, of two states, and of words with deeds: each must be able to find fault."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from harness.equal import Snapshot, compare, differences, snapshot
from harness.memory import Memory, disagreements
from harness.truth import Said, untruths
from p2c.documents import Outcome, OutcomeKind
from p2c.operations.reconcile import Agreement
from p2c.state.runs import RunRecord, Status
from sandbox import Sandbox
from sandbox.company import build
from sandbox.company.sales_desk import SalesDesk, record_id


@pytest.fixture
def sandbox() -> Sandbox:
    """Contoso's master data, and an order of F&O; nothing listens."""
    found = Sandbox()
    build("contoso", sales=found.sales, finops=found.finops).set_up()
    found.finops.new_customer("C-1", "Contoso Retail", "usmf")
    line = {"ProductNumber": "ESP-100", "OrderedSalesQuantity": Decimal(1), "ShippingSiteId": "1"}
    found.finops.new_order("C-1", [line], "usmf")
    return found


def test_two_sandboxes_with_the_same_company_are_equal(sandbox: Sandbox) -> None:
    other = Sandbox()
    build("contoso", sales=other.sales, finops=other.finops).set_up()
    other.sales.clock.advance(5000)
    found = compare(snapshot(other), snapshot(sandbox))
    assert {one.kind for one in found} == {"extra"}
    assert {one.table for one in found} == {"finops.CustTable", "finops.SalesTable", "finops.SalesLine"}
    assert snapshot(sandbox).flaws == ()


def test_a_changed_cell_is_named_with_both_values(sandbox: Sandbox) -> None:
    before = snapshot(sandbox)
    SalesDesk(sandbox.sales).service.people.update("account", record_id("account", "fourth"), {"address1_city": "Reno"})
    (found,) = differences(before, snapshot(sandbox))
    assert found.startswith("sales.account A-1001: changed address1_city 'Seattle' → 'Reno'")


def test_a_lost_row_and_a_doubled_one(sandbox: Sandbox) -> None:
    before = snapshot(sandbox)
    store = sandbox.sales.engine.store
    row = store.select("account", store.column("account", "accountnumber") == "A-1001")[0]
    store.insert("account", {**row, "accountid": "00000000-0000-0000-0000-000000000001"})
    doubled = snapshot(sandbox)
    assert [(one.kind, one.name) for one in compare(before, doubled)] == [("doubled", "A-1001")]
    assert doubled.flaws == ("sales.account A-1001: there 2 times",)
    assert [one.kind for one in compare(doubled, before)] == ["lost"]


def test_a_line_without_its_header_is_a_flaw(sandbox: Sandbox) -> None:
    books = sandbox.finops.books
    (order,) = books.rows("SalesTable")
    books.remove("SalesTable", order)
    (flaw,) = snapshot(sandbox).flaws
    assert flaw == f"finops.SalesLine usmf / {order['SalesOrderNumber']} / 1: its header is not there"


def test_ids_do_not_matter_but_what_they_point_to_does(sandbox: Sandbox) -> None:
    before = snapshot(sandbox)
    store = sandbox.sales.engine.store
    contact = store.select("contact", store.column("contact", "msdynce_contactnumber") == "C-2001")[0]
    other = record_id("account", "omalley")
    store.update("contact", (contact["contactid"],), {"parentcustomerid": other})
    (found,) = differences(before, snapshot(sandbox))
    assert "parentcustomerid 'A-1001' → \"O'M-1002\"" in found


def test_what_p2c_remembers() -> None:
    place = ("accounts", "usmf", "A-1")
    whole = Memory({place: ("f", "", ())}, {}, ())
    assert disagreements(whole, copy.deepcopy(whole)) == []
    parked = Memory({}, {place: ("parked", ("product P-1",))}, ("usmf accounts",))
    assert len(disagreements(whole, parked)) == 3


def said(status: Status, *outcomes: Outcome, error: str = "") -> Said:
    counts: dict[str, int] = {}
    for one in outcomes:
        counts[one.kind.value] = counts.get(one.kind.value, 0) + 1
    now = datetime.now(UTC)
    record = RunRecord(
        id="r", template="t", legal_entity="usmf", status=status, started=now, counts=counts, error=error
    )
    return Said(record, outcomes)


MISSING = Outcome(OutcomeKind.CREATED, "K", changed=("name",))


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (said("Completed"), "differs"),
        (said("Completed", Outcome(OutcomeKind.FAILED, "K")), "kept back"),
        (said("Warning"), "not among those kept back"),
        (said("Warning", Outcome(OutcomeKind.UPDATED, "K")), "called updated"),
        (said("Error", Outcome(OutcomeKind.CREATED, "K"), error="x"), "called created"),
        (said("Error"), "why"),
        (said("Running"), "never came to an end"),
    ],
)
def test_what_is_not_so(words: Said, fault: str) -> None:
    found = untruths([words], [Agreement("t", "usmf", 0, 0, different=[MISSING])])
    assert any(fault in one for one in found)


@pytest.mark.parametrize(
    "words", [said("Warning", Outcome(OutcomeKind.FAILED, "K")), said("Error", error="the service is away")]
)
def test_what_is_so(words: Said) -> None:
    assert untruths([words], [Agreement("t", "usmf", 0, 0, different=[MISSING])]) == []


def test_a_document_that_failed_first_and_went_through_later() -> None:
    words = said("Warning", Outcome(OutcomeKind.FAILED, "K"), Outcome(OutcomeKind.CREATED, "K"))
    assert untruths([words], [Agreement("t", "usmf", 1, 0)]) == []


def test_an_empty_snapshot_has_lost_everything(sandbox: Sandbox) -> None:
    full = snapshot(sandbox)
    assert len(compare(full, Snapshot({}, ()))) == sum(len(table) for table in full.rows.values())
