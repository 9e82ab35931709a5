"""The list of behaviours in the documentation names tests and switches that exist."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from sandbox.servicebus.reading import SendOptions

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "sandbox" / "host.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"(test_\w+\.py)::(test_\w+)", PAGE)))


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_named_test_exists(file: str, name: str) -> None:
    source = (HERE / file).read_text(encoding="utf-8")
    assert re.search(rf"^(async )?def {name}\(", source, re.MULTILINE)


def test_every_switch_is_listed() -> None:
    assert {field.name for field in fields(SendOptions)} <= set(re.findall(r"`(\w+)`", PAGE))
