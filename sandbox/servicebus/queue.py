"""One queue: order, sessions, locks, redelivery, scheduling, duplicate detection, dead letters. No I/O, no waiting.

Rules, from Microsoft's pages on Service Bus: a session belongs to one receiver at a time, its messages come in order;
an abandoned message comes again in its old place; a lock that runs out counts as a delivery that failed, a session that
is closed does not; a scheduled message gets its place when it becomes active; duplicate detection goes by message id
alone and knows scheduled messages too.
"""

from __future__ import annotations

import uuid
from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from sandbox.servicebus.message import Delivery, Draft, Hold, Message
from sandbox.servicebus.options import QueueOptions

_TOO_OFTEN = "MaxDeliveryCountExceeded"
_EXPIRED = "TTLExpiredException"


class LockLostError(Exception):
    """The receiver's lock ran out, or the message is settled already."""


class Queue:
    """A queue at the moment that `now` gives. Not safe for threads by itself: `Broker.using` guards it.

    `version` grows with every change that a receiver or an onlooker may want to know of.
    """

    def __init__(self, options: QueueOptions, now: Callable[[], datetime]) -> None:
        self.options = options
        self.version = 0
        self.sent = 0
        self.duplicates = 0
        self.completed = 0
        self._now = now
        self._next = 1
        # Per session (None without sessions) by sequence number: dicts keep the order of arrival.
        self._active: dict[str | None, dict[int, Message]] = {}
        self._scheduled: list[tuple[datetime, int, Message]] = []
        self._dead: list[Message] = []
        self._holds: list[Hold] = []
        self._seen: dict[str, datetime] = {}
        self._next_expiry: datetime | None = None

    # ---------------------------------------------------------------------- sending

    def send(self, drafts: Iterable[Draft]) -> int:
        """Take messages and give how many were new; the others are dropped as duplicates, as senders never learn."""
        now = self.catch_up()
        taken = 0
        for draft in drafts:
            self.sent += 1
            if self._is_duplicate(draft.message_id, now):
                self.duplicates += 1
                continue
            taken += 1
            message = Message(draft, self._number(), now)
            if draft.scheduled_for is not None and draft.scheduled_for > now:
                insort(
                    self._scheduled, (draft.scheduled_for, message.sequence_number, message), key=lambda each: each[:2]
                )
            else:
                self._enqueue(message)
        self.version += 1
        return taken

    def _is_duplicate(self, message_id: str, now: datetime) -> bool:
        window = self.options.duplicate_window
        if window is None:
            return False
        for known in [each for each, at in self._seen.items() if at + window <= now]:
            del self._seen[known]
        if message_id in self._seen:
            return True
        self._seen[message_id] = now
        return False

    def _number(self) -> int:
        self._next += 1
        return self._next - 1

    def _enqueue(self, message: Message) -> None:
        session = message.draft.session_id if self.options.requires_session else None
        self._active.setdefault(session, {})[message.sequence_number] = message
        expires = message.expires_at(self.options.time_to_live)
        if expires is not None:
            self._next_expiry = min(self._next_expiry or expires, expires)

    # -------------------------------------------------------------------- receiving

    def accept_session(self, renewal: timedelta) -> Hold | None:
        """Lock the session that has waited longest, or give None when every one with messages is taken or none has.

        Its receiver renews the lock for `renewal` from now, however many messages it takes meanwhile: so does the
        processor of sessions in Azure's client library.
        """
        now = self.catch_up()
        taken = {hold.session_id for hold in self._holds}
        waiting = [
            (next(iter(messages)), session) for session, messages in self._active.items() if session not in taken
        ]
        if not waiting:
            return None
        return self._hold(min(waiting, key=lambda each: each[0])[1], now, renewal)

    def receive(self, hold: Hold, count: int) -> list[Delivery]:
        """Take the next messages of a session that one holds. Raises LockLostError when the hold has run out."""
        now = self.catch_up()
        if hold.gone:
            raise LockLostError(f"The lock on session {hold.session_id!r} was lost")
        ready = (each for each in self._active.get(hold.session_id, {}).values() if each.hold is None)
        chosen = [message for message, _ in zip(ready, range(count), strict=False)]
        return [self._deliver(message, hold, now) for message in chosen]

    def receive_any(self, count: int, renewal: timedelta) -> list[Delivery]:
        """Take the next messages of a queue without sessions, each with a lock of its own, renewed for `renewal`."""
        now = self.catch_up()
        ready = (each for each in self._active.get(None, {}).values() if each.hold is None)
        chosen = [message for message, _ in zip(ready, range(count), strict=False)]
        return [self._deliver(message, self._hold(None, now, renewal), now) for message in chosen]

    def _hold(self, session: str | None, now: datetime, renewal: timedelta) -> Hold:
        hold = Hold(session, now + self.options.lock_duration, now + renewal)
        self._holds.append(hold)
        self.version += 1
        return hold

    def _deliver(self, message: Message, hold: Hold, now: datetime) -> Delivery:
        message.hold = hold
        hold.messages[message.sequence_number] = message
        self.version += 1
        token = str(uuid.uuid4()) if hold.session_id is not None else hold.token
        expires = message.expires_at(self.options.time_to_live)
        return Delivery(message, hold, message.failures + 1, token, now + self.options.lock_duration, expires)

    # --------------------------------------------------------------------- settling

    def complete(self, delivery: Delivery) -> None:
        """Remove a message that is dealt with. Raises LockLostError."""
        self._remove(self._held(delivery))
        self.completed += 1

    def abandon(self, delivery: Delivery) -> None:
        """Give a message back as failed: it comes again at once, or is a dead letter now. Raises LockLostError."""
        self._failed(self._held(delivery))

    def dead_letter(self, delivery: Delivery, reason: str, description: str = "") -> None:
        """Put a message aside for a person. Raises LockLostError."""
        self._bury(self._held(delivery), reason, description)

    def close(self, hold: Hold) -> None:
        """Give a session or message back without counting it as failed. A hold that is gone already stays gone."""
        self.catch_up()
        self._release(hold, failed=False)

    def lose(self, hold: Hold) -> None:
        """Note that the receiver died: nobody renews the lock any more, it runs out a lock's duration from now."""
        now = self.catch_up()
        hold.renewed_until = None
        hold.until = now + self.options.lock_duration
        self.version += 1

    def _held(self, delivery: Delivery) -> Message:
        self.catch_up()
        message, hold = delivery.message, delivery.hold
        if hold.gone or hold.messages.get(message.sequence_number) is not message:
            raise LockLostError(f"The lock on message {message.draft.message_id!r} was lost")
        del hold.messages[message.sequence_number]
        message.hold = None
        if hold.session_id is None and not self.options.requires_session:
            self._release(hold, failed=False)
        return message

    def _release(self, hold: Hold, *, failed: bool) -> None:
        if hold.gone:
            return
        hold.gone = True
        self._holds.remove(hold)
        for message in hold.messages.values():
            message.hold = None
            if failed:
                self._failed(message)
        hold.messages.clear()
        self.version += 1

    def _failed(self, message: Message) -> None:
        message.failures += 1
        self.version += 1
        most = self.options.max_delivery_count
        if message.failures >= most:
            self._bury(message, _TOO_OFTEN, f"Message could not be consumed after {most} delivery attempts.")

    def _bury(self, message: Message, reason: str, description: str) -> None:
        self._remove(message)
        message.dead_letter_reason, message.dead_letter_description = reason, description
        message.dead_letter_source = self.options.name
        self._dead.append(message)

    def _remove(self, message: Message) -> None:
        session = message.draft.session_id if self.options.requires_session else None
        of_session = self._active[session]
        del of_session[message.sequence_number]
        if not of_session:
            del self._active[session]
        self.version += 1

    # ------------------------------------------------------------------------- time

    def catch_up(self) -> datetime:
        """Let pass what time alone brings about, and give the moment: locks run out, messages fall due or expire."""
        now = self._now()
        for hold in [each for each in self._holds if each.ends <= now]:
            self._release(hold, failed=True)
        while self._scheduled and self._scheduled[0][0] <= now:
            due, _, message = self._scheduled.pop(0)
            message.sequence_number, message.enqueued_at = self._number(), due
            self._enqueue(message)
            self.version += 1
        if self._next_expiry is not None and self._next_expiry <= now:
            self._expire(now)
        return now

    def _expire(self, now: datetime) -> None:
        self._next_expiry = None
        for message in list(self.messages()):
            expires = message.expires_at(self.options.time_to_live)
            if expires is None:
                continue
            if message.hold is not None or expires > now:
                self._next_expiry = min(self._next_expiry or expires, expires)
            elif self.options.dead_letter_expired:
                self._bury(message, _EXPIRED, "The message expired and was dead lettered.")
            else:
                self._remove(message)

    def next_moment(self) -> datetime | None:
        """When time alone will change something next."""
        moments = [hold.ends for hold in self._holds]
        if self._scheduled:
            moments.append(self._scheduled[0][0])
        return min(moments, default=None)

    # ------------------------------------------------------------------- looking on

    def messages(self) -> Iterator[Message]:
        """The active messages in order of arrival within each session; those in the hands of a receiver too."""
        for of_session in self._active.values():
            yield from of_session.values()

    @property
    def scheduled(self) -> Sequence[Message]:
        """The messages whose time has not come, next one first."""
        return [message for _, _, message in self._scheduled]

    @property
    def dead(self) -> Sequence[Message]:
        """The dead letters, oldest first."""
        return self._dead

    @property
    def held(self) -> int:
        """How many messages receivers have in their hands."""
        return sum(len(hold.messages) for hold in self._holds)
