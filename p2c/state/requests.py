"""What callers asked for: which runs a request became, and which runs somebody wants stopped."""

from __future__ import annotations

import hashlib
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from p2c.errors import PreconditionFailed, StateError
from p2c.state.store import Store

Kind = Literal["run", "record", "replay", "couple"]


class Part(BaseModel):
    """One run that the request became: of a template in a legal entity. `keys` names documents, none = all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run_id: str
    template: str
    legal_entity: str
    keys: list[str] = Field(default_factory=list)


class Request(BaseModel):
    """A request and the runs that it became. `asked` is a hash of what was asked: one key, one question."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    kind: Kind
    asked: str
    mode: str = ""
    created: AwareDatetime
    parts: list[Part]


class Requests:
    """The requests, in `store`."""

    def __init__(self, store: Store, prefix: str = "requests") -> None:
        self._store = store
        self._prefix = prefix.rstrip("/")

    async def keep(self, request: Request) -> Request:
        """Keeps the request; gives the one that is there already under its id, if there is one."""
        name = self._name(request.id)
        try:
            await self._store.write(name, request.model_dump_json(indent=1).encode(), if_absent=True)
        except PreconditionFailed:
            return await self.load(request.id) or request
        return request

    async def load(self, id_: str) -> Request | None:
        """The request, None when there is none. Raises StateError when it cannot be read."""
        name = self._name(id_)
        blob = await self._store.read(name)
        if blob is None:
            return None
        try:
            return Request.model_validate_json(blob.data)
        except ValidationError as error:
            raise StateError(f"The request {name} is damaged or from a newer p2c.", hint="Delete it.") from error

    async def cancel(self, run_id: str) -> None:
        """Asks the run to stop at the end of its page; asking twice is fine."""
        await self._store.write(self._cancel_name(run_id), b"")

    async def cancelled(self, run_id: str) -> bool:
        """Whether somebody asked that."""
        return await self._store.read(self._cancel_name(run_id)) is not None

    def _name(self, id_: str) -> str:
        return f"{self._prefix}/asked/{id_}.json"

    def _cancel_name(self, run_id: str) -> str:
        return f"{self._prefix}/cancel/{run_id}"


def request_id(idempotency_key: str) -> str:
    """The id of the request that was made with this key: always the same."""
    return "q-" + hashlib.sha256(idempotency_key.encode()).hexdigest()[:32]
