"""A lane at work: slices of a real session between both sandboxes, messages in the stand-in for Service Bus."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from demo.stage import Stage
from p2c.errors import Throttled
from p2c.lanes.messages import KeysMessage, SliceMessage, parse_work
from p2c.lanes.parts import Parts
from p2c.lanes.worker import Worker
from p2c.settings import AppSettings, BusSettings
from p2c.state.checkpoint import Checkpoints
from p2c.state.requests import Requests
from p2c.state.runs import RunRecord, Runs
from p2c.sync.session import Plan, Session
from sandbox.servicebus import Broker, QueueOptions, ServiceBus
from tests.staging import raise_stage


@dataclass
class Lanes:
    """A worker, its session, and what it put on the queue."""

    stage: Stage
    parts: Parts
    worker: Worker
    broker: Broker
    seen: set[int] = field(default_factory=set)

    def sent(self) -> list[SliceMessage | KeysMessage]:
        """The messages that were sent since the last call, those for later included."""
        found = [*self.broker.active("p2c-work"), *self.broker.scheduled("p2c-work")]
        new = [one for one in found if one.sequence_number not in self.seen]
        self.seen |= {one.sequence_number for one in new}
        return [parse_work(one.draft.body) for one in new]

    async def record(self, run_id: str) -> RunRecord:
        """The record of a run."""
        found = await Runs(await self.parts.store()).load(run_id)
        assert found is not None
        return found

    async def to_the_end(self, message: SliceMessage) -> list[str]:
        """Handles the message and all that follow from it; gives what each did."""
        done: list[str] = []
        following: list[SliceMessage | KeysMessage] = [message]
        while following:
            done.append(await self.worker.handle(following.pop(0)))
            following += self.sent()
        return done


@pytest.fixture
async def lanes(tmp_path: Path) -> AsyncIterator[Lanes]:
    """Slices of a page of two documents each."""
    async with AsyncExitStack() as stack:
        stage = stack.enter_context(raise_stage(tmp_path, page_size=2))
        stage.company.set_up()
        broker = Broker([QueueOptions("p2c-work", requires_session=True)])
        bus = stack.enter_context(ServiceBus(broker))
        given = stage.settings.model_dump() | {"work": BusSettings(token=SecretStr("sandbox")), "work_url": bus.url}
        parts = Parts(AppSettings(**given, slice_seconds=0.001))
        stack.push_async_callback(parts.close)
        yield Lanes(stage, parts, await parts.worker(), broker)


def message(run_id: str = "r", number: int = 0, **more: Any) -> SliceMessage:
    given = {"template": "accounts", "legal_entity": "usmf", "trigger": "http", "run_id": run_id, "number": number}
    return SliceMessage.model_validate(given | more)


async def test_slices_follow_each_other_to_the_end(lanes: Lanes) -> None:
    done = await lanes.to_the_end(message())
    assert done[-1] == "ended"
    assert set(done[:-1]) == {"time"}
    assert len(done) > 3
    record = await lanes.record("r")
    assert (record.status, record.counts, record.trigger) == ("Completed", {"created": 12}, "http")


async def test_a_slice_that_is_delivered_twice_does_nothing(lanes: Lanes) -> None:
    first = message()
    assert await lanes.worker.handle(first) == "time"
    (following,) = lanes.sent()
    writes = lanes.stage.sandbox.finops.stats.writes
    assert await lanes.worker.handle(first, deliveries=2) == "send the next one again"
    assert [one.message_id for one in lanes.sent()] == [following.message_id]
    assert lanes.stage.sandbox.finops.stats.writes == writes
    assert isinstance(following, SliceMessage)
    await lanes.to_the_end(following)
    for number in (0, 1, 2):
        assert await lanes.worker.handle(message(number=number)) == "nothing"
    assert lanes.stage.sandbox.finops.stats.writes > writes


async def test_who_comes_while_a_run_is_under_way(lanes: Lanes) -> None:
    await lanes.worker.handle(message())
    (following,) = lanes.sent()
    assert await lanes.worker.handle(message("tick", trigger="timer")) == "give way"
    assert await lanes.worker.handle(message("wanted")) == "wait"
    (later,) = lanes.sent()
    assert isinstance(later, SliceMessage)
    assert (later.run_id, later.waits) == ("wanted", 1)
    assert (await lanes.record("wanted")).status == "Queued"
    assert isinstance(following, SliceMessage)
    await lanes.to_the_end(following)
    await lanes.to_the_end(later)
    assert (await lanes.record("wanted")).status == "Completed"


async def test_a_template_waits_for_those_that_it_runs_after(lanes: Lanes) -> None:
    await lanes.worker.handle(message())
    lanes.sent()
    behind = message("behind", template="contacts-to-customers", trigger="timer")
    template = lanes.parts.template("contacts-to-customers")
    assert "accounts" in template.runs_after
    assert await lanes.worker.handle(behind) == "wait"
    assert await lanes.worker.handle(behind.model_copy(update={"waits": 100})) == "time"


async def test_a_run_that_was_broken_off_is_taken_up_by_the_next_tick(lanes: Lanes) -> None:
    await lanes.worker.handle(message())
    lanes.sent()  # the message is lost
    points = Checkpoints(await lanes.parts.store(), "lanes/usmf/accounts")
    point = await points.load("accounts")
    assert point is not None
    await points.save("accounts", point.model_copy(update={"due": None}))
    await lanes.to_the_end(message("tick", trigger="timer"))
    assert (await lanes.record("r")).counts == {"created": 12}
    assert await Runs(await lanes.parts.store()).load("tick") is None


async def test_a_run_that_another_one_overtook_says_so(lanes: Lanes) -> None:
    await lanes.worker.handle(message("old"))
    (following,) = lanes.sent()
    points = Checkpoints(await lanes.parts.store(), "lanes/usmf/accounts")
    point = await points.load("accounts")
    assert point is not None
    await points.save("accounts", point.model_copy(update={"due": None}))
    await lanes.to_the_end(message("new"))
    await lanes.worker.handle(following)
    assert (await lanes.record("old")).status == "Error"
    assert (await lanes.record("new")).status == "Completed"


async def test_cancelling_before_and_in_the_middle(lanes: Lanes) -> None:
    requests = Requests(await lanes.parts.store())
    await requests.cancel("r")
    assert await lanes.worker.handle(message()) == "cancelled"
    assert (await lanes.record("r")).status == "Cancelled"
    await lanes.worker.handle(message("s"))
    await requests.cancel("s")
    (following,) = lanes.sent()
    assert await lanes.worker.handle(following) == "cancelled"
    assert (await lanes.record("s")).status == "Cancelled"
    assert lanes.sent() == []
    await lanes.to_the_end(message("t", trigger="timer"))
    assert (await lanes.record("t")).status == "Completed"


async def test_a_template_that_is_gone_is_an_error_of_its_run(lanes: Lanes) -> None:
    await lanes.worker.handle(message(template="gone"))
    record = await lanes.record("r")
    assert (record.status, "gone" in record.error) == ("Error", True)


async def test_a_second_delivery_that_met_the_first_at_work_sends_nothing_of_its_own(lanes: Lanes) -> None:
    """The session's lock was lost under the first one, which goes on: the lane's lease keeps the second one out."""
    first = message()
    store = await lanes.parts.store()
    async with await store.lease("lanes/usmf/accounts/lease", 15):
        assert await lanes.worker.handle(first, deliveries=2) == "lane is busy"
    (later,) = lanes.sent()
    assert await lanes.worker.handle(first) == "time"
    (following,) = lanes.sent()
    assert isinstance(later, SliceMessage)
    assert await lanes.worker.handle(later) == "send the next one again"
    # What it sends has the id of the one that was sent: the queue drops it, and there is one chain of slices, not two.
    assert [one.message_id for one in lanes.sent()] == [following.message_id]


async def test_a_tick_whose_host_died_does_not_give_way_to_the_lease_it_left_behind(lanes: Lanes) -> None:
    tick = message("tick", trigger="timer")
    store = await lanes.parts.store()
    async with await store.lease("lanes/usmf/accounts/lease", 15):
        assert await lanes.worker.handle(tick, deliveries=2) == "lane is busy"
    (later,) = lanes.sent()
    assert isinstance(later, SliceMessage)
    await lanes.to_the_end(later)
    assert (await lanes.record("tick")).status == "Completed"


async def test_a_run_that_is_revived_is_not_taken_for_a_repetition_by_the_queue(lanes: Lanes) -> None:
    await lanes.worker.handle(message())
    lanes.sent()
    points = Checkpoints(await lanes.parts.store(), "lanes/usmf/accounts")
    revived = []
    for name in ("tick 1", "tick 2"):
        point = await points.load("accounts")
        assert point is not None
        await points.save("accounts", point.model_copy(update={"due": None}))
        # Of both the following message is lost, so that the next tick finds the run where it was.
        await lanes.worker.handle(message(name.replace(" ", "-"), trigger="timer"))
        (following,) = lanes.sent()
        assert isinstance(following, SliceMessage)
        revived.append(following.model_copy(update={"number": 1, "attempt": 1}).message_id)
    assert len(set(revived)) == 2


async def test_a_record_that_says_running_of_a_run_that_is_complete_is_put_right(lanes: Lanes) -> None:
    """Whoever lost the lane without noticing may write the record last."""
    first = message()
    await lanes.to_the_end(first)
    runs, ended = Runs(await lanes.parts.store()), await lanes.record("r")
    await runs.save(ended.model_copy(update={"status": "Running", "finished": None, "counts": {"created": 2}}))
    assert await lanes.worker.handle(first.model_copy(update={"number": 1, "attempt": 1})) == "done"
    assert (await lanes.record("r")).status == "Completed"
    assert (await lanes.record("r")).counts == ended.counts


async def test_ticks_that_had_to_wait_are_one_run(lanes: Lanes) -> None:
    waited = [message(f"tick-{number}", trigger="timer") for number in range(3)]
    done = [await lanes.to_the_end(one) for one in waited]
    assert done[0][-1] == "ended"
    assert done[1:] == [["give way"], ["give way"]]


async def test_keys_that_nobody_wants_any_more_are_left_alone(lanes: Lanes) -> None:
    asked = {"template": "accounts", "legal_entity": "usmf", "trigger": "http", "run_id": "k", "keys": ["A-1001"]}
    await Requests(await lanes.parts.store()).cancel("k")
    assert await lanes.worker.handle(KeysMessage.model_validate(asked)) == "cancelled"
    assert (await lanes.record("k")).status == "Cancelled"
    assert lanes.stage.sandbox.finops.stats.writes == 0


async def test_the_command_line_in_the_lane_is_waited_for(lanes: Lanes) -> None:
    store = await lanes.parts.store()
    async with await store.lease("lanes/usmf/accounts/lease", 15):
        assert await lanes.worker.handle(message("tick", trigger="timer")) == "gave way"
        assert lanes.sent() == []
        assert await lanes.worker.handle(message()) == "lane is busy"
    (later,) = lanes.sent()
    assert isinstance(later, SliceMessage)
    await lanes.to_the_end(later)
    assert (await lanes.record("r")).status == "Completed"


async def test_an_event_for_a_lane_whose_holder_died_comes_again_and_says_so(
    lanes: Lanes, caplog: pytest.LogCaptureFixture
) -> None:
    store = await lanes.parts.store()
    caplog.set_level("INFO", "p2c.journal")
    await store.lease("lanes/usmf/accounts/lease", 60)
    assert await lanes.worker.handle(keys_changed(lanes, "1")) == "paused"
    (scheduled,) = lanes.broker.scheduled("p2c-work")
    assert scheduled.draft.scheduled_for is not None
    assert (scheduled.draft.scheduled_for - lanes.broker.now()).total_seconds() <= 20
    (record,) = [vars(one) for one in caplog.records if one.message == "put off"]
    assert (record["p2c_cause"], record["p2c_wait_seconds"], record["p2c_attempt"]) == ("state.lease", 20.0, 0)


class Busy(Session):
    """A session whose systems ask for a pause."""

    async def plan(self, name: str, legal_entity: str) -> Plan:
        raise Throttled("later", retry_after=700, system="sales")


async def test_throttled_past_its_time_a_slice_comes_again_later_and_not_for_ever(lanes: Lanes) -> None:
    session = (await lanes.parts.inbox())._session
    busy = Busy(session.project, lanes.parts.settings, session.sales, session.finops, session.store)
    worker = Worker(busy, await lanes.parts.post(), slice_seconds=30)
    assert await worker.handle(message()) == "paused"
    (scheduled,) = lanes.broker.scheduled("p2c-work")
    assert scheduled.draft.scheduled_for is not None
    assert (scheduled.draft.scheduled_for - lanes.broker.now()).total_seconds() > 600
    (later,) = lanes.sent()
    assert later.attempt == 1
    assert await worker.handle(later.model_copy(update={"attempt": 12})) == "failed"
    assert (await lanes.record("r")).status == "Error"


async def test_keys_leave_the_run_under_way_as_it_is(lanes: Lanes) -> None:
    await lanes.worker.handle(message())
    (following,) = lanes.sent()
    numbers = sorted(row["accountnumber"] for row in lanes.stage.sandbox.sales.rows("account"))
    asked = {"template": "accounts", "legal_entity": "usmf", "trigger": "http", "run_id": "k", "keys": [numbers[-1]]}
    assert await lanes.worker.handle(KeysMessage.model_validate(asked)) == "ended"
    assert (await lanes.record("k")).counts == {"created": 1}
    assert isinstance(following, SliceMessage)
    await lanes.to_the_end(following)
    assert sum((await lanes.record("r")).counts.values()) == 12


async def test_a_key_that_is_not_there_is_told(lanes: Lanes) -> None:
    asked = {"template": "accounts", "legal_entity": "usmf", "trigger": "http", "run_id": "k", "keys": ["none"]}
    await lanes.worker.handle(KeysMessage.model_validate(asked))
    record = await lanes.record("k")
    assert (record.status, record.counts, "none" in record.note) == ("Warning", {}, True)


def keys_changed(lanes: Lanes, cause: str, **more: Any) -> KeysMessage:
    """An event's message for the first account."""
    number = min(row["accountnumber"] for row in lanes.stage.sandbox.sales.rows("account"))
    given = {"template": "accounts", "legal_entity": "usmf", "trigger": "event", "keys": [number], "cause": cause}
    return KeysMessage.model_validate(given | more)


@pytest.mark.parametrize("fast", [-60, 0, 4, 60])
async def test_a_change_arrives_whatever_the_clock_of_this_machine_says(lanes: Lanes, fast: int) -> None:
    session = (await lanes.parts.inbox())._session

    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=fast)

    worker = Worker(session, await lanes.parts.post(), slice_seconds=30, now=now)
    first = keys_changed(lanes, "1")
    assert await worker.handle(first, enqueued=datetime.now(UTC)) == "ended"
    sales, finops = lanes.stage.sandbox.sales, lanes.stage.sandbox.finops
    with sales.lock:
        account = next(row for row in sales.rows("account") if row["accountnumber"] == first.keys[0])
        sales.people.update("account", account["accountid"], {"name": "another name"})
    assert await worker.handle(keys_changed(lanes, "2"), enqueued=datetime.now(UTC)) == "ended"
    customers = finops.books.rows("CustTable", CustomerAccount=first.keys[0])
    assert [row["OrganizationName"] for row in customers] == ["another name"]


async def test_one_read_serves_the_whole_burst_but_not_who_must_look_at_the_destination(lanes: Lanes) -> None:
    seconds = [1000.0]
    session = (await lanes.parts.inbox())._session
    worker = Worker(session, await lanes.parts.post(), slice_seconds=30, clock=lambda: seconds[0])
    sent = datetime.now(UTC)
    assert await worker.handle(keys_changed(lanes, "1"), enqueued=sent) == "ended"
    seconds[0] += 60
    # All were sent while the first was worked on; the second reads, and after that the others need not.
    assert await worker.handle(keys_changed(lanes, "2"), enqueued=sent + timedelta(seconds=1)) == "ended"
    assert await worker.handle(keys_changed(lanes, "3"), enqueued=sent + timedelta(seconds=2)) == "read since"
    late = sent + timedelta(seconds=2)
    assert await worker.handle(keys_changed(lanes, "4"), deliveries=2, enqueued=late) == "ended"
    assert await worker.handle(keys_changed(lanes, "5", attempt=1), enqueued=late) == "ended"
    assert await worker.handle(keys_changed(lanes, "6", careful=True), enqueued=late) == "ended"
