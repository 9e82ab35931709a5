"""A company's life in both systems: masters, sales, deliveries and invoices, changes, with a run after each."""

from __future__ import annotations

from collections import Counter

import pytest

from demo.stage import Stage
from harness.totals import unexplained
from p2c.documents import OutcomeKind
from p2c.sync.session import Finished
from p2c.sync.watching import Mode
from tests.staging import FULL, Raise, counts, forget_requests, writes
from tests.sync.harness import Watch

TEMPLATES = [
    "accounts",
    "products",
    "contacts",
    "contacts-to-customers",
    "quotes",
    "orders-to-finops",
    "orders-to-sales",
    "invoices",
]


TABLES = {
    "accounts": "account",
    "contacts": "contact",
    "contacts-to-customers": "contact",
    "quotes": "quote",
    "orders-to-finops": "salesorder",
}


def run_and_check(stage: Stage, *, mode: Mode | None = None, whole: bool = False) -> dict[str, dict[str, int]]:
    """A run of everything; its outcomes add up to the documents read, and the state has them all.

    A `whole` one reads everything that the sources hold, others at most that.
    """
    # Counted before: orders of F&O come to Sales after those of Sales went.
    there = {template: len(stage.sandbox.sales.rows(table)) for template, table in TABLES.items()}
    watch = Watch()
    results = stage.run(mode=mode, progress=watch)
    found = counts(results)
    read = {template: sum(kinds.values()) for template, kinds in found.items()}
    assert sum(read.values()) == watch.documents
    entities = {one.code for one in stage.company.legal_entities}
    orders = [row for row in stage.sandbox.finops.books.rows("SalesTable") if row["dataAreaId"] in entities]
    there["orders-to-sales"] = len(orders)
    for template, number in there.items():
        assert read[template] == number if whole else read[template] <= number, template
    for one in results:
        check_state(stage, one)
    return found


def check_state(stage: Stage, one: Finished) -> None:
    kept = Counter(
        outcome.kind.value
        for outcome in stage.outcomes(one)
        if outcome.kind != OutcomeKind.UNCHANGED or not outcome.notes
    )
    assert kept == {kind: number for kind, number in one.record.counts.items() if kind != OutcomeKind.UNCHANGED}


@pytest.mark.parametrize("name", ["contoso", "contoso-group"])
def test_a_life(stage: Raise, name: str) -> None:
    play = stage(name)
    company, sales, finops = play.company, play.sandbox.sales, play.sandbox.finops
    company.set_up()

    masters = run_and_check(play, whole=True)
    assert list(masters) == TEMPLATES
    assert masters["accounts"] == {"created": len(sales.rows("account"))}
    assert masters["contacts"]["created"] + masters["contacts-to-customers"]["created"] > 10

    company.sell()
    sold = run_and_check(play)
    assert sold["quotes"]["created"] >= 5
    assert sold["orders-to-finops"]["created"] >= 8

    company.fulfil()
    fulfilled = run_and_check(play)
    assert fulfilled["orders-to-sales"]["updated"] >= 7
    assert fulfilled["invoices"]["created"] >= 3

    company.change()
    changed = run_and_check(play)
    assert changed["accounts"]["created"] == changed["accounts"]["updated"] == 1
    assert changed["products"]["created"] == 1
    assert changed["orders-to-sales"]["created"] >= 1
    assert changed["invoices"]["created"] >= 1

    forget_requests(play)
    again = run_and_check(play)
    assert writes(play) == (0, 0)
    assert {kind for kinds in again.values() for kind in kinds} <= {"unchanged", "skipped"}

    forget_requests(play)
    agreements = play.reconcile()
    assert unexplained(agreements) == []
    assert sum(balance.compared for agreement in agreements for balance in agreement.balances) > 0
    for agreement in agreements:
        assert agreement.error == ""
        assert [(one.key, one.changed) for one in agreement.different] == []
        assert agreement.kept_back == []
    assert writes(play) == (0, 0)

    everything = run_and_check(play, mode=FULL, whole=True)
    assert writes(play) == (0, 0)
    assert {kind for kinds in everything.values() for kind in kinds} == {"unchanged", "skipped"}
    assert {row["dataAreaId"] for row in finops.books.rows("CustTable")} >= {one.code for one in company.legal_entities}
