"""Timer functions by their schedules: one run of each at a time, ticks during a run are skipped, none is made up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sandbox.host.functions import Function, TimerTrigger
from sandbox.host.waking import Waker
from sandbox.servicebus.broker import Broker

Fire = Callable[[Function], Awaitable[object]]
"""Runs a timer function once and waits for its end, well or badly."""


async def keep_schedule(function: Function, trigger: TimerTrigger, broker: Broker, fire: Fire) -> None:
    """Run a function whenever its schedule says so, by the broker's clock, until cancelled."""
    waker = Waker(broker)
    try:
        due = trigger.schedule.next(broker.now())
        while True:
            waker.clear()
            if broker.now() < due:
                await waker.wait(due)
                continue
            await fire(function)
            due = trigger.schedule.next(broker.now())
    finally:
        waker.close()
