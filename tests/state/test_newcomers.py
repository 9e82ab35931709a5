"""Documents that went for the first time since everything was last read."""

from __future__ import annotations

import pytest

from p2c.errors import StateError
from p2c.state.newcomers import Newcomers
from p2c.state.store import Store
from tests.state.stopping import MemoryStore


def newcomers(store: Store) -> Newcomers:
    return Newcomers(store, "newcomers/t")


async def test_they_are_found_by_id_in_any_case_until_everything_is_read() -> None:
    store = MemoryStore()
    one = newcomers(store)
    assert await one.find(["ID-1"]) == {}
    await one.note({"ID-1": "A", "id-2": "B"})
    assert await newcomers(store).find(["id-1", "ID-2", "id-3"]) == {"id-1": "A", "id-2": "B"}
    await one.note({"ID-1": "A2"})
    await one.forget(["ID-2", "id-9"])
    assert await newcomers(store).find(["id-1", "id-2"]) == {"id-1": "A2"}
    await one.clear()
    assert await newcomers(store).find(["id-1"]) == {}


async def test_damage_is_never_taken_for_nobody() -> None:
    store = MemoryStore()
    await newcomers(store).note({"id-1": "A"})
    (shard,) = [name for name in store.blobs if not name.endswith("index.json")]
    await store.write(shard, store.blobs[shard].data.replace(b'"A"', b"7"))
    with pytest.raises(StateError, match="the entry 'id-1' cannot be read"):
        await newcomers(store).find(["id-1"])
