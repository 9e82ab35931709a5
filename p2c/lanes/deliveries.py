"""Deliveries: what happens around the handling of a message, so that one that cannot be handled is never just gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from p2c.errors import AuthError, ConfigError, P2CError, StateError, Throttled, Transient
from p2c.lanes import journal
from p2c.lanes.messages import Malformed
from p2c.state.poison import LONGEST_BODY, Poison, PoisonList, poison_id

_LOG = logging.getLogger(__name__)

PASSING = (Throttled, Transient, AuthError, StateError, ConfigError)
"""What says nothing of the message: it may go through once a system, the state or the setting-up is well again."""
LONGEST_PAUSE = 300.0
"""Seconds, for a system that is to be let alone; far below what the host lets a function run."""
SHORT_PAUSE = 30.0
"""Seconds, for what a person may have to mend: it is to be known soon."""

Sleep = Callable[[float], Awaitable[None]]


class Unforeseen(P2CError):
    """An error that nobody foresaw: its kind and its place. What it says itself may quote a business record."""

    code = "unexpected"


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
    *,
    sleep: Sleep = asyncio.sleep,
) -> str:
    """Handles a message; gives the word that `handle` gave.

    An error is raised on (one that nobody foresaw as Unforeseen), so that the queue delivers the message again, and
    after `most` times puts it into its dead-letter queue. Then it is among our dead letters too, with the reason, and
    `failed` is called with it. The queue delivers again at once; what may pass therefore gets its pause here, longer
    each time, while the host renews the message's lock.
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
        elif isinstance(error, PASSING):
            longest = LONGEST_PAUSE if isinstance(error, Throttled | Transient) else SHORT_PAUSE
            await sleep(min(longest, 5.0 * 2.0 ** (delivery.deliveries - 1)))
        if isinstance(error, P2CError):
            raise
        _LOG.error("unexpected error", extra={"p2c_error": reason, "p2c_message": delivery.message_id})
        raise Unforeseen(reason) from None
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
    """The message of an error of ours; of others the kind and the place alone, since they may quote values."""
    return str(error) if isinstance(error, P2CError) else journal.kind_and_place(error)
