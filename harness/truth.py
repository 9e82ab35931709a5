"""Whether what a run says of itself is so: nothing is called done that has not arrived."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.totals import unexplained
from p2c.documents import Outcome, OutcomeKind
from p2c.operations.reconcile import Agreement
from p2c.state.runs import RunRecord

_WRITTEN = (OutcomeKind.CREATED, OutcomeKind.UPDATED, OutcomeKind.DELETED)
_KEPT_BACK = (OutcomeKind.FAILED, OutcomeKind.REJECTED, OutcomeKind.PARKED)


@dataclass(frozen=True, slots=True)
class Said:
    """What a run says: its record, and what became of its documents (without the unchanged ones)."""

    record: RunRecord
    outcomes: Sequence[Outcome]


def untruths(said: Sequence[Said], found: Sequence[Agreement]) -> list[str]:
    """What the runs say that comparing both systems does not bear out, a sentence each."""
    agreements = {(one.template, one.legal_entity): one for one in found}
    sentences: list[str] = []
    for one in said:
        name = f"{one.record.template} ended in {one.record.status}"
        agreement = agreements[one.record.template, one.record.legal_entity]
        if agreement.error:
            sentences.append(f"{one.record.template} cannot be compared: {agreement.error}")
        sentences += [f"{name}: {what}" for what in _of_run(one, agreement)]
    return [*sentences, *unexplained(found)]


def _of_run(said: Said, found: Agreement) -> Iterator[str]:
    record = said.record
    # A document may have failed first and gone through when the run went on: the last word counts.
    last = {outcome.key: outcome.kind for outcome in said.outcomes}
    if record.status == "Running":
        yield "it never came to an end"
    if record.status == "Error" and not record.error:
        yield "it does not say why"
    kept_back = sum(record.counts.get(kind.value, 0) for kind in _KEPT_BACK)
    if record.status == "Completed" and kept_back:
        yield f"{kept_back} documents were kept back"
    for outcome in found.different:
        kind = last.get(outcome.key)
        if kind in _WRITTEN:
            yield f"{outcome.key} is called {kind}, but {', '.join(outcome.changed) or 'it'} is not there"
        elif record.status == "Completed":
            yield f"{outcome.key} differs: {', '.join(outcome.changed) or 'it is not there'}"
        elif record.status == "Warning" and kind not in _KEPT_BACK:
            yield f"{outcome.key} is not among those kept back, but differs: {', '.join(outcome.changed)}"
