"""What p2c remembers, in a form in which two runs can be compared: ledger, waiting list, whether the runs are done."""

from __future__ import annotations

from dataclasses import dataclass

from p2c.operations.opening import opened_store, project_of
from p2c.settings import Settings
from p2c.sync.lane import open_lane
from p2c.templates.project import effective_templates


@dataclass(frozen=True, slots=True)
class Memory:
    """By template, legal entity and document key: what was settled, and what waits and for what.

    Ids of the source are left out: people's rows have new ones in every life.

    `unfinished` are templates whose last run has not come to its end.
    """

    settled: dict[tuple[str, str, str], tuple[str, str, tuple[str, ...]]]
    waiting: dict[tuple[str, str, str], tuple[str, tuple[str, ...]]]
    unfinished: tuple[str, ...]


async def recall(settings: Settings) -> Memory:
    """What the state of a project holds now."""
    memory = Memory({}, {}, ())
    unfinished: list[str] = []
    project = project_of(settings)
    async with opened_store(settings) as store:
        for template in effective_templates(project).values():
            for entity in (one.lower() for one in project.connection_set.legal_entities):
                async with open_lane(store, template, entity, lease_seconds=60, dry=True) as lane:
                    point = await lane.checkpoints.load(template.id)
                    if point is not None and point.completed is None:
                        unfinished.append(f"{entity} {template.id}")
                    async for key, entry in lane.ledger.entries():
                        # Without a fingerprint it was only seen: when, depends on how many runs there were.
                        if entry.fingerprint:
                            known = (entry.fingerprint, entry.destination_id, entry.lines)
                            memory.settled[template.id, entity, key] = known
                    async for one in lane.waiting.all():
                        memory.waiting[template.id, entity, one.key] = (one.kind, one.missing)
    return Memory(memory.settled, memory.waiting, tuple(unfinished))


def disagreements(a: Memory, b: Memory) -> list[str]:
    """What `b` remembers otherwise than `a`, a sentence each; empty when they agree."""
    found = [f"state: the last run of {one} did not come to its end" for one in b.unfinished]
    for what, ours, theirs in (("settled", a.settled, b.settled), ("waiting", a.waiting, b.waiting)):
        for place in sorted(ours.keys() | theirs.keys()):
            one, other = ours.get(place), theirs.get(place)
            if one != other:
                found.append(f"state: {' '.join(place)}: {what} is {other}, not {one}")
    return found
