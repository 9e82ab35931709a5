"""A document that was changed on both sides: found, settled by the template's word, kept with both values."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.documents import Difference, OutcomeKind
from p2c.sync.compare import Comparer
from p2c.sync.conflicts import names
from p2c.sync.loading import Loader
from p2c.sync.work import Work
from p2c.templates.load import template_hash
from p2c.templates.models import Template
from tests.sync.harness import Bench
from tests.sync.telling import Telling
from tests.sync.world import USMF, Pages, Shelf, line, mapper, order, template


def policy(word: str) -> Template:
    return template({"conflicts": word})


async def both_changed(word: str, **cells: Any) -> Bench[Pages]:
    """Order A: Sales was told name `Order`, somebody there made it `Theirs`, the source made it `Ours`."""
    bench = Bench(Pages([order("A", line(1), **cells), order("B")]), template=policy(word))
    assert (await bench.run()).counts == {"created": 2}
    bench.shelf.headers()["A"]["name"] = "Theirs"
    bench.source.content[0][0] = order("A", line(1), name="Ours", **cells)
    return bench


async def test_the_source_wins_and_both_values_are_kept() -> None:
    bench = await both_changed("source")
    record = await bench.run()
    assert (record.status, record.counts) == ("Completed", {"unchanged": 1, "updated": 1})
    assert bench.shelf.headers()["A"]["name"] == "Ours"
    (outcome,) = bench.outcomes
    assert (outcome.rule, outcome.changed) == ("conflict", ("name",))
    assert outcome.reason == "changed on both sides since the last run; the source's values were written (name)"
    (conflict,) = await bench.conflicts()
    assert (conflict.key, conflict.winner) == ("A", "source")
    assert conflict.differences == (Difference("name", "Ours", "Theirs"),)
    assert (await bench.run()).counts == {"unchanged": 2}


async def test_the_destination_wins_until_both_agree() -> None:
    bench = await both_changed("destination")
    assert (await bench.run()).counts == {"unchanged": 1, "skipped": 1}
    assert bench.shelf.headers()["A"]["name"] == "Theirs"
    assert (bench.outcomes[0].rule, bench.outcomes[0].kind) == ("conflict", OutcomeKind.SKIPPED)
    assert (await bench.run()).counts == {"unchanged": 2}
    # A full comparison does not take it back.
    assert (await bench.run(full=True)).counts == {"unchanged": 1, "skipped": 1}
    # Neither does another change at the source.
    bench.source.content[0][0] = order("A", line(1), name="Ours once more")
    assert (await bench.run()).counts == {"unchanged": 1, "skipped": 1}
    assert bench.shelf.headers()["A"]["name"] == "Theirs"
    bench.source.content[0][0] = order("A", line(1), name="Theirs")
    assert (await bench.run()).counts == {"unchanged": 2}
    bench.source.content[0][0] = order("A", line(1), name="News")
    assert (await bench.run()).counts == {"unchanged": 1, "updated": 1}


async def test_a_line_that_a_person_added_is_no_conflict_since_it_stays() -> None:
    bench = Bench(Pages([order("A", line(1))]), template=template({"conflicts": "ask"}))
    await bench.run()
    (header,) = bench.shelf.rows["salesorders"]
    bench.shelf.rows["salesorderdetails"]["theirs"] = {"salesorderid": header, "sequencenumber": 77}
    assert (await bench.run()).counts == {"unchanged": 1}
    bench.source.content[0][0] = order("A", line(1), name="News")
    record = await bench.run()
    assert (record.counts, record.note_counts) == ({"updated": 1}, {"foreign-line": 1})
    assert "theirs" in bench.shelf.rows["salesorderdetails"]
    assert len(await bench.conflicts()) == 0


async def test_what_the_destination_kept_is_remembered_with_the_version_of_the_source() -> None:
    one = Bench(Telling(order("A", line(1))), template=policy("destination"))
    await one.run()
    one.shelf.headers()["A"]["name"] = "Theirs"
    one.source.put(replace(order("A", line(1), name="Ours"), line_ids=("line id",)))
    assert (await one.run()).counts == {"skipped": 1}
    async with one.lane() as lane:
        (entry,) = [entry async for _, entry in lane.ledger.entries()]
    assert (entry.outcome, entry.etag, entry.line_ids) == ("kept", one.source.there["A"].etag, ("line id",))


async def test_a_person_is_asked() -> None:
    bench = await both_changed("ask")
    record = await bench.run()
    assert (record.status, record.counts) == ("Warning", {"unchanged": 1, "rejected": 1})
    assert bench.shelf.headers()["A"]["name"] == "Theirs"
    (letter,) = await bench.waiting()
    assert (letter.kind, letter.key, letter.field) == ("dead", "A", "name")
    assert "p2c conflicts settle 'A' --keep source" in letter.reason
    assert "Theirs" not in letter.reason, "values are in the list of conflicts only"
    (conflict,) = await bench.conflicts()
    assert conflict.winner == "ask"
    # Somebody mends it by hand: both sides agree, nothing is left to settle.
    bench.source.content[0][0] = order("A", line(1), name="Theirs")
    assert (await bench.run()).counts == {"unchanged": 2}
    assert await bench.waiting() == []


async def test_a_change_at_the_destination_alone_is_no_conflict() -> None:
    bench = Bench(Pages([order("A")]), template=policy("ask"))
    await bench.run()
    bench.shelf.headers()["A"]["name"] = "Theirs"
    assert (await bench.run()).counts == {"unchanged": 1}
    assert (await bench.run(full=True)).counts == {"updated": 1}
    assert await bench.conflicts() == []


async def test_a_change_at_the_source_alone_is_no_conflict() -> None:
    bench = Bench(Pages([order("A", line(1), line(2, quantity=Decimal("2.50")))]), template=policy("ask"))
    await bench.run()
    # What the mapping does not speak for is nobody's conflict.
    bench.shelf.headers()["A"]["ownerid"] = "somebody"
    for change in (
        order("A", line(1), line(2), name="New"),
        order("A", line(1, product="P-2"), line(2), line(3), name="New"),
        order("A", line(1), QuotationNumber="", DeliveryAddressCity="Rome"),
        order("A", line(1), DeliveryAddressCity=""),
        order("A", line(1), DeliveryAddressStreet="Via 1"),
    ):
        bench.source.content = [[change]]
        assert (await bench.run()).counts == {"updated": 1}
    assert await bench.conflicts() == []


@pytest.mark.parametrize("what", ["changed", "removed"])
async def test_a_line_that_somebody_changed(what: str) -> None:
    bench = Bench(Pages([order("A", line(1), line(2))]), template=policy("ask"))
    await bench.run()
    rows = bench.shelf.rows["salesorderdetails"]
    key = next(key for key, row in rows.items() if row["sequencenumber"] == 2)
    if what == "changed":
        rows[key]["quantity"] = Decimal(9)
    else:
        del rows[key]
    bench.source.content = [[order("A", line(1, quantity=Decimal(3)), line(2))]]
    assert (await bench.run()).counts == {"rejected": 1}
    (conflict,) = await bench.conflicts()
    told = {one.field: (one.source, one.destination) for one in conflict.differences}
    assert told["Line 1: quantity"] == ("3", "1")
    assert told["Line 2: quantity" if what == "changed" else "Line 2: added"] == (
        ("1", "9") if what == "changed" else ("a line", None)
    )


async def test_somebodys_own_line_is_no_conflict() -> None:
    bench = Bench(Pages([order("A", line(1))]), template=policy("ask"))
    await bench.run()
    header = next(iter(bench.shelf.rows["salesorders"]))
    bench.shelf.rows["salesorderdetails"]["theirs"] = {"salesorderid": header, "sequencenumber": 7}
    bench.source.content = [[order("A", line(1), name="New")]]
    assert (await bench.run()).counts == {"updated": 1}


async def test_who_changed_the_same_on_both_sides_agrees() -> None:
    bench = await both_changed("ask")
    bench.shelf.headers()["A"]["name"] = "Ours"
    assert (await bench.run()).counts == {"unchanged": 2}
    assert await bench.conflicts() == []


async def test_an_adopted_document_is_watched_from_then_on() -> None:
    bench = Bench(Pages([order("A")]), template=policy("ask"))
    bench.shelf.put("A", name="Old", shipto_city="Bern")
    assert (await bench.run()).counts == {"updated": 1}
    bench.shelf.headers()["A"]["shipto_city"] = "Basel"
    bench.source.content = [[order("A", name="New")]]
    # Its city was not written by us, and the source has none: that is no conflict.
    assert (await bench.run()).counts == {"updated": 1}
    bench.shelf.headers()["A"]["name"] = "Theirs"
    bench.source.content = [[order("A", name="Newer")]]
    assert (await bench.run()).counts == {"rejected": 1}


async def test_a_changed_template_forgets_what_was_seen() -> None:
    bench = await both_changed("ask")
    bench.template = template({"conflicts": "ask"}, extra="keep")
    assert (await bench.run()).counts == {"unchanged": 1, "updated": 1}


async def test_a_guard_that_takes_over_is_a_conflict_that_the_destination_wins() -> None:
    raw = template()
    task = raw.tasks[0]
    guards = [{"name": "open", "when": "name ne 'Taken over'", "reason": "It is theirs."}]
    destination = type(task.destination).model_validate(task.destination.model_dump() | {"guards": guards})
    guarded = raw.model_copy(update={"tasks": [task.model_copy(update={"destination": destination}), *raw.tasks[1:]]})
    bench = Bench(Pages([order("A"), order("B")]), template=guarded)
    await bench.run()
    bench.shelf.headers()["A"]["name"] = "Taken over"
    assert (await bench.run(full=True)).counts == {"skipped": 1, "unchanged": 1}
    assert await bench.conflicts() == [], "nobody changed it here"
    bench.source.content[0][0] = order("A", name="Too late")
    assert (await bench.run()).counts == {"skipped": 1, "unchanged": 1}
    (conflict,) = await bench.conflicts()
    assert (conflict.winner, conflict.reason) == ("destination", "open: It is theirs.")
    assert conflict.differences == (Difference("name", "Too late", "Taken over"),)


async def test_a_dry_run_keeps_no_conflict() -> None:
    bench = await both_changed("source")
    assert (await bench.run(dry=True)).counts == {"unchanged": 1, "updated": 1}
    assert bench.outcomes[-1].rule == "conflict"
    assert await bench.conflicts() == []


async def test_a_persons_word_goes_before_the_templates() -> None:
    for word, name in (("source", "Ours"), ("destination", "Theirs")):
        bench = await both_changed("ask")
        await bench.run()
        rules, digest = mapper(bench.template), template_hash(bench.template)
        async with bench.lane() as lane:
            entry = (await lane.ledger.get_many(["A"]))["A"]
        document = bench.source.content[0][0]
        mapped = rules.map(document)
        loader = Loader(rules, Comparer(rules, USMF), bench.shelf, USMF, digest, policy=word)  # type: ignore[arg-type]
        (settled,) = await loader.load([Work(document, mapped, entry)])  # type: ignore[arg-type]
        assert settled.conflict is not None
        assert (settled.conflict.winner, settled.conflict.reason) == (word, "a person said so")
        assert bench.shelf.headers()["A"]["name"] == name


@given(
    st.lists(st.tuples(st.integers(1, 3), st.decimals(0, 1000, places=2)), max_size=3, unique_by=lambda one: one[0]),
    st.text(alphabet="ab é", max_size=4),
    st.text(alphabet="xy", max_size=3),
)
async def test_our_own_writing_is_recognised_however_it_comes_back(
    lines: list[tuple[int, Decimal]], name: str, city: str
) -> None:
    """Money comes back with more decimals, text without blanks at its end, null for nothing: that is no change."""
    bench = Bench(Pages([order("A")]), template=policy("ask"), shelf=Shelf())
    await bench.run()
    bench.source.content = [
        [order("A", *(line(number, SalesPrice=price) for number, price in lines), name=name, DeliveryAddressCity=city)]
    ]
    await bench.run()
    for row in bench.shelf.rows["salesorders"].values():
        for column in ("name", "shipto_city"):
            row[column] = str(row.get(column) or "").rstrip() or None
    for row in bench.shelf.rows.get("salesorderdetails", {}).values():
        row["priceperunit"] = Decimal(str(row["priceperunit"])).quantize(Decimal("0.0001"))
    bench.source.content = [[order("A", name="Changed")]]
    await bench.run()
    assert await bench.conflicts() == []


def test_a_sentence_names_a_few_fields() -> None:
    assert names(["a", "b", "a"]) == "a, b"
    assert names(list("abcdefg")) == "a, b, c, d, e and 2 more"
