"""What becomes of documents that are gone from the source: by policy, confirmed, behind a brake, nothing lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from p2c.documents import Deletion, DocumentRead, LegalEntity, OutcomeKind, Page, SourceDocument
from p2c.errors import MissingRow, TooManyDeletes, Transient, Validation
from p2c.state.ledger import Entry
from p2c.state.runs import RunRecord
from p2c.sync.deleting import Brake
from p2c.sync.identity import row_id
from p2c.templates.models import Template
from tests.state.stopping import Stopped
from tests.sync.harness import Bench
from tests.sync.world import Pages, line, order, template

OUT_OF_USE = {"msdynce_processingstatus": 647390010}
GUARD = [{"name": "open", "when": "name ne 'Taken over'", "reason": "It is theirs."}]


def by(policy: str, **top: Any) -> Template:
    found = template({"deletes": policy, "deactivate": OUT_OF_USE, **top})
    assert found.deletes == policy
    return found


def letters() -> Pages:
    return Pages([order("A", line(1)), order("B")], [order("C"), order("D")], [order("E")])


async def settled(policy: str, **top: Any) -> Bench:
    bench = Bench(letters(), template=by(policy, **top))
    assert (await bench.run()).counts == {"created": 5}
    return bench


def vanish(bench: Bench, *keys: str) -> None:
    bench.source.content = [[one for one in page if one.key not in keys] for page in bench.source.content]


def kinds(bench: Bench) -> dict[str, str]:
    return {one.key: one.kind.value for one in bench.outcomes if one.kind is not OutcomeKind.UNCHANGED}


async def ledger(bench: Bench) -> dict[str, str]:
    async with bench.lane() as lane:
        return {key: entry.outcome async for key, entry in lane.ledger.entries()}


async def listed(bench: Bench) -> list[str]:
    async with bench.lane() as lane:
        return [one.key async for one in lane.leaving.all()]


# --- the policies --------------------------------------------------------------------------------------------------


async def test_ignore_leaves_the_destination_and_says_so_once() -> None:
    bench = await settled("ignore")
    vanish(bench, "B", "E")
    record = await bench.run()
    assert record.counts == {"unchanged": 3, "skipped": 2}
    assert [(one.key, one.rule) for one in bench.outcomes] == [("B", "deleted-at-source"), ("E", "deleted-at-source")]
    assert set(bench.shelf.headers()) == {"A", "B", "C", "D", "E"}
    assert (await bench.run()).counts == {"unchanged": 3}


async def test_a_row_that_took_the_number_since_is_not_deleted_for_it() -> None:
    bench = await settled("delete")
    (own,) = [key for key, row in bench.shelf.rows["salesorders"].items() if row["ordernumber"] == "A"]
    del bench.shelf.rows["salesorders"][own]
    theirs = bench.shelf.put("A", name="Somebody's")
    vanish(bench, "A")
    assert (await bench.run()).counts == {"unchanged": 4, "rejected": 1}
    assert theirs in bench.shelf.rows["salesorders"]
    assert "another row than the one that was settled" in bench.outcomes[0].reason


async def test_what_was_only_begun_is_not_somebody_elses_row_of_that_number() -> None:
    bench = Bench(Pages([order("A", line(1)), order("B")]), template=by("delete"))
    await bench.run()
    bench.shelf.rows.clear()
    begun = Entry("", "id of A", row_id("salesorders", "usmf", "A"), outcome="begun", template_hash="h")
    async with bench.lane() as lane:
        await lane.ledger.put_many({"A": begun})
        await lane.ledger.flush()
    theirs = bench.shelf.put("A", name="Somebody's")
    vanish(bench, "A")
    assert (await bench.run(full=True)).counts == {"created": 1, "rejected": 1}
    assert theirs in bench.shelf.rows["salesorders"]


async def test_delete_deletes_and_forgets() -> None:
    bench = await settled("delete")
    vanish(bench, "A", "D")
    record = await bench.run()
    assert (record.status, record.counts) == ("Completed", {"unchanged": 3, "deleted": 2})
    assert set(bench.shelf.headers()) == {"B", "C", "E"}
    assert set(await ledger(bench)) == {"B", "C", "E"}
    assert (await bench.run()).counts == {"unchanged": 3}


async def test_deactivate_writes_the_values_once_and_a_document_that_comes_back_is_compared() -> None:
    bench = await settled("deactivate")
    before = bench.source.content
    vanish(bench, "C")
    assert (await bench.run()).counts == {"unchanged": 4, "deleted": 1}
    assert bench.shelf.headers()["C"]["msdynce_processingstatus"] == 647390010
    assert bench.outcomes[0].changed == ("msdynce_processingstatus",)
    assert (await bench.run()).counts == {"unchanged": 4}
    bench.source.content = before
    assert (await bench.run()).counts == {"unchanged": 4, "updated": 1}
    assert bench.shelf.headers()["C"]["msdynce_processingstatus"] == 647390001


async def test_what_was_ignored_counts_again_under_another_policy() -> None:
    bench = await settled("ignore")
    vanish(bench, "B")
    await bench.run()
    bench.template = by("delete")
    assert (await bench.run()).counts == {"unchanged": 4, "deleted": 1}
    assert "B" not in bench.shelf.headers()


async def test_one_that_is_out_of_use_already_is_not_written() -> None:
    bench = await settled("deactivate")
    bench.shelf.headers()["B"].update(OUT_OF_USE)
    vanish(bench, "B")
    writes = len(bench.shelf.changes)
    assert (await bench.run()).counts == {"unchanged": 5}
    assert len(bench.shelf.changes) == writes


async def test_one_that_is_gone_at_the_destination_already_is_fine() -> None:
    bench = await settled("delete")
    vanish(bench, "A", "B")
    header = next(key for key, row in bench.shelf.rows["salesorders"].items() if row["ordernumber"] == "A")
    del bench.shelf.rows["salesorders"][header]
    bench.shelf.errors["B"] = [MissingRow("gone meanwhile", system="sales")]
    assert (await bench.run()).counts == {"unchanged": 3, "deleted": 2}
    assert set(await ledger(bench)) == {"C", "D", "E"}


async def test_a_guard_holds_for_deletes_too() -> None:
    raw = template({"deletes": "delete"})
    task = raw.tasks[0]
    guarded = task.model_copy(
        update={"destination": task.destination.model_validate(task.destination.model_dump() | {"guards": GUARD})}
    )
    bench = Bench(letters(), template=raw.model_copy(update={"tasks": [guarded, *raw.tasks[1:]]}))
    await bench.run()
    bench.shelf.headers()["B"]["name"] = "Taken over"
    vanish(bench, "B", "C")
    await bench.run()
    assert kinds(bench) == {"B": "skipped", "C": "deleted"}
    assert "B" in bench.shelf.headers()
    assert (await bench.run()).counts == {"unchanged": 3}


async def test_a_refusal_is_a_dead_letter_and_a_failure_is_tried_again() -> None:
    bench = await settled("delete")
    vanish(bench, "A", "B")
    bench.shelf.errors = {
        "A": [Validation("it is referred to", system="sales")],
        "B": [Transient("no answer", system="sales")],
    }
    assert (await bench.run()).counts == {"unchanged": 3, "rejected": 1, "failed": 1}
    assert {one.key: one.again for one in await bench.waiting()} == {"A": False, "B": True}
    assert await listed(bench) == ["B"]
    # The full read finds the refused one again.
    assert (await bench.run()).counts == {"unchanged": 3, "deleted": 2}
    assert await bench.waiting() == []


# --- what is no delete ---------------------------------------------------------------------------------------------


class Filtered(Pages):
    """A source whose filter leaves rows out of pages and documents, unless it is asked without one."""

    def __init__(self, *pages: Sequence[SourceDocument]) -> None:
        super().__init__(*pages)
        self.hidden: set[str] = set()
        self.asked: list[list[str]] = []

    async def pages(
        self, read: DocumentRead, legal_entity: LegalEntity, *, page_size: int, cursor: str | None = None
    ) -> AsyncIterator[Page]:
        async for page in super().pages(read, legal_entity, page_size=page_size, cursor=cursor):
            yield replace(page, documents=[one for one in page.documents if one.key not in self.hidden])

    async def documents(
        self, read: DocumentRead, legal_entity: LegalEntity, keys: Sequence[str]
    ) -> list[SourceDocument]:
        found = await super().documents(read, legal_entity, keys)
        if read.header.filter or read.lines:
            return [one for one in found if one.key not in self.hidden]
        self.asked.append(list(keys))
        return found


async def test_leaving_a_filter_is_no_delete() -> None:
    source = Filtered([order("A"), order("B")], [order("C")])
    bench = Bench(source, template=by("delete"))
    await bench.run()
    source.hidden = {"A", "C"}
    assert (await bench.run()).counts == {"unchanged": 1}
    assert set(bench.shelf.headers()) == {"A", "B", "C"}
    assert source.asked == [["A", "C"]], "only what was not read is asked for"


async def test_a_rule_that_skips_is_no_delete() -> None:
    bench = await settled("delete")
    bench.source.content[0][1] = order("B", SalesOrderProcessingStatus="Active")
    assert (await bench.run()).counts == {"unchanged": 4, "skipped": 1}
    assert "B" in bench.shelf.headers()


async def test_another_case_of_the_key_is_the_same_document() -> None:
    bench = await settled("delete")
    bench.source.content[2] = [order("e")]
    await bench.run()
    assert len(bench.shelf.headers()) == 5
    assert not [one for one in bench.outcomes if one.kind is OutcomeKind.DELETED]


async def test_documents_that_never_went_are_not_deleted() -> None:
    bench = Bench(Pages([order("A"), order("B", CurrencyCode="X")]), template=by("delete"))
    assert (await bench.run()).counts == {"created": 1, "rejected": 1}
    bench.shelf.put("B")
    bench.source.content = [[order("A")]]
    assert (await bench.run()).counts == {"unchanged": 1}
    assert "B" in bench.shelf.headers()


class Telling(Pages):
    """A source that tells deletions with its first page."""

    deleted: tuple[Deletion, ...] = ()

    async def pages(
        self, read: DocumentRead, legal_entity: LegalEntity, *, page_size: int, cursor: str | None = None
    ) -> AsyncIterator[Page]:
        deleted, self.deleted = self.deleted, ()
        async for page in super().pages(read, legal_entity, page_size=page_size, cursor=cursor):
            yield replace(page, deleted=deleted)
            deleted = ()


async def test_deletions_that_the_source_tells_are_confirmed_first() -> None:
    source = Telling([order("A"), order("B")])
    bench = Bench(source, template=by("delete"))
    await bench.run()
    source.deleted = (Deletion("id of A", "A"), Deletion("id of B", "B"), Deletion("never met"), Deletion("x", "X"))
    vanish(bench, "B")
    assert (await bench.run()).counts == {"unchanged": 1, "deleted": 1}
    assert set(bench.shelf.headers()) == {"A"}
    assert await listed(bench) == []


# --- the brake -----------------------------------------------------------------------------------------------------


async def stopped(bench: Bench) -> RunRecord:
    record = await bench.run()
    assert record.status == "Error"
    return record


async def test_the_brake_stops_before_the_first_and_loses_nothing() -> None:
    bench = await settled("delete")
    bench.brake = Brake(limit=2, percent=100)
    vanish(bench, "A", "B", "C")
    writes = len(bench.shelf.changes)
    record = await stopped(bench)
    assert "3 documents of small-orders are gone" in record.error
    assert "p2c run small-orders --allow-deletes" in record.error
    assert record.counts == {"unchanged": 2}, "everything else is done"
    assert len(bench.shelf.changes) == writes
    assert await listed(bench) == ["A", "B", "C"]
    point = await bench.checkpoint()
    assert point is not None
    assert point.completed is not None
    await stopped(bench)
    bench.brake = Brake(limit=2, percent=100, allowed=True)
    assert (await bench.run()).counts == {"unchanged": 2, "deleted": 3}
    assert set(bench.shelf.headers()) == {"D", "E"}
    assert await listed(bench) == []


async def test_what_comes_back_before_the_word_is_given_is_not_deleted() -> None:
    bench = await settled("delete")
    before = bench.source.content
    bench.brake = Brake(limit=1, percent=100)
    vanish(bench, "A", "B")
    await stopped(bench)
    bench.source.content = before
    bench.brake = Brake(limit=1, percent=100, allowed=True)
    assert (await bench.run()).counts == {"unchanged": 5}
    assert await listed(bench) == []


@pytest.mark.parametrize(
    ("count", "known", "stops"),
    [(1, 1, False), (1, 3, False), (2, 10, True), (2, 20, False), (50, 1000, False), (51, 1000, True), (3, 29, True)],
)
def test_the_limits(count: int, known: int, stops: bool) -> None:
    brake = Brake(limit=50, percent=10)
    if stops:
        with pytest.raises(TooManyDeletes):
            brake.check(count, known, "accounts")
        Brake(limit=50, percent=10, allowed=True).check(count, known, "accounts")
    else:
        brake.check(count, known, "accounts")


async def test_ignore_needs_no_brake() -> None:
    bench = await settled("ignore")
    bench.brake = Brake(limit=0, percent=0)
    vanish(bench, "A", "B", "C")
    assert (await bench.run()).counts == {"unchanged": 2, "skipped": 3}


# --- dry and broken off --------------------------------------------------------------------------------------------


async def test_a_dry_run_says_what_would_be_deleted() -> None:
    bench = await settled("delete")
    vanish(bench, "A", "E")
    blobs, writes = dict(bench.store.blobs), len(bench.shelf.changes)
    record = await bench.run(dry=True)
    assert record.counts == {"unchanged": 3, "deleted": 2}
    assert (bench.store.blobs, len(bench.shelf.changes)) == (blobs, writes)


async def test_a_run_that_goes_on_knows_what_its_first_part_read() -> None:
    bench = await settled("delete")
    vanish(bench, "D")
    bench.source.fails_at, bench.source.error = 2, Transient("gone", system="finops")
    first = await bench.run()
    assert first.status == "Error"
    bench.source.error = None
    fetches = bench.shelf.fetches
    second = await bench.run()
    assert second.id == first.id
    assert second.counts == {"unchanged": 4, "deleted": 1}
    assert bench.shelf.fetches <= fetches + 2
    assert set(bench.shelf.headers()) == {"A", "B", "C", "E"}


async def test_killed_at_any_write_the_end_is_the_same() -> None:
    for point in range(1, 200):
        bench = await settled("delete")
        vanish(bench, "A", "B", "D")
        bench.store.stop_after(point)
        try:
            record = await bench.run()
            done = record.status == "Completed"
        except Stopped:
            done = False
        bench.store.stop_after(None)
        bench.store.held.clear()
        again = await bench.run()
        assert again.status == "Completed", again.error
        assert set(bench.shelf.headers()) == {"C", "E"}
        assert set(await ledger(bench)) == {"C", "E"}
        assert await listed(bench) == []
        if done:
            return
    pytest.fail("it never came to its end")
