"""Messages to functions: metadata, order, sessions side by side, redelivery, and what is left when a process dies."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from sandbox.host import Host
from sandbox.servicebus import Draft, QueueOptions
from tests.host.conftest import Start
from tests.host.support import Gate, bodies, said

LANES = QueueOptions("lanes", requires_session=True, max_delivery_count=3)
FAIL = json.dumps({"do": "fail"}).encode()


def send(host: Host, session: str, *texts: bytes) -> None:
    host.broker.send("lanes", *(Draft(text, session_id=session) for text in texts))


def test_a_message_arrives_with_all_that_the_broker_knows_of_it(start: Start) -> None:
    host = start()
    properties = {"kind": "order", "count": 3}
    host.broker.send(
        "lanes",
        Draft(
            b'{"a": 1}',
            message_id="m",
            session_id="s",
            label="label",
            correlation_id="c",
            content_type="application/json",
            time_to_live=timedelta(hours=1),
            properties=properties,
        ),
    )
    host.wait_idle()
    (line,) = said(host, "lane")
    seen = dict(line.extra["seen"])
    assert datetime.now(UTC) - datetime.fromisoformat(seen.pop("enqueued")) < timedelta(minutes=1)
    assert seen.pop("lock_token")
    assert seen == {
        "message_id": "m",
        "session_id": "s",
        "delivery_count": 1,
        "sequence_number": 1,
        "label": "label",
        "correlation_id": "c",
        "content_type": "application/json",
        "user_properties": properties,
        "application_properties": properties,
    }
    assert [invocation.ok for invocation in host.invocations] == [True]
    assert line.invocation == host.invocations[0].id


def test_a_body_that_is_no_text_arrives_as_bytes(start: Start) -> None:
    host = start()
    host.broker.send("letters", Draft(b"\xff"))
    host.wait_idle()
    assert bodies(host, "letter") == ["\ufffd"]


def test_one_session_is_in_order_several_go_side_by_side_up_to_the_limit(start: Start) -> None:
    host = start()
    with Gate() as gate:
        for session in "abc":
            send(host, session, gate.order(), f"{session}2".encode())
        gate.arrived()
        gate.arrived()
        assert gate.nobody_arrives(), "host.json allows two sessions at once, and one message of each"
        gate.open()
        gate.arrived()
        gate.open()
        host.wait_idle()
    waits = [body for body in bodies(host, "lane done") if body.startswith("{")]
    assert (len(waits), sorted(bodies(host, "lane done"))[:3]) == (3, ["a2", "b2", "c2"])
    for session in "abc":
        of_session = [
            line.extra["body"][:1] for line in said(host, "lane") if line.extra["seen"]["session_id"] == session
        ]
        assert of_session == ["{", session]


def test_without_sessions_several_messages_go_side_by_side(start: Start) -> None:
    host = start()
    with Gate() as gate:
        host.broker.send("letters", *(Draft(gate.order()) for _ in range(5)))
        for _ in range(4):
            gate.arrived()
        assert gate.nobody_arrives(), "host.json allows four calls at once"
        gate.open()
        gate.arrived()
        gate.open()
        host.wait_idle()


def test_a_failing_message_comes_again_holds_up_its_session_and_ends_as_a_dead_letter(start: Start) -> None:
    host = start(queues=(LANES,))
    send(host, "a", FAIL, b"after")
    host.wait_idle()
    seen = [(line.extra["body"], line.extra["seen"]["delivery_count"]) for line in said(host, "lane")]
    assert seen == [(FAIL.decode(), 1), (FAIL.decode(), 2), (FAIL.decode(), 3), ("after", 1)]
    (dead,) = host.broker.dead("lanes")
    assert (dead.draft.body, dead.dead_letter_reason) == (FAIL, "MaxDeliveryCountExceeded")


def test_many_at_once(start: Start) -> None:
    host = start()
    with host.broker.using("heaps") as queue:
        queue.send(
            Draft(f"{number}".encode(), message_id=f"m{number}", properties={"n": number}) for number in range(4)
        )
    host.wait_idle()
    heaps = said(host, "heap")
    assert [line.extra["bodies"] for line in heaps] == [["0", "1", "2"], ["3"]]
    last = heaps[0].extra["seen"]
    assert (last["message_id"], last["delivery_count"], last["user_properties"]) == ("m2", 1, {"n": 2})
    assert last["application_properties"] == {"n": 2}
    assert last["enqueued"]


def test_a_scheduled_message_is_delivered_when_its_time_has_come(start: Start) -> None:
    host = start()
    due = host.broker.now() + timedelta(hours=1)
    host.broker.send("lanes", Draft(b"later", session_id="a", scheduled_for=due))
    host.wait_idle()
    assert said(host, "lane") == []
    host.broker.advance(3601)
    host.wait_idle()
    assert bodies(host, "lane done") == ["later"]


def test_a_message_that_falls_due_by_itself_wakes_the_host(start: Start) -> None:
    host = start()
    due = host.broker.now() + timedelta(seconds=0.3)
    host.broker.send("letters", Draft(b"soon", scheduled_for=due))
    host.broker.wait(lambda: bodies(host, "letter done") == ["soon"], 10)


def test_a_killed_worker_is_replaced_and_its_message_comes_again(start: Start) -> None:
    host = start()
    first = host.worker_process_id
    with Gate() as gate:
        send(host, "a", gate.order(), b"after")
        gate.arrived()
        host.kill_worker()
        gate.arrived()
        gate.open()
        host.wait_idle()
    assert host.worker_process_id not in (first, None)
    assert host.restarts == 1
    assert [line.extra["seen"]["delivery_count"] for line in said(host, "lane")] == [1, 2, 1]
    assert bodies(host, "lane done")[-1] == "after"
    assert [invocation.ok for invocation in host.invocations] == [False, True, True]


def test_after_a_crash_the_lock_stays_until_it_runs_out_and_a_new_instance_goes_on(start: Start) -> None:
    host = start()
    url = host.url
    with Gate() as gate:
        send(host, "a", gate.order(), b"after")
        gate.arrived()
        host.crash()
        assert host.worker_process_id is None
        assert host.broker.summary()["lanes"]["held"] == 1
        host.start()
        assert host.url == url
        assert gate.nobody_arrives(), "the session is still locked"
        host.broker.advance(61)
        gate.arrived()
        gate.open()
        host.wait_idle()
    assert [line.extra["seen"]["delivery_count"] for line in said(host, "lane")] == [1, 2, 1]
    assert host.broker.dead("lanes") == []


def test_stopping_gives_messages_back_uncounted(start: Start) -> None:
    host = start(drain_seconds=0.1)
    with Gate() as gate:
        send(host, "a", gate.order())
        gate.arrived()
        host.stop()
        host.start()
        gate.arrived()
        gate.open()
        host.wait_idle()
    assert [line.extra["seen"]["delivery_count"] for line in said(host, "lane")] == [1, 1]


def test_stopping_waits_for_what_runs(start: Start) -> None:
    host = start()
    send(host, "a", json.dumps({"do": "block", "seconds": 0.5}).encode())
    host.broker.wait(lambda: len(said(host, "lane")) == 1)
    host.stop()
    assert len(bodies(host, "lane done")) == 1
    assert host.broker.active("lanes") == []


def test_a_function_that_takes_too_long_costs_the_worker_its_life(start: Start) -> None:
    host = start(queues=(LANES,), settings={"AzureFunctionsJobHost__functionTimeout": "00:00:01"})
    with Gate() as gate:
        send(host, "a", gate.order(), b"after")
        host.wait_idle()
    errors = [invocation.error for invocation in host.invocations if not invocation.ok]
    assert errors == ["Timeout value of 0:00:01 was exceeded by function: Functions.lane"] * 3
    assert host.restarts == 3
    assert bodies(host, "lane done") == ["after"]


def test_a_lock_that_is_renewed_no_longer_lets_another_receiver_in(start: Start) -> None:
    """At-least-once: a function that outlasts the renewal of its lock runs twice at the same time."""
    host = start()
    with Gate() as gate:
        send(host, "a", gate.order())
        gate.arrived()
        host.broker.advance(301)
        gate.arrived()
        gate.open()
        host.wait_idle()
    assert [line.extra["seen"]["delivery_count"] for line in said(host, "lane")] == [1, 2]


def test_two_apps_run_beside_each_other_each_in_its_own_process(start: Start) -> None:
    one, other = start(), start(settings={"LANES": "others"})
    assert one.worker_process_id != other.worker_process_id
    one.broker.send("lanes", Draft(b"1", session_id="a"))
    other.broker.send("others", Draft(b"2", session_id="a"))
    one.wait_idle()
    other.wait_idle()
    assert (bodies(one, "lane"), bodies(other, "lane")) == (["1"], ["2"])
