"""A run from page to page: what it remembers, where it goes on, when it looks twice, when it stops."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from p2c.documents import DocumentChange, OutcomeKind
from p2c.errors import AuthError, LeaseHeld, ServiceError, Transient
from p2c.state.checkpoint import Checkpoint
from tests.state.stopping import Stopped
from tests.sync.harness import Bench
from tests.sync.world import Pages, Shelf, line, order, template


def three_pages() -> Pages:
    return Pages([order("A", line(1)), order("B")], [order("C"), order("D")], [order("E")])


async def test_outcomes_add_up_and_a_second_run_writes_nothing() -> None:
    bench = Bench(three_pages())
    record = await bench.run()
    assert (record.status, record.counts, record.pages) == ("Completed", {"created": 5}, 3)
    assert record.finished is not None
    assert Counter(one.kind.value for one in bench.outcomes) == record.counts
    assert bench.watch.documents == 5
    fetches, changes = bench.shelf.fetches, len(bench.shelf.changes)
    again = await bench.run()
    assert (again.status, again.counts) == ("Completed", {"unchanged": 5})
    assert (bench.shelf.fetches, len(bench.shelf.changes)) == (fetches, changes)
    assert again.id != record.id
    assert bench.watch.expected == 5


async def test_a_full_run_compares_everything_and_mends_what_others_changed() -> None:
    bench = Bench(three_pages())
    await bench.run()
    bench.shelf.headers()["C"]["name"] = "Meddled with"
    assert (await bench.run()).counts == {"unchanged": 5}
    record = await bench.run(full=True)
    assert (record.counts, record.mode) == ({"unchanged": 4, "updated": 1}, "full")
    assert bench.shelf.headers()["C"]["name"] == "Order"


async def test_a_dry_run_leaves_no_trace() -> None:
    bench = Bench(three_pages())
    record = await bench.run(full=True, dry=True)
    assert record.counts == {"created": 5}
    assert [one.key for one in bench.outcomes] == ["A", "B", "C", "D", "E"]
    assert bench.store.blobs == {}
    assert bench.shelf.rows == {}


async def test_one_that_cannot_go_makes_a_warning_and_stops_nobody() -> None:
    source = Pages(
        [order("A"), order("B", CurrencyCode="X"), order("C", OrderingCustomerAccountNumber="C-9")], [order("D")]
    )
    bench = Bench(source)
    record = await bench.run()
    assert record.status == "Warning"
    assert record.counts == {"created": 2, "rejected": 1, "parked": 1}
    assert {one.key: one.kind for one in await bench.waiting()} == {"B": "dead", "C": "parked"}


async def test_a_parked_document_goes_by_itself_once_its_key_is_there() -> None:
    bench = Bench(Pages([order("A", OrderingCustomerAccountNumber="C-9")]))
    await bench.run()
    (waiting,) = await bench.waiting()
    assert waiting.missing == ("account C-9",)
    bench.shelf.known.add(("customerid.Account(accountnumber)", "C-9"))
    assert (await bench.run()).counts == {"created": 1}
    assert await bench.waiting() == []


async def test_a_rejected_document_that_vanished_waits_no_more() -> None:
    bench = Bench(Pages([order("A", CurrencyCode="X"), order("")]))
    await bench.run()
    assert [one.key for one in await bench.waiting()] == ["(no key) id of ", "A"]
    bench.source.content = [[order("B")]]
    await age(bench)
    await bench.run()
    assert await bench.waiting() == []


async def age(bench: Bench) -> None:
    """Makes what waits older: moments are kept by the second."""
    async with bench.lane() as lane:
        found = [one async for one in lane.waiting.all()]
        await lane.waiting.put_many([replace(one, last="2000-01-01T00:00:00+00:00") for one in found])
        await lane.waiting.flush()


async def test_lines_without_a_header_are_told() -> None:
    source = Pages([order("A")], orphans=[("Line", "7", "GONE")])
    bench = Bench(source)
    record = await bench.run()
    assert record.counts == {"created": 1, "rejected": 1}
    (orphan,) = [one for one in bench.outcomes if one.kind is OutcomeKind.REJECTED]
    assert (orphan.key, orphan.field, orphan.line) == ("GONE", "SalesOrderNumber", "Line 7")
    assert "restore the header at the source, or delete the line" in orphan.reason


async def test_a_changed_template_compares_everything_again() -> None:
    bench = Bench(three_pages())
    await bench.run()
    fetches = bench.shelf.fetches
    bench.template = template(extra="keep")
    assert (await bench.run()).counts == {"unchanged": 5}
    assert bench.shelf.fetches == fetches + 3
    assert (await bench.run()).counts == {"unchanged": 5}
    assert bench.shelf.fetches == fetches + 3


# --- interruptions -------------------------------------------------------------------------------------------------


async def test_a_source_that_fails_is_gone_on_with_at_its_page() -> None:
    bench = Bench(three_pages())
    bench.source.fails_at, bench.source.error = 1, Transient("gone", system="finops")
    record = await bench.run()
    assert (record.status, record.error, record.counts) == ("Error", "gone", {"created": 2})
    assert record.finished is not None
    bench.source.error = None
    again = await bench.run()
    assert (again.status, again.id, again.slices) == ("Completed", record.id, 1)
    assert again.counts == {"created": 5}
    assert bench.source.cursors == [None, "1"]
    assert Counter(one.key for one in bench.outcomes) == Counter("ABCDE")


async def test_wherever_the_process_dies_the_end_is_the_same() -> None:
    whole = Bench(three_pages())
    await whole.run()
    for landed in (False, True):
        for left in range(whole.store.writes):
            bench = Bench(three_pages())
            bench.store.stop_after(left, landed=landed)
            with pytest.raises(Stopped):
                await bench.run()
            bench.store.stop_after(None)
            bench.store.held.clear()
            record = await bench.run()
            assert record.status == "Completed", (left, landed)
            assert bench.shelf.rows == whole.shelf.rows, (left, landed)
            assert sum(record.counts.values()) == 5
            listed = Counter(one.kind.value for one in bench.outcomes)
            assert listed == Counter({kind: n for kind, n in record.counts.items() if kind != "unchanged"})
            assert len(bench.shelf.changes) == 5, "nothing is written twice"
            assert (await bench.run()).counts == {"unchanged": 5}
            async with bench.lane() as lane:
                running = [one for one in await lane.runs.recent(10) if one.status == "Running"]
            assert running == []


async def test_after_an_interruption_pages_are_read_with_care() -> None:
    # Page 2 was written, then the process died; at the source it was changed back to what the ledger knows.
    bench = Bench(three_pages())
    await bench.run()
    before = bench.shelf.headers()["C"]["name"]
    bench.source.content[1][0] = order("C", name="Changed")
    async with bench.lane() as lane:
        known = await lane.checkpoints.load(bench.template.id)
        assert known is not None
        update = {"run_id": "another", "completed": None, "cursor": "1", "page": 1, "counts": {"unchanged": 2}}
        page_one = known.model_copy(update=update)
        await lane.checkpoints.save(bench.template.id, page_one)
    bench.shelf.headers()["C"]["name"] = "Changed"
    bench.source.content[1][0] = order("C")
    fetches = bench.shelf.fetches
    record = await bench.run()
    assert record.counts == {"unchanged": 4, "updated": 1}
    assert bench.shelf.headers()["C"]["name"] == before
    assert bench.shelf.fetches == fetches + 2


async def test_dying_on_the_first_page_is_noticed_too() -> None:
    bench = Bench(three_pages())
    await bench.run()
    bench.source.content[0][1] = order("B", name="Changed")
    # Enough for the first words of the run and not for the outcomes of its first page.
    bench.store.stop_after(3)
    with pytest.raises(Stopped):
        await bench.run()
    assert bench.shelf.headers()["B"]["name"] == "Changed"
    bench.store.stop_after(None)
    bench.store.held.clear()
    bench.source.content[0][1] = order("B")
    assert (await bench.run()).counts == {"unchanged": 4, "updated": 1}
    assert bench.shelf.headers()["B"]["name"] == "Order"


async def test_an_interrupted_run_of_another_template_is_not_gone_on_with() -> None:
    bench = Bench(three_pages())
    bench.source.fails_at, bench.source.error = 1, Transient("gone", system="finops")
    first = await bench.run()
    bench.source.error, bench.template = None, template(extra="keep")
    record = await bench.run()
    assert record.id != first.id
    assert record.counts == {"created": 3, "unchanged": 2}
    assert bench.source.cursors == [None, None]


async def test_a_run_that_was_killed_and_is_not_gone_on_with_is_ended() -> None:
    bench = Bench(three_pages())
    # Two for the record, one for the checkpoint: the record is there, and says Running.
    bench.store.stop_after(3)
    with pytest.raises(Stopped):
        await bench.run()
    bench.store.stop_after(None)
    bench.store.held.clear()
    await bench.run(full=True)
    async with bench.lane() as lane:
        second, first = await lane.runs.recent(10)
    assert (first.status, second.status) == ("Error", "Completed")
    assert first.error == f"interrupted; {second.id} began anew"


async def test_a_full_run_is_not_continued_as_an_ordinary_one() -> None:
    bench = Bench(three_pages())
    bench.source.fails_at, bench.source.error = 2, Transient("gone", system="finops")
    first = await bench.run(full=True)
    bench.source.error = None
    record = await bench.run()
    assert (first.mode, record.mode) == ("full", "incremental")
    assert bench.source.cursors == [None, None]


async def test_an_identity_that_is_refused_ends_the_run_with_that_error() -> None:
    bench = Bench(three_pages(), Shelf(errors={"C": [AuthError("no role")]}))
    record = await bench.run()
    assert (record.status, record.error, record.counts) == ("Error", "no role", {"created": 2})


# --- leases --------------------------------------------------------------------------------------------------------


async def test_a_lane_has_one_writer() -> None:
    bench = Bench(three_pages())
    async with bench.lane(dry=False):
        with pytest.raises(LeaseHeld):
            await bench.run()
        assert (await bench.run(dry=True)).counts == {"created": 5}
    assert (await bench.run()).counts == {"created": 5}


async def test_a_run_that_loses_its_lane_stops_and_does_not_move_the_checkpoint() -> None:
    bench = Bench(three_pages())

    class Losing(Shelf):
        async def write(self, changes: Sequence[DocumentChange]) -> list[ServiceError | None]:
            answers = await super().write(changes)
            if any(one.key == "C" for one in changes):
                for lease in list(bench.store.held.values()):
                    lease.lose()
            return answers

    bench.shelf = Losing()
    record = await bench.run()
    assert record.status == "Error"
    assert "lease was lost" in record.error
    point = await bench.checkpoint()
    assert isinstance(point, Checkpoint)
    assert (point.cursor, point.page) == ("1", 1)
    assert "E" not in bench.shelf.headers()
    again = await bench.run()
    assert again.counts == {"created": 3, "unchanged": 2}
    assert again.id == record.id
