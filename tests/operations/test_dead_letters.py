"""Dead letters and parked documents: grouped, replayed from the source, cleared by success."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from demo.stage import Stage
from p2c.errors import LeaseHeld
from p2c.operations import dead_letters
from p2c.operations.dead_letters import Group, Place, Replayed, grouped
from p2c.operations.opening import open_session, opened_store
from p2c.state.runs import RunRecord, Runs
from p2c.state.waiting import Kind, Waiting
from p2c.templates.project import effective_templates, load_project
from sandbox.company.bad import bad
from sandbox.company.sales_desk import Ref, SalesDesk
from tests.staging import Raise


def letter(key: str, reason: str, **values: object) -> Waiting:
    return Waiting(
        "dead",
        key,
        "accounts",
        "usmf",
        reason=reason,
        first="2026-01-01T00:00:00+00:00",
        last=f"2026-02-{key[-2:]}",
        **values,  # type: ignore[arg-type]
    )


# --- grouping ------------------------------------------------------------------------------------------------------


def test_identical_errors_are_one_group() -> None:
    found = [
        letter("A-01", "Account A-01 is on hold", request_id="r1", attempts=2),
        letter("A-02", "Account A-02 is on hold", request_id="r2"),
        letter("A-03", "Account A-03 has no name"),
        letter("A-04", "name: is too long", source_id="6a0"),
        letter("A-05", "name: is too long", source_id="6a1"),
        letter("A-06", "name: is too long"),
    ]
    first, second, third = grouped(found)
    assert (first.count, first.reason, first.keys) == (3, "name: is too long", ["A-04", "A-05", "A-06"])
    assert (second.count, second.attempts, second.request_ids) == (2, 3, ["r1", "r2"])
    assert (second.reason, second.first, second.last) == (
        "Account … is on hold",
        "2026-01-01T00:00:00+00:00",
        "2026-02-02",
    )
    assert third == Group(
        "dead", "accounts", "usmf", "", "Account … has no name", 1, 1, third.first, "2026-02-03", keys=["A-03"]
    )


def test_a_key_inside_a_word_is_not_taken_out_and_lines_are() -> None:
    first, second = grouped(
        [
            letter("is", "this is it"),
            letter("A-02", "OrderLine 3: quantity: is 0", line="OrderLine 3"),
            letter("A-03", "OrderLine 17: quantity: is 0", line="OrderLine 17"),
        ]
    )
    assert (first.count, first.reason) == (2, "OrderLine …: quantity: is 0")
    assert second.reason == "this … it"


def test_a_group_shows_a_few_keys() -> None:
    (group,) = grouped([letter(f"A-{number:02}", "no", request_id=str(number)) for number in range(1, 10)])
    assert (group.count, len(group.keys), len(group.request_ids)) == (9, 5, 5)


# --- replaying -----------------------------------------------------------------------------------------------------


def found(play: Stage, kind: Kind = "dead", *keys: str) -> list[Waiting]:
    templates = list(effective_templates(load_project(play.settings.project)).values())

    async def work() -> list[Waiting]:
        async with opened_store(play.settings) as store:
            return [one async for one in dead_letters.waiting(store, Place(templates, ["usmf"]), kind, keys)]

    return asyncio.run(work())


def replay(play: Stage, chosen: list[Waiting]) -> list[Replayed]:
    async def work() -> list[Replayed]:
        async with open_session(play.settings) as session:
            return await dead_letters.replay(session, chosen)

    return asyncio.run(work())


@pytest.fixture
def play(stage: Raise) -> Stage:
    """A company with one of each bad input, after a run."""
    play = stage()
    play.company.set_up()
    bad(play.sandbox.sales, play.sandbox.finops)
    play.run()
    return play


def test_a_replay_reads_the_source_again(play: Stage) -> None:
    (account,) = play.sandbox.sales.rows("account", accountnumber="BAD-LONG")
    (before,) = found(play, "dead", "BAD-LONG")
    (again,) = replay(play, [before])
    assert (again.record.status, again.record.counts) == ("Warning", {"rejected": 1})
    (still,) = found(play, "dead", "bad-long")
    assert (still.attempts, still.first) == (before.attempts + 1, before.first)
    assert datetime.fromisoformat(still.last) > datetime.fromisoformat(before.last)
    SalesDesk(play.sandbox.sales).update(Ref("account", account["accountid"]), {"name": "Mended"})
    (mended,) = replay(play, [before])
    assert [(one.key, one.kind.value) for one in mended.outcomes] == [("BAD-LONG", "created")]
    assert found(play, "dead", "BAD-LONG") == []
    row = play.sandbox.finops.books.get("CustTable", "usmf", "BAD-LONG")
    assert row is not None
    assert row["OrganizationName"] == "Mended"
    record = mended.record
    assert (record.mode, record.status, record.template) == ("replay", "Completed", "accounts")

    async def kept() -> list[RunRecord]:
        async with opened_store(play.settings) as store:
            return await Runs(store).recent(50)

    assert record.id in {one.id for one in asyncio.run(kept())}


def test_a_document_without_a_key_is_named_by_its_id(play: Stage) -> None:
    (nameless,) = [one for one in found(play) if one.key.startswith("(no key) ")]
    assert nameless.key == f"(no key) {nameless.source_id}"
    (again,) = replay(play, [nameless])
    assert [(one.key, one.kind.value) for one in again.outcomes] == [(nameless.key, "rejected")]
    SalesDesk(play.sandbox.sales).update(Ref("account", nameless.source_id), {"accountnumber": "NOW-1"})
    (mended,) = replay(play, [nameless])
    assert [(one.key, one.kind.value) for one in mended.outcomes] == [("NOW-1", "created")]
    assert not [one for one in found(play) if one.key in (nameless.key, "NOW-1")]


def test_a_key_that_is_entered_later_clears_the_letter_in_a_run(play: Stage) -> None:
    (nameless,) = [one for one in found(play) if one.key.startswith("(no key) ")]
    SalesDesk(play.sandbox.sales).update(Ref("account", nameless.source_id), {"accountnumber": "NOW-1"})
    play.run(["accounts"])
    assert nameless.key not in {one.key for one in found(play)}


def test_what_is_gone_from_the_source_is_cleared(play: Stage) -> None:
    chosen = found(play, "dead", "BAD-LONG")
    (account,) = play.sandbox.sales.rows("account", accountnumber="BAD-LONG")
    play.sandbox.sales.people.delete("account", account["accountid"])
    (done,) = replay(play, chosen)
    assert [(one.kind.value, one.rule) for one in done.outcomes] == [("skipped", "deleted-at-source")]
    assert found(play, "dead", "BAD-LONG") == []


def test_a_line_without_its_header_stays_a_letter(play: Stage) -> None:
    (orphan,) = found(play, "dead", "BAD-ORPHAN")
    (again,) = replay(play, [orphan])
    assert again.record.counts == {"rejected": 1}
    (still,) = found(play, "dead", "BAD-ORPHAN")
    assert (still.reason, still.line, still.attempts) == (orphan.reason, orphan.line, orphan.attempts + 1)


def test_all_of_them_in_the_order_of_the_templates(play: Stage) -> None:
    chosen = found(play)
    results = replay(play, list(reversed(chosen)))
    assert sum(len(one.outcomes) for one in results) >= len(chosen)
    templates = [one.record.template for one in results]
    assert templates.index("accounts") < templates.index("orders-to-sales")
    assert {one.key for one in found(play)} == {one.key for one in chosen}
    assert replay(play, []) == []


def test_a_parked_document_is_listed_with_what_it_waits_for(play: Stage) -> None:
    parked = found(play, "parked")
    assert parked
    assert all(one.missing for one in parked)
    (again, *_) = replay(play, parked)
    assert again.record.counts["parked"] >= 1


async def test_a_replay_keeps_to_its_lane(play: Stage) -> None:
    async with open_session(play.settings) as session, opened_store(play.settings) as store:
        place = Place(session.templates, ["usmf"])
        chosen = [one async for one in dead_letters.waiting(store, place, "dead", ["BAD-LONG"])]
        plan = await session.plan("accounts", "usmf")
        async with session.lane(plan):
            with pytest.raises(LeaseHeld):
                await dead_letters.replay(session, chosen)
