"""Lookups that are not there: what waits, what a person must mend, what is left out, what becomes a write-in."""

from __future__ import annotations

from p2c.documents import MappedDocument, SourceDocument
from p2c.sync.outcomes import Awaited
from p2c.sync.readying import Readied, Readier
from tests.sync.world import CURRENCY, CUSTOMER, PRODUCT, QUOTE, USMF, Shelf, line, mapper, order


async def ready(*documents: SourceDocument, shelf: Shelf | None = None) -> list[Readied]:
    rules = mapper()
    mapped = [one for document in documents if isinstance(one := rules.map(document), MappedDocument)]
    assert len(mapped) == len(documents)
    return await Readier(rules, shelf or Shelf(), USMF).ready(mapped)


async def test_a_missing_customer_is_waited_for() -> None:
    (found,) = await ready(order("SO-1", line(1), OrderingCustomerAccountNumber="C-9"))
    assert found.document is None
    assert found.flaws == []
    assert found.missing == [Awaited("account", "C-9", "OrderingCustomerAccountNumber")]


async def test_an_unknown_currency_is_a_flaw_that_names_the_source_field() -> None:
    (found,) = await ready(order("SO-1", CurrencyCode="XXX"))
    assert found.document is None
    (flaw,) = found.flaws
    assert flaw.field == "CurrencyCode"
    assert "no currency 'XXX' in Sales" in flaw.reason
    assert "add it there" in flaw.reason


async def test_a_missing_quote_is_left_out() -> None:
    (found,) = await ready(order("SO-1", QuotationNumber="Q-9"))
    assert found.document is not None
    assert "quoteid" not in found.document.header.create
    (known,) = await ready(order("SO-1", QuotationNumber="Q-1"), shelf=Shelf(known=Shelf().known | {(QUOTE, "Q-1")}))
    assert known.document is not None
    assert known.document.header.create["quoteid"] == Shelf().reference(QUOTE, "Q-1")


async def test_an_unknown_product_makes_the_line_a_write_in() -> None:
    (found,) = await ready(order("SO-1", line(1, "P-9", LineDescription="A rarity"), line(2)))
    assert found.document is not None
    write_in, product = found.document.lines
    assert write_in.create["productdescription"] == "A rarity"
    assert write_in.create["isproductoverridden"] is True
    assert "productid" not in write_in.create
    assert product.create["productid"] == Shelf().reference(PRODUCT, "P-1")
    assert "isproductoverridden" not in product.create
    assert product.write_in is not None
    assert product.write_in.update["productdescription"] == "Something"


async def test_all_that_is_missing_is_told_flaws_before_what_is_awaited() -> None:
    (found,) = await ready(order("SO-1", CurrencyCode="XXX", OrderingCustomerAccountNumber="C-9"))
    assert [one.field for one in found.flaws] == ["CurrencyCode"]
    assert [one.key for one in found.missing] == ["C-9"]


async def test_several_that_fit_are_a_flaw_even_where_one_would_wait() -> None:
    shelf = Shelf(twice={(QUOTE, "Q-1"), (CURRENCY, "USD")})
    (found,) = await ready(order("SO-1", QuotationNumber="Q-1"), shelf=shelf)
    (flaw,) = found.flaws
    assert flaw.field == "CurrencyCode"
    assert "Sales has 2 rows for currency 'USD'; keep one of them active" in flaw.reason


async def test_documents_stay_in_order_with_their_own_lines() -> None:
    documents = [
        order("SO-1", line(1), line(2)),
        order("SO-2", OrderingCustomerAccountNumber="C-9"),
        order("SO-3", line(9)),
    ]
    found = await ready(*documents)
    assert [one.document.key if one.document else "" for one in found] == ["SO-1", "", "SO-3"]
    assert [len(one.document.lines) if one.document else 0 for one in found] == [2, 0, 1]


async def test_the_state_is_kept_for_the_end() -> None:
    (found,) = await ready(order("SO-1"))
    assert found.document is not None
    header = found.document.header
    assert header.after_create == header.after_update == {"msdynce_processingstatus": 647390001}
    assert "msdynce_processingstatus" not in {*header.create, *header.update}
    assert CUSTOMER not in header.create
