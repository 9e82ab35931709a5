"""The measurement of event latency: every template's changes arrive, and only because they were told."""

from __future__ import annotations

import os
import time

import pytest

from benchmarks.apart import ApartError
from benchmarks.events import Latency, measured
from benchmarks.measuring import TEMPLATES
from benchmarks.sources import Sources
from sandbox.host import HostError
from sandbox.host.runtime import require_runtime


def test_percentiles_are_latencies_that_were_measured() -> None:
    latency = Latency("accounts", 0.0, tuple(float(one) for one in range(20, 0, -1)))
    assert [latency.percentile(share) for share in (0.05, 0.5, 0.95, 1.0)] == [1.0, 10.0, 19.0, 20.0]
    assert Latency("accounts", 0.0, (3.0,)).percentile(0.5) == 3.0


def test_a_change_that_nobody_tells_of_does_not_arrive() -> None:
    with Sources(seed=1, documents=5) as sources:
        sources.act("set_up")
        (told,) = sources.change("accounts", 0)
        assert (told.to, told.body["PrimaryEntityName"], told.body["MessageName"]) == ("inbox", "account", "Update")
        with pytest.raises(ApartError, match="was not written"):
            sources.watched(lambda: None, 0.1)


def test_each_template_is_measured_through_the_whole_app() -> None:
    try:
        require_runtime()
    except HostError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    begin = time.monotonic()
    found = list(measured(2, seed=2, imposed=0.01))
    assert [one.template for one in found] == list(TEMPLATES)
    assert all(len(one.seconds) == 2 for one in found)
    # A document is read before it is written: two requests at least.
    assert all(each > 0.02 for one in found for each in one.seconds)
    assert sum(each for one in found for each in one.seconds) < time.monotonic() - begin
