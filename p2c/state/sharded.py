"""A map from text to small values, of any size, kept as blobs of a few thousand entries each.

The keys are cut into ranges. `PREFIX/index.json` lists the first key of each range and the blob (*shard*) that holds
it; a range whose shard grows too large is split. Whoever goes through keys in their order touches one or two shards at
a time.

It can be killed at any moment. A split writes the new shards, then the index that names them, then the old shard
without the entries that left it. Until the index is there, the new shards are not known; from then on, what the old
shard still holds beyond its range is not looked at. So a reader finds every flushed entry exactly once, whichever of
these writes came last. A range never grows at its upper end, so that such left-overs never come back to life: an
emptied shard leaves its range to the *next* one.

There is one writer at a time (the holder of the lane's lease); a second one is found out by ETag. Readers need nothing.
"""

from __future__ import annotations

import asyncio
import math
import uuid
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from p2c.errors import PreconditionFailed
from p2c.state.shard import INDEX, Index, Shard, damaged, dump_index, dump_shard, load_index, load_shard
from p2c.state.store import Store

T = TypeVar("T")

_FULL_AFTER_SPLIT = 0.75
_SAMPLE = 8


@dataclass(frozen=True, slots=True)
class Codec(Generic[T]):
    """How a value is kept: `encode` gives JSON, `decode` raises TypeError or ValueError for what it cannot read.

    `kind` is written into every blob, so that one map is never read as another.
    """

    kind: str
    encode: Callable[[T], Any]
    decode: Callable[[Any], T]


class ShardedMap(Generic[T]):
    """A map that lies in `store` under `prefix`; durable after `flush`, at most `cached_shards` of it in memory.

    Raises `StateError` naming the blob when one is damaged or missing (never taken for empty), and
    `PreconditionFailed` when somebody else writes the same map. After a failed write the same call can be tried again.
    """

    def __init__(
        self, store: Store, prefix: str, codec: Codec[T], *, shard_entries: int = 2000, cached_shards: int = 16
    ) -> None:
        if shard_entries < 2 or cached_shards < 1:
            raise ValueError("A shard holds two entries or more, and one shard or more is cached.")
        self._store = store
        self._prefix = prefix.rstrip("/")
        self._codec = codec
        self._shard_entries = shard_entries
        self._cached_shards = cached_shards
        self._index: Index | None = None
        self._cache: OrderedDict[str, Shard] = OrderedDict()
        self._lock = asyncio.Lock()

    async def get_many(self, keys: Iterable[str]) -> dict[str, T]:
        """The entries of those keys, of those that are there."""
        found: dict[str, T] = {}
        async with self._lock:
            wanted = sorted(set(keys))
            while wanted:
                shard, count = await self._shard_of(wanted)
                for key in wanted[:count]:
                    if key in shard.rows:
                        found[key] = self._decoded(shard, key)
                wanted = wanted[count:]
        return found

    async def put_many(self, entries: Mapping[str, T]) -> None:
        """Sets entries, new or not."""
        await self._change({key: self._codec.encode(value) for key, value in entries.items()}, ())

    async def remove_many(self, keys: Iterable[str]) -> None:
        """Removes entries; keys that are not there are fine."""
        await self._change({}, keys)

    async def flush(self) -> None:
        """Writes all changes; when it returns they are durable."""
        async with self._lock:
            for shard in list(self._cache.values()):
                await self._write(shard)

    async def entries(self, prefix: str = "") -> AsyncIterator[tuple[str, T]]:
        """All entries whose key starts with `prefix`, in key order, those not flushed included. Memory: one shard.

        Changes made meanwhile are seen where it has not been yet.
        """
        async for shard, keys in self._walk(prefix):
            for key in keys:
                yield key, self._decoded(shard, key)

    async def count(self, prefix: str = "") -> int:
        """How many entries have a key that starts with `prefix`. Reads all of them."""
        return sum([len(keys) async for _, keys in self._walk(prefix)])

    async def estimate(self) -> int:
        """About how many entries there are, from a few shards; exact while those are all. For a progress bar."""
        async with self._lock:
            index = self._index or await self._read_index()
            shards = len(index.ids)
            firsts = (
                index.firsts[:] if shards <= _SAMPLE else [index.firsts[n * shards // _SAMPLE] for n in range(_SAMPLE)]
            )
            sizes = [len((await self._shard_of([first], keep=False))[0].rows) for first in firsts]
        return sum(sizes) * shards // len(sizes) if sizes else 0

    async def sweep(self) -> int:
        """Deletes what a killed writer left behind unnamed; gives the number of blobs. For the one writer only."""
        async with self._lock:
            index = self._index or await self._read_index()
            used = {self._blob(id_) for id_ in index.ids} | {self._blob(INDEX)}
            left = [name async for name in self._store.names(f"{self._prefix}/") if name not in used]
            for name in left:
                await self._store.delete(name)
            return len(left)

    # --- reading ----------------------------------------------------------------------------------------------------

    async def _walk(self, prefix: str) -> AsyncIterator[tuple[Shard, list[str]]]:
        at: str | None = prefix
        while at is not None and at.startswith(prefix):
            async with self._lock:
                shard, _ = await self._shard_of([at], keep=False)
                ordered = sorted(shard.rows)
                keys = [key for key in ordered[bisect_left(ordered, at) :] if key.startswith(prefix)]
                # A copy: the shard may be changed or split while its entries are being handed out.
                copy = Shard(shard.id, shard.until, {key: shard.rows[key] for key in keys})
            yield copy, keys
            at = copy.until

    async def _shard_of(self, keys: list[str], *, keep: bool = True) -> tuple[Shard, int]:
        """The shard of the first of the sorted keys, and how many of them it is for. A new map gives one without id."""
        index = self._index or await self._read_index()
        while index.ids:
            at = index.place(keys[0])
            shard = self._cache.get(index.ids[at]) or await self._read_shard(index, at)
            if shard is not None:
                if keep:
                    await self._remember(shard)
                return shard, len(keys) if shard.until is None else bisect_left(keys, shard.until)
            # A writer split or dropped the shard after we read the index; it wrote the new index before that.
            stale, index = index, await self._read_index()
            if index.etag == stale.etag:
                raise damaged(self._blob(index.ids[at]), "it does not hold what the index says, or is not there")
        return Shard("", None), len(keys)

    async def _read_index(self) -> Index:
        name = self._blob(INDEX)
        blob = await self._store.read(name)
        if blob is None:
            async for left in self._store.names(f"{self._prefix}/"):
                raise damaged(name, f"it is not there, while {left} is")
            index = Index()
        else:
            index = load_index(name, blob.data, blob.etag, self._codec.kind)
        if self._index is not None and self._index.etag != index.etag:
            if any(shard.dirty for shard in self._cache.values()):
                raise PreconditionFailed(f"{name} was changed by somebody else.")
            self._cache.clear()
        self._index = index
        return index

    async def _read_shard(self, index: Index, at: int) -> Shard | None:
        """The shard, cut to its range; None when it shows the index to be an old one."""
        name = self._blob(index.ids[at])
        blob = await self._store.read(name)
        if blob is None:
            return None
        shard = load_shard(name, blob.data, blob.etag, index.ids[at], self._codec.kind)
        until = index.until(at)
        if shard.until is not None and (until is None or shard.until < until):
            return None
        if until is not None:
            shard.rows = {key: row for key, row in shard.rows.items() if key < until}
        shard.until = until
        return shard

    async def _remember(self, shard: Shard) -> None:
        self._cache[shard.id] = shard
        self._cache.move_to_end(shard.id)
        while len(self._cache) > self._cached_shards:
            oldest = next(iter(self._cache.values()))
            await self._write(oldest)
            self._cache.pop(oldest.id, None)

    def _decoded(self, shard: Shard, key: str) -> T:
        try:
            return self._codec.decode(shard.rows[key])
        except (TypeError, ValueError) as error:
            raise damaged(self._blob(shard.id), f"the entry {key!r} cannot be read ({error})") from error

    def _blob(self, id_: str) -> str:
        return f"{self._prefix}/{id_ if id_ == INDEX else id_ + '.jsonl'}"

    # --- writing ----------------------------------------------------------------------------------------------------

    async def _change(self, puts: dict[str, Any], removals: Iterable[str]) -> None:
        async with self._lock:
            keys = sorted({*puts, *removals})
            while keys:
                shard, count = await self._shard_of(keys)
                if not shard.id and not puts:
                    return
                if not shard.id:
                    shard = await self._begin()
                for key in keys[:count]:
                    if key in puts:
                        shard.dirty |= key not in shard.rows or shard.rows[key] != puts[key]
                        shard.rows[key] = puts[key]
                    elif key in shard.rows:
                        del shard.rows[key]
                        shard.dirty = True
                keys = keys[count:]
                if len(shard.rows) > 2 * self._shard_entries:
                    await self._write(shard)

    async def _begin(self) -> Shard:
        """The first shard of a new map. The index comes first of all, so that shards without one are always damage."""
        index = self._index or await self._read_index()
        if index.etag is None:
            index = await self._write_index(index)
        shard = Shard(uuid.uuid4().hex, None)
        await self._write_shard(shard)
        await self._write_index(Index([""], [shard.id], index.etag))
        await self._remember(shard)
        return shard

    async def _write(self, shard: Shard) -> None:
        """Makes the shard durable, in parts when it is too large. Memory follows each write that succeeds."""
        index = self._index
        if index is None or not shard.dirty:
            return
        at = index.ids.index(shard.id)
        if not shard.rows and index.until(at) is not None:
            await self._write_index(index.without(at))
            self._cache.pop(shard.id, None)
            await self._store.delete(self._blob(shard.id))
            return
        if len(shard.rows) > self._shard_entries:
            await self._split(shard, index, at)
        await self._write_shard(shard)
        shard.dirty = False

    async def _split(self, shard: Shard, index: Index, at: int) -> None:
        ordered = sorted(shard.rows)
        size = math.ceil(len(ordered) / math.ceil(len(ordered) / (_FULL_AFTER_SPLIT * self._shard_entries)))
        firsts = ordered[size::size]
        ids = []
        for cut, until in zip(range(size, len(ordered), size), [*firsts[1:], shard.until], strict=True):
            piece = Shard(uuid.uuid4().hex, until, {key: shard.rows[key] for key in ordered[cut : cut + size]})
            await self._write_shard(piece)
            ids.append(piece.id)
        await self._write_index(index.split(at, firsts, ids))
        shard.rows = {key: shard.rows[key] for key in ordered[:size]}
        shard.until = firsts[0]

    async def _write_shard(self, shard: Shard) -> None:
        data = dump_shard(shard, self._codec.kind)
        name = self._blob(shard.id)
        shard.etag = await self._store.write(name, data, if_match=shard.etag, if_absent=shard.etag is None)

    async def _write_index(self, index: Index) -> Index:
        data = dump_index(index, self._codec.kind)
        etag = await self._store.write(self._blob(INDEX), data, if_match=index.etag, if_absent=index.etag is None)
        self._index = Index(index.firsts, index.ids, etag)
        return self._index
