"""The arithmetic of docs/scale.md: it is what the page shows, and it behaves as arithmetic should."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import scale

BENCHMARKS = Path(__file__).parents[2] / "docs" / "benchmarks.md"
RELIABILITY = BENCHMARKS.with_name("reliability.md")

volumes = st.builds(
    scale.Volume,
    documents=st.integers(0, 10_000_000),
    changes=st.integers(0, 1_000_000),
    legal_entities=st.integers(1, 50),
    runs=st.integers(0, 10_000),
)


def test_the_page_shows_what_the_script_gives() -> None:
    page = scale.PAGE.read_text(encoding="utf-8")
    assert scale.written(page, scale.tables(scale.today())) == page, "run: python -m benchmarks.scale --write"


def test_what_was_measured_is_not_more_than_what_is_reckoned_with() -> None:
    rows = re.findall(
        r"^\| `[\w-]+` \| ([\d ]+) \| [\d ]+ \| ([\d ]+) \|", BENCHMARKS.read_text(encoding="utf-8"), re.MULTILINE
    )
    measured = [(int(requests.replace(" ", "")), int(operations.replace(" ", ""))) for requests, operations in rows]
    assert len(measured) == 16
    written, compared = measured[:8], measured[8:]
    assert max(requests for requests, _ in written) <= scale.REQUESTS_PER_1000_WRITTEN
    assert max(operations for _, operations in written) <= 1000 * scale.OPERATIONS_PER_DOCUMENT
    assert max(requests for requests, _ in compared) <= scale.REQUESTS_PER_1000_COMPARED


def test_a_full_comparison_is_not_reckoned_faster_than_it_was() -> None:
    rows = re.findall(
        r"^\| [\d ]+ \| full comparison \| ([\d ]+) \| \d+ \| (\d+) \|",
        RELIABILITY.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    # The largest: in the others the start of the process counts for more than what it does.
    documents, seconds = max((int(number.replace(" ", "")), int(taken)) for number, taken in rows)
    assert 0.5 < seconds / documents * 1000 <= scale.SECONDS_PER_1000_COMPARED


def test_a_lane_carries_no_more_than_its_user_may() -> None:
    rates = scale.lane_rates()
    assert 0 < rates["Sales"] <= scale.sales_rate()
    assert 0 < rates["F&O"] <= scale.finops_rate()


def test_lanes_are_families_times_legal_entities() -> None:
    assert scale.families() == 6
    assert scale.cost(scale.Volume(1_000, 10, 4, 100)).lanes == 24


def test_schedules_every_so_many_minutes_make_so_many_runs() -> None:
    assert scale.runs_per_day() == 6 * 288 + 2 * 96


@given(volumes, st.sampled_from(scale.FACTORS))
def test_more_volume_never_costs_less(volume: scale.Volume, factor: int) -> None:
    less, more = scale.cost(volume), scale.cost(volume.times(factor))
    assert more.total >= less.total
    assert more.first_load >= less.first_load
    assert all(more.binding()[name] >= share for name, share in less.binding().items())


@given(volumes)
def test_money_is_whole_and_never_negative(volume: scale.Volume) -> None:
    found = scale.cost(volume)
    assert all(value >= 0 and value == int(value) for value in found.money.values())
    assert found.total == sum(found.money.values())


def test_a_page_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        scale.written("# Scale\n", "tables")


def test_other_volumes_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert scale.main(["--documents", "200000", "--changes", "5000", "--legal-entities", "3"]) == 0
    assert "| documents in all | 200 000 | 2 000 000 |" in capsys.readouterr().out
