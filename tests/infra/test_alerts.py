"""The alerts ask for what the app really logs: names and members are compared with records as they are made."""

from __future__ import annotations

import ast
import logging
import re
from datetime import UTC, datetime
from functools import cache

import pytest

from p2c.documents import Outcome, OutcomeKind
from p2c.errors import Throttled
from p2c.lanes import journal
from p2c.lanes.messages import KeysMessage, SliceMessage
from p2c.state.runs import RunRecord
from tests.infra.bicep import INFRA, ROOT, of_kind

ALERTS = INFRA / "modules" / "alerts.bicep"
OPERATIONS = ROOT / "docs" / "operations.md"


def query(rule: str) -> str:
    found = re.search(r"query: (?:format\()?'''(.*?)'''", of_kind(ALERTS, "resource")[rule].text, re.DOTALL)
    assert found is not None
    return found[1]


def record(status: str, counts: dict[str, int]) -> RunRecord:
    now = datetime.now(UTC)
    return RunRecord.model_validate(
        {"id": "r", "template": "quotes", "started": now, "finished": now, "status": status, "counts": counts}
    )


def made(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """The records of everything that the alerts look for."""
    message = SliceMessage(template="quotes", legal_entity="usmf", trigger="timer", run_id="r")
    keys = KeysMessage(template="quotes", legal_entity="usmf", keys=("Q-1",), trigger="event", run_id="r")
    with caplog.at_level(logging.INFO, logger="p2c"):
        journal.slice_ended(record("Error", {"rejected": 1, "failed": 2}), message, None, None)
        journal.keys_taken(keys, [Outcome(key="Q-1", kind=OutcomeKind.REJECTED, field="name", reason="too long")])
        journal.gave_up(message, "no more")
        journal.poisoned("p2c-work", "m-1", "unreadable")
    return caplog.records


def test_records_have_the_names_and_members_that_queries_ask_for(caplog: pytest.LogCaptureFixture) -> None:
    records = made(caplog)
    messages = {one.getMessage() for one in records}
    members = {name for one in records for name in vars(one) if name.startswith("p2c_")}
    for rule in ("failedRuns", "stuck", "needsPerson"):
        text = query(rule)
        asked = set(re.findall(r"Message == '([^']+)'", text))
        for several in re.findall(r"Message in \(([^)]+)\)", text):
            asked |= set(re.findall(r"'([^']+)'", several))
        assert asked
        assert asked <= messages, rule
        assert set(re.findall(r"Properties\.(\w+)", text)) <= members, rule


def test_statuses_and_outcomes_in_queries_are_those_of_the_code() -> None:
    statuses = set(RunRecord.model_fields["status"].annotation.__args__)  # type: ignore[union-attr]
    for rule in ("failedRuns", "stuck"):
        asked = set(re.findall(r"p2c_status\) (?:== |in \()([^)\n]+)", query(rule)))
        named = {word for part in asked for word in re.findall(r"'(\w+)'", part)}
        assert named
        assert named <= statuses
    kinds = {kind.value for kind in OutcomeKind}
    assert {"rejected", "failed"} <= kinds


def test_the_throttling_query_finds_what_the_transport_logs() -> None:
    text = query("throttled")
    source = (ROOT / "p2c" / "systems" / "odata" / "transport.py").read_text(encoding="utf-8")
    parts = re.findall(r"Message has '([^']+)'", text)
    assert parts == [" again after ", f": {Throttled.code} "]
    assert parts[0] in source
    assert '"%s: %s %s %s", again, error.code' in source


def test_every_query_that_splits_names_its_column() -> None:
    for rule in ("failedRuns", "stuck", "needsPerson", "throttled"):
        dimension = re.search(r"dimensions: \[\s*\{\s*name: '(\w+)'", of_kind(ALERTS, "resource")[rule].text)
        assert dimension is not None
        assert re.search(rf"\b{dimension[1]}\b", query(rule)), rule


def test_what_queries_look_for_in_traces_is_no_exception(caplog: pytest.LogCaptureFixture) -> None:
    """A record that carries an exception goes into another table, AppExceptions."""
    assert "AppTraces" in query("failedRuns")
    assert [one.getMessage() for one in made(caplog) if one.exc_info] == []


# --- the queries that the documentation offers ---


@cache
def words() -> frozenset[str]:
    """Every string in the code of p2c, an f-string by what it begins with."""
    found = set()
    for path in (ROOT / "p2c").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return frozenset(found)


def documented_queries() -> list[str]:
    return re.findall(r"```kusto\n(.*?)```", OPERATIONS.read_text(encoding="utf-8"), re.DOTALL)


def test_every_dimension_that_the_documentation_names_is_one_that_the_code_gives() -> None:
    named = set(re.findall(r"\bp2c_\w+", OPERATIONS.read_text(encoding="utf-8"))) - {"p2c_"}
    assert len(named) > 10
    assert {name for name in named if name not in words() and "p2c_count_" not in name} == set()
    outcomes = {name.removeprefix("p2c_count_") for name in named if name.startswith("p2c_count_")}
    assert outcomes <= {kind.value for kind in OutcomeKind}
    assert "p2c_count_" in words()


def test_documented_queries_ask_for_messages_metrics_and_dimensions_that_there_are() -> None:
    queries = documented_queries()
    assert len(queries) > 4
    for text in queries:
        asked = set(re.findall(r'(?:message|name) == "([^"]+)"', text))
        for several in re.findall(r"message in \(([^)]+)\)", text):
            asked |= set(re.findall(r'"([^"]+)"', several))
        asked |= set(re.findall(r"customDimensions\.(\w+)", text))
        assert asked <= words(), text
