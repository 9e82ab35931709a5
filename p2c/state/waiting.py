"""Documents that wait: *parked* ones for a row that is not there yet, *dead letters* for a person."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from p2c.documents import Difference
from p2c.state.conflicts import NUMBER_TAKEN
from p2c.state.sharded import Codec, ShardedMap
from p2c.state.store import Store

Kind = Literal["parked", "dead"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A document that waits, and why.

    `key` is the document's key at its source, `missing` the keys that a parked one awaits. `first` and `last` are ISO
    8601 moments of the first and the latest attempt, `attempts` says how many there were. `again`: every run tries it
    once more, though its source has not changed. `retries` counts the automatic retries since the document last
    changed at its source (`source_hash`, a hash of what was read); `retry_after` is the moment from which a run tries a
    temporary rejection again, "" = no run does by itself. `rule` is the reason code of a rejection; `sides` shows both
    records where the number of the document is taken.
    """

    kind: Kind
    key: str
    template: str
    legal_entity: str
    source_id: str = ""
    reason: str = ""
    field: str = ""
    line: str = ""
    missing: tuple[str, ...] = ()
    first: str = ""
    last: str = ""
    attempts: int = 1
    request_id: str = ""
    again: bool = False
    retries: int = 0
    retry_after: str = ""
    source_hash: str = ""
    rule: str = ""
    sides: tuple[Difference, ...] = ()

    @property
    def needs_person(self) -> bool:
        """Whether a person must act: no run settles the document by trying it again."""
        return self.kind == "dead" and (self.rule == NUMBER_TAKEN or not (self.again or self.retry_after))

    def is_due(self, now: str) -> bool:
        """Whether a run at this moment tries the document although its source has not changed."""
        return self.again or self.kind == "parked" or bool(self.retry_after and self.retry_after <= now)


class WaitingList:
    """The waiting documents of one template and legal entity, by document key, in `store` under `prefix`.

    Changes are durable after `flush`. Errors: see `ShardedMap`.
    """

    def __init__(self, store: Store, prefix: str, *, shard_entries: int = 1000, cached_shards: int = 8) -> None:
        codec = Codec("waiting", _encode, _decode)
        self._map = ShardedMap(store, prefix, codec, shard_entries=shard_entries, cached_shards=cached_shards)

    async def put_many(self, items: Iterable[Waiting]) -> None:
        """Puts documents on the list, in place of what it says of them so far; `get_many` gives that."""
        await self._map.put_many({item.key: item for item in items})

    async def clear_many(self, keys: Iterable[str]) -> None:
        """Takes documents off the list; keys that are not on it are fine."""
        await self._map.remove_many(keys)

    async def get(self, key: str) -> Waiting | None:
        """The document of that key, None when it does not wait."""
        return (await self.get_many([key])).get(key)

    async def get_many(self, keys: Iterable[str]) -> dict[str, Waiting]:
        """The documents of those keys that wait."""
        return await self._map.get_many(keys)

    async def all(self, *, kind: Kind | None = None) -> AsyncIterator[Waiting]:
        """All that wait, or those of one kind, in key order."""
        async for _, item in self._map.entries():
            if kind is None or item.kind == kind:
                yield item

    async def count(self) -> int:
        """How many wait, of both kinds."""
        return await self._map.count()

    async def flush(self) -> None:
        """Writes all changes; when it returns they are durable."""
        await self._map.flush()

    async def sweep(self) -> int:
        """See `ShardedMap.sweep`."""
        return await self._map.sweep()


_EMPTY = {field.name: field.default for field in fields(Waiting)}


def _encode(item: Waiting) -> dict[str, Any]:
    row = {name: value for name, value in asdict(item).items() if value != _EMPTY[name]}
    if item.missing:
        row["missing"] = list(item.missing)
    if item.sides:
        row["sides"] = [[one.field, one.source, one.destination] for one in item.sides]
    return row


def _decode(row: Any) -> Waiting:
    if not isinstance(row, dict) or row.get("kind") not in ("parked", "dead"):
        raise ValueError("it is neither parked nor dead")
    sides = tuple(Difference(*one) for one in row.get("sides", ()))
    return Waiting(**row | {"missing": tuple(row.get("missing", ())), "sides": sides})
