"""Runs that read what changed, in slices: the first names everything, the others go on with what it kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from p2c.documents import Changed, Deletion, DocumentRead, LegalEntity, Page
from p2c.errors import Throttled, Transient
from p2c.lanes.fence import Step, step
from p2c.lanes.messages import SliceMessage
from p2c.state.remaining import RemainingChanges
from p2c.state.runs import RunRecord
from p2c.sync.slicing import End, Slicing
from p2c.systems.ends import TooManyChanges
from tests.state.stopping import MemoryStore, Stopped
from tests.sync.harness import Bench
from tests.sync.telling import Telling
from tests.sync.world import line, order

RUN = "run-1"


def ending(how: End | None, *, after: int = 1) -> Callable[[], Awaitable[End | None]]:
    """Ends every slice after so many pages."""
    pages = [0]

    async def ends() -> End | None:
        pages[0] += 1
        return how if pages[0] >= after else None

    return ends


def slicing(number: int, how: End | None = End.TIME, *, after: int = 1, interrupted: bool = False) -> Slicing:
    return Slicing(RUN, number, ending(how, after=after), interrupted)


async def bench() -> tuple[Bench[Telling], Telling]:
    """A bench whose first run has read everything; then nine documents changed, one was parked, and one is gone."""
    source = Telling(*[order(key, line(1)) for key in "ABCDEFGHX"])
    found = Bench(source)
    source.put(order("W", line(1), OrderingCustomerAccountNumber="C-9"))
    record = await found.run()
    assert record.counts == {"created": 9, "parked": 1}
    for key in "ABCDEFGH":
        source.put(order(key, line(1), name="Changed"))
    source.put(order("Y", line(1)))
    source.remove("X")
    source.read.clear()
    return found, source


async def to_the_end(one: Bench[Telling], *, dry: bool = False, interrupted: bool = False) -> list[RunRecord]:
    records: list[RunRecord] = []
    while not records or records[-1].status == "Running":
        number = len(records)
        records.append(await one.run(dry=dry, slicing=slicing(number, interrupted=interrupted)))
        assert len(records) < 30
    return records


def total(one: Bench[Telling]) -> Counter[tuple[str, str]]:
    return Counter((outcome.key, outcome.kind.value) for outcome in one.outcomes)


async def test_slices_do_together_what_one_run_does() -> None:
    whole, _ = await bench()
    counts = (await whole.run()).counts
    assert counts == {"updated": 8, "created": 1, "parked": 1, "skipped": 1}
    one, source = await bench()
    records = await to_the_end(one)
    assert len(records) > 4
    assert [record.status for record in records[:-1]] == ["Running"] * (len(records) - 1)
    assert (records[-1].counts, records[-1].mode, records[-1].slices) == (counts, "incremental", len(records) - 1)
    assert total(one) == total(whole)
    assert one.shelf.headers() == whole.shelf.headers()
    # Nothing was read twice, and what is kept between slices goes with the run.
    assert Counter(source.read) == Counter("ABCDEFGHYW")
    assert not [name async for name in one.store.names() if "remaining" in name]
    assert (await one.run()).counts == {"parked": 1}


async def test_tokens_move_at_the_end_of_the_last_slice() -> None:
    one, source = await bench()
    before = await one.checkpoint()
    assert before is not None
    await one.run(slicing=slicing(0))
    between = await one.checkpoint()
    assert between is not None
    assert (between.delta, between.phase, between.cursor) == (before.delta, "changed", "1")
    # What changes between two slices is told to the next run, or read with the document.
    source.put(order("A", line(1), name="Once more"))
    for number in range(1, 30):
        if (await one.run(slicing=slicing(number))).status != "Running":
            break
    after = await one.checkpoint()
    assert after is not None
    assert (after.phase, after.cursor, after.marked) == ("again", None, {})
    assert after.delta != before.delta
    assert (await one.run()).counts == {"updated": 1, "parked": 1}
    assert one.shelf.headers()["A"]["name"] == "Once more"


async def test_a_cancelled_run_ends_at_its_page_and_the_next_one_reads_the_changes_again() -> None:
    one, _ = await bench()
    record = await one.run(slicing=slicing(0, End.CANCELLED))
    assert record.status == "Cancelled"
    assert record.counts == {"updated": 2}
    assert (await one.run()).counts == {"unchanged": 2, "updated": 6, "created": 1, "parked": 1, "skipped": 1}


async def test_a_dry_run_in_slices_counts_each_document_once_and_touches_nothing() -> None:
    whole, _ = await bench()
    counts = (await whole.run(dry=True)).counts
    one, source = await bench()
    # A document that waits has changed as well: it comes with the changes and not again.
    source.put(order("W", line(1), name="Waits", OrderingCustomerAccountNumber="C-9"))
    rows, checkpoint, waiting = one.shelf.headers(), await one.checkpoint(), await one.waiting()
    records = await to_the_end(one, dry=True)
    assert len(records) > 4
    assert records[-1].counts == counts == {"updated": 8, "created": 1, "parked": 1, "skipped": 1}
    assert (one.shelf.headers(), await one.checkpoint(), await one.waiting()) == (rows, checkpoint, waiting)


async def test_a_slice_that_has_to_pause_goes_on_where_it_was() -> None:
    class Tiring(Telling):
        pages_left = 1 << 30

        async def whole(self, read: DocumentRead, legal_entity: LegalEntity, changed: Changed) -> Page:
            self.pages_left -= 1
            if self.pages_left < 0:
                raise Throttled("busy", system="finops", retry_after=3600)
            return await super().whole(read, legal_entity, changed)

    source = Tiring(*[order(key, line(1)) for key in "ABCDEFGH"])
    one = Bench(source)
    await one.run()
    for key in "ABCDEFGH":
        source.put(order(key, line(1), name="Changed"))
    source.pages_left = 2
    record = await one.run(slicing=slicing(0, None))
    assert (record.status, one.end, record.counts) == ("Running", End.PAUSE, {"updated": 4})
    point = await one.checkpoint()
    assert point is not None
    assert point.cursor == "2"
    # Nobody takes the run for broken off before its pause is over.
    assert point.due is not None
    assert point.due > datetime.now(UTC) + timedelta(seconds=3600)
    source.pages_left = 1 << 30
    record = await one.run(slicing=slicing(0, None, interrupted=True))
    assert (record.status, record.counts, record.pages) == ("Completed", {"updated": 8}, 4)
    assert not [name async for name in one.store.names() if "remaining" in name]


async def test_too_many_changes_end_in_a_full_comparison() -> None:
    one, source = await bench()
    source.error, source.fails_at = TooManyChanges("More than 3 documents changed."), 3
    first = await one.run(slicing=slicing(0))
    assert (first.status, first.mode) == ("Running", "full")
    source.error = None
    for number in range(1, 30):
        record = await one.run(slicing=slicing(number))
        if record.status != "Running":
            break
    assert (record.status, record.mode) == ("Warning", "full")
    assert {row["name"] for key, row in one.shelf.headers().items() if str(key) in "ABCDEFGH"} == {"Changed"}


async def test_wherever_a_slice_dies_the_run_ends_as_it_would_have() -> None:
    whole, _ = await bench()
    await to_the_end(whole)
    expected = {key: row["name"] for key, row in whole.shelf.headers().items()}
    counting, _ = await bench()
    before = counting.store.writes
    await to_the_end(counting)
    for landed in (False, True):
        for left in range(counting.store.writes - before):
            one, _ = await bench()
            one.store.stop_after(left, landed=landed)
            number, died = 0, False
            while True:
                try:
                    record = await one.run(slicing=slicing(number, interrupted=died))
                except Stopped:
                    one.store.stop_after(None)
                    one.store.held.clear()
                    died = True
                    point = await one.checkpoint()
                    number = point.slice if point is not None and point.run_id == RUN else 0
                    if point is not None and point.run_id == RUN and point.completed is not None:
                        break
                    continue
                if record.status != "Running":
                    assert record.status == "Warning", (left, landed, record.error)
                    break
                number += 1
            assert {key: row["name"] for key, row in one.shelf.headers().items()} == expected
            assert sorted(entry.key for entry in await one.waiting()) == ["W"]
            assert (await one.run()).counts == {"parked": 1}


async def test_after_an_interruption_all_slices_compare_with_the_destination() -> None:
    one, source = await bench()
    source.error, source.fails_at = Transient("gone", system="finops"), 4
    assert (await one.run()).status == "Error"
    source.error = None
    # The last one that was written, then changed back: the ledger must not be believed in any slice.
    fetches = one.shelf.fetches
    source.put(order("G", line(1)))
    source.put(order("H", line(1)))
    records = await to_the_end(one)
    assert len(records) > 4
    assert one.shelf.fetches - fetches >= 5
    assert one.shelf.headers()["H"]["name"] == "Order"


async def test_what_remains_is_read_as_it_was_kept() -> None:
    store = MemoryStore()
    remaining = RemainingChanges(store, "lanes/usmf/orders/remaining/orders.json")
    kept = [
        Changed(("ä'1", "B|0"), gone=(Deletion("id", "ä'1"),)),
        Changed(unnamed=("id-2",)),
        Changed(tokens={"orders": "7"}),
    ]
    await remaining.save(RUN, kept)
    assert await remaining.load(RUN) == kept
    assert await remaining.load("run-2") is None
    await store.write("lanes/usmf/orders/remaining/orders.json", b'{"schema_version": 1')
    assert await remaining.load(RUN) is None
    await remaining.clear()
    assert await remaining.load(RUN) is None


async def test_a_slice_without_what_was_kept_has_it_named_again() -> None:
    one, _ = await bench()
    await one.run(slicing=slicing(0))
    async with one.lane() as lane:
        await lane.remaining.clear()
    # Nobody else ever goes on with the run: the timer takes this one up again until it is complete.
    point = await one.checkpoint()
    assert point is not None
    later = datetime.now(UTC) + timedelta(days=1)
    tick = SliceMessage(run_id="run-2", template="x", legal_entity="usmf", trigger="timer", requested=later)
    assert step(tick, point, None, point.template_hash, later) is Step.REVIVE
    record = await one.run(slicing=slicing(1, None, interrupted=True))
    assert (record.status, record.error) == ("Warning", "")
    assert {row["name"] for key, row in one.shelf.headers().items() if str(key) in "ABCDEFGH"} == {"Changed"}
    assert (await one.run()).counts == {"parked": 1}
