"""What the lanes tell the log: one record per slice, per kind of outcome, and per thing given up.

Keys, fields, rules, kinds of error and correlation ids; never a value of a business record. All members begin with
`p2c_`, so that queries find them as custom dimensions; `docs/operations.md` has the queries.
"""

from __future__ import annotations

import logging
import os
import traceback
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from p2c import telemetry
from p2c.documents import Outcome, OutcomeKind
from p2c.errors import P2CError, ServiceError
from p2c.lanes.messages import KeysMessage, SliceMessage
from p2c.state.runs import RunRecord
from p2c.sync.slicing import End

_LOG = logging.getLogger("p2c.journal")
_SHOWN = 20
_FRAMES = 4
_WORRYING = (OutcomeKind.REJECTED, OutcomeKind.FAILED)


def run_facts(message: SliceMessage | KeysMessage) -> dict[str, Any]:
    """What a log record says of the message that it belongs to."""
    return {
        "p2c_run": message.run_id,
        "p2c_template": message.template,
        "p2c_legal_entity": message.legal_entity,
        "p2c_trigger": message.trigger,
        "p2c_correlation": message.correlation_id,
    }


def slice_ended(record: RunRecord, message: SliceMessage, end: End | None, cause: P2CError | None) -> None:
    """A slice is over: how, and where its run stands."""
    facts = run_facts(message) | {
        "p2c_status": record.status,
        "p2c_slice": message.number,
        "p2c_end": end.value if end else "run",
        "p2c_pages": record.pages,
        "p2c_seconds": _seconds(record),
        "p2c_error": record.error if record.status == "Error" else "",
        **{f"p2c_count_{kind}": number for kind, number in record.counts.items()},
        **{f"p2c_note_{code.replace('-', '_')}": number for code, number in record.note_counts.items()},
        **_cause(cause),
    }
    over = end is None or end is End.CANCELLED
    if over:
        for kind, number in record.counts.items():
            telemetry.outcomes(kind, number, record.template, record.legal_entity)
        telemetry.run(_seconds(record), record.template, record.status)
    level = logging.ERROR if record.status == "Error" else logging.INFO
    _LOG.log(level, "run ended" if over else "slice ended", extra=facts)


def not_run(message: SliceMessage, why: str) -> None:
    """A slice was not needed, and why."""
    _LOG.info("slice not run", extra=run_facts(message) | {"p2c_why": why})


def keys_taken(message: KeysMessage, outcomes: Sequence[Outcome]) -> None:
    """Some documents were synchronised: a record for each kind of outcome, with the keys."""
    by_kind: dict[OutcomeKind, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        by_kind[one.kind].append(one)
    latency = (datetime.now(UTC) - message.requested).total_seconds()
    for kind, found in by_kind.items():
        facts = run_facts(message) | {
            "p2c_outcome": kind.value,
            "p2c_count": len(found),
            "p2c_keys": ",".join(one.key for one in found[:_SHOWN]),
            "p2c_fields": ",".join(sorted({one.field for one in found if one.field})[:_SHOWN]),
            "p2c_rules": ",".join(sorted({one.rule for one in found if one.rule})),
            "p2c_request_ids": ",".join(one.request_id for one in found if one.request_id),
            "p2c_latency_seconds": round(latency, 3),
        }
        _LOG.log(logging.WARNING if kind in _WORRYING else logging.INFO, "documents taken", extra=facts)
        telemetry.outcomes(kind.value, len(found), message.template, message.legal_entity)
    telemetry.latency(latency, message.template, message.trigger)


def put_off(message: SliceMessage | KeysMessage, cause: P2CError, seconds: float) -> None:
    """A slice or some keys come again so many seconds later: a system asks for a pause, or the lane is somebody's."""
    facts = run_facts(message) | {"p2c_wait_seconds": round(seconds, 1), "p2c_attempt": message.attempt}
    _LOG.info("put off", extra=facts | _cause(cause))


def gave_up(message: SliceMessage | KeysMessage, reason: str) -> None:
    """A run or some keys were given up."""
    _LOG.error("given up", extra=run_facts(message) | {"p2c_reason": reason})


def poisoned(queue: str, message_id: str, reason: str, facts: Mapping[str, Any] | None = None) -> None:
    """A message went to the dead-letter queue."""
    _LOG.error(
        "message dead-lettered",
        extra={"p2c_queue": queue, "p2c_message": message_id, "p2c_reason": reason, **(facts or {})},
    )


def kind_and_place(error: BaseException) -> str:
    """Of an error that nobody foresaw what tells nothing of a record: its kind, and the last places of p2c in it."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if f"{os.sep}p2c{os.sep}" in one.filename]
    places = [f"{one.filename.rpartition(f'{os.sep}p2c{os.sep}')[2]}:{one.lineno}" for one in frames[-_FRAMES:]]
    return f"unexpected {type(error).__name__}" + (f" at {' > '.join(places)}" if places else "")


def _cause(error: P2CError | None) -> dict[str, Any]:
    if error is None:
        return {}
    found: dict[str, Any] = {"p2c_cause": error.code}
    if isinstance(error, ServiceError):
        found["p2c_system"] = error.system
        found["p2c_request_ids"] = error.correlation.request_id or error.correlation.activity_id
    return found


def _seconds(record: RunRecord) -> float:
    return round(((record.finished or datetime.now(UTC)) - record.started).total_seconds(), 3)
