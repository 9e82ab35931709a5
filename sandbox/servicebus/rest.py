"""The HTTP face: `POST /{queue}/messages` as senders use it, and `/sandbox/` routes for whoever looks on."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.servicebus.broker import Broker, NoQueueError
from sandbox.servicebus.message import Message
from sandbox.servicebus.reading import STRICT, BadSendError, SendOptions, read_send


def rest_app(broker: Broker, tokens: frozenset[str], options: SendOptions = STRICT) -> Starlette:
    """Give the ASGI application; `tokens` are the bearer tokens that may send."""

    async def send(request: Request) -> Response:
        refusal = _unauthorized(request.headers, tokens)
        if refusal is not None:
            return refusal
        name = request.path_params["queue"]
        headers = {header.lower(): value for header, value in request.headers.items()}
        try:
            with broker.using(name) as queue:
                of_queue = queue.options
            broker.send(name, *read_send(headers, await request.body(), of_queue, options))
        except NoQueueError:
            return _error(410, f"There is no queue {name}")
        except BadSendError as error:
            return _error(error.status, str(error))
        return Response(status_code=201)

    async def queues(_request: Request) -> Response:
        return JSONResponse(broker.summary())

    async def messages(request: Request) -> Response:
        name = request.path_params["queue"]
        looks = {"active": broker.active, "scheduled": broker.scheduled, "dead": broker.dead}
        look = looks.get(request.query_params.get("state", "active"))
        if look is None:
            return JSONResponse({"error": "state is active, scheduled or dead"}, 400)
        try:
            return JSONResponse([shown(message) for message in look(name)])
        except NoQueueError:
            return JSONResponse({"error": f"There is no queue {name}"}, 404)

    async def clock(request: Request) -> Response:
        try:
            given = await request.json()
            broker.advance(float(given["advance"]))
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"error": 'Send {"advance": seconds}'}, 400)
        return JSONResponse({"now": broker.now().isoformat()})

    async def nothing(_request: Request) -> Response:
        return _error(404, "There is nothing at this address")

    return Starlette(
        routes=[
            Route("/sandbox/queues", queues, methods=["GET"]),
            Route("/sandbox/queues/{queue:path}/messages", messages, methods=["GET"]),
            Route("/sandbox/clock", clock, methods=["POST"]),
            Route("/{queue:path}/messages", send, methods=["POST"]),
            Route("/{path:path}", nothing, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
        ]
    )


def shown(message: Message) -> dict[str, Any]:
    """Give a message as the `/sandbox/` routes show it: the body as JSON, text or base64, whichever fits first."""
    draft = message.draft
    return {
        "sequenceNumber": message.sequence_number,
        "messageId": draft.message_id,
        "sessionId": draft.session_id,
        "label": draft.label,
        "correlationId": draft.correlation_id,
        "contentType": draft.content_type,
        "properties": dict(draft.properties),
        "enqueuedAt": message.enqueued_at.isoformat(),
        "scheduledFor": draft.scheduled_for.isoformat() if draft.scheduled_for else None,
        "failures": message.failures,
        "held": message.hold is not None,
        "deadLetterReason": message.dead_letter_reason,
        "deadLetterDescription": message.dead_letter_description,
        "body": _body(draft.body),
    }


def _body(body: bytes) -> Any:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return base64.b64encode(body).decode()
    try:
        return json.loads(text)
    except ValueError:
        return text


def _unauthorized(headers: Mapping[str, str], tokens: frozenset[str]) -> Response | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return _error(401, "MissingToken: The authorization header was not found")
    if token not in tokens:
        return _error(401, "InvalidSignature: The token is not valid")
    return None


def _error(status: int, detail: str) -> Response:
    body = f"<Error><Code>{status}</Code><Detail>{escape(detail)}</Detail></Error>"
    return Response(body, status, media_type="application/xml; charset=utf-8")
