"""What a request demands beside its method and address: preferences, formats, query options, aliases."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from sandbox.wire.query import QueryOptions

_ALIAS = re.compile(r"@\w+")
_PREFERENCE = re.compile(r'\s*([\w.\-]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^,;"\s]*)\s*)?(?:[,;]|$)')


def preferences(header: str | None) -> list[tuple[str, str]]:
    """The preferences of a Prefer header: names in lower case, values without quotes.

    Raises ValueError, which quotes what cannot be read.
    """
    text, found, at = (header or "").strip(), [], 0
    while at < len(text):
        match = _PREFERENCE.match(text, at)
        if match is None or match.end() == at:
            raise ValueError(text[at:])
        found.append((match.group(1).lower(), (match.group(2) or "").strip('"')))
        at = match.end()
    return found


def refused_format(accept: str | None, offered: Collection[str]) -> str:
    """The Accept header where it admits none of the offered media types, or another `odata.metadata` than minimal."""
    if not accept:
        return ""
    ranges = [part.strip().lower() for part in accept.split(",")]
    for item in ranges:
        media, *parameters = (piece.strip() for piece in item.split(";"))
        levels = [each for each in parameters if each.startswith("odata.metadata=")]
        kind = media.partition("/")[0]
        admits = (
            media == "*/*" or media in offered or (media == f"{kind}/*" and any(o.startswith(kind) for o in offered))
        )
        if admits and all(level == "odata.metadata=minimal" for level in levels):
            return ""
    return accept


def given_options(options: QueryOptions) -> Iterator[str]:
    """The names of the options that a query string has; aliases only where its $filter does not use them."""
    present = {
        "$filter": options.filter is not None,
        "$select": options.select is not None,
        "$orderby": bool(options.orderby),
        "$top": options.top is not None,
        "$skip": options.skip is not None,
        "$count": options.count,
        "$expand": options.expand is not None,
    }
    yield from (name for name, there in present.items() if there)
    used = set(_ALIAS.findall(options.filter or ""))
    yield from (name for name in options.other if name not in used)
