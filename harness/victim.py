"""One run of all templates, in a process of its own that kills itself at a point.

It dies by SIGKILL. A point is a moment at which a request or a piece of state leaves the process: just before a request
is sent, just after its answer has arrived, just before a blob is written or deleted, just after.

The processes are forks of one that has imported p2c and done nothing else (multiprocessing's fork server): as fresh as
a new one, without the time that importing takes.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from multiprocessing import get_context
from multiprocessing.connection import Connection

import httpx

from p2c.operations.opening import connected, opened_store, project_of
from p2c.settings import Settings
from p2c.state.store import Blob, Lease, Store
from p2c.sync.session import Session

PATIENCE = 120.0
"""Seconds that a run may take."""
_FRESH = get_context("forkserver")
_FRESH.set_forkserver_preload(["harness.victim"])


class VictimError(Exception):
    """The run ended neither well nor at the point at which it was to die."""


def victim(settings: Settings, kill_at: int) -> int | None:
    """A run that dies at its n-th point, 0 = never: the number of its points, None when it died. Raises VictimError."""
    here, there = _FRESH.Pipe(duplex=False)
    process = _FRESH.Process(target=_run, args=(settings, kill_at, there), daemon=True)
    process.start()
    there.close()
    with here:
        answer = _answer(here)
    process.join(PATIENCE)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise VictimError(f"the run has not ended after {PATIENCE:.0f} s")
    if isinstance(answer, int):
        return answer
    if process.exitcode == -signal.SIGKILL and answer is None:
        return None
    raise VictimError(f"the run ended with {process.exitcode}: {answer}")


def _answer(pipe: Connection) -> object:
    """What the process has to say before it ends; None when it says nothing."""
    try:
        return pipe.recv() if pipe.poll(PATIENCE) else None
    except EOFError:
        return None


def _run(settings: Settings, kill_at: int, pipe: Connection) -> None:
    """The process that dies."""
    try:
        pipe.send(asyncio.run(live(settings, kill_at)))
    except Exception as error:
        # The traceback goes to the standard error; what it was must be heard by whoever waits.
        pipe.send(f"{type(error).__name__}: {error}")
        raise


class Points:
    """Counts the points, and kills the process at one of them."""

    def __init__(self, kill_at: int) -> None:
        self._kill_at = kill_at
        self.count = 0

    def reached(self) -> None:
        """One more point."""
        self.count += 1
        if self.count == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


class Mortal(httpx.AsyncBaseTransport):
    """A network on which the process may die before a request leaves, or after the service has acted on it."""

    def __init__(self, points: Points) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self._points = points

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request; see the class."""
        self._points.reached()
        response = await self._inner.handle_async_request(request)
        await response.aread()
        self._points.reached()
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


class MortalStore:
    """A store at which the process may die before and after each change."""

    def __init__(self, inner: Store, points: Points) -> None:
        self._inner = inner
        self._points = points

    async def read(self, name: str) -> Blob | None:
        """As the store does."""
        return await self._inner.read(name)

    async def write(self, name: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        """As the store does, between two points."""
        self._points.reached()
        etag = await self._inner.write(name, data, if_match=if_match, if_absent=if_absent)
        self._points.reached()
        return etag

    async def delete(self, name: str, *, if_match: str | None = None) -> None:
        """As the store does, between two points."""
        self._points.reached()
        await self._inner.delete(name, if_match=if_match)
        self._points.reached()

    def names(self, prefix: str = "") -> AsyncIterator[str]:
        """As the store does."""
        return self._inner.names(prefix)

    async def lease(self, name: str, seconds: float = 60) -> Lease:
        """As the store does."""
        return await self._inner.lease(name, seconds)

    async def close(self) -> None:
        """As the store does."""
        await self._inner.close()


async def live(settings: Settings, kill_at: int) -> int:
    """One run; gives the number of points, if it lives to its end."""
    points = Points(kill_at)
    async with (
        connected(settings, sales_transport=Mortal(points), finops_transport=Mortal(points)) as (sales, finops),
        opened_store(settings) as store,
    ):
        await Session(project_of(settings), settings, sales, finops, MortalStore(store, points)).run()
    return points.count
