"""JSON whose numbers stay exact: Decimal in, Decimal out, never a float."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any, NoReturn


def dumps(value: object) -> bytes:
    """Give the UTF-8 JSON of a value; a Decimal becomes a plain number with exactly its digits (`5.10`, never `5.1E0`).

    Raises TypeError for a float or any other type JSON has no exact form for, ValueError for NaN and infinities.
    """
    # Half of a surrogate pair has no UTF-8; `backslashreplace` writes it as the JSON escape \udXXX.
    return "".join(_pieces(value)).encode("utf-8", "backslashreplace")


def loads(data: bytes | str) -> Any:
    """Read JSON, numbers with a fraction or exponent as Decimal, others as int. Raises ValueError when it is none."""
    return json.loads(data, parse_float=Decimal, parse_constant=_refuse)


def number(value: int | Decimal) -> str:
    """Give a number as plain digits, without exponent. Raises ValueError for NaN and infinities."""
    if isinstance(value, int):
        return int.__repr__(value)
    if not value.is_finite():
        raise ValueError(f"{value} is not a number that can be sent")
    return format(value, "f")


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _pieces(value: object) -> Iterator[str]:
    if value is None:
        yield "null"
    elif value is True or value is False:
        yield "true" if value else "false"
    elif isinstance(value, str):
        yield encode_basestring(value)
    elif isinstance(value, int | Decimal):
        yield number(value)
    elif isinstance(value, Mapping):
        yield "{"
        for index, (name, item) in enumerate(value.items()):
            if not isinstance(name, str):
                raise TypeError(f"a JSON object's names are text, not {type(name).__name__}")
            yield f"{',' if index else ''}{encode_basestring(name)}:"
            yield from _pieces(item)
        yield "}"
    elif isinstance(value, list | tuple):
        yield "["
        for index, item in enumerate(value):
            if index:
                yield ","
            yield from _pieces(item)
        yield "]"
    else:
        raise TypeError(f"{type(value).__name__} has no exact JSON form here")
