"""What is written, and above all what is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from p2c.documents import (
    ExistingDocument,
    ExistingRow,
    LegalEntity,
    MappedDocument,
    Reference,
    RowChange,
    SourceDocument,
    Value,
)
from p2c.sync.compare import Comparer, Verdict
from p2c.sync.identity import row_id
from p2c.sync.readying import Readier
from p2c.templates.models import Template
from tests.sync.world import CURRENCY, CUSTOMER, PRODUCT, USMF, Shelf, guid, line, mapper, order, template

HEADER = guid("header")
AGREEING: dict[str, Value] = {
    "ordernumber": "SO-1",
    "name": "Order",
    "customerid": guid("C-1"),
    "transactioncurrencyid": guid("USD"),
    "msdynce_processingstatus": 647390001,
}


def their_line(number: int, **cells: Value) -> ExistingRow:
    row: dict[str, Value] = {
        "sequencenumber": number,
        "productid": guid("P-1"),
        "isproductoverridden": False,
        "quantity": Decimal("1.00000"),
        "priceperunit": Decimal(5),
        "salesorderid": HEADER,
        **cells,
    }
    return ExistingRow(guid(f"line {number}"), row)


def existing(*lines: ExistingRow, **cells: Value) -> ExistingDocument:
    return ExistingDocument(ExistingRow(HEADER, {**AGREEING, **cells}), {"Line": lines})


async def compare(
    document: SourceDocument,
    there: ExistingDocument | None,
    ours: Sequence[str] | None = (),
    *,
    of: Template | None = None,
    legal_entity: LegalEntity = USMF,
    shelf: Shelf | None = None,
) -> Verdict:
    rules = mapper(of)
    mapped = rules.map(document)
    assert isinstance(mapped, MappedDocument)
    (readied,) = await Readier(rules, shelf or Shelf(), legal_entity).ready([mapped])
    assert readied.document is not None
    return Comparer(rules, legal_entity).compare(readied.document, there, ours)


def rows(verdict: Verdict) -> list[tuple[str, str, Mapping[str, object]]]:
    changes: Sequence[RowChange] = verdict.change.rows if verdict.change else ()
    return [(one.action, one.label, dict(one.values)) for one in changes]


async def test_nothing_is_written_when_both_agree() -> None:
    verdict = await compare(order("SO-1", line(1)), existing(their_line(1)))
    assert verdict.change is None
    assert verdict.changed == ()
    assert not verdict.created


async def test_only_what_differs_is_written() -> None:
    verdict = await compare(order("SO-1", line(1, quantity=Decimal(2)), name="Other"), existing(their_line(1)))
    assert rows(verdict) == [("update", "", {"name": "Other"}), ("update", "Line 1", {"quantity": Decimal(2)})]
    assert verdict.changed == ("name", "Line 1: quantity")


async def test_a_new_document_gets_ids_that_follow_from_its_keys() -> None:
    verdict = await compare(order("SO-1", line(1)), None, None)
    assert verdict.change is not None
    assert verdict.created
    header, first, last = verdict.change.rows
    assert header.key == verdict.header_key == row_id("salesorders", "usmf", "SO-1")
    assert first.key == row_id("salesorderdetails", "usmf", "SO-1", verdict.line_names[0])
    assert first.values["salesorderid"] == Reference("salesorderid", "salesorderid", "salesorders", header.key)
    assert (last.action, last.key, last.values) == ("update", header.key, {"msdynce_processingstatus": 647390001})


async def test_create_only_and_update_only_columns() -> None:
    document = order("SO-1", DeliveryAddressName="Dock", DeliveryAddressStreet="1 Pier")
    (new, _) = rows(await compare(document, None, None))
    assert new[2]["shipto_name"] == "Dock"
    assert "shipto_line1" not in new[2]
    assert rows(await compare(document, existing())) == [("update", "", {"shipto_line1": "1 Pier"})]


async def test_a_new_row_carries_no_blanks() -> None:
    (new, _) = rows(await compare(order("SO-1"), None, None))
    assert None not in new[2].values()
    assert "shipto_city" not in new[2]


async def test_what_is_ours_is_cleared_but_nothing_of_an_adopted_document() -> None:
    there = existing(shipto_city="Lagos", name="Theirs", quoteid=guid("Q-1"))
    assert rows(await compare(order("SO-1"), there, ())) == [
        ("update", "", {"name": "Order", "quoteid": None, "shipto_city": None})
    ]
    adopted = await compare(order("SO-1"), there, None)
    assert rows(adopted) == [("update", "", {"name": "Order"})]


async def test_the_state_comes_last() -> None:
    document = order("SO-1", line(1), line(2), SalesOrderProcessingStatus="Picked")
    verdict = await compare(document, existing(their_line(1)))
    assert [(action, label) for action, label, _ in rows(verdict)] == [("create", "Line 2"), ("update", "")]
    assert rows(verdict)[-1][2] == {"msdynce_processingstatus": 647390004}


@pytest.mark.parametrize(
    ("extra", "ours", "removed"),
    [
        ("ours", ("salesorderdetails:2",), ["salesorderdetails:2"]),
        ("ours", (), []),
        ("ours", None, []),
        ("keep", ("salesorderdetails:2",), []),
    ],
)
async def test_lines_that_the_source_does_not_have_are_removed_if_ours_and_else_reported(
    extra: str, ours: tuple[str, ...] | None, removed: list[str]
) -> None:
    there = existing(their_line(1), their_line(2), their_line(3))
    verdict = await compare(order("SO-1", line(1)), there, ours, of=template(extra=extra))
    assert [label for action, label, _ in rows(verdict) if action == "delete"] == removed
    assert len(rows(verdict)) == len(removed)
    left = [] if extra == "keep" else [one for one in ("2", "3") if f"salesorderdetails:{one}" not in removed]
    assert [(note.code.value, note.line) for note in verdict.notes] == [("foreign-line", one) for one in left]


@pytest.mark.parametrize("ours", [None, (), ("salesorderdetails:1",)])
async def test_a_line_with_an_id_of_ours_is_removed_whatever_the_ledger_says(ours: tuple[str, ...] | None) -> None:
    left_over = replace(their_line(2), key=row_id("salesorderdetails", "usmf", "SO-1", "salesorderdetails:2"))
    moved = replace(their_line(3), key=row_id("salesorderdetails", "usmf", "SO-2", "salesorderdetails:3"))
    verdict = await compare(order("SO-1", line(1)), existing(their_line(1), left_over, moved), ours)
    assert [(action, label) for action, label, _ in rows(verdict)] == [("delete", "salesorderdetails:2")]
    assert [note.line for note in verdict.notes] == ["3"]


async def test_a_line_removed_and_one_added_are_told() -> None:
    there = existing(their_line(1))
    verdict = await compare(order("SO-1", line(7)), there, ("salesorderdetails:1",))
    assert [(action, label) for action, label, _ in rows(verdict)] == [
        ("delete", "salesorderdetails:1"),
        ("create", "Line 7"),
    ]
    assert verdict.changed == ("Line 7: added", "salesorderdetails:1: removed")
    assert verdict.line_names == ("salesorderdetails:7",)


async def test_rows_to_ignore_are_neither_changed_nor_deleted() -> None:
    there = existing(their_line(1), their_line(2, msdynce_ismisctax=True), their_line(3, msdynce_ismisctax=True))
    verdict = await compare(order("SO-1", line(1), line(2)), there, ("salesorderdetails:2", "salesorderdetails:3"))
    assert verdict.notes == ()
    assert [(action, label) for action, label, _ in rows(verdict)] == [("create", "Line 2")]


@pytest.mark.parametrize("number", [1, Decimal("1"), Decimal("1.00"), "1"])
async def test_a_line_is_found_whatever_the_type_of_its_number(number: Value) -> None:
    verdict = await compare(order("SO-1", line(number)), existing(their_line(1)))
    assert verdict.change is None


async def test_a_write_in_line_stays_one_when_its_product_appears() -> None:
    write_in = their_line(1, productid=None, isproductoverridden=True, productdescription="Something")
    verdict = await compare(order("SO-1", line(1, "P-1")), existing(write_in))
    assert verdict.change is None
    changed = await compare(order("SO-1", line(1, "P-1", LineDescription="Else")), existing(write_in))
    assert rows(changed) == [("update", "Line 1", {"productdescription": "Else"})]


async def test_a_product_line_says_no_description_of_its_own() -> None:
    (_, new, _) = rows(await compare(order("SO-1", line(1)), None, None))
    assert new[2] == {
        "sequencenumber": 1,
        "productid": Shelf().reference(PRODUCT, "P-1"),
        "quantity": Decimal(1),
        "priceperunit": Decimal("5.00"),
        "salesorderid": Reference("salesorderid", "salesorderid", "salesorders", row_id("salesorders", "usmf", "SO-1")),
    }


async def test_a_new_line_of_a_retired_product_is_a_write_in_and_an_old_one_is_left_alone() -> None:
    shelf = Shelf(states={"P-1": "Retired"})
    (_, new, _) = rows(await compare(order("SO-1", line(1)), None, None, shelf=shelf))
    assert new[2]["isproductoverridden"] is True
    assert "productid" not in new[2]
    assert (await compare(order("SO-1", line(1)), existing(their_line(1)), shelf=shelf)).change is None


async def test_references_compare_by_id_ignoring_case() -> None:
    assert (await compare(order("SO-1"), existing(customerid=guid("C-1").upper()))).change is None
    verdict = await compare(order("SO-1"), existing(customerid=guid("C-2")))
    assert rows(verdict) == [("update", "", {"customerid": Shelf().reference(CUSTOMER, "C-1")})]


async def test_what_identifies_the_row_is_never_changed() -> None:
    assert (await compare(order("SO-1"), existing(ordernumber="so-1"))).change is None


async def test_a_column_for_creation_only_is_not_compared() -> None:
    there = existing(transactioncurrencyid=guid("JPY"), shipto_name="Elsewhere")
    assert (await compare(order("SO-1", CurrencyCode="USD", DeliveryAddressName="Dock"), there)).change is None


async def test_the_legal_entity_owns_what_is_created_and_nothing_else() -> None:
    team = LegalEntity("usmf", owner=("teams", guid("team")))
    (header, first, _) = rows(await compare(order("SO-1", line(1)), None, None, legal_entity=team))
    assert header[2]["ownerid"] == Reference("ownerid", "ownerid", "teams", guid("team"))
    assert "ownerid" not in first[2]
    assert (await compare(order("SO-1"), existing(ownerid=guid("somebody")), legal_entity=team)).change is None


async def test_currency_is_set_once() -> None:
    (header, _) = rows(await compare(order("SO-1"), None, None))
    assert header[2]["transactioncurrencyid"] == Shelf().reference(CURRENCY, "USD")


async def test_of_two_lines_with_one_number_ours_is_meant_and_the_other_one_is_reported() -> None:
    header = row_id("salesorders", "usmf", "SO-1")
    ours = replace(their_line(1), key=row_id("salesorderdetails", "usmf", "SO-1", "salesorderdetails:1"))
    theirs = their_line(1, quantity=Decimal(7))
    for lines in ((ours, theirs), (theirs, ours)):
        there = ExistingDocument(ExistingRow(header, AGREEING), {"Line": lines})
        verdict = await compare(order("SO-1", line(1)), there, ("salesorderdetails:1",))
        assert verdict.change is None
        (note,) = verdict.notes
        assert (note.code.value, note.line) == ("foreign-line", "1")
        assert guid("P-1") in note.reason
