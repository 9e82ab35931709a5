"""Timers, by hand and by schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.host import HostError
from sandbox.host.ncrontab import Ncrontab
from tests.host.conftest import Start
from tests.host.support import said, write_app

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)  # a Sunday


def test_a_timer_runs_by_hand_and_only_then(start: Start) -> None:
    host = start(settings={"TICK_SCHEDULE": "* * * * * *"})
    invocation = host.run_timer("tick")
    assert invocation.ok
    assert [line.extra["past_due"] for line in said(host, "tick")] == [False]
    with pytest.raises(HostError, match="no timer function 'lane'"):
        host.run_timer("lane")


def test_a_timer_that_fails_says_why(start: Start) -> None:
    host = start(settings={"TICK_FAILS": "yes"})
    invocation = host.run_timer("tick")
    assert not invocation.ok
    assert invocation.error == "RuntimeError: the timer was told to fail"


def test_schedules_go_by_the_clock_and_missed_ticks_are_one(start: Start) -> None:
    # Far from now, so that only the clock of the test reaches it.
    minute = (datetime.now(UTC) + timedelta(minutes=30)).minute
    host = start(settings={"TICK_SCHEDULE": f"0 {minute} * * * *"}, schedules=True)
    for hours, ticks in ((1, 1), (5, 2)):
        host.broker.advance(hours * 3600)
        host.broker.wait(lambda ticks=ticks: len(said(host, "tick")) == ticks)  # type: ignore[misc]
        host.wait_idle()
        # One answer of the host later it knows when the next tick is.
        httpx.get(f"{host.url}/admin/host/ping")
    assert len(said(host, "tick")) == 2


def test_a_timer_may_run_when_the_host_starts(start: Start, tmp_path: Path) -> None:
    code = (
        "import logging\n"
        "@app.timer_trigger(arg_name='timer', schedule='0 0 3 * * *', run_on_startup=True)\n"
        "async def early(timer: func.TimerRequest) -> None:\n"
        "    logging.getLogger('sample').info('early')\n"
    )
    folder = write_app(tmp_path, code)
    host = start(folder, schedules=True)
    host.broker.wait(lambda: len(said(host, "early")) == 1)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("* * * * * *", NOON + timedelta(seconds=1)),
        ("0 * * * * *", NOON + timedelta(minutes=1)),
        ("0 */5 * * * *", NOON + timedelta(minutes=5)),
        ("30 2/20 * * * *", NOON + timedelta(minutes=2, seconds=30)),
        ("0 0 2 * * *", datetime(2026, 11, 23, 2, tzinfo=UTC)),
        ("0 0 2 * * sat", datetime(2026, 11, 28, 2, tzinfo=UTC)),
        ("0 0 2 * * 0", datetime(2026, 11, 29, 2, tzinfo=UTC)),
        ("0 0 0 1 jan *", datetime(2027, 1, 1, tzinfo=UTC)),
        ("0 0 0 29 2 *", datetime(2028, 2, 29, tzinfo=UTC)),
        ("0 0 12,13 22-23 11 *", NOON + timedelta(hours=1)),
        ("59 59 23 31 12 *", datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)),
        # Both the day of the month and that of the week must match.
        ("0 0 0 1 * mon", datetime(2027, 2, 1, tzinfo=UTC)),
    ],
)
def test_when_a_schedule_comes_next(schedule: str, expected: datetime) -> None:
    assert Ncrontab(schedule).next(NOON) == expected


@pytest.mark.parametrize(
    "schedule",
    ["", "*/5 * * * *", "60 * * * * *", "0 0 24 * * *", "0 0 0 0 * *", "0 0 0 * 13 *", "0 0 0 * * 7", "0 5-1 * * * *",
     "0 */0 * * * *", "0 x * * * *", "0 *-5 * * * *", "00:05:00", "0 , * * * *", "0 -1 * * * *"],
)  # fmt: skip
def test_what_is_no_schedule(schedule: str) -> None:
    with pytest.raises(ValueError, match=r"field|is no "):
        Ncrontab(schedule)


def test_a_day_that_never_comes() -> None:
    with pytest.raises(ValueError, match="never comes"):
        Ncrontab("0 0 0 30 2 *").next(NOON)


@given(
    st.integers(0, 2**31).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.integers(0, 59),
    st.integers(0, 59),
    st.integers(0, 23),
)
def test_a_daily_schedule_comes_within_a_day_and_at_its_time(
    moment: datetime, second: int, minute: int, hour: int
) -> None:
    found = Ncrontab(f"{second} {minute} {hour} * * *").next(moment)
    assert (found.hour, found.minute, found.second, found.microsecond) == (hour, minute, second, 0)
    assert timedelta() < found - moment <= timedelta(days=1)
