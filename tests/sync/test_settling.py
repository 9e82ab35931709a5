"""A page has happened once its checkpoint is saved; whatever is cut off before happens again, with the same result."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from p2c.documents import Outcome, OutcomeKind
from p2c.state.checkpoint import Checkpoint
from p2c.state.ledger import Entry
from p2c.sync.lane import Lane
from p2c.sync.work import Settled
from tests.state.stopping import Stopped
from tests.sync.harness import Bench
from tests.sync.world import Pages, order

POINT = Checkpoint(run_id="run-1", started=datetime(2026, 1, 1, tzinfo=UTC), page=1, cursor="1", counts={"created": 2})


def page() -> list[Settled]:
    kinds = {
        "A": OutcomeKind.CREATED,
        "B": OutcomeKind.UNCHANGED,
        "C": OutcomeKind.PARKED,
        "D": OutcomeKind.REJECTED,
        "E": OutcomeKind.SKIPPED,
        "F": OutcomeKind.FAILED,
    }
    return [
        Settled(order(key), Outcome(kind, key, reason=f"{key} is why"), Entry(f"print {key}") if key in "AB" else None)
        for key, kind in kinds.items()
    ]


async def settle(bench: Bench, settled: list[Settled], point: Checkpoint = POINT) -> Checkpoint:
    async with bench.lane() as lane:
        await lane.checkpoints.load("small-orders")
        return await lane.settler.settle(settled, point)


async def memory(lane: Lane) -> tuple[object, ...]:
    return (
        await lane.checkpoints.load("small-orders"),
        await lane.ledger.get_many(list("ABCDEF")),
        {one.key: (one.kind, one.reason) async for one in lane.waiting.all()},
        [one async for one in lane.runs.outcomes("run-1")],
    )


async def test_what_is_remembered_of_a_page() -> None:
    bench = Bench(Pages())
    point = await settle(bench, page())
    assert point.counts == {
        "created": 3, "unchanged": 1, "parked": 1, "rejected": 1, "skipped": 1, "failed": 1,
    }  # fmt: skip
    async with bench.lane() as lane:
        found, entries, waiting, kept = await memory(lane)
    assert found == point
    assert entries == {"A": Entry("print A"), "B": Entry("print B")}
    assert waiting == {"C": ("parked", "C is why"), "D": ("dead", "D is why"), "F": ("dead", "F is why")}
    assert [one.key for one in kept] == ["A", "C", "D", "E", "F"]  # type: ignore[attr-defined]


async def test_wherever_settling_is_cut_off_doing_it_again_gives_the_same() -> None:
    whole = Bench(Pages())
    await settle(whole, page())
    async with whole.lane() as lane:
        expected = await memory(lane)
    writes, cut = whole.store.writes, 0
    assert writes >= 4
    for landed in (False, True):
        for left in range(writes):
            bench = Bench(Pages())
            bench.store.stop_after(left, landed=landed)
            with pytest.raises(Stopped):
                await settle(bench, page())
            bench.store.stop_after(None)
            async with bench.lane() as lane:
                point = await lane.checkpoints.load("small-orders")
            if point is None:
                cut += 1
                await settle(bench, page())
            async with bench.lane() as lane:
                again = await memory(lane)
            # The moments of attempts differ, and how many there were.
            assert again == expected
    assert cut == 2 * writes - 1, "the checkpoint is the last write of all"


async def test_attempts_are_counted_and_the_first_is_remembered() -> None:
    bench = Bench(Pages())
    point = await settle(bench, page())
    (first, *_) = [one for one in await bench.waiting() if one.key == "C"]
    async with bench.lane() as lane:
        await lane.checkpoints.load("small-orders")
        await lane.settler.settle(page(), point.model_copy(update={"page": 2}))
    (second, *_) = [one for one in await bench.waiting() if one.key == "C"]
    assert (first.attempts, second.attempts) == (1, 2)
    assert second.first == first.first


@pytest.mark.parametrize("kind", [OutcomeKind.CREATED, OutcomeKind.UNCHANGED, OutcomeKind.SKIPPED, OutcomeKind.UPDATED])
async def test_what_goes_through_waits_no_more(kind: OutcomeKind) -> None:
    bench = Bench(Pages())
    await settle(bench, [Settled(order("C"), Outcome(OutcomeKind.PARKED, "C"))])
    await settle(bench, [Settled(order("C"), Outcome(kind, "C"))])
    assert await bench.waiting() == []


async def test_a_parked_document_can_become_a_dead_letter() -> None:
    bench = Bench(Pages())
    await settle(bench, [Settled(order("C"), Outcome(OutcomeKind.PARKED, "C", missing=("account X",)))])
    await settle(bench, [Settled(order("C"), Outcome(OutcomeKind.REJECTED, "C", field="name", line="Line 1"))])
    (found,) = await bench.waiting()
    assert (found.kind, found.field, found.line, found.missing) == ("dead", "name", "Line 1", ())


async def test_what_a_whole_run_did_not_meet_is_forgotten() -> None:
    bench = Bench(Pages())
    await settle(bench, page())
    async with bench.lane() as lane:
        await lane.settler.sweep(datetime.now(UTC) - timedelta(minutes=1))
        assert await lane.waiting.count() == 3
        await lane.settler.sweep(datetime.now(UTC) + timedelta(seconds=2))
    assert await bench.waiting() == []
