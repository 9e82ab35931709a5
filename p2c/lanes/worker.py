"""What a lane does with its messages: run one slice of a template, or synchronise some keys."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime

from p2c.documents import Outcome, OutcomeKind
from p2c.equality import fold_key
from p2c.errors import LeaseHeld, P2CError, PreconditionFailed, Throttled, Transient
from p2c.lanes import journal
from p2c.lanes.coalescing import Reads
from p2c.lanes.fence import ENDED, Step, step
from p2c.lanes.messages import KeysMessage, SliceMessage
from p2c.lanes.post import Post
from p2c.operations.couple import confirm
from p2c.state.checkpoint import Checkpoint, Checkpoints
from p2c.state.requests import Requests
from p2c.state.runs import RunRecord, Runs, Status
from p2c.sync.lane import Lane
from p2c.sync.outcomes import count, count_notes
from p2c.sync.running import TemplateRun
from p2c.sync.session import Plan, Session
from p2c.sync.slicing import MOST_ATTEMPTS, End, Slicing, pause
from p2c.templates.models import Template

Ends = Callable[[], Awaitable[End | None]]
WAIT_SECONDS = 30.0
MOST_WAITS = 40
"""How often a run stands back for a predecessor, half a minute each; then it goes anyway, and what it misses parks."""
BUSY_SECONDS = 20.0
"""How long to wait for a lane that the command line works in."""
CANCEL_SECONDS = 2.0
"""How often at most it is looked whether a run was cancelled."""


class Worker:
    """Handles the messages of p2c-work. One at a time per lane, as many lanes at a time as the host likes."""

    def __init__(
        self,
        session: Session,
        post: Post,
        *,
        slice_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._session = session
        self._post = post
        self._slice_seconds = slice_seconds
        self._clock = clock
        self._now = now
        self._runs = Runs(session.store)
        self._requests = Requests(session.store)
        self._reads = Reads()
        self._templates = {one.id: one for one in session.templates}

    async def handle(
        self, message: SliceMessage | KeysMessage, *, deliveries: int = 1, enqueued: datetime | None = None
    ) -> str:
        """Does what the message says; gives a word for what that was.

        A message may come several times (`deliveries`), `enqueued` is when it reached the queue. Raises what a repeated
        delivery may cure, or nothing can: the queue decides, by counting.
        """
        template = self._templates.get(message.template)
        if template is None:
            await self._fail(message, f"there is no template {message.template!r} any more")
            return "no such template"
        if isinstance(message, SliceMessage):
            return await self._slice(template, message, deliveries)
        return await self._keys(template, message, deliveries, enqueued)

    async def failed(self, message: SliceMessage | KeysMessage, reason: str) -> None:
        """The message will not be delivered again: the run that it belongs to ends in Error."""
        await self._fail(message, reason)

    # --- slices ---

    async def _slice(self, template: Template, message: SliceMessage, deliveries: int) -> str:
        if message.number == 0 and await self._requests.cancelled(message.run_id):
            await self._end(message, "Cancelled")
            return "cancelled"
        try:
            plan = await self._session.plan(template.id, message.legal_entity)
        except (Throttled, Transient) as error:
            return await self._later(template, message, error)
        except P2CError as error:
            await self._fail(message, str(error))
            return "failed"
        try:
            dry = message.run_id if message.sync_mode.dry else ""
            async with self._session.lane(plan, dry_run=dry) as lane:
                return await self._in_lane(plan, lane, message, deliveries)
        except LeaseHeld:
            # Delivered again, it is its own first delivery that has the lane, or the lease of the host that died in it.
            if message.number == 0 and message.trigger == "timer" and deliveries == 1:
                return "gave way"
            await self._post.send([(template, _next(message, waits=message.waits + 1))], delay=BUSY_SECONDS)
            return "lane is busy"

    async def _in_lane(self, plan: Plan, lane: Lane, message: SliceMessage, deliveries: int) -> str:
        template = plan.template
        point = await lane.checkpoints.load(template.id)
        record = await self._runs.load(message.run_id)
        what = step(message, point, record, plan.hash, self._now())
        if (
            what is Step.RUN
            and message.number == 0
            and not message.sync_mode.dry
            and await self._holds_back(plan, message)
        ):
            what = Step.WAIT
        match what:
            case Step.NOTHING | Step.GIVE_WAY:
                journal.not_run(message, what.value)
            case Step.LOST:
                await self._fail(message, "another run went on in its lane")
            case Step.WAIT:
                await self._queued(message)
                await self._post.send([(template, _next(message, waits=message.waits + 1))], delay=WAIT_SECONDS)
            case Step.DONE if point is not None and record is not None:
                await self._runs.save(_ended(record, point))
            case Step.AGAIN:
                await self._post.send([(template, _following(message))])
            case Step.REVIVE if point is not None:
                revived = message.model_copy(
                    update={"run_id": point.run_id, "number": point.slice, "mode": _mode_of(point), "attempt": 0}
                )
                return await self._run(plan, lane, revived, interrupted=True)
            case _:
                return await self._run(plan, lane, message, interrupted=deliveries > 1 or message.attempt > 0)
        return str(what.value)

    async def _run(self, plan: Plan, lane: Lane, message: SliceMessage, *, interrupted: bool) -> str:
        slicing = Slicing(
            message.run_id, message.number, self._ends(message.run_id), interrupted, attempts=message.attempt
        )
        run = await self._session.slice(lane, plan, slicing, mode=message.sync_mode, trigger=message.trigger)
        await self._went(plan.template, message, run)
        record = await self._runs.load(message.run_id)
        if record is not None:
            journal.slice_ended(record, message, run.end, run.pause)
        return str(run.end.value) if run.end is not None else "ended"

    async def _went(self, template: Template, message: SliceMessage, run: TemplateRun) -> None:
        """Sends what comes after the slice. The checkpoint is saved already: sent twice, the fence stops the second."""
        if run.end is End.TIME:
            await self._post.send([(template, _following(message))])
        elif run.end is End.PAUSE and run.pause is not None:
            await self._later(template, message, run.pause)

    async def _later(self, template: Template, message: SliceMessage | KeysMessage, error: P2CError) -> str:
        """The same again when the system has had its pause; at the end of all patience the run has failed."""
        if message.attempt >= MOST_ATTEMPTS:
            await self._fail(message, str(error))
            return "failed"
        again = message.model_copy(update={"attempt": message.attempt + 1})
        seconds = pause(error, message.attempt)
        await self._post.send([(template, again)], delay=seconds)
        journal.put_off(message, error, seconds)
        return "paused"

    def _ends(self, run_id: str) -> Ends:
        """What a run asks after every page: whether its slice is over."""
        until = self._clock() + self._slice_seconds
        looked = [self._clock()]

        async def ends() -> End | None:
            now = self._clock()
            if now - looked[0] >= CANCEL_SECONDS or now >= until:
                looked[0] = now
                if await self._requests.cancelled(run_id):
                    return End.CANCELLED
            return End.TIME if now >= until else None

        return ends

    async def _holds_back(self, plan: Plan, message: SliceMessage) -> bool:
        """Whether a template that this one runs after is under way in the legal entity."""
        if message.waits >= MOST_WAITS:
            return False
        for name in plan.template.runs_after:
            before = self._templates.get(name)
            if before is None or not before.enabled:
                continue
            for legal_entity in self._entities_before(before, plan.legal_entity.id):
                points = Checkpoints(self._session.store, f"lanes/{legal_entity}/{before.family}")
                point = await points.load(before.id)
                if point is not None and point.completed is None and point.due is not None and self._now() <= point.due:
                    return True
        return False

    def _entities_before(self, before: Template, own: str) -> list[str]:
        """The legal entities whose runs of a template bring what a legal entity's own documents refer to."""
        settings = self._session.project.connection_set
        if before.scope == "each":
            return [own]
        return [settings.master] if before.scope == "master" else list(settings.legal_entities)

    # --- keys ---

    async def _keys(self, template: Template, message: KeysMessage, deliveries: int, enqueued: datetime | None) -> str:
        lane_name = (message.template, message.legal_entity)
        # After a try that broke off half-way only a comparison with the destination tells what it left there.
        careful = message.careful or deliveries > 1 or message.attempt > 0
        wanted = message.keys
        if not (careful or message.run_id):
            wanted = self._reads.unread(lane_name, message.keys, enqueued, self._clock())
        if not wanted:
            return "read since"
        if message.run_id:
            record = await self._runs.load(message.run_id)
            if record is not None and record.status in ENDED:
                return "nothing"
            if await self._requests.cancelled(message.run_id):
                await self._end(message, "Cancelled")
                return "cancelled"
        try:
            plan = await self._session.plan(template.id, message.legal_entity)
            async with self._session.lane(plan) as lane:
                if message.trigger == "replay":
                    return await self._replay(plan, lane, message)
                begun = self._clock()
                outcomes = await self._session.take(lane, plan, wanted, careful=careful, run_id=message.run_id)
                failed = {fold_key(one.key) for one in outcomes if one.kind is OutcomeKind.FAILED}
                self._reads.note(lane_name, [key for key in wanted if fold_key(key) not in failed], begun)
        except (Throttled, Transient, LeaseHeld, PreconditionFailed) as error:
            return await self._later(template, message, error)
        except P2CError as error:
            # The next run reads what has changed in any case: the message need not come again.
            await self._fail(message, str(error))
            return "failed"
        journal.keys_taken(message, outcomes)
        if message.run_id:
            await self._keep(message, outcomes)
        return "ended"

    async def _replay(self, plan: Plan, lane: Lane, message: KeysMessage) -> str:
        """Dead letters once more, as the command line replays them. What went through since is left as it is."""
        if message.couple:
            await confirm(lane, message.keys)
        waiting = await lane.waiting.get_many(message.keys)
        replay = self._session.replay(lane, plan)
        _, outcomes = await replay.replay(list(waiting.values()), run_id=message.run_id, trigger=message.trigger)
        journal.keys_taken(message, outcomes)
        return "ended"

    async def _keep(self, message: KeysMessage, outcomes: Sequence[Outcome]) -> None:
        record = self._record(message, "Completed")
        counts = count({}, outcomes)
        missing = [key for key in message.keys if fold_key(key) not in {fold_key(one.key) for one in outcomes}]
        update = {
            "counts": counts,
            "note_counts": count_notes({}, outcomes),
            "status": "Warning" if _troubled(counts) or missing else "Completed",
            "finished": self._now(),
            "pages": 1,
            "note": f"not at the source: {', '.join(missing[:20])}" if missing else "",
        }
        await self._runs.save(record.model_copy(update=update))

    # --- records ---

    def _record(self, message: SliceMessage | KeysMessage, status: Status) -> RunRecord:
        mode = message.sync_mode.name if isinstance(message, SliceMessage) else "keys"
        return RunRecord(
            id=message.run_id,
            template=message.template,
            legal_entity=message.legal_entity,
            mode=mode,
            trigger=message.trigger,
            status=status,
            started=message.requested,
        )

    async def _queued(self, message: SliceMessage) -> None:
        if await self._runs.load(message.run_id) is None:
            await self._runs.save(self._record(message, "Queued"))

    async def _end(self, message: SliceMessage | KeysMessage, status: Status, error: str = "") -> None:
        if not message.run_id:
            return
        known = await self._runs.load(message.run_id)
        if known is not None and known.status in ENDED:
            return
        record = known or self._record(message, status)
        await self._runs.save(record.model_copy(update={"status": status, "finished": self._now(), "error": error}))

    async def _fail(self, message: SliceMessage | KeysMessage, reason: str) -> None:
        journal.gave_up(message, reason)
        await self._end(message, "Error", reason)


def _next(message: SliceMessage, **update: int) -> SliceMessage:
    return message.model_copy(update=update)


def _following(message: SliceMessage) -> SliceMessage:
    """The next slice: one and the same message, however the one before it came to be delivered."""
    return _next(message, number=message.number + 1, attempt=0, waits=0)


def _ended(record: RunRecord, point: Checkpoint) -> RunRecord:
    """The record of a run that is complete, as its checkpoint says."""
    status = "Warning" if _troubled(point.counts) else "Completed"
    return record.model_copy(
        update={"status": status, "finished": point.completed, "counts": point.counts, "pages": point.page}
        | {"note_counts": point.note_counts}
    )


def _troubled(counts: Mapping[str, int]) -> bool:
    return any(counts.get(kind) for kind in ("parked", "rejected", "failed"))


def _mode_of(point: Checkpoint) -> str:
    return "full" if point.mode.endswith("full") else "incremental"
