"""The ledger's entries, and the list of those that wait, as they are kept."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.documents import SpreadAmounts, SpreadLine
from p2c.errors import StateError
from p2c.state.ledger import Entry, Ledger
from p2c.state.store import Store
from p2c.state.waiting import Waiting, WaitingList
from tests.state.stopping import MemoryStore

TEXTS = st.lists(st.text()).map(tuple)
ENTRIES = st.builds(
    Entry, st.text(), st.text(), st.text(), TEXTS, st.text(), st.text(), st.text(), st.text(), TEXTS, TEXTS
)
WAITING = st.builds(Waiting, **{
    "kind": st.sampled_from(["parked", "dead"]),
    "missing": st.lists(st.text()).map(tuple),
    "attempts": st.integers(1, 1000),
    **{name: st.text() for name in ("key", "template", "legal_entity", "source_id", "reason", "field", "line")},
    **{name: st.text() for name in ("first", "last", "request_id")},
})  # fmt: skip


@given(st.dictionaries(st.text(), ENTRIES))
def test_entries_come_back_as_they_were(entries: dict[str, Entry]) -> None:
    async def check() -> None:
        store = MemoryStore()
        ledger = Ledger(store, "ledger", shard_entries=2)
        await ledger.put_many(entries)
        await ledger.flush()
        assert await Ledger(store, "ledger").get_many(entries) == entries

    asyncio.run(check())


async def test_the_ledger_in_both_stores(stores: tuple[Store, Store]) -> None:
    ledger = Ledger(stores[0], "lanes/USMF/orders/ledger")
    entry = Entry("f" * 64, "id-1", "id-2", ("10", "20"), "created", "h", 'W/"1"')
    await ledger.put_many({"SO-1": entry, "SO-2": entry})
    await ledger.remove_many(["SO-2", "SO-3"])
    await ledger.flush()
    other = Ledger(stores[1], "lanes/USMF/orders/ledger")
    assert [pair async for pair in other.entries()] == [("SO-1", entry)]


async def test_entries_of_the_first_version_are_read() -> None:
    store = MemoryStore()
    ledger = Ledger(store, "l")
    await ledger.put_many({"a": Entry("f", "id", outcome="settled", template_hash="h", etag="e")})
    await ledger.flush()
    name = next(name for name in store.blobs if name.endswith(".jsonl"))
    old = store.blobs[name].data.replace(b'"e","",[],[],{},[],null,[]]', b'"e"]')
    assert old != store.blobs[name].data
    await store.write(name, old)
    found = (await Ledger(store, "l").get_many(["a"]))["a"]
    assert found == Entry("f", "id", outcome="settled", template_hash="h", etag="e")


async def test_documents_are_found_by_the_ids_of_their_rows() -> None:
    ledger = Ledger(MemoryStore(), "l", shard_entries=2)
    await ledger.put_many({f"SO-{n}": Entry("f", f"ID-{n}", line_ids=(f"L-{n}-1", f"l-{n}-2")) for n in range(9)})
    found = await ledger.find(["id-3", "L-5-1", "l-7-2", "l-9-1"])
    assert found == {"id-3": "SO-3", "l-5-1": "SO-5", "l-7-2": "SO-7"}
    assert await ledger.find([]) == {}


async def test_an_entry_of_another_shape_is_damage() -> None:
    store = MemoryStore()
    ledger = Ledger(store, "l")
    await ledger.put_many({"a": Entry("f")})
    await ledger.flush()
    name = next(name for name in store.blobs if name.endswith(".jsonl"))
    await store.write(name, store.blobs[name].data.replace(b'["f",', b'["f","more",'))
    with pytest.raises(StateError, match=f"{name} is damaged: the entry 'a'"):
        await Ledger(store, "l").get_many(["a"])


async def test_a_ledger_is_not_read_as_a_list_of_those_that_wait() -> None:
    store = MemoryStore()
    ledger = Ledger(store, "l")
    await ledger.put_many({"a": Entry("f")})
    await ledger.flush()
    with pytest.raises(StateError, match="not marked as waiting"):
        await WaitingList(store, "l").get("a")


@given(st.lists(WAITING, unique_by=lambda item: item.key))
def test_those_that_wait_come_back_as_they_were(items: list[Waiting]) -> None:
    async def check() -> None:
        store = MemoryStore()
        waiting = WaitingList(store, "w", shard_entries=2)
        await waiting.put_many(items)
        await waiting.flush()
        again = WaitingList(store, "w")
        assert await again.get_many([item.key for item in items]) == {item.key: item for item in items}
        assert [item async for item in again.all()] == sorted(items, key=lambda item: item.key)
        assert [item async for item in again.all(kind="dead")] == [
            item for item in sorted(items, key=lambda item: item.key) if item.kind == "dead"
        ]

    asyncio.run(check())


async def test_a_document_waits_once_and_not_after_it_is_cleared(store: Store) -> None:
    waiting = WaitingList(store, "lanes/usmf/orders/waiting")
    parked = Waiting("parked", "SO-1", "orders", "usmf", missing=("P1",), first="2025-01-01T00:00:00Z")
    dead = Waiting("dead", "SO-1", "orders", "usmf", reason="no unit", field="uomid", line="2", attempts=2)
    await waiting.put_many([parked])
    assert await waiting.get("SO-1") == parked
    await waiting.put_many([dead])
    assert await waiting.get("SO-1") == dead
    assert await waiting.count() == 1
    await waiting.clear_many(["SO-1", "SO-2"])
    await waiting.flush()
    assert await WaitingList(store, "lanes/usmf/orders/waiting").get("SO-1") is None
    assert await waiting.sweep() == 0


async def test_a_waiting_document_of_no_kind_is_damage() -> None:
    store = MemoryStore()
    waiting = WaitingList(store, "w")
    await waiting.put_many([Waiting("dead", "a", "t", "e")])
    await waiting.flush()
    name = next(name for name in store.blobs if name.endswith(".jsonl"))
    await store.write(name, store.blobs[name].data.replace(b'"dead"', b'"gone"'))
    with pytest.raises(StateError, match="neither parked nor dead"):
        await WaitingList(store, "w").get("a")


async def test_what_was_spread_over_the_lines_is_remembered_to_the_last_digit() -> None:
    store = MemoryStore()
    line = SpreadLine("10", Decimal("0.10"), Decimal("-2.00"), Decimal("1E+2"), Decimal("0.333"), Decimal("0.0725"))
    entry = Entry("f", spread=SpreadAmounts(Decimal("40.00"), Decimal("3.3"), Decimal(0), (line,)))
    ledger = Ledger(store, "l")
    await ledger.put_many({"a": entry})
    await ledger.flush()
    assert await Ledger(store, "l").get_many(["a"]) == {"a": entry}
