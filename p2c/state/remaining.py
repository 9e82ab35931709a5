"""What a run in slices has found changed: its next slice goes on in that list."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, ValidationError

from p2c.documents import Changed
from p2c.state.store import Store

_LOG = logging.getLogger(__name__)
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

    async def load(self, run_id: str) -> list[Changed] | None:
        """Those of the run, in their order; None when they are not there, damaged or of another run: name them anew."""
        blob = await self._store.read(self._name)
        try:
            content = _Content.model_validate_json(blob.data if blob is not None else b"")
        except ValidationError as error:
            _LOG.warning("%s cannot be used: %s fields do not fit", self._name, error.error_count())
            return None
        fits = content.run_id == run_id and content.schema_version == _SCHEMA_VERSION
        return content.changes if fits else None

    async def clear(self) -> None:
        """Forgets them."""
        await self._store.delete(self._name)
