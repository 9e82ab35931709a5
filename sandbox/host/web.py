"""HTTP: the routes of the app, and the host's own under `/admin`."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.host.frames import TypedData
from sandbox.host.functions import BusTrigger, Function, HttpTrigger, TimerTrigger
from sandbox.host.invocations import Invocation
from sandbox.host.keys import Keys
from sandbox.host.payloads import http_request
from sandbox.host.process import Outcome
from sandbox.host.routes import RouteTable

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


class Running(Protocol):
    """What HTTP needs of the host."""

    @property
    def functions(self) -> Mapping[str, Function]: ...

    @property
    def routes(self) -> RouteTable[Function]: ...

    @property
    def keys(self) -> Keys: ...

    def status(self) -> dict[str, Any]: ...

    async def invoke(
        self, function: Function, data: TypedData, metadata: Mapping[str, TypedData], *, trace: str = ""
    ) -> tuple[Invocation, Outcome | None]: ...

    def fire_later(self, function: Function) -> None: ...


class Web:
    """The ASGI application of a host is `app`."""

    def __init__(self, host: Running) -> None:
        self._host = host
        self.app = Starlette(
            routes=[
                Route("/", self._home, methods=["GET"]),
                Route("/admin/host/status", self._status, methods=["GET"]),
                Route("/admin/host/ping", self._ping, methods=["GET", "POST"]),
                Route("/admin/functions", self._list, methods=["GET"]),
                Route("/admin/functions/{name}", self._run, methods=["POST"]),
                Route("/{path:path}", self._call, methods=_METHODS),
            ]
        )

    # ------------------------------------------------------------------- the app's routes

    async def _call(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
        match = self._host.routes.match(request.method, path)
        if match is None:
            return Response(status_code=404)
        function, trigger = match.target, match.target.trigger
        assert isinstance(trigger, HttpTrigger)
        if not self._admits(request, trigger.auth_level):
            return Response(status_code=401)
        query = request.url.query
        host = request.headers.get("host", "localhost")
        url = f"{request.url.scheme}://{host}{path}{'?' if query else ''}{query}"
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
        given = http_request(request.method, url, pairs, match.parameters, await request.body())
        trace = request.headers.get("traceparent", "")
        invocation, outcome = await self._host.invoke(function, given, {}, trace=trace)
        if outcome is None:
            return Response("Function host is not running.", 503)
        return _response(outcome.returned) if invocation.ok else Response(status_code=500)

    def _admits(self, request: Request, level: str) -> bool:
        headers = {name.lower(): value for name, value in request.headers.items()}
        return self._host.keys.admit(level, headers, request.query_params)

    # ------------------------------------------------------------------- the host's routes

    async def _home(self, _request: Request) -> Response:
        return Response("Your Functions 4.0 app is up and running", media_type="text/plain")

    async def _ping(self, _request: Request) -> Response:
        return Response()

    async def _status(self, request: Request) -> Response:
        return JSONResponse(self._host.status()) if self._admits(request, "admin") else Response(status_code=401)

    async def _list(self, request: Request) -> Response:
        if not self._admits(request, "admin"):
            return Response(status_code=401)
        return JSONResponse([_shown(function) for function in self._host.functions.values()])

    async def _run(self, request: Request) -> Response:
        if not self._admits(request, "admin"):
            return Response(status_code=401)
        function = self._host.functions.get(request.path_params["name"])
        if function is None:
            return Response(status_code=404)
        if not isinstance(function.trigger, TimerTrigger):
            reason = "Only timers are run by hand here; call an HTTP function, send to the queue of the others."
            return JSONResponse({"error": reason}, 400)
        self._host.fire_later(function)
        return Response(status_code=202)


def _shown(function: Function) -> dict[str, Any]:
    trigger = function.trigger
    if isinstance(trigger, HttpTrigger):
        about: dict[str, Any] = {
            "type": "httpTrigger",
            "route": trigger.route,
            "methods": list(trigger.methods),
            "authLevel": trigger.auth_level,
        }
    elif isinstance(trigger, TimerTrigger):
        about = {"type": "timerTrigger", "schedule": trigger.schedule.text}
    else:
        assert isinstance(trigger, BusTrigger)
        about = {"type": "serviceBusTrigger", "queueName": trigger.queue, "isSessionsEnabled": trigger.sessions}
    return {"name": function.name, "trigger": about}


def _response(returned: TypedData | None) -> Response:
    """Make the answer out of what the function returned; text alone is a 200, nothing at all a 204."""
    if not returned:
        return Response(status_code=204)
    if "http" not in returned:
        ((_, value),) = returned.items()
        return Response(str(value), 200, media_type="text/plain")
    http = returned["http"]
    body = base64.b64decode((http["body"] or {}).get("bytes", ""))
    answer = Response(body, int(http["status_code"]))
    for name, value in http["headers"].items():
        answer.headers[name] = value
    for cookie in http["cookies"]:
        answer.headers.append("Set-Cookie", _cookie(cookie))
    return answer


def _cookie(given: Mapping[str, Any]) -> str:
    cookie: SimpleCookie = SimpleCookie()
    name = given["name"]
    cookie[name] = given["value"]
    attributes = {"domain": "domain", "path": "path", "secure": "secure", "http_only": "httponly", "max_age": "max-age"}
    for field, attribute in attributes.items():
        if given.get(field):
            cookie[name][attribute] = given[field]
    return cookie[name].OutputString()
