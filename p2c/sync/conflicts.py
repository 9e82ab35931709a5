"""Conflicts: a document that was changed on both sides since the last run, and whose change stands.

The source has changed when its fingerprint is not the one that was settled; the destination, when it does not hold what
it held then. Where both already agree there is no conflict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from p2c.documents import (
    Difference,
    DocumentChange,
    ExistingDocument,
    ExistingRow,
    Flaw,
    LegalEntity,
    MappedDocument,
    Outcome,
    OutcomeKind,
    Reference,
    RowKey,
    Skipped,
    SourceDocument,
    Value,
)
from p2c.state.conflicts import NUMBER_TAKEN, Conflict, Winner
from p2c.state.ledger import Entry
from p2c.sync.evidence import row_text
from p2c.sync.witness import Witness
from p2c.templates.models import Conflicts, Template

RULE = "conflict"
KEPT = "kept"
"""The outcome in the ledger of a document whose conflict the destination has won."""
_MOST = 100


@dataclass(frozen=True, slots=True)
class Judgement:
    """A conflict, and the outcome that it gives the document; None: it is written all the same."""

    conflict: Conflict
    outcome: Outcome | None


class Judge:
    """Finds conflicts of one template and settles them by its policy; `policy` is a person's word instead of it."""

    def __init__(
        self,
        template: Template,
        template_hash: str,
        legal_entity: LegalEntity,
        witness: Witness,
        policy: Conflicts | None = None,
    ) -> None:
        self._template = template
        self._hash = template_hash
        self._legal_entity = legal_entity
        self._witness = witness
        self._policy: Conflicts = policy or template.conflicts
        self._told = policy is not None

    def judge(
        self,
        document: SourceDocument,
        mapped: MappedDocument,
        entry: Entry | None,
        existing: ExistingDocument | None,
        change: DocumentChange,
    ) -> Judgement | None:
        """The conflict that writing `change` would settle; None when there is none."""
        if entry is None or existing is None or not self._comparable(entry):
            return None
        if change.mark is not None and change.mark.is_on(existing.header.values):
            # p2c itself was interrupted between two change sets of the document.
            return None
        both = entry.fingerprint != mapped.fingerprint and self._witness.changed(entry, existing)
        # Once the destination has won, it has for as long as the source stays as it is.
        kept = entry.outcome == KEPT and entry.fingerprint == mapped.fingerprint and self._policy != "source"
        if not both and not kept:
            return None
        conflict = self._conflict(document, existing, change, "destination" if kept else self._policy)
        return Judgement(conflict, self._outcome(document, conflict))

    def guarded(
        self,
        document: SourceDocument,
        mapped: MappedDocument,
        entry: Entry | None,
        existing: ExistingDocument,
        change: DocumentChange | None,
        guard: Skipped,
    ) -> Conflict | None:
        """The conflict that a guard settles for the destination: the source was changed after the other took over."""
        if entry is None or change is None or not self._comparable(entry) or entry.fingerprint == mapped.fingerprint:
            return None
        return self._conflict(document, existing, change, "destination", f"{guard.rule}: {guard.reason}")

    def taken(self, document: SourceDocument, sides: tuple[Difference, ...], taken_by: RowKey, flaw: Flaw) -> Conflict:
        """The conflict of a document whose number another record has; a person decides."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return Conflict(
            document.key,
            self._template.id,
            self._legal_entity.id,
            "ask",
            sides,
            flaw.reason,
            first=now,
            last=now,
            rule=NUMBER_TAKEN,
            taken_by=row_text(taken_by),
        )

    def _comparable(self, entry: Entry) -> bool:
        return bool(entry.fingerprint) and entry.template_hash == self._hash

    def _conflict(
        self,
        document: SourceDocument,
        existing: ExistingDocument,
        change: DocumentChange,
        winner: Winner,
        reason: str = "",
    ) -> Conflict:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        said = "a person said so" if self._told else f"the template's policy (conflicts: {winner})"
        found = tuple(one for one, _ in zip(_differences(change, existing), range(_MOST), strict=False))
        return Conflict(
            document.key, self._template.id, self._legal_entity.id, winner, found, reason or said, first=now, last=now
        )

    def _outcome(self, document: SourceDocument, conflict: Conflict) -> Outcome | None:
        fields = names([one.field for one in conflict.differences])
        what = f"changed on both sides since the last run ({fields})"
        if conflict.winner == "source":
            return None
        if conflict.winner == "destination":
            reason = f"{what}; the destination keeps its values"
            return Outcome(OutcomeKind.SKIPPED, document.key, document.source_id, reason, rule=RULE)
        advice = f"say whose values count: p2c conflicts settle {document.key!r} --keep source (or destination)"
        return Outcome(
            OutcomeKind.REJECTED,
            document.key,
            document.source_id,
            f"{what}; {advice}",
            rule=RULE,
            field=conflict.differences[0].field if conflict.differences else "",
        )


def written(changed: tuple[str, ...]) -> str:
    """The reason in the outcome of a document whose conflict the source has won."""
    return f"changed on both sides since the last run; the source's values were written ({names(changed)})"


def names(fields: list[str] | tuple[str, ...]) -> str:
    """Names of fields for a sentence: the first few of them."""
    shown = list(dict.fromkeys(fields))
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")


def _differences(change: DocumentChange, existing: ExistingDocument) -> Iterator[Difference]:
    """What would be written, beside what is there."""
    rows = [existing.header, *(row for lines in existing.lines.values() for row in lines)]
    there: Mapping[str, ExistingRow] = {str(row.key): row for row in rows}
    for one in change.rows:
        label = f"{one.label}: " if one.label else ""
        if one.action == "create":
            yield Difference(f"{label}added", "a line", None)
        elif one.action == "delete":
            yield Difference(f"{label}removed", None, "a line")
        else:
            held = there[str(one.key)].values if str(one.key) in there else {}
            for column, value in one.values.items():
                yield Difference(f"{label}{column}", _text(value), _text(held.get(column)))


def _text(value: Value | Reference) -> str | None:
    if value is None:
        return None
    return value.id if isinstance(value, Reference) else str(value)
