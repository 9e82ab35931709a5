"""Sending over HTTP, and looking on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from sandbox.servicebus import Broker, QueueOptions, ServiceBus
from sandbox.servicebus.reading import SendOptions

BATCH = "application/vnd.microsoft.servicebus.json"
QUEUES = [
    QueueOptions("lanes", requires_session=True, duplicate_window=timedelta(minutes=10)),
    QueueOptions("a/letters", max_message_bytes=1000),
]


@pytest.fixture
def bus() -> Iterator[ServiceBus]:
    with ServiceBus(Broker(QUEUES)) as running:
        yield running


def send(
    bus: ServiceBus, queue: str, content: bytes | str, broker: dict[str, Any] | None = None, **headers: str
) -> httpx.Response:
    given = {"Authorization": "Bearer sandbox", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if broker is not None:
        given["BrokerProperties"] = json.dumps(broker)
    return httpx.post(f"{bus.url}/{queue}/messages", content=content, headers=given)


def send_batch(bus: ServiceBus, queue: str, *messages: object) -> httpx.Response:
    return send(bus, queue, json.dumps(messages), Content_Type=BATCH)


def test_a_single_message_has_its_properties_in_headers(bus: ServiceBus) -> None:
    properties = {
        "MessageId": "m",
        "SessionId": "s",
        "Label": "l",
        "CorrelationId": "c",
        "TimeToLive": 40,
        "Unknown": 1,
    }
    answer = send(bus, "lanes", b'{"a":1}', properties, Content_Type="application/json", Kind='"order"', Count="3")
    assert (answer.status_code, answer.content) == (201, b"")
    (message,) = bus.broker.active("lanes")
    draft = message.draft
    assert (draft.body, draft.message_id, draft.session_id) == (b'{"a":1}', "m", "s")
    assert (draft.label, draft.correlation_id, draft.content_type) == ("l", "c", "application/json")
    assert draft.time_to_live == timedelta(seconds=40)
    assert draft.properties == {"kind": "order", "count": 3}


def test_a_batch_has_its_properties_in_the_body(bus: ServiceBus) -> None:
    first = {"Body": '{"a":1}', "BrokerProperties": {"MessageId": "1", "SessionId": "s"}, "UserProperties": {"n": 1}}
    second = {"Body": "two", "BrokerProperties": {"SessionId": "s", "TimeToLiveTimeSpan": "00:00:40"}}
    answer = send_batch(bus, "lanes", first, second)
    assert answer.status_code == 201
    one, two = bus.broker.active("lanes")
    assert (one.draft.body, one.draft.message_id, one.draft.properties) == (b'{"a":1}', "1", {"n": 1})
    assert two.draft.time_to_live == timedelta(seconds=40)
    assert two.draft.message_id, "a message without an id gets one"


def test_a_batch_lands_whole_or_not_at_all(bus: ServiceBus) -> None:
    good = {"Body": "1", "BrokerProperties": {"SessionId": "s"}}
    assert send_batch(bus, "lanes", good, {"Body": "2"}).status_code == 400
    assert bus.broker.active("lanes") == []


def test_duplicates_are_accepted_and_dropped(bus: ServiceBus) -> None:
    for _ in range(2):
        assert send(bus, "lanes", b"1", {"MessageId": "m", "SessionId": "s"}).status_code == 201
    assert len(bus.broker.active("lanes")) == 1


def test_a_message_may_be_scheduled(bus: ServiceBus) -> None:
    due = format_datetime(bus.broker.now() + timedelta(minutes=1), usegmt=True)
    properties = {"SessionId": "s", "ScheduledEnqueueTimeUtc": due}
    assert send(bus, "lanes", b"1", properties).status_code == 201
    assert send_batch(bus, "lanes", {"Body": "2", "BrokerProperties": properties}).status_code == 201
    assert len(bus.broker.scheduled("lanes")) == 2
    answer = httpx.post(f"{bus.url}/sandbox/clock", json={"advance": 61})
    assert answer.status_code == 200
    assert [message.draft.body for message in bus.broker.active("lanes")] == [b"1", b"2"]


@pytest.mark.parametrize(
    ("broker", "headers", "content"),
    [
        ({"MessageId": "m"}, {}, b"1"),
        ({"SessionId": "s", "PartitionKey": "p"}, {}, b"1"),
        ({"SessionId": "s" * 129}, {}, b"1"),
        ({"SessionId": "s", "MessageId": ""}, {}, b"1"),
        ({"SessionId": 5}, {}, b"1"),
        ({"SessionId": "s", "ScheduledEnqueueTimeUtc": "2026-11-22T10:00:00Z"}, {}, b"1"),
        ({"SessionId": "s", "ScheduledEnqueueTimeUtc": 5}, {}, b"1"),
        ({"SessionId": "s", "TimeToLive": "soon"}, {}, b"1"),
        ({"SessionId": "s", "TimeToLiveTimeSpan": "40"}, {}, b"1"),
        (None, {"BrokerProperties": "{"}, b"1"),
        (None, {"BrokerProperties": "[]"}, b"1"),
        (None, {"Content_Type": BATCH}, b"{"),
        (None, {"Content_Type": BATCH}, b"[]"),
        (None, {"Content_Type": BATCH}, b'[{"Body": {"a": 1}, "BrokerProperties": {"SessionId": "s"}}]'),
        (None, {"Content_Type": BATCH}, b'[{"Body": "1", "BrokerProperties": []}]'),
        (None, {"Content_Type": BATCH}, b'[{"Body": "1", "BrokerProperties": "x"}]'),
        (None, {"Content_Type": BATCH}, b'[{"Body": "1", "UserProperties": {"a": {}}}]'),
    ],
)
def test_bad_requests(bus: ServiceBus, broker: dict[str, Any] | None, headers: dict[str, str], content: bytes) -> None:
    answer = send(bus, "lanes", content, broker, **headers)
    assert answer.status_code == 400
    assert "<Code>400</Code>" in answer.text
    assert bus.broker.summary()["lanes"]["sent"] == 0


def test_dates_of_a_batch_can_be_iso_by_switch() -> None:
    with ServiceBus(Broker(QUEUES), options=SendOptions(batch_dates="iso")) as bus:
        message = {
            "Body": "1",
            "BrokerProperties": {"SessionId": "s", "ScheduledEnqueueTimeUtc": "2999-11-22T10:00:00Z"},
        }
        assert send_batch(bus, "lanes", message).status_code == 201
        assert len(bus.broker.scheduled("lanes")) == 1


def test_who_may_send(bus: ServiceBus) -> None:
    url = f"{bus.url}/lanes/messages"
    assert httpx.post(url, content=b"1").status_code == 401
    assert httpx.post(url, content=b"1", headers={"Authorization": "Bearer other"}).status_code == 401


def test_too_large_is_403_and_no_queue_410_and_no_address_404(bus: ServiceBus) -> None:
    assert send(bus, "a/letters", b"x" * 1001).status_code == 403
    assert send(bus, "a/letters", b"x" * 1000).status_code == 201
    assert send_batch(bus, "a/letters", {"Body": "x" * 300_000}).status_code == 403
    assert send(bus, "nowhere", b"1").status_code == 410
    assert httpx.get(f"{bus.url}/lanes/messages").status_code == 404
    assert httpx.delete(f"{bus.url}/lanes").status_code == 404


def test_looking_on(bus: ServiceBus) -> None:
    send(bus, "a/letters", b'{"a":1}')
    send(bus, "a/letters", b"text")
    send(bus, "a/letters", b"\xff\x00")
    assert httpx.get(f"{bus.url}/sandbox/queues").json()["a/letters"]["active"] == 3
    url = f"{bus.url}/sandbox/queues/a/letters/messages"
    assert [message["body"] for message in httpx.get(url).json()] == [{"a": 1}, "text", "/wA="]
    assert httpx.get(url, params={"state": "dead"}).json() == []
    assert httpx.get(url, params={"state": "odd"}).status_code == 400
    assert httpx.get(f"{bus.url}/sandbox/queues/nowhere/messages").status_code == 404
    assert httpx.post(f"{bus.url}/sandbox/clock", json={}).status_code == 400


def test_what_was_sent_outlives_the_server() -> None:
    broker = Broker(QUEUES)
    with ServiceBus(broker) as bus:
        send(bus, "lanes", b"1", {"SessionId": "s"})
        with pytest.raises(RuntimeError):
            bus.start()
    assert len(broker.active("lanes")) == 1
    ServiceBus(broker).stop()
