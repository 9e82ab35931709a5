"""Dead letters and parked documents: what does not go by itself, listed, grouped, and replayed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass
from dataclasses import field as attribute

from p2c.documents import Outcome
from p2c.equality import fold_key
from p2c.state.conflicts import Conflict
from p2c.state.runs import RunRecord
from p2c.state.store import Store
from p2c.state.waiting import Kind, Waiting
from p2c.sync.lane import open_lane
from p2c.sync.session import Session
from p2c.templates.models import Conflicts, Template

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where to look: the templates and legal entities of the project, or those that a person names."""

    templates: Sequence[Template]
    legal_entities: Sequence[str]

    def lanes(self) -> Iterable[tuple[Template, str]]:
        """Every template with every legal entity."""
        return ((template, entity) for template in self.templates for entity in self.legal_entities)


@dataclass(slots=True)
class Group:
    """Documents that wait for one and the same reason: how many, since when, some of their keys and correlation ids.

    `first` and `last` are the earliest and the latest attempt, `attempts` all of them; `retry_after` is when the first
    of them is retried automatically, "" = none is.
    """

    kind: Kind
    template: str
    legal_entity: str
    field: str
    reason: str
    count: int = 0
    attempts: int = 0
    first: str = ""
    last: str = ""
    retry_after: str = ""
    keys: list[str] = attribute(default_factory=list)
    request_ids: list[str] = attribute(default_factory=list)

    def add(self, one: Waiting) -> None:
        """One more."""
        self.count += 1
        self.attempts += one.attempts
        self.first = min(self.first or one.first, one.first)
        self.last = max(self.last, one.last)
        self.retry_after = min(filter(None, (self.retry_after, one.retry_after)), default="")
        if len(self.keys) < SHOWN:
            self.keys.append(one.key)
        if one.request_id and len(self.request_ids) < SHOWN:
            self.request_ids.append(one.request_id)


async def waiting(store: Store, place: Place, kind: Kind, keys: Collection[str] = ()) -> AsyncIterator[Waiting]:
    """What waits, template by template, by key; only these keys if some are named (case does not matter)."""
    wanted = {fold_key(key) for key in keys}
    for template, entity in place.lanes():
        async with open_lane(store, template, entity, lease_seconds=60, dry=True) as lane:
            async for one in lane.waiting.all(kind=kind):
                if not wanted or fold_key(one.key) in wanted:
                    yield one


def grouped(found: Iterable[Waiting]) -> list[Group]:
    """The same by what they wait for, the largest group first. What differs in a reason is its document's own name."""
    groups: dict[tuple[str, str, str, str], Group] = {}
    for one in found:
        reason = _common(one)
        name = (one.template, one.legal_entity, one.field, reason)
        group = groups.setdefault(name, Group(one.kind, one.template, one.legal_entity, one.field, reason))
        group.add(one)
    return sorted(groups.values(), key=lambda one: (-one.count, one.template, one.legal_entity, one.reason))


def _common(one: Waiting) -> str:
    """The reason without the document's key, its id, the numbers of its lines, and the values of both records."""
    text = one.reason
    values = {value for side in one.sides for value in (side.source or str(None), side.destination or str(None))}
    for name in sorted(({one.key, one.source_id} | values) - {""}, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "…", text)
    if one.line:
        text = text.replace(one.line, re.sub(r"\S*\d\S*$", "…", one.line))
    return text


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay in one lane gave."""

    record: RunRecord
    outcomes: Sequence[Outcome]


async def replay(session: Session, letters: Sequence[Waiting], *, policy: Conflicts | None = None) -> list[Replayed]:
    """Replays documents, template by template in running order, each in its lane. Raises LeaseHeld.

    `policy`: whose values count in a conflict, in place of the template's word.
    """
    results: list[Replayed] = []
    for template in session.templates:
        for entity in dict.fromkeys(one.legal_entity for one in letters if one.template == template.id):
            chosen = [one for one in letters if (one.template, one.legal_entity) == (template.id, entity)]
            plan = await session.plan(template.id, entity)
            async with session.lane(plan) as lane:
                results.append(Replayed(*await session.replay(lane, plan, policy=policy).replay(chosen)))
    return results


async def conflicts(store: Store, place: Place, keys: Collection[str] = ()) -> AsyncIterator[Conflict]:
    """The conflicts that were met, template by template, by key."""
    wanted = {fold_key(key) for key in keys}
    for template, entity in place.lanes():
        async with open_lane(store, template, entity, lease_seconds=60, dry=True) as lane:
            async for one in lane.conflicts.all():
                if not wanted or fold_key(one.key) in wanted:
                    yield one


async def forget_conflicts(session: Session, found: Sequence[Conflict]) -> None:
    """Takes conflicts off the list. Raises LeaseHeld."""
    for name, entity in dict.fromkeys((one.template, one.legal_entity) for one in found):
        plan = await session.plan(name, entity)
        async with session.lane(plan) as lane:
            keys = [one.key for one in found if (one.template, one.legal_entity) == (name, entity)]
            await lane.conflicts.clear_many(keys)
            await lane.conflicts.flush()
