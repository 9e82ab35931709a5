"""The sharded map against a dict, also when its store stops in the middle; and what it does with damage."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.errors import PreconditionFailed, StateError
from p2c.state.sharded import Codec, ShardedMap
from p2c.state.store import Blob, Store
from tests.state.stopping import MemoryStore, Stopped

CODEC: Codec[int] = Codec("numbers", lambda number: number, int)
KEYS = [f"{letter}{number}" for letter in "aAé" for number in range(12)] + ["", "\n", '"', "\ud800", "\U0001f600"]

Batch = tuple[dict[str, int], list[str]]
BATCHES = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(KEYS), st.integers(0, 9), max_size=12),
        st.lists(st.sampled_from(KEYS), max_size=12),
    ),
    max_size=8,
)


def numbers(store: Store, *, shard_entries: int = 3, cached_shards: int = 2) -> ShardedMap[int]:
    return ShardedMap(store, "p/map", CODEC, shard_entries=shard_entries, cached_shards=cached_shards)


def applied(model: dict[str, int], batch: Batch) -> dict[str, int]:
    puts, removals = batch
    return {key: value for key, value in (model | puts).items() if key not in removals}


async def contents(map_: ShardedMap[int]) -> dict[str, int]:
    """What the map holds, read in each way that there is."""
    pairs = [pair async for pair in map_.entries()]
    assert [key for key, _ in pairs] == sorted({key for key, _ in pairs})
    assert await map_.count() == len(pairs)
    assert await map_.get_many(KEYS) == dict(pairs)
    return dict(pairs)


async def change(map_: ShardedMap[int], batch: Batch) -> None:
    await map_.put_many(batch[0])
    await map_.remove_many(batch[1])
    await map_.flush()


@given(BATCHES, st.integers(2, 6), st.integers(1, 3))
def test_it_is_a_map(batches: list[Batch], shard_entries: int, cached_shards: int) -> None:
    async def check() -> None:
        store = MemoryStore()
        map_ = numbers(store, shard_entries=shard_entries, cached_shards=cached_shards)
        model: dict[str, int] = {}
        for number, batch in enumerate(batches):
            await map_.put_many(batch[0])
            await map_.remove_many(batch[1])
            model = applied(model, batch)
            assert await contents(map_) == model
            assert len(map_._cache) <= cached_shards
            if number % 3 == 2:
                await map_.flush()
                assert await contents(numbers(store)) == model
        await map_.flush()
        assert await contents(numbers(store)) == model
        assert await map_.sweep() == 0
        assert all(blob.data.count(b"\n") <= shard_entries + 1 for blob in store.blobs.values())

    asyncio.run(check())


@given(BATCHES, BATCHES, st.booleans(), st.data())
def test_wherever_it_is_killed_every_flushed_entry_is_there_once(
    before: list[Batch], after: list[Batch], landed: bool, data: st.DataObject
) -> None:
    """Each key is afterwards as it was flushed or as it was last set since; untouched ones are as they were."""

    async def check() -> None:
        store = MemoryStore()
        map_ = numbers(store)
        flushed: dict[str, int] = {}
        for batch in before:
            await change(map_, batch)
            flushed = applied(flushed, batch)
        store.stop_after(data.draw(st.integers(0, 20)), landed=landed)
        pending = flushed
        history = [flushed]
        for batch in after:
            history += [pending | batch[0], applied(pending, batch)]
            try:
                await change(map_, batch)
            except Stopped:
                break
            pending = applied(pending, batch)
            history = [pending]
        store.stop_after(None)

        reopened = numbers(store)
        found = await contents(reopened)
        for key in KEYS:
            assert found.get(key) in {state.get(key) for state in history}
        assert await reopened.sweep() >= 0
        assert await contents(numbers(store)) == found
        for batch in before:
            await change(reopened, batch)
            found = applied(found, batch)
        assert await contents(numbers(store)) == found

    asyncio.run(check())


@given(BATCHES, st.integers(0, 30))
def test_after_a_refused_write_the_same_call_can_be_tried_again(batches: list[Batch], stop: int) -> None:
    async def check() -> None:
        store = MemoryStore()
        map_ = numbers(store)
        store.stop_after(stop)
        model: dict[str, int] = {}

        async def again(call: Callable[..., Awaitable[None]], *arguments: object) -> None:
            try:
                await call(*arguments)
            except Stopped:
                store.stop_after(None)
                await call(*arguments)

        for puts, removals in batches:
            await again(map_.put_many, puts)
            await again(map_.remove_many, removals)
            await again(map_.flush)
            model = applied(model, (puts, removals))
            assert await contents(map_) == model
            assert await contents(numbers(store)) == model

    asyncio.run(check())


@given(BATCHES, BATCHES)
def test_a_reader_follows_a_writer(before: list[Batch], after: list[Batch]) -> None:
    """A reader that looked at the map earlier finds every entry that has not changed since, and none twice."""

    async def check() -> None:
        store = MemoryStore()
        writer = numbers(store)
        model: dict[str, int] = {}
        for batch in before:
            await change(writer, batch)
            model = applied(model, batch)
        reader = numbers(store, cached_shards=1)
        assert await reader.get_many(KEYS) == model
        steady = dict(model)
        for batch in after:
            await change(writer, batch)
            touched = {*batch[0], *batch[1]}
            steady = {key: value for key, value in steady.items() if key not in touched}
            found = await reader.get_many(KEYS)
            assert {key: found.get(key) for key in steady} == steady
            listed = [key async for key, _ in reader.entries()]
            assert listed == sorted(set(listed))
            assert {*steady} <= {*listed}

    asyncio.run(check())


async def test_it_lies_in_both_kinds_of_store(stores: tuple[Store, Store]) -> None:
    map_ = numbers(stores[0])
    model = {f"k{number:03}": number for number in range(20)}
    await map_.put_many(model)
    await map_.flush()
    await map_.remove_many([f"k{number:03}" for number in range(15)])
    await map_.flush()
    other = numbers(stores[1])
    assert {key: value async for key, value in other.entries()} == {key: model[key] for key in [*model][15:]}


async def test_a_page_in_key_order_touches_one_or_two_shards() -> None:
    store = MemoryStore()
    map_ = ShardedMap(store, "m", CODEC, shard_entries=200, cached_shards=4)
    keys = [f"{number:06}" for number in range(0, 20_000, 2)]
    for start in range(0, len(keys), 50):
        await map_.put_many(dict.fromkeys(keys[start : start + 50], 1))
        await map_.flush()
    again = ShardedMap(store, "m", CODEC, shard_entries=200, cached_shards=4)
    await again.count()
    store.reads = store.writes = 0
    page = {f"{number:06}": 2 for number in range(9_001, 9_101)}
    await again.put_many(page)
    await again.flush()
    assert store.reads <= 2
    assert store.writes <= 5
    assert await again.get_many(page) == page


async def test_what_does_not_change_is_not_written() -> None:
    store = MemoryStore()
    map_ = numbers(store)
    await map_.flush()
    await map_.remove_many(["a"])
    await map_.flush()
    assert not store.blobs
    await map_.put_many({"a": 1})
    await map_.flush()
    writes = store.writes
    await map_.put_many({"a": 1})
    await map_.remove_many(["b"])
    await map_.flush()
    assert store.writes == writes


async def test_emptied_shards_go_and_so_do_their_blobs() -> None:
    store = MemoryStore()
    map_ = numbers(store)
    keys = [f"{number:03}" for number in range(100)]
    await map_.put_many(dict.fromkeys(keys, 1))
    await map_.flush()
    assert len(store.blobs) > 30
    await map_.remove_many(keys)
    await map_.flush()
    assert len(store.blobs) == 2
    assert await contents(numbers(store)) == {}


async def test_entries_by_the_start_of_their_keys() -> None:
    map_ = numbers(MemoryStore())
    keys = [f"{letter}/{number}" for letter in "abc" for number in range(7)]
    await map_.put_many(dict.fromkeys(keys, 1))
    assert [key async for key, _ in map_.entries("b/")] == [f"b/{number}" for number in range(7)]
    assert await map_.count("b/") == 7
    assert await map_.count("b") == 7
    assert await map_.count("bb") == 0


async def test_changes_may_come_while_the_entries_are_listed() -> None:
    map_ = numbers(MemoryStore())
    await map_.put_many({f"{number:03}": number for number in range(30)})
    seen = []
    async for key, _ in map_.entries():
        seen.append(key)
        if len(seen) < 20:
            await map_.put_many({f"{key}-{n}": 0 for n in range(5)})
            await map_.flush()
    assert [key for key in seen if "-" not in key] == [f"{number:03}" for number in range(30)]
    assert seen == sorted(set(seen))


async def test_an_estimate_reads_a_few_shards() -> None:
    store = MemoryStore()
    map_ = numbers(store, shard_entries=10)
    assert await map_.estimate() == 0
    await map_.put_many({f"{number:05}": 1 for number in range(20)})
    await map_.flush()
    assert await numbers(store).estimate() == 20
    await map_.put_many({f"{number:05}": 1 for number in range(5000)})
    await map_.flush()
    store.reads = 0
    assert 4000 < await numbers(store).estimate() < 6000
    assert store.reads <= 9


async def test_two_writers_are_found_out() -> None:
    store = MemoryStore()
    one, two = numbers(store), numbers(store)
    await one.put_many({"a1": 1})
    await one.flush()
    await two.put_many({"a1": 2})
    await one.put_many({"a1": 3})
    await one.flush()
    with pytest.raises(PreconditionFailed):
        await two.flush()
    three = numbers(store)
    await three.put_many({"a1": 4})
    await one.put_many(dict.fromkeys(KEYS, 5))
    await one.flush()
    with pytest.raises(PreconditionFailed):
        await change(three, (dict.fromkeys(KEYS, 6), []))
    assert await contents(numbers(store)) == dict.fromkeys(KEYS, 5)


def _cut(data: bytes) -> bytes:
    return b"".join(data.splitlines(keepends=True)[:-1])


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"{}",
        lambda data: data[:-4],
        lambda data: data.replace(b'"numbers"', b'"other"'),
        lambda data: data.replace(b'"version":1', b'"version":"1"'),
        lambda data: b"[" * 100_000,
        lambda data: b"\xff" + data,
        lambda data: None,
    ],
)
@pytest.mark.parametrize("index", [True, False])
async def test_damage_is_named_and_never_taken_for_empty(damage: Callable[[bytes], bytes | None], index: bool) -> None:
    store = MemoryStore()
    map_ = numbers(store)
    await map_.put_many({f"{number:03}": number for number in range(3)})
    await map_.flush()
    name = next(name for name in store.blobs if name.endswith("index.json") is index)
    damaged = damage(store.blobs[name].data)
    if damaged is None:
        del store.blobs[name]
    else:
        store.blobs[name] = Blob(damaged, "damaged")
    for attempt in (
        numbers(store).get_many(["001"]),
        numbers(store).put_many({"001": 1}),
        numbers(store).remove_many(["001"]),
        numbers(store).count(),
        numbers(store).estimate(),
    ):
        with pytest.raises(StateError, match="is damaged") as caught:
            await attempt
        assert name in str(caught.value)


@pytest.mark.parametrize(
    "damage",
    [
        _cut,
        lambda data: data + b'["zzz",1]\n',
        lambda data: data.replace(b'["001",1]', b'["000",1]'),
        lambda data: data.replace(b'["001",1]', b'["003",1]'),
        lambda data: data.replace(b'["001",1]', b"[1,1]"),
        lambda data: data.replace(b'["001",1]', b'["001"]'),
        lambda data: data.replace(b'"until":null', b'"until":"001"'),
        lambda data: data.replace(b'["001",1]', b'["001",[1]]'),
    ],
)
async def test_entries_that_are_lost_or_odd_are_damage(damage: Callable[[bytes], bytes]) -> None:
    store = MemoryStore()
    map_ = numbers(store)
    await map_.put_many({f"{number:03}": number for number in range(3)})
    await map_.flush()
    name = next(name for name in store.blobs if name.endswith(".jsonl"))
    damaged = damage(store.blobs[name].data)
    assert damaged != store.blobs[name].data
    store.blobs[name] = Blob(damaged, "damaged")
    with pytest.raises(StateError, match="is damaged") as caught:
        await numbers(store).get_many(["001"])
    assert name in str(caught.value)


@pytest.mark.parametrize("shards", [[["a", "x"]], [["", "x"], ["", "y"]], [["", "x"], ["b", "x"]], [[1, "x"]], [["x"]]])
async def test_an_index_with_odd_ranges_is_damage(shards: list[object]) -> None:
    store = MemoryStore()
    await store.write("p/map/index.json", json.dumps({"kind": "numbers", "version": 1, "shards": shards}).encode())
    with pytest.raises(StateError, match=r"index\.json is damaged"):
        await numbers(store).count()


async def test_what_a_newer_p2c_wrote_is_left_alone() -> None:
    store = MemoryStore()
    await store.write("p/map/index.json", b'{"kind": "numbers", "version": 2, "shards": {}}')
    with pytest.raises(StateError, match="newer p2c"):
        await numbers(store).put_many({"a": 1})


def test_sizes_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="two entries"):
        numbers(MemoryStore(), shard_entries=1)
