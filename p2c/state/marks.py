"""Which documents a run has read, page by page: what the ledger knows and no page had may be gone from the source.

Each page leaves a blob of short hashes, so that a run that was interrupted, or cut into slices, still knows at its end
what its first page read. They are gathered in a Bloom filter: its memory depends on nothing but the size that is asked
for, and it may take a document for read that was not (the hashes of every run differ, so the next one finds it), never
the reverse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b

from p2c.equality import fold_key
from p2c.errors import StateError
from p2c.state.store import Store

_BYTES = 16
_BITS_PER_KEY = 16
_PROBES = 7
_LEAST, _MOST = 1 << 13, 1 << 28
"""Sizes in bits: 1 KB for small tables, never more than 32 MB."""


class ReadKeys:
    """The keys that a run read, asked by `in`: False is certain, True has an error of less than 1 in 1000."""

    def __init__(self, run_id: str, expected: int) -> None:
        self._run_id = run_id
        self._size = min(_MOST, max(_LEAST, expected * _BITS_PER_KEY))
        self._bits = bytearray(self._size // 8 + 1)

    def enter(self, keys: Iterable[str]) -> None:
        """Adds keys."""
        for key in keys:
            self.add(_digest(self._run_id, key))

    def add(self, digests: bytes) -> None:
        """Adds the hashes of a page."""
        for start in range(0, len(digests), _BYTES):
            for bit in self._places(digests[start : start + _BYTES]):
                self._bits[bit >> 3] |= 1 << (bit & 7)

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        digest = _digest(self._run_id, key)
        return all(self._bits[bit >> 3] & (1 << (bit & 7)) for bit in self._places(digest))

    def _places(self, digest: bytes) -> Iterator[int]:
        first, step = int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big") | 1
        return ((first + probe * step) % self._size for probe in range(_PROBES))


class ReadMarks:
    """The marks of one template in its lane, in `store` under `prefix`."""

    def __init__(self, store: Store, prefix: str) -> None:
        self._store = store
        self._prefix = prefix.rstrip("/")

    async def add(self, run_id: str, page: int, keys: Iterable[str]) -> None:
        """Marks the keys of a page as read; a page that is done again replaces its marks."""
        await self._store.write(self._name(run_id, page), b"".join(_digest(run_id, key) for key in keys))

    async def gather(self, run_id: str, expected: int) -> ReadKeys:
        """All keys that the run has read, about `expected` in number. Raises StateError for damaged marks."""
        found = ReadKeys(run_id, expected)
        names = [name async for name in self._store.names(f"{self._prefix}/{run_id}/")]
        for name in names:
            blob = await self._store.read(name)
            if blob is None or len(blob.data) % _BYTES:
                raise StateError(f"{name} is damaged.", hint="Delete it: more documents are then asked for by key.")
            found.add(blob.data)
        return found

    async def clear(self) -> None:
        """Forgets all marks, also those of runs that were given up."""
        names = [name async for name in self._store.names(f"{self._prefix}/")]
        for name in names:
            await self._store.delete(name)

    def _name(self, run_id: str, page: int) -> str:
        return f"{self._prefix}/{run_id}/{page:09d}"


def _digest(run_id: str, key: str) -> bytes:
    """Keys are the same whatever their case, as in both systems."""
    return blake2b(
        fold_key(key).encode("utf-8", "surrogatepass"), digest_size=_BYTES, key=run_id.encode()[:64]
    ).digest()
