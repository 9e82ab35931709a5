"""The gate: never more inside than allowed, in turn, smaller when throttled and larger with success."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2c.systems.odata.gate import Gate, Shut


async def ticks() -> None:
    """Lets every task run as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


def gate(clock: Any, start: int = 4, floor: int = 1, ceiling: int = 8) -> Gate:
    return Gate(start, floor, ceiling, clock=clock, sleep=clock.sleep)


async def test_no_more_than_allowed_and_in_turn(clock: Any) -> None:
    subject, leave, entered, most = gate(clock, start=2), asyncio.Event(), [], 0

    async def visit(number: int) -> None:
        nonlocal most
        async with subject:
            entered.append(number)
            most = max(most, subject.in_flight)
            await leave.wait()
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(visit(number)) for number in range(7)]
    await ticks()
    assert entered == [0, 1]
    leave.set()
    await asyncio.gather(*tasks)
    assert entered == list(range(7))
    assert (most, subject.in_flight) == (2, 0)


async def test_a_throttle_halves_once_per_generation_and_pauses_everybody(clock: Any) -> None:
    subject = gate(clock, start=8)
    generation = await subject.enter()
    subject.leave()
    subject.throttled(10.0, since=generation)
    subject.throttled(25.0, since=generation)
    assert (subject.limit, subject.pause) == (4, 25.0)
    began = clock.now
    async with subject:
        assert clock.now == began + 25.0
    # Refused only now, but under way since before the pause.
    subject.throttled(1.0, since=generation)
    assert subject.limit == 4
    async with subject as later:
        pass
    subject.throttled(1.0, since=later)
    assert subject.limit == 2


async def test_a_shorter_pause_does_not_end_a_longer_one(clock: Any) -> None:
    subject = gate(clock)
    subject.throttled(30.0)
    subject.throttled(2.0)
    assert subject.pause == 30.0


async def test_it_never_falls_below_its_floor(clock: Any) -> None:
    subject = gate(clock, start=4, floor=2)
    for _ in range(5):
        subject.throttled(1.0)
        clock.now += 2.0
    assert subject.limit == 2


async def test_it_grows_by_one_per_round_up_to_its_ceiling(clock: Any) -> None:
    subject = gate(clock, start=2, ceiling=4)
    async with subject, subject:
        for _ in range(2):
            subject.succeeded()
        assert subject.limit == 2
        subject.succeeded()
        assert subject.limit == 3
        for _ in range(20):
            subject.succeeded()
    assert subject.limit == 4


async def test_it_does_not_grow_when_it_is_not_used(clock: Any) -> None:
    subject = gate(clock, start=4)
    async with subject:
        for _ in range(50):
            subject.succeeded()
    assert subject.limit == 4


async def test_a_hint_is_a_ceiling_until_the_next(clock: Any) -> None:
    subject = gate(clock, start=6, floor=2, ceiling=8)
    subject.hint(4)
    assert subject.limit == 4
    subject.hint(1)
    assert subject.limit == 2
    subject.hint(500)
    assert subject.limit == 6


async def test_who_cannot_wait_so_long_is_told(clock: Any) -> None:
    subject = gate(clock)
    subject.throttled(60.0)
    with pytest.raises(Shut) as shut:
        await subject.enter(until=clock.now + 59.0)
    assert shut.value.seconds == 60.0
    assert subject.in_flight == 0
    await subject.enter(until=clock.now + 60.0)
    assert subject.in_flight == 1


async def test_a_pause_that_becomes_longer_while_waiting_is_told_too(clock: Any) -> None:
    subject = gate(clock)
    subject.throttled(10.0)
    waiting = asyncio.create_task(subject.enter(until=clock.now + 20.0))
    subject.throttled(100.0)
    with pytest.raises(Shut):
        await waiting
    clock.now += 200.0
    async with subject:
        assert subject.in_flight == 1


async def test_who_gives_up_waiting_leaves_the_queue(clock: Any) -> None:
    subject = gate(clock, start=1)
    await subject.enter()
    first, second = (asyncio.create_task(subject.enter()) for _ in range(2))
    await ticks()
    first.cancel()
    await ticks()
    subject.leave()
    await second
    assert subject.in_flight == 1


async def test_growth_lets_the_next_in(clock: Any) -> None:
    subject = gate(clock, start=1)
    await subject.enter()
    waiting = asyncio.create_task(subject.enter())
    await ticks()
    assert not waiting.done()
    subject.succeeded()
    await waiting
    assert subject.in_flight == 2


@pytest.mark.parametrize("sizes", [(0, 0, 1), (1, 2, 3), (5, 1, 4)])
def test_sizes_that_contradict_each_other(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="floor"):
        Gate(*sizes)
