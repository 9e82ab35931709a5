"""Sending to Service Bus, against the stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from pydantic import SecretStr

from p2c.errors import AuthError, ConfigError, Transient, Validation
from p2c.settings import BusSettings
from p2c.systems.servicebus import BATCH_BYTES, Outgoing, open_bus
from p2c.systems.servicebus import ServiceBus as Sender
from sandbox.servicebus import Broker, QueueOptions, ServiceBus

LANES = QueueOptions("lanes", requires_session=True, duplicate_window=timedelta(minutes=10))
TOKEN = BusSettings(token=SecretStr("sandbox"))


@pytest.fixture
def bus() -> Iterator[ServiceBus]:
    with ServiceBus(Broker([LANES])) as running:
        yield running


@pytest.fixture
async def sender(bus: ServiceBus) -> AsyncIterator[Sender]:
    async with open_bus(TOKEN, bus.url) as opened:
        yield opened


async def test_id_session_and_body_arrive(bus: ServiceBus, sender: Sender) -> None:
    await sender.send("lanes", [Outgoing('{"a": "ß\\n"}', "m1", "usmf.accounts")])
    (message,) = bus.broker.active("lanes")
    draft = message.draft
    assert (draft.body.decode(), draft.message_id, draft.session_id) == ('{"a": "ß\\n"}', "m1", "usmf.accounts")


async def test_the_second_of_one_id_is_dropped(bus: ServiceBus, sender: Sender) -> None:
    for _ in range(2):
        await sender.send("lanes", [Outgoing("{}", "m1", "s"), Outgoing("{}", "m2", "s")])
    assert [one.draft.message_id for one in bus.broker.active("lanes")] == ["m1", "m2"]


async def test_a_message_for_later_is_scheduled(bus: ServiceBus, sender: Sender) -> None:
    later = datetime.now(UTC) + timedelta(minutes=5)
    await sender.send("lanes", [Outgoing("{}", "m1", "s", later)])
    assert bus.broker.active("lanes") == []
    (message,) = bus.broker.scheduled("lanes")
    assert message.draft.scheduled_for == later.replace(microsecond=0)


async def test_many_messages_go_in_small_requests(bus: ServiceBus, sender: Sender) -> None:
    body = "x" * (BATCH_BYTES // 3)
    await sender.send("lanes", [Outgoing(body, f"m{number}", "s") for number in range(10)])
    assert [one.draft.message_id for one in bus.broker.active("lanes")] == [f"m{number}" for number in range(10)]


async def test_nothing_to_send_is_no_request(sender: Sender) -> None:
    await sender.send("no such queue", [])


async def test_a_queue_that_is_not_there_is_a_matter_of_setting_up(sender: Sender) -> None:
    with pytest.raises(ConfigError, match="no queue 'other'"):
        await sender.send("other", [Outgoing("{}", "m")])


async def test_a_message_that_is_too_large_is_refused(sender: Sender) -> None:
    with pytest.raises(Validation):
        await sender.send("lanes", [Outgoing("x" * 300_000, "m", "s")])


async def test_without_the_right_token(bus: ServiceBus) -> None:
    async with open_bus(BusSettings(token=SecretStr("other")), bus.url) as sender:
        with pytest.raises(AuthError, match="Data Sender"):
            await sender.send("lanes", [Outgoing("{}", "m", "s")])


async def test_a_passing_failure_is_tried_again_and_then_told() -> None:
    statuses = iter([503, 500, 201])

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(next(statuses, 503))

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        sender = Sender("http://127.0.0.1:1", http)
        await sender.send("lanes", [Outgoing("{}", "m", "s")])
        with pytest.raises(Transient):
            await sender.send("lanes", [Outgoing("{}", "m", "s")])


async def test_no_namespace_is_a_matter_of_setting_up() -> None:
    with pytest.raises(ConfigError, match="P2C_WORK__fullyQualifiedNamespace"):
        async with open_bus(BusSettings()):
            pass


async def test_a_fixed_token_stays_on_this_machine() -> None:
    with pytest.raises(ConfigError):
        async with open_bus(TOKEN, "https://contoso.servicebus.windows.net"):
            pass
