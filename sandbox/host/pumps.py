"""From a queue to a function: sessions or messages in parallel up to host.json's limits, settled by how it ended.

Success completes, an exception abandons. A session is kept while it has messages, and for `sessionIdleTimeout` after
the last one, also when other sessions wait for a place: so does the extension.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime

from sandbox.host.config import BusConfig
from sandbox.host.functions import BusTrigger, Function
from sandbox.host.waking import Waker
from sandbox.servicebus.broker import Broker
from sandbox.servicebus.message import Delivery, Hold
from sandbox.servicebus.queue import LockLostError

_log = logging.getLogger(__name__)

Deliver = Callable[[Function, BusTrigger, Sequence[Delivery]], Awaitable[bool]]
"""Runs the function with some messages and tells whether it succeeded."""


class Pump:
    """Delivers one queue to one function. `ready` is set while the worker can take something."""

    def __init__(
        self,
        function: Function,
        trigger: BusTrigger,
        broker: Broker,
        config: BusConfig,
        deliver: Deliver,
        ready: asyncio.Event,
    ) -> None:
        self._function = function
        self._trigger = trigger
        self._broker = broker
        self._config = config
        self._deliver = deliver
        self._ready = ready
        self._stopping = False
        self._dead = False
        self._waker = Waker(broker)
        self._at_once = config.max_concurrent_sessions if trigger.sessions else config.max_concurrent_calls
        self._count = config.max_batch if trigger.many else 1
        self._serving: set[asyncio.Task[None]] = set()
        self._holds: set[Hold] = set()

    async def run(self) -> None:
        """Deliver until `finish` or `die`."""
        while not self._stopping:
            self._waker.clear()
            work = self._take() if self._ready.is_set() and len(self._serving) < self._at_once else None
            if work is not None:
                task = asyncio.create_task(work)
                self._serving.add(task)
                task.add_done_callback(self._served)
            else:
                await self._waker.wait(self._next_moment())

    async def finish(self, seconds: float) -> None:
        """Wait for what runs; after so many seconds give it back to the queue, not counted as failed."""
        self._stopping = True
        self._broker.announce()
        if self._serving:
            await asyncio.wait(self._serving, timeout=seconds)
        await self._cancel()

    async def die(self) -> None:
        """Drop everything without a word to the queue, as when the machine is lost: locks stay until they run out."""
        self._stopping = self._dead = True
        await self._cancel()

    async def _cancel(self) -> None:
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        # A task that was cancelled before its first step has let nothing go.
        for hold in list(self._holds):
            self._let_go(hold)
        self._waker.close()

    def _served(self, task: asyncio.Task[None]) -> None:
        self._serving.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("Delivering to %s broke off", self._function.name, exc_info=error)
        if not self._stopping:
            self._broker.announce()

    def _next_moment(self) -> datetime | None:
        with self._broker.using(self._trigger.queue) as queue:
            return queue.next_moment()

    def _take(self) -> Coroutine[None, None, None] | None:
        """Take a session or messages, and give the work with them; None when there is nothing to take."""
        with self._broker.using(self._trigger.queue) as queue:
            if self._trigger.sessions:
                hold = queue.accept_session(self._config.max_lock_renewal)
                if hold is None:
                    return None
                self._holds.add(hold)
                return self._serve_session(hold)
            deliveries = queue.receive_any(self._count, self._config.max_lock_renewal)
            self._holds.update(delivery.hold for delivery in deliveries)
            return self._serve_messages(deliveries) if deliveries else None

    async def _serve_session(self, hold: Hold) -> None:
        idle_until: datetime | None = None
        try:
            while not self._stopping:
                await self._ready.wait()
                self._waker.clear()
                with self._broker.using(self._trigger.queue) as queue:
                    deliveries = queue.receive(hold, self._count)
                if deliveries:
                    idle_until = None
                    await self._hand_over(deliveries)
                    continue
                idle_until = idle_until or self._broker.now() + self._config.session_idle
                if self._broker.now() >= idle_until:
                    return
                await self._waker.wait(idle_until)
        except LockLostError as error:
            _log.warning("%s: %s", self._function.name, error)
        finally:
            self._let_go(hold)

    async def _serve_messages(self, deliveries: Sequence[Delivery]) -> None:
        try:
            await self._hand_over(deliveries)
        finally:
            for delivery in deliveries:
                self._let_go(delivery.hold)

    async def _hand_over(self, deliveries: Sequence[Delivery]) -> None:
        succeeded = await self._deliver(self._function, self._trigger, deliveries)
        with self._broker.using(self._trigger.queue) as queue:
            for delivery in deliveries:
                try:
                    if succeeded:
                        queue.complete(delivery)
                    else:
                        queue.abandon(delivery)
                except LockLostError as error:
                    # The message comes again: the function took longer than the lock was renewed for.
                    _log.warning("%s: %s", self._function.name, error)

    def _let_go(self, hold: Hold) -> None:
        self._holds.discard(hold)
        with self._broker.using(self._trigger.queue) as queue:
            if self._dead:
                queue.lose(hold)
            else:
                queue.close(hold)
