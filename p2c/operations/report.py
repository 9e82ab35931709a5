"""What a run did, summed up for a person: reasons grouped, with an example each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from p2c.documents import NoteCode, Outcome, OutcomeKind
from p2c.state.checkpoint import Checkpoint
from p2c.state.runs import RunRecord, Runs
from p2c.state.store import Store
from p2c.sync.lane import open_lane
from p2c.templates.models import Template


@dataclass(slots=True)
class Reason:
    """What the report says of several documents: outcome or note code, text, number, and the keys of some of them."""

    kind: OutcomeKind | NoteCode
    text: str
    count: int = 0
    examples: list[str] = field(default_factory=list)


SHOWN = 5
_LATEST = 100
_WITH_REASON = (OutcomeKind.SKIPPED, OutcomeKind.PARKED, OutcomeKind.REJECTED, OutcomeKind.FAILED)


def reasons(outcomes: Iterable[Outcome]) -> list[Reason]:
    """The reasons of outcomes and the notes, most frequent first within each kind; rejected and failed come first."""
    found = _Reasons()
    for one in outcomes:
        found.add(one)
    return found.sorted()


async def reasons_of(store: Store, run_id: str) -> list[Reason]:
    """The reasons of a run, a page of its outcomes at a time in memory."""
    found = _Reasons()
    async for one in run_outcomes(store, run_id):
        found.add(one)
    return found.sorted()


class _Reasons:
    def __init__(self) -> None:
        self._found: dict[tuple[OutcomeKind | NoteCode, str], Reason] = {}

    def add(self, one: Outcome) -> None:
        if one.kind in _WITH_REASON or one.rule:
            reason = one.reason.removesuffix(one.detail).rstrip()
            text = f"{one.rule}: {reason}" if one.rule else reason
            self._count(one.kind, text, text, f"{one.key}: {one.detail.rstrip('.')}" if one.detail else one.key)
        for note in one.notes:
            # Notes name values, which differ by document: the first one stands for all of its code and field.
            self._count(note.code, note.field, f"{note.field}: {note.reason}" if note.field else note.reason, one.key)

    def _count(self, kind: OutcomeKind | NoteCode, group: str, text: str, key: str) -> None:
        reason = self._found.setdefault((kind, group), Reason(kind, text))
        reason.count += 1
        # A document may have several notes of a kind; two rejected records may share their key.
        if len(reason.examples) < SHOWN and not (isinstance(kind, NoteCode) and key in reason.examples):
            reason.examples.append(key)

    def sorted(self) -> list[Reason]:
        order: dict[str, int] = {kind: place for place, kind in enumerate(reversed(_WITH_REASON))}
        found = self._found.values()
        return sorted(found, key=lambda one: (order.get(one.kind, len(order)), -one.count, one.text))


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """Where a template stands for one legal entity: checkpoint, memory, what waits, what needs a person.

    `retrying` counts the documents that are rejected or failed and are retried automatically, `dead` those that are
    not. `newest` is its newest run, as far as that is among the latest of all.
    """

    template: str
    legal_entity: str
    checkpoint: Checkpoint | None
    documents: int
    parked: int
    retrying: int
    dead: int
    newest: RunRecord | None = None


async def status(store: Store, templates: Iterable[Template], legal_entities: Iterable[str]) -> list[LaneStatus]:
    """The status of every template and legal entity that has run at least once, or should."""
    entities = list(legal_entities)
    found: list[LaneStatus] = []
    newest: dict[tuple[str, str], RunRecord] = {}
    for record in await recent_runs(store, _LATEST):
        newest.setdefault((record.template, record.legal_entity.lower()), record)
    for template in templates:
        for entity in entities:
            async with open_lane(store, template, entity, lease_seconds=60, dry=True) as lane:
                documents = [document async for document in lane.waiting.all()]
                parked = sum(document.kind == "parked" for document in documents)
                dead = sum(document.needs_person for document in documents)
                found.append(
                    LaneStatus(
                        template=template.id,
                        legal_entity=entity,
                        checkpoint=await lane.checkpoints.load(template.id),
                        documents=await lane.ledger.count(),
                        parked=parked,
                        retrying=len(documents) - parked - dead,
                        dead=dead,
                        newest=newest.get((template.id, entity.lower())),
                    )
                )
    return found


async def recent_runs(store: Store, limit: int) -> list[RunRecord]:
    """The latest runs, newest first."""
    return await Runs(store).recent(limit)


async def run_record(store: Store, run_id: str) -> RunRecord | None:
    """The record of a run, None when there is none."""
    try:
        return await Runs(store).load(run_id)
    except ValueError:
        # Nothing can be called so.
        return None


def run_outcomes(store: Store, run_id: str) -> AsyncIterator[Outcome]:
    """Every outcome of a run but the unchanged ones."""
    return Runs(store).outcomes(run_id)
