"""The inbox: no event is without consequence, whatever the clocks and whoever answers in place of a system."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from p2c.lanes.happening import Happening
from p2c.lanes.inbox import MARGIN, run_after
from p2c.lanes.messages import parse_work
from p2c.lanes.parts import Parts
from p2c.settings import AppSettings, BusSettings
from sandbox.finops import FinOpsService
from sandbox.servicebus import Broker, QueueOptions, ServiceBus
from sandbox.wire.service import Reply
from tests.staging import raise_stage

MINUTE = timedelta(minutes=1)
INVOICE = Happening(
    "finops", "SalesInvoicePostedBusinessEvent", "changed", "e1", "", "usmf", {"invoiceid": "CIV-000001"}
)
DELETED = Happening("sales", "account", "deleted", "e2", "00000000-0000-0000-0000-000000000001")


class AwayService(FinOpsService):
    """F&O behind a front end that answers 404 with nothing in it while `away`."""

    away = False

    def handle(self, method: str, path_and_query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        return Reply(404) if self.away else super().handle(method, path_and_query, headers, body)


@pytest.fixture
async def inbox(tmp_path: Path) -> AsyncIterator[tuple[Parts, Broker, AwayService]]:
    async with AsyncExitStack() as stack:
        finops = AwayService(token="sandbox")
        stage = stack.enter_context(raise_stage(tmp_path, finops=finops))
        broker = Broker([QueueOptions("p2c-work", requires_session=True, duplicate_window=timedelta(hours=1))])
        bus = stack.enter_context(ServiceBus(broker))
        settings = stage.settings.model_dump() | {"work": BusSettings(token=SecretStr("sandbox")), "work_url": bus.url}
        parts = Parts(AppSettings(**settings))
        stack.push_async_callback(parts.close)
        yield parts, broker, finops


@given(
    event=st.integers(1_700_000_000_000, 1_900_000_000_000).map(lambda ms: datetime.fromtimestamp(ms / 1000, UTC)),
    ours=st.floats(-7, 7),
    queues=st.floats(-7, 7),
)
def test_a_run_begins_after_all_events_that_it_serves(event: datetime, ours: float, queues: float) -> None:
    """Whoever asked for it first: this machine and the queue may both be some seconds off."""
    begin = run_after(event + timedelta(seconds=ours))
    assert begin - timedelta(seconds=queues) > event
    assert MARGIN <= begin - (event + timedelta(seconds=ours)) <= MARGIN + MINUTE


async def test_who_is_gone_is_for_a_run_that_comes_late_enough_for_all_who_share_it(
    inbox: tuple[Parts, Broker, AwayService],
) -> None:
    parts, broker, _ = inbox
    noticed = await (await parts.inbox()).take([DELETED])
    assert (noticed.ignored, noticed.runs) == (0, [("accounts", "usmf")])
    (later,) = broker.scheduled("p2c-work")
    begin = later.draft.scheduled_for
    assert begin is not None
    assert timedelta(seconds=begin.second) >= MARGIN


async def test_an_invoice_of_which_nothing_could_be_learnt_is_for_a_run(
    inbox: tuple[Parts, Broker, AwayService],
) -> None:
    parts, broker, finops = inbox
    taking = await parts.inbox()
    noticed = await taking.take([INVOICE])
    assert (noticed.ignored, noticed.runs, noticed.keys) == (1, [], {}), "F&O has no such invoice of a customer of ours"
    finops.away = True
    noticed = await taking.take([INVOICE])
    assert (noticed.ignored, noticed.runs) == (0, [("invoices", "usmf")])
    (later,) = broker.scheduled("p2c-work")
    message = parse_work(later.draft.body)
    assert (message.template, message.kind, message.trigger) == ("invoices", "slice", "event")
