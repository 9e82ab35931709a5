"""How a lease keeps itself, and how it notices that it is lost."""

from __future__ import annotations

import asyncio
import logging

import pytest

from p2c.errors import LeaseHeld, StateError
from p2c.state.store import Lease


class ScriptedLease(Lease):
    """A lease at a store that answers as told; `renewed` and `refused` are set when it was asked."""

    def __init__(self, seconds: float, answers: list[Exception | None]) -> None:
        super().__init__("lane", seconds)
        self.answers = answers
        self.renewals = 0
        self.releases = 0
        self.asked = asyncio.Event()

    async def _renew(self) -> None:
        answer = self.answers.pop(0) if self.answers else None
        self.renewals += 1
        if not self.answers:
            self.asked.set()
        if answer is not None:
            raise answer

    async def _release(self) -> None:
        self.releases += 1
        for answer in self.answers:
            if answer is not None:
                raise answer


async def test_it_renews_itself_while_it_is_held() -> None:
    async with ScriptedLease(0.6, [None, None, None]) as lease:
        await asyncio.wait_for(lease.asked.wait(), 10)
        assert not lease.lost
        assert lease.renewals == 3
    assert lease.releases == 1
    assert not lease.lost


async def test_a_refused_renewal_is_a_lost_lease_for_good() -> None:
    async with ScriptedLease(0.6, [LeaseHeld("theirs")]) as lease:
        await asyncio.wait_for(lease.asked.wait(), 10)
        assert lease.lost
        with pytest.raises(LeaseHeld):
            await lease.renew()
    assert lease.renewals == 1
    assert lease.releases == 0


async def test_a_failed_renewal_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async with ScriptedLease(1.5, [StateError("out of reach"), None]) as lease:
        await asyncio.wait_for(lease.asked.wait(), 10)
        assert not lease.lost
    assert "out of reach" in caplog.text


async def test_without_renewal_it_is_lost_when_its_time_is_over() -> None:
    lease = ScriptedLease(0.0, [])
    assert lease.lost
    with pytest.raises(LeaseHeld):
        await lease.renew()
    assert lease.renewals == 0


async def test_a_renewal_that_comes_too_late_does_not_count() -> None:
    class SlowLease(ScriptedLease):
        async def _renew(self) -> None:
            await asyncio.sleep(self.seconds)

    lease = SlowLease(0.1, [])
    with pytest.raises(LeaseHeld):
        await lease.renew()
    assert lease.lost


async def test_a_lease_that_cannot_be_given_back_does_not_hide_what_happened(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    with pytest.raises(RuntimeError, match="the work"):
        async with ScriptedLease(60, [StateError("out of reach")]):
            raise RuntimeError("the work")
    assert "could not be given back" in caplog.text
