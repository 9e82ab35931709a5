"""Which documents went for the first time since everything was last read, by the ids of their rows at the source.

Whether a row was settled under another key can be asked of the ledger only by going through all of it, which is done
for rows that were there when everything was last read. For the few that are younger than that, it is here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from p2c.state.sharded import Codec, ShardedMap
from p2c.state.store import Store


class Newcomers:
    """Keys of documents by source id, of one template and legal entity, in `store` under `prefix`.

    Ids count in any case. Every change is durable when its method returns. Errors: see `ShardedMap`.
    """

    def __init__(self, store: Store, prefix: str, *, shard_entries: int = 2000, cached_shards: int = 4) -> None:
        codec = Codec("newcomers", _encode, _decode)
        self._map = ShardedMap(store, prefix, codec, shard_entries=shard_entries, cached_shards=cached_shards)

    async def note(self, keys: Mapping[str, str]) -> None:
        """Remembers the key under which each of these rows went."""
        if keys:
            await self._map.put_many({identifier.lower(): key for identifier, key in keys.items()})
            await self._map.flush()

    async def find(self, ids: Collection[str]) -> dict[str, str]:
        """By id in lower case: the key under which the row went, where it is known."""
        return await self._map.get_many([one.lower() for one in ids])

    async def forget(self, ids: Collection[str]) -> None:
        """Forgets rows; those that are not known are fine."""
        if ids:
            await self._map.remove_many([one.lower() for one in ids])
            await self._map.flush()

    async def clear(self) -> None:
        """Forgets all of them: everything has been read."""
        await self.forget([identifier async for identifier, _ in self._map.entries()])


def _encode(key: str) -> Any:
    return key


def _decode(row: Any) -> str:
    if not isinstance(row, str):
        raise TypeError("a document's key is not text")
    return row
