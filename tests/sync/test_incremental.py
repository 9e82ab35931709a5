"""Runs that read what changed: which they are, where they begin again, and what else they try."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.documents import OutcomeKind, SourceDocument
from p2c.errors import AuthError, ExpiredToken, P2CError, Transient, Validation
from p2c.state.checkpoint import Checkpoint
from p2c.state.ledger import Entry
from p2c.sync.increments import choose
from p2c.sync.loading import ROUNDS
from p2c.systems.ends import TooManyChanges
from tests.state.stopping import Stopped
from tests.sync.harness import Bench
from tests.sync.telling import Telling
from tests.sync.world import CUSTOMER, line, order, template

GONE = Transient("gone", system="finops")


def orders() -> list[SourceDocument]:
    return [order(key, line(1)) for key in "ABCDE"]


async def bench() -> tuple[Bench[Telling], Telling]:
    """A bench whose first run has read everything."""
    source = Telling(*orders())
    found = Bench(source)
    record = await found.run()
    assert (record.counts, record.note) == ({"created": 5}, "first run")
    source.read.clear()
    return found, source


async def ledger(of: Bench[Telling]) -> dict[str, Entry]:
    async with of.lane() as lane:
        return {key: entry async for key, entry in lane.ledger.entries()}


def known(entries: dict[str, Entry]) -> dict[str, Entry]:
    """What is remembered, but for what was seen at the destination: whoever makes a row knows less of it."""
    return {key: replace(entry, seen=()) for key, entry in entries.items()}


async def test_a_second_run_reads_what_changed_and_no_more() -> None:
    one, source = await bench()
    nothing = await one.run()
    assert (nothing.status, nothing.mode, nothing.counts, nothing.note) == ("Completed", "incremental", {}, "")
    assert source.read == []
    source.put(order("C", line(1), name="Renamed"))
    source.put(order("F"))
    record = await one.run()
    assert record.counts == {"updated": 1, "created": 1}
    assert source.read == ["C", "F"]
    assert one.shelf.headers()["C"]["name"] == "Renamed"
    assert source.marks == 1


async def test_what_changes_while_everything_is_read_is_read_again() -> None:
    source = Telling(*orders())
    once = iter([order("A", line(1), name="Behind our back")])

    def change() -> None:
        for document in once:
            source.put(document)

    source.while_reading = change
    one = Bench(source)
    await one.run()
    assert one.shelf.headers()["A"]["name"] == "Order"
    assert (await one.run()).counts == {"updated": 1}
    assert one.shelf.headers()["A"]["name"] == "Behind our back"


async def test_an_interrupted_run_starts_its_changes_again_and_looks_twice() -> None:
    one, source = await bench()
    for key in "ABCD":
        source.put(order(key, line(1), name="Changed"))
    source.error, source.fails_at = GONE, 1
    failed = await one.run()
    assert (failed.status, failed.counts) == ("Error", {"updated": 2})
    source.error = None
    # What was written and then changed back is compared, whatever the ledger says.
    source.put(order("B", line(1)))
    fetches = one.shelf.fetches
    record = await one.run()
    assert record.counts == {"unchanged": 1, "updated": 3}
    assert one.shelf.fetches > fetches
    assert {key: row["name"] for key, row in one.shelf.headers().items()} == {
        "A": "Changed",
        "B": "Order",
        "C": "Changed",
        "D": "Changed",
        "E": "Order",
    }
    assert (await one.run()).counts == {}


async def die(one: Bench[Telling]) -> None:
    """A run whose process dies where the store stops; the next process finds nobody in the lane."""
    with pytest.raises(Stopped):
        await one.run()
    one.store.stop_after(None)
    one.store.held.clear()


async def test_wherever_the_process_dies_nothing_is_lost() -> None:
    async def changed(stop: int | None, landed: bool = False) -> tuple[Bench[Telling], Telling]:
        one, source = await bench()
        source.put(order("A", line(1), line(2)))
        source.put(order("B", line(1), OrderingCustomerAccountNumber="C-9"))
        source.put(order("F", line(1)))
        source.put(order("G", line(1), SalesOrderProcessingStatus="Active"))
        one.store.stop_after(stop, landed=landed)
        return one, source

    whole, _ = await changed(None)
    before = whole.store.writes
    await whole.run()
    for landed in (False, True):
        for left in range(whole.store.writes - before):
            one, _ = await changed(left, landed)
            await die(one)
            await one.run()
            assert one.shelf.rows == whole.shelf.rows, (left, landed)
            assert known(await ledger(one)) == known(await ledger(whole)), (left, landed)
            assert {(w.key, w.kind) for w in await one.waiting()} == {("B", "parked")}


async def test_wherever_the_process_dies_whoever_waited_is_remembered_as_gone() -> None:
    async def released(stop: int | None, landed: bool = False) -> Bench[Telling]:
        one, source = await bench()
        source.put(order("B", line(1), OrderingCustomerAccountNumber="C-9"))
        assert (await one.run()).counts == {"parked": 1}
        one.shelf.known.add((CUSTOMER, "C-9"))
        one.store.stop_after(stop, landed=landed)
        return one

    whole = await released(None)
    before = whole.store.writes
    await whole.run()
    for landed in (False, True):
        for left in range(whole.store.writes - before):
            one = await released(left, landed)
            await die(one)
            await one.run()
            assert one.shelf.rows == whole.shelf.rows, (left, landed)
            assert known(await ledger(one)) == known(await ledger(whole)), (left, landed)
            assert await one.waiting() == []


async def test_wherever_the_process_dies_a_line_that_is_taken_back_before_the_restart_does_not_stay() -> None:
    async def with_a_line_more(stop: int | None, landed: bool = False) -> tuple[Bench[Telling], Telling]:
        one, source = await bench()
        source.put(order("A", line(1), line(2)))
        source.put(order("F", line(1), line(2)))
        one.store.stop_after(stop, landed=landed)
        return one, source

    whole, _ = await with_a_line_more(None)
    before = whole.store.writes
    await whole.run()
    for landed in (False, True):
        for left in range(whole.store.writes - before):
            one, source = await with_a_line_more(left, landed)
            await die(one)
            source.put(order("A", line(1)))
            source.put(order("F", line(1)))
            await one.run()
            assert (set(one.shelf.lines("A")), set(one.shelf.lines("F"))) == ({1}, {1}), (left, landed)
            assert {entry.outcome for entry in (await ledger(one)).values()} == {"settled"}


async def test_what_was_begun_and_refused_is_remembered_as_it_was() -> None:
    one, source = await bench()
    before = (await ledger(one))["A"]
    source.put(order("A", line(1), line(2)))
    one.shelf.errors["A"] = [Validation("no", system="sales")]
    assert (await one.run()).counts == {"rejected": 1}
    after = (await ledger(one))["A"]
    assert after == replace(before, outcome="rejected", etag=after.etag)
    # Nothing of the source has changed; it is refused once more, and that is all that is remembered.
    one.shelf.errors["A"] = [Validation("no", system="sales")]
    await one.run(full=True)
    assert (await ledger(one))["A"] == after


async def test_what_was_never_answered_is_taken_up_again_by_the_next_run() -> None:
    one, source = await bench()
    source.put(order("A", line(1), line(2)))
    one.shelf.errors["A"] = [GONE for _ in range(ROUNDS)]
    assert (await one.run()).counts == {"failed": 1}
    assert (await ledger(one))["A"].fingerprint == ""
    assert (await one.run()).counts == {"updated": 1}
    found = (await ledger(one))["A"]
    assert found.outcome == "settled"
    assert found.lines == ("salesorderdetails:1", "salesorderdetails:2")


async def interrupted_event(stop: int | None) -> tuple[Bench[Telling], Telling]:
    one, source = await bench()
    for key in "AB":
        source.put(order(key, line(1), name="For a moment"))
    one.store.stop_after(stop)
    return one, source


async def test_what_an_event_wrote_and_did_not_settle_is_compared_although_it_was_changed_back() -> None:
    whole, _ = await interrupted_event(None)
    before = whole.store.writes
    await whole.take("A", "B")
    for left in range(whole.store.writes - before):
        one, source = await interrupted_event(left)
        with pytest.raises(Stopped):
            await one.take("A", "B")
        one.store.stop_after(None)
        one.store.held.clear()
        for key in "AB":
            source.put(order(key, line(1)))
        await one.run()
        assert {row["name"] for row in one.shelf.headers().values()} == {"Order"}, left
        assert {entry.outcome for entry in (await ledger(one)).values()} == {"settled"}


async def test_what_an_event_wrote_before_it_was_stopped_is_compared_although_it_was_changed_back() -> None:
    one, source = await interrupted_event(None)
    one.shelf.errors["B"] = [AuthError("no role")]
    with pytest.raises(AuthError):
        await one.take("A", "B")
    assert one.shelf.headers()["A"]["name"] == "For a moment"
    source.put(order("A", line(1)))
    await one.run()
    assert one.shelf.headers()["A"]["name"] == "Order"


@pytest.mark.parametrize("error", [ExpiredToken("too old", system="finops"), TooManyChanges("too many")])
async def test_what_cannot_be_told_any_more_is_compared_and_said(error: P2CError) -> None:
    one, source = await bench()
    source.refused = error
    source.put(order("C", line(1), name="Renamed"))
    one.shelf.headers()["E"]["name"] = "Meddled with"
    record = await one.run()
    assert (record.status, record.mode) == ("Completed", "full")
    assert record.note == f"what changed could not be read: {error.message}"
    assert record.counts == {"unchanged": 3, "updated": 2}
    assert source.marks == 2
    source.refused = None
    again = await one.run()
    assert (again.mode, again.note, again.counts) == ("incremental", "", {})


@pytest.mark.parametrize("dry", [True, False])
async def test_too_many_changes_are_told_before_the_first_of_them_is_settled(dry: bool) -> None:
    one, source = await bench()
    for key in "ABCD":
        source.put(order(key, line(1), name="Changed"))
    source.error, source.fails_at = TooManyChanges("too many"), 1
    record = await one.run(dry=dry)
    assert (record.mode, record.counts) == ("dry full" if dry else "full", {"updated": 4, "unchanged": 1})
    assert len([one for one in one.outcomes if one.kind is OutcomeKind.UPDATED]) == 4


async def test_a_fall_back_that_is_interrupted_reads_everything_again() -> None:
    one, source = await bench()
    source.refused = ExpiredToken("too old", system="finops")
    source.error, source.fails_at = GONE, 1
    assert (await one.run()).status == "Error"
    source.refused = source.error = None
    source.read.clear()
    record = await one.run()
    assert record.note == "the last run was interrupted"
    assert source.read == list("ABCDE")


async def test_everything_is_compared_once_a_day() -> None:
    one, source = await bench()
    one.full_every = timedelta(hours=24)
    assert (await one.run()).mode == "incremental"
    await age(one, timedelta(hours=25))
    one.shelf.headers()["E"]["name"] = "Meddled with"
    record = await one.run()
    assert (record.mode, record.counts) == ("full", {"unchanged": 4, "updated": 1})
    assert record.note.startswith("a full comparison was due: the last one was at 20")
    # The tokens of before serve on.
    assert source.marks == 1
    assert (await one.run()).mode == "incremental"


async def test_a_comparison_that_was_due_and_was_interrupted_goes_on() -> None:
    one, source = await bench()
    one.full_every = timedelta(hours=24)
    await age(one, timedelta(hours=25))
    source.error, source.fails_at = GONE, 1
    first = await one.run()
    source.error = None
    source.read.clear()
    record = await one.run()
    assert (record.id, record.mode, record.note) == (first.id, "full", first.note)
    assert source.read == ["C", "D", "E"]
    assert (await one.run()).mode == "incremental"


async def age(of: Bench[Telling], by: timedelta) -> None:
    """Makes the last comparison older."""
    async with of.lane() as lane:
        known = await lane.checkpoints.load(of.template.id)
        assert known is not None
        assert known.compared is not None
        await lane.checkpoints.save(of.template.id, known.model_copy(update={"compared": known.compared - by}))


async def test_a_first_read_that_was_interrupted_keeps_the_tokens_of_its_beginning() -> None:
    source = Telling(*orders())
    source.error, source.fails_at = GONE, 1
    one = Bench(source)
    assert (await one.run()).counts == {"created": 2}
    # Behind the cursor: the rest of the read does not come by it again.
    source.put(order("A", line(1), name="Renamed"))
    source.error = None
    assert (await one.run()).counts == {"created": 5}
    assert source.marks == 1
    assert one.shelf.headers()["A"]["name"] == "Order"
    assert (await one.run()).counts == {"updated": 1}
    assert one.shelf.headers()["A"]["name"] == "Renamed"


async def test_a_changed_template_reads_everything() -> None:
    one, source = await bench()
    one.template = template(extra="keep")
    record = await one.run()
    assert (record.counts, record.note) == ({"unchanged": 5}, "the template has changed")
    assert source.read == list("ABCDE")
    assert (await one.run()).counts == {}


async def test_a_dry_run_of_changes_moves_nothing() -> None:
    one, source = await bench()
    source.put(order("C", line(1), name="Renamed"))
    before = dict(one.store.blobs)
    for _ in range(2):
        record = await one.run(dry=True)
        assert (record.counts, record.mode) == ({"updated": 1}, "dry incremental")
    assert one.store.blobs == before
    assert (await one.run()).counts == {"updated": 1}


# --- what waits ----------------------------------------------------------------------------------------------------


async def test_a_parked_document_is_tried_in_every_run_and_a_dead_letter_is_not() -> None:
    one, source = await bench()
    source.put(order("P", line(1), OrderingCustomerAccountNumber="C-9"))
    source.put(order("R", line(1), CurrencyCode="X"))
    assert (await one.run()).counts == {"parked": 1, "rejected": 1}
    source.read.clear()
    assert (await one.run()).counts == {"parked": 1}
    assert source.read == ["P"]
    one.shelf.known.add(("customerid.Account(accountnumber)", "C-9"))
    assert (await one.run()).counts == {"created": 1}
    assert [found.key for found in await one.waiting()] == ["R"]
    source.put(order("R", line(1)))
    assert (await one.run()).counts == {"created": 1}
    assert await one.waiting() == []


async def test_one_that_failed_is_tried_in_the_next_run() -> None:
    one, source = await bench()
    source.put(order("F", line(1)))
    one.shelf.errors["F"] = [Transient("silence", system="sales") for _ in range(4)]
    assert (await one.run()).counts == {"failed": 1}
    assert (await one.run()).counts == {"created": 1}
    assert await one.waiting() == []


async def test_a_parked_document_that_changed_is_read_once() -> None:
    one, source = await bench()
    source.put(order("P", line(1), OrderingCustomerAccountNumber="C-9"))
    await one.run()
    source.put(order("P", line(1), name="Still waiting", OrderingCustomerAccountNumber="C-9"))
    source.read.clear()
    assert (await one.run()).counts == {"parked": 1}
    assert source.read == ["P"]
    source.read.clear()
    assert (await one.run(dry=True)).counts == {"parked": 1}


async def test_a_parked_document_that_vanished_waits_no_more() -> None:
    one, source = await bench()
    source.put(order("P", line(1), OrderingCustomerAccountNumber="C-9"))
    await one.run()
    source.remove("P")
    assert (await one.run()).counts == {}
    assert await one.waiting() == []
    assert "P" not in await ledger(one)


# --- what is remembered of those that did not go -------------------------------------------------------------------


async def test_who_is_skipped_is_remembered_with_the_version_that_was() -> None:
    one, source = await bench()
    source.put(order("S", line(1), SalesOrderProcessingStatus="Active"))
    assert (await one.run()).counts == {"skipped": 1}
    entry = (await ledger(one))["S"]
    assert (entry.outcome, entry.etag, entry.settled) == ("skipped", source.there["S"].etag, False)
    # That entry does not make a row at the destination ours: what was there before keeps its lines.
    one.shelf.put("S", {"sequencenumber": 7, "quantity": 1}, name="Theirs")
    source.put(order("S", line(1)))
    assert (await one.run()).counts == {"updated": 1}
    assert set(one.shelf.lines("S")) == {1, 7}


async def test_who_was_settled_and_is_skipped_keeps_what_comparing_needs() -> None:
    one, source = await bench()
    settled = (await ledger(one))["A"]
    source.put(order("A", line(1), SalesOrderProcessingStatus="Active"))
    assert (await one.run()).counts == {"skipped": 1}
    skipped = (await ledger(one))["A"]
    assert (skipped.outcome, skipped.fingerprint, skipped.lines) == ("skipped", settled.fingerprint, settled.lines)
    writes = len(one.shelf.changes)
    source.put(order("A", line(1)))
    assert (await one.run()).counts == {"unchanged": 1}
    assert len(one.shelf.changes) == writes
    entry = (await ledger(one))["A"]
    assert (entry.outcome, entry.etag) == ("settled", source.there["A"].etag)


async def test_a_superseded_row_does_not_overwrite_what_is_known_of_its_number() -> None:
    one, source = await bench()
    before = (await ledger(one))["A"]
    other = order("A", line(1), SalesOrderProcessingStatus="Active")
    source.put(order("A", line(1), name="Changed"))
    source.others["A"] = other
    assert (await one.run()).counts == {"updated": 1, "skipped": 1}
    entry = (await ledger(one))["A"]
    assert entry.outcome == "settled"
    assert entry.fingerprint != before.fingerprint


# --- documents are whole -------------------------------------------------------------------------------------------


async def test_a_line_removed_at_the_source_is_removed_at_the_destination() -> None:
    one, source = await bench()
    source.put(order("A", line(1), line(2)))
    await one.run()
    assert set(one.shelf.lines("A")) == {1, 2}
    source.put(order("A", line(2)))
    assert (await one.run()).counts == {"updated": 1}
    assert set(one.shelf.lines("A")) == {2}


async def test_a_rejected_line_leaves_the_other_side_as_it_was_and_is_named() -> None:
    one, source = await bench()
    before = dict(one.shelf.headers()["A"]), dict(one.shelf.lines("A"))
    source.put(order("A", line(1, quantity=None), line(2), name="Renamed"))
    assert (await one.run()).counts == {"rejected": 1}
    (outcome,) = [found for found in one.outcomes if found.kind is OutcomeKind.REJECTED]
    assert (outcome.key, outcome.line, outcome.field) == ("A", "Line 1", "OrderedSalesQuantity")
    assert (one.shelf.headers()["A"], one.shelf.lines("A")) == before


# --- the choice ----------------------------------------------------------------------------------------------------


@given(st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.integers(0, 60), st.booleans())
def test_changes_are_read_only_after_a_run_of_the_same_template_that_left_tokens(
    full: bool, same: bool, tokens: bool, completed: bool, hours: int, nightly: bool
) -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    known = Checkpoint(
        template_hash="one" if same else "other",
        delta={"orders": "1"} if tokens else {},
        completed=now if completed else None,
        compared=now - timedelta(hours=hours),
    )
    found = choose(known, "one", full=full, every=timedelta(hours=24) if nightly else None, now=now)
    due = nightly and hours >= 24 and same
    assert found.changes is (same and tokens and not full and not due)
    assert found.full is (full or due)
    assert bool(found.why) is not (found.changes or full)
