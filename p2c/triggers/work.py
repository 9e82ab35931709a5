"""The lanes' trigger: messages of p2c-work, one session at a time each."""

from __future__ import annotations

from datetime import UTC, datetime

import azure.functions as func

from p2c.lanes.deliveries import Delivery, attend
from p2c.lanes.messages import KeysMessage, SliceMessage, parse_work
from p2c.lanes.parts import Parts
from p2c.state.poison import PoisonList


def work(parts: Parts) -> func.Blueprint:
    """The blueprint."""
    bp = func.Blueprint()

    @bp.function_name("work")
    @bp.service_bus_queue_trigger(
        "message",
        connection="P2C_WORK",
        queue_name="%P2C_WORK_QUEUE%",
        is_sessions_enabled=True,
        cardinality="one",
    )
    async def handle(message: func.ServiceBusMessage) -> None:
        await take(parts, delivery_of(parts.settings.work_queue, message))

    return bp


async def take(parts: Parts, delivery: Delivery) -> str:
    """Handles a message of the queue; see `p2c.lanes.deliveries.attend`."""
    messages: list[SliceMessage | KeysMessage] = []

    async def handled() -> str:
        message = parse_work(delivery.body)
        messages.append(message)
        worker = await parts.worker()
        return await worker.handle(message, deliveries=delivery.deliveries, enqueued=delivery.enqueued)

    async def failed(reason: str) -> None:
        for message in messages:
            await (await parts.worker()).failed(message, reason)

    poison = PoisonList(await parts.store())
    return await attend(poison, delivery, parts.settings.max_deliveries, handled, failed)


def delivery_of(queue: str, message: func.ServiceBusMessage) -> Delivery:
    """The message, out of what the host hands over."""
    enqueued = message.enqueued_time_utc
    if isinstance(enqueued, datetime) and enqueued.tzinfo is None:
        enqueued = enqueued.replace(tzinfo=UTC)
    return Delivery(
        queue=queue,
        body=message.get_body(),
        message_id=message.message_id or "",
        session_id=message.session_id or "",
        deliveries=int(message.delivery_count or 1),
        enqueued=enqueued,
    )
