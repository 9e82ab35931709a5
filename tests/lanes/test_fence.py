"""The fence: no order of deliveries runs a slice twice or brings a run to a halt."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.lanes.fence import Step, step
from p2c.lanes.messages import SliceMessage, Trigger
from p2c.state.checkpoint import Checkpoint
from p2c.state.runs import RunRecord, Status
from p2c.sync.slicing import CANCELLED

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SOON, PAST = NOW + timedelta(minutes=5), NOW - timedelta(minutes=5)
HASH = "h"


def message(number: int = 0, run_id: str = "r", trigger: Trigger = "http") -> SliceMessage:
    return SliceMessage(
        template="accounts", legal_entity="usmf", trigger=trigger, run_id=run_id, number=number, requested=NOW
    )


def point(
    run_id: str = "r",
    number: int = 0,
    *,
    due: datetime | None = SOON,
    done: bool = False,
    cursor: str | None = "c",
    started: datetime | None = None,
) -> Checkpoint:
    completed = NOW if done else None
    return Checkpoint(
        run_id=run_id,
        slice=number,
        due=due,
        started=started,
        completed=completed,
        cursor=cursor,
        template_hash=HASH,
    )


def record(status: Status) -> RunRecord:
    return RunRecord(id="r", template="accounts", legal_entity="usmf", status=status, started=NOW)


@pytest.mark.parametrize(
    ("number", "trigger", "known", "state", "expected"),
    [
        (0, "timer", None, None, Step.RUN),
        (0, "timer", point("old", done=True), None, Step.RUN),
        (0, "http", point("old", 3), None, Step.WAIT),
        (0, "timer", point("old", 3), None, Step.GIVE_WAY),
        (0, "timer", point("old", 3, due=PAST), None, Step.REVIVE),
        (0, "timer", point("old", 3, due=None), None, Step.REVIVE),
        (0, "timer", point("old", 3, due=None, cursor=None), None, Step.RUN),
        (0, "http", point("old", 3, due=PAST), None, Step.RUN),
        (0, "http", point("r", 0), "Running", Step.RUN),
        (2, "http", point("r", 2), "Running", Step.RUN),
        (2, "http", point("r", 3), "Running", Step.AGAIN),
        (2, "http", point("r", 4), "Running", Step.NOTHING),
        (2, "http", point("r", 4, done=True), "Completed", Step.NOTHING),
        (0, "http", None, "Cancelled", Step.NOTHING),
        (0, "http", point("r", 0), "Queued", Step.RUN),
        (2, "http", point("other", 4), "Running", Step.LOST),
        (2, "http", None, "Running", Step.LOST),
        (0, "timer", point("old", done=True, started=PAST), None, Step.RUN),
        (0, "timer", point("old", done=True, started=SOON), None, Step.GIVE_WAY),
        (0, "http", point("old", done=True, started=SOON), None, Step.RUN),
        (2, "http", point("r", 4, done=True), "Running", Step.DONE),
        (0, "timer", point("r", 4, done=True), "Running", Step.DONE),
    ],
)
def test_steps(number: int, trigger: Trigger, known: Checkpoint | None, state: Status | None, expected: Step) -> None:
    found = record(state) if state else None
    assert step(message(number, trigger=trigger), known, found, HASH, NOW) is expected


def test_a_cancelled_run_holds_nobody_up() -> None:
    left = point("old", 3).model_copy(update={"mode": CANCELLED, "due": None})
    assert step(message(), left, None, HASH, NOW) is Step.RUN


def test_a_broken_run_of_another_template_version_is_not_taken_up() -> None:
    left = point("old", 3, due=None).model_copy(update={"template_hash": "older"})
    assert step(message(trigger="timer"), left, None, HASH, NOW) is Step.RUN


@dataclass
class Lane:
    """A lane with a queue that delivers what it likes, as often as it likes, and a host that dies where it likes."""

    slices: int
    checkpoint: Checkpoint | None = None
    queue: list[int] = field(default_factory=lambda: [0])
    ran: list[int] = field(default_factory=list)

    @property
    def status(self) -> Status:
        return "Completed" if self.checkpoint is not None and self.checkpoint.completed else "Running"

    def deliver(self, number: int, dies: str) -> None:
        what = step(message(number), self.checkpoint, record(self.status), HASH, NOW)
        if what is Step.AGAIN:
            self._send(number + 1)
        if what is not Step.RUN:
            return
        self.checkpoint = self.checkpoint or point("r", 0, cursor=None)
        if dies == "in the middle":
            return
        self.ran.append(number)
        if number + 1 == self.slices:
            self.checkpoint = point("r", number, done=True)
            return
        self.checkpoint = point("r", number + 1)
        if dies != "before it sends":
            self._send(number + 1)

    def _send(self, number: int) -> None:
        if number not in self.queue:
            self.queue.append(number)


@given(
    slices=st.integers(1, 5),
    deaths=st.lists(st.sampled_from(["", "in the middle", "before it sends", "before it completes"]), max_size=12),
    doubles=st.lists(st.integers(0, 4), max_size=6),
)
def test_every_slice_runs_exactly_once_and_the_run_ends(slices: int, deaths: list[str], doubles: list[int]) -> None:
    lane = Lane(slices)
    fates = iter(deaths)
    again = iter(doubles)
    for _ in range(200):
        if not lane.queue:
            break
        number = lane.queue[0]
        dies = next(fates, "")
        lane.deliver(number, dies)
        if not dies:
            lane.queue.pop(0)
        late = next(again, None)
        if late is not None and late in lane.ran:
            lane.deliver(late, "")
    assert lane.ran == list(range(slices))
    assert lane.status == "Completed"
