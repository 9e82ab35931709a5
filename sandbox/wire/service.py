"""What both servers do with every request: bearer tokens, latency, limits, statistics and the `/sandbox/` routes.

A server is a `Service` whose `handle` answers one request synchronously. It runs inside the event loop under the
service's lock, so each request is atomic; a part of a `$batch` goes through the same function.
"""

import asyncio
import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from re import compile as regex
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.wire.limiter import Limiter, Limits, Refusal
from sandbox.wire.reply import Reply

__all__ = ["ORIGIN_HEADER", "USER_HEADER", "Clock", "Limits", "PeopleError", "Reply", "Service", "Statistics"]

USER_HEADER = "sandbox-user"
"""Name of the user whom the bearer token belongs to; set by the service, never taken from the client."""
ORIGIN_HEADER = "sandbox-origin"
"""Scheme and host under which the client reached the service, for absolute links in answers."""

_KEY = regex(r"\((?:[^()']|'(?:[^']|'')*')*\)")
_METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE"]


class Clock:
    """Real time plus an offset that `advance` moves, so that windows and expiries can be tested without waiting."""

    def __init__(self) -> None:
        self._offset = timedelta()

    def now(self) -> datetime:
        """Give the moment in UTC."""
        return datetime.now(UTC) + self._offset

    def advance(self, seconds: float) -> None:
        """Move the clock; what was given out before keeps its old times."""
        self._offset += timedelta(seconds=seconds)


@dataclass(slots=True)
class Statistics:
    """What a service was asked since the last reset. `operations` counts the parts of a batch, `requests` the batch."""

    requests: int = 0
    operations: int = 0
    reads: int = 0
    writes: int = 0
    rejected: int = 0
    by_path: dict[str, int] = field(default_factory=dict)

    def operation(self, method: str, url: str) -> None:
        """Count one plain request or one part of a batch."""
        self.operations += 1
        if method == "GET":
            self.reads += 1
        else:
            self.writes += 1
        path = _KEY.sub("", url.split("?", 1)[0])
        self.by_path[path] = self.by_path.get(path, 0) + 1


class PeopleError(Exception):
    """A route under /sandbox/ refuses what it was asked; becomes a 400 with the text."""


class Service(ABC):
    """Base of both servers.

    `token` is the integration user's bearer token; `{token}-people` is another, human user. `lock` guards the data:
    whoever calls a method of the service from another thread than the server's holds it.
    """

    token_lifetime: float = 3600.0
    """Seconds for which a token of the token endpoint is valid. The two fixed tokens do not expire."""

    def __init__(self, *, token: str, limits: Limits | None = None, clock: Clock | None = None) -> None:
        self.token = token
        self.user_disabled = False
        """Whether the users of all tokens are disabled."""
        self.tokens: dict[str, str] = {token: "integration", f"{token}-people": "people"}
        self.clock = clock or Clock()
        self.limiter = Limiter(limits or Limits())
        self.stats = Statistics()
        self.lock = threading.RLock()
        self.further_routes: list[BaseRoute] = []
        self._issued: dict[str, tuple[str, datetime]] = {}

    @property
    def limits(self) -> Limits:
        """What the service imposes; assign fields or a new object at any time."""
        return self.limiter.limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self.limiter.limits = limits

    @abstractmethod
    def handle(self, method: str, path_and_query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer one authenticated request. Header names are lower case; the URL is as sent, percent-encoded."""

    @abstractmethod
    def throttled(self, refusal: Refusal) -> Reply:
        """Give the 429 of this service; the base adds Retry-After."""

    def unauthorized(self, reason: str) -> Reply:
        """Give the 401 of this service."""
        challenge = f'Bearer error="invalid_token", error_description="{reason}"'
        return Reply(401, {"WWW-Authenticate": challenge})

    def disabled(self) -> Reply:
        """Give the answer to a user who is known and may not work any more."""
        return Reply(403)

    def extra_headers(self, user: str) -> dict[str, str]:
        """Give headers that the service puts on every answer to `user`."""
        return {}

    def routes(self) -> list[BaseRoute]:
        """Give further routes, usually of `people_route`."""
        return []

    # ------------------------------------------------------------------ tokens

    def issue_token(self, user: str = "integration") -> tuple[str, int]:
        """Give a new bearer token and the seconds until it expires."""
        token = f"{self.token}.{len(self._issued) + 1}"
        self._issued[token] = (user, self.clock.now() + timedelta(seconds=self.token_lifetime))
        return token, int(self.token_lifetime)

    def user_of(self, authorization: str | None) -> str | None:
        """Name the user of an Authorization header, or None when the token is absent, unknown or expired."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        if token in self.tokens:
            return self.tokens[token]
        user, expires = self._issued.get(token, (None, self.clock.now()))
        return user if expires > self.clock.now() else None

    # ----------------------------------------------------------------- answering

    async def respond(self, request: Request) -> Response:
        """Answer one request of the network: token, limits, latency, then `handle`."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        user = self.user_of(headers.get("authorization"))
        if user is None:
            self.stats.rejected += 1
            absent = "authorization" not in headers
            return _response(self.unauthorized("The access token is missing" if absent else "The token is expired"))
        if self.user_disabled:
            self.stats.rejected += 1
            return _response(self.disabled())
        self.stats.requests += 1
        refusal = self.limiter.enter(user, self.clock.now().timestamp())
        if refusal is not None:
            self.stats.rejected += 1
            reply = self.throttled(refusal)
            reply.headers["Retry-After"] = str(refusal.retry_after)
            reply.headers.update(self.extra_headers(user))
            return _response(reply)
        started = time.perf_counter()
        try:
            if self.limits.latency > 0:
                await asyncio.sleep(self.limits.latency)
            headers[USER_HEADER] = user
            headers[ORIGIN_HEADER] = f"{request.url.scheme}://{headers.get('host', 'localhost')}"
            body = await request.body()
            url = _path_and_query(request)
            with self.lock:
                if not url.split("?", 1)[0].endswith("/$batch"):
                    self.stats.operation(request.method, url)
                reply = self.handle(request.method, url, headers, body)
        finally:
            self.limiter.leave(user, self.clock.now().timestamp(), time.perf_counter() - started)
        reply.headers.update(self.extra_headers(user))
        return _response(reply)

    @cached_property
    def app(self) -> Starlette:
        """The ASGI application."""

        async def respond(request: Request) -> Response:
            try:
                return await self.respond(request)
            except ClientDisconnect:
                return Response(status_code=499)  # nobody is there to read it

        return Starlette(
            routes=[
                Route("/sandbox/limits", self._set_limits, methods=["POST"]),
                Route("/sandbox/statistics", self._statistics, methods=["GET"]),
                Route("/sandbox/statistics/reset", self._reset_statistics, methods=["POST"]),
                Route("/sandbox/clock", self._advance_clock, methods=["POST"]),
                Route("/sandbox/token", self._token, methods=["POST"]),
                # Where a client library that is pointed at this server as its authority asks.
                Route("/{tenant}/oauth2/v2.0/token", self._token, methods=["POST"]),
                *self.routes(),
                *self.further_routes,
                Route("/{path:path}", respond, methods=_METHODS),
            ]
        )

    # -------------------------------------------------------------- /sandbox/ routes

    def people_route(self, path: str, function: Callable[[dict[str, Any]], object]) -> BaseRoute:
        """Give a route POST `path` that calls `function` with the JSON body, under the lock, and answers JSON.

        PeopleError becomes a 400 with `{"error": text}`.
        """

        async def endpoint(request: Request) -> Response:
            given = await _json(request)
            try:
                with self.lock:
                    answer = function(given)
            except PeopleError as error:
                return _json_response({"error": str(error)}, 400)
            return _json_response(answer)

        return Route(path, endpoint, methods=["POST"])

    async def _set_limits(self, request: Request) -> Response:
        given = await _json(request)
        known = {item.name for item in fields(Limits)}
        if unknown := sorted(set(given) - known):
            return _json_response({"error": f"Unknown limits: {', '.join(unknown)}"}, 400)
        for name, value in given.items():
            setattr(self.limits, name, float(value) if isinstance(value, Decimal) else value)
        return _json_response(asdict(self.limits))

    async def _statistics(self, _request: Request) -> Response:
        return _json_response(asdict(self.stats))

    async def _reset_statistics(self, _request: Request) -> Response:
        self.stats = Statistics()
        return _json_response({})

    async def _advance_clock(self, request: Request) -> Response:
        self.clock.advance(float((await _json(request)).get("advance", 0)))
        return _json_response({"now": self.clock.now().isoformat()})

    async def _token(self, request: Request) -> Response:
        """Client credentials, as Microsoft Entra ID answers them; the secret `wrong` and a disabled app are refused."""
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        if form.get("client_secret") == "wrong":
            problem = {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}
            return _json_response(problem, 401)
        if form.get("client_secret") == "disabled":
            reason = "AADSTS7000112: Application 'p2c' is disabled.\r\nTrace ID: 00000000-0000-0000-0000-000000000000"
            return _json_response({"error": "unauthorized_client", "error_description": reason}, 400)
        token, seconds = self.issue_token()
        answer = {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}
        return _json_response(answer)


def _path_and_query(request: Request) -> str:
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope.get("query_string", b"")
    path = raw.split(b"?", 1)[0].decode("latin-1")
    return f"{path}?{query.decode('latin-1')}" if query else path


async def _json(request: Request) -> dict[str, Any]:
    body = await request.body()
    given = json.loads(body, parse_float=Decimal) if body else {}
    return given if isinstance(given, dict) else {"value": given}


def _json_response(value: object, status: int = 200) -> Response:
    return Response(json.dumps(value, default=str), status, media_type="application/json")


def _response(reply: Reply) -> Response:
    response = Response(reply.body, reply.status, reply.headers)
    if reply.status == 204 and "content-length" in response.headers:
        del response.headers["content-length"]
    return response
