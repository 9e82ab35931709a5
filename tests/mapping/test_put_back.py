"""What was spread over the lines comes back to the header, and the total is that of F&O whatever happened to it."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from p2c.documents import SpreadAmounts, SpreadLine
from p2c.mapping.money import round_half_up
from p2c.mapping.put_back import LineNow, PutBack, put_back

D = Decimal
ZERO = D(0)


def now(number: int, net: str, quantity: str = "1", price: str = "100", charge: str = "0", **flags: bool) -> LineNow:
    return LineNow(str(number), D(quantity), D(price), D(net), D(charge), flags.get("canceled", False))


def share(number: int, discount: str, freight: str = "0", volume: str = "0") -> SpreadLine:
    return SpreadLine(str(number), D(discount), D(volume), D(freight), D(1), D(100))


def back(
    spread: SpreadAmounts | None, *lines: LineNow, discount: str = "0", freight: str = "0", tax: str = "0"
) -> PutBack:
    return put_back(spread, lines, discount=D(discount), freight=D(freight), header_tax=D(tax), precision=2)


def test_an_unchanged_order_gets_the_layout_of_the_seller() -> None:
    spread = SpreadAmounts(D("7.77"), D(5), D(12), (share(1, "8.89", "6"), share(2, "8.88", "6")))
    found = back(spread, now(1, "97.11"), now(2, "97.12"))
    assert [line.net for line in found.lines] == [D(100), D(100)]
    assert (found.discount, found.percentage, found.freight) == (D("7.77"), D(5), D(12))


def test_without_a_memory_the_lines_stay_as_they_are() -> None:
    found = back(None, now(1, "90"), discount="3", freight="4")
    assert [line.net for line in found.lines] == [D(90)]
    assert (found.discount, found.percentage, found.freight) == (D(3), ZERO, D(4))


def test_a_percentage_that_no_longer_gives_the_discount_becomes_an_amount() -> None:
    spread = SpreadAmounts(ZERO, D(10), ZERO, (share(1, "10"), share(2, "10")))
    found = back(spread, now(1, "90"), now(2, "290", quantity="3"))
    assert (found.discount, found.percentage) == (D(20), ZERO)


def test_a_tax_that_becomes_a_line_counts_in_the_percentage() -> None:
    spread = SpreadAmounts(ZERO, D(10), ZERO, (share(1, "10"),))
    assert back(spread, now(1, "90"), tax="0").percentage == D(10)
    assert back(spread, now(1, "90"), tax="3").percentage == ZERO


def test_a_line_that_is_cancelled_or_taken_away_takes_its_shares_along() -> None:
    spread = SpreadAmounts(D(20), ZERO, D(6), (share(1, "10", "2"), share(2, "5", "2"), share(3, "5", "2")))
    found = back(spread, now(1, "92"), now(2, "97", canceled=True))
    assert (found.discount, found.freight) == (D(10), D(2))
    assert [line.net for line in found.lines] == [D(100), D(97)]


def test_no_more_discount_goes_back_than_the_line_still_has() -> None:
    spread = SpreadAmounts(D(10), ZERO, ZERO, (share(1, "10"),))
    found = back(spread, now(1, "96"))
    assert ([line.net for line in found.lines], found.discount) == ([D(100)], D(4))


def test_a_volume_discount_stays_with_the_price_list_while_quantity_and_price_are_the_same() -> None:
    spread = SpreadAmounts(ZERO, ZERO, ZERO, (share(1, "0", volume="5"),))
    (same,) = back(spread, now(1, "93")).lines
    assert (same.net, same.volume, same.listed) == (D(93), D(5), True)
    (more,) = back(spread, now(1, "193", quantity="2")).lines
    assert (more.volume, more.listed) == (ZERO, False)
    (less,) = back(spread, now(1, "97")).lines
    assert (less.volume, less.listed) == (ZERO, False)


amounts = st.decimals(min_value=0, max_value=500, places=2)


@given(
    st.lists(st.tuples(amounts, amounts, amounts, st.integers(1, 5), st.booleans()), min_size=1, max_size=6),
    amounts,
    st.decimals(min_value=0, max_value=100, places=1),
    amounts,
    amounts,
)
def test_the_total_is_that_of_finops_whatever_became_of_the_order(
    lines: list[tuple[Decimal, Decimal, Decimal, int, bool]],
    entered: Decimal,
    percentage: Decimal,
    discount: Decimal,
    freight: Decimal,
) -> None:
    shares = tuple(share(number, str(off), str(added)) for number, (_, off, added, _, _) in enumerate(lines, 1))
    spread = SpreadAmounts(entered, percentage, ZERO, shares)
    found_now = [
        now(number, str(net), str(quantity), canceled=canceled)
        for number, (net, _, _, quantity, canceled) in enumerate(lines, 1)
    ]
    found = back(spread, *found_now, discount=str(discount), freight=str(freight))
    counting = [(line, its) for line, its in zip(found.lines, found_now, strict=True) if not its.canceled]
    items = sum((line.net for line, _ in counting), ZERO)
    in_sales = items - round_half_up(found.discount + items * found.percentage / 100, 2) + found.freight
    at_finops = sum((its.net for _, its in counting), ZERO) - discount + freight
    assert in_sales == at_finops
