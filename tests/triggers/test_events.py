"""Events that meet a system which asks for a pause: they come again later, and are poison only at the end."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from p2c.errors import AuthError, P2CError, StateError, Throttled, Transient
from p2c.lanes.deliveries import Delivery
from p2c.lanes.happening import Happening, parse_events
from p2c.lanes.inbox import Inbox, Noticed
from p2c.lanes.parts import Parts
from p2c.settings import AppSettings
from p2c.state.poison import PoisonList
from p2c.sync.slicing import MOST_ATTEMPTS
from p2c.triggers.events import take
from sandbox.servicebus.message import Message
from tests.triggers.desk import Desk, desk

EVENT = {"BusinessEventId": "SalesInvoicePostedBusinessEvent", "BusinessEventLegalEntity": "usmf", "InvoiceId": "Ä1"}


class Closed(Inbox):
    """An inbox that a system refuses to answer."""

    def __init__(self, error: P2CError) -> None:
        self._error = error

    async def take(self, happenings: Sequence[Happening]) -> Noticed:
        raise self._error


class Shut(Parts):
    """Parts whose inbox is closed."""

    def __init__(self, settings: AppSettings, error: P2CError) -> None:
        super().__init__(settings)
        self._error = error

    async def inbox(self) -> Inbox:
        return Closed(self._error)


@asynccontextmanager
async def shut(folder: Path, error: P2CError) -> AsyncIterator[tuple[Desk, Parts]]:
    async with desk(folder, max_deliveries=1) as app:
        parts = Shut(app.parts.settings, error)
        try:
            yield app, parts
        finally:
            await parts.close()


def delivered(body: bytes, **more: Any) -> Delivery:
    return Delivery("p2c-inbox", body, "m1", **more)


def scheduled(app: Desk) -> Message:
    (found,) = app.broker.scheduled("p2c-inbox")
    return found


@pytest.mark.parametrize("error", [Transient("x"), AuthError("x"), StateError("x")])
async def test_an_event_is_put_back_for_later_and_is_no_poison(tmp_path: Path, error: P2CError) -> None:
    async with shut(tmp_path, error) as (app, parts):
        first = json.dumps([EVENT, EVENT | {"InvoiceId": "I2"}]).encode()
        assert await take(parts, delivered(first)) == "put back"
        found = [one.draft for one in app.broker.scheduled("p2c-inbox")]
        assert len({one.message_id for one in found}) == 2
        (ours,) = parse_events(found[0].body)
        assert (ours.facts["invoiceid"], ours.legal_entity, ours.attempt) == ("Ä1", "usmf", 1)
        assert [one async for one in PoisonList(await parts.store()).all()] == []


async def test_a_system_that_names_a_time_is_given_it(tmp_path: Path) -> None:
    async with shut(tmp_path, Throttled("x", retry_after=700)) as (app, parts):
        await take(parts, delivered(json.dumps(EVENT).encode()))
        moment = scheduled(app).draft.scheduled_for
        assert moment is not None
        assert timedelta(seconds=600) < moment - app.broker.now() < timedelta(seconds=710)


async def test_patience_grows_is_long_and_ends_as_poison(tmp_path: Path) -> None:
    async with shut(tmp_path, Throttled("The system asks for less.")) as (app, parts):
        body, waited, ids = json.dumps(EVENT).encode(), timedelta(), set()
        for _ in range(MOST_ATTEMPTS):
            assert await take(parts, delivered(body)) == "put back"
            one = max(app.broker.scheduled("p2c-inbox"), key=lambda each: each.sequence_number)
            moment = one.draft.scheduled_for
            assert moment is not None
            waited += moment - app.broker.now()
            ids.add(one.draft.message_id)
            body = one.draft.body
        assert waited > timedelta(hours=1)
        assert len(ids) == MOST_ATTEMPTS
        with pytest.raises(Throttled):
            await take(parts, delivered(body))
        (poison,) = [one async for one in PoisonList(await parts.store()).all()]
        assert poison.reason == "The system asks for less."
        assert len(app.broker.scheduled("p2c-inbox")) == MOST_ATTEMPTS


async def test_a_webhook_is_answered_while_its_sender_listens(tmp_path: Path) -> None:
    async with desk(tmp_path, work_url="http://127.0.0.1:9") as app:
        answer = await app.call("webhook_finops", "POST", body=EVENT, headers={"x-p2c-webhook-key": "the key"})
        assert answer.status_code == 503


async def test_many_events_at_once_are_few_and_small_messages(tmp_path: Path) -> None:
    def changed(number: int) -> dict[str, Any]:
        facts = {"mserp_productnumber": f"P{number}", "mserp_dataareaid": "usmf"}
        attributes = [{"key": name, "value": value} for name, value in facts.items()]
        return {
            "MessageName": "OnExternalUpdated",
            "PrimaryEntityName": "mserp_ecoressellablereleasedproductentity",
            "CorrelationId": str(number),
            "InputParameters": [{"key": "Target", "value": {"Attributes": attributes}}],
        }

    async with desk(tmp_path) as app:
        body = json.dumps([changed(number) for number in range(1200)]).encode()
        assert await take(app.parts, delivered(body)) == "noticed"
        messages = app.broker.active("p2c-work")
        assert len(messages) == 3
        assert max(len(one.draft.body) for one in messages) < 10_000
        assert sum(len(one["keys"]) for one in app.work()) == 1200
