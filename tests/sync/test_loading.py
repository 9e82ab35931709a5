"""Loading, round after round, until every document has an outcome."""

from __future__ import annotations

import copy
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from p2c.documents import Difference, LegalEntity, MappedDocument, OutcomeKind, SourceDocument
from p2c.errors import AuthError, Conflict, ServiceError, Transient, Validation
from p2c.state.ledger import Entry
from p2c.sync.compare import Comparer
from p2c.sync.identity import row_id
from p2c.sync.loading import ROUNDS, Loader
from p2c.sync.work import Settled, Work
from p2c.templates.load import parse_template
from p2c.templates.models import Template
from tests.sync.world import ORDERS, USMF, Shelf, guid, line, mapper, order, template


async def load(
    shelf: Shelf,
    *documents: SourceDocument,
    entries: dict[str, Entry] | None = None,
    of: Template | None = None,
    dry: bool = False,
    legal_entity: LegalEntity = USMF,
) -> dict[str, Settled]:
    rules = mapper(of)
    works = [
        Work(document, mapped, (entries or {}).get(document.key))
        for document in documents
        if isinstance(mapped := rules.map(document), MappedDocument)
    ]
    assert len(works) == len(documents)
    loader = Loader(rules, Comparer(rules, legal_entity), shelf, legal_entity, "hash", dry=dry)
    settled = await loader.load(works)
    assert len(settled) == len(documents)
    return {one.document.key: one for one in settled}


async def test_created_then_unchanged_then_updated() -> None:
    shelf = Shelf()
    one = (await load(shelf, order("SO-1", line(1))))["SO-1"]
    assert one.outcome.kind is OutcomeKind.CREATED
    assert one.entry is not None
    assert one.entry.lines == ("salesorderdetails:1",)
    assert one.entry.destination_id == row_id("salesorders", "usmf", "SO-1")
    assert one.entry.template_hash == "hash"
    same = (await load(shelf, order("SO-1", line(1)), entries={"SO-1": one.entry}))["SO-1"]
    assert same.outcome.kind is OutcomeKind.UNCHANGED
    assert same.entry is not None
    assert (same.entry.fingerprint, same.entry.lines, same.entry.destination_id) == (
        one.entry.fingerprint,
        one.entry.lines,
        one.entry.destination_id,
    )
    other = (await load(shelf, order("SO-1", line(1), name="New"), entries={"SO-1": one.entry}))["SO-1"]
    assert (other.outcome.kind, other.outcome.changed) == (OutcomeKind.UPDATED, ("name",))
    assert len(shelf.changes) == 2


async def test_a_dry_run_says_what_it_would_write_and_writes_nothing() -> None:
    shelf = Shelf()
    found = await load(shelf, order("SO-1", line(1)), dry=True)
    assert found["SO-1"].outcome.kind is OutcomeKind.CREATED
    assert shelf.rows == {}


async def test_each_document_has_its_own_fate() -> None:
    shelf = Shelf(errors={"B": [Validation("no", system="sales")], "D": [Transient("lost", system="sales")]})
    documents = [order(key) for key in "ABD"]
    found = await load(shelf, *documents, order("C", OrderingCustomerAccountNumber="C-9"), order("E", CurrencyCode="X"))
    assert {key: one.outcome.kind.value for key, one in found.items()} == {
        "A": "created",
        "B": "rejected",
        "C": "parked",
        "D": "created",
        "E": "rejected",
    }
    assert set(shelf.headers()) == {"A", "D"}
    assert found["B"].entry is None


async def test_an_answer_that_was_lost_is_looked_for_and_nothing_is_sent_twice() -> None:
    shelf = Shelf(lost={"A": Transient("no answer", system="sales")})
    found = await load(shelf, order("A", line(1)))
    assert found["A"].outcome.kind is OutcomeKind.UNCHANGED
    assert len(shelf.changes) == 1
    assert shelf.fetches == 2


async def test_whoever_came_first_wins_and_is_then_adopted() -> None:
    shelf = Shelf(errors={"A": [Conflict("somebody", system="sales")]})
    found = await load(shelf, order("A"))
    assert found["A"].outcome.kind is OutcomeKind.CREATED
    header = shelf.put("B", customerid=guid("C-1"), name="Theirs", shipto_city="Lagos")
    found = await load(shelf, order("B"))
    assert found["B"].outcome.kind is OutcomeKind.UPDATED
    assert found["B"].entry is not None
    assert found["B"].entry.destination_id == header
    assert shelf.headers()["B"]["shipto_city"] == "Lagos"


async def test_what_never_gets_through_has_failed_and_is_looked_at_again() -> None:
    errors: list[Exception] = [Transient("no answer", system="sales") for _ in range(ROUNDS)]
    shelf = Shelf(errors={"A": errors})  # type: ignore[dict-item]
    found = await load(shelf, order("A"), entries={"A": Entry("old", destination_id="x", etag="e", template_hash="h")})
    assert found["A"].outcome.kind is OutcomeKind.FAILED
    assert "no answer" in found["A"].outcome.reason
    # Without its fingerprint the next run compares it with the destination.
    assert found["A"].entry == Entry("", destination_id="x", etag="", template_hash="h")


async def test_an_identity_that_is_refused_stops_everything() -> None:
    shelf = Shelf(errors={"B": [AuthError("no role")]})
    with pytest.raises(AuthError, match="no role"):
        await load(shelf, order("A"), order("B"))


async def test_of_two_rows_with_one_number_ours_is_meant_and_nobody_elses() -> None:
    shelf = Shelf()
    theirs = shelf.put("A")
    shelf.rows["salesorders"][guid("another")] = {"ordernumber": "a"}
    found = await load(shelf, order("A"))
    assert found["A"].outcome.kind is OutcomeKind.REJECTED
    assert found["A"].outcome.field == "ordernumber"
    assert theirs in found["A"].outcome.reason
    assert "keep one of them" in found["A"].outcome.reason
    known = await load(shelf, order("A"), entries={"A": Entry("", destination_id=theirs)})
    assert known["A"].outcome.kind is OutcomeKind.UPDATED
    shelf.rows["salesorders"][row_id("salesorders", "usmf", "A")] = {"ordernumber": "A"}
    made = await load(shelf, order("A"))
    assert made["A"].outcome.kind is OutcomeKind.UPDATED
    assert shelf.rows["salesorders"][row_id("salesorders", "usmf", "A")]["name"] == "Order"


def of_one_number(place: str) -> SourceDocument:
    """An order whose number is not enough to tell it: the place is part of its key."""
    key = f"SO-1|{place}"
    return replace(order("SO-1", line(1), name=place, DeliveryAddressCity=place), key=key, source_id=key)


@pytest.mark.parametrize("killed", [True, False])
async def test_documents_of_one_number_never_take_each_others_rows(killed: bool) -> None:
    raw = copy.deepcopy(ORDERS)
    raw["tasks"][0]["source"]["key"] = ["SalesOrderNumber", "DeliveryAddressCity"]
    template = parse_template(raw, "small.json")
    documents = [of_one_number("here"), of_one_number("there")]
    shelf = Shelf()
    if killed:
        # A run before was killed behind the first one, and no ledger knows of it.
        await load(shelf, documents[0], of=template)
    else:
        # The first one is written, and the second one is looked at once more.
        shelf.errors["SO-1|there"] = [Transient("silence", system="sales")]
    found = await load(shelf, *documents, of=template)
    assert sorted(str(row["name"]) for row in shelf.rows["salesorders"].values()) == ["here", "there"]
    assert found["SO-1|there"].outcome.kind is OutcomeKind.CREATED
    assert len(shelf.rows["salesorderdetails"]) == 2


def guarded() -> Template:
    raw = {
        **ORDERS,
        "updateOnly": [{"name": "late", "when": "SalesOrderProcessingStatus ne 'Picked'", "reason": "Too late."}],
    }
    header, lines = raw["tasks"]
    guard = {"name": "open", "when": "statecode eq 0 or statecode eq null", "reason": "It is closed there."}
    raw["tasks"] = [{**header, "destination": {**header["destination"], "guards": [guard]}}, lines]
    return parse_template(raw, "small.json")


@pytest.mark.parametrize(("state", "kind"), [(None, "updated"), (0, "updated"), (1, "skipped")])
async def test_a_guard_protects_what_is_there(state: int | None, kind: str) -> None:
    shelf = Shelf()
    shelf.put("A", statecode=state)
    found = (await load(shelf, order("A"), of=guarded()))["A"]
    assert found.outcome.kind.value == kind
    assert (found.outcome.rule, found.outcome.reason) == (("open", "It is closed there.") if state else ("", ""))
    assert found.entry is None or not state


async def test_a_rule_for_updates_keeps_documents_from_being_created() -> None:
    shelf = Shelf()
    picked = order("A", SalesOrderProcessingStatus="Picked")
    found = (await load(shelf, picked, of=guarded()))["A"]
    assert (found.outcome.kind, found.outcome.rule) == (OutcomeKind.SKIPPED, "late")
    shelf.put("A")
    assert (await load(shelf, picked, of=guarded()))["A"].outcome.kind is OutcomeKind.UPDATED


async def test_a_draft_product_is_waited_for_where_the_line_cannot_be_a_write_in() -> None:
    raw = {**ORDERS}
    header, lines = raw["tasks"]
    fields = [
        {**one, "missing": "park"} if one["destination"].startswith("productid") else one for one in lines["fields"]
    ]
    fields = [
        {key: value for key, value in one.items() if key != "lineKind"} for one in fields[:1] + fields[1:2] + fields[4:]
    ]
    raw["tasks"] = [header, {**lines, "fields": fields}]
    parking = parse_template(raw, "small.json")
    shelf = Shelf(states={"P-1": "Draft"})
    found = (await load(shelf, order("A", line(1), line(2, "P-9"), line(3, "P-2")), of=parking))["A"]
    # What is not there at all comes first: with it the document cannot even be compared.
    assert (found.outcome.kind, found.outcome.missing) == (OutcomeKind.PARKED, ("product P-9",))
    found = (await load(shelf, order("A", line(1), line(3, "P-2")), of=parking))["A"]
    assert (found.outcome.kind, found.outcome.missing) == (OutcomeKind.PARKED, ("product P-1",))
    assert (found.outcome.field, found.outcome.line) == ("ProductNumber", "Line 1")
    assert "is Draft in Sales: activate it there" in found.outcome.reason
    shelf.states.clear()
    assert (await load(shelf, order("A", line(1)), of=parking))["A"].outcome.kind is OutcomeKind.CREATED


async def test_lines_go_with_their_header_or_not_at_all() -> None:
    shelf = Shelf()
    await load(shelf, order("A", line(1), line(2)))
    del shelf.rows["salesorderdetails"][next(iter(shelf.rows["salesorderdetails"]))]
    found = await load(shelf, order("A", line(1, quantity=Decimal(3)), line(2, quantity=Decimal(4))))
    assert found["A"].outcome.kind is OutcomeKind.UPDATED
    assert [row["quantity"] for row in shelf.lines("A").values()] == [Decimal(4), Decimal(3)]


async def test_errors_of_rounds_do_not_spill_over() -> None:
    late: list[ServiceError] = [Transient("one", system="sales"), Conflict("two", system="sales")]
    shelf = Shelf(errors={"A": [*late, Validation("three", system="sales")], "B": [*late]})
    found = await load(shelf, order("A"), order("B"), order("C"))
    assert [found[key].outcome.kind.value for key in "ABC"] == ["rejected", "created", "created"]
    assert "three" in found["A"].outcome.reason


async def test_a_row_of_another_customer_is_not_adopted_and_both_are_shown() -> None:
    shelf = Shelf()
    header = shelf.put("A", {"sequencenumber": 1, "productid": guid("P-2")}, customerid=guid("C-9"), name="Theirs")
    before = copy.deepcopy(shelf.rows)
    outcome = (await load(shelf, order("A", line(1), name="Ours")))["A"].outcome
    assert (outcome.kind, outcome.rule) == (OutcomeKind.REJECTED, "number-taken")
    assert shelf.rows == before
    assert outcome.sides == (
        Difference("name", "Ours", "Theirs"),
        Difference("customer", "C-1", guid("C-9")),
        Difference("id", "id of A", header),
    )
    assert "number A is taken by another record in Sales" in outcome.reason
    assert "Theirs (here Ours)" in outcome.reason
    assert "p2c couple small-orders A -l usmf" in outcome.reason


async def test_a_row_of_another_currency_is_not_adopted() -> None:
    shelf = Shelf()
    shelf.put("A", transactioncurrencyid=guid("JPY"))
    assert (await load(shelf, order("A")))["A"].outcome.rule == "number-taken"


async def test_a_row_that_the_ledger_does_not_mean_needs_evidence() -> None:
    shelf = Shelf()
    shelf.put("A", customerid=guid("C-9"))
    known = Entry("old", "id of A", "another row's id", template_hash="h")
    assert (await load(shelf, order("A"), entries={"A": known}))["A"].outcome.rule == "number-taken"
    header = shelf.put("A")
    found = await load(shelf, order("A"), entries={"A": known})
    assert found["A"].entry is not None
    assert found["A"].entry.destination_id == header


async def test_a_create_that_meets_an_unrelated_row_is_matched_again() -> None:
    shelf = Shelf(errors={"A": [Conflict("there is one", system="sales")]})
    fetch = shelf.fetch

    async def late(*asked: Any) -> Any:
        found = await fetch(*asked)
        if shelf.fetches == 1:
            shelf.put("A", customerid=guid("C-9"))
        return found

    shelf.fetch = late  # type: ignore[method-assign]
    assert (await load(shelf, order("A")))["A"].outcome.rule == "number-taken"
    assert shelf.changes == []


async def test_what_a_project_couples_is_adopted_without_evidence_and_only_in_that_legal_entity() -> None:
    for legal_entity, rule in (("usmf", ""), ("demf", "number-taken")):
        shelf = Shelf()
        shelf.put("A", customerid=guid("C-9"))
        found = await load(shelf, order("A"), of=template({"couplings": {legal_entity: ["a "]}}))
        assert found["A"].outcome.rule == rule
        assert (shelf.headers()["A"]["customerid"] == guid("C-1")) is (rule == "")


def settled_from(source_id: str, destination_id: str) -> dict[str, Entry]:
    """A ledger that knows order A."""
    return {"A": Entry("old", source_id, destination_id, template_hash="h")}


async def test_a_known_number_of_another_source_row_is_the_same_document_only_by_evidence() -> None:
    shelf = Shelf()
    header = shelf.put("A", customerid=guid("C-9"), msdynce_ismaintainedexternally=True, name="Theirs")
    before = copy.deepcopy(shelf.rows)
    known = settled_from("row of old", header)
    outcome = (await load(shelf, order("A"), entries=known))["A"].outcome
    assert (outcome.kind, outcome.rule) == (OutcomeKind.REJECTED, "number-taken")
    assert shelf.rows == before
    assert "synced from row row of old of Finance and Operations, and now row id of A has it" in outcome.reason
    assert "p2c couple small-orders A -l usmf" in outcome.reason

    same = Shelf()
    header = same.put("A", name="Theirs")
    settled = (await load(same, order("A"), entries=settled_from("row of old", header)))["A"]
    assert settled.outcome.kind is OutcomeKind.UPDATED
    assert settled.entry is not None
    assert (settled.entry.source_id, settled.entry.destination_id) == ("id of A", header)


async def test_not_even_the_row_that_p2c_made_is_another_source_rows_without_evidence() -> None:
    shelf = Shelf()
    await load(shelf, order("A", CurrencyCode="JPY"))
    made = row_id("salesorders", "usmf", "A")
    assert (await load(shelf, order("A"), entries=settled_from("row of old", made)))["A"].outcome.rule == "number-taken"
    # The same row of the source may spell its id as it likes.
    for same in ("ID OF A", ""):
        found = await load(shelf, order("A"), entries=settled_from(same, made))
        assert found["A"].outcome.rule == ""


async def test_what_a_project_couples_is_the_same_document_whatever_row_it_was_settled_from() -> None:
    shelf = Shelf()
    header = shelf.put("A", customerid=guid("C-9"))
    coupled = template({"couplings": {"usmf": ["A"]}})
    found = await load(shelf, order("A"), entries=settled_from("row of old", header), of=coupled)
    assert found["A"].outcome.kind is OutcomeKind.UPDATED


async def test_a_source_that_numbers_its_revisions_alike_goes_on_as_the_same_document() -> None:
    raw = copy.deepcopy(ORDERS)
    raw["tasks"][0]["source"]["version"] = "SalesOrderName"
    of = parse_template(raw, "revisions.json")
    shelf = Shelf()
    header = shelf.put("A", customerid=guid("C-9"))
    found = await load(shelf, order("A"), entries=settled_from("row of old", header), of=of)
    assert found["A"].outcome.kind is OutcomeKind.UPDATED


@pytest.mark.parametrize(
    ("counterpart", "rule"),
    [
        (Entry("f", "THE ROW", template_hash="h"), ""),
        (Entry("f", "THE ROW", "id of A", template_hash="h"), ""),
        (Entry("f", "THE ROW", "another", template_hash="h"), "number-taken"),
        (Entry("f", "another", template_hash="h"), "number-taken"),
        (Entry("f", "THE ROW"), "number-taken"),
        (None, "number-taken"),
    ],
)
async def test_what_came_from_the_row_by_the_template_of_the_other_direction_is_the_same_document(
    counterpart: Entry | None, rule: str
) -> None:
    shelf = Shelf()
    header = shelf.put("A", customerid=guid("C-9"))
    if counterpart is not None:
        counterpart = replace(counterpart, source_id=counterpart.source_id.replace("THE ROW", header.upper()))
    rules, document = mapper(), order("A")
    mapped = rules.map(document)
    assert isinstance(mapped, MappedDocument)
    loader = Loader(rules, Comparer(rules, USMF), shelf, USMF, "hash")
    (settled,) = await loader.load([Work(document, mapped, None, counterpart=counterpart)])
    assert settled.outcome.rule == rule
    assert (shelf.headers()["A"]["customerid"] == guid("C-1")) is (rule == "")


def with_evidence_of_lines() -> Template:
    raw = copy.deepcopy(ORDERS)
    raw["tasks"][1]["source"]["label"] = ["ProductNumber"]
    raw["tasks"][1]["destination"]["evidence"] = [{"same": ["productid.productnumber", "quantity"]}]
    return parse_template(raw, "lines.json")


@pytest.mark.parametrize(
    ("theirs", "known", "taken"),
    [
        ({"productid": guid("P-2"), "quantity": Decimal(3)}, (), True),
        ({"productid": guid("P-1"), "quantity": Decimal(7)}, (), True),
        ({"productid": guid("P-1"), "quantity": Decimal("3.00")}, (), False),
        # Named before it was sent, or settled: it is the line that p2c wrote, whatever a person has made of it.
        ({"productid": guid("P-2"), "quantity": Decimal(3)}, ("salesorderdetails:2",), False),
        # Of a document that the ledger does not know (it was lost) the lines are adopted.
        ({"productid": guid("P-2"), "quantity": Decimal(3)}, None, False),
    ],
)
async def test_a_line_of_a_person_is_the_line_of_its_number_only_with_its_product_and_quantity(
    theirs: dict[str, Any], known: tuple[str, ...] | None, taken: bool
) -> None:
    shelf = Shelf()
    header = shelf.put("A", {"sequencenumber": 2, **theirs}, name="Theirs")
    before = copy.deepcopy(shelf.rows)
    entries = {"A": Entry("old", "id of A", header, known, template_hash="h")} if known is not None else {}
    document = order("A", line(1), line(2, quantity=Decimal(3)))
    outcome = (await load(shelf, document, entries=entries, of=with_evidence_of_lines()))["A"].outcome
    assert (outcome.rule == "number-taken") is taken
    if taken:
        assert (outcome.kind, outcome.line, outcome.field) == (
            OutcomeKind.REJECTED,
            "Line 2 (P-1)",
            "LineCreationSequenceNumber",
        )
        assert f"productid {theirs['productid']} (here P-1)" in outcome.reason
        assert shelf.rows == before
    else:
        assert shelf.lines("A")[2]["productid"] == guid("P-1")


async def test_a_line_that_p2c_made_is_its_own_though_the_ledger_does_not_name_it() -> None:
    shelf, of = Shelf(), with_evidence_of_lines()
    settled = (await load(shelf, order("A", line(1)), of=of))["A"]
    assert settled.entry is not None
    forgotten = {"A": replace(settled.entry, lines=())}
    changed = order("A", line(1, "P-2", Decimal(9)))
    assert (await load(shelf, changed, entries=forgotten, of=of))["A"].outcome.kind is OutcomeKind.UPDATED
