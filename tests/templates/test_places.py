"""Countries and states by the names that people write."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.templates.places import country_code, state_code, states
from p2c.templates.valuemaps import plain_name
from tools import places as generator


def test_the_data_is_what_the_generator_writes() -> None:
    for file, content in generator.rendered().items():
        assert Path(file).read_text(encoding="utf-8") == content, f"{file}: run python -m tools.places"


@pytest.mark.parametrize(
    ("written", "code"),
    [
        *((name, "DE") for name in ("Germany", "Deutschland", "Allemagne", "Alemania", "Germania", "Duitsland", "DEU")),
        *(
            (name, "DE")
            for name in ("Alemanha", "Tyskland", "Saksa", "Niemcy", "Německo", "ドイツ", "德国", "Almanya", "276")
        ),
        *(
            (name, "US")
            for name in (
                "U.S.A.",
                "USA",
                "u.s.",
                "United States of America",
                "840",
                "Vereinigte Staaten",
                "アメリカ合衆国",
            )
        ),
        *((name, "GB") for name in ("UK", "U.K.", "Great Britain", "England", "Royaume-Uni", "Vereinigtes Königreich")),
        *((name, "NL") for name in ("Holland", "The Netherlands", "Nederland", "Pays-Bas", "Niederlande")),
        *((name, "CI") for name in ("Côte d'Ivoire", "Cote d’Ivoire", "Ivory Coast")),
        *((name, "") for name in ("", "Atlantis", "-", "Europe")),
    ],
)
def test_a_country_is_known_by_its_names(written: str, code: str) -> None:
    assert country_code(written) == code


@pytest.mark.parametrize(
    ("written", "country", "code"),
    [
        ("California", "US", "CA"),
        ("ca", "US", "CA"),
        ("US-CA", "US", "CA"),
        ("Bayern", "DE", "BY"),
        ("Bavaria", "DE", "BY"),
        ("Baden-Wuerttemberg", "DE", ""),
        ("BADEN WÜRTTEMBERG", "DE", "BW"),
        ("Québec", "CA", "QC"),
        ("Quebec", "CA", "QC"),
        ("British Columbia", "CA", "BC"),
        ("New South Wales", "AU", "NSW"),
        ("Noord-Holland", "NL", "NH"),
        ("São Paulo", "BR", "SP"),
        ("California", "DE", ""),
        ("California", "", ""),
        ("Hokkaido", "JP", ""),  # its code is a number, 01
    ],
)
def test_a_state_has_its_code_in_its_country(written: str, country: str, code: str) -> None:
    assert state_code(written, country) == code


def test_every_code_is_the_code_of_itself() -> None:
    for country, names in states().items():
        assert all(state_code(code, country) == code for code in names.values()), country


@given(st.text())
def test_a_plain_name_is_plain_already(text: str) -> None:
    assert plain_name(plain_name(text)) == plain_name(text)
    assert plain_name(f" {text}. ") == plain_name(text)
