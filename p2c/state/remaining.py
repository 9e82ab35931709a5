"""What a run in slices has found changed: its next slice goes on in that list."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, ValidationError

from p2c.documents import Changed
from p2c.errors import StateError
from p2c.state.store import Store

_SCHEMA_VERSION = 1


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid")

    schema_version: int = _SCHEMA_VERSION
    run_id: str
    changes: list[Changed]


class RemainingChanges:
    """The changes that a run of one template works through: one blob, `name`. A source bounds their number."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name

    async def save(self, run_id: str, changes: Sequence[Changed]) -> None:
        """Keeps them, in place of those of any run before."""
        content = _Content(run_id=run_id, changes=list(changes))
        await self._store.write(self._name, content.model_dump_json().encode())

    async def load(self, run_id: str) -> list[Changed]:
        """Those of the run, in their order. Raises StateError when they are not there or damaged."""
        blob = await self._store.read(self._name)
        try:
            content = _Content.model_validate_json(blob.data if blob is not None else b"")
        except ValidationError as error:
            why = "is not there" if blob is None else f"is damaged ({error.error_count()} fields do not fit)"
            raise StateError(f"{self._name} {why}.", hint="The next run reads these changes again.") from error
        if content.run_id != run_id or content.schema_version != _SCHEMA_VERSION:
            raise StateError(f"{self._name} is of another run.", hint="The next run reads these changes again.")
        return content.changes

    async def clear(self) -> None:
        """Forgets them."""
        await self._store.delete(self._name)
