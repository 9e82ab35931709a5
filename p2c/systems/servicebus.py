"""Sends messages to queues of Azure Service Bus by its REST interface.

The output binding of Azure Functions can set neither session nor message id, and both are what lanes are made of.
Receiving is the host's work: REST knows no sessions there.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

import httpx
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError

from p2c.errors import AuthError, ConfigError, Throttled, Transient, Validation
from p2c.settings import AuthSettings, BusSettings
from p2c.systems.credentials import build
from p2c.systems.odata.address import Address, is_loopback
from p2c.systems.odata.signin import first_line, refuses_identity

SCOPE = "https://servicebus.azure.net/.default"
BATCH_BYTES = 180_000
"""Bytes of one request; a message of the Standard tier may have 256 KB, what a batch may have is not documented."""

_TYPE = "application/vnd.microsoft.servicebus.json"
_TRIES = 4
_PASSING = {408, 429, 500, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to send: JSON text, its id (the queue drops a second one with the same), the session it belongs to.

    `not_before` is when it may be delivered at the earliest, None = at once.
    """

    body: str
    message_id: str
    session_id: str = ""
    not_before: datetime | None = None

    def properties(self) -> dict[str, str]:
        """The BrokerProperties."""
        found = {"MessageId": self.message_id}
        if self.session_id:
            found["SessionId"] = self.session_id
        if self.not_before is not None:
            found["ScheduledEnqueueTimeUtc"] = format_datetime(self.not_before.astimezone(UTC), usegmt=True)
        return found


class ServiceBus:
    """One namespace, as one identity (None: a server on this machine that asks for none)."""

    def __init__(self, base_url: str, http: httpx.AsyncClient, credential: AsyncTokenCredential | None = None) -> None:
        self._address = Address(base_url)
        self._http = http
        self._credential = credential

    async def send(self, queue: str, messages: Sequence[Outgoing]) -> None:
        """Sends all of them; when it returns the queue has them.

        Raises AuthError, ConfigError (no such queue), Validation (too large, or a full queue), and Transient or
        Throttled after some tries. Some may be in the queue then: send all again, their ids tell them apart.
        """
        url = self._address.resolve(f"{quote(queue, safe='')}/messages")
        for batch in _batches(messages):
            await self._deliver(queue, url, json.dumps(batch, ensure_ascii=False).encode())

    async def reach(self) -> None:
        """Sees that the identity gets a token and that the namespace answers; nothing is sent to a queue.

        Any answer counts: what the identity may do there only a message would show. Raises AuthError and Transient.
        """
        await self._headers()
        try:
            # Without the token: nothing is asked for.
            await self._http.get(self._address.resolve(""))
        except httpx.RequestError as error:
            raise Transient(f"Service Bus cannot be reached: {type(error).__name__}.") from error

    async def _deliver(self, queue: str, url: str, body: bytes) -> None:
        for attempt in range(1, _TRIES + 1):
            try:
                answer = await self._http.post(url, content=body, headers=await self._headers())
            except httpx.RequestError as error:
                failure: Transient | Throttled = Transient(f"Service Bus cannot be reached: {type(error).__name__}.")
            else:
                if answer.status_code in (200, 201):
                    return
                failure = _refusal(queue, answer)
            if attempt == _TRIES:
                raise failure
            await asyncio.sleep(0.25 * 2**attempt)

    async def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": _TYPE}
        if self._credential is not None:
            try:
                token = await self._credential.get_token(SCOPE)
            except AzureError as error:
                if refuses_identity(error):
                    hint = "Check the identity; it needs the role Azure Service Bus Data Sender."
                    raise AuthError(f"No token for Service Bus: {first_line(error)}", hint=hint) from error
                raise Transient(f"The token service cannot be reached: {type(error).__name__}.") from error
            headers["Authorization"] = f"Bearer {token.token}"
        return headers


@asynccontextmanager
async def open_bus(settings: BusSettings, base_url: str = "") -> AsyncIterator[ServiceBus]:
    """The namespace that the settings name, or the server at `base_url` in its place. Raises ConfigError."""
    url = base_url or (f"https://{settings.namespace}" if settings.namespace else "")
    if not url:
        raise ConfigError("No Service Bus namespace is set.", hint="Set P2C_WORK__fullyQualifiedNamespace.")
    async with httpx.AsyncClient(timeout=30.0, trust_env=not is_loopback(url)) as http:
        if is_loopback(url) and settings.token is None:
            yield ServiceBus(url, http)
            return
        async with build(_sign_in(settings), url) as credential:
            yield ServiceBus(url, http, credential)


def _sign_in(settings: BusSettings) -> AuthSettings:
    if settings.token is not None:
        return AuthSettings(kind="static", token=settings.token)
    if settings.credential.lower() == "managedidentity":
        return AuthSettings(kind="managedIdentity", client_id=settings.client_id)
    return AuthSettings(kind="default", client_id=settings.client_id)


def _refusal(queue: str, answer: httpx.Response) -> Transient | Throttled:
    """What to try again; raises what is final."""
    status = answer.status_code
    if status == 401:
        hint = "The identity needs the role Azure Service Bus Data Sender."
        raise AuthError(f"Service Bus refused to take a message for {queue} ({status}).", hint=hint)
    if status in (404, 410):
        raise ConfigError(f"Service Bus has no queue {queue!r}.")
    if status == 429:
        return Throttled("Service Bus asks for less.")
    if status in _PASSING:
        return Transient(f"Service Bus answered {status}.")
    # 403 is what it says to a message that is too large and to one for a queue that is full.
    raise Validation(f"Service Bus did not take a message for {queue} ({status}): too large, or the queue is full.")


def _batches(messages: Sequence[Outgoing]) -> Iterator[list[dict[str, Any]]]:
    """The messages as the batch form has them, cut so that a request stays small; one too large goes alone."""
    batch: list[dict[str, Any]] = []
    size = 0
    for one in messages:
        entry = {"Body": one.body, "BrokerProperties": one.properties()}
        length = len(json.dumps(entry, ensure_ascii=False).encode())
        if batch and size + length > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += length
    if batch:
        yield batch
