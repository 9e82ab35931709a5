"""What a run did, summed up."""

from __future__ import annotations

from p2c.documents import Outcome, OutcomeKind
from p2c.operations.report import SHOWN, reasons


def test_reasons_are_grouped_the_worst_first_and_the_most_frequent_first() -> None:
    found = reasons(
        [
            Outcome(OutcomeKind.CREATED, "A"),
            Outcome(OutcomeKind.UNCHANGED, "B"),
            *(Outcome(OutcomeKind.SKIPPED, f"S{number}", reason="Not yet.", rule="confirmed") for number in range(7)),
            Outcome(OutcomeKind.PARKED, "P", reason="waits"),
            Outcome(OutcomeKind.REJECTED, "R1", reason="rare"),
            *(Outcome(OutcomeKind.REJECTED, f"R{number}", reason="often") for number in (2, 3)),
            Outcome(OutcomeKind.FAILED, "F", reason="lost"),
        ]
    )
    assert [(one.kind.value, one.text, one.count) for one in found] == [
        ("failed", "lost", 1),
        ("rejected", "often", 2),
        ("rejected", "rare", 1),
        ("parked", "waits", 1),
        ("skipped", "confirmed: Not yet.", 7),
    ]
    assert found[1].examples == ["R2", "R3"]
    assert len(found[-1].examples) == SHOWN
