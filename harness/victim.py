"""`python -m harness.victim SETTINGS N`: one run of all templates that kills itself at its N-th point; 0 = never.

It dies by SIGKILL. A point is a moment at which a request or a piece of state leaves the process: just before a request
is sent, just after its answer has arrived, just before a blob is written or deleted, just after. Without a kill the
number of points is printed. SETTINGS is a JSON file with the settings of p2c.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from p2c.operations.opening import connected, opened_store, project_of
from p2c.settings import AuthSettings, Settings
from p2c.state.store import Blob, Lease, Store
from p2c.sync.session import Session


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


def dump(settings: Settings, token: str) -> str:
    """The settings as JSON that `main` reads; the token is the sandbox's and no secret."""
    plain = settings.model_dump(mode="json", exclude={"sales": {"auth"}, "finops": {"auth"}, "state_auth": True})
    return json.dumps({**plain, "token": token})


def main() -> None:
    """Read the command line and run."""
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    auth = AuthSettings.model_validate({"kind": "static", "token": given.pop("token")})
    for system in ("sales", "finops"):
        given[system]["auth"] = auth
    print(asyncio.run(live(Settings.model_validate(given), int(sys.argv[2]))))


if __name__ == "__main__":
    main()
