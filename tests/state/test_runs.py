"""Run records: found by id and by age; outcomes page by page; and pruning."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from p2c.documents import Note, NoteCode, Outcome, OutcomeKind
from p2c.errors import StateError
from p2c.state.runs import RunRecord, Runs, new_run_id
from p2c.state.store import Store
from tests.state.stopping import MemoryStore, Stopped

START = datetime(2025, 3, 1, 12, tzinfo=UTC)


def record(number: int, **more: object) -> RunRecord:
    values = {"id": f"run-{number}", "template": "orders", "started": START + timedelta(seconds=number)} | more
    return RunRecord.model_validate(values)


def outcome(key: str, kind: OutcomeKind = OutcomeKind.CREATED, **more: str) -> Outcome:
    return Outcome(kind, key, **more)  # type: ignore[arg-type]


async def test_a_record_is_found_by_its_id_and_saved_over(store: Store) -> None:
    runs = Runs(store)
    assert await runs.load("run-1") is None
    assert await runs.recent() == []
    await runs.save(record(1, counts={"created": 2}, requests={"sales": 7}, legal_entity="USMF", trigger="timer"))
    done = record(1, status="Warning", finished=START + timedelta(minutes=1), counts={"created": 3, "rejected": 1})
    await runs.save(done)
    await Runs(store).save(done)
    assert await Runs(store).load("run-1") == done
    assert await Runs(store).recent() == [done]


async def test_the_latest_come_first_and_only_they_are_read() -> None:
    store = MemoryStore()
    for number in (5, 1, 4, 2, 3):
        await Runs(store).save(record(number))
    store.reads = 0
    assert await Runs(store).recent(2) == [record(5), record(4)]
    assert store.reads == 2
    assert await Runs(store).recent(0) == []
    assert len(await Runs(store).recent(9)) == 5


async def test_a_run_that_waited_before_it_began_is_given_once(store: Store) -> None:
    await Runs(store).save(record(1, status="Queued"))
    await Runs(store).save(record(2))
    begun = record(1, started=START + timedelta(seconds=9))
    await Runs(store).save(begun)
    assert await Runs(store).recent() == [begun, record(2)]


async def test_outcomes_come_back_in_the_order_of_pages_without_the_unchanged(store: Store) -> None:
    runs = Runs(store)
    full = Outcome(
        OutcomeKind.REJECTED,
        "SO-1",
        "id",
        "ünit 'x' is not there",
        "rule",
        "uomid",
        "10",
        ("P1", "P2"),
        ("name",),
        "r-1",
    )
    await runs.append_outcomes("run-1", 10, [outcome("c")])
    await runs.append_outcomes("run-1", 2, [outcome("a"), outcome("u", OutcomeKind.UNCHANGED), full])
    await runs.append_outcomes("run-1", 3, [outcome("u", OutcomeKind.UNCHANGED)])
    await runs.append_outcomes("run-10", 1, [outcome("other")])
    assert [one async for one in Runs(store).outcomes("run-1")] == [outcome("a"), full, outcome("c")]
    assert [one async for one in runs.outcomes("run-9")] == []


async def test_an_unchanged_document_with_a_note_is_listed(store: Store) -> None:
    runs = Runs(store)
    note = Note(NoteCode.EQUAL_AFTER_ROUNDING, "0.0725 is written as 0.08", "priceperunit", "OrderLine 1")
    noted = Outcome(OutcomeKind.UNCHANGED, "SO-1", notes=(note,))
    await runs.append_outcomes("run", 1, [noted, outcome("SO-2", OutcomeKind.UNCHANGED)])
    assert [found async for found in runs.outcomes("run")] == [noted]


async def test_a_page_done_again_keeps_what_its_first_time_did(store: Store) -> None:
    runs = Runs(store)
    keyless = [outcome("", OutcomeKind.REJECTED, source_id=id_) for id_ in ("1", "2")]
    await runs.append_outcomes("r", 1, [outcome("a"), outcome("b", OutcomeKind.FAILED), outcome("c"), *keyless])
    await runs.append_outcomes("r", 1, [outcome("a", OutcomeKind.UNCHANGED), outcome("b"), *keyless])
    await runs.append_outcomes("r", 1, [outcome("a", OutcomeKind.UNCHANGED), outcome("b", OutcomeKind.UNCHANGED)])
    found = [one async for one in runs.outcomes("r")]
    assert sorted((one.key, one.source_id, one.kind.value) for one in found) == [
        ("", "1", "rejected"),
        ("", "2", "rejected"),
        ("a", "", "created"),
        ("b", "", "created"),
        ("c", "", "created"),
    ]


TEXT = st.text(st.characters(codec="utf-8"))
OUTCOMES = st.builds(
    Outcome,
    st.sampled_from([kind for kind in OutcomeKind if kind is not OutcomeKind.UNCHANGED]),
    *[TEXT] * 6,
    st.lists(TEXT).map(tuple),
    st.lists(TEXT).map(tuple),
    TEXT,
)


@given(st.lists(OUTCOMES, min_size=1))
def test_any_outcomes_come_back_as_they_were(outcomes: list[Outcome]) -> None:
    async def check() -> None:
        runs = Runs(MemoryStore())
        await runs.append_outcomes("r", 1, outcomes)
        assert [one async for one in runs.outcomes("r")] == outcomes

    asyncio.run(check())


async def test_pruning_removes_old_runs_with_all_that_is_theirs(store: Store) -> None:
    runs = Runs(store)
    for number in range(4):
        await runs.save(record(number))
        await runs.append_outcomes(f"run-{number}", 1, [outcome("a")])
    assert await runs.prune(START + timedelta(seconds=2)) == 2
    assert [one.id for one in await runs.recent()] == ["run-3", "run-2"]
    names = [name async for name in store.names()]
    assert len(names) == 6
    assert not [name for name in names if "run-0" in name or "run-1" in name]
    assert await runs.prune(START) == 0


@pytest.mark.parametrize("stop", range(3))
async def test_an_interrupted_pruning_is_finished_by_the_next(stop: int) -> None:
    store = MemoryStore()
    runs = Runs(store)
    await runs.save(record(1))
    await runs.append_outcomes("run-1", 1, [outcome("a")])
    store.stop_after(stop)
    with pytest.raises(Stopped):
        await runs.prune(START + timedelta(days=1))
    store.stop_after(None)
    assert len(await Runs(store).recent()) == (stop < 2)
    assert await Runs(store).prune(START + timedelta(days=1)) == 1
    assert not store.blobs


async def test_damage_is_named() -> None:
    store = MemoryStore()
    runs = Runs(store)
    await runs.save(record(1))
    await runs.append_outcomes("run-1", 1, [outcome("a")])
    await store.write("runs/record/run-1.json", b'{"id": "run-1"')
    await store.write("runs/outcomes/run-1/000000001.jsonl", b'{"kind": "gone", "key": "a"}\n')
    with pytest.raises(StateError, match=r"run-1\.json is damaged"):
        await runs.load("run-1")
    with pytest.raises(StateError, match=r"000000001\.jsonl are damaged"):
        [one async for one in runs.outcomes("run-1")]


@pytest.mark.parametrize("id_", ["", "../x", "a/b", "-a", "a b", "x" * 151])
def test_an_id_that_cannot_be_part_of_a_name_is_refused(id_: str) -> None:
    with pytest.raises(ValidationError):
        record(1, id=id_)


def test_a_new_id_starts_with_the_moment_and_is_like_no_other() -> None:
    start = datetime(2025, 3, 1, 1, 2, 3, tzinfo=UTC).astimezone()
    one, two = new_run_id(start), new_run_id(start)
    assert one.startswith("20250301T010203Z-")
    assert one != two
    assert record(1, id=one).id == one
