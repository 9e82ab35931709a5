"""A store in memory that stops after a number of writes, as if the process had been killed there."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

from p2c.errors import PreconditionFailed, StateError
from p2c.state.store import Blob, Lease


class Stopped(StateError):
    """The store stopped."""


class MemoryStore:
    """A `Store` in memory. `stop_after` n lets n more writes and deletions through and refuses the next.

    With `landed`, that one still takes effect before it is refused, as when an answer is lost.
    """

    def __init__(self) -> None:
        self.blobs: dict[str, Blob] = {}
        self.reads = 0
        self.writes = 0
        self._numbers = itertools.count()
        self._left: int | None = None
        self._landed = False

    def stop_after(self, writes: int | None, *, landed: bool = False) -> None:
        self._left, self._landed = writes, landed

    async def read(self, name: str) -> Blob | None:
        self.reads += 1
        return self.blobs.get(name)

    async def write(self, name: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        stopped = self._stops()
        if stopped and not self._landed:
            raise Stopped("before the write")
        known = self.blobs.get(name)
        if (if_absent and known is not None) or (if_match is not None and (known is None or known.etag != if_match)):
            raise PreconditionFailed(name)
        etag = str(next(self._numbers))
        self.blobs[name] = Blob(data, etag)
        self.writes += 1
        if stopped:
            raise Stopped("after the write")
        return etag

    async def delete(self, name: str, *, if_match: str | None = None) -> None:
        stopped = self._stops()
        if not stopped or self._landed:
            self.blobs.pop(name, None)
        if stopped:
            raise Stopped("at the deletion")

    async def names(self, prefix: str = "") -> AsyncIterator[str]:
        for name in sorted(name for name in self.blobs if name.startswith(prefix)):
            yield name

    async def lease(self, name: str, seconds: float = 60) -> Lease:
        raise NotImplementedError

    async def close(self) -> None:
        return

    def _stops(self) -> bool:
        if self._left is None:
            return False
        self._left -= 1
        return self._left < 0
