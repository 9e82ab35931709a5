"""Both ends of a connection set, ready to use: credentials, http clients and gates made here and closed here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import httpx

from p2c.documents import SystemName
from p2c.settings import AuthSettings
from p2c.systems import credentials
from p2c.systems.finops import FinOpsEnd
from p2c.systems.odata.errors import classify_finops, classify_sales
from p2c.systems.odata.gate import Gate
from p2c.systems.odata.transport import ODataClient, RetryPolicy, http_client
from p2c.systems.sales import SalesEnd

__all__ = ["connect"]

SALES_ROOT = "/api/data/v9.2/"
FINOPS_ROOT = "/data/"

# Start, floor, ceiling. Dataverse refuses the 53rd request at a time of one user and recommends its own number with
# every answer; F&O publishes none, and Microsoft advises several at a time.
_GATES: Mapping[SystemName, tuple[int, int, int]] = {"sales": (8, 1, 48), "finops": (6, 1, 32)}
# Expanded collections may come out of a cache otherwise.
_SALES_HEADERS = {"If-None-Match": "null"}


@asynccontextmanager
async def connect(
    sales_url: str,
    finops_url: str,
    *,
    sales_auth: AuthSettings | None = None,
    finops_auth: AuthSettings | None = None,
    sales_batch_operations: int = 200,
    finops_batch_operations: int = 100,
    change_set_operations: int = 1000,
    retry: RetryPolicy | None = None,
    answer_seconds: float = 120.0,
    sales_transport: httpx.AsyncBaseTransport | None = None,
    finops_transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[tuple[SalesEnd, FinOpsEnd]]:
    """Both ends for the environments at these addresses (`https://org.crm.dynamics.com`, `https://host`).

    Without settings each system gets the default sign-in. Nothing is sent before the first use. `answer_seconds` is how
    long an answer may keep silent. A transport replaces the network. Raises ConfigError for addresses or settings that
    cannot be right.
    """
    async with AsyncExitStack() as stack:
        patience = (retry, answer_seconds)
        sales = await _client(stack, "sales", sales_url, sales_auth or AuthSettings(), *patience, sales_transport)
        finops = await _client(stack, "finops", finops_url, finops_auth or AuthSettings(), *patience, finops_transport)
        yield (
            SalesEnd(sales, batch_operations=sales_batch_operations, change_set=change_set_operations),
            FinOpsEnd(finops, batch_operations=finops_batch_operations, change_set=change_set_operations),
        )


async def _client(
    stack: AsyncExitStack,
    system: SystemName,
    url: str,
    auth: AuthSettings,
    retry: RetryPolicy | None,
    answer_seconds: float,
    transport: httpx.AsyncBaseTransport | None,
) -> ODataClient:
    root = SALES_ROOT if system == "sales" else FINOPS_ROOT
    scope = credentials.scope_of(url)
    credential = await stack.enter_async_context(credentials.build(auth, url, setting=f"P2C_{system.upper()}__AUTH"))
    start, floor, ceiling = _GATES[system]
    http = await stack.enter_async_context(
        http_client(url, read=answer_seconds, connections=ceiling, transport=transport)
    )
    return ODataClient(
        _at_root(url, root),
        system=system,
        credential=credential,
        scope=scope,
        classify=classify_sales if system == "sales" else classify_finops,
        gate=Gate(start, floor, ceiling),
        http=http,
        retry=retry,
        headers=_SALES_HEADERS if system == "sales" else {},
    )


def _at_root(url: str, root: str) -> str:
    """The service root of an environment; an address that has a path already is taken as the root."""
    url = url.strip()
    return url if urlsplit(url).path.strip("/") else url.rstrip("/") + root
