"""What happens around the handling of a message."""

from __future__ import annotations

import traceback
from dataclasses import replace
from pathlib import Path

import pytest

from p2c.errors import AuthError, ConfigError, P2CError, StateError, Throttled, Transient, Validation
from p2c.lanes.deliveries import Delivery, Unforeseen, attend
from p2c.lanes.messages import Malformed
from p2c.state.folder import FolderStore
from p2c.state.poison import Poison, PoisonList

DELIVERY = Delivery("p2c-inbox", b'{"a": 1}', "m1", "s1")
MOST = 3


@pytest.fixture
def poison(tmp_path: Path) -> PoisonList:
    return PoisonList(FolderStore(tmp_path))


async def noted(poison: PoisonList) -> list[Poison]:
    return [one async for one in poison.all()]


async def fine() -> str:
    return "done"


async def test_a_message_that_goes_through_leaves_nothing(poison: PoisonList) -> None:
    assert await attend(poison, replace(DELIVERY, deliveries=MOST), MOST, fine) == "done"
    assert await noted(poison) == []


async def test_a_failure_is_raised_on_and_noted_with_its_reason_the_last_time(poison: PoisonList) -> None:
    told: list[str] = []

    async def breaks() -> str:
        raise Validation("The queue is full.")

    async def failed(reason: str) -> None:
        told.append(reason)

    for delivery in range(1, MOST + 1):
        with pytest.raises(Validation):
            await attend(poison, replace(DELIVERY, deliveries=delivery), MOST, breaks, failed)
        assert len(await noted(poison)) == (delivery == MOST)
    (one,) = await noted(poison)
    assert (one.reason, one.deliveries, one.body) == ("The queue is full.", MOST, '{"a": 1}')
    assert told == ["The queue is full."]


async def test_what_cannot_be_read_is_noted_at_once(poison: PoisonList) -> None:
    async def breaks() -> str:
        raise Malformed("This is no event.")

    with pytest.raises(Malformed):
        await attend(poison, DELIVERY, MOST, breaks)
    assert [one.reason for one in await noted(poison)] == ["This is no event."]


async def test_an_unforeseen_error_is_told_by_its_kind_and_place_alone(
    poison: PoisonList, caplog: pytest.LogCaptureFixture
) -> None:
    async def breaks() -> str:
        raise KeyError("a customer's name")

    with pytest.raises(Unforeseen) as raised:
        await attend(poison, replace(DELIVERY, deliveries=MOST), MOST, breaks)
    (one,) = await noted(poison)
    assert one.reason.startswith("unexpected KeyError at lanes/deliveries.py:")
    # The host logs what is raised, with what it came of.
    told = "".join(traceback.format_exception(raised.value)) + caplog.text + one.model_dump_json()
    assert "customer's name" not in told


@pytest.mark.parametrize(
    ("error", "least", "most"),
    [
        (Throttled("x"), 900, 1800),
        (Transient("x"), 900, 1800),
        (AuthError("x"), 60, 300),
        (StateError("x"), 60, 300),
        (ConfigError("x"), 60, 300),
    ],
)
async def test_what_may_pass_gets_its_pause_and_the_queue_its_message_back(
    poison: PoisonList, error: P2CError, least: float, most: float
) -> None:
    paused: list[float] = []

    async def sleep(seconds: float) -> None:
        paused.append(seconds)

    async def breaks() -> str:
        raise error

    for delivery in range(1, 11):
        with pytest.raises(type(error)):
            await attend(poison, replace(DELIVERY, deliveries=delivery), 10, breaks, sleep=sleep)
    assert paused == sorted(paused)
    assert len(paused) == 9, "the last time there is nothing to wait for"
    assert max(paused) < 30 * 60, "longer than the host lets a function run"
    assert least < sum(paused) < most


async def test_a_message_that_takes_the_process_down_is_noted(poison: PoisonList) -> None:
    class Killed(BaseException):
        pass

    async def dies() -> str:
        raise Killed

    with pytest.raises(Killed):
        await attend(poison, replace(DELIVERY, deliveries=MOST), MOST, dies)
    (one,) = await noted(poison)
    assert "did not end" in one.reason
