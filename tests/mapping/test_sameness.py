"""A cell that is there is compared with one to be written as what it means, not as how it is written."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.documents import Value
from p2c.mapping.encode import encoder
from p2c.mapping.kinds import Kind
from p2c.mapping.sameness import sameness
from p2c.templates.catalog import Sort

BERLIN = ZoneInfo("Europe/Berlin")
TEXT = Kind("sales", Sort.TEXT)
NUMBER = Kind("finops", Sort.DECIMAL)
MONEY = Kind("sales", Sort.MONEY, precision=2)
DAY = Kind("sales", Sort.LOCAL_DAY)
FINOPS_DATE = Kind("finops", Sort.DATE)


@pytest.mark.parametrize(
    ("kind", "mapped", "existing", "same"),
    [
        (TEXT, None, "", True),
        (TEXT, "a", "a  ", True),
        (TEXT, "a\nb", "a\r\nb", True),
        (TEXT, " a", "a", False),
        (TEXT, "a", "A", False),
        (TEXT, None, "a", False),
        (NUMBER, None, Decimal(0), True),
        (NUMBER, Decimal("1.50"), Decimal("1.5"), True),
        (NUMBER, Decimal("1.51"), Decimal("1.5"), False),
        (MONEY, Decimal(0), None, False),
        (MONEY, 3, Decimal("3.0000"), True),
        (FINOPS_DATE, "1900-01-01T12:00:00Z", None, True),
        (FINOPS_DATE, "2026-07-23T12:00:00Z", "2026-07-23T12:00:00Z", True),
        (FINOPS_DATE, "2026-07-23T12:00:00Z", "2026-07-24T12:00:00Z", False),
        # A day that a person typed with a time is the same day in the connection set's zone.
        (DAY, "2026-07-22T22:00:00Z", "2026-07-23T09:30:00Z", True),
        (DAY, "2026-07-22T22:00:00Z", "2026-07-23T22:00:00Z", False),
    ],
)
def test_what_is_the_same(kind: Kind, mapped: Value, existing: Value, same: bool) -> None:
    assert sameness(kind, BERLIN)(mapped, existing) is same


def test_case_counts_unless_the_field_says_otherwise() -> None:
    assert sameness(TEXT, BERLIN, "ignoreCase")("en-us", "en-US")
    assert not sameness(TEXT, BERLIN)("en-us", "en-US")


def test_what_the_column_should_not_hold_is_not_the_same() -> None:
    assert not sameness(NUMBER, BERLIN)(Decimal(1), "one")


class _NoAmounts:
    price_precision = 2

    def currency_precision(self) -> int:
        return 2


@given(st.dates(min_value=date(1901, 1, 1), max_value=date(2150, 1, 1)))
def test_what_was_written_is_found_to_be_there(day: date) -> None:
    for kind in (DAY, FINOPS_DATE):
        written = encoder(kind, BERLIN)(day, _NoAmounts())
        assert sameness(kind, BERLIN)(written, written)


def test_an_amount_of_zero_is_no_amount_where_the_field_says_so() -> None:
    same = sameness(MONEY, BERLIN, "zeroIsBlank")
    assert same(Decimal(0), None)
    assert same(None, Decimal("0.00"))
    assert not same(Decimal("0.01"), None)
