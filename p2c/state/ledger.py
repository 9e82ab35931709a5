"""The ledger: what was settled of every document, so that an unchanged one costs no request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from p2c.state.sharded import Codec, ShardedMap
from p2c.state.store import Store


@dataclass(frozen=True, slots=True)
class Entry:
    """What was settled of a document.

    `fingerprint` is the hash of the mapped document, `source_id` and `destination_id` the ids of its header rows,
    `lines` the keys of the lines written, `outcome` its last outcome, `template_hash` the template that mapped it,
    `etag` the source's then.
    """

    fingerprint: str
    source_id: str = ""
    destination_id: str = ""
    lines: tuple[str, ...] = ()
    outcome: str = ""
    template_hash: str = ""
    etag: str = ""


class Ledger(ShardedMap[Entry]):
    """Document key → `Entry`, kept in `store` under `prefix`; see `ShardedMap`."""

    def __init__(self, store: Store, prefix: str, *, shard_entries: int = 2000, cached_shards: int = 16) -> None:
        codec = Codec("ledger", _encode, _decode)
        super().__init__(store, prefix, codec, shard_entries=shard_entries, cached_shards=cached_shards)


def _encode(entry: Entry) -> list[Any]:
    return [
        entry.fingerprint,
        entry.source_id,
        entry.destination_id,
        list(entry.lines),
        entry.outcome,
        entry.template_hash,
        entry.etag,
    ]


def _decode(row: Any) -> Entry:
    fingerprint, source_id, destination_id, lines, outcome, template_hash, etag = row
    return Entry(fingerprint, source_id, destination_id, tuple(lines), outcome, template_hash, etag)
