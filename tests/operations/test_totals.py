"""The invariant of totals finds what differs, and says why where a rule allows it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.operations.totals import (
    Balance,
    Basis,
    Explanation,
    FinOpsFigures,
    FinOpsLine,
    SalesFigures,
    SalesLine,
    State,
    compare,
    evidence,
    pairs,
)

IN_SYNC = State()


def finops(
    *lines: FinOpsLine, total: str | None = None, charges: str = "0", tax_included: bool = False
) -> FinOpsFigures:
    return FinOpsFigures(
        "SO-1",
        "USD",
        Basis.NET if total is None else Basis.TOTAL,
        None if total is None else Decimal(total),
        lines,
        charges=Decimal(charges),
        tax_included=tax_included,
    )


def sales(total: str, *lines: SalesLine, tax: str = "0", freight: str = "0", discount: str = "0") -> SalesFigures:
    return SalesFigures("SO-1", Decimal(total), Decimal(tax), lines, Decimal(freight), Decimal(discount))


def line(
    number: int, amount: str, charges: str = "0", gross: str | None = None, *, canceled: bool = False
) -> FinOpsLine:
    return FinOpsLine(
        number,
        Decimal(amount),
        Decimal(charges),
        evidence=Decimal(gross) if gross is not None else None,
        canceled=canceled,
    )


def ours(number: int, net: str, *, write_in: bool = False) -> SalesLine:
    return SalesLine(number, Decimal(net), write_in)


def test_equal_totals_and_lines_agree() -> None:
    assert compare(sales("108", ours(1, "100"), tax="8"), finops(line(1, "100"), total="108"), IN_SYNC, 2) is None


def test_a_cent_is_a_difference_and_its_line_is_named() -> None:
    found = compare(sales("107.99", ours(1, "99.99"), tax="8"), finops(line(1, "100"), total="108"), IN_SYNC, 2)
    assert found is not None
    assert (found.sales, found.finops, found.explanation) == (Decimal("107.99"), Decimal("108"), None)
    assert found.line == "line 1: Sales has 99.99, F&O has 100.00"


def test_lines_that_differ_are_found_under_equal_totals() -> None:
    found = compare(
        sales("100", ours(1, "60"), ours(2, "40")), finops(line(1, "40"), line(2, "60"), total="100"), IN_SYNC, 2
    )
    assert found is not None
    assert found.line.startswith("line 1")


def test_a_line_that_only_sales_has_is_a_difference_unless_it_is_a_write_in() -> None:
    theirs = finops(line(1, "90", "10", "90"), total="100")
    assert compare(sales("100", ours(1, "90"), ours(7, "10", write_in=True)), theirs, IN_SYNC, 2) is None
    assert compare(sales("100", ours(1, "90"), ours(7, "10")), theirs, IN_SYNC, 2) is not None


def test_a_canceled_line_must_not_keep_its_amount() -> None:
    theirs = finops(line(1, "100"), line(2, "60", canceled=True), total="100")
    assert compare(sales("100", ours(1, "100")), theirs, IN_SYNC, 2) is None
    found = compare(sales("160", ours(1, "100"), ours(2, "60")), theirs, IN_SYNC, 2)
    assert found is not None
    assert found.line == "line 2: canceled in F&O, Sales has 60"


def test_the_net_sum_counts_charges_that_the_amount_does_not_contain() -> None:
    apart = finops(line(1, "90", "10", "90"), charges="5")
    assert compare(sales("105", ours(1, "100"), freight="5"), apart, IN_SYNC, 2) is None
    contained = finops(line(1, "100", "10", "90"), charges="5")
    assert compare(sales("105", ours(1, "100"), freight="5"), contained, IN_SYNC, 2) is None
    assert compare(sales("115", ours(1, "110"), freight="5"), contained, IN_SYNC, 2) is not None


def test_a_row_that_does_not_tell_is_accepted_in_both_readings() -> None:
    unclear = finops(line(1, "100", "10"))
    assert compare(sales("100", ours(1, "100")), unclear, IN_SYNC, 2) is None
    assert compare(sales("110", ours(1, "110")), unclear, IN_SYNC, 2) is None
    assert compare(sales("105", ours(1, "105")), unclear, IN_SYNC, 2) is not None


def test_tax_in_the_price_is_not_part_of_the_net_amount() -> None:
    included = FinOpsLine(1, Decimal(119), tax=Decimal(19))
    theirs = finops(included, total="119", tax_included=True)
    assert compare(sales("119", ours(1, "100"), tax="19"), theirs, IN_SYNC, 2) is None
    assert compare(sales("138", ours(1, "119"), tax="19"), theirs, IN_SYNC, 2) is not None


@pytest.mark.parametrize("rule", [Explanation.NOT_SYNCED, Explanation.PARKED, Explanation.CHANGED])
def test_a_document_that_is_not_in_sync_is_explained_by_the_rule(rule: Explanation) -> None:
    found = compare(sales("1", ours(1, "1")), finops(line(1, "2"), total="2"), State(rule, "why"), 2)
    assert found is not None
    assert (found.explanation, found.reason) == (rule, "why")


def test_a_total_that_is_not_calculated_is_explained() -> None:
    theirs = FinOpsFigures("SO-1", "USD", Basis.TOTAL, None, [line(1, "2")])
    found = compare(sales("1", ours(1, "1")), theirs, IN_SYNC, 2)
    assert found is not None
    assert found.explanation is Explanation.NOT_CALCULATED


def test_header_amounts_on_the_lines_of_f_and_o_are_explained_where_the_sums_agree() -> None:
    spread = finops(line(1, "90"))
    found = compare(sales("90", ours(1, "100"), discount="10"), spread, IN_SYNC, 2)
    assert found is not None
    assert found.explanation is Explanation.SPREAD
    wrong = compare(sales("91", ours(1, "100"), discount="9"), spread, IN_SYNC, 2)
    assert wrong is not None
    assert wrong.explanation is None


def test_the_line_of_the_freight_tax_is_no_part_of_what_was_spread() -> None:
    """100 less 10, with freight 42 and 3 tax on it, and 7 tax on the line."""
    entered = finops(line(1, "90"), total="142", charges="42")
    ours_spread = sales(
        "142", ours(1, "100"), SalesLine(None, Decimal(3), write_in=True), tax="7", freight="42", discount="10"
    )
    found = compare(ours_spread, replace(entered, header_tax=Decimal(3)), IN_SYNC, 2)
    assert found is not None
    assert found.explanation is Explanation.SPREAD
    with_tax = finops(replace(line(1, "97"), tax=Decimal(7)), total="142", charges="45", tax_included=True)
    found = compare(ours_spread, replace(with_tax, header_tax=Decimal(3)), IN_SYNC, 2)
    assert getattr(found, "explanation", None) is Explanation.SPREAD, "charges contain their tax"
    wrong = compare(ours_spread, entered, IN_SYNC, 2)
    assert wrong is not None
    assert wrong.explanation is None


def test_amounts_that_f_and_o_rounds_coarser_are_explained_where_its_prices_agree() -> None:
    """3 x 9.99 = 29.97, which F&O rounds to 29.95 francs."""
    ours_exact = sales("39.97", ours(1, "29.97"), ours(2, "10"))
    coarse = finops(line(1, "29.95", gross="29.97"), line(2, "10.00", gross="10"))
    found = compare(ours_exact, coarse, IN_SYNC, 2)
    assert getattr(found, "explanation", None) is Explanation.COARSE
    for wrong in (
        finops(line(1, "29.95", gross="29.96"), line(2, "10.00", gross="10")),
        finops(line(1, "29.96", gross="29.97"), line(2, "10.00", gross="10")),
    ):
        found = compare(ours_exact, wrong, IN_SYNC, 2)
        assert found is not None
        assert found.explanation is None


def test_ignored_header_amounts_explain_their_own_sum_only() -> None:
    ignored = State(header_ignored=True)
    found = compare(sales("90", ours(1, "100"), discount="10"), finops(line(1, "100")), ignored, 2)
    assert found is not None
    assert found.explanation is Explanation.HEADER_IGNORED
    wrong = compare(sales("90", ours(1, "100"), discount="10"), finops(line(1, "101")), ignored, 2)
    assert wrong is not None
    assert wrong.explanation is None


def test_rounding_explains_less_than_a_unit_a_line_and_only_where_the_mapping_reports_it() -> None:
    theirs = finops(line(1, "50"), line(2, "50"), total="100")
    lines = ours(1, "50"), ours(2, "50.01")
    assert getattr(compare(sales("100.01", *lines), theirs, State(rounded=True), 2), "explanation", "") == "rounding"
    assert getattr(compare(sales("100.02", *lines), theirs, State(rounded=True), 2), "explanation", "") is None
    assert getattr(compare(sales("100.01", *lines), theirs, IN_SYNC, 2), "explanation", "") is None


def test_invoices_of_one_number_are_paired_by_their_totals() -> None:
    first, second = sales("10", ours(1, "10")), sales("20", ours(1, "20"))
    one, other = finops(line(1, "20"), total="20"), finops(line(1, "10"), total="10")
    assert list(pairs([first, second], [one, other])) == [(second, one), (first, other)]


money = st.decimals(min_value=-10_000, max_value=10_000, places=2)


@given(st.lists(money, min_size=1, max_size=6), st.sampled_from([Decimal("0.01"), Decimal("-0.01"), Decimal(1)]))
def test_any_wrong_line_is_found(amounts: list[Decimal], error: Decimal) -> None:
    total = sum(amounts, Decimal(0))
    theirs = FinOpsFigures("1", "USD", Basis.TOTAL, total, [FinOpsLine(at, net) for at, net in enumerate(amounts)])
    right = SalesFigures("1", total, Decimal(0), [SalesLine(at, net) for at, net in enumerate(amounts)])
    balance = Balance("orders-to-sales", "usmf", "USD")
    balance.add(right, theirs, IN_SYNC, 2)
    lines = [SalesLine(at, net + (error if not at else 0)) for at, net in enumerate(amounts)]
    balance.add(SalesFigures("1", total + error, Decimal(0), lines), theirs, IN_SYNC, 2)
    assert (balance.compared, balance.equal, len(balance.unexplained)) == (2, 1, 1)
    assert balance.sales - balance.finops == error


def test_the_evidence_of_a_line_counts_price_units_and_all_discounts() -> None:
    found = evidence(Decimal(200), Decimal(725), Decimal(100), [Decimal("0.25")], [Decimal(10), Decimal(50)])
    assert found == Decimal(200) * 7 * Decimal("0.45")
