"""Writes what p2c knows of countries and states: `python -m tools.places`.

Sources: ISO 3166-1 and 3166-2 of pycountry (the data of Debian's iso-codes, LGPL-2.1), and the names of countries of
CLDR as Babel has them (Unicode licence). Both are needed here and in the tests only, not by the app. `aliases.json`
beside this file has the names that neither of them knows.
"""

from __future__ import annotations

import gettext
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import pycountry
from babel import Locale

from p2c.templates.valuemaps import plain_name

COUNTRIES = Path("p2c/templates/valuemaps/countries.json")
STATES = Path("p2c/templates/places/states.json")
_ALIASES = Path(__file__).with_name("aliases.json")

LANGUAGES = (
    *("en", "de", "fr", "es", "it", "nl", "pt", "pt_BR", "da", "sv", "nb", "fi", "pl", "cs", "sk", "sl", "hr", "hu"),
    *("ro", "el", "ru", "uk", "tr", "ja", "ko", "zh", "zh_Hant"),
)
"""In which the names of countries are known."""

STATE_LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt", "pl")
"""In which the names of states are known, besides their own."""

_BRACKETS = re.compile(r"[\[(]([^\])]*)[\])]")
_COUNTRY_BEHIND = re.compile(r"\s[A-Z]{2}-[A-Z0-9]{1,3}$")


def countries() -> dict[str, str]:
    """Plain names and codes of all countries to their ISO code of two letters. Names of several countries are out."""
    known: dict[str, str] = {}
    names: dict[str, set[str]] = defaultdict(set)
    translations = list(_translations("iso3166-1", LANGUAGES))
    locales = [Locale.parse(language) for language in LANGUAGES]
    for country in pycountry.countries:
        code = country.alpha_2
        known |= {plain_name(text): code for text in (code, country.alpha_3, country.numeric)}
        own = [country.name, getattr(country, "common_name", ""), getattr(country, "official_name", "")]
        found = [*own, *(translate(name) for translate in translations for name in own if name)]
        found += [locale.territories.get(code, "") for locale in locales]
        for name in found:
            for variant in _variants(name):
                names[plain_name(variant)].add(code)
    known = {**_unambiguous(names), **known}
    aliases: dict[str, str] = json.loads(_ALIASES.read_text(encoding="utf-8"))
    return dict(sorted({**known, **{plain_name(name): code for name, code in aliases.items()}}.items()))


def states() -> dict[str, dict[str, str]]:
    """By country: plain names and codes of its states to their codes, where the codes are letters."""
    translations = list(_translations("iso3166-2", STATE_LANGUAGES))
    names: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    codes: dict[str, dict[str, str]] = defaultdict(dict)
    for state in pycountry.subdivisions:
        country, _, code = state.code.partition("-")
        if not code.isalpha():
            continue
        codes[country][plain_name(code)] = code
        for name in [state.name, *(translate(state.name) for translate in translations)]:
            for variant in _variants(name):
                names[country][plain_name(variant)].add(code)
    return {
        country: dict(sorted({**_unambiguous(names[country]), **codes[country]}.items())) for country in sorted(codes)
    }


def _unambiguous(names: Mapping[str, set[str]]) -> dict[str, str]:
    return {name: next(iter(codes)) for name, codes in names.items() if name and len(codes) == 1}


def _translations(domain: str, languages: Iterable[str]) -> Iterator[Callable[[str], str]]:
    for language in languages:
        wanted = {"nb": "nb_NO", "zh": "zh_CN", "zh_Hant": "zh_TW"}.get(language, language)
        yield gettext.translation(domain, pycountry.LOCALES_DIR, [wanted], fallback=True).gettext


def _variants(name: str) -> Iterator[str]:
    """The name, and where a second one stands in brackets, each of the two."""
    yield name
    for second in _BRACKETS.findall(name):
        yield _COUNTRY_BEHIND.sub("", second)
    yield _BRACKETS.sub("", name)


def rendered() -> dict[Path, str]:
    """The files and what is to be in them."""
    return {
        COUNTRIES: json.dumps(countries(), ensure_ascii=False, indent=0) + "\n",
        STATES: json.dumps(states(), ensure_ascii=False, indent=0) + "\n",
    }


if __name__ == "__main__":
    for file, content in rendered().items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
