"""The invariant of totals as an assertion: no synced document may differ in its figures without a rule."""

from __future__ import annotations

from collections.abc import Iterable

from p2c.operations.reconcile import Agreement


def unexplained(agreements: Iterable[Agreement]) -> list[str]:
    """Documents whose totals differ without a rule, a sentence each."""
    return [
        f"{balance.template} ({balance.legal_entity}) {difference} {balance.currency}"
        for agreement in agreements
        for balance in agreement.balances
        for difference in balance.unexplained
    ]
