"""The OData query options of a URL. ``filter_clause`` and what it needs are offered here as well."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from sandbox.wire.dialect import DEFAULT_DIALECT, Clause, Dialect, Function, QueryError
from sandbox.wire.filters import Columns, Enums, filter_clause

__all__ = [
    "DEFAULT_DIALECT",
    "Clause",
    "Columns",
    "Dialect",
    "Enums",
    "Function",
    "QueryError",
    "QueryOptions",
    "filter_clause",
    "parse_options",
]


@dataclass(frozen=True)
class QueryOptions:
    """The options of one URL, decoded.

    ``orderby`` holds pairs of a path and whether it goes down. ``expand`` is the raw text. ``other`` holds every other
    parameter, parameter aliases (``@p1``) and options that only one service knows (``$skiptoken``) included.
    """

    filter: str | None = None
    select: tuple[str, ...] | None = None
    orderby: tuple[tuple[str, bool], ...] = ()
    top: int | None = None
    skip: int | None = None
    count: bool = False
    expand: str | None = None
    other: dict[str, str] = field(default_factory=dict)


def parse_options(query_string: str) -> QueryOptions:
    """The options of a raw query string (what follows the ``?``). Raises QueryError for a malformed or doubled one."""
    raw: dict[str, str] = {}
    for part in query_string.split("&"):
        if not part:
            continue
        name, _, value = part.partition("=")
        name = unquote_plus(name)
        if name in raw and name.startswith("$"):
            raise QueryError(
                f"Query option '{name}' was specified more than once, but it must be specified at most once."
            )
        raw[name] = unquote_plus(value)
    select = raw.pop("$select", None)
    count = raw.pop("$count", "false")
    if count.lower() not in ("true", "false"):
        raise QueryError(f"Invalid value '{count}' for $count query option found. Valid values are 'true' and 'false'.")
    return QueryOptions(
        filter=raw.pop("$filter", None) or None,
        select=None if not select or select.strip() == "*" else tuple(name.strip() for name in select.split(",")),
        orderby=_parse_orderby(raw.pop("$orderby", "")),
        top=_whole("$top", raw.pop("$top", None)),
        skip=_whole("$skip", raw.pop("$skip", None)),
        count=count.lower() == "true",
        expand=raw.pop("$expand", None) or None,
        other=raw,
    )


def _parse_orderby(text: str) -> tuple[tuple[str, bool], ...]:
    found = []
    for item in filter(None, (item.strip() for item in text.split(","))):
        words = item.split()
        if len(words) > 2 or (len(words) == 2 and words[1].lower() not in ("asc", "desc")):
            raise QueryError(f"Syntax error in '{text}' of $orderby.")
        found.append((words[0], len(words) == 2 and words[1].lower() == "desc"))
    return tuple(found)


def _whole(name: str, value: str | None) -> int | None:
    if value is None:
        return None
    if not re.fullmatch(r"\d+", value.strip()):
        raise QueryError(
            f"Invalid value '{value}' for {name} query option found. It requires a non-negative integer value."
        )
    return int(value)
