"""Shared value maps: files in `valuemaps/` that any template or project can `use` by name."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from importlib import resources
from types import MappingProxyType

from p2c.errors import ConfigError
from p2c.templates.catalog import did_you_mean
from p2c.templates.jsonfile import parse_json
from p2c.templates.models import Scalar

COUNTRIES = "countries"
"""The shared map from names of countries to ISO codes of two letters; its keys are plain names."""


@lru_cache(maxsize=4096)
def plain_name(text: str) -> str:
    """A name without what people write in different ways: case, accents, width, blanks and punctuation.

    `U.S.A.` and `usa` are equal, `São Paulo` and `SAO PAULO` too. "" for a text without letters and digits.
    """
    spelled = unicodedata.normalize("NFKD", text.casefold().replace("&", " and "))
    return "".join(sign for sign in spelled.casefold() if sign.isalnum())


def fold(text: str) -> str:
    """A key of a value map without case and outer blanks."""
    return text.strip().casefold()


def spelling(use: str) -> Callable[[str], str]:
    """The function that makes equal the keys that are one key in the shared map of that name ("": in no shared map)."""
    return plain_name if use == COUNTRIES else fold


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
