"""What the two systems can hold of a value from a file: lengths, characters, ranges, days and countries."""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources

from p2c.templates.catalog import sales_table
from sandbox.finops.countries import COUNTRIES
from sandbox.finops.options import DEFAULT_LENGTHS

_FIRST_DAY, _LAST_DAY = date(1900, 1, 2), date(2154, 12, 31)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
_NOT_UTF8 = re.compile("[\ud800-\udfff]")


def text_problem(text: str, *columns: str) -> str:
    """Why the Sales columns (`account.name`) or F&O fields (`ProductName`) cannot hold a text; empty when they can."""
    if _NOT_UTF8.search(text):
        return "is not UTF-8: save the file with the encoding UTF-8"
    if found := _FORBIDDEN.search(text):
        return f"has the control character U+{ord(found.group()):04X}: remove it"
    length = len(text.encode("utf-16-le")) // 2
    for column in columns:
        longest = _longest(column)
        if longest is not None and length > longest:
            return f"is {length} characters long and {column} holds {longest}: shorten it"
    return ""


def number_problem(number: Decimal, column: str) -> str:
    """Why a Sales column cannot hold a number; empty when it can."""
    table, _, name = column.partition(".")
    found = sales_table(table).column(name)
    if found.minimum is not None and number < found.minimum:
        return f"{number:f} is below {found.minimum:f}, the least that {column} holds"
    if found.maximum is not None and number > found.maximum:
        return f"{number:f} is above {found.maximum:f}, the most that {column} holds"
    return ""


def day_problem(day: date) -> str:
    """Why F&O cannot hold a day; empty when it can."""
    if _FIRST_DAY <= day <= _LAST_DAY:
        return ""
    return f"{day} is not between {_FIRST_DAY} and {_LAST_DAY}, the days that F&O holds"


def country_problem(country: str) -> str:
    """Why an address cannot go to F&O with its country; empty when it can. A blank country can."""
    iso = country.upper() if country.upper() in COUNTRIES else _names().get(country.casefold(), "")
    if not country or iso in COUNTRIES:
        return ""
    return f"'{country}' is no country that F&O knows here: write its English name or its ISO code"


@cache
def _names() -> dict[str, str]:
    text = resources.files("p2c.templates").joinpath("valuemaps/countries.json").read_text(encoding="utf-8")
    return {name.casefold(): iso for name, iso in json.loads(text).items()}


@cache
def _longest(column: str) -> int | None:
    table, dot, name = column.partition(".")
    return sales_table(table).column(name).max_length if dot else DEFAULT_LENGTHS.get(column)
