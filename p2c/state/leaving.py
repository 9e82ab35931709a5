"""Documents that were found deleted at their source and wait to be deleted, too: durable before anything is deleted.

So a run can count them before the first one goes, and one that is stopped loses none of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from p2c.documents import Deletion
from p2c.state.sharded import Codec, ShardedMap
from p2c.state.store import Store


class LeavingList:
    """The deletions of one template and legal entity by document key, in `store` under `prefix`.

    Changes are durable after `flush`. Errors: see `ShardedMap`.
    """

    def __init__(self, store: Store, prefix: str, *, shard_entries: int = 2000, cached_shards: int = 4) -> None:
        codec = Codec("leaving", _encode, _decode)
        self._map = ShardedMap(store, prefix, codec, shard_entries=shard_entries, cached_shards=cached_shards)

    async def put_many(self, deletions: Iterable[Deletion]) -> None:
        """Puts deletions on the list; each needs its key."""
        await self._map.put_many({one.key: one.source_id for one in deletions})

    async def remove_many(self, keys: Iterable[str]) -> None:
        """Takes documents off the list; keys that are not on it are fine."""
        await self._map.remove_many(keys)

    async def all(self) -> AsyncIterator[Deletion]:
        """All of them in key order; those removed meanwhile may still come."""
        async for key, source_id in self._map.entries():
            yield Deletion(source_id, key)

    async def count(self) -> int:
        """How many there are."""
        return await self._map.count()

    async def flush(self) -> None:
        """Writes all changes; when it returns they are durable."""
        await self._map.flush()


def _encode(source_id: str) -> Any:
    return source_id


def _decode(row: Any) -> str:
    if not isinstance(row, str):
        raise TypeError("a source's id is not text")
    return row
