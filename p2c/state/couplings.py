"""Couplings: what a person confirmed, that a document and the record with its number at the destination are one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from p2c.state.sharded import Codec, ShardedMap
from p2c.state.store import Store


@dataclass(frozen=True, slots=True)
class Coupling:
    """A confirmed pair: the source's row and the destination's (`p2c.sync.evidence.row_text`), and when (ISO 8601).

    It holds for these two rows only: another record that gets the number later needs a confirmation of its own.
    """

    source_id: str
    destination: str
    confirmed: str = ""


class CouplingList:
    """The couplings of one template and legal entity by document key, in `store` under `prefix`.

    They are kept apart from the ledger, which may be deleted. Changes are durable after `flush`. Errors: see
    `ShardedMap`.
    """

    def __init__(self, store: Store, prefix: str, *, shard_entries: int = 1000, cached_shards: int = 2) -> None:
        codec = Codec("couplings", _encode, _decode)
        self._map = ShardedMap(store, prefix, codec, shard_entries=shard_entries, cached_shards=cached_shards)

    async def put_many(self, couplings: Mapping[str, Coupling]) -> None:
        """Puts couplings on the list, by document key."""
        await self._map.put_many(couplings)

    async def get_many(self, keys: Iterable[str]) -> dict[str, Coupling]:
        """The couplings of these documents."""
        return await self._map.get_many(keys)

    async def flush(self) -> None:
        """Writes all changes; when it returns they are durable."""
        await self._map.flush()


def _encode(one: Coupling) -> list[str]:
    return [one.source_id, one.destination, one.confirmed]


def _decode(row: Any) -> Coupling:
    source_id, destination, confirmed = row
    return Coupling(str(source_id), str(destination), str(confirmed))
