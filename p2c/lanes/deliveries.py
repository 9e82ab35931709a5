"""Deliveries: what happens around the handling of a message, so that one that cannot be handled is never just gone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from p2c.errors import P2CError
from p2c.lanes import journal
from p2c.lanes.messages import Malformed
from p2c.state.poison import LONGEST_BODY, Poison, PoisonList, poison_id


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as the queue delivered it, for the so-many-th time (from 1)."""

    queue: str
    body: bytes
    message_id: str
    session_id: str = ""
    deliveries: int = 1
    enqueued: datetime | None = None


_CUT_OFF = "its last delivery did not end: the host was stopped while it worked on the message"


async def attend(
    poison: PoisonList,
    delivery: Delivery,
    most: int,
    handle: Callable[[], Awaitable[str]],
    failed: Callable[[str], Awaitable[None]] | None = None,
) -> str:
    """Handles a message; gives the word that `handle` gave.

    An error is raised on, so that the queue delivers the message again, and after `most` times puts it into its
    dead-letter queue. Then it is among our dead letters too, with the reason, and `failed` is called with it.
    """
    last = delivery.deliveries >= most
    if last:
        await poison.note(_note(delivery, _CUT_OFF))
    try:
        word = await handle()
    except Exception as error:
        reason = _reason(error)
        if last or isinstance(error, Malformed):
            await poison.note(_note(delivery, reason))
        if last:
            journal.poisoned(delivery.queue, delivery.message_id, reason)
            if failed is not None:
                await failed(reason)
        raise
    if last:
        await poison.clear(poison_id(delivery.queue, delivery.message_id))
    return word


def _note(delivery: Delivery, reason: str) -> Poison:
    return Poison(
        id=poison_id(delivery.queue, delivery.message_id),
        queue=delivery.queue,
        message_id=delivery.message_id,
        session_id=delivery.session_id,
        reason=reason,
        deliveries=delivery.deliveries,
        noted=datetime.now(UTC),
        body=delivery.body.decode("utf-8", errors="replace")[:LONGEST_BODY],
    )


def _reason(error: Exception) -> str:
    """The message of an error of ours; of others only the kind, since they may quote values."""
    return str(error) if isinstance(error, P2CError) else f"unexpected {type(error).__name__}"
