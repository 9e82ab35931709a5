"""The two kinds of blob that a sharded map consists of, in memory and as bytes.

A *shard* is JSON lines: a head (`kind`, `version`, `until` = first key beyond its range, `count`), then `[key, value]`
in key order. The *index* is one JSON object: `shards` lists `[first key of the range, shard id]`, the first range from
"" on. Whatever does not fit is damage and raises `StateError`; nothing damaged is ever read as less than it was.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from p2c.errors import StateError

VERSION = 1
INDEX = "index.json"


@dataclass(slots=True)
class Shard:
    """The entries of one range in memory, values as JSON. `until` None = no end, `etag` None = no blob yet."""

    id: str
    until: str | None
    rows: dict[str, Any] = field(default_factory=dict)
    etag: str | None = None
    dirty: bool = False


@dataclass(slots=True)
class Index:
    """`firsts[i]` is the first key of the range of shard `ids[i]`; no ranges at all while the map is new."""

    firsts: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    etag: str | None = None

    def place(self, key: str) -> int:
        """Which range the key is in."""
        return bisect_right(self.firsts, key) - 1

    def until(self, at: int) -> str | None:
        """The first key beyond the range, None for the last one."""
        return self.firsts[at + 1] if at + 1 < len(self.firsts) else None

    def split(self, at: int, firsts: list[str], ids: list[str]) -> Index:
        """The index with further ranges after that one."""
        cut = at + 1
        return Index(
            [*self.firsts[:cut], *firsts, *self.firsts[cut:]], [*self.ids[:cut], *ids, *self.ids[cut:]], self.etag
        )

    def without(self, at: int) -> Index:
        """The index without that shard: the next one takes over its range."""
        cut = at + 1
        return Index([*self.firsts[:cut], *self.firsts[cut + 1 :]], [*self.ids[:at], *self.ids[cut:]], self.etag)


def dump_shard(shard: Shard, kind: str) -> bytes:
    """The shard as bytes."""
    head = {"kind": kind, "version": VERSION, "until": shard.until, "count": len(shard.rows)}
    lines = [head, *([key, shard.rows[key]] for key in sorted(shard.rows))]
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines).encode("ascii")


def load_shard(blob: str, data: bytes, etag: str, id_: str, kind: str) -> Shard:
    """The shard that `dump_shard` wrote. `blob` is its name, for the error."""
    try:
        first, _, rest = data.partition(b"\n")
        head = json.loads(first)
        _check_head(blob, head, kind)
        pairs = json.loads(b"[" + rest.rstrip(b"\n").replace(b"\n", b",") + b"]")
        rows: dict[str, Any] = dict(pairs)
        keys = list(rows)
        until = head["until"]
        if len(pairs) != head["count"] or not all(isinstance(key, str) for key in keys):
            raise ValueError("entries are missing")
        if any(one >= two for one, two in pairwise(key for key, _ in pairs)):
            raise ValueError("its keys are out of order")
        if until is not None and keys and keys[-1] >= until:
            raise ValueError("it holds keys beyond its range")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise damaged(blob, error) from error
    return Shard(id_, until, rows, etag)


def dump_index(index: Index, kind: str) -> bytes:
    """The index as bytes."""
    shards = [list(pair) for pair in zip(index.firsts, index.ids, strict=True)]
    return json.dumps({"kind": kind, "version": VERSION, "shards": shards}, separators=(",", ":")).encode("ascii")


def load_index(blob: str, data: bytes, etag: str, kind: str) -> Index:
    """The index that `dump_index` wrote. `blob` is its name, for the error."""
    try:
        document = json.loads(data)
        _check_head(blob, document, kind)
        index = Index([first for first, _ in document["shards"]], [id_ for _, id_ in document["shards"]], etag)
        if not all(isinstance(text, str) for text in index.firsts + index.ids):
            raise TypeError("a range is not text")
        if any(one >= two for one, two in pairwise(index.firsts)) or (index.firsts and index.firsts[0]):
            raise ValueError("its ranges are out of order")
        if len(set(index.ids)) != len(index.ids):
            raise ValueError("it names a shard twice")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise damaged(blob, error) from error
    return index


def damaged(blob: str, why: object) -> StateError:
    """The error for a blob that does not hold what was written."""
    return StateError(
        f"{blob} is damaged: {why}.",
        hint=f"Restore it from a backup, or delete all of {blob.rpartition('/')[0]}/ and run a full comparison.",
    )


def _check_head(blob: str, head: Any, kind: str) -> None:
    if not isinstance(head, dict) or head.get("kind") != kind or not isinstance(head.get("version"), int):
        raise ValueError(f"it is not marked as {kind}")
    if head["version"] > VERSION:
        raise StateError(f"{blob} was written by a newer p2c (version {head['version']}).", hint="Update p2c.")
