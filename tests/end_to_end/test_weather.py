"""Slow, busy and forgetful services, and processes that are killed: a run completes, and nothing is doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from demo.stage import Stage
from harness.totals import unexplained
from sandbox.finops import FinOpsService
from sandbox.sales.options import SalesOptions
from sandbox.wire.reply import Reply
from sandbox.wire.service import Clock
from tests.staging import FULL, Raise, counts, environment, forget_requests, kept_back, writes

SMALL: dict[str, Any] = {"page_size": 5, "sales_batch_operations": 5, "finops_batch_operations": 5}


def check_whole(stage: Stage) -> None:
    """Everything is there once, and a run has nothing more to do."""
    books = stage.sandbox.finops.books
    customers = Counter(row["CustomerAccount"] for row in books.rows("CustTable"))
    assert {number: times for number, times in customers.items() if times > 1} == {}
    for table, number in (("salesorder", "ordernumber"), ("product", "productnumber"), ("invoice", "invoicenumber")):
        rows = Counter(row[number] for row in stage.sandbox.sales.rows(table))
        assert max(rows.values(), default=1) == 1, table
    forget_requests(stage)
    assert {kind for kinds in counts(stage.run(mode=FULL)).values() for kind in kinds} == {"unchanged", "skipped"}
    assert writes(stage) == (0, 0)
    assert unexplained(stage.reconcile()) == []


def test_throttling_and_latency(stage: Raise) -> None:
    play = stage(sales=SalesOptions(batch_throttle_every=9), sales_batch_operations=5, finops_batch_operations=5)
    play.company.set_up()
    sales, finops = play.sandbox.sales, play.sandbox.finops
    sales.limits.latency = finops.limits.latency = 0.01
    # A window so short that its Retry-After is a second.
    finops.limits.requests, finops.limits.window = 3, 0.5
    finops.faults.inner_throttles = 2
    finops.faults.resource_throttles = 1
    results = play.run(["accounts", "products"])
    assert counts(results)["accounts"] == {"created": 12}
    assert kept_back(play, results) == {}
    assert finops.stats.rejected + sales.stats.rejected > 0, "somebody was told to wait"
    assert finops.faults.inner_throttles == finops.faults.resource_throttles == 0
    finops.limits.requests, sales.options.batch_throttle_every = None, None
    play.run()
    check_whole(play)


def test_gateways_that_fail_and_answers_that_are_lost(stage: Raise) -> None:
    play = stage(**SMALL)
    play.company.set_up()
    faults = play.sandbox.finops.faults
    faults.gateway_errors, faults.lost_answers = 1, 2
    results = play.run()
    assert kept_back(play, results) == {}
    assert faults.gateway_errors == faults.lost_answers == 0
    play.company.sell()
    faults.lost_answers, faults.update_conflicts = 1, 1
    assert kept_back(play, play.run()) == {}
    check_whole(play)


class DeadlyFinOps(FinOpsService):
    """An F&O that gives a sign at its n-th batch, carries it out, and answers when told to."""

    def __init__(self, batches: int) -> None:
        super().__init__(token="sandbox", clock=Clock())
        self.left = batches
        self.reached, self.go_on = threading.Event(), threading.Event()

    def handle(self, method: str, path_and_query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        reply = super().handle(method, path_and_query, headers, body)
        if path_and_query.startswith("/data/$batch"):
            self.left -= 1
            if self.left == 0:
                self.reached.set()
                self.go_on.wait(30)
        return reply


@pytest.mark.parametrize("batches", [1, 4])
def test_a_process_that_is_killed_and_started_again(stage: Raise, batches: int) -> None:
    finops = DeadlyFinOps(batches)
    play = stage(finops=finops, page_size=5, finops_batch_operations=2)
    play.company.set_up()
    variables = {**os.environ, **environment(play, P2C_PAGE_SIZE="5", P2C_FINOPS_BATCH_OPERATIONS="2")}
    command = [sys.executable, "-c", "from p2c.cli import main; main()", "run", "accounts", "--json"]
    process = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not finops.reached.wait(0.1):
            assert process.poll() is None, "it ended before it came so far"
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    finally:
        finops.go_on.set()
        process.kill()
        process.wait(30)
    there = len(finops.books.rows("CustTable"))
    assert there >= 2
    free_leases(play)
    results = play.run()
    assert sum(counts(results)["accounts"].values()) == 12
    assert kept_back(play, results) == {}
    numbers = {row["accountnumber"] for row in play.sandbox.sales.rows("account")}
    assert numbers <= {row["CustomerAccount"] for row in finops.books.rows("CustTable")}
    check_whole(play)


def free_leases(stage: Stage) -> None:
    """What a minute does: the dead process's lease is over."""
    for path in stage.settings.project.parent.glob("state/.leases/**/*"):
        if path.is_file():
            path.unlink()
