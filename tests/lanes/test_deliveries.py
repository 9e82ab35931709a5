"""What happens around the handling of a message."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from p2c.errors import StateError
from p2c.lanes.deliveries import Delivery, attend
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
        raise StateError("The store is gone.")

    async def failed(reason: str) -> None:
        told.append(reason)

    for delivery in range(1, MOST + 1):
        with pytest.raises(StateError):
            await attend(poison, replace(DELIVERY, deliveries=delivery), MOST, breaks, failed)
        assert len(await noted(poison)) == (delivery == MOST)
    (one,) = await noted(poison)
    assert (one.reason, one.deliveries, one.body) == ("The store is gone.", MOST, '{"a": 1}')
    assert told == ["The store is gone."]


async def test_what_cannot_be_read_is_noted_at_once(poison: PoisonList) -> None:
    async def breaks() -> str:
        raise Malformed("This is no event.")

    with pytest.raises(Malformed):
        await attend(poison, DELIVERY, MOST, breaks)
    assert [one.reason for one in await noted(poison)] == ["This is no event."]


async def test_an_unforeseen_error_is_told_by_its_kind_alone(poison: PoisonList) -> None:
    async def breaks() -> str:
        raise KeyError("a customer's name")

    with pytest.raises(KeyError):
        await attend(poison, replace(DELIVERY, deliveries=MOST), MOST, breaks)
    assert [one.reason for one in await noted(poison)] == ["unexpected KeyError"]


async def test_a_message_that_takes_the_process_down_is_noted(poison: PoisonList) -> None:
    class Killed(BaseException):
        pass

    async def dies() -> str:
        raise Killed

    with pytest.raises(Killed):
        await attend(poison, replace(DELIVERY, deliveries=MOST), MOST, dies)
    (one,) = await noted(poison)
    assert "did not end" in one.reason
