"""The shared value maps."""

from __future__ import annotations

import pytest

from p2c.errors import ConfigError
from p2c.templates.valuemaps import plain_name, shared_map, shared_maps, spelling


def test_keys_are_what_a_lookup_ignoring_case_finds() -> None:
    for name, entries in shared_maps().items():
        assert all(key == spelling(name)(key) and key for key in entries), name


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("US", "US"),
        ("USA", "US"),
        ("United States", "US"),
        ("UK", "GB"),
        ("Great Britain", "GB"),
        ("Deutschland", "DE"),
        ("Germany", "DE"),
        ("DEU", "DE"),
        ("日本", "JP"),
        ("Österreich", "AT"),
        ("Osterreich", "AT"),
        ("Türkiye", "TR"),
        ("Turkey", "TR"),
        ("Côte d'Ivoire", "CI"),
        ("Korea, Republic of", "KR"),
        ("Brasil", "BR"),
    ],
)
def test_countries(written: str, code: str) -> None:
    assert shared_map("countries")[plain_name(written)] == code


def test_every_country_goes_there_and_back() -> None:
    countries, names = shared_map("countries"), shared_map("country-names")
    assert set(countries.values()) == {code.upper() for code in names}
    assert len(names) == 249  # ISO 3166-1
    for code, name in names.items():
        assert countries[plain_name(str(name))] == code.upper()
        assert countries[code] == code.upper()


def test_every_unit_goes_there_and_back() -> None:
    units, back = shared_map("units"), shared_map("units-back")
    assert units["ea"] == "Primary Unit"
    assert {back[str(name).casefold()]: name for name in units.values()} == units
    assert len(units) == len(back)


def test_an_unknown_map() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'countries'"):
        shared_map("contries")
