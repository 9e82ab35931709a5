"""Pages are read one ahead and no further; rows with one key are one matter, and rows of nobody are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from p2c.documents import MappedDocument, Page, Rejected, Skipped
from p2c.errors import Transient
from p2c.mapping.context import Context
from p2c.mapping.mapper import Mapper
from p2c.sync.extracting import map_page, read_ahead
from p2c.templates.load import parse_template
from tests.sync.world import ORDERS, USMF, Pages, mapper, order
from tests.sync.world import template as small


async def test_the_next_page_is_read_meanwhile_and_no_other() -> None:
    source = Pages([order("A")], [order("B")], [order("C")])
    keys, read = [], []
    async for page in read_ahead(pages(source)):
        await asyncio.sleep(0)
        keys += [one.key for one in page.documents]
        read.append(source.read)
    assert keys == ["A", "B", "C"]
    assert read == [2, 3, 3]


async def test_whoever_stops_early_leaves_nothing_open() -> None:
    source = Pages([order("A")], [order("B")], [order("C")])
    async with aclosing(read_ahead(pages(source))) as ahead:
        await anext(ahead)
    assert source.closed == 1
    assert len(asyncio.all_tasks()) == 1


async def test_a_page_that_is_being_read_is_given_up() -> None:
    reached, closed = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[Page]:
        try:
            yield Page([order("A")], "1")
            reached.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with aclosing(read_ahead(slow())) as ahead:
        await anext(ahead)
        await reached.wait()
    assert closed.is_set()


async def test_an_error_comes_after_the_pages_before_it() -> None:
    source = Pages([order("A")], [order("B")])
    source.fails_at, source.error = 1, Transient("gone")
    keys: list[str] = []

    async def read() -> None:
        async for page in read_ahead(pages(source)):
            keys.extend(one.key for one in page.documents)

    with pytest.raises(Transient, match="gone"):
        await read()
    assert keys == ["A"]


def pages(source: Pages) -> AsyncIterator[Page]:
    return source.pages(mapper().reads(), USMF, page_size=10)


def test_duplicates_are_rejected_together_whatever_their_case() -> None:
    found = list(map_page(mapper(), Page([order("a-1"), order("A-1"), order("B")], None)))
    assert [document.key for document, _ in found] == ["a-1", "A-1", "B"]
    assert [type(result) for _, result in found] == [Rejected, Rejected, MappedDocument]
    (flaw,) = found[0][1].flaws if isinstance(found[0][1], Rejected) else ()
    assert flaw.field == "SalesOrderNumber"
    assert "id of a-1" in flaw.reason
    assert "id of A-1" in flaw.reason


def test_of_duplicates_the_one_that_no_rule_skips_goes() -> None:
    found = list(map_page(mapper(), Page([order("A"), order("A", SalesOrderProcessingStatus="Active")], None)))
    assert [type(result) for _, result in found] == [MappedDocument, Skipped]


def test_of_versions_the_highest_goes() -> None:
    raw: dict[str, Any] = {**ORDERS, "tasks": [{**ORDERS["tasks"][0]}]}
    raw["tasks"][0]["source"] = {**raw["tasks"][0]["source"], "version": "QuotationNumber"}
    rules = Mapper(parse_template(raw, "small.json"), Context("usmf", currency_precision={"USD": 2}))
    found = list(map_page(rules, Page([order("A", QuotationNumber="1"), order("A", QuotationNumber="2")], None)))
    assert [type(result) for _, result in found] == [Skipped, MappedDocument]


def test_a_row_of_no_legal_entity_is_rejected_and_does_not_disturb_its_namesake() -> None:
    found = list(map_page(mapper(), Page([order("A", legal_entity=""), order("A")], None)))
    assert [type(result) for _, result in found] == [Rejected, MappedDocument]
    homeless = found[0][1]
    assert isinstance(homeless, Rejected)
    assert homeless.flaws[0].field == "owningbusinessunit"
    assert "connectionSet.legalEntities" in homeless.flaws[0].reason


def test_rows_without_a_number_are_no_duplicates_of_each_other() -> None:
    found = list(map_page(mapper(), Page([order(""), order("", name="")], None)))
    assert all(isinstance(result, Rejected) for _, result in found)
    assert len(found) == 2


def test_every_document_of_a_page_comes_out_once() -> None:
    documents = [order(key) for key in ("", "A", "a", "B", "C", "c", "")]
    documents[3] = order("B", legal_entity="")
    found = [document for document, _ in map_page(mapper(small()), Page(documents, None))]
    assert sorted(map(id, found)) == sorted(map(id, documents))
