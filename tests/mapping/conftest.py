from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from p2c.mapping.context import Context
from p2c.templates.catalog import sales_tables
from p2c.templates.valuemaps import shared_maps


@pytest.fixture
def context() -> Context:
    """Berlin, three currencies, prices of two decimals, an environment that has everything."""
    return Context(
        legal_entity="usmf",
        time_zone=ZoneInfo("Europe/Berlin"),
        currency_precision={"USD": 2, "JPY": 0, "KWD": 3},
        price_precision=2,
        value_maps=shared_maps(),
    )


@pytest.fixture
def solution_columns() -> frozenset[tuple[str, str]]:
    """All columns that come with the P2C solution."""
    return frozenset(
        (table.name, column.name)
        for table in sales_tables().values()
        for column in table.columns.values()
        if column.solution
    )
