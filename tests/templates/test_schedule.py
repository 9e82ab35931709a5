"""Schedules of six fields."""

from __future__ import annotations

import pytest

from p2c.templates.load import builtin_templates
from p2c.templates.schedule import mistake


@pytest.mark.parametrize(
    "schedule",
    ["", "0 */5 * * * *", "0 0 2 * * mon-FRI", "30 0,15,30 8-18/2 1-31 jan,6 0", "*/10 * * * * *", "59 59 23 31 12 6"],
)
def test_right(schedule: str) -> None:
    assert mistake(schedule) == ""


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("*/5 * * * *", 'put "0 " before it'),
        ("0 0 0 0 0 0 0", "this one has 7"),
        ("60 * * * * *", "'60' is no second: 0 to 59 is"),
        ("0 * 24 * * *", "'24' is no hour"),
        ("0 * * 0 * *", "'0' is no day of the month"),
        ("0 * * * 13 *", "'13' is no month"),
        ("0 * * * foo *", "'foo' is no month"),
        ("0 * * * * 7", "'7' is no day of the week"),
        ("0 30-10 * * * *", "'30-10' runs backwards"),
        ("0 */0 * * * *", "/0 is no step"),
        ("0 *5 * * * *", "'*5' is no minute"),
        ("0 , * * * *", "'' is no minute"),
    ],
)
def test_wrong(schedule: str, message: str) -> None:
    assert message in mistake(schedule)


def test_a_template_begins_some_seconds_after_those_it_needs() -> None:
    """All of one second would pass each other by: whoever begins later sees that the others are under way."""
    templates = builtin_templates().values()
    second = {one.id: int(one.schedule.split()[0]) for one in templates}
    for one in templates:
        assert all(second[name] + 10 <= second[one.id] for name in one.runs_after), one.id
