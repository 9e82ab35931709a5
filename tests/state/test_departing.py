"""What is remembered for deletes and conflicts: marks, the list of those who leave, conflicts, whose the state is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.documents import Deletion, Difference
from p2c.errors import StateError
from p2c.state.binding import NAME, Binding
from p2c.state.conflicts import Conflict, ConflictList
from p2c.state.leaving import LeavingList
from p2c.state.marks import ReadKeys, ReadMarks
from p2c.state.store import Store
from tests.state.stopping import MemoryStore

KEYS = st.lists(st.text(max_size=12), max_size=50)


# --- marks ---------------------------------------------------------------------------------------------------------


@given(KEYS, KEYS)
async def test_a_key_that_was_read_is_never_taken_for_one_that_was_not(first: list[str], second: list[str]) -> None:
    marks = ReadMarks(MemoryStore(), "marks")
    await marks.add("run-1", 1, first)
    await marks.add("run-1", 2, second)
    await marks.add("run-2", 1, ["of another run"])
    found = await marks.gather("run-1", 0)
    assert all(key in found for key in [*first, *second])
    assert all(key.upper() in found for key in [*first, *second] if key.upper().casefold() == key.casefold())


async def test_a_key_that_was_not_read_is_mostly_found_out_and_in_another_run_if_not() -> None:
    read = [f"A-{number}" for number in range(20_000)]
    other = [f"B-{number}" for number in range(20_000)]
    missed: list[set[str]] = []
    for run in ("run-1", "run-2"):
        keys = ReadKeys(run, 20_000)
        keys.enter(read)
        missed.append({key for key in other if key in keys})
    assert all(len(one) < 40 for one in missed)
    assert not missed[0] & missed[1]


async def test_a_page_that_is_done_again_replaces_its_marks_and_all_can_be_forgotten(store: Store) -> None:
    marks = ReadMarks(store, "lanes/usmf/accounts/marks")
    await marks.add("run", 1, ["A"])
    await marks.add("run", 1, ["B"])
    found = await marks.gather("run", 10)
    assert ("A" in found, "B" in found) == (False, True)
    await marks.clear()
    assert [name async for name in store.names()] == []
    assert "B" not in await marks.gather("run", 10)


async def test_damaged_marks_are_told() -> None:
    store = MemoryStore()
    marks = ReadMarks(store, "marks")
    await marks.add("run", 1, ["A"])
    await store.write("marks/run/000000001", b"short")
    with pytest.raises(StateError, match="marks/run/000000001 is damaged"):
        await marks.gather("run", 10)


# --- lists ---------------------------------------------------------------------------------------------------------


async def test_those_who_leave_are_kept_until_they_are_gone(store: Store) -> None:
    leaving = LeavingList(store, "leaving")
    await leaving.put_many([Deletion("id of B", "B"), Deletion("id of A", "A")])
    await leaving.flush()
    again = LeavingList(store, "leaving")
    assert [one async for one in again.all()] == [Deletion("id of A", "A"), Deletion("id of B", "B")]
    await again.remove_many(["A", "nobody"])
    await again.flush()
    assert await LeavingList(store, "leaving").count() == 1


def conflict(key: str, first: str, last: str) -> Conflict:
    differences = (Difference("name", "ours", "theirs"), Difference("city", None, "Bern"))
    return Conflict(key, "accounts", "usmf", "source", differences, "because", first, last)


async def test_a_conflict_met_again_keeps_its_first_time(store: Store) -> None:
    conflicts = ConflictList(store, "conflicts")
    await conflicts.put_many([conflict("A", "1", "1"), conflict("B", "1", "1")])
    await conflicts.put_many([conflict("A", "2", "2")])
    await conflicts.flush()
    again = ConflictList(store, "conflicts")
    assert [one async for one in again.all()] == [conflict("A", "1", "2"), conflict("B", "1", "1")]
    assert (await again.get_many(["B", "C"])).keys() == {"B"}
    await again.clear_many(["A", "B"])
    await again.flush()
    assert [one async for one in ConflictList(store, "conflicts").all()] == []


async def test_a_conflict_that_nobody_won_is_damage() -> None:
    store = MemoryStore()
    conflicts = ConflictList(store, "conflicts")
    await conflicts.put_many([conflict("A", "1", "1")])
    await conflicts.flush()
    (name,) = [one for one in store.blobs if not one.endswith("index.json")]
    await store.write(name, store.blobs[name].data.replace(b'"source"', b'"nobody"'))
    with pytest.raises(StateError, match="damaged"):
        await ConflictList(store, "conflicts").get_many(["A"])


# --- whose the state is --------------------------------------------------------------------------------------------

HERE = {"sales": "org-1", "finops": "contoso.operations.dynamics.com"}


async def test_a_state_is_bound_once_and_then_checked(store: Store) -> None:
    binding = Binding(store)
    assert await binding.read() == {}
    assert not await binding.check(HERE)
    await binding.bind(HERE)
    assert await binding.check(HERE)
    with pytest.raises(StateError, match="sales is org-2, the state knows org-1") as caught:
        await binding.check({**HERE, "sales": "org-2"})
    assert "p2c state bind" in caught.value.hint
    await binding.bind({**HERE, "sales": "org-2"})
    assert (await binding.read())["sales"] == "org-2"


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"version": 1}', b'{"version": 1, "identities": {"sales": 1}}'])
async def test_a_damaged_binding_is_never_taken_for_none(data: bytes) -> None:
    store = MemoryStore()
    await store.write(NAME, data)
    with pytest.raises(StateError, match=f"{NAME} is damaged"):
        await Binding(store).check(HERE)


async def test_a_binding_of_a_newer_version_asks_for_an_update() -> None:
    store = MemoryStore()
    await store.write(NAME, json.dumps({"version": 2, "identities": {}}).encode())
    with pytest.raises(StateError, match=r"newer p2c\. Update p2c"):
        await Binding(store).check(HERE)
