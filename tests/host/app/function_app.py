"""A small app to try the host with. What a function saw it says in a log record, with the details as `extra`."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from typing import Any, List  # noqa: UP035 - the worker library takes no list[…]

import azure.functions as func

app = func.FunctionApp()
blueprint = func.Blueprint()
log = logging.getLogger("sample")


@app.timer_trigger(arg_name="timer", schedule="%TICK_SCHEDULE%")
async def tick(timer: func.TimerRequest) -> None:
    """Say that it was called, and how; fail when the settings want it."""
    log.info("tick", extra={"past_due": timer.past_due})
    if os.environ.get("TICK_FAILS") == "yes":
        raise RuntimeError("the timer was told to fail")


@blueprint.route("echo/{name}/{number:int?}", methods=["GET", "POST"])
async def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Answer with everything that came."""
    seen = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "query": dict(req.params),
        "route": dict(req.route_params),
        "body": req.get_body().decode(),
        "trace": context.trace_context.trace_parent,
        "function": context.function_name,
    }
    answer = func.HttpResponse(json.dumps(seen), status_code=202, mimetype="application/json")
    answer.headers["Location"] = f"{req.url}/status"
    answer.headers.add("Set-Cookie", "seen=yes; Path=/; HttpOnly")
    return answer


@blueprint.route("echo/literal", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def literal(req: func.HttpRequest) -> str:
    """Win over the parameter of `echo`."""
    return "literal"


@blueprint.route("secret", auth_level=func.AuthLevel.ADMIN)
async def secret(req: func.HttpRequest) -> func.HttpResponse:
    """Be there for the master key only."""
    return func.HttpResponse(status_code=204)


@blueprint.route("boom", auth_level=func.AuthLevel.ANONYMOUS)
async def boom(req: func.HttpRequest) -> func.HttpResponse:
    """Fail."""
    raise ValueError("told to fail")


@blueprint.route("thread", auth_level=func.AuthLevel.ANONYMOUS)
def thread(req: func.HttpRequest) -> func.HttpResponse:
    """Run in a thread, print and log."""
    print("printed")
    log.warning("in a thread")
    return func.HttpResponse(os.environ.get("GREETING", ""))


@blueprint.route("gate", auth_level=func.AuthLevel.ANONYMOUS)
async def gate(req: func.HttpRequest) -> func.HttpResponse:
    """Wait at the gate whose port the query names."""
    await _pass_gate(int(req.params["port"]))
    return func.HttpResponse("through")


@app.service_bus_queue_trigger(
    arg_name="message", connection="BUS", queue_name="%LANES%", is_sessions_enabled=True, auto_complete_messages=True
)
async def lane(message: func.ServiceBusMessage) -> None:
    """Do what the body says: `{"do": "fail"}`, `{"do": "wait", "port": …}`, `{"do": "block"}`, or nothing."""
    await _work("lane", message)


@app.service_bus_queue_trigger(arg_name="message", connection="BUS", queue_name="letters")
async def letter(message: func.ServiceBusMessage) -> None:
    """The same, without sessions."""
    await _work("letter", message)


@app.service_bus_queue_trigger(arg_name="messages", connection="BUS", queue_name="heaps", cardinality="many")
async def heap(messages: List[func.ServiceBusMessage]) -> None:  # noqa: UP006
    """Take several at once."""
    log.info(
        "heap", extra={"bodies": [message.get_body().decode() for message in messages], "seen": _seen(messages[-1])}
    )


async def _work(name: str, message: func.ServiceBusMessage) -> None:
    body = message.get_body().decode(errors="replace")
    log.info(name, extra={"body": body, "seen": _seen(message)})
    order: dict[str, Any] = json.loads(body) if body.startswith("{") else {}
    if order.get("do") == "fail":
        raise RuntimeError("the message told to fail")
    if order.get("do") == "wait":
        await _pass_gate(order["port"])
    if order.get("do") == "block":
        time.sleep(order["seconds"])  # noqa: ASYNC251 - a function that hangs its process is the point
    log.info(f"{name} done", extra={"body": body})


async def _pass_gate(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.read()
    writer.close()


def _seen(message: func.ServiceBusMessage) -> dict[str, Any]:
    enqueued = message.enqueued_time_utc
    return {
        "message_id": message.message_id,
        "session_id": message.session_id,
        "delivery_count": message.delivery_count,
        "lock_token": message.lock_token,
        "sequence_number": message.sequence_number,
        "enqueued": enqueued.isoformat() if enqueued else None,
        "label": message.label,
        "correlation_id": message.correlation_id,
        "content_type": message.content_type,
        "user_properties": message.user_properties,
        "application_properties": message.application_properties,
    }


app.register_functions(blueprint)
