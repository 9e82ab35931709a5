"""What a run must know of its environments: what they lack is said before anything is written."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from p2c.errors import ConfigError
from p2c.sync.environment import Environment
from p2c.templates import catalog
from tests.sync.world import template


def environment(*without: str, columns: frozenset[str] = frozenset()) -> Environment:
    """All tables of the catalog but some, without some columns."""
    tables = {name: frozenset(one.columns) - columns for name, one in catalog.sales_tables().items()}
    kept = {name: found for name, found in tables.items() if name not in without}
    return Environment(kept, {"USD": 2}, 2, {"demf": ZoneInfo("Europe/Berlin")}, {}, "usmf")


def test_columns_that_are_not_there_are_known_to_the_mapping() -> None:
    found = environment(columns=frozenset({"msdynce_processingstatus"})).context(template(), "usmf")
    assert ("salesorder", "msdynce_processingstatus") in found.absent
    assert environment().context(template(), "usmf").absent == frozenset()


def test_a_table_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="salesorder, which small-orders needs"):
        environment("salesorder").context(template(), "usmf")


def test_a_table_that_the_template_does_not_touch_may_be_absent() -> None:
    assert environment("invoice").context(template(), "usmf").absent == frozenset()
