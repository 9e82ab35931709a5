"""The client of one OData service: signs in, waits when told to, tries again what may be tried again.

A request passes the gate, gets a token, is sent, and its answer is classified. Throttled requests go back to the
gate, which holds everybody back for as long as the service asked. Nothing that may have had an effect is sent twice
unless the caller says that it is idempotent.
"""

from __future__ import annotations

import asyncio
import logging
import random as randomness
import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from azure.core.credentials_async import AsyncTokenCredential

from p2c.documents import SystemName
from p2c.errors import ConfigError, Correlation, P2CError, Throttled, Transient
from p2c.systems.odata.address import Address, is_loopback
from p2c.systems.odata.answer import Answer, Statistics
from p2c.systems.odata.batch import ChangeSet, Part, PartAnswer, align, decode, encode
from p2c.systems.odata.errors import NAMES, Refused, of_whole_request
from p2c.systems.odata.gate import Gate, Shut
from p2c.systems.odata.refusal import ACTIVITY_ID, REQUEST_ID
from p2c.systems.odata.retry import RetryPolicy
from p2c.systems.odata.signin import SignIn, challenge

__all__ = ["Answer", "Classify", "ODataClient", "RetryPolicy", "Statistics", "http_client"]

Read = TypeVar("Read")
Classify = Callable[[int, Mapping[str, str], bytes], Refused]

_log = logging.getLogger(__name__)
_ODATA_HEADERS = {"Accept": "application/json", "OData-Version": "4.0", "OData-MaxVersion": "4.0"}
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


def http_client(
    base_url: str,
    *,
    connect: float = 10.0,
    read: float = 120.0,
    connections: int = 100,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """Give a client for one system. Time-outs are seconds; a proxy of the environment is not asked for this machine."""
    return httpx.AsyncClient(
        timeout=httpx.Timeout(read, connect=connect),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        trust_env=not is_loopback(base_url),
        transport=transport,
    )


@dataclass(slots=True)
class _Call:
    """One call with all its tries. Times are of the client's clock."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    idempotent: bool
    ends: float
    failures: int = 0
    refusals: int = 0
    signed_in_again: bool = False
    claims: str | None = None
    generation: int | None = None

    @property
    def resource(self) -> str:
        """What a log may name: the path without keys and query."""
        return re.split(r"[?(]", httpx.URL(self.url).path, maxsplit=1)[0]


class ODataClient:
    """Requests to one system as one user. `base_url` is the service root; `classify` tells what a refusal is.

    `headers` go with every request. Clock, sleep and random are seconds, seconds and 0 to 1.
    Raises ConfigError for an address that cannot be one. The http client and the credential belong to the caller.
    """

    def __init__(
        self,
        base_url: str,
        *,
        system: SystemName,
        credential: AsyncTokenCredential,
        scope: str,
        classify: Classify,
        gate: Gate,
        http: httpx.AsyncClient,
        retry: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random: Callable[[], float] = randomness.random,
    ) -> None:
        self.system = system
        self.classify = classify
        self.gate = gate
        self.statistics = Statistics()
        self._address = Address(base_url)
        self._sign_in = SignIn(credential, scope, system)
        self._http = http
        self._retry = retry or RetryPolicy()
        self._headers = {**_ODATA_HEADERS, **(headers or {})}
        self._clock = clock
        self._sleep = sleep
        self._random = random

    @property
    def host(self) -> str:
        """The host of the service, `localhost` for this machine, whatever the port."""
        return "localhost" if is_loopback(self._address.origin) else urlsplit(self._address.origin).netloc

    async def request(
        self,
        method: str,
        path_or_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        idempotent: bool = True,
    ) -> Answer:
        """Send one request and give its answer (also 304).

        Throttled is tried again within the budget; Transient too, when `idempotent` or surely not sent. Raises what
        `classify` gives for any other refusal, AuthError when no token can be had, Throttled when the pause that the
        service asks for does not fit into the budget.
        """
        return await self._call(method, path_or_url, headers or {}, body or b"", idempotent, self._taken)

    async def get(
        self, path: str, *, headers: Mapping[str, str] | None = None, having: Collection[str] = ()
    ) -> dict[str, Any]:
        """Give the JSON object at a path, which must have the members `having`.

        Raises as `request` does. What is no such object comes from something in between and is Transient.
        """

        def read(answer: Answer) -> dict[str, Any]:
            document = self._taken(answer).json()
            if not isinstance(document, dict):
                raise Transient("The answer is not a JSON object.", system=self.system)
            if absent := [name for name in having if name not in document]:
                raise Transient(f"The answer has no {', '.join(absent)}.", system=self.system)
            return document

        return await self._call("GET", path, headers or {}, b"", True, read)

    async def pages(
        self, path: str, *, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[tuple[list[dict[str, Any]], dict[str, Any]]]:
        """Yield the rows of each page with what surrounds them (`@odata.deltaLink`, …), following nextLink.

        The link is sent as it came, with the same headers. Raises Transient when a page has no rows, not even none, or
        names one that was already read.
        """
        seen: set[str] = set()
        link: str | None = path
        while link is not None:
            seen.add(self._address.resolve(link))
            # Without `value` it is not an empty page: rows that are there would count as gone.
            envelope = await self.get(link, headers=headers, having=["value"])
            rows = envelope.pop("value")
            if not isinstance(rows, list):
                raise Transient("The rows of an answer are not a list.", system=self.system)
            yield rows, envelope
            link = envelope.get("@odata.nextLink")
            if link is not None and self._address.resolve(link) in seen:
                raise Transient("A page names as the next one a page that was already read.", system=self.system)

    async def batch(
        self,
        items: Sequence[Part | ChangeSet],
        *,
        headers: Mapping[str, str] | None = None,
        continue_on_error: bool = True,
        idempotent: bool = False,
    ) -> list[PartAnswer | list[PartAnswer] | None]:
        """Send one `$batch` and give each item its answer, None for an item that the service did not answer.

        A change set that went through is a list of answers, one that was refused a single PartAnswer, whatever its
        framing. Refused parts do not raise: `refusal` tells what they are. A throttled part slows the gate down.
        Raises as `request` does when the batch as a whole is refused.
        """
        if not items:
            return []
        content_type, body = encode(items, f"batch_{uuid.uuid4().hex}")
        sent = httpx.Headers({"Accept": "multipart/mixed"})
        sent.update(headers)
        sent["Content-Type"] = content_type
        if continue_on_error:
            sent["Prefer"] = ",".join(filter(None, ["odata.continue-on-error", sent.get("Prefer")]))
        answer, answers = await self._call("POST", "$batch", sent, body, idempotent, self._parts)
        outer = {name: answer.headers[name] for name in (*REQUEST_ID, *ACTIVITY_ID) if name in answer.headers}
        aligned = [_with_headers(entry, outer) for entry in align(items, answers)]
        for entry in aligned:
            if isinstance(entry, PartAnswer) and not entry.ok:
                self._heed(self.refusal(entry))
        return aligned

    def refusal(self, part: PartAnswer) -> Refused:
        """Give the error that a refused part of a batch is."""
        return self.classify(part.status, part.headers, part.body)

    async def _call(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        idempotent: bool,
        read: Callable[[Answer], Read],
    ) -> Read:
        """Try until there is an answer that `read` takes: a good one, or a multipart. What it cannot read is Transient:
        tried again like silence."""
        call = _Call(
            method=method,
            url=self._address.resolve(path),
            headers=headers,
            body=body,
            idempotent=idempotent,
            ends=self._clock() + self._retry.budget,
        )
        while True:
            try:
                answer = await self._attempt(call)
                if not _is_refusal(answer.status) or _is_multipart(answer):
                    return read(answer)
                error: P2CError = self._whole(call, answer)
                if answer.status == 401 and not call.signed_in_again:
                    call.signed_in_again = True
                    call.claims = challenge(answer.headers)
                    self.statistics.retries += 1
                    continue
            except (Throttled, Transient) as failure:
                error = failure
            await self._before_retry(call, error)

    def _whole(self, call: _Call, answer: Answer) -> Refused:
        """The error that the rejection of a request is; of a read or a batch it may concern the user who sends it."""
        error = self.classify(answer.status, answer.headers, answer.body)
        if call.method != "GET" and not call.url.endswith("$batch"):
            return error
        return of_whole_request(self.system, error, answer.status, answer.headers, answer.body)

    def _taken(self, answer: Answer) -> Answer:
        """The answer to a plain request, unless it is a refusal framed as a multipart."""
        if _is_refusal(answer.status):
            raise self.classify(answer.status, answer.headers, answer.body)
        return answer

    def _parts(self, answer: Answer) -> tuple[Answer, list[PartAnswer | list[PartAnswer]]]:
        """The answer to a batch, and those in it. One whose first failure stops it is a 400 with the answers inside."""
        if not _is_multipart(answer):
            raise self.classify(answer.status, answer.headers, answer.body)
        try:
            return answer, decode(answer.headers["content-type"], answer.body)
        except ValueError as error:
            raise Transient(f"The batch was answered unreadably: {error}.", system=self.system) from error

    async def _before_retry(self, call: _Call, error: P2CError) -> None:
        """Wait until the call may be tried again; raise `error` when it may not."""
        if isinstance(error, Throttled):
            call.refusals += 1
            wait = self._retry.throttle_delay(call.refusals, error.retry_after, self._random())
            self.statistics.throttled += 1
            # The gate does the waiting, so that everybody waits.
            self.gate.throttled(wait, since=call.generation)
            if self._clock() + self.gate.pause > call.ends:
                raise error
        elif isinstance(error, Transient) and (call.idempotent or not error.sent):
            call.failures += 1
            wait = self._retry.delay(call.failures, self._random())
            if call.failures >= self._retry.attempts or self._clock() + wait > call.ends:
                raise error
            await self._sleep(wait)
            self.statistics.seconds_waited += wait
        else:
            raise error
        self.statistics.retries += 1
        ids = error.correlation
        again = f"{self.system}: {call.method} {call.resource} again after {wait:.1f} s"
        _log.info("%s: %s %s %s", again, error.code, ids.service_code or ids.status, ids.request_id)

    async def _attempt(self, call: _Call) -> Answer:
        """Send once, through the gate. Raises Throttled when the gate is shut for longer than the call may take."""
        await self._enter(call)
        try:
            request = await self._prepared(call)
            self.statistics.requests += 1
            self.statistics.bytes_sent += len(call.body)
            try:
                # The http client's own time-out is for each read: bytes that trickle in would never end.
                async with asyncio.timeout(self._retry.budget):
                    response = await self._http.send(request)
            except (httpx.RequestError, TimeoutError) as error:
                raise self._unreached(error, request.headers["x-ms-client-request-id"]) from error
            self.statistics.bytes_received += response.num_bytes_downloaded or len(response.content)
            headers = {name.lower(): value for name, value in response.headers.items()}
            if hint := _whole_number(headers.get("x-ms-dop-hint", "")):
                self.gate.hint(hint)
            if not _is_refusal(response.status_code):
                self.gate.succeeded()
            return Answer(response.status_code, headers, response.content, self.system)
        finally:
            self.gate.leave()

    async def _enter(self, call: _Call) -> None:
        pause, before = self.gate.pause, self._clock()
        try:
            call.generation = await self.gate.enter(until=call.ends)
        except Shut as shut:
            message = "The service has asked for a longer pause."
            raise Throttled(message, retry_after=shut.seconds, system=self.system) from None
        if pause:
            self.statistics.seconds_waited += self._clock() - before

    async def _prepared(self, call: _Call) -> httpx.Request:
        headers = httpx.Headers(self._headers)
        headers.update(call.headers)
        headers["Authorization"] = await self._sign_in.authorization(call.claims)
        headers.setdefault("x-ms-client-request-id", str(uuid.uuid4()))
        if call.body:
            headers.setdefault("Content-Type", "application/json")
        try:
            request = self._http.build_request(call.method, call.url, headers=headers, content=call.body or None)
        except httpx.InvalidURL as error:
            raise ConfigError(f"A request to {call.resource} has no valid address: {error}.") from error
        # Cookies tie a client to one server of the farm, whose limits it then meets alone.
        request.headers.pop("Cookie", None)
        return request

    def _unreached(self, error: httpx.RequestError | TimeoutError, request_id: str) -> P2CError:
        if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
            return ConfigError(f"The request cannot be sent: {error}.")
        correlation = Correlation(activity_id=request_id)
        message = f"{NAMES[self.system]} does not answer at {self._address.origin}: {type(error).__name__}."
        sent = not isinstance(error, _NEVER_SENT)
        return Transient(message, sent=sent, system=self.system, correlation=correlation)

    def _heed(self, error: P2CError) -> None:
        """Slow down for a part that was throttled inside a batch that was not."""
        if isinstance(error, Throttled):
            self.statistics.throttled += 1
            self.gate.throttled(self._retry.throttle_delay(1, error.retry_after, self._random()))


def _is_refusal(status: int) -> bool:
    return status >= 300 and status != 304


def _is_multipart(answer: Answer) -> bool:
    return answer.headers.get("content-type", "").strip().lower().startswith("multipart/")


def _with_headers(
    entry: PartAnswer | list[PartAnswer] | None, outer: Mapping[str, str]
) -> PartAnswer | list[PartAnswer] | None:
    """Give refused parts the ids of the whole answer, unless they have their own."""
    if isinstance(entry, PartAnswer) and not entry.ok:
        return replace(entry, headers={**outer, **entry.headers})
    return entry


def _whole_number(text: str) -> int:
    """A number of a header, which may have thousands separators and decimals (`1,200.00`); 0 when it is none."""
    digits = text.strip().replace(",", "").partition(".")[0]
    return int(digits) if digits.isdecimal() else 0
