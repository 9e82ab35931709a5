"""Both ends against the local servers in this process, with every request remembered."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote

import httpx
from pydantic import SecretStr

from p2c.documents import LegalEntity
from p2c.settings import AuthSettings
from p2c.systems.connect import connect
from p2c.systems.finops import FinOpsEnd
from p2c.systems.odata.transport import RetryPolicy
from p2c.systems.sales import SalesEnd
from sandbox.wire.service import Service

USMF = LegalEntity("usmf")
PATIENT = RetryPolicy(attempts=4, base=0.01, cap=0.05, budget=20.0)


@dataclass
class Recorder(httpx.AsyncBaseTransport):
    """Passes requests on and keeps them."""

    inner: httpx.AsyncBaseTransport
    requests: list[httpx.Request] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.requests.append(request)
        return await self.inner.handle_async_request(request)

    def urls(self, containing: str = "") -> list[str]:
        """The decoded paths and queries, in order."""
        found = (unquote(str(one.url.raw_path, "ascii")) for one in self.requests)
        return [url for url in found if containing in url]

    def batches(self) -> list[str]:
        """The bodies of the batches."""
        return [one.content.decode() for one in self.requests if one.url.path.endswith("$batch")]


def operations(batch: str) -> int:
    """How many requests are in the body of a batch."""
    return len(re.findall(r"^(?:PATCH|POST|DELETE) ", batch, re.MULTILINE))


def static(token: str) -> AuthSettings:
    return AuthSettings(kind="static", token=SecretStr(token))


@dataclass
class Ends:
    """Two ends and what they sent."""

    sales: SalesEnd
    finops: FinOpsEnd
    sales_log: Recorder
    finops_log: Recorder


def nobody(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"nobody should ask {request.url}")


Handler = Callable[[httpx.Request], httpx.Response]


@asynccontextmanager
async def ends(
    sales: Service | Handler = nobody,
    finops: Service | Handler = nobody,
    *,
    sales_batch_operations: int = 200,
    finops_batch_operations: int = 100,
) -> AsyncIterator[Ends]:
    """Ends for services, or for functions that answer requests."""

    def transport(service: Service | Handler) -> Recorder:
        if isinstance(service, Service):
            return Recorder(httpx.ASGITransport(service.app))
        return Recorder(httpx.MockTransport(service))

    def token(service: Service | Handler) -> str:
        return service.token if isinstance(service, Service) else "token"

    sales_log, finops_log = transport(sales), transport(finops)
    async with connect(
        "http://localhost",
        "http://localhost",
        sales_auth=static(token(sales)),
        finops_auth=static(token(finops)),
        sales_batch_operations=sales_batch_operations,
        finops_batch_operations=finops_batch_operations,
        retry=PATIENT,
        sales_transport=sales_log,
        finops_transport=finops_log,
    ) as (sales_end, finops_end):
        yield Ends(sales_end, finops_end, sales_log, finops_log)
