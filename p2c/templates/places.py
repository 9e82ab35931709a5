"""Countries and their states, known by the names and codes that people write.

The data is generated from ISO 3166 and CLDR by `tools/places.py`: the value map `countries`, and `places/states.json`,
by ISO code of the country: the name of a state to its code (the part of ISO 3166-2 behind the country). Codes of digits
only are left out: people do not write them, and F&O is not known to use them. Names are keyed as `plain_name` gives
them; a name that means two states of one country is in no list.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from p2c.templates.valuemaps import COUNTRIES, plain_name, shared_map


def country_code(text: str) -> str:
    """The ISO code of two letters of a country by a name or code of it, "" for an unknown one."""
    return str(shared_map(COUNTRIES).get(plain_name(text), ""))


@cache
def states() -> Mapping[str, Mapping[str, str]]:
    """By ISO code of the country: the plain name of each state to its code."""
    file = resources.files("p2c.templates").joinpath("places", "states.json")
    content: dict[str, dict[str, str]] = json.loads(file.read_text(encoding="utf-8"))
    return MappingProxyType({country: MappingProxyType(names) for country, names in content.items()})


def state_code(text: str, country: str) -> str:
    """The code of a state of a country (ISO code) by its name or code, "" when the country has no such state."""
    names = states().get(country, {})
    plain = plain_name(text)
    known = names.get(plain, "")
    # `US-CA` and `us ca` are the code with its country.
    return known or names.get(plain.removeprefix(country.casefold()), "")
