"""A ``$filter`` in the words of the parser: enum literals, namespaced functions and parameter aliases are rewritten.

``odata-query`` knows none of them. String literals are passed over untouched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from sandbox.wire.dialect import Dialect, QueryError

# A string literal is passed over; everything else that needs rewriting starts with an identifier.
_TOKEN = re.compile(r"'(?:[^']|'')*'|@\w+|[A-Za-z_][\w.]*")
_KEYWORD_PREFIX = re.compile(r"(?:any|all|true|false|null)\w", re.IGNORECASE)
MASK = "_masked_"
ENUM = "_enum_"
CALL = "_call_"


def prepare(text: str, dialect: Dialect) -> tuple[str, list[tuple[str, str, dict[str, Any]]]]:
    """The text in the parser's words, and the namespaced calls cut out of it: placeholder, function, arguments."""
    out: list[str] = []
    calls: list[tuple[str, str, dict[str, Any]]] = []
    at = 0
    while (match := _TOKEN.search(text, at)) is not None:
        out.append(text[at : match.start()])
        token, at = match.group(), match.end()
        following = text[at : at + 1]
        if token[0] == "@":
            if token not in dialect.aliases:
                raise QueryError(f"The parameter alias '{token}' has no value.")
            out.append(dialect.aliases[token])
        elif token[0] == "'" or token.lower() in ("guid", "duration"):
            out.append(token)
        elif following == "'" and "." in token:
            end = _TOKEN.match(text, at)
            if end is None:
                raise QueryError(f"Unterminated literal in '{text}'.")
            out.append(f"{ENUM}.{token}({end.group()})")
            at = end.end()
        elif following == "(" and "." in token and not token.startswith("geo."):
            if token not in dialect.functions:
                raise QueryError(f"An unknown function with name '{token}' was found.")
            end_at = _closing(text, at)
            name = f"{CALL}{len(calls)}"
            calls.append((name, token, _arguments(text[at + 1 : end_at], dialect.aliases)))
            out.append(name)
            at = end_at + 1
        elif _KEYWORD_PREFIX.match(token) and following != "(":
            # The parser's lexer takes the keyword at the start of such a name for a token of its own.
            out.append(MASK + token)
        else:
            out.append(token)
    out.append(text[at:])
    rewritten = "".join(out)
    # A list of one item needs a trailing comma in the parser's grammar.
    rewritten = re.sub(r"(\sin\s+\(\s*)('(?:[^']|'')*'|[^'(),]+)(\s*\))", r"\1\2,\3", rewritten)
    return rewritten.strip(), calls


def _closing(text: str, start: int) -> int:
    depth, quote = 0, ""
    for index in range(start, len(text)):
        char = text[index]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0:
                return index
    raise QueryError(f"Syntax error in '{text}': a parenthesis is not closed.")


def _split_arguments(text: str) -> Iterator[str]:
    depth, quote, begin = 0, "", 0
    for index, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        elif char == "," and depth == 0:
            yield text[begin:index]
            begin = index + 1
    if text[begin:].strip():
        yield text[begin:]


def _arguments(text: str, aliases: Mapping[str, str]) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for part in _split_arguments(text):
        name, equals, value = part.partition("=")
        if not equals:
            raise QueryError(f"The argument '{part.strip()}' of a function has no name.")
        value = value.strip()
        if value.startswith("@"):
            if value not in aliases:
                raise QueryError(f"The parameter alias '{value}' has no value.")
            value = aliases[value].strip()
        arguments[name.strip()] = _argument(value)
    return arguments


def _argument(text: str) -> Any:
    if text.startswith("["):
        try:
            return json.loads(text, parse_float=Decimal)
        except ValueError:
            return [_argument(item.strip()) for item in _split_arguments(text[1:-1])]
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError:
        return text
