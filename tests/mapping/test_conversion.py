"""Decoding and encoding together: every kind of column to every kind that it can go to."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from p2c.documents import SystemName, Value
from p2c.mapping.decode import decoder
from p2c.mapping.encode import encoder, text_of
from p2c.mapping.kinds import Kind, kind_of
from p2c.mapping.refusal import Unmappable
from p2c.mapping.text import plain
from p2c.templates.catalog import SalesColumn, Sort, sales_tables
from p2c.templates.paths import parse
from p2c.templates.resolve import cells

D = Decimal
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/Los_Angeles",
    "America/Sao_Paulo",  # daylight saving began at midnight until 2018: some days have no midnight
    "America/Havana",  # daylight saving ends at one o'clock: some days have two midnights
    "Asia/Beirut",
    "Asia/Kolkata",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Australia/Lord_Howe",
]
zones = st.sampled_from(ZONES).map(ZoneInfo)
days = st.dates(date(1970, 1, 1), date(2100, 12, 31))
berlin = ZoneInfo("Europe/Berlin")


class Fixed:
    """A scope with the precisions given."""

    def __init__(self, currency: int = 2, price: int = 2) -> None:
        self.price_precision = price
        self._currency = currency

    def currency_precision(self) -> int:
        return self._currency


def kind(system: SystemName, entity: str, path: str, max_length: int | None = None) -> Kind:
    return kind_of(system, cells(system, entity, parse(path)), max_length=max_length)


def convert(
    value: Value, source: Kind, destination: Kind, zone: ZoneInfo = berlin, scope: Fixed | None = None
) -> Value:
    return encoder(destination, zone)(decoder(source, zone)(value), scope or Fixed())


SALES_TEXT = kind("sales", "accounts", "name")
SALES_MEMO = kind("sales", "accounts", "description")
SALES_DAY = kind("sales", "contacts", "birthdate")
SALES_LOCAL_DAY = kind("sales", "quotes", "requestdeliveryby")
SALES_ZONELESS = kind("sales", "invoices", "msdyn_invoicedate")
SALES_MOMENT = kind("sales", "quotes", "lastonholdtime")
SALES_BOOLEAN = kind("sales", "products", "isstockitem")
SALES_CHOICE = kind("sales", "products", "producttypecode")
SALES_INTEGER = kind("sales", "quotedetails", "sequencenumber")
SALES_QUANTITY = kind("sales", "quotedetails", "quantity")
SALES_PRICE = kind("sales", "quotedetails", "priceperunit")
SALES_TAX = kind("sales", "quotedetails", "tax")
SALES_DOUBLE = kind("sales", "accounts", "address1_latitude")
FINOPS_TEXT = kind("finops", "CustomersV2", "OrganizationName", 20)
FINOPS_DAY = kind("finops", "CDSSalesOrderHeaders", "RequestedShippingDate")
FINOPS_MOMENT = kind("finops", "CDSSalesOrderHeaders", "OrderCreationDateTime")
FINOPS_DECIMAL = kind("finops", "CustomersV2", "CreditLimit")
FINOPS_INTEGER = kind("finops", "CDSSalesOrderLines", "LineCreationSequenceNumber")
FINOPS_YES_NO = kind("finops", "CustomersV2", "IsExternallyMaintained")
FINOPS_ENUM = kind("finops", "CDSSalesOrderHeaders", "SalesOrderProcessingStatus")
OWN = kind("sales", "accounts", "abc_segment")

CONVERSIONS: list[tuple[Value, Kind, Kind, Value]] = [
    # text
    ("Contoso", SALES_TEXT, FINOPS_TEXT, "Contoso"),
    ("  outer blanks stay ", SALES_TEXT, FINOPS_TEXT, "  outer blanks stay "),
    ("a\nb", SALES_MEMO, FINOPS_TEXT, "a\nb"),
    ("", SALES_TEXT, FINOPS_TEXT, None),
    (None, SALES_TEXT, FINOPS_TEXT, None),
    ("", FINOPS_TEXT, SALES_TEXT, None),
    ("😀" * 10, SALES_TEXT, FINOPS_TEXT, "😀" * 10),
    # numbers
    (D("10.50"), SALES_TAX, FINOPS_DECIMAL, D("10.50")),
    (3, FINOPS_DECIMAL, SALES_TAX, D("3.00")),
    (D("10.005"), FINOPS_DECIMAL, SALES_TAX, D("10.01")),
    (D("-10.005"), FINOPS_DECIMAL, SALES_PRICE, D("-10.01")),
    (D("1.50000"), FINOPS_DECIMAL, SALES_QUANTITY, D("1.50000")),
    (D("1.5000000000"), FINOPS_DECIMAL, SALES_QUANTITY, D("1.5")),
    (D("52.123456789"), FINOPS_DECIMAL, SALES_DOUBLE, D("52.123456789")),
    ("12.5", SALES_TAX, FINOPS_DECIMAL, D("12.5")),
    (None, SALES_TAX, FINOPS_DECIMAL, 0),
    (None, FINOPS_DECIMAL, SALES_TAX, None),
    (7, SALES_INTEGER, FINOPS_INTEGER, 7),
    (D("7.00"), SALES_INTEGER, FINOPS_INTEGER, 7),
    (2**31 - 1, FINOPS_INTEGER, SALES_INTEGER, 2**31 - 1),
    (-(2**31), FINOPS_INTEGER, SALES_INTEGER, -(2**31)),
    (None, SALES_INTEGER, FINOPS_INTEGER, 0),
    (5, SALES_INTEGER, FINOPS_TEXT, "5"),
    (D("1.50"), SALES_TAX, FINOPS_TEXT, "1.5"),
    # yes and no
    (True, SALES_BOOLEAN, FINOPS_YES_NO, "Yes"),
    (False, SALES_BOOLEAN, FINOPS_YES_NO, "No"),
    (None, SALES_BOOLEAN, FINOPS_YES_NO, None),
    ("Yes", FINOPS_YES_NO, SALES_BOOLEAN, True),
    ("No", FINOPS_YES_NO, SALES_BOOLEAN, False),
    (None, FINOPS_YES_NO, SALES_BOOLEAN, None),
    # choices and enums
    (1, SALES_CHOICE, FINOPS_INTEGER, 1),
    ("Confirmed", FINOPS_ENUM, SALES_TEXT, "Confirmed"),
    ("Confirmed", FINOPS_ENUM, FINOPS_ENUM, "Confirmed"),
    # days and moments, in Berlin
    ("2026-07-23", SALES_DAY, FINOPS_DAY, "2026-07-23T12:00:00Z"),
    ("2026-07-22T22:00:00Z", SALES_LOCAL_DAY, FINOPS_DAY, "2026-07-23T12:00:00Z"),
    ("2026-07-22T21:59:59Z", SALES_LOCAL_DAY, FINOPS_DAY, "2026-07-22T12:00:00Z"),
    ("2026-01-22T23:00:00Z", SALES_LOCAL_DAY, FINOPS_DAY, "2026-01-23T12:00:00Z"),
    ("2026-07-23T00:00:00", SALES_LOCAL_DAY, FINOPS_DAY, "2026-07-23T12:00:00Z"),
    ("2026-07-23T12:00:00Z", FINOPS_DAY, SALES_LOCAL_DAY, "2026-07-22T22:00:00Z"),
    ("2026-07-23T12:00:00Z", FINOPS_DAY, SALES_DAY, "2026-07-23"),
    ("2026-07-23T12:00:00Z", FINOPS_DAY, SALES_ZONELESS, "2026-07-23T00:00:00Z"),
    ("2026-07-23T00:00:00Z", SALES_ZONELESS, FINOPS_DAY, "2026-07-23T12:00:00Z"),
    ("2026-07-23T12:00:00Z", FINOPS_DAY, SALES_MOMENT, "2026-07-22T22:00:00Z"),
    ("2026-07-23T23:30:00+02:00", SALES_MOMENT, FINOPS_MOMENT, "2026-07-23T21:30:00Z"),
    ("2026-07-23T23:30:00Z", SALES_MOMENT, FINOPS_DAY, "2026-07-24T12:00:00Z"),
    ("2026-07-22T22:00:00Z", SALES_LOCAL_DAY, SALES_TEXT, "2026-07-23"),
    ("2026-07-22T22:00:00Z", SALES_MOMENT, SALES_TEXT, "2026-07-22T22:00:00Z"),
    ("1900-01-01T12:00:00Z", FINOPS_DAY, SALES_LOCAL_DAY, None),
    ("1900-01-01T00:00:00Z", FINOPS_MOMENT, SALES_MOMENT, None),
    (None, SALES_LOCAL_DAY, FINOPS_DAY, "1900-01-01T12:00:00Z"),
    ("", SALES_LOCAL_DAY, FINOPS_DAY, "1900-01-01T12:00:00Z"),
    (None, SALES_MOMENT, FINOPS_MOMENT, "1900-01-01T00:00:00Z"),
    (None, FINOPS_DAY, SALES_DAY, None),
    # a customer's own columns keep what they are
    (D("1.5"), OWN, FINOPS_DECIMAL, D("1.5")),
    (True, OWN, OWN, True),
    ("", OWN, FINOPS_TEXT, None),
    ("2026-07-23T12:00:00Z", FINOPS_DAY, OWN, "2026-07-23"),
]


@pytest.mark.parametrize(("value", "source", "destination", "expected"), CONVERSIONS)
def test_conversion(value: Value, source: Kind, destination: Kind, expected: Value) -> None:
    result = convert(value, source, destination)
    assert result == expected
    assert type(result) is type(expected)


REFUSALS: list[tuple[Value, Kind, Kind, str]] = [
    ("x" * 21, SALES_TEXT, FINOPS_TEXT, "is 21 characters long, 20 are allowed"),
    ("😀" * 11, SALES_TEXT, FINOPS_TEXT, "is 22 characters long, 20 are allowed"),
    ("x" * 161, FINOPS_TEXT, SALES_TEXT, "is 161 characters long, 160 are allowed"),
    ("a\x07b", SALES_TEXT, FINOPS_TEXT, r"control character U\+0007 at position 2"),
    ("a\x07b", OWN, OWN, r"control character U\+0007 at position 2"),
    (5, SALES_TEXT, FINOPS_TEXT, "is 5 where text was expected"),
    (D("1.000001"), FINOPS_DECIMAL, SALES_QUANTITY, "more than the 5 decimals"),
    (D("7.5"), FINOPS_DECIMAL, SALES_INTEGER, "is 7.5 where a whole number was expected"),
    (2**31, FINOPS_DECIMAL, SALES_INTEGER, "too large for a whole number of 32 bits"),
    (-(2**31) - 1, FINOPS_DECIMAL, SALES_INTEGER, "too large for a whole number of 32 bits"),
    (D("NaN"), FINOPS_DECIMAL, SALES_TAX, "is no number"),
    (D("1E+30"), FINOPS_DECIMAL, SALES_TAX, "too large"),
    ("twelve", SALES_TAX, FINOPS_DECIMAL, "'twelve', which is no number"),
    (True, SALES_TAX, FINOPS_DECIMAL, "a number was expected"),
    ("maybe", FINOPS_ENUM, SALES_BOOLEAN, "'maybe' where yes or no"),
    (1, SALES_BOOLEAN, FINOPS_YES_NO, "is 1 where true or false"),
    (1, SALES_CHOICE, FINOPS_ENUM, "'1' where the symbol of an enum was expected"),
    ("Contoso", SALES_TEXT, FINOPS_DAY, "no date"),
    (5, SALES_INTEGER, FINOPS_DAY, "'5' where a date was expected"),
    ("2026-02-30", SALES_DAY, FINOPS_DAY, "'2026-02-30', which is no date"),
    ("2026-07-23 10:00", SALES_DAY, FINOPS_DAY, "which is no date"),
    ("yesterday", SALES_LOCAL_DAY, FINOPS_DAY, "'yesterday', which is no date and time"),
    ("1900-01-01", SALES_DAY, FINOPS_DAY, "is 1900-01-01: Finance and Operations keeps dates from 1900-01-02"),
    ("1812-06-24", SALES_DAY, FINOPS_DAY, "is 1812-06-24: Finance"),
    ("2155-01-01", SALES_DAY, FINOPS_DAY, "is 2155-01-01: Finance"),
    ("1900-01-01T05:00:00Z", SALES_MOMENT, FINOPS_MOMENT, "is 1900-01-01: Finance"),
    ("0001-01-01T12:00:00Z", FINOPS_DAY, SALES_LOCAL_DAY, "end of the calendar"),
]


@pytest.mark.parametrize(("value", "source", "destination", "reason"), REFUSALS)
def test_refusal(value: Value, source: Kind, destination: Kind, reason: str) -> None:
    with pytest.raises(Unmappable, match=reason):
        convert(value, source, destination)


@pytest.mark.parametrize(
    ("path", "currency", "price", "expected"),
    [
        ("priceperunit", 0, 4, "10.1235"),
        ("tax", 0, 4, "10"),
        ("manualdiscountamount", 3, 4, "10.123"),
    ],
)
def test_prices_have_their_own_precision(path: str, currency: int, price: int, expected: str) -> None:
    column = kind("sales", "salesorderdetails", path)
    assert str(convert(D("10.12345"), FINOPS_DECIMAL, column, scope=Fixed(currency, price))) == expected


def test_price_list_items_have_the_price_precision() -> None:
    assert kind("sales", "productpricelevels", "amount").price
    assert not kind("sales", "quotes", "freightamount").price


def test_a_constant_may_be_a_date_written_as_text() -> None:
    assert encoder(FINOPS_DAY, berlin)("2026-07-23", Fixed()) == "2026-07-23T12:00:00Z"
    assert encoder(SALES_LOCAL_DAY, berlin)("2026-07-23", Fixed()) == "2026-07-22T22:00:00Z"
    assert encoder(SALES_MOMENT, berlin)("2026-07-23T10:00:00+02:00", Fixed()) == "2026-07-23T08:00:00Z"


def test_lookups_that_end_at_several_columns_take_the_longest() -> None:
    short, long = SalesColumn("a", "String", max_length=20), SalesColumn("b", "String", max_length=40)
    assert kind_of("sales", (short, long)).max_length == 40
    assert kind_of("sales", (short, long), max_length=30).max_length == 30
    assert kind_of("sales", (short, SalesColumn("c", "String"))).max_length is None
    assert kind("sales", "quotes", "customerid.Account(accountnumber).Contact(msdynce_contactnumber)").sort is Sort.TEXT


def test_lookups_that_end_at_several_columns_take_the_widest_bounds() -> None:
    narrow = SalesColumn("a", "Decimal", minimum=D(0), maximum=D(10))
    wide = SalesColumn("b", "Decimal", minimum=D(-5), maximum=D(20))
    both = kind_of("sales", (narrow, wide))
    assert (both.minimum, both.maximum) == (D(-5), D(20))
    open_ended = kind_of("sales", (narrow, SalesColumn("c", "Decimal")))
    assert (open_ended.minimum, open_ended.maximum) == (None, None)


def numbers_with_bounds() -> list[tuple[str, SalesColumn]]:
    return [
        (table.entity_set, column)
        for table in sales_tables().values()
        for column in table.columns.values()
        if column.minimum is not None and column.maximum is not None and column.type != "Double"
    ]


@given(st.sampled_from(numbers_with_bounds()), st.data())
def test_a_number_is_taken_exactly_within_the_bounds_of_its_column(
    chosen: tuple[str, SalesColumn], data: st.DataObject
) -> None:
    entity_set, column = chosen
    low, high = column.minimum, column.maximum
    assert low is not None
    assert high is not None
    encode = encoder(kind("sales", entity_set, column.name), berlin)
    whole_low, whole_high = math.ceil(low), math.floor(high)
    inside = D(data.draw(st.integers(whole_low, whole_high)))
    assert encode(inside, Fixed()) == inside
    for outside, limit in ((whole_low - data.draw(st.integers(1, 10**6)), low), (whole_high + 1, high)):
        with pytest.raises(Unmappable, match=rf"is {outside}") as caught:
            encode(D(outside), Fixed())
        if column.type != "Integer" or -(2**31) <= outside < 2**31:
            assert re.search(rf"p2c writes nothing .* {re.escape(plain(limit))} there", caught.value.reason)


def test_what_rounds_to_zero_is_not_negative() -> None:
    discount = kind("sales", "salesorderdetails", "manualdiscountamount")
    assert convert(D("-0.004"), FINOPS_DECIMAL, discount) == 0
    with pytest.raises(Unmappable, match=r"is -0\.01; p2c writes nothing below 0 there"):
        convert(D("-0.005"), FINOPS_DECIMAL, discount)


def test_the_tighter_length_holds() -> None:
    assert kind("sales", "accounts", "name", 10).max_length == 10
    assert kind("sales", "accounts", "name", 10_000).max_length == 160
    assert kind("finops", "CustomersV2", "OrganizationName").max_length is None


@given(days, zones)
@example(date(2018, 11, 4), ZoneInfo("America/Sao_Paulo"))
@example(date(2026, 11, 1), ZoneInfo("America/Havana"))
@example(date(2026, 3, 29), ZoneInfo("Asia/Beirut"))
def test_a_day_from_finops_is_the_same_day_in_sales_and_back(day: date, zone: ZoneInfo) -> None:
    there = f"{day}T12:00:00Z"
    for column in (SALES_LOCAL_DAY, SALES_DAY, SALES_ZONELESS):
        here = convert(there, FINOPS_DAY, column, zone)
        assert convert(here, column, FINOPS_DAY, zone) == there


@given(days, zones, st.integers(0, 24 * 60 * 60 - 1))
def test_a_moment_is_the_day_that_the_clock_there_shows(day: date, zone: ZoneInfo, seconds: int) -> None:
    local = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(seconds=seconds)
    assume(local.astimezone(UTC).astimezone(zone) == local)
    sent = local.astimezone(UTC).isoformat().replace("+00:00", "Z")
    assume(local.astimezone(UTC).astimezone(zone).date() == day)
    assert convert(sent, SALES_LOCAL_DAY, FINOPS_DAY, zone) == f"{day}T12:00:00Z"


@given(days, st.times(), zones, zones)
def test_moments_survive_whatever_the_offset(day: date, clock: time, there: ZoneInfo, zone: ZoneInfo) -> None:
    sent = datetime.combine(day, clock, tzinfo=there).isoformat()
    result = convert(sent, SALES_MOMENT, FINOPS_MOMENT, zone)
    assert isinstance(result, str)
    assert datetime.fromisoformat(result) == datetime.fromisoformat(sent)


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=6), st.integers(0, 4))
def test_money_is_rounded_once_and_then_stays(amount: Decimal, precision: int) -> None:
    once = convert(amount, FINOPS_DECIMAL, SALES_TAX, scope=Fixed(precision))
    assert isinstance(once, Decimal)
    assert abs(once - amount) <= D("0.5").scaleb(-precision)
    assert convert(once, FINOPS_DECIMAL, SALES_TAX, scope=Fixed(precision)) == once
    assert convert(once, SALES_TAX, FINOPS_DECIMAL) == once


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=20))
def test_text_goes_unchanged_or_not_at_all(text: str) -> None:
    try:
        result = convert(text, SALES_TEXT, FINOPS_TEXT)
    except Unmappable:
        assert len(text.encode("utf-16-le")) > 40
    else:
        assert result == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, ""), (True, "true"), (False, "false"), (3, "3"), (D("3.10"), "3.1"), (date(2026, 7, 3), "2026-07-03")],
)
def test_values_as_text(value: Value | date, expected: str) -> None:
    assert text_of(value) == expected
