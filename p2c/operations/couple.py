"""Couple: a person confirms that a document and the record that has its number are the same, and it is synced."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from p2c.equality import fold_key
from p2c.errors import ConfigError
from p2c.operations.dead_letters import Replayed
from p2c.state.conflicts import NUMBER_TAKEN
from p2c.state.couplings import Coupling
from p2c.sync.lane import Lane
from p2c.sync.session import Session


class NothingToCouple(ConfigError):
    """A document that does not wait because its number is taken."""

    code = "nothing_to_couple"


async def couple(session: Session, template: str, legal_entity: str, keys: Sequence[str]) -> Replayed:
    """Confirms the pairs that were met last, and replays their documents in the same lane.

    Raises NothingToCouple, before anything is confirmed, for a key whose number is not taken; LeaseHeld; ConfigError.
    """
    plan = await session.plan(template, legal_entity)
    async with session.lane(plan) as lane:
        waiting = {fold_key(key) for key in await taken(lane, keys)}
        if unknown := [key for key in keys if fold_key(key) not in waiting]:
            raise NothingToCouple(
                f"No document of {template} in {legal_entity} waits because its number is taken: {', '.join(unknown)}.",
                hint="`p2c conflicts list` shows those that do; for others name them in the project file (couplings).",
            )
        confirmed = await confirm(lane, keys)
        letters = await lane.waiting.get_many(confirmed)
        return Replayed(*await session.replay(lane, plan).replay(list(letters.values())))


async def taken(lane: Lane, keys: Sequence[str]) -> dict[str, str]:
    """The row that has the number, by document key as the lane knows it, of those of these keys whose number is taken.

    Keys are compared as the databases of both systems do.
    """
    wanted = {fold_key(key) for key in keys}
    return {
        one.key: one.taken_by
        async for one in lane.conflicts.all()
        if one.rule == NUMBER_TAKEN and fold_key(one.key) in wanted
    }


async def confirm(lane: Lane, keys: Sequence[str]) -> list[str]:
    """Confirms, durably, the pairs that were met last; returns the keys of their documents as the lane knows them.

    A key whose number is not taken (any more) is passed over.
    """
    rows = await taken(lane, keys)
    waiting = await lane.waiting.get_many(rows)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    await lane.couplings.put_many(
        {key: Coupling(waiting[key].source_id if key in waiting else "", row, now) for key, row in rows.items()}
    )
    await lane.couplings.flush()
    return list(rows)
