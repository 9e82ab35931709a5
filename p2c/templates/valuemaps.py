"""Shared value maps: files in `valuemaps/` that any template or project can `use` by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from p2c.errors import ConfigError
from p2c.templates.catalog import did_you_mean
from p2c.templates.jsonfile import parse_json
from p2c.templates.models import Scalar


@cache
def shared_maps() -> Mapping[str, Mapping[str, Scalar]]:
    """All shared maps by name; keys are in lower case."""
    found: dict[str, Mapping[str, Scalar]] = {}
    folder = resources.files("p2c.templates").joinpath("valuemaps")
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".json"):
            content: dict[str, Scalar] = parse_json(file.read_text(encoding="utf-8"), file.name)
            found[file.name.removesuffix(".json")] = MappingProxyType(content)
    return MappingProxyType(found)


def shared_map(name: str) -> Mapping[str, Scalar]:
    """The shared map of that name. Raises ConfigError, with names that are like it."""
    found = shared_maps().get(name)
    if found is None:
        raise ConfigError(f"There is no shared value map {name!r}.", hint=did_you_mean(name, shared_maps()))
    return found
