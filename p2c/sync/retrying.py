"""Automatic retries of a document whose rejection can pass without a change of the document.

An attempt counts as a retry only when it was due: events, replays and full comparisons in between use up none. A
document that changes at its source starts anew; the destination's answer changes nothing, so that two reasons in turns
use up the retries, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from p2c.documents import Outcome, SourceDocument
from p2c.state.waiting import Waiting


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to sync a document that waits or needs a person after it; the fields are those of `Waiting`.

    `known` is how it waited before. `retry_after` is "" where no run retries it by itself.
    """

    now: datetime
    known: Waiting | None
    source_hash: str
    retries: int = 0
    retry_after: str = ""


def attempted(
    outcome: Outcome, document: SourceDocument, known: Waiting | None, retry_minutes: Sequence[float], now: datetime
) -> Attempt:
    """The attempt at `now` that ended with `outcome`. `retry_minutes`: see `Settings`."""
    source_hash, retries, retry_after = hash_source(document), 0, ""
    if known is not None and known.source_hash == source_hash:
        retries, retry_after = known.retries, known.retry_after
    if retry_after and retry_after <= moment(now):
        retries, retry_after = retries + 1, ""
    if not outcome.temporary:
        retry_after = ""
    elif not retry_after and retries < len(retry_minutes):
        retry_after = moment(now + timedelta(minutes=retry_minutes[retries]))
    return Attempt(now, known, source_hash, retries, retry_after)


def hash_source(document: SourceDocument) -> str:
    """A hash of everything that was read of a document; another one means that it changed at its source."""
    lines = [(task, [sorted(row.items()) for row in rows]) for task, rows in sorted(document.lines.items())]
    return blake2b(repr((sorted(document.header.items()), lines)).encode(), digest_size=8).hexdigest()


def moment(time: datetime) -> str:
    """A moment as the list of what waits has it; later ones sort later."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")
