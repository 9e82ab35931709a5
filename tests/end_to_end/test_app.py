"""The whole app on Microsoft's worker: timers, flows, events, and what happens when it is killed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Protocol

import pytest

from p2c.lanes.worker import BUSY_SECONDS
from sandbox.host import Host
from sandbox.servicebus import Draft
from tests.azurite import Azurite
from tests.hosted import ROOT, WEBHOOK_KEY, App, running
from tests.staging import Raise


class StartApp(Protocol):
    """The `app` fixture: a company that is set up, and the app between its systems."""

    def __call__(self, name: str = "contoso", *, size: int = 0, state: str = "", **settings: str) -> App: ...


@pytest.fixture
def app(stage: Raise) -> Iterator[StartApp]:
    with ExitStack() as stack:

        def started(name: str = "contoso", *, size: int = 0, state: str = "", **settings: str) -> App:
            play = stage(name, size=size, **({"state": state} if state else {}))
            play.company.set_up()
            return stack.enter_context(running(play, **settings))

        yield started


def statuses(app: App) -> dict[str, str]:
    return {f"{one['template']} {one['legalEntity']}": one["status"] for one in app.runs()}


def test_timers_bring_both_systems_into_agreement(app: StartApp) -> None:
    running_app = app("contoso-group")
    running_app.tick_all()
    running_app.stage.company.sell()
    for template in ("quotes", "orders-to-finops"):
        running_app.tick(template)
    found = statuses(running_app)
    assert "Error" not in found.values()
    assert "products demf" not in found
    assert len([one for one in found if one.startswith("accounts ")]) == len(running_app.stage.company.legal_entities)
    for agreement in running_app.stage.reconcile():
        if agreement.template in ("accounts", "products", "contacts-to-customers"):
            assert (agreement.error, list(agreement.different)) == ("", [])


def test_a_flow_starts_a_run_and_polls_it_to_its_end(app: StartApp, azurite: Azurite) -> None:
    running_app = app(state=azurite.connection_string)
    ask = {"template": "accounts", "mode": "full", "idempotencyKey": "flow-run-1"}
    answer = running_app.caller.post("/api/runs", json=ask)
    assert answer.status_code == 202
    place = answer.headers["location"]
    assert place.startswith(running_app.host.url)
    running_app.broker.wait_empty("p2c-work")
    running_app.host.wait_idle()
    polled = running_app.caller.get(place)
    assert polled.status_code == 200
    body = polled.json()
    assert (body["status"], body["counts"]) == (
        "Completed",
        {"created": len(running_app.stage.sandbox.sales.rows("account"))},
    )
    again = running_app.caller.post("/api/runs", json=ask)
    assert again.json()["id"] == body["id"]
    running_app.host.wait_idle()
    assert running_app.caller.get(place).json() == body


def test_a_dry_run_says_what_would_be_written_and_writes_nothing(app: StartApp) -> None:
    running_app = app(P2C_SLICE_SECONDS="0.001", P2C_PAGE_SIZE="3")
    answer = running_app.caller.post("/api/runs", json={"template": "accounts", "mode": "dryRun"})
    running_app.host.wait_idle()
    body = running_app.caller.get(answer.headers["location"]).json()
    assert body["counts"] == {"created": len(running_app.stage.sandbox.sales.rows("account"))}
    assert running_app.stage.sandbox.finops.stats.writes == 0


def test_slices_hand_themselves_on_to_the_end(app: StartApp) -> None:
    running_app = app(P2C_SLICE_SECONDS="0.001", P2C_PAGE_SIZE="2")
    running_app.tick("accounts")
    (run,) = running_app.runs()
    assert (run["status"], run["counts"]) == (
        "Completed",
        {"created": len(running_app.stage.sandbox.sales.rows("account"))},
    )
    ended = [line.extra for line in running_app.host.logs if line.message in ("slice ended", "run ended")]
    assert [one["p2c_slice"] for one in ended] == list(range(len(ended)))
    assert len(ended) > 3


def test_without_a_key_nobody_gets_in(app: StartApp) -> None:
    running_app = app()
    for path in ("runs", "templates", "dead-letters", "openapi.json", "runs/x"):
        assert running_app.caller.get(f"/api/{path}", headers={"x-functions-key": "other"}).status_code == 401
    assert running_app.caller.get("/api/health", headers={"x-functions-key": ""}).json() == {"status": "ok"}
    refused = running_app.caller.post("/api/webhooks/dataverse", json={})
    assert refused.status_code == 401


def test_a_host_killed_in_the_middle_loses_and_doubles_nothing(app: StartApp) -> None:
    running_app = app("generated", size=400, P2C_PAGE_SIZE="1", P2C_SLICE_SECONDS="0.2", P2C_LEASE_SECONDS="15")
    accounts = len(running_app.stage.sandbox.sales.rows("account"))
    books = running_app.stage.sandbox.finops.books
    there = len(books.rows("CustTable"))
    answer = running_app.caller.post("/api/runs", json={"template": "accounts"})
    deadline = time.monotonic() + 60
    while len(books.rows("CustTable")) < there + 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    running_app.host.kill_worker()
    running_app.host.wait_idle()
    body = running_app.caller.get(answer.headers["location"]).json()
    # The dead process's lease runs out by itself; until then the lane's message comes again and again.
    while body["status"] == "Running" and time.monotonic() < deadline:
        running_app.broker.advance(BUSY_SECONDS + 1)
        running_app.host.wait_idle()
        time.sleep(0.5)
        body = running_app.caller.get(answer.headers["location"]).json()
    assert (body["status"], body["runs"][0]["error"]) == ("Completed", "")
    assert sum(body["counts"].values()) >= accounts
    assert len(books.rows("CustTable")) == there + accounts
    (agreement,) = [one for one in running_app.stage.reconcile() if one.template == "accounts"]
    assert list(agreement.different) == []


LOCK_SECONDS = 30 * 60 + 1
"""Longer than the host renews the lock of a session that it has accepted (`maxAutoLockRenewalDuration`)."""


def test_a_lane_that_loses_its_lock_at_work_doubles_nothing_and_ends(app: StartApp) -> None:
    """The host renews a session's lock from its acceptance: a lane that is busy for longer loses it in mid-slice."""
    running_app = app("generated", size=600, P2C_PAGE_SIZE="1", P2C_SLICE_SECONDS="0.6")
    host, broker, books = running_app.host, running_app.broker, running_app.stage.sandbox.finops.books
    accounts, there = len(running_app.stage.sandbox.sales.rows("account")), len(books.rows("CustTable"))

    def vain() -> int:
        """How many messages came to nothing: dropped by the queue, or by the fence."""
        not_run = [line for line in list(host.logs) if line.message == "slice not run"]
        return broker.summary()["p2c-work"]["duplicates"] + len(not_run)

    place = running_app.caller.post("/api/runs", json={"template": "accounts"}).headers["location"]
    broker.wait(lambda: len(books.rows("CustTable")) > there + 2, 60)
    broker.advance(LOCK_SECONDS)
    # The second delivery finds the lane's lease taken for as long as the first one, still at work, has it; from then on
    # it, or what it sends, is one too many.
    broker.wait(lambda: vain() == 1, 60)
    host.wait_idle()
    assert broker.scheduled("p2c-work") == broker.dead("p2c-work") == []
    body = running_app.caller.get(place).json()
    assert (body["status"], body["counts"]) == ("Completed", {"created": accounts})
    assert len(books.rows("CustTable")) == there + accounts
    ended = [line.extra["p2c_slice"] for line in host.logs if line.message in ("slice ended", "run ended")]
    assert ended == list(range(len(ended))), "each slice ran once"
    assert len(ended) > 1, "the run was over before it could be handed on"
    assert vain() == 1, "the second delivery is no second chain of slices"


def test_two_instances_share_the_lanes_and_double_nothing(app: StartApp) -> None:
    # One lane for each, so that the one that loses a lock in mid-slice has no place for the second delivery.
    sessions = {"AzureFunctionsJobHost__extensions__serviceBus__maxConcurrentSessions": "1"}
    first = app("generated", size=600, P2C_PAGE_SIZE="1", P2C_SLICE_SECONDS="0.6", **sessions)
    broker, books = first.broker, first.stage.sandbox.finops.books
    accounts, there = len(first.stage.sandbox.sales.rows("account")), len(books.rows("CustTable"))
    with Host(ROOT, first.host.settings, broker, keys=first.host.keys) as second:
        # Two ticks at once, as when a timer's lock changed hands; and then the lane does.
        for host in (first.host, second):
            host.run_timer("timer_accounts")
        first.host.run_timer("timer_products")
        broker.wait(lambda: len(books.rows("CustTable")) > there + 2, 60)
        broker.advance(LOCK_SECONDS)
        for host in (second, first.host, second):
            host.wait_idle()
        at_work = [name for name, host in (("first", first.host), ("second", second)) if "work" in functions_run(host)]
    assert at_work == ["first", "second"]
    assert statuses(first) == {"accounts usmf": "Completed", "products usmf": "Completed"}
    assert len(books.rows("CustTable")) == there + accounts
    assert broker.dead("p2c-work") == []
    for one in first.stage.reconcile():
        if one.template in ("accounts", "products"):
            assert (one.error, list(one.different)) == ("", [])


def functions_run(host: Host) -> set[str]:
    return {one.function for one in list(host.invocations)}


def event(table: str, row: dict[str, Any], message: str = "Update", **facts: Any) -> dict[str, Any]:
    attributes = [{"key": name, "value": value} for name, value in facts.items()]
    return {
        "MessageName": message,
        "PrimaryEntityName": table,
        "PrimaryEntityId": row[f"{table}id"],
        "OperationId": str(len(facts)) + str(time.monotonic_ns()),
        "OperationCreatedOn": "/Date(1707400058000+0000)/",
        "InputParameters": [
            {
                "key": "Target",
                "value": {
                    "__type": "Entity:x",
                    "Attributes": attributes,
                    "Id": row[f"{table}id"],
                    "LogicalName": table,
                },
            }
        ],
    }


def test_an_order_reaches_finance_by_event_with_what_it_needs(app: StartApp) -> None:
    running_app = app()
    running_app.tick_all()
    running_app.stage.company.sell()
    for row in running_app.stage.sandbox.sales.rows("salesorder"):
        running_app.post_event(event("salesorder", dict(row)))
    there = {row["SalesOrderNumber"] for row in running_app.stage.sandbox.finops.books.rows("SalesTable")}
    active = {row["ordernumber"] for row in running_app.stage.sandbox.sales.rows("salesorder") if row["statecode"] == 0}
    assert active & there
    taken = [line.extra for line in running_app.host.logs if line.message == "documents taken"]
    assert {one["p2c_outcome"] for one in taken} >= {"created"}


def test_a_burst_for_one_key_is_one_write(app: StartApp) -> None:
    running_app = app()
    running_app.tick("accounts")
    sales = running_app.stage.sandbox.sales
    row = dict(sales.rows("account")[0])
    before = running_app.stage.sandbox.finops.stats.writes
    for number in range(10):
        sales.people.update("account", row["accountid"], {"name": f"name {number}"})
    drafts = [Draft(json.dumps(event("account", row, name=f"name {number}")).encode()) for number in range(10)]
    running_app.broker.send("p2c-inbox", *drafts)
    running_app.host.wait_idle()
    assert running_app.stage.sandbox.finops.stats.writes - before == 1
    taken = [line.extra["p2c_outcome"] for line in running_app.host.logs if line.message == "documents taken"]
    assert sorted(taken) == ["unchanged"] * 9 + ["updated"]


def test_a_posted_invoice_reaches_sales_by_business_event(app: StartApp) -> None:
    running_app = app()
    running_app.tick_all()
    running_app.stage.company.sell()
    running_app.tick("orders-to-finops")
    running_app.stage.company.fulfil()
    running_app.tick("orders-to-sales")
    assert running_app.stage.sandbox.sales.rows("invoice") == []
    invoices = running_app.stage.sandbox.finops.books.rows("CustInvoiceJour")
    for one in invoices:
        body = {
            "BusinessEventId": "SalesInvoicePostedBusinessEvent",
            "BusinessEventLegalEntity": one["dataAreaId"].upper(),
            "EventId": one["InvoiceNumber"],
            "InvoiceId": one["InvoiceNumber"],
        }
        answer = running_app.caller.post("/api/webhooks/finops", params={"code": WEBHOOK_KEY}, json=body)
        assert answer.status_code == 202
    running_app.host.wait_idle()
    assert len(running_app.stage.sandbox.sales.rows("invoice")) >= 3


def test_events_of_no_interest_are_acknowledged_and_counted(app: StartApp) -> None:
    running_app = app()
    running_app.post_event({"MessageName": "Update", "PrimaryEntityName": "lead", "PrimaryEntityId": "x"})
    running_app.post_event({"MessageName": "Associate", "PrimaryEntityName": "account", "PrimaryEntityId": "x"})
    counted = [line.extra["p2c_count"] for line in running_app.host.logs if line.message == "event of no interest"]
    assert counted == [1, 1]
    assert running_app.broker.dead("p2c-inbox") == []


@pytest.mark.parametrize(("queue", "session"), [("p2c-inbox", None), ("p2c-work", "usmf.accounts")])
def test_poison_is_in_the_dead_letter_queue_and_among_ours(app: StartApp, queue: str, session: str | None) -> None:
    running_app = app()
    running_app.broker.send(queue, Draft(b"<poison/>", message_id="m1", session_id=session))
    running_app.host.wait_idle()
    assert [one.draft.message_id for one in running_app.broker.dead(queue)] == ["m1"]
    (letter,) = running_app.caller.get("/api/dead-letters").json()["deadLetters"]
    assert (letter["kind"], letter["key"], letter["attempts"]) == ("message", "m1", 3)
    assert letter["reason"]
    running_app.tick("accounts")
    assert statuses(running_app) == {"accounts usmf": "Completed"}


def test_one_record_now(app: StartApp) -> None:
    running_app = app()
    numbers = [row["accountnumber"] for row in running_app.stage.sandbox.sales.rows("account")]
    key = next(one for one in numbers if one.startswith("A-"))
    for expected in ("created", "unchanged"):
        answer = running_app.caller.post(f"/api/records/accounts/{key}/sync", json={})
        assert answer.status_code == 200
        assert [(one["key"], one["outcome"]) for one in answer.json()["records"]] == [(key, expected)]
    answer = running_app.caller.post("/api/records/accounts/sync", json={"key": "no such"})
    assert [one["rule"] for one in answer.json()["records"]] == ["not-at-the-source"]


def test_cancelling_a_run_stops_it_between_pages_and_the_next_tick_goes_on(app: StartApp) -> None:
    running_app = app("generated", size=600, P2C_PAGE_SIZE="1", P2C_SLICE_SECONDS="0.05")
    books = running_app.stage.sandbox.finops.books
    there = len(books.rows("CustTable"))
    answer = running_app.caller.post("/api/runs", json={"template": "accounts"})
    place = answer.headers["location"]
    deadline = time.monotonic() + 30
    while len(books.rows("CustTable")) < there + 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert running_app.caller.delete(place).status_code == 202
    running_app.host.wait_idle()
    body = running_app.caller.get(place).json()
    assert body["status"] == "Cancelled"
    written = len(books.rows("CustTable")) - there
    assert written == sum(body["counts"].values()) < len(running_app.stage.sandbox.sales.rows("account"))
    running_app.tick("accounts")
    assert len(books.rows("CustTable")) == there + len(running_app.stage.sandbox.sales.rows("account"))


def test_a_dead_letter_is_corrected_and_replayed(app: StartApp) -> None:
    running_app = app()
    people = running_app.stage.sandbox.sales.people
    wrong = people.create("account", {"accountnumber": "BAD-1", "name": "Bad", "address1_country": "Nowhere"})
    running_app.tick("accounts")
    (letter,) = running_app.caller.get("/api/dead-letters").json()["deadLetters"]
    assert (letter["kind"], letter["key"], letter["field"]) == ("record", "BAD-1", "address1_country")
    assert running_app.caller.get(f"/api/dead-letters/{letter['id']}").json() == letter
    people.update("account", str(wrong["accountid"]), {"address1_country": "Germany"})
    answer = running_app.caller.post("/api/dead-letters/replay", json={"ids": [letter["id"]]})
    assert answer.status_code == 202
    running_app.host.wait_idle()
    body = running_app.caller.get(answer.headers["location"]).json()
    assert [(one["key"], one["outcome"]) for one in body["records"]] == [("BAD-1", "created")]
    assert running_app.caller.get("/api/dead-letters").json() == {"deadLetters": []}
    logged = "".join(f"{line.message} {line.extra}" for line in running_app.host.logs)
    assert "Nowhere" not in logged, "a log never holds values"


def test_a_record_whose_number_is_taken_is_coupled(app: StartApp) -> None:
    running_app = app()
    finops = running_app.stage.sandbox.finops
    finops.new_customer("A-1006", "Relecloud of old", "usmf", PartyNumber="A-1006")
    running_app.tick("accounts")
    (letter,) = running_app.caller.get("/api/dead-letters").json()["deadLetters"]
    assert (letter["key"], letter["rule"]) == ("A-1006", "number-taken")
    assert {"field": "name", "source": "Relecloud", "destination": "Relecloud of old"} in letter["sides"]
    ask = {"ids": [letter["id"]], "idempotencyKey": "the same"}
    answers = [running_app.caller.post("/api/dead-letters/couple", json=ask) for _ in range(2)]
    assert [one.status_code for one in answers] == [202, 202]
    running_app.host.wait_idle()
    body = running_app.caller.get(answers[0].headers["location"]).json()
    assert [(one["key"], one["outcome"]) for one in body["records"]] == [("A-1006", "updated")]
    held = finops.books.get("CustTable", "usmf", "A-1006")
    assert held is not None
    assert held["OrganizationName"] == "Relecloud"
    assert running_app.caller.get("/api/dead-letters").json() == {"deadLetters": []}
    logged = "".join(f"{line.message} {line.extra}" for line in running_app.host.logs)
    assert "Relecloud" not in logged, "a log never holds values"


def test_what_changed_goes_in_slices_too(app: StartApp) -> None:
    running_app = app(P2C_SLICE_SECONDS="0.001", P2C_PAGE_SIZE="2")
    running_app.tick("accounts")
    sales = running_app.stage.sandbox.sales
    accounts = sales.rows("account")
    for row in accounts:
        sales.people.update("account", str(row["accountid"]), {"name": f"{row['name']} & Sons"})
    requests = sales.stats.requests
    running_app.tick("accounts")
    latest = running_app.runs()[0]
    assert (latest["mode"], latest["status"], latest["counts"]) == (
        "incremental",
        "Completed",
        {"updated": len(accounts)},
    )
    ended = [line.extra for line in running_app.host.logs if line.message in ("slice ended", "run ended")]
    slices = [one["p2c_slice"] for one in ended if one["p2c_run"] == ended[-1]["p2c_run"]]
    assert slices == list(range(len(slices)))
    assert len(slices) > 3
    # Naming them is one request; no slice asks the feed again.
    assert sales.stats.requests - requests < 3 * len(slices) + 5
    (agreement,) = [one for one in running_app.stage.reconcile() if one.template == "accounts"]
    assert list(agreement.different) == []
