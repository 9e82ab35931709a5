"""Run records and the outcomes of their documents, for the report and for whoever looks later.

`runs/record/ID.json` is a record, `runs/time/REVERSED-ID` an empty blob whose name sorts the newest run first, and
`runs/outcomes/ID/PAGE.jsonl` holds the outcomes of one page, without the unchanged ones that have no note.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from p2c.documents import Outcome, OutcomeKind
from p2c.errors import PreconditionFailed, StateError
from p2c.state.store import Store

Status = Literal["Queued", "Running", "Completed", "Warning", "Error", "Cancelled"]

_END_OF_TIME = 9_999_999_999_999
_OUTCOME = TypeAdapter(Outcome)


class RunRecord(BaseModel):
    """A run of a template in a legal entity: what it did so far, or in the end.

    `counts` has a number per outcome kind, `note_counts` one per note code, `requests` one per system. `trigger` says
    what started it (timer, http, event, cli). `error` and `hint` are for a person, set when the status is Error; `note`
    says why a run read everything where it might have read only what changed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,149}$")
    template: str
    legal_entity: str = ""
    mode: str = ""
    trigger: str = ""
    status: Status = "Running"
    started: AwareDatetime
    finished: AwareDatetime | None = None
    pages: int = Field(default=0, ge=0)
    slices: int = Field(default=0, ge=0)
    counts: dict[str, int] = Field(default_factory=dict)
    note_counts: dict[str, int] = Field(default_factory=dict)
    requests: dict[str, int] = Field(default_factory=dict)
    error: str = ""
    hint: str = ""
    note: str = ""


def new_run_id(started: datetime) -> str:
    """An id for a run: its start in UTC to the second, then random letters."""
    return f"{started.astimezone(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"


class Runs:
    """The runs of all lanes, in `store`. Each record and page has one writer at a time: the run itself."""

    def __init__(self, store: Store, prefix: str = "runs") -> None:
        self._store = store
        self._prefix = prefix.rstrip("/")
        self._listed: set[str] = set()

    async def save(self, record: RunRecord) -> None:
        """Writes the record, over an earlier one of the same run."""
        if record.id not in self._listed:
            # First, so that every record is listed; a listed run without a record is passed over.
            await self._store.write(self._time_name(record.id, record.started), b"")
            self._listed.add(record.id)
        await self._store.write(self._record_name(record.id), record.model_dump_json(indent=1).encode())

    async def load(self, id_: str) -> RunRecord | None:
        """The record of that run, None when there is none. Raises `StateError` when it cannot be read."""
        name = self._record_name(id_)
        blob = await self._store.read(name)
        if blob is None:
            return None
        try:
            return RunRecord.model_validate_json(blob.data)
        except ValidationError as error:
            raise StateError(
                f"The run record {name} is damaged or from a newer p2c.", hint="Delete it; runs do not depend on it."
            ) from error

    async def recent(self, limit: int = 20) -> list[RunRecord]:
        """The latest runs, newest first. Reads no more than it gives.

        A run that waited before it began is listed under both times; it is given once.
        """
        found: dict[str, RunRecord] = {}
        if limit > 0:
            async for _, _, id_ in self._by_time():
                record = await self.load(id_) if id_ not in found else None
                if record is not None:
                    found[id_] = record
                if len(found) == limit:
                    break
        return list(found.values())

    async def append_outcomes(self, run_id: str, page_number: int, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Keeps the outcomes of a page, without the unchanged ones; gives all of them as they now stand.

        When the page was settled before and is now done again after a crash, a document that is unchanged by now has
        the outcome that it had then: this run did create or update it.
        """
        name = self._page_name(run_id, page_number)
        listed = [outcome for outcome in outcomes if _is_listed(outcome)]
        if listed:
            try:
                await self._store.write(name, _dump(listed), if_absent=True)
                return list(outcomes)
            except PreconditionFailed:
                pass
        before = await self._store.read(name)
        if before is None:
            return list(outcomes)
        earlier = {_identity(one): one for one in _load(name, before.data)}
        stand = [_standing(one, earlier.get(_identity(one))) for one in outcomes]
        met = {_identity(one) for one in outcomes}
        kept = [one for identity, one in earlier.items() if identity not in met]
        kept += [outcome for outcome in stand if _is_listed(outcome)]
        await self._store.write(name, _dump(kept), if_match=before.etag)
        return stand

    async def outcomes(self, run_id: str) -> AsyncIterator[Outcome]:
        """The outcomes of a run in the order of its pages, a page at a time in memory."""
        async for name in self._store.names(f"{self._prefix}/outcomes/{run_id}/"):
            blob = await self._store.read(name)
            if blob is not None:
                for outcome in _load(name, blob.data):
                    yield outcome

    async def prune(self, before: datetime) -> int:
        """Deletes the runs that started before that moment, with their outcomes; gives their number."""
        limit = _reversed(before)
        old = [(name, id_) async for name, time, id_ in self._by_time() if time > limit]
        for name, id_ in old:
            pages = [page async for page in self._store.names(f"{self._prefix}/outcomes/{id_}/")]
            # The name in the list goes last: what is interrupted is found again by the next pruning.
            for blob in [*pages, self._record_name(id_), name]:
                await self._store.delete(blob)
            self._listed.discard(id_)
        return len(old)

    async def _by_time(self) -> AsyncIterator[tuple[str, str, str]]:
        async for name in self._store.names(f"{self._prefix}/time/"):
            time, _, id_ = name.rpartition("/")[2].partition("-")
            yield name, time, id_

    def _time_name(self, id_: str, started: datetime) -> str:
        return f"{self._prefix}/time/{_reversed(started)}-{id_}"

    def _record_name(self, id_: str) -> str:
        return f"{self._prefix}/record/{id_}.json"

    def _page_name(self, run_id: str, page_number: int) -> str:
        return f"{self._prefix}/outcomes/{run_id}/{page_number:09d}.jsonl"


def _reversed(moment: datetime) -> str:
    """Text that sorts later moments first, to the millisecond."""
    return f"{_END_OF_TIME - int(moment.timestamp() * 1000):013d}"


def _is_listed(outcome: Outcome) -> bool:
    return outcome.kind is not OutcomeKind.UNCHANGED or bool(outcome.notes)


def _identity(outcome: Outcome) -> tuple[str, str]:
    return outcome.key, outcome.source_id


def _standing(now: Outcome, before: Outcome | None) -> Outcome:
    done = before is not None and before.kind in (OutcomeKind.CREATED, OutcomeKind.UPDATED, OutcomeKind.DELETED)
    return before if before is not None and done and now.kind is OutcomeKind.UNCHANGED else now


def _dump(outcomes: Sequence[Outcome]) -> bytes:
    return b"".join(_OUTCOME.dump_json(outcome, exclude_defaults=True) + b"\n" for outcome in outcomes)


def _load(name: str, data: bytes) -> list[Outcome]:
    try:
        return [_OUTCOME.validate_json(line) for line in data.splitlines()]
    except ValidationError as error:
        raise StateError(
            f"The outcomes {name} are damaged.", hint="Delete the blob; runs do not depend on it."
        ) from error
