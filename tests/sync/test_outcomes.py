"""Outcomes in words for a person."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.documents import Flaw, Note, NoteCode, Outcome, OutcomeKind, Skipped
from p2c.errors import Correlation, Fault, NotSendable, ServiceError, Throttled, Transient, Validation
from p2c.state.checkpoint import Checkpoint
from p2c.sync import outcomes
from p2c.sync.outcomes import Awaited
from tests.sync.world import order

DOCUMENT = order("SO-1")


def test_skipped_has_its_rule() -> None:
    found = outcomes.skipped(DOCUMENT, Skipped("confirmed", "Not yet."))
    assert found == Outcome(OutcomeKind.SKIPPED, "SO-1", "id of SO-1", "Not yet.", "confirmed")


def test_rejected_names_the_first_flaw_and_tells_all() -> None:
    found = outcomes.rejected(DOCUMENT, [Flaw("quantity", "is 0", "Line 2"), Flaw("name", "is empty")])
    assert (found.field, found.line) == ("quantity", "Line 2")
    assert found.reason == "Line 2: quantity: is 0; name: is empty"


def test_parked_tells_each_row_once_with_the_first_place_that_names_it() -> None:
    product = [Awaited("product", "P-1", "ProductNumber", f"Line {number}") for number in (1, 2)]
    found = outcomes.parked(DOCUMENT, [Awaited("account", "C-1", "Customer"), *product])
    assert found.missing == ("account C-1", "product P-1")
    assert (found.field, found.line) == ("Customer", "")
    assert found.reason == (
        "Waits for account C-1 (Customer); product P-1 (Line 1: ProductNumber). "
        "Retried automatically when that is there."
    )


def test_parked_names_the_legal_entity_that_has_the_customer() -> None:
    awaited = Awaited("CustomersV2", "C-1", "customerid", elsewhere="usmf", here="demf")
    found = outcomes.parked(DOCUMENT, [awaited])
    assert found.reason.startswith(
        "Customer C-1 (customerid) belongs to legal entity USMF, this document to DEMF: give the document another "
        "customer or owner, or add the customer to DEMF. "
    )
    assert "Waits for" not in found.reason
    assert found.missing == ("customer C-1",)
    both = outcomes.parked(DOCUMENT, [awaited, Awaited("product", "P-1")])
    assert both.reason.startswith("Waits for product P-1. Customer C-1 (customerid) belongs to legal entity USMF")


def test_parked_says_why_a_row_that_is_there_will_not_do() -> None:
    found = outcomes.parked(
        DOCUMENT, [Awaited("product", "P-1", "ProductNumber", why="is Draft in Sales: activate it")]
    )
    assert "product P-1 (ProductNumber), which is Draft in Sales: activate it. Retried" in found.reason


@pytest.mark.parametrize(
    ("permanent", "expected"),
    [(True, " Correct the record, the mapping or"), (False, "")],
)
def test_a_rejection_says_who_rejected_what_and_promises_no_retry(permanent: bool, expected: str) -> None:
    error = Validation(
        "Customer group X is not there.",
        permanent=permanent,
        system="finops",
        fault=Fault("CustomerGroupId", "Line 1"),
        correlation=Correlation(request_id="r-1"),
    )
    found = outcomes.from_error(DOCUMENT, error)
    assert found.kind is OutcomeKind.REJECTED
    assert (found.field, found.line, found.request_id) == ("CustomerGroupId", "Line 1", "r-1")
    assert found.temporary is not permanent
    message = "Rejected by Finance and Operations (Line 1): Customer group X is not there."
    assert found.reason.startswith(message + expected)
    assert "automatically" not in found.reason


def test_a_limit_of_p2c_is_named_as_its_own() -> None:
    found = outcomes.from_error(DOCUMENT, NotSendable("The document has 1100 rows.", system="sales"))
    assert found.kind is OutcomeKind.REJECTED
    assert found.reason.startswith("Rejected by p2c before it was sent: The document has 1100 rows. ")


@pytest.mark.parametrize("error", [Transient("no answer", system="sales"), Throttled("slower", system="sales")])
def test_what_was_not_taken_has_failed(error: ServiceError) -> None:
    found = outcomes.from_error(DOCUMENT, error)
    assert found.kind is OutcomeKind.FAILED
    assert found.reason.startswith(f"Could not be written to Sales: {error.message}. Retried in the next run.")


def test_a_document_without_a_number_goes_by_its_id() -> None:
    assert outcomes.label(order("")) == "(no key) id of "


@given(st.lists(st.sampled_from(list(OutcomeKind))), st.lists(st.sampled_from(list(OutcomeKind))))
def test_counts_add_up(first: list[OutcomeKind], second: list[OutcomeKind]) -> None:
    begun = outcomes.count({}, [Outcome(kind, "K") for kind in first])
    before = dict(begun)
    whole = outcomes.count(begun, [Outcome(kind, "K") for kind in second])
    assert begun == before
    assert sum(whole.values()) == len(first) + len(second)
    assert whole == {kind.value: (first + second).count(kind) for kind in OutcomeKind if kind in first + second}


def test_notes_are_counted_by_code_beside_the_outcomes() -> None:
    note = Note(NoteCode.DOES_NOT_STICK, "Sales formats the number", "telephone1")
    found = [Outcome(OutcomeKind.UNCHANGED, "C1", notes=(note, note)), Outcome(OutcomeKind.CREATED, "C2")]
    point = outcomes.counted(Checkpoint(note_counts={"does-not-stick": 1}), found)
    assert point.counts == {"unchanged": 1, "created": 1}
    assert point.note_counts == {"does-not-stick": 3}


def test_a_rejection_has_the_reason_code_of_its_first_flaw() -> None:
    flaws = [Flaw("ordernumber", "is taken", code="number-taken"), Flaw("name", "is empty")]
    assert outcomes.rejected(order("SO-1"), flaws).rule == "number-taken"
