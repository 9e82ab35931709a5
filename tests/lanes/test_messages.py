"""Messages of the lanes: what goes in comes out, ids tell apart what must be told apart."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.lanes.messages import KeysMessage, Malformed, SliceMessage, outgoing, parse_work, session_of

KEY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


def keys(found: list[str], cause: str = "", **more: Any) -> KeysMessage:
    return KeysMessage(template="quotes", legal_entity="usmf", trigger="event", keys=found, cause=cause, **more)


@given(found=st.lists(KEY, min_size=1, max_size=5), cause=st.text(max_size=20), attempt=st.integers(0, 9))
def test_keys_come_back_as_they_went(found: list[str], cause: str, attempt: int) -> None:
    message = keys(found, cause, attempt=attempt)
    sent = outgoing(message, "quotes")
    assert parse_work(sent.body.encode()) == message
    assert sent.session_id == session_of("USMF", "quotes")
    assert len(sent.message_id) <= 128


@given(number=st.integers(0, 10**6), mode=st.sampled_from(["incremental", "full", "dryRun"]))
def test_slices_come_back_as_they_went(number: int, mode: str) -> None:
    message = SliceMessage.model_validate(
        {
            "template": "quotes",
            "legalEntity": "usmf",
            "trigger": "http",
            "runId": "r" * 150,
            "number": number,
            "mode": mode,
        }
    )
    sent = outgoing(message, "quotes")
    assert parse_work(sent.body.encode()) == message
    assert len(sent.message_id) <= 128
    assert (sent.session_id == "usmf.quotes") is (mode != "dryRun")


def test_a_second_real_change_of_one_key_is_no_duplicate_of_the_first() -> None:
    first, second = keys(["Q1"], "event 1"), keys(["Q1"], "event 2")
    assert first.message_id != second.message_id
    assert first.message_id == keys(["Q1"], "event 1", requested=datetime(2020, 1, 1, tzinfo=UTC)).message_id
    assert first.message_id != keys(["Q1"], "event 1", attempt=1).message_id


def test_names_on_the_wire() -> None:
    body = json.loads(outgoing(keys(["Q1"], run_id="r"), "quotes").body)
    assert body["version"] == 1
    assert (body["kind"], body["legalEntity"], body["runId"]) == ("keys", "usmf", "r")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON",
        b"[]",
        b'{"kind": "slice"}',
        b'{"kind": "other", "version": 1}',
        keys(["a"]).model_dump_json(by_alias=True).replace('"version":1', '"version":2').encode(),
        keys(["a"]).model_dump_json(by_alias=True).replace("{", '{"more": 1,', 1).encode(),
    ],
)
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        parse_work(body)


def test_the_refusal_names_places_and_no_values() -> None:
    with pytest.raises(Malformed) as refusal:
        parse_work(b'{"kind": "keys", "version": 1, "template": "quotes", "legalEntity": "secret value"}')
    assert "/keys/legalEntity" in str(refusal.value)
    assert "secret value" not in str(refusal.value)
