"""Putting messages on the queues: the only way in which timers, callers and events reach a lane."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from p2c.lanes.happening import Happening
from p2c.lanes.messages import KeysMessage, SliceMessage, outgoing
from p2c.systems.servicebus import Outgoing, ServiceBus
from p2c.templates.models import Template


class Post:
    """The two queues: `work` with sessions, `inbox` without."""

    def __init__(self, work: ServiceBus, inbox: ServiceBus, work_queue: str, inbox_queue: str) -> None:
        self._work = work
        self._inbox = inbox
        self._work_queue = work_queue
        self._inbox_queue = inbox_queue

    async def send(
        self, messages: Sequence[tuple[Template, SliceMessage | KeysMessage]], *, delay: float = 0.0
    ) -> None:
        """Puts messages on the lanes of their templates, to be delivered after `delay` seconds at the earliest."""
        at = _moment(delay)
        sent = [outgoing(message, template.family, not_before=at) for template, message in messages]
        await self._work.send(self._work_queue, sent)

    async def notice(self, happenings: Sequence[Happening], *, delay: float = 0.0) -> None:
        """Puts events that came by webhook, or have to wait for so many seconds, into the inbox."""
        sent = [Outgoing(json.dumps(one.as_json()), _id_of(one), not_before=_moment(delay)) for one in happenings]
        await self._inbox.send(self._inbox_queue, sent)

    async def again(self, queue: str, body: str, message_id: str, session_id: str) -> None:
        """Puts a message that had failed back into its queue, under a new id."""
        bus = self._work if queue == self._work_queue else self._inbox
        await bus.send(queue, [Outgoing(body, message_id, session_id)])


def _moment(delay: float) -> datetime | None:
    return datetime.now(UTC) + timedelta(seconds=delay) if delay > 0 else None


def _id_of(one: Happening) -> str:
    return f"{one.identity}-{one.attempt}" if one.attempt else one.identity
