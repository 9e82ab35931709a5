"""What waits in the state of a stage."""

from __future__ import annotations

import asyncio

from demo.stage import Stage
from p2c.operations.dead_letters import Place, waiting
from p2c.operations.opening import opened_store
from p2c.state.waiting import Waiting
from p2c.templates.load import builtin_templates


def dead_letters(play: Stage, template: str, *keys: str) -> list[Waiting]:
    """The documents of a template that were rejected or failed, in the legal entity usmf; only these keys if named."""

    async def read() -> list[Waiting]:
        async with opened_store(play.settings) as store:
            place = Place([builtin_templates()[template]], ["usmf"])
            return [document async for document in waiting(store, place, "dead", keys)]

    return asyncio.run(read())
