"""All queues together, safe for threads, with a clock that can be advanced and waiting for things to happen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sandbox.servicebus.message import Draft, Message
from sandbox.servicebus.options import QueueOptions
from sandbox.servicebus.queue import Queue

# How long `wait` sleeps at most before it looks again: locks and schedules run out without anybody saying so.
_LOOK_SECONDS = 0.1


class NoQueueError(LookupError):
    """There is no such queue."""


class Broker:
    """The queues of a namespace.

    `subscribe` registers a function that is called, from whatever thread, after each change and each advance of the
    clock.
    """

    def __init__(self, queues: Iterable[QueueOptions] = ()) -> None:
        self._condition = threading.Condition(threading.RLock())
        self._offset = timedelta()
        self._queues: dict[str, Queue] = {}
        self._listeners: list[Callable[[], None]] = []
        for options in queues:
            self.declare(options)

    # ------------------------------------------------------------------------ queues

    def declare(self, options: QueueOptions) -> None:
        """Make a queue. Raises ValueError where there is one of that name."""
        with self._condition:
            if options.name in self._queues:
                raise ValueError(f"There is a queue {options.name!r} already")
            self._queues[options.name] = Queue(options, self.now)

    @property
    def names(self) -> list[str]:
        """The names of the queues."""
        with self._condition:
            return sorted(self._queues)

    @contextmanager
    def using(self, name: str) -> Iterator[Queue]:
        """Lend a queue, brought up to this moment, to one thread at a time. Raises NoQueueError."""
        changed = False
        try:
            with self._condition:
                queue = self._queues.get(name)
                if queue is None:
                    raise NoQueueError(name)
                before = queue.version
                try:
                    queue.catch_up()
                    yield queue
                finally:
                    changed = queue.version != before
                    if changed:
                        self._condition.notify_all()
        finally:
            # Also when the borrower raised: what has fallen due meanwhile has fallen due for everybody.
            if changed:
                self.announce()

    def send(self, name: str, *drafts: Draft) -> int:
        """Put messages into a queue and give how many were no duplicates. Raises NoQueueError."""
        with self.using(name) as queue:
            return queue.send(drafts)

    # --------------------------------------------------------------------- looking on

    def active(self, name: str) -> list[Message]:
        """The messages of a queue that are due, in order of arrival, also those being worked on."""
        with self.using(name) as queue:
            return sorted(queue.messages(), key=lambda each: each.sequence_number)

    def scheduled(self, name: str) -> list[Message]:
        """The messages of a queue whose time has not come, next one first."""
        with self.using(name) as queue:
            return list(queue.scheduled)

    def dead(self, name: str) -> list[Message]:
        """The dead letters of a queue, oldest first."""
        with self.using(name) as queue:
            return list(queue.dead)

    # --------------------------------------------------------------------------- time

    def now(self) -> datetime:
        """Give the moment in UTC."""
        return datetime.now(UTC) + self._offset

    def advance(self, seconds: float) -> None:
        """Move the clock on: locks run out and scheduled messages fall due."""
        with self._condition:
            self._offset += timedelta(seconds=seconds)
            for queue in self._queues.values():
                queue.catch_up()
            self._condition.notify_all()
        self.announce()

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after every change; call what this gives to end it."""
        with self._condition:
            self._listeners.append(listener)

        def end() -> None:
            with self._condition:
                self._listeners.remove(listener)

        return end

    def announce(self) -> None:
        """Tell everybody who waits that something happened, also outside the queues."""
        with self._condition:
            listeners = list(self._listeners)
            self._condition.notify_all()
        for listener in listeners:
            listener()

    def wait(self, until: Callable[[], bool], seconds: float = 30.0) -> None:
        """Wait until a condition over the queues holds. Raises TimeoutError after so many seconds of real time."""
        deadline = time.monotonic() + seconds
        with self._condition:
            while not until():
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"It did not come to that within {seconds} s: {self.summary()}")
                self._condition.wait(min(left, _LOOK_SECONDS))

    def wait_empty(self, *names: str, seconds: float = 30.0) -> None:
        """Wait until nothing in the queues is due or being worked on (all of them without names). Raises TimeoutError.

        Scheduled messages and dead letters do not count.
        """

        def empty() -> bool:
            return not any(self.active(name) for name in names or self.names)

        self.wait(empty, seconds)

    def summary(self) -> dict[str, dict[str, int]]:
        """Give the counts of each queue: active, held, scheduled, dead, sent, duplicates, completed."""
        counts = {}
        for name in self.names:
            with self.using(name) as queue:
                counts[name] = {
                    "active": sum(1 for _ in queue.messages()),
                    "held": queue.held,
                    "scheduled": len(queue.scheduled),
                    "dead": len(queue.dead),
                    "sent": queue.sent,
                    "duplicates": queue.duplicates,
                    "completed": queue.completed,
                }
        return counts
