"""What a URL of the service names: an entity set, one row, a count, an action, the metadata, the batch end point."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from sandbox.finops.catalog import NAMESPACE, EntitySet, entity_sets, read_key
from sandbox.finops.infolog import NoResourceError

_SEGMENT = re.compile(r"^([A-Za-z]\w*)(?:\((.*)\))?$", re.DOTALL)


@dataclass(frozen=True)
class Resource:
    """A parsed URL.

    ``kind`` is set, row, count, action, metadata, batch or root. ``key`` holds stored values by key property. ``query``
    is the raw query string.
    """

    kind: str
    query: str
    entity: EntitySet | None = None
    key: dict[str, Any] | None = None
    action: str = ""

    @property
    def named_set(self) -> EntitySet:
        """The entity set of a URL that names one."""
        assert self.entity is not None
        return self.entity


def parse_url(url: str, date_keys: bool = True) -> Resource:
    """The resource of a URL: absolute, from the root (``/data/…``) or relative. Raises NoResourceError."""
    split = urlsplit(url)
    path = unquote(split.path)
    if path.startswith("/"):
        if path.rstrip("/") == "/data":
            return Resource("root", split.query)
        if not path.startswith("/data/"):
            raise NoResourceError(url)
        path = path.removeprefix("/data/")
    if path in ("$metadata", "$batch"):
        return Resource(path[1:], split.query)
    head, tail = _split_tail(path)
    match = _SEGMENT.match(head)
    entity = entity_sets().get(match.group(1)) if match else None
    if match is None or entity is None:
        raise NoResourceError(url)
    if match.group(2) is None:
        if not tail:
            return Resource("set", split.query, entity)
        if tail == "$count":
            return Resource("count", split.query, entity)
        if tail.startswith(f"{NAMESPACE}."):
            return Resource("action", split.query, entity, action=tail.removeprefix(f"{NAMESPACE}."))
        raise NoResourceError(url)
    key = read_key(entity, match.group(2), date_keys)
    if key is None or tail:
        raise NoResourceError(url)
    return Resource("row", split.query, entity, key)


def _split_tail(path: str) -> tuple[str, str]:
    """Cuts at the first slash outside of quotes."""
    quoted = False
    for index, char in enumerate(path):
        if char == "'":
            quoted = not quoted
        elif char == "/" and not quoted:
            return path[:index], path[index + 1 :]
    return path, ""
