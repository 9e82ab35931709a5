"""Messages: as a sender gives them, as a queue keeps them, and the hold that a receiver has on them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before it is in a queue. Without an id it gets one of its own."""

    body: bytes
    message_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    session_id: str | None = None
    content_type: str | None = None
    label: str | None = None
    correlation_id: str | None = None
    to: str | None = None
    reply_to: str | None = None
    reply_to_session_id: str | None = None
    partition_key: str | None = None
    time_to_live: timedelta | None = None
    scheduled_for: datetime | None = None
    properties: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Message:
    """A message in a queue. `failures` counts the deliveries that did not end in completion."""

    draft: Draft
    sequence_number: int
    enqueued_at: datetime
    failures: int = 0
    hold: Hold | None = None
    dead_letter_reason: str | None = None
    dead_letter_description: str | None = None
    dead_letter_source: str | None = None

    def expires_at(self, default: timedelta | None) -> datetime | None:
        """When its time to live ends; `default` is the queue's, and the shorter one counts."""
        spans = [span for span in (self.draft.time_to_live, default) if span is not None]
        return self.enqueued_at + min(spans) if spans else None


@dataclass(slots=True, eq=False)
class Hold:
    """A receiver's lock on a session, or on one message of a queue without sessions.

    It runs out at `until`, or at `renewed_until` where its receiver lives and keeps renewing it.
    """

    session_id: str | None
    until: datetime
    renewed_until: datetime | None = None
    token: str = field(default_factory=lambda: str(uuid.uuid4()))
    messages: dict[int, Message] = field(default_factory=dict)
    gone: bool = False

    @property
    def ends(self) -> datetime:
        """When it runs out, as things stand."""
        return max(self.until, self.renewed_until or self.until)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message in the hands of a receiver, with what the receiver sees of the broker's side."""

    message: Message
    hold: Hold
    delivery_count: int
    lock_token: str
    locked_until: datetime
    expires_at: datetime | None
