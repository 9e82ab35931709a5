"""The HTTP API, request by request."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import azure.functions as func
import jsonschema
import pytest

from p2c.documents import Difference
from p2c.lanes.letters import letter_id
from p2c.lanes.parts import Parts
from p2c.state.poison import Poison, PoisonList
from p2c.state.requests import Requests
from p2c.state.runs import Runs
from p2c.state.store import Store
from p2c.state.waiting import Waiting
from p2c.sync.lane import open_lane
from p2c.triggers.access import Role
from p2c.triggers.answers import Call, answer
from p2c.triggers.openapi import document
from tests.triggers.desk import HOST, Desk, content, desk, principal


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as opened:
        yield opened


def valid(body: object, model: str) -> None:
    """Fits the model as the OpenAPI document has it."""
    schemas = document()["components"]["schemas"]
    jsonschema.validate(body, {"$ref": f"#/components/schemas/{model}", "components": {"schemas": schemas}})


# --- runs ---


async def test_a_run_is_accepted_with_an_absolute_place_to_ask(app: Desk) -> None:
    answer = await app.call("runs", "POST", body={"template": "accounts", "mode": "full"})
    body = content(answer)
    assert answer.status_code == 202
    assert answer.headers["Location"] == body["statusUrl"] == f"{HOST}/api/runs/{body['id']}"
    assert int(answer.headers["Retry-After"]) > 0
    valid(body, "RunStatus")
    messages = app.work()
    assert [(one["legalEntity"], one["mode"], one["number"]) for one in messages] == [
        ("usmf", "full", 0),
        ("demf", "full", 0),
    ]
    assert [one["runId"] for one in messages] == [one["runId"] for one in body["runs"]]


async def test_the_public_address_counts_where_it_is_set(tmp_path: Path) -> None:
    async with desk(tmp_path, public_url="https://front.example/") as app:
        answer = await app.call("runs", "POST", body={"template": "accounts"})
        assert answer.headers["Location"].startswith("https://front.example/api/runs/q-")


@pytest.mark.parametrize("by_header", [True, False])
async def test_the_same_key_is_the_same_run(app: Desk, by_header: bool) -> None:
    body = {"template": "accounts", "legalEntities": ["USMF"]} | ({} if by_header else {"idempotencyKey": "flow-1"})
    headers = {"Idempotency-Key": "flow-1"} if by_header else {}
    ids = {content(await app.call("runs", "POST", body=body, headers=headers))["id"] for _ in range(3)}
    assert len(ids) == 1
    assert len({one["runId"] for one in app.work()}) == 1
    assert len(content(await app.call("runs"))["runs"]) == 1


async def test_the_same_key_for_something_else_is_a_conflict(app: Desk) -> None:
    await app.call("runs", "POST", body={"template": "accounts", "idempotencyKey": "k"})
    answer = await app.call("runs", "POST", body={"template": "quotes", "idempotencyKey": "k"})
    assert answer.status_code == 409
    valid(content(answer), "Problem")


RUN = ("runs", {"template": "accounts", "legalEntities": ["usmf", "DEMF"]}, {})
RECORD = ("record_sync_by_body", {"key": "A1", "legalEntity": "usmf", "waitSeconds": 0}, {"template": "accounts"})
REPLAY = ("dead_letters_replay", {"ids": ["m-p"]}, {})
OTHERWISE = (
    ("runs", {"template": "accounts", "legalEntities": ["usmf"]}, {}),
    ("runs", {"template": "accounts", "legalEntities": ["usmf", "demf"], "mode": "full"}, {}),
    ("record_sync_by_body", {"key": "A2", "legalEntity": "usmf", "waitSeconds": 0}, {"template": "accounts"}),
    ("dead_letters_replay", {"all": True}, {}),
)
Asked = tuple[str, dict[str, object], dict[str, str]]


async def ask(app: Desk, asked: Asked) -> tuple[int, dict[str, Any]]:
    name, body, route = asked
    answer = await app.call(name, "POST", body=body | {"idempotencyKey": "k"}, **route)
    return answer.status_code, content(answer)


@pytest.mark.parametrize("first", [RUN, RECORD, REPLAY])
@pytest.mark.parametrize("second", [RUN, RECORD, REPLAY, *OTHERWISE])
async def test_one_key_is_one_question(app: Desk, first: Asked, second: Asked) -> None:
    await fill(app)
    status, answered = await ask(app, first)
    assert status == 202
    sent = len(app.work())
    status, again = await ask(app, second)
    if second is first:
        assert (status, again["id"]) == (202, answered["id"])
    else:
        assert (status, again["type"]) == (409, "urn:p2c:problem:idempotency")
        valid(again, "Problem")
        kind = {"runs": "a run", "record_sync_by_body": "one record", "dead_letters_replay": "a replay"}[first[0]]
        assert kind in again["detail"]
        assert ("another body" in again["detail"]) is (second[0] == first[0])
    assert len(app.work()) == sent


async def test_the_first_answer_counts_also_when_the_project_has_changed(app: Desk, tmp_path: Path) -> None:
    body = {"template": "accounts", "idempotencyKey": "k"}
    first = content(await app.call("runs", "POST", body=body))
    project = json.loads((tmp_path / "p2c.json").read_text(encoding="utf-8"))
    del project["connectionSet"]["legalEntities"]["demf"]
    (tmp_path / "p2c.json").write_text(json.dumps(project), encoding="utf-8")
    async with desk(tmp_path) as later:
        assert len(later.parts.legal_entities) == 1
        again = await later.call("runs", "POST", body=body)
        assert (again.status_code, content(again)["id"]) == (202, first["id"])


async def test_products_run_for_the_master_only(app: Desk) -> None:
    await app.call("runs", "POST", body={"template": "products"})
    assert [one["legalEntity"] for one in app.work()] == ["usmf"]
    answer = await app.call("runs", "POST", body={"template": "products", "legalEntities": ["demf"]})
    assert answer.status_code == 422


async def test_status_is_202_until_the_last_one_has_ended(app: Desk) -> None:
    started = content(await app.call("runs", "POST", body={"template": "accounts"}))
    runs = Runs(await app.parts.store())
    for index, one in enumerate(started["runs"]):
        asked = await app.call("run", path="runs/x", id=started["id"])
        assert (asked.status_code, "Location" in asked.headers) == (202, True)
        record = await runs.load(one["runId"])
        assert record is not None
        status = ("Completed", "Warning")[index]
        ended = {"status": status, "finished": datetime.now(UTC), "counts": {"created": 2}}
        await runs.save(record.model_copy(update=ended))
    asked = await app.call("run", path="runs/x", id=started["id"])
    body = content(asked)
    assert (asked.status_code, body["status"], body["counts"]) == (200, "Warning", {"created": 4})
    valid(body, "RunStatus")


async def test_cancelling_marks_every_run_that_has_not_ended(app: Desk) -> None:
    started = content(await app.call("runs", "POST", body={"template": "accounts"}))
    assert (await app.call("run", "DELETE", id=started["id"])).status_code == 202
    requests = Requests(await app.parts.store())
    assert all([await requests.cancelled(one["runId"]) for one in started["runs"]])


@pytest.mark.parametrize(
    ("body", "raw", "status", "pointer"),
    [
        ({}, None, 422, "/template"),
        ({"template": "accounts", "surprise": 1}, None, 422, "/surprise"),
        ({"template": "accounts", "mode": "quick"}, None, 422, "/mode"),
        ({"template": "Not A Template"}, None, 422, "/template"),
        ({"template": "other"}, None, 404, None),
        ({"template": "accounts", "legalEntities": ["frrt"]}, None, 422, None),
        (None, b"{", 422, None),
        (None, b"[]", 422, None),
        (None, b" " * 300_000, 413, None),
        ({"template": "accounts", "idempotencyKey": "k" * 201}, None, 422, "/idempotencyKey"),
    ],
)
async def test_bad_requests_are_told_where_they_are_bad(
    app: Desk, body: object, raw: bytes | None, status: int, pointer: str | None
) -> None:
    answer = await app.call("runs", "POST", body=body, raw=raw)
    found = content(answer)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    valid(found, "Problem")
    assert found["status"] == status
    assert found["correlationId"] == answer.headers["x-correlation-id"]
    if pointer is not None:
        assert pointer in [one["pointer"] for one in found["errors"]]
    assert app.work() == []


async def test_a_callers_id_goes_through_to_the_lane(app: Desk) -> None:
    answer = await app.call("runs", "POST", body={"template": "accounts"}, headers={"x-correlation-id": "flow-run-7"})
    assert answer.headers["x-correlation-id"] == "flow-run-7"
    assert {one["correlationId"] for one in app.work()} == {"flow-run-7"}


async def test_a_question_whose_first_answer_was_cut_off_is_answered_the_second_time(app: Desk) -> None:
    """The first one kept the request and died before it sent anything."""
    ask = {"template": "accounts", "idempotencyKey": "k"}
    first = content(await app.call("runs", "POST", body=ask))
    sent = app.work()
    async with desk(app.parts.settings.project.parent) as later:
        store = await later.parts.store()
        for one in first["runs"]:
            await store.delete(f"runs/record/{one['runId']}.json")
        again = await later.call("runs", "POST", body=ask)
        assert (again.status_code, content(again)["status"]) == (202, "Queued")
        assert later.work() == [one | {"correlationId": again.headers["x-correlation-id"]} for one in sent]
        # The record is for the lane to write, which may have done so a moment ago.
        assert await Runs(store).load(first["runs"][0]["runId"]) is None


@pytest.mark.parametrize("text", ["a b", "a\n", "x" * 200, "<script>", ""])
async def test_an_unsound_id_is_replaced(app: Desk, text: str) -> None:
    answer = await app.call("templates", headers={"x-correlation-id": text})
    assert answer.headers["x-correlation-id"] != text


@pytest.mark.parametrize("limit", ["0", "-1", "many", "100000"])
async def test_limits_are_numbers_in_range(app: Desk, limit: str) -> None:
    assert (await app.call("runs", path=f"runs?limit={limit}")).status_code == 422


@pytest.mark.parametrize("name", ["nothing", "../project", "..%2F..", "a/b", "x" * 5000, "\x00", "é", ""])
async def test_what_is_not_there(app: Desk, name: str) -> None:
    assert (await app.call("run", id=name)).status_code == 404
    assert (await app.call("run", "DELETE", id=name)).status_code == 404
    for identifier in (f"m-{name}", f"r-{name}", letter_id("quotes", f"../{name}", "k"), letter_id(name, "usmf", "k")):
        assert (await app.call("dead_letter", id=identifier)).status_code == 404


# --- one record ---


async def test_a_record_that_is_not_done_in_time_is_accepted(app: Desk) -> None:
    body = {"legalEntity": "usmf", "waitSeconds": 0}
    answer = await app.call(
        "record_sync", "POST", "records/accounts/A1/sync", body=body, template="accounts", key="A%2F1"
    )
    assert answer.status_code == 202
    (message,) = app.work()
    assert (message["kind"], message["keys"], message["careful"]) == ("keys", ["A/1"], True)


@pytest.mark.parametrize(
    ("body", "key"),
    [({}, ""), ({"key": "A1", "legalEntity": "usmf"}, "A1"), ({"key": "A1"}, "")],
)
async def test_a_record_is_named_once_and_belongs_to_one_legal_entity(
    app: Desk, body: dict[str, str], key: str
) -> None:
    answer = await app.call("record_sync_by_body", "POST", body=body, template="accounts", key=key)
    assert answer.status_code == 422


async def test_a_key_that_no_record_has_is_refused(app: Desk) -> None:
    answer = await app.call("record_sync", "POST", body={"legalEntity": "usmf"}, template="accounts", key="k" * 401)
    assert answer.status_code == 422


async def test_a_record_that_is_done_is_told_with_its_outcome(app: Desk) -> None:
    ask = {"key": "A1", "legalEntity": "usmf", "waitSeconds": 0, "idempotencyKey": "k"}
    started = content(await app.call("record_sync_by_body", "POST", body=ask, template="accounts"))
    runs = Runs(await app.parts.store())
    record = await runs.load(started["runs"][0]["runId"])
    assert record is not None
    await runs.save(record.model_copy(update={"status": "Completed", "counts": {"unchanged": 1}}))
    answer = await app.call("record_sync_by_body", "POST", body=ask, template="accounts")
    assert answer.status_code == 200
    assert [(one["key"], one["outcome"]) for one in content(answer)["records"]] == [("A1", "unchanged")]


# --- dead letters ---


async def fill(app: Desk) -> str:
    """A record and a message that need a person; gives the record's id."""
    store = await app.parts.store()
    async with open_lane(store, app.parts.template("quotes"), "demf", lease_seconds=15) as lane:
        for key, kind in (("Q/1|ü", "dead"), ("Q2", "parked")):
            waiting = Waiting(kind=kind, key=key, template="quotes", legal_entity="demf", reason="r")  # type: ignore[arg-type]
            await lane.waiting.put_many([waiting])
        await lane.waiting.flush()
    poison = Poison(
        id="p", queue="p2c-inbox", message_id="m", reason="w", deliveries=3, noted=datetime.now(UTC), body="{}"
    )
    await PoisonList(store).note(poison)
    return letter_id("quotes", "demf", "Q/1|ü")


async def test_dead_letters_are_listed_and_shown(app: Desk) -> None:
    identifier = await fill(app)
    body = content(await app.call("dead_letters"))
    valid(body, "DeadLetterList")
    assert [(one["id"], one["kind"]) for one in body["deadLetters"]] == [(identifier, "record"), ("m-p", "message")]
    shown = content(await app.call("dead_letter", id=identifier))
    assert (shown["key"], shown["legalEntity"]) == ("Q/1|ü", "demf")
    assert content(await app.call("dead_letters", path="dead-letters?template=accounts"))["deadLetters"] == []
    for wrong in ("r-nonsense", "m-none", letter_id("quotes", "demf", "Q2"), "x"):
        assert (await app.call("dead_letter", id=wrong)).status_code == 404


async def test_a_replay_puts_keys_and_messages_back_once(app: Desk) -> None:
    identifier = await fill(app)
    ask = {"ids": [identifier, "m-p"], "idempotencyKey": "again"}
    first = await app.call("dead_letters_replay", "POST", body=ask)
    second = await app.call("dead_letters_replay", "POST", body=ask)
    assert (first.status_code, second.status_code) == (202, 202)
    assert content(first)["id"] == content(second)["id"]
    (message,) = app.work()
    assert (message["keys"], message["legalEntity"], message["trigger"]) == (["Q/1|ü"], "demf", "replay")
    assert [one.draft.body for one in app.broker.active("p2c-inbox")] == [b"{}"]
    assert (await app.call("dead_letter", id="m-p")).status_code == 404


async def test_a_replay_of_all_means_all(app: Desk) -> None:
    store = await app.parts.store()
    async with open_lane(store, app.parts.template("quotes"), "demf", lease_seconds=15) as lane:
        letters = [
            Waiting(kind="dead", key=f"Q{number}", template="quotes", legal_entity="demf", reason="r")
            for number in range(1200)
        ]
        await lane.waiting.put_many(letters)
        await lane.waiting.flush()
    assert (await app.call("dead_letters_replay", "POST", body={"all": True})).status_code == 202
    assert sorted(key for one in app.work() for key in one["keys"]) == sorted(one.key for one in letters)


@pytest.mark.parametrize("body", [{}, {"ids": ["a"], "all": True}, {"all": True, "template": "accounts"}])
async def test_a_replay_of_nothing_is_refused(app: Desk, body: dict[str, object]) -> None:
    assert (await app.call("dead_letters_replay", "POST", body=body)).status_code == 422


async def taken(app: Desk) -> tuple[str, str]:
    """Two records whose numbers are taken, the second for a line; gives the ids of their dead letters."""
    store = await app.parts.store()
    async with open_lane(store, app.parts.template("quotes"), "demf", lease_seconds=15) as lane:
        sides = (Difference("customer", "C-1", "C-2"), Difference("name", None, "Theirs"))
        letters = [
            Waiting(
                kind="dead",
                key=key,
                template="quotes",
                legal_entity="demf",
                reason="r",
                rule="number-taken",
                line=line,
                sides=sides,
            )
            for key, line in (("Q1", ""), ("Q2", "QuoteLine 2"))
        ]
        await lane.waiting.put_many(letters)
        await lane.waiting.flush()
    return letter_id("quotes", "demf", "Q1"), letter_id("quotes", "demf", "Q2")


async def test_a_record_whose_number_is_taken_shows_both_and_is_coupled_once(app: Desk) -> None:
    identifier, _ = await taken(app)
    shown = content(await app.call("dead_letter", id=identifier))
    valid(shown, "DeadLetter")
    assert shown["rule"] == "number-taken"
    assert shown["sides"] == [
        {"field": "customer", "source": "C-1", "destination": "C-2"},
        {"field": "name", "source": "", "destination": "Theirs"},
    ]
    ask = {"ids": [identifier], "idempotencyKey": "again"}
    first, second = [await app.call("dead_letters_couple", "POST", body=ask) for _ in range(2)]
    assert (first.status_code, second.status_code) == (202, 202)
    assert content(first)["id"] == content(second)["id"]
    (message,) = app.work()
    assert (message["keys"], message["trigger"], message["couple"]) == (["Q1"], "replay", True)
    replay = await app.call("dead_letters_replay", "POST", body=ask)
    assert replay.status_code == 409, "the key belongs to a confirmation"


async def test_only_a_record_whose_number_is_taken_is_coupled(app: Desk) -> None:
    other = await fill(app)
    _, of_line = await taken(app)
    for wrong in (other, of_line, "m-p"):
        answer = await app.call("dead_letters_couple", "POST", body={"ids": [wrong]})
        assert answer.status_code == 422, wrong
    assert (await app.call("dead_letters_couple", "POST", body={"ids": []})).status_code == 422
    assert (await app.call("dead_letters_couple", "POST", body={"ids": ["r-none"]})).status_code == 404
    assert app.work() == []


# --- what there is ---


async def test_choices(app: Desk) -> None:
    templates = content(await app.call("templates"))
    valid(templates, "TemplateList")
    assert len(templates["templates"]) == 8
    entities = content(await app.call("legal_entities"))
    valid(entities, "LegalEntityList")
    assert entities["legalEntities"] == [{"id": "usmf", "master": True}, {"id": "demf", "master": False}]


async def test_health_says_ok_or_broken_and_nothing_else(tmp_path: Path) -> None:
    async with desk(tmp_path) as app:
        answer = await app.call("health")
        assert (answer.status_code, content(answer)) == (200, {"status": "ok"})
    (tmp_path / "p2c.json").write_text('{"name": "a secret"}')
    async with desk(tmp_path) as app:
        answer = await app.call("health")
        assert (answer.status_code, content(answer)) == (503, {"status": "broken"})
        answer = await app.call("templates")
        assert (answer.status_code, content(answer)["type"]) == (500, "urn:p2c:problem:config")


# --- who may ---


async def test_roles_decide_with_easy_auth(tmp_path: Path) -> None:
    async with desk(tmp_path, easy_auth="on") as app:
        start = {"template": "accounts"}
        assert (await app.call("runs", "POST", body=start)).status_code == 401
        assert (await app.call("runs", "POST", body=start, headers=principal("P2C.Read"))).status_code == 403
        assert (await app.call("runs", "POST", body=start, headers=principal("P2C.Run"))).status_code == 202
        assert (await app.call("runs", headers=principal("P2C.Run"))).status_code == 200
        assert (await app.call("runs", headers=principal("Other"))).status_code == 403
        replay = {"all": True}
        assert (
            await app.call("dead_letters_replay", "POST", body=replay, headers=principal("P2C.Run"))
        ).status_code == 403
        assert (await app.call("health")).status_code == 200


class Broken(Parts):
    """Parts whose state breaks in a way that nobody foresaw."""

    async def store(self) -> Store:
        raise KeyError("a customer's name")


async def test_neither_caller_nor_log_learn_what_an_unforeseen_error_says(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with desk(tmp_path) as app:
        request = func.HttpRequest("GET", f"{HOST}/api/runs/x", headers={}, params={}, route_params={}, body=b"")

        async def handler(call: Call) -> func.HttpResponse:
            await Broken(app.parts.settings).store()
            raise AssertionError

        answered = await answer(app.parts, request, Role.READ, handler)
    body = content(answered)
    assert (answered.status_code, body["type"]) == (500, "urn:p2c:problem:unexpected")
    (logged,) = [one for one in caplog.records if one.getMessage() == "request failed"]
    told = logging.Formatter().format(logged) + str(vars(logged))
    assert body["correlationId"] in told
    assert "unexpected KeyError" in told
    assert "customer" not in told + json.dumps(body)


# --- webhooks ---

EVENT = {
    "BusinessEventId": "SalesInvoicePostedBusinessEvent",
    "BusinessEventLegalEntity": "usmf",
    "InvoiceId": "I1",
    "EventId": "E",
}


@pytest.mark.parametrize("name", ["webhook_dataverse", "webhook_finops"])
async def test_a_webhook_needs_its_key_and_answers_at_once(app: Desk, name: str) -> None:
    for headers in ({}, {"x-p2c-webhook-key": "other"}, {"x-p2c-webhook-key": "the key "}):
        assert (await app.call(name, "POST", body=EVENT, headers=headers)).status_code == 401
    answer = await app.call(name, "POST", body=EVENT, headers={"x-p2c-webhook-key": "the key"})
    assert (answer.status_code, content(answer)) == (202, {"accepted": 1})
    answer = await app.call(name, "POST", "webhooks/x?code=the key", body=EVENT)
    assert answer.status_code == 202
    assert {one.draft.message_id for one in app.broker.active("p2c-inbox")} == {"e"}


async def test_without_a_key_no_webhook_is_answered(tmp_path: Path) -> None:
    async with desk(tmp_path, webhook_key=None) as app:
        for shown in ({}, {"x-p2c-webhook-key": ""}):
            assert (await app.call("webhook_finops", "POST", body=EVENT, headers=shown)).status_code == 401


@pytest.mark.parametrize(("raw", "status"), [(b"no JSON", 422), (b"{}", 422), (b"x" * 2_000_000, 413)])
async def test_a_webhook_refuses_what_it_cannot_read(app: Desk, raw: bytes, status: int) -> None:
    answer = await app.call("webhook_dataverse", "POST", raw=raw, headers={"x-p2c-webhook-key": "the key"})
    assert answer.status_code == status
    assert app.broker.active("p2c-inbox") == []
