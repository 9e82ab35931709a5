"""What callers ask for: start a run, synchronise one record, try dead letters again, see how it stands, cancel.

Whatever is asked becomes a request with an id that follows from its idempotency key, runs with ids that follow from the
request's, and messages with ids that follow from the runs'. Asked twice, it therefore happens once, also when the first
answer was lost half-way.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from p2c.documents import Outcome
from p2c.equality import fold_key
from p2c.errors import P2CError
from p2c.lanes.api import RecordNote, RecordOutcome, RunPart, RunState, RunStatus
from p2c.lanes.fence import ENDED
from p2c.lanes.messages import MOST_KEYS, KeysMessage, ModeName, SliceMessage, Trigger
from p2c.lanes.parts import Parts, Refused, Unknown
from p2c.state.requests import Kind, Part, Request, Requests, request_id
from p2c.state.runs import RunRecord, Runs
from p2c.templates.models import Template

_POLL_SECONDS = 0.5
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,149}\Z")
_KINDS: Mapping[Kind, str] = {"run": "a run", "record": "one record", "replay": "a replay", "couple": "a confirmation"}
_WORST: tuple[RunState, ...] = ("Error", "Cancelled", "Warning", "Completed")


class AskedOtherwise(P2CError):
    """The idempotency key was used for another question before."""

    code = "idempotency"


class Asking:
    """Requests of callers."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def start(
        self, name: str, legal_entities: Sequence[str], mode: ModeName, idempotency_key: str, correlation_id: str
    ) -> Request:
        """Starts a run. Raises Unknown for a template, Refused for a legal entity, AskedOtherwise."""
        asked = _hash("run", [name, sorted({one.lower() for one in legal_entities}), mode])
        before = await self._before(idempotency_key, "run", asked, correlation_id)
        if before is not None:
            return before
        template = self._parts.template(name)
        id_, chosen = _id(idempotency_key), self._chosen(template, legal_entities)
        parts = [Part(run_id=f"{id_}-{entity}", template=template.id, legal_entity=entity) for entity in chosen]
        return await self._keep(_request(id_, "run", asked, mode, parts), correlation_id)

    async def record(
        self, name: str, key: str, legal_entity: str, idempotency_key: str, correlation_id: str
    ) -> Request:
        """Asks for one record to be synchronised. Raises as `start` does."""
        asked = _hash("record", [name, key, legal_entity.lower()])
        before = await self._before(idempotency_key, "record", asked, correlation_id)
        if before is not None:
            return before
        template = self._parts.template(name)
        chosen = self._chosen(template, [legal_entity] if legal_entity else [])
        if len(chosen) > 1:
            raise Refused("Say which legal entity is meant.", hint=f"The template runs for {', '.join(chosen)}.")
        id_ = _id(idempotency_key)
        part = Part(run_id=f"{id_}-{chosen[0]}", template=template.id, legal_entity=chosen[0], keys=[key])
        return await self._keep(_request(id_, "record", asked, "", [part]), correlation_id)

    async def replayed(
        self, question: object, idempotency_key: str, correlation_id: str, *, kind: Kind = "replay"
    ) -> Request | None:
        """The replay that was asked for with this key before; None when there was none. Raises AskedOtherwise."""
        return await self._before(idempotency_key, kind, _hash(kind, question), correlation_id)

    async def replay(
        self,
        question: object,
        chosen: Mapping[tuple[str, str], Sequence[str]],
        idempotency_key: str,
        correlation_id: str,
        *,
        kind: Kind = "replay",
    ) -> Request:
        """Asks for documents, by template and legal entity, to be read and synchronised again.

        `question` is what the caller said, of which `chosen` came. The `kind` *couple* confirms first that they are the
        records that have their numbers. Raises AskedOtherwise.
        """
        id_ = _id(idempotency_key)
        pieces = [
            (lane, keys[start : start + MOST_KEYS])
            for lane, keys in sorted(chosen.items())
            for start in range(0, len(keys), MOST_KEYS)
        ]
        parts = [
            Part(run_id=f"{id_}-{index}", template=template, legal_entity=entity, keys=list(keys))
            for index, ((template, entity), keys) in enumerate(pieces)
        ]
        return await self._keep(_request(id_, kind, _hash(kind, question), "", parts), correlation_id)

    async def status(self, id_: str) -> RunStatus:
        """Where a request, or a run that nobody requested, stands. Raises Unknown."""
        if not _RUN_ID.match(id_):
            raise Unknown("There is no such run.")
        store = await self._parts.store()
        request = await Requests(store).load(id_)
        runs = Runs(store)
        if request is None:
            record = await runs.load(id_)
            if record is None:
                raise Unknown(f"There is no run {id_!r}.")
            return RunStatus(
                id=id_,
                status=record.status,
                counts=record.counts,
                note_counts=record.note_counts,
                runs=[run_part(record)],
            )
        records = [await runs.load(part.run_id) for part in request.parts]
        shown = [
            run_part(record) if record is not None else _waiting(part, request)
            for part, record in zip(request.parts, records, strict=True)
        ]
        status = _together([one.status for one in shown])
        outcomes: list[RecordOutcome] = []
        if request.kind != "run" and status in ENDED:
            for part, record in zip(request.parts, records, strict=True):
                found = [one async for one in runs.outcomes(part.run_id)]
                outcomes += [record_outcome(one) for one in found] + _silent(part, record, found)
        return RunStatus(
            id=id_,
            status=status,
            counts=_sum(part.counts for part in shown),
            note_counts=_sum(part.note_counts for part in shown),
            runs=shown,
            records=outcomes,
        )

    async def wait(self, id_: str, seconds: float) -> RunStatus:
        """The status, as soon as it is final or the time is up."""
        until = time.monotonic() + seconds
        while True:
            status = await self.status(id_)
            left = until - time.monotonic()
            if status.status in ENDED or left <= 0:
                return status
            # What ends the run is another process: there is nothing to wait on but the state.
            await asyncio.sleep(min(_POLL_SECONDS, left))

    async def cancel(self, id_: str) -> RunStatus:
        """Has the runs of a request, or a run, stop at the end of their page. One that has ended stays as it is."""
        status = await self.status(id_)
        requests = Requests(await self._parts.store())
        for one in status.runs:
            if one.status not in ENDED:
                await requests.cancel(one.run_id)
        return status

    async def recent(self, limit: int) -> list[RunPart]:
        """The latest runs."""
        return [run_part(one) for one in await Runs(await self._parts.store()).recent(limit)]

    # --- asking ---

    async def _before(self, idempotency_key: str, kind: Kind, asked: str, correlation_id: str) -> Request | None:
        """The request that was made with this key; before all else, since the project may have changed meanwhile."""
        if not idempotency_key:
            return None
        kept = await Requests(await self._parts.store()).load(request_id(idempotency_key))
        return await self._sent(kept, kind, asked, correlation_id, new=False) if kept is not None else None

    async def _keep(self, request: Request, correlation_id: str) -> Request:
        kept = await Requests(await self._parts.store()).keep(request)
        return await self._sent(kept, request.kind, request.asked, correlation_id, new=kept is request)

    async def _sent(self, kept: Request, kind: Kind, asked: str, correlation_id: str, *, new: bool) -> Request:
        """The request, when all of its messages are on their lanes."""
        if kept.kind != kind or kept.asked != asked:
            for_what = _KINDS[kept.kind] + (" with another body" if kept.kind == kind else "")
            raise AskedOtherwise(f"This idempotency key was used before, for {for_what}.", hint="Use a new one.")
        runs = Runs(await self._parts.store())
        trigger: Trigger = "replay" if kind in ("replay", "couple") else "http"
        waiting = []
        for part in kept.parts:
            record = await runs.load(part.run_id)
            if record is None and new:
                # Whoever repeats the question leaves this to the lane: it might write over what has ended meanwhile.
                record = _queued(part, kept, trigger)
                await runs.save(record)
            if record is None or record.status == "Queued":
                # Whoever asks again sends again what may not have been sent; the ids see to it that it counts once.
                waiting.append((self._parts.template(part.template), _message(part, kept, trigger, correlation_id)))
        if waiting:
            await (await self._parts.post()).send(waiting)
        return kept

    def _chosen(self, template: Template, wanted: Sequence[str]) -> list[str]:
        allowed = self._parts.legal_entities_of(template)
        for one in wanted:
            if one.lower() not in allowed:
                raise Refused(f"{template.id} does not run for {one!r}.", hint=f"It runs for {', '.join(allowed)}.")
        return list(dict.fromkeys(one.lower() for one in wanted)) or allowed


def run_part(record: RunRecord) -> RunPart:
    """A run as callers see it."""
    return RunPart(
        run_id=record.id,
        template=record.template,
        legal_entity=record.legal_entity,
        status=record.status,
        mode=record.mode,
        trigger=record.trigger,
        started=record.started,
        finished=record.finished,
        counts=record.counts,
        note_counts=record.note_counts,
        error=record.error,
        note=record.note,
    )


def record_outcome(one: Outcome) -> RecordOutcome:
    """An outcome as callers see it."""
    return RecordOutcome(
        key=one.key,
        outcome=one.kind.value,
        reason=one.reason,
        rule=one.rule,
        field=one.field,
        line=one.line,
        missing=list(one.missing),
        changed=list(one.changed),
        request_id=one.request_id,
        notes=[
            RecordNote(code=note.code.value, reason=note.reason, field=note.field, line=note.line) for note in one.notes
        ],
    )


def _silent(part: Part, record: RunRecord | None, found: Sequence[Outcome]) -> list[RecordOutcome]:
    """The outcomes of keys of which nothing was kept: unchanged ones, or those that are not at the source."""
    if record is None or record.status not in ("Completed", "Warning"):
        return []
    there = {fold_key(one.key) for one in found}
    silent = [key for key in part.keys if fold_key(key) not in there]
    unchanged = record.counts.get("unchanged", 0) > 0
    if unchanged and len(silent) == 1:
        return [RecordOutcome(key=silent[0], outcome="unchanged", reason="Both systems agree.")]
    if unchanged:
        return []
    reason = "There is no record of this key at the source, in this legal entity."
    return [RecordOutcome(key=key, outcome="skipped", rule="not-at-the-source", reason=reason) for key in silent]


def _message(part: Part, request: Request, trigger: Trigger, correlation_id: str) -> SliceMessage | KeysMessage:
    if not part.keys:
        return SliceMessage(
            template=part.template,
            legal_entity=part.legal_entity,
            trigger=trigger,
            run_id=part.run_id,
            mode=_mode(request.mode),
            correlation_id=correlation_id,
            requested=request.created,
        )
    return KeysMessage(
        template=part.template,
        legal_entity=part.legal_entity,
        trigger=trigger,
        run_id=part.run_id,
        keys=part.keys,
        careful=True,
        couple=request.kind == "couple",
        correlation_id=correlation_id,
        requested=request.created,
    )


def _mode(name: str) -> ModeName:
    return "full" if name == "full" else "dryRun" if name == "dryRun" else "incremental"


def _queued(part: Part, request: Request, trigger: Trigger) -> RunRecord:
    return RunRecord(
        id=part.run_id,
        template=part.template,
        legal_entity=part.legal_entity,
        mode=request.mode or "keys",
        trigger=trigger,
        status="Queued",
        started=request.created,
    )


def _waiting(part: Part, request: Request) -> RunPart:
    return RunPart(
        run_id=part.run_id,
        template=part.template,
        legal_entity=part.legal_entity,
        status="Queued",
        mode=request.mode,
        started=request.created,
    )


def _request(id_: str, kind: Kind, asked: str, mode: str, parts: list[Part]) -> Request:
    return Request(id=id_, kind=kind, asked=asked, mode=mode, created=datetime.now(UTC), parts=parts)


def _id(idempotency_key: str) -> str:
    return request_id(idempotency_key or uuid.uuid4().hex)


def _hash(kind: str, asked: object) -> str:
    return hashlib.sha256(json.dumps([kind, asked], sort_keys=True).encode()).hexdigest()


def _together(states: Sequence[RunState]) -> RunState:
    """One word for several: under way while one is, else the worst."""
    if any(one not in ENDED for one in states):
        return "Queued" if all(one == "Queued" for one in states) else "Running"
    return next((worst for worst in _WORST if worst in states), "Completed")


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for numbers in counts:
        total.update(numbers)
    return dict(total)
