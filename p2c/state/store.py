"""The contract of a store: named blobs with versions, written whole, and leases on names.

Two keep it: a local folder (`p2c.state.folder`) and Azure Blob Storage (`p2c.state.azure`). All that is remembered goes
through this contract, so that whatever holds on a laptop holds deployed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from p2c.errors import LeaseHeld, P2CError

_log = logging.getLogger(__name__)

LEASES = ".leases"
"""Folder of the leases; like every name that starts with a dot it is not among `Store.names`."""

LEASE_SECONDS = (15, 60)
"""How long a lease may be, in seconds: what Azure Blob Storage grants. The folder store keeps to it too."""

_SEGMENT = re.compile(r"[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*")
_LONGEST_NAME = 900


@dataclass(frozen=True, slots=True)
class Blob:
    """What a blob held when it was read, and the version (`etag`, opaque) that it was in."""

    data: bytes
    etag: str


class Store(Protocol):
    """Named blobs. A name is `/`-separated, no part starts with a dot, and no name is also the folder of another.

    Every method raises `StateError` (`AuthError` when the identity was refused) when the store cannot be used, and
    `ValueError` for a malformed name.
    """

    async def read(self, name: str) -> Blob | None:
        """The blob, None when there is none."""
        ...

    async def write(self, name: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        """Writes the blob whole, seen by others entirely or not at all; gives its new etag.

        With `if_match` only over that version, with `if_absent` only where none is. Raises `PreconditionFailed`.
        No two writes ever have the same etag, also when they hold the same bytes.
        """
        ...

    async def delete(self, name: str, *, if_match: str | None = None) -> None:
        """Removes the blob; that it is absent already is fine. Raises `PreconditionFailed` for another version."""
        ...

    def names(self, prefix: str = "") -> AsyncIterator[str]:
        """The names that start with `prefix`, in the order of their code points. Leases are not among them."""
        ...

    async def lease(self, name: str, seconds: float = 60) -> Lease:
        """Takes the lease on a name for that long; raises `LeaseHeld` at once when somebody else has it.

        The name is merely a word: no blob of that name is needed, and one that exists is not locked.
        """
        ...

    async def close(self) -> None:
        """Closes connections; the store is not used afterwards. Leases that were not released run out by themselves."""
        ...


class Lease(ABC):
    """The sole right to a name, for a time, unless renewed. Entered with `async with`, it renews itself until left.

    Its holder stops writing once `lost` is true: somebody else may have the lease from then on. It becomes true when a
    renewal is refused, and by the holder's own clocks when no renewal has gone through for the lease's whole time.
    """

    def __init__(self, name: str, seconds: float) -> None:
        """Made before the lease is asked for, so that it never counts as longer than it is."""
        self.name = name
        self.seconds = seconds
        self._since = _now()
        self._lost = False
        self._released = False
        self._keeper: asyncio.Task[None] | None = None

    @property
    def lost(self) -> bool:
        """Whether the lease is no longer surely ours. Once true it stays true."""
        if not self._released and self._left() <= 0:
            self._lost = True
        return self._lost

    def _left(self) -> float:
        """Seconds for which it is surely ours. The time of day counts too: only that goes on while a laptop sleeps."""
        return self.seconds - max(now - then for now, then in zip(_now(), self._since, strict=True))

    async def renew(self) -> None:
        """Makes the lease last its whole time again, from now. Raises `LeaseHeld` when it is lost."""
        if not self.lost and not self._released:
            asked = _now()
            try:
                await self._renew()
            except LeaseHeld:
                self._lost = True
                raise
            # A renewal that took longer than the lease lasted comes too late: in between it was anybody's.
            if not self.lost:
                self._since = asked
                return
        raise LeaseHeld(
            f"The lease on {self.name} was lost.", hint="The run stops; the next one continues from its checkpoint."
        )

    async def release(self) -> None:
        """Gives the lease back, so that the next one need not wait. A lease that is lost or released is left alone."""
        if self._released or self.lost:
            return
        self._released = True
        await self._release()

    @abstractmethod
    async def _renew(self) -> None:
        """Renews at the store; raises `LeaseHeld` when it is not ours any more."""

    @abstractmethod
    async def _release(self) -> None:
        """Gives it back at the store; that it is not ours any more is fine."""

    async def __aenter__(self) -> Self:
        self._keeper = asyncio.create_task(self._keep(), name=f"lease {self.name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
        try:
            await self.release()
        except P2CError as failure:
            # The work under the lease is done, and its own error, if any, matters more: the lease runs out by itself.
            _log.warning(
                "The lease on %s could not be given back and lasts up to %.0f s: %s", self.name, self.seconds, failure
            )

    async def _keep(self) -> None:
        pause = self.seconds / 3
        while not self.lost:
            await asyncio.sleep(max(0.0, min(pause, self._left())))
            if self.lost:
                break
            try:
                await self.renew()
                pause = self.seconds / 3
            except LeaseHeld:
                break
            except P2CError as failure:
                _log.warning("Could not renew the lease on %s, trying again: %s", self.name, failure)
                pause = min(pause, 1.0)
        _log.error("The lease on %s was lost.", self.name)


def _now() -> tuple[float, float]:
    return time.monotonic(), time.time()


def check_name(name: str, *, prefix: bool = False) -> str:
    """The name itself; raises `ValueError` when no blob can have it (with `prefix`: a name that starts with it)."""
    parts = name.split("/")
    if prefix and not parts[-1]:
        parts.pop()
    if (parts or not prefix) and (len(name) > _LONGEST_NAME or not all(_SEGMENT.fullmatch(part) for part in parts)):
        raise ValueError(f"{name!r} cannot be the name of a blob.")
    return name


def check_seconds(seconds: float) -> float:
    """The seconds themselves; raises `ValueError` when no store grants a lease for that long."""
    least, most = LEASE_SECONDS
    if not least <= seconds <= most:
        raise ValueError(f"A lease lasts {least} to {most} seconds, not {seconds}.")
    return seconds
