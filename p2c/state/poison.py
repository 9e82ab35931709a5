"""Messages that could not be handled: the queue keeps them in its dead-letter queue, and here is why.

A message is noted *before* it is handled for the last time, so that one that takes the whole process down is noted as
well, and crossed out when it went through after all.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from p2c.errors import StateError
from p2c.state.store import Store

LONGEST_BODY = 200_000


class Poison(BaseModel):
    """A message and what is wrong with it. `body` is its text, cut to `LONGEST_BODY` characters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    queue: str
    message_id: str
    session_id: str = ""
    reason: str
    deliveries: int
    noted: AwareDatetime
    body: str = ""


class PoisonList:
    """The messages that ended so, in `store`."""

    def __init__(self, store: Store, prefix: str = "poison") -> None:
        self._store = store
        self._prefix = prefix.rstrip("/")

    async def note(self, poison: Poison) -> None:
        """Notes a message, over what was noted of it before."""
        await self._store.write(self._name(poison.id), poison.model_dump_json(indent=1).encode())

    async def clear(self, id_: str) -> None:
        """Crosses a message out; one that is not there is fine."""
        await self._store.delete(self._name(id_))

    async def load(self, id_: str) -> Poison | None:
        """The message of that id, None when it is not there. Raises StateError when it cannot be read."""
        name = self._name(id_)
        blob = await self._store.read(name)
        if blob is None:
            return None
        try:
            return Poison.model_validate_json(blob.data)
        except ValidationError as error:
            raise StateError(f"{name} is damaged or from a newer p2c.", hint="Delete it.") from error

    async def all(self) -> AsyncIterator[Poison]:
        """All of them, in no order that means something."""
        async for name in self._store.names(f"{self._prefix}/"):
            poison = await self.load(name.rpartition("/")[2].removesuffix(".json"))
            if poison is not None:
                yield poison

    def _name(self, id_: str) -> str:
        return f"{self._prefix}/{id_}.json"


def poison_id(queue: str, message_id: str) -> str:
    """The id under which a message is noted."""
    return hashlib.sha256(f"{queue}\x1f{message_id}".encode()).hexdigest()[:32]
