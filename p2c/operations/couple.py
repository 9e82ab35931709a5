"""Couple: a person confirms that a document and the record that has its number are the same, and it is synced."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from p2c.errors import ConfigError
from p2c.operations.dead_letters import Replayed
from p2c.state.conflicts import NUMBER_TAKEN
from p2c.state.couplings import Coupling
from p2c.sync.session import Session
from p2c.systems.keys import fold


class NothingToCouple(ConfigError):
    """A document that does not wait because its number is taken."""

    code = "nothing_to_couple"


async def couple(session: Session, template: str, legal_entity: str, keys: Sequence[str]) -> Replayed:
    """Confirms the pairs that were met last, and replays their documents in the same lane.

    Raises NothingToCouple, before anything is confirmed, for a key whose number is not taken; LeaseHeld; ConfigError.
    """
    plan = await session.plan(template, legal_entity)
    async with session.lane(plan) as lane:
        met = {fold(one.key): one async for one in lane.conflicts.all() if one.rule == NUMBER_TAKEN}
        if unknown := [key for key in keys if fold(key) not in met]:
            raise NothingToCouple(
                f"No document of {template} in {legal_entity} waits because its number is taken: {', '.join(unknown)}.",
                hint="`p2c conflicts list` shows those that do; for others name them in the project file (couplings).",
            )
        chosen = [met[fold(key)] for key in keys]
        waiting = await lane.waiting.get_many([one.key for one in chosen])
        now = datetime.now(UTC).isoformat(timespec="seconds")
        await lane.couplings.put_many(
            {
                one.key: Coupling(waiting[one.key].source_id if one.key in waiting else "", one.taken_by, now)
                for one in chosen
            }
        )
        await lane.couplings.flush()
        return Replayed(*await session.replay(lane, plan).replay(list(waiting.values())))
