"""Checkpoints: how far a template has come. A page has happened once the checkpoint after it is saved."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from p2c.errors import PreconditionFailed, StateError
from p2c.state.store import Store

SCHEMA_VERSION = 3

Phase = Literal["everything", "changed", "again"]
Migration = Callable[[dict[str, Any]], dict[str, Any]]
MIGRATIONS: Mapping[int, Migration] = {
    1: lambda document: document,  # 2 added `phase`, `turned`, `careful`; what 1 knew nothing of, it did not need
    2: lambda document: document,  # 3 added `note_counts`, empty until a run counts notes
}
"""Schema version → what makes the next version of it. Whoever raises `SCHEMA_VERSION` adds one: no state is lost."""


class Checkpoint(BaseModel):
    """How far a template has come in its lane.

    `phase` says what is being read: everything, what `changed`, or what is tried `again` (which began when it
    `turned`); `cursor` continues it after the last settled page (None: at the start). `careful`: all that the run reads
    is compared with the destination, whatever the ledger says, since a run before it was interrupted. `page` counts the
    settled pages of the run, `slice` numbers its slices, `due` is when the next one must have begun (else the run
    counts as broken off), `counts` counts its outcomes by kind, `note_counts` their notes by code. `delta` holds a
    token per table for the next increment, opaque here; `marked` those that become it once the read under way is
    complete. `completed` is when the last run ended, `compared` when everything was last read to the end. `identities`
    names what the state belongs to (environment ids and the like), by the caller's own names.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = SCHEMA_VERSION
    template_hash: str = ""
    mode: str = ""
    phase: Phase = "everything"
    turned: AwareDatetime | None = None
    cursor: str | None = None
    careful: bool = False
    page: int = Field(default=0, ge=0)
    slice: int = Field(default=0, ge=0)
    run_id: str = ""
    due: AwareDatetime | None = None
    started: AwareDatetime | None = None
    completed: AwareDatetime | None = None
    counts: dict[str, int] = Field(default_factory=dict)
    note_counts: dict[str, int] = Field(default_factory=dict)
    delta: dict[str, str] = Field(default_factory=dict)
    marked: dict[str, str] = Field(default_factory=dict)
    compared: AwareDatetime | None = None
    identities: dict[str, str] = Field(default_factory=dict)


class Checkpoints:
    """The checkpoints of one lane, under `prefix`, one per template.

    Each save goes over the version that this object last loaded or saved, and no other: whoever lost the lane unnoticed
    cannot move a checkpoint back.
    """

    def __init__(self, store: Store, prefix: str) -> None:
        self._store = store
        self._prefix = prefix.rstrip("/")
        self._etags: dict[str, str] = {}

    async def load(self, template: str) -> Checkpoint | None:
        """The checkpoint of the template, None when it never ran. Raises `StateError` when it cannot be read."""
        name = self._name(template)
        blob = await self._store.read(name)
        if blob is None:
            self._etags.pop(template, None)
            return None
        checkpoint = parse_checkpoint(name, blob.data)
        self._etags[template] = blob.etag
        return checkpoint

    async def save(self, template: str, checkpoint: Checkpoint) -> None:
        """Moves the checkpoint. Raises `PreconditionFailed` when it is not the one that was loaded or saved last."""
        known = self._etags.get(template)
        data = checkpoint.model_dump_json(exclude_defaults=True, exclude={"schema_version"})
        document = {"schema_version": checkpoint.schema_version} | json.loads(data)
        try:
            self._etags[template] = await self._store.write(
                self._name(template), json.dumps(document, indent=1).encode(), if_match=known, if_absent=known is None
            )
        except PreconditionFailed as error:
            raise PreconditionFailed(
                f"The checkpoint of {template} was moved by another run.", hint="This run stops; that one carries on."
            ) from error

    async def forget(self, template: str) -> None:
        """Deletes the checkpoint: the next run starts from nothing."""
        await self._store.delete(self._name(template))
        self._etags.pop(template, None)

    def _name(self, template: str) -> str:
        return f"{self._prefix}/{template}.json"


def parse_checkpoint(name: str, data: bytes) -> Checkpoint:
    """The checkpoint in `data`, brought to today's schema. Raises `StateError` with the blob's name and what to do."""
    try:
        document = json.loads(data)
        if not isinstance(document, dict) or not isinstance(document.get("schema_version"), int):
            raise TypeError("it has no schema_version")
        return Checkpoint.model_validate_json(json.dumps(migrate(name, document, SCHEMA_VERSION, MIGRATIONS)))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        why = f"{error.error_count()} fields do not fit" if isinstance(error, ValidationError) else str(error)
        raise StateError(
            f"The checkpoint {name} is damaged: {why}.",
            hint="Restore it from a backup, or delete it: the next run is then a full comparison.",
        ) from error


def migrate(name: str, document: dict[str, Any], to: int, table: Mapping[int, Migration]) -> dict[str, Any]:
    """The document at schema version `to`, step by step of the table. Raises `StateError` when there is no way."""
    while (version := document["schema_version"]) != to:
        if version > to:
            raise StateError(
                f"{name} was written by a newer p2c (schema {version}, this one knows {to}).", hint="Update p2c."
            )
        if version not in table:
            raise StateError(
                f"{name} has schema {version}, which this p2c cannot read any more.",
                hint="Delete it: the next run is then a full comparison.",
            )
        document = table[version](document) | {"schema_version": version + 1}
    return document
