"""Queues: sessions, order, locks, redelivery, scheduling, duplicates, dead letters."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.servicebus import Broker, Draft, QueueOptions
from sandbox.servicebus.broker import NoQueueError
from sandbox.servicebus.message import Delivery, Hold
from sandbox.servicebus.options import QueueOptionsError
from sandbox.servicebus.queue import LockLostError, Queue
from sandbox.servicebus.timespan import parse_iso_duration, parse_timespan, write_timespan

RENEWAL = timedelta(minutes=5)
LANES = QueueOptions("lanes", requires_session=True, max_delivery_count=3)
LETTERS = QueueOptions("letters", max_delivery_count=3)


def draft(text: str, session: str | None = None, **values: object) -> Draft:
    return Draft(text.encode(), session_id=session, **values)  # type: ignore[arg-type]


def lanes(*drafts: Draft, options: QueueOptions = LANES) -> Broker:
    broker = Broker([options])
    broker.send(options.name, *drafts)
    return broker


def accept(queue: Queue) -> Hold:
    hold = queue.accept_session(RENEWAL)
    assert hold is not None
    return hold


def text(deliveries: list[Delivery]) -> str:
    return " ".join(delivery.message.draft.body.decode() for delivery in deliveries)


def test_a_session_has_one_receiver_and_its_messages_come_in_order() -> None:
    broker = lanes(draft("a1", "a"), draft("b1", "b"), draft("a2", "a"))
    with broker.using("lanes") as queue:
        first, second = accept(queue), accept(queue)
        assert (first.session_id, second.session_id) == ("a", "b")
        assert queue.accept_session(RENEWAL) is None
        one = queue.receive(first, 1)
        queue.complete(one[0])
        assert text(one) + text(queue.receive(first, 9)) == "a1a2"
        queue.close(second)
        assert accept(queue).session_id == "b"


def test_an_abandoned_message_comes_again_before_later_ones_until_it_is_a_dead_letter() -> None:
    broker = lanes(draft("bad", "a"), draft("next", "a"))
    counts = []
    with broker.using("lanes") as queue:
        hold = accept(queue)
        while (delivery := queue.receive(hold, 1)[0]).message.draft.body == b"bad":
            counts.append(delivery.delivery_count)
            queue.abandon(delivery)
    assert counts == [1, 2, 3]
    (dead,) = broker.dead("lanes")
    assert dead.dead_letter_reason == "MaxDeliveryCountExceeded"
    assert dead.dead_letter_description == "Message could not be consumed after 3 delivery attempts."


def test_a_receiver_may_put_a_message_aside_with_a_reason() -> None:
    broker = lanes(draft("bad"), options=LETTERS)
    with broker.using("letters") as queue:
        queue.dead_letter(queue.receive_any(1, RENEWAL)[0], "Unreadable", "no JSON")
    (dead,) = broker.dead("letters")
    assert (dead.dead_letter_reason, dead.dead_letter_description) == ("Unreadable", "no JSON")
    assert broker.active("letters") == []


def test_closing_a_session_does_not_count_as_a_failed_delivery() -> None:
    broker = lanes(draft("a1", "a"))
    with broker.using("lanes") as queue:
        hold = accept(queue)
        queue.receive(hold, 1)
        queue.close(hold)
        assert queue.receive(accept(queue), 1)[0].delivery_count == 1


def test_a_lock_that_runs_out_counts_as_a_failed_delivery() -> None:
    broker = lanes(draft("a1", "a"))
    with broker.using("lanes") as queue:
        hold = accept(queue)
        (delivery,) = queue.receive(hold, 1)
    broker.advance(299)
    with broker.using("lanes") as queue:
        assert queue.accept_session(RENEWAL) is None, "the lock is renewed as long as its receiver lives"
    broker.advance(2)
    with broker.using("lanes") as queue:
        with pytest.raises(LockLostError):
            queue.complete(delivery)
        with pytest.raises(LockLostError):
            queue.receive(hold, 1)
        assert queue.receive(accept(queue), 1)[0].delivery_count == 2


def test_the_lock_of_a_session_is_renewed_from_its_acceptance_not_from_each_message() -> None:
    broker = lanes(draft("a1", "a"), draft("a2", "a"))
    with broker.using("lanes") as queue:
        hold = accept(queue)
        queue.complete(queue.receive(hold, 1)[0])
    broker.advance(200)
    with broker.using("lanes") as queue:
        (delivery,) = queue.receive(hold, 1)
    broker.advance(101)
    with broker.using("lanes") as queue, pytest.raises(LockLostError):
        queue.complete(delivery)


def test_when_a_receiver_dies_its_lock_stays_for_the_duration_of_a_lock() -> None:
    broker = lanes(draft("a1", "a"))
    with broker.using("lanes") as queue:
        hold = accept(queue)
        queue.receive(hold, 1)
        queue.lose(hold)
    broker.advance(59)
    with broker.using("lanes") as queue:
        assert queue.accept_session(RENEWAL) is None
    broker.advance(1.1)
    with broker.using("lanes") as queue:
        assert accept(queue).session_id == "a"


def test_without_sessions_each_message_has_its_own_lock() -> None:
    broker = lanes(draft("1"), draft("2", "ignored"), draft("3"), options=LETTERS)
    with broker.using("letters") as queue:
        first, second = queue.receive_any(2, RENEWAL)
        assert text(queue.receive_any(9, RENEWAL)) == "3"
        queue.complete(second)
        queue.abandon(first)
        assert text(queue.receive_any(9, RENEWAL)) == "1"


def test_a_message_is_settled_once() -> None:
    broker = lanes(draft("1"), options=LETTERS)
    with broker.using("letters") as queue:
        (delivery,) = queue.receive_any(1, RENEWAL)
        queue.complete(delivery)
        for settle in (queue.complete, queue.abandon):
            with pytest.raises(LockLostError):
                settle(delivery)


def test_a_scheduled_message_gets_its_place_when_it_is_due() -> None:
    broker = Broker([LETTERS])
    due = broker.now() + timedelta(seconds=60)
    broker.send("letters", draft("later", scheduled_for=due), draft("now"))
    assert [message.draft.body for message in broker.active("letters")] == [b"now"]
    assert len(broker.scheduled("letters")) == 1
    broker.advance(61)
    assert [message.draft.body for message in broker.active("letters")] == [b"now", b"later"]
    assert broker.active("letters")[-1].enqueued_at == due
    assert broker.scheduled("letters") == []


def test_duplicates_are_dropped_within_the_window_scheduled_ones_too() -> None:
    options = QueueOptions("letters", duplicate_window=timedelta(minutes=10))
    broker = Broker([options])
    due = broker.now() + timedelta(hours=1)
    assert broker.send("letters", draft("1", message_id="x", scheduled_for=due)) == 1
    assert broker.send("letters", draft("2", message_id="x"), draft("3", message_id="y")) == 1
    broker.advance(601)
    assert broker.send("letters", draft("4", message_id="x")) == 1
    assert broker.summary()["letters"]["duplicates"] == 1


def test_messages_expire_and_may_become_dead_letters() -> None:
    options = QueueOptions("letters", time_to_live=timedelta(minutes=1), dead_letter_expired=True)
    broker = lanes(draft("short", time_to_live=timedelta(seconds=5)), draft("held"), options=options)
    with broker.using("letters") as queue:
        _, held = queue.receive_any(2, RENEWAL)
        queue.close(_.hold)
    broker.advance(6)
    assert [message.dead_letter_reason for message in broker.dead("letters")] == ["TTLExpiredException"]
    broker.advance(60)
    assert len(broker.active("letters")) == 1, "a message in a receiver's hands does not expire"
    with broker.using("letters") as queue:
        queue.abandon(held)
    assert broker.active("letters") == []


def test_without_dead_lettering_an_expired_message_is_gone() -> None:
    broker = lanes(draft("short", time_to_live=timedelta(seconds=5)), options=LETTERS)
    broker.advance(6)
    assert broker.active("letters") == []
    assert broker.dead("letters") == []


def test_waiting_for_the_queues_gives_up_with_their_counts() -> None:
    broker = lanes(draft("1"), options=LETTERS)
    with pytest.raises(TimeoutError, match="'active': 1"):
        broker.wait_empty(seconds=0.05)
    with broker.using("letters") as queue:
        queue.complete(queue.receive_any(1, RENEWAL)[0])
    broker.wait_empty("letters", seconds=0.05)


def test_queues_are_declared_once_and_known_by_name() -> None:
    broker = Broker([LETTERS])
    with pytest.raises(ValueError, match="already"):
        broker.declare(LETTERS)
    with pytest.raises(NoQueueError):
        broker.send("nowhere", draft("1"))


def test_options_have_the_names_of_azure() -> None:
    options = QueueOptions.parse(
        {
            "name": "p2c-work",
            "requiresSession": True,
            "requiresDuplicateDetection": True,
            "duplicateDetectionHistoryTimeWindow": "PT1H",
            "lockDuration": "PT1M30S",
            "maxDeliveryCount": 5,
            "defaultMessageTimeToLive": "P14D",
            "deadLetteringOnMessageExpiration": True,
        }
    )
    assert options.duplicate_window == timedelta(hours=1)
    assert options.lock_duration == timedelta(seconds=90)
    assert options.time_to_live == timedelta(days=14)
    assert QueueOptions.parse({"name": "a"}).duplicate_window is None


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"name": "a", "sessions": True},
        {"name": "a", "lockDuration": "60"},
        {"name": "a", "maxDeliveryCount": "5"},
        {"name": "a", "maxDeliveryCount": True},
    ],
)
def test_options_that_are_none(given: dict[str, object]) -> None:
    with pytest.raises(QueueOptionsError):
        QueueOptions.parse(given)


@given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=400)))
def test_time_spans_survive_writing_and_reading(span: timedelta) -> None:
    assert parse_timespan(write_timespan(span)) == span


@pytest.mark.parametrize("given", ["", "5", "24:00:00", "00:60:00", "1:2", "P", "PT"])
def test_what_is_no_duration(given: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse_timespan(given)
    with pytest.raises(ValueError, match="is not a"):
        parse_iso_duration(given)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["complete", "abandon", "close", "expire"]))))
def test_nothing_is_lost_and_each_session_keeps_its_order(steps: list[tuple[str, str]]) -> None:
    """Whatever receivers do, what was completed and what is left or dead is what was sent, in order per session."""
    options = QueueOptions("lanes", requires_session=True, max_delivery_count=1000)
    broker = lanes(*(draft(f"{session}{number}", session) for number in range(5) for session in "abc"), options=options)
    done: list[str] = []
    for session, act in steps:
        with broker.using("lanes") as queue:
            holds = []
            while (hold := queue.accept_session(RENEWAL)) is not None:
                holds.append(hold)
            ours = [hold for hold in holds if hold.session_id == session]
            for hold in ours:
                (delivery,) = queue.receive(hold, 1)
                if act == "complete":
                    queue.complete(delivery)
                    done.append(delivery.message.draft.body.decode())
                elif act == "abandon":
                    queue.abandon(delivery)
            for hold in holds:
                if not (act == "expire" and hold in ours):
                    queue.close(hold)
        broker.advance(301)
    for session in "abc":
        kept = [body for body in done if body[0] == session]
        kept += [each.draft.body.decode() for each in broker.active("lanes") if each.draft.session_id == session]
        assert kept == [f"{session}{number}" for number in range(5)]
    assert Counter(done).most_common(1) in ([], [(done[0] if done else "", 1)])


def test_what_falls_due_under_the_hands_of_a_borrower_who_fails_is_told_to_all() -> None:
    broker = lanes()
    told: list[int] = []
    due = broker.now() + timedelta(milliseconds=20)
    broker.send("lanes", draft("later", "a", scheduled_for=due))
    while broker.now() < due:
        pass

    def fail() -> None:
        with broker.using("lanes"):
            broker.subscribe(lambda: told.append(len(broker.active("lanes"))))
            raise LockLostError("its lock was lost")

    with pytest.raises(LockLostError):
        fail()
    assert told == [1]
