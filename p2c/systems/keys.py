"""Document keys as text: several key columns are joined by a bar."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from p2c.documents import Value
from p2c.equality import fold_key

BAR = "|"


def join(values: Iterable[Value]) -> str:
    """The key of these values; "" when one of them is blank."""
    texts = [as_text(value) for value in values]
    return BAR.join(texts) if all(text.strip() for text in texts) else ""


def split(key: str, columns: int) -> tuple[str, ...]:
    """The values of a key of so many columns. Only the first, a number that people choose, may hold a bar itself."""
    return tuple(key.rsplit(BAR, columns - 1))


def as_text(value: Value) -> str:
    """A key value as text: "" for None."""
    return "" if value is None else str(value)


def folded(values: Iterable[Value]) -> tuple[str, ...]:
    """Key values for comparing as both systems do."""
    return tuple(fold(value) for value in values)


def fold(value: Value) -> str:
    """A key value for comparing as both systems do."""
    return fold_key(as_text(value))


def sortable(value: Value) -> tuple[bool, Any]:
    """A value of a key column for sorting: None before all others."""
    return (value is not None, value)


def collated(value: Value) -> str:
    """A key for telling whether a database may sort it with another: accents, widths and case left aside."""
    text = unicodedata.normalize("NFKD", as_text(value))
    return "".join(sign for sign in text if not unicodedata.combining(sign)).casefold().strip()


def last_group(rows: Sequence[Mapping[str, Any]], key: str) -> int:
    """Where the rows, in the order of a key column, begin that have the number of the last one."""
    last = collated(rows[-1][key]) if rows else ""
    start = len(rows)
    while start and collated(rows[start - 1][key]) == last:
        start -= 1
    return start
