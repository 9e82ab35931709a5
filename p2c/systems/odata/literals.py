"""OData literals, keys and filters, and their percent-encoding for a URL.

What these functions give (`string`, `literal`, `any_of`, …) is plain text; only `query` and `key_segment`
percent-encode. Kinds are the column types of the catalog: those of Dataverse (`Money`, `Lookup`, …) and of F&O
(`Int64`, `Date`, `enum NoYes`, …).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar
from urllib.parse import quote
from uuid import UUID

from p2c.documents import Value
from p2c.errors import NotSendable
from p2c.systems.odata import jsonnum

Item = TypeVar("Item")

ENUM_NAMESPACE = "Microsoft.Dynamics.DataEntities"

_TEXT = frozenset({"String", "Memo", "EntityName"})
_GUID = frozenset({"Guid", "Uniqueidentifier", "Lookup", "Owner", "Customer"})
_NUMBER = frozenset(
    {"Int32", "Int64", "Integer", "BigInt", "Picklist", "State", "Status", "Decimal", "Money", "Double"},
)
_MOMENT = frozenset({"DateTime", "DateTimeOffset", "UtcDateTime"})
_BREAKS_KEY = frozenset("/<>*%&:\\?+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE_OR_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?")
_DIGITS = re.compile(r"[+-]?\d+(\.\d+)?")
_SYMBOL = re.compile(r"\w+")
# Left as they are in a query: sub-delimiters that no server reads as the end of an option (some do so with `;`).
_QUERY_SAFE = "()',:@$*/="
# In a key everything else is encoded: a slash or question mark in a value must not end the path segment.
_KEY_SAFE = "'"


def string(value: str) -> str:
    """Give a string literal: `O'Brien` → `'O''Brien'`."""
    return "'" + value.replace("'", "''") + "'"


def guid(value: str) -> str:
    """Give a GUID literal in its 36-character form. Raises ValueError when the text is none."""
    return str(UUID(value))


def number(value: int | Decimal | str) -> str:
    """Give a number as plain digits; text is accepted when it is one. Raises ValueError otherwise."""
    if isinstance(value, bool) or (isinstance(value, str) and not _DIGITS.fullmatch(value)):
        raise ValueError(f"{value!r} is not a number")
    return value.removeprefix("+") if isinstance(value, str) else jsonnum.number(value)


def literal(value: Value, *, kind: str = "") -> str:
    """Give a value as an OData literal of a column's kind; without a kind, by the value's own type. None is `null`.

    A day of an F&O `Date` column is sent as noon UTC, which is how F&O stores it. Raises ValueError when the value
    cannot be of the kind.
    """
    if value is None:
        return "null"
    if not kind:
        return _by_type(value)
    if kind in _TEXT:
        return string(value if isinstance(value, str) else _plain(value))
    if kind == "Boolean":
        return _boolean(value)
    if kind in _NUMBER and isinstance(value, int | Decimal | str):
        return number(value)
    if isinstance(value, str):
        if kind in _GUID:
            return guid(value)
        if kind == "Date":
            return _moment(f"{value}T12:00:00Z" if _DATE.fullmatch(value) else value)
        if kind in _MOMENT:
            return _moment(value)
        if kind.startswith("enum ") and _SYMBOL.fullmatch(value):
            return f"{ENUM_NAMESPACE}.{kind.removeprefix('enum ')}{string(value)}"
    raise ValueError(f"{value!r} is not a value of kind {kind!r}")


def key_segment(entity_set: str, key: Mapping[str, Value] | str, *, kinds: Mapping[str, str] | None = None) -> str:
    """Give the percent-encoded path segment of a row: `accounts(GUID)`, `Customers(dataAreaId='usmf',Account='O''B')`.

    `kinds` names the kinds of key columns that are not plain text or numbers. Raises ValueError for an empty key or a
    key text that is no GUID.
    """
    if isinstance(key, str):
        return f"{entity_set}({guid(key)})"
    if not key:
        raise ValueError(f"a row of {entity_set} needs a key")
    kinds = kinds or {}
    fields = (
        f"{name}={_encode(literal(value, kind=kinds.get(name, '')), safe=_KEY_SAFE)}" for name, value in key.items()
    )
    return f"{entity_set}({','.join(fields)})"


def breaks_alternate_key(value: str) -> bool:
    """Tell whether Dataverse cannot address a row by a key of this value (documented: `/ < > * % & : \\ ? +`)."""
    return not _BREAKS_KEY.isdisjoint(value)


def query(params: Mapping[str, str]) -> str:
    """Give `$filter=…&$select=…` percent-encoded, in the order given; entries with empty text are left out."""
    return "&".join(
        f"{_encode(name, safe='$@')}={_encode(text, safe=_QUERY_SAFE)}" for name, text in params.items() if text
    )


def in_values(column: str, values: Iterable[Value], *, alias: str = "p") -> tuple[str, dict[str, str]]:
    """Give Dataverse's In function as a filter and the query parameters that it refers to.

    The values go as a JSON list of text behind an alias, the documented form for values with apostrophes. Two of them
    in one query need different `alias` names.
    """
    texts = [value if isinstance(value, str) else _plain(value) for value in values]
    clause = f"Microsoft.Dynamics.CRM.In(PropertyName=@{alias}1,PropertyValues=@{alias}2)"
    return clause, {f"@{alias}1": string(column), f"@{alias}2": jsonnum.dumps(texts).decode()}


def equals(column: str, value: Value, *, kind: str = "") -> str:
    """Give `column eq literal`."""
    return f"{column} eq {literal(value, kind=kind)}"


def any_of(clauses: Iterable[str]) -> str:
    """Give an OR chain, in parentheses when it has several links. Raises ValueError for none, which selects nothing."""
    links = list(clauses)
    if not links:
        raise ValueError("an OR chain needs a clause")
    return links[0] if len(links) == 1 else f"({' or '.join(links)})"


def all_of(clauses: Iterable[str]) -> str:
    """Give an AND chain of the clauses that are not blank, each in parentheses if there are several; blank for none."""
    links = [clause for clause in clauses if clause.strip()]
    return links[0] if len(links) == 1 else " and ".join(f"({link})" for link in links)


def chunk_by_length(
    items: Sequence[Item], render: Callable[[Sequence[Item]], str], limit: int, *, count: int | None = None
) -> Iterator[list[Item]]:
    """Cut items, in order, into the longest runs whose rendered text has at most `limit` characters, and `count` items.

    `render` must grow with its items. An item that is too long alone comes alone: whoever sends it learns what the
    service says.
    """
    start = 0
    while start < len(items):
        low, high = start + 1, min(len(items), start + count if count else len(items))
        while low < high:
            middle = (low + high + 1) // 2
            if len(render(items[start:middle])) <= limit:
                low = middle
            else:
                high = middle - 1
        yield list(items[start:low])
        start = low


def _by_type(value: str | int | Decimal) -> str:
    if isinstance(value, bool):
        return _boolean(value)
    return string(value) if isinstance(value, str) else number(value)


def _plain(value: Value) -> str:
    if value is None:
        raise ValueError("a blank is not a text")
    return _boolean(value) if isinstance(value, bool) else str(number(value))


def _boolean(value: Value) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    raise ValueError(f"{value!r} is neither true nor false")


def _moment(value: str) -> str:
    if not _DATE_OR_MOMENT.fullmatch(value):
        raise ValueError(f"{value!r} is not a date or moment in ISO 8601 form")
    return value


def _encode(text: str, *, safe: str) -> str:
    try:
        return quote(text, safe=safe)
    except UnicodeEncodeError:
        raise NotSendable(
            "A key or filter value holds half of a character (a lone surrogate) and cannot be sent."
        ) from None
