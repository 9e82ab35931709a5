"""Header amounts on lines: what both systems make of them agrees to the smallest unit of the currency."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.documents import MappedDocument, NoteCode, Row, SourceDocument
from p2c.mapping import money
from p2c.mapping.context import Context
from p2c.mapping.mapper import Mapper
from p2c.mapping.spread import CHARGES, PER_UNIT, Spreader, SpreadRows
from p2c.templates.load import builtin_templates
from p2c.templates.models import HeaderAmounts
from sandbox.finops.money import Terms
from sandbox.finops.options import Options

D = Decimal
SPREAD = builtin_templates()["orders-to-finops"].lines[0].spread
assert SPREAD is not None


class Fixed:
    price_precision = 4

    def __init__(self, precision: int) -> None:
        self._precision = precision

    def currency_precision(self) -> int:
        return self._precision


def line(number: int, quantity: str, price: str, manual: str = "0", volume: str = "0", precision: int = 2) -> Row:
    """A line as Sales computes it."""
    gross = money.round_half_up(D(quantity) * D(price), precision)
    return {
        "sequencenumber": number,
        "quantity": D(quantity),
        "priceperunit": D(price),
        "manualdiscountamount": D(manual),
        "tax": D("1.5") if precision else D(1),
        "extendedamount": gross - D(manual) - D(volume) + (D("1.5") if precision else D(1)),
    }


def spread(
    header: dict[str, Any], lines: Sequence[Row], precision: int = 2, policy: HeaderAmounts = "spread"
) -> SpreadRows:
    assert SPREAD is not None
    labels = [f"OrderLine {row['sequencenumber']}" for row in lines]
    return Spreader(SPREAD, policy, "sequencenumber").rows(header, lines, labels, Fixed(precision))


def at_finops(row: Row, precision: int = 2) -> Decimal:
    """The line's amount as F&O computes it."""
    values = {
        "SalesPrice": row["priceperunit"],
        "SalesPriceQuantity": D(1),
        "LineDiscountAmount": row[PER_UNIT],
        "FixedPriceCharges": row[CHARGES],
    }
    terms = Terms(D(1).scaleb(-precision), D(0), False, Options())
    return terms.net(values, D(str(row["quantity"]))) + terms.fixed_charge(values)


def net(row: Row) -> Decimal:
    return D(str(row["extendedamount"])) - D(str(row["tax"]))


def test_a_discount_in_per_cent_reaches_the_lines_in_proportion_to_their_amounts() -> None:
    found = spread({"discountpercentage": D(10)}, [line(1, "3", "100"), line(2, "1", "100")])
    assert [at_finops(row) for row in found.rows] == [D(270), D(90)]
    assert [row[PER_UNIT] for row in found.rows] == [D(10), D(10)]
    assert found.amounts is not None
    assert [(one.line, one.discount) for one in found.amounts.lines] == [("1", D(30)), ("2", D(10))]


def test_amount_percentage_freight_manual_and_volume_discount_come_to_the_total_of_sales() -> None:
    lines = [line(1, "3", "99.99", manual="10.00", volume="2.01"), line(2, "0.333", "0.0725"), line(3, "7", "1.15")]
    header = {"discountamount": D("5.55"), "discountpercentage": D("2.5"), "freightamount": D("19.99")}
    found = spread(header, lines)
    items = sum(net(row) for row in lines)
    discount = money.round_half_up(D("5.55") + items * D("0.025"), 2)
    assert sum(at_finops(row) for row in found.rows) == items - discount + D("19.99")
    assert found.amounts is not None
    assert found.amounts.lines[0].volume == D("2.01")
    assert sum(one.freight for one in found.amounts.lines) == D("19.99")


def test_the_documented_example_of_rounding_stays_as_it_is() -> None:
    (row,) = spread({}, [line(1, "3", "100", manual="10.00")]).rows
    assert (row[PER_UNIT], row[CHARGES]) == (D("3.33"), D("-0.01"))


def test_freight_on_lines_without_an_amount_is_shared_alike() -> None:
    found = spread({"freightamount": D("10.01")}, [line(1, "1", "0"), line(2, "5", "0")])
    assert [row[CHARGES] for row in found.rows] == [D("5.01"), D("5.00")]


def test_a_discount_goes_to_lines_of_its_own_sign_only() -> None:
    found = spread({"discountamount": D(10)}, [line(1, "-2", "25"), line(2, "1", "80"), line(3, "1", "0")])
    assert [at_finops(row) for row in found.rows] == [D(-50), D(70), D(0)]


def test_a_percentage_of_a_return_lowers_what_is_paid_back() -> None:
    found = spread({"discountpercentage": D(10)}, [line(1, "-4", "100")])
    assert [at_finops(row) for row in found.rows] == [D(-360)]


def test_a_discount_that_no_line_can_carry_is_rejected_with_its_amounts() -> None:
    (flaw,) = spread({"discountamount": D("40.00")}, [line(1, "1", "30"), line(2, "-1", "100")]).flaws
    assert flaw.code == "header-amounts"
    assert "40" in flaw.reason
    assert "30" in flaw.reason
    assert flaw.field == "discountamount, discountpercentage"


def test_freight_without_a_line_is_rejected() -> None:
    (flaw,) = spread({"freightamount": D(5)}, []).flaws
    assert (flaw.field, flaw.code) == ("freightamount", "header-amounts")


def test_header_amounts_can_be_ignored_with_a_note_that_has_the_difference() -> None:
    found = spread({"discountamount": D(40), "freightamount": D(10)}, [line(1, "4", "100")], policy="ignore")
    assert [at_finops(row) for row in found.rows] == [D(400)]
    (note,) = found.notes
    assert note.code is NoteCode.HEADER_AMOUNTS_IGNORED
    assert "discount of 40 " in note.reason
    assert "freight of 10 " in note.reason
    assert note.reason.endswith("by 30")
    assert found.amounts is None


def test_header_amounts_can_be_a_rejection() -> None:
    found = spread({"discountamount": D(40)}, [line(1, "4", "100")], policy="reject")
    assert [flaw.code for flaw in found.flaws] == ["header-amounts"]
    assert spread({}, [line(1, "4", "100")], policy="reject").flaws == ()


def test_a_thousand_and_a_hundred_lines_are_exact() -> None:
    lines = [line(number, "3", "0.37") for number in range(1, 1101)]
    found = spread({"discountamount": D("123.45"), "freightamount": D("0.07")}, lines)
    assert sum(at_finops(row) for row in found.rows) == D(1100) * D("1.11") - D("123.45") + D("0.07")


quantities = st.decimals(min_value=-999, max_value=999, places=3).filter(bool)
prices = st.decimals(min_value=0, max_value=9999, places=4)


@st.composite
def documents(draw: st.DrawFn) -> tuple[int, dict[str, Any], list[Row]]:
    precision = draw(st.sampled_from([0, 2, 3]))
    small = st.decimals(min_value=0, max_value=50, places=precision)
    lines = [
        line(
            number,
            str(draw(quantities)),
            str(draw(prices | st.just(D(0)))),
            str(draw(small)),
            str(draw(small)),
            precision,
        )
        for number in range(1, draw(st.integers(2, 9)))
    ]
    header = {
        "discountamount": draw(small),
        "discountpercentage": draw(st.decimals(min_value=0, max_value=100, places=2)),
        "freightamount": draw(small),
    }
    return precision, header, lines


@given(documents())
def test_both_systems_come_to_the_same_sum_or_the_document_is_rejected(
    case: tuple[int, dict[str, Any], list[Row]],
) -> None:
    precision, header, lines = case
    found = spread(header, lines, precision)
    items = sum((net(row) for row in lines), D(0))
    discount = money.round_half_up(header["discountamount"] + items * header["discountpercentage"] / 100, precision)
    carriers = sum((abs(net(row)) for row in lines if net(row) * discount > 0), D(0))
    if abs(discount) > carriers:
        assert [flaw.code for flaw in found.flaws] == ["header-amounts"]
        return
    assert found.flaws == ()
    after = [at_finops(row, precision) for row in found.rows]
    assert sum(after, D(0)) == items - discount + header["freightamount"]
    carried = {one.line: one for one in found.amounts.lines} if found.amounts else {}
    for row, amount in zip(lines, after, strict=True):
        mine = carried.get(str(row["sequencenumber"]))
        own = amount - (mine.freight if mine else 0)
        assert own * net(row) >= 0, "the discount does not turn the line over"
        assert own == net(row) - (mine.discount if mine else 0)
    assert spread(header, lines, precision) == found
    backwards = spread(header, lines[::-1], precision)
    assert list(backwards.rows) == list(found.rows)[::-1], "the order of reading does not matter"


@given(
    st.decimals(min_value=-(10**9), max_value=10**9, places=3),
    st.lists(st.decimals(min_value=0, max_value=10**9, places=3), min_size=1, max_size=40).filter(any),
    st.sampled_from([0, 2, 3]),
)
def test_shares_are_whole_units_that_add_up(amount: Decimal, weights: list[Decimal], precision: int) -> None:
    found = money.shares(amount, weights, precision)
    assert sum(found) == money.round_half_up(amount, precision)
    for share, weight in zip(found, weights, strict=True):
        exact = money.round_half_up(amount, precision) * weight / sum(weights)
        assert abs(share - exact) <= D(1).scaleb(-precision)
        assert share == money.round_half_up(share, precision)


@given(quantities, prices, st.decimals(min_value=-500, max_value=500, places=2), st.sampled_from([0, 2, 3]))
def test_the_parts_of_a_discount_make_it_again_in_both_systems(
    quantity: Decimal, price: Decimal, total: Decimal, precision: int
) -> None:
    total = money.round_half_up(total, precision)
    per_unit, charge = money.discount_parts(total, quantity, price, precision)
    gross = money.round_half_up(quantity * price, precision)
    assert money.round_half_up(quantity * (price - per_unit), precision) + charge == gross - total
    assert money.round_half_up(quantity * per_unit, precision) - charge == total


@pytest.mark.parametrize("name", ["quotes", "orders-to-finops"])
def test_quotes_and_orders_spread_by_default(name: str) -> None:
    assert builtin_templates()[name].header_amounts == "spread"


def test_what_stands_in_for_a_blank_is_for_new_rows_only(context: Context) -> None:
    mapper = Mapper(builtin_templates()["orders-to-finops"], context)
    header: Row = {
        "ordernumber": "O-1",
        "customerid.Account(accountnumber).Contact(msdynce_contactnumber)": "A-1",
        "transactioncurrencyid.isocurrencycode": "USD",
        "msdynce_hasexternallymaintainedproductsonly": True,
        "msdynce_processingstatus": 647390000,
        "statecode": 0,
        "submitdate": None,
        "createdon": "2026-03-05T10:00:00Z",
    }
    found = mapper.map(SourceDocument("O-1", "id", header, {}))
    assert isinstance(found, MappedDocument)
    assert found.header.create["RequestedShippingDate"] == "2026-03-05T12:00:00Z"
    assert "RequestedShippingDate" not in found.header.values
    found = mapper.map(SourceDocument("O-1", "id", {**header, "requestdeliveryby": "2026-04-01T00:00:00Z"}, {}))
    assert isinstance(found, MappedDocument)
    assert found.header.values["RequestedShippingDate"] == "2026-04-01T12:00:00Z"
