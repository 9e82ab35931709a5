"""What a run did, summed up."""

from __future__ import annotations

from p2c.documents import Note, NoteCode, Outcome, OutcomeKind
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


def test_notes_follow_the_reasons_one_group_for_each_code_and_field() -> None:
    def rounded(key: str, price: str, lines: int = 1) -> Outcome:
        note = Note(NoteCode.EQUAL_AFTER_ROUNDING, f"{price} is written as 0.08", "priceperunit", "OrderLine 1")
        return Outcome(OutcomeKind.UNCHANGED, key, notes=(note,) * lines)

    rejected = Outcome(OutcomeKind.REJECTED, "SO-3", reason="name: is empty")
    found = reasons([rounded("SO-1", "0.0725", lines=2), rejected, rounded("SO-2", "0.0751")])
    assert [(reason.kind, reason.text, reason.count, reason.examples) for reason in found] == [
        (OutcomeKind.REJECTED, "name: is empty", 1, ["SO-3"]),
        (NoteCode.EQUAL_AFTER_ROUNDING, "priceperunit: 0.0725 is written as 0.08", 3, ["SO-1", "SO-2"]),
    ]
