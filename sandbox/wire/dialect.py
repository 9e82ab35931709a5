"""What a service understands in a ``$filter``, and how it says no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import sqlalchemy as sa

Clause = sa.ColumnElement[bool]


class QueryError(Exception):
    """A query option that the service would refuse; the text says what is wrong."""


class Function(Protocol):
    """A namespaced query function: gets the arguments by name (JSON values) and gives the clause."""

    def __call__(self, arguments: Mapping[str, Any]) -> Clause: ...


@dataclass(frozen=True)
class Dialect:
    """What a service allows in a filter.

    ``functions`` are namespaced functions by their full name. ``aliases`` are the parameter aliases of the URL, raw.
    ``allow_in`` lets ``x in ('a','b')`` through, ``wildcards`` makes ``x eq '*a*'`` a pattern, ``text_order`` lets
    ``gt``, ``ge``, ``lt`` and ``le`` compare text, ``text_functions`` lets contains, startswith and endswith through.
    """

    functions: Mapping[str, Function] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    allow_in: bool = True
    wildcards: bool = False
    text_order: bool = True
    text_functions: bool = True


DEFAULT_DIALECT = Dialect()
