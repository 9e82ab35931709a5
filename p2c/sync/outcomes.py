"""Outcomes out of flaws, rules, missing keys and errors, in words for a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from p2c.documents import Difference, Flaw, MappedDocument, Outcome, OutcomeKind, Rejected, Skipped, SourceDocument
from p2c.errors import NotSendable, ServiceError, Validation
from p2c.state.checkpoint import Checkpoint
from p2c.sync.advice import advice

_SYSTEMS = {"sales": "Sales", "finops": "Finance and Operations"}
_SPOKEN = {
    "businessunit": "business unit",
    "pricelevel": "price list",
    "salesorder": "order",
    "systemuser": "user",
    "transactioncurrency": "currency",
    "uom": "unit",
    "uomschedule": "unit group",
    "CDSSalesOrderHeaders": "order",
    "CDSSalesQuotationHeaders": "quotation",
    "CustomersV2": "customer",
    "SellableReleasedProducts": "sellable released product",
}
"""What people call the rows of tables and entity sets whose names say it otherwise."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """What a document waits for: a kind of row and its key, and where the document names it.

    `why` is said of a row that is there but cannot be used yet. `elsewhere` are the legal entities that have the row
    where the document's own, `here`, has none.
    """

    what: str
    key: str
    field: str = ""
    line: str = ""
    why: str = ""
    elsewhere: str = ""
    here: str = ""

    @property
    def name(self) -> str:
        """What it is, for a person: `price list CHF`."""
        return f"{spoken(self.what)} {self.key}"

    def __str__(self) -> str:
        place = f"{self.line + ': ' if self.line else ''}{self.field}"
        named = self.name + (f" ({place})" if place else "")
        if self.elsewhere:
            other, own = self.elsewhere.upper(), self.here.upper()
            return (
                f"{named} belongs to legal entity {other}, this document to {own}: "
                f"give the document another {spoken(self.what)} or owner, or add the {spoken(self.what)} to {own}"
            )
        return named + (f", which {self.why}" if self.why else "")


def system_name(system: str) -> str:
    """What a person calls the system (`sales`, `finops`)."""
    return _SYSTEMS.get(system, "the destination")


def spoken(table: str) -> str:
    """What a person calls a row of the table or entity set."""
    return _SPOKEN.get(table, table)


def skipped(document: SourceDocument, why: Skipped) -> Outcome:
    """The document was not meant to go."""
    return Outcome(
        OutcomeKind.SKIPPED,
        label(document),
        source_id=document.source_id,
        rule=why.rule,
        reason=f"{why.reason} {why.detail}".rstrip(),
        line=why.line,
        detail=why.detail,
    )


def rejected(document: SourceDocument, flaws: Sequence[Flaw], sides: tuple[Difference, ...] = ()) -> Outcome:
    """The document cannot be synced as it is; the first flaw gives code, field and line, the reason lists them all.

    `sides` shows both records where its number is taken.
    """
    first = flaws[0]
    return Outcome(
        OutcomeKind.REJECTED,
        label(document),
        source_id=document.source_id,
        rule=first.code,
        field=first.field,
        line=first.line,
        reason="; ".join(map(str, flaws)),
        sides=sides,
    )


def from_mapping(document: SourceDocument, result: Skipped | Rejected) -> Outcome:
    """The outcome of a document that mapping kept back."""
    return skipped(document, result) if isinstance(result, Skipped) else rejected(document, result.flaws)


def parked(document: SourceDocument, missing: Sequence[Awaited]) -> Outcome:
    """The document waits. Of several places that name the same row the first is told."""
    first = {one.name: one for one in reversed(missing)}
    keys = tuple(dict.fromkeys(one.name for one in missing))
    return Outcome(
        OutcomeKind.PARKED,
        label(document),
        source_id=document.source_id,
        field=missing[0].field,
        line=missing[0].line,
        missing=keys,
        reason=f"{_awaited([first[key] for key in keys])} {advice(OutcomeKind.PARKED)}",
    )


def _awaited(rows: Sequence[Awaited]) -> str:
    """What the rows are waited for, and which of them belong to another legal entity."""
    absent = "; ".join(str(row) for row in rows if not row.elsewhere)
    sentences = [f"Waits for {absent}."] if absent else []
    sentences += [f"{str(row)[0].upper()}{str(row)[1:]}." for row in rows if row.elsewhere]
    return " ".join(sentences)


def from_error(document: SourceDocument, error: ServiceError, mapped: MappedDocument | None = None) -> Outcome:
    """The outcome of a document that the destination rejected, that p2c could not send, or that was not written.

    With the mapped document a line that the error names has its product, too. The reason of a temporary rejection does
    not say whether it is retried: that depends on the retries that the document has had (`settling`).
    """
    rows = mapped.lines if mapped is not None else ()
    line = next((row.place for row in rows if row.label == error.fault.row), error.fault.row)
    temporary = isinstance(error, Validation) and not error.permanent
    system = system_name(error.system)
    kind = OutcomeKind.REJECTED if isinstance(error, Validation) else OutcomeKind.FAILED
    if isinstance(error, NotSendable):
        said = "Rejected by p2c before it was sent"
    elif kind is OutcomeKind.REJECTED:
        said = f"Rejected by {system}"
    else:
        said = f"Could not be written to {system}"
    message = str(error).rstrip()
    end = "" if message.endswith((".", "!", "?")) else "."
    promise = "" if temporary else f" {advice(kind)}"
    return Outcome(
        kind,
        label(document),
        source_id=document.source_id,
        reason=f"{said}{f' ({line})' if line else ''}: {message}{end}{promise}",
        field=error.fault.field,
        line=line,
        request_id=error.correlation.request_id or error.correlation.activity_id,
        temporary=temporary,
    )


def label(document: SourceDocument) -> str:
    """How a document is named to a person: its key, or its id where it has no key."""
    return document.key or without_key(document.source_id)


def without_key(source_id: str) -> str:
    """How a document is named that has no key."""
    return f"(no key) {source_id}"


def count(counts: Mapping[str, int], outcomes: Iterable[Outcome]) -> dict[str, int]:
    """The counts per kind with these outcomes added."""
    added = dict(counts)
    for one in outcomes:
        added[one.kind.value] = added.get(one.kind.value, 0) + 1
    return added


def counted(checkpoint: Checkpoint, outcomes: Sequence[Outcome]) -> Checkpoint:
    """The checkpoint with these outcomes and their notes counted."""
    counts = count(checkpoint.counts, outcomes)
    return checkpoint.model_copy(
        update={"counts": counts, "note_counts": count_notes(checkpoint.note_counts, outcomes)}
    )


def count_notes(note_counts: Mapping[str, int], outcomes: Iterable[Outcome]) -> dict[str, int]:
    """The counts per note code with the notes of these outcomes added."""
    added = dict(note_counts)
    for outcome in outcomes:
        for note in outcome.notes:
            added[note.code.value] = added.get(note.code.value, 0) + 1
    return added
