"""Whether the totals of both systems agree: the figures of every synced document, per template and currency."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from p2c.documents import LegalEntity, NoteCode, Outcome, OutcomeKind
from p2c.operations.reading_totals import DocumentKind, kind_of, read_finops, read_sales
from p2c.operations.totals import Balance, Explanation, FinOpsFigures, State, pairs
from p2c.sync.session import Finished, Session
from p2c.systems import keys
from p2c.templates.models import Template

_RANKS = {
    OutcomeKind.UNCHANGED: 0,
    OutcomeKind.UPDATED: 1,
    OutcomeKind.CREATED: 1,
    OutcomeKind.DELETED: 1,
    OutcomeKind.PARKED: 2,
    OutcomeKind.REJECTED: 2,
    OutcomeKind.FAILED: 2,
    OutcomeKind.SKIPPED: 3,
}
"""Of two templates that sync the same document, the one counts that has it in sync."""
_EXPLANATIONS = {
    OutcomeKind.UPDATED: Explanation.CHANGED,
    OutcomeKind.CREATED: Explanation.CHANGED,
    OutcomeKind.DELETED: Explanation.CHANGED,
    OutcomeKind.PARKED: Explanation.PARKED,
    OutcomeKind.REJECTED: Explanation.REJECTED,
    OutcomeKind.FAILED: Explanation.REJECTED,
    OutcomeKind.SKIPPED: Explanation.NOT_SYNCED,
}
_MOST_DECIMALS = 2

Compared = Mapping[str, tuple[Template, Outcome]]
"""By folded number: the template that has the document, and the outcome of comparing it."""


async def balances(session: Session, results: Sequence[Finished]) -> list[Balance]:
    """One Balance per template, legal entity and currency of quotes, orders and invoices.

    `results` are those of a full dry run: they tell which documents are in sync, and why the others are not. Only
    documents that both systems have are compared.
    """
    templates = {template.id: template for template in session.templates}
    environment = await session.environment()
    entities = {entity.id: entity for entity in environment.legal_entities.values()}
    groups: dict[tuple[str, str], list[tuple[Template, Finished]]] = defaultdict(list)
    for result in results:
        template = templates[result.record.template]
        groups[template.family, result.record.legal_entity].append((template, result))
    found: list[Balance] = []
    for (_, legal_entity), members in groups.items():
        first = members[0][0]
        kind = kind_of((first.header.source.entity, first.header.destination.entity))
        if kind is not None:
            states = _states(members)
            found += await _of_family(session, kind, entities[legal_entity], states, environment.currencies)
    return found


def _states(members: Iterable[tuple[Template, Finished]]) -> Compared:
    best: dict[str, tuple[Template, Outcome]] = {}
    for template, result in members:
        for outcome in result.outcomes:
            number = keys.fold(outcome.key)
            known = best.get(number)
            if known is None or _RANKS[outcome.kind] < _RANKS[known[1].kind]:
                best[number] = template, outcome
    return best


async def _of_family(
    session: Session, kind: DocumentKind, legal_entity: LegalEntity, states: Compared, currencies: Mapping[str, int]
) -> list[Balance]:
    sales = await read_sales(session.sales, kind, legal_entity)
    finops: dict[str, list[FinOpsFigures]] = defaultdict(list)
    keyed: dict[int, tuple[Template, Outcome]] = {}
    async for key, figures in read_finops(session.finops, kind, legal_entity):
        known = states.get(keys.fold(key))
        if known is not None and keys.fold(figures.number) in sales:
            finops[keys.fold(figures.number)].append(figures)
            keyed[id(figures)] = known
    found: dict[tuple[str, str], Balance] = {}
    for number, documents in finops.items():
        for ours, theirs in pairs(sales[number], documents):
            template, outcome = keyed[id(theirs)]
            balance = found.setdefault(
                (template.id, theirs.currency), Balance(template.id, legal_entity.id, theirs.currency)
            )
            balance.add(ours, theirs, _state(template, outcome), currencies.get(theirs.currency, _MOST_DECIMALS))
    return [found[key] for key in sorted(found)]


def _state(template: Template, outcome: Outcome) -> State:
    """What the comparison says. Where a template computes the amounts of whole documents, a price that was written
    differently has kept its line's amount, so it explains no difference."""
    reason = f"{outcome.rule}: {outcome.reason}" if outcome.rule else outcome.reason
    codes = {note.code for note in outcome.notes}
    partly = next((note for note in outcome.notes if note.code is NoteCode.PARTLY_SYNCED), None)
    if partly is not None:
        return State(Explanation.NOT_SYNCED, partly.reason)
    return State(
        _EXPLANATIONS.get(outcome.kind),
        reason,
        rounded=template.amounts is None and NoteCode.EQUAL_AFTER_ROUNDING in codes,
        header_ignored=NoteCode.HEADER_AMOUNTS_IGNORED in codes,
    )
