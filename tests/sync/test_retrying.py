"""An attempt counts as a retry only when it was due, and a document that changes at its source starts anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from p2c.documents import Outcome, OutcomeKind, SourceDocument
from p2c.state.waiting import Waiting
from p2c.sync.retrying import Attempt, attempted, moment

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
MINUTES = (15.0, 60.0)
TEMPORARY = Outcome(OutcomeKind.REJECTED, "K", reason="Customer is on hold.", temporary=True)


def document(name: str = "Anna") -> SourceDocument:
    return SourceDocument("K", "1", {"name": name}, {"lines": [{"quantity": 1}]})


def entry(attempt: Attempt) -> Waiting:
    return Waiting(
        "dead",
        "K",
        "accounts",
        "usmf",
        retries=attempt.retries,
        retry_after=attempt.retry_after,
        source_hash=attempt.source_hash,
    )


def after(minutes: float, before: Attempt | None = None, outcome: Outcome = TEMPORARY, name: str = "Anna") -> Attempt:
    known = entry(before) if before is not None else None
    return attempted(outcome, document(name), known, MINUTES, NOON + timedelta(minutes=minutes))


def test_a_retry_follows_each_due_one_until_they_are_used_up() -> None:
    first = after(0)
    second = after(15, first)
    third = after(75, second)
    assert [(one.retries, one.retry_after) for one in (first, second, third)] == [
        (0, moment(NOON + timedelta(minutes=15))),
        (1, moment(NOON + timedelta(minutes=75))),
        (2, ""),
    ]
    assert entry(third).needs_person


def test_an_event_or_a_replay_before_the_retry_is_due_uses_up_none() -> None:
    first = after(0)
    assert (after(1, first).retries, after(1, first).retry_after) == (0, first.retry_after)


def test_two_reasons_in_turns_use_up_the_retries() -> None:
    other = Outcome(OutcomeKind.REJECTED, "K", reason="Item is stopped.", temporary=True)
    last = after(75, after(15, after(0), other))
    assert (last.retries, last.retry_after) == (2, "")


def test_a_document_that_changed_at_its_source_starts_anew() -> None:
    used_up = after(75, after(15, after(0)))
    changed = after(80, used_up, name="Berta")
    assert (changed.retries, changed.retry_after) == (0, moment(NOON + timedelta(minutes=95)))


def test_an_attempt_after_the_last_retry_leaves_the_document_to_a_person() -> None:
    used_up = after(75, after(15, after(0)))
    assert (after(500, used_up).retries, after(500, used_up).retry_after) == (2, "")


@given(st.lists(st.tuples(st.floats(0, 200), st.booleans()), max_size=20))
def test_no_sequence_of_attempts_has_more_retries_than_the_settings_allow(steps: list[tuple[float, bool]]) -> None:
    attempt, now, due = after(0), 0.0, 0
    for minutes, temporary in steps:
        now += minutes
        due += bool(attempt.retry_after and attempt.retry_after <= moment(NOON + timedelta(minutes=now)))
        attempt = after(now, attempt, TEMPORARY if temporary else Outcome(OutcomeKind.FAILED, "K"))
        assert attempt.retries == due <= len(MINUTES)
        assert not attempt.retry_after or temporary
