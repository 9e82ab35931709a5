"""Events: the queue that both systems send to, and webhooks for where a queue is not to be had."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

import azure.functions as func

from p2c.errors import P2CError, Transient
from p2c.lanes.deliveries import PASSING, Delivery, attend
from p2c.lanes.happening import Happening, parse_events
from p2c.lanes.parts import Parts
from p2c.state.poison import PoisonList
from p2c.sync.slicing import MOST_ATTEMPTS, pause
from p2c.triggers.access import check_webhook
from p2c.triggers.answers import TooLarge, correlation_of, json_answer, problem
from p2c.triggers.work import delivery_of

_LOG = logging.getLogger(__name__)

LARGEST_EVENT = 1024 * 1024
"""Bytes; Dataverse cuts what it sends at 256 KB."""
WEBHOOK_SECONDS = 8.0
"""How long a webhook may take: F&O waits for 10 seconds, Dataverse for 60, and tries a 503 once more."""


def events(parts: Parts) -> func.Blueprint:
    """The blueprint. The webhooks are outside Easy Auth and show a key of their own."""
    bp = func.Blueprint()

    @bp.function_name("inbox")
    @bp.service_bus_queue_trigger("message", connection="P2C_INBOX", queue_name="%P2C_INBOX_QUEUE%", cardinality="one")
    async def inbox(message: func.ServiceBusMessage) -> None:
        await take(parts, delivery_of(parts.settings.inbox_queue, message))

    @bp.function_name("webhook_dataverse")
    @bp.route("webhooks/dataverse", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
    async def dataverse(req: func.HttpRequest) -> func.HttpResponse:
        return await receive(parts, req)

    @bp.function_name("webhook_finops")
    @bp.route("webhooks/finops", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
    async def finops(req: func.HttpRequest) -> func.HttpResponse:
        return await receive(parts, req)

    return bp


async def take(parts: Parts, delivery: Delivery) -> str:
    """Handles a message of the inbox: what it tells of goes to the lanes."""

    async def handled() -> str:
        happenings = parse_events(delivery.body)
        if not happenings:
            _LOG.info("event of no interest", extra={"p2c_message": delivery.message_id, "p2c_count": 1})
            return "of no interest"
        try:
            noticed = await (await parts.inbox()).take(happenings)
        except PASSING as error:
            return await _later(parts, happenings, error)
        if noticed.ignored:
            facts = {"p2c_message": delivery.message_id, "p2c_count": noticed.ignored}
            _LOG.info("event of no interest", extra=facts)
        return "of no interest" if noticed.ignored == len(happenings) else "noticed"

    return await attend(PoisonList(await parts.store()), delivery, parts.settings.max_deliveries, handled)


async def _notice(parts: Parts, happenings: Sequence[Happening]) -> None:
    """Puts events into the inbox while the sender still listens."""
    try:
        async with asyncio.timeout(WEBHOOK_SECONDS):
            await (await parts.post()).notice(happenings)
    except TimeoutError as error:
        raise Transient("The inbox did not take the event in time.") from error


async def _later(parts: Parts, happenings: Sequence[Happening], error: P2CError) -> str:
    """Puts events back for when the system has had its pause; raises the error at the end of all patience."""
    attempt = max(one.attempt for one in happenings)
    if attempt >= MOST_ATTEMPTS:
        raise error
    again = [replace(one, attempt=attempt + 1) for one in happenings]
    await (await parts.post()).notice(again, delay=pause(error, attempt))
    facts = {"p2c_error": error.code, "p2c_count": len(again), "p2c_attempt": attempt + 1}
    _LOG.warning("event put back", extra=facts)
    return "put back"


async def receive(parts: Parts, request: func.HttpRequest) -> func.HttpResponse:
    """Answers a webhook: 202 as soon as the inbox has the event. Senders try little or not again, so little is done."""
    correlation_id = correlation_of(request.headers)
    try:
        check_webhook(parts.settings, request.headers, request.params)
        body = request.get_body() or b""
        if len(body) > LARGEST_EVENT:
            raise TooLarge(f"The event has more than {LARGEST_EVENT} bytes.")
        happenings = parse_events(body)
        if happenings:
            await _notice(parts, happenings)
        return json_answer({"accepted": len(happenings)}, 202)
    except Exception as error:
        return problem(error, correlation_id)
