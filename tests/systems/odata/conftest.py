"""A clock that only moves when somebody sleeps, and a client whose service is a function."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from azure.core.credentials import AccessToken

from p2c.systems.odata.errors import classify_sales
from p2c.systems.odata.gate import Gate
from p2c.systems.odata.transport import ODataClient, RetryPolicy


@dataclass
class FakeClock:
    now: float = 1000.0
    sleeps: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@dataclass
class FakeCredential:
    """Gives a new token each time; remembers the claims it was asked for."""

    given: int = 0
    claims: list[str | None] = field(default_factory=list)
    error: Exception | None = None

    async def get_token(self, *scopes: str, claims: str | None = None, **_options: Any) -> AccessToken:
        if self.error is not None:
            raise self.error
        self.given += 1
        self.claims.append(claims)
        return AccessToken(f"token-{self.given}", 2**31)

    async def close(self) -> None:
        pass

    async def __aenter__(self) -> FakeCredential:
        return self

    async def __aexit__(self, *details: Any) -> None:
        pass


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def credential() -> FakeCredential:
    return FakeCredential()


@pytest.fixture
def connect(clock: FakeClock, credential: FakeCredential) -> Callable[..., ODataClient]:
    """Gives a client for a handler `request -> response`."""

    def build(handler: Callable[[httpx.Request], httpx.Response], **options: Any) -> ODataClient:
        settings: dict[str, Any] = {
            "system": "sales",
            "classify": classify_sales,
            "gate": Gate(8, 1, 32, clock=clock, sleep=clock.sleep),
            "retry": RetryPolicy(attempts=4, base=0.5, cap=30.0, budget=300.0),
            "random": lambda: 0.5,
        }
        return ODataClient(
            options.pop("base_url", "https://org.crm.dynamics.com/api/data/v9.2/"),
            credential=credential,
            scope="https://org.crm.dynamics.com/.default",
            http=httpx.AsyncClient(transport=httpx.MockTransport(handler)),
            clock=clock,
            sleep=clock.sleep,
            **{**settings, **options},
        )

    return build
