"""An error's message and its hint read as two sentences."""

from __future__ import annotations

import pytest

from p2c.errors import P2CError


@pytest.mark.parametrize(
    ("message", "hint", "said"),
    [
        ("It failed.", "", "It failed."),
        ("It failed.", "Mend it.", "It failed. Mend it."),
        ("answered 401: The token is expired", "Mend it.", "answered 401: The token is expired. Mend it."),
        ("Is it there?", "Look.", "Is it there? Look."),
    ],
)
def test_a_message_and_its_hint(message: str, hint: str, said: str) -> None:
    assert str(P2CError(message, hint=hint)) == said
