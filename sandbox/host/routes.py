"""HTTP routes as ASP.NET matches them: `orders/{id}`, `{id:int}`, `{id?}`, `{*rest}`; the most literal route wins."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import unquote

from sandbox.host.errors import HostError

_PARAMETER = re.compile(r"\{(\*{0,2})(\w+)(?::(\w+))?(\?)?\}")
Target = TypeVar("Target")


def _is_guid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


_CONSTRAINTS: dict[str, Callable[[str], bool]] = {
    "int": lambda text: re.fullmatch(r"-?\d{1,10}", text) is not None and -(2**31) <= int(text) < 2**31,
    "long": lambda text: re.fullmatch(r"-?\d{1,19}", text) is not None and -(2**63) <= int(text) < 2**63,
    "alpha": lambda text: re.fullmatch(r"[A-Za-z]*", text) is not None,
    "bool": lambda text: text.lower() in ("true", "false"),
    "guid": _is_guid,
}


@dataclass(frozen=True, slots=True)
class _Segment:
    """One part of a template between slashes. `rank` orders: literal, with a constraint, any, the rest of the path."""

    literal: str = ""
    parameter: str = ""
    constraint: str = ""
    optional: bool = False
    rest: bool = False

    @property
    def rank(self) -> int:
        if self.literal:
            return 0
        return 3 if self.rest else 1 if self.constraint else 2


@dataclass(frozen=True, slots=True)
class Route(Generic[Target]):
    """A template with the methods that it takes (none means all) and whatever it leads to."""

    template: str
    methods: frozenset[str]
    target: Target
    segments: tuple[_Segment, ...]


@dataclass(frozen=True, slots=True)
class Match(Generic[Target]):
    """Where a request goes, and the parameters of its path."""

    target: Target
    parameters: dict[str, str]


class RouteTable(Generic[Target]):
    """All routes of an app. A wrong method finds no route, as at the real host, which answers 404 then."""

    def __init__(self, routes: Iterable[tuple[str, Sequence[str], Target]]) -> None:
        """Make the table of (template, methods, target). Raises HostError for a bad template and for two alike."""
        self.routes: list[Route[Target]] = []
        for template, methods, target in routes:
            segments = tuple(_segment(part, template) for part in template.strip("/").split("/") if part)
            if any(segment.rest or segment.optional for segment in segments[:-1]):
                raise HostError(f"In the route {template!r} only the last part may be optional or take the rest")
            route = Route(template, frozenset(method.upper() for method in methods), target, segments)
            for other in self.routes:
                if _shape(other) == _shape(route) and _meet(other.methods, route.methods):
                    raise HostError(f"Two functions take {other.template!r} with the same method")
            self.routes.append(route)
        self.routes.sort(key=lambda route: [segment.rank for segment in route.segments])

    def match(self, method: str, path: str) -> Match[Target] | None:
        """Find the route of a percent-encoded path. A slash that came as %2F stays encoded, as in ASP.NET."""
        parts = [_decoded(part) for part in path.strip("/").split("/") if part]
        for route in self.routes:
            if route.methods and method.upper() not in route.methods:
                continue
            parameters = _parameters(route.segments, parts)
            if parameters is not None:
                return Match(route.target, parameters)
        return None


def _segment(part: str, template: str) -> _Segment:
    if "{" not in part and "}" not in part:
        return _Segment(literal=part)
    found = _PARAMETER.fullmatch(part)
    if found is None or (found[3] or "int") not in _CONSTRAINTS:
        raise HostError(f"The part {part!r} of the route {template!r} is not stood in for")
    return _Segment(parameter=found[2], constraint=found[3] or "", optional=bool(found[4]), rest=bool(found[1]))


def _shape(route: Route[Target]) -> list[tuple[str, str, int]]:
    return [(segment.literal.lower(), segment.constraint, segment.rank) for segment in route.segments]


def _meet(some: frozenset[str], others: frozenset[str]) -> bool:
    return not some or not others or bool(some & others)


def _decoded(part: str) -> str:
    return "".join(each if each.lower() == "%2f" else unquote(each) for each in re.split(r"(%2[Ff])", part))


def _parameters(segments: Sequence[_Segment], parts: Sequence[str]) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for place, segment in enumerate(segments):
        if segment.rest:
            found[segment.parameter] = "/".join(parts[place:])
            return found
        if place >= len(parts):
            return found if segment.optional else None
        part = parts[place]
        if segment.literal:
            if segment.literal.lower() != part.lower():
                return None
        elif segment.constraint and not _CONSTRAINTS[segment.constraint](part):
            return None
        else:
            found[segment.parameter] = part
    return found if len(parts) <= len(segments) else None
