"""The list of behaviours in the documentation names tests and switches that exist."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from sandbox.finops import FinOpsService, Options

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "sandbox" / "finops.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"(test_finops_\w+\.py)::(test_\w+)", PAGE)))


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_named_test_exists(file: str, name: str) -> None:
    source = (HERE / file).read_text(encoding="utf-8")
    assert re.search(rf"^(async )?def {name}\(", source, re.MULTILINE)


def test_every_switch_and_route_is_listed() -> None:
    unlisted = {field.name for field in fields(Options)} - set(re.findall(r"`(\w+)`", PAGE))
    assert unlisted == set()
    assert set(FinOpsService().actions()) <= set(re.findall(r"`([\w-]+)`", PAGE))
