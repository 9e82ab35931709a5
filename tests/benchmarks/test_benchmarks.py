"""The benchmark measures what it says: all of each template, the same end state, and one request after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from benchmarks import company
from benchmarks.measuring import TEMPLATES, Client, Measurement, Scenario, measured
from sandbox.company.plan import ContactKind, Progress

DOCUMENTS = 12


@pytest.mark.parametrize("documents", [1, 7, 60])
def test_a_company_has_as_many_of_each_kind_as_it_was_asked_for(documents: int) -> None:
    plan = company.plan(1, documents)

    kinds = Counter(contact.kind for contact in plan.contacts)
    most = max(documents, 5)
    assert len(plan.quotes) == len(plan.orders) == documents
    assert kinds.keys() == {ContactKind.ACTIVE_CUSTOMER, ContactKind.COMPANY_CONTACT}
    assert documents <= len(plan.accounts) <= most
    assert all(documents <= kinds[kind] <= most for kind in kinds)
    assert {line.product for order in plan.orders for line in order.lines} <= {one.number for one in plan.products}
    assert {order.progress for order in plan.orders} <= {Progress.CONFIRMED, Progress.INVOICED}


def test_the_same_seed_gives_the_same_company_and_another_one_another() -> None:
    assert company.plan(3, 20) == company.plan(3, 20)
    assert company.plan(3, 20) != company.plan(4, 20)


def test_two_rounds_of_changes_touch_different_things() -> None:
    things = range(120)
    first, second = company.some(things, 0), company.some(things, 1)
    assert set(first).isdisjoint(second)
    assert len(first) == pytest.approx(120 / company.CHANGED_EVERY, abs=1)


def test_both_clients_write_the_same_and_the_plain_one_asks_far_more_often() -> None:
    ours, plain = _measured("p2c"), _measured("plain")

    assert [one.template for one in ours] == [one.template for one in plain] == [*TEMPLATES]
    for one, other in zip(ours, plain, strict=True):
        assert (one.documents, one.written, one.writes) == (other.documents, other.written, other.writes), one.template
        assert one.requests < other.requests, one.template
        # One row a request, and one request to see whether the document is there.
        assert other.requests == other.operations >= other.writes + other.written
        assert one.seconds > 0


def _measured(client: Client) -> Sequence[Measurement]:
    """A first load; it raises unless both systems agree after each stage."""
    return list(measured(Scenario(client, DOCUMENTS, 0.0, (), seed=2)))
