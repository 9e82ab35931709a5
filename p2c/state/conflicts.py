"""Conflicts: documents that were changed on both sides, what each side held, and who won."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from p2c.documents import Difference
from p2c.state.sharded import Codec, ShardedMap
from p2c.state.store import Store

Winner = Literal["source", "destination", "ask"]
"""Whose values stand; `ask`: nobody's yet, a person decides."""


NUMBER_TAKEN = "number-taken"
"""The reason code of a document whose number another record at the destination has."""
KEY_CHANGED = "key-changed"
"""The reason code of a document that was settled under another key or number."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """The latest conflict of a document: changed on both sides, or (`rule` is NUMBER_TAKEN) its number is taken.

    `first` and `last` are ISO 8601 moments of its first and latest meeting. `taken_by` names the row that has the
    number.
    """

    key: str
    template: str
    legal_entity: str
    winner: Winner
    differences: tuple[Difference, ...] = ()
    reason: str = ""
    first: str = ""
    last: str = ""
    rule: str = "conflict"
    taken_by: str = ""


class ConflictList:
    """The conflicts of one template and legal entity by document key, in `store` under `prefix`.

    Changes are durable after `flush`. Errors: see `ShardedMap`.
    """

    def __init__(self, store: Store, prefix: str, *, shard_entries: int = 500, cached_shards: int = 4) -> None:
        codec = Codec("conflicts", _encode, _decode)
        self._map = ShardedMap(store, prefix, codec, shard_entries=shard_entries, cached_shards=cached_shards)

    async def put_many(self, conflicts: Iterable[Conflict]) -> None:
        """Puts conflicts on the list, each in place of an earlier one of the same document, whose `first` it keeps."""
        new = {one.key: one for one in conflicts}
        known = await self._map.get_many(new)
        merged = {key: replace(one, first=known[key].first if key in known else one.first) for key, one in new.items()}
        await self._map.put_many(merged)

    async def get_many(self, keys: Iterable[str]) -> dict[str, Conflict]:
        """The conflicts of these documents."""
        return await self._map.get_many(keys)

    async def clear_many(self, keys: Iterable[str]) -> None:
        """Takes conflicts off the list; keys that are not on it are fine."""
        await self._map.remove_many(keys)

    async def all(self) -> AsyncIterator[Conflict]:
        """All conflicts in the order of their keys."""
        async for _, one in self._map.entries():
            yield one

    async def flush(self) -> None:
        """Writes all changes; when it returns they are durable."""
        await self._map.flush()


def _encode(one: Conflict) -> dict[str, Any]:
    return {
        "template": one.template,
        "legalEntity": one.legal_entity,
        "winner": one.winner,
        "differences": [[each.field, each.source, each.destination] for each in one.differences],
        "reason": one.reason,
        "first": one.first,
        "last": one.last,
        "key": one.key,
        "rule": one.rule,
        "takenBy": one.taken_by,
    }


def _decode(row: Any) -> Conflict:
    if not isinstance(row, dict) or row.get("winner") not in get_args(Winner):
        raise ValueError("nobody won, or somebody unknown")
    return Conflict(
        key=row["key"],
        template=row["template"],
        legal_entity=row["legalEntity"],
        winner=row["winner"],
        differences=tuple(Difference(*each) for each in row["differences"]),
        reason=row["reason"],
        first=row["first"],
        last=row["last"],
        rule=row.get("rule", "conflict"),
        taken_by=row.get("takenBy", ""),
    )
