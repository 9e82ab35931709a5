"""What every template reads and writes is understood by both services, with Microsoft's solution and without it."""

from __future__ import annotations

import pytest

from p2c.errors import ConfigError
from p2c.mapping.context import Context
from p2c.mapping.mapper import Mapper
from p2c.templates.catalog import sales_table_by_set, sales_tables
from p2c.templates.load import builtin_templates
from p2c.templates.valuemaps import shared_maps
from sandbox.finops.service import FinOpsService
from sandbox.sales.options import SalesOptions
from sandbox.sales.service import SalesService
from tests.systems.ends_support import USMF, Ends, ends

NEED_THE_SOLUTION = {"contacts", "contacts-to-customers", "quotes", "orders-to-finops"}


@pytest.mark.parametrize("solution", [True, False], ids=["solution", "plain"])
@pytest.mark.parametrize("name", sorted(builtin_templates()))
async def test_reads_and_writes_of_a_template_are_understood(name: str, solution: bool) -> None:
    template = builtin_templates()[name]
    async with ends(SalesService(options=SalesOptions(solution=solution)), FinOpsService()) as world:
        absent = await absent_columns(world)
        try:
            mapper = Mapper(template, Context("usmf", value_maps=shared_maps(), absent=absent))
        except ConfigError:
            assert not solution
            assert name in NEED_THE_SOLUTION
            return
        source = world.sales if template.source == "sales" else world.finops
        destination = world.sales if template.destination == "sales" else world.finops
        pages = [page async for page in source.pages(mapper.reads(), USMF, page_size=50)]
        assert pages[-1].cursor is None
        assert await source.documents(mapper.reads(), USMF, ["|".join("x" for _ in template.header.source.key)]) == []
        write = mapper.writes()
        assert await destination.fetch(write, USMF, [tuple("x" for _ in write.header.key)]) == {
            tuple("x" for _ in write.header.key): []
        }
        for task in template.tasks:
            row = {one.destination: "x" for one in task.fields if "." in one.destination}
            (resolved,) = await destination.resolve(task.destination.entity, [row], USMF)
            lookups = {missing.path for missing in resolved.missing}
            assert template.destination == "finops" or not row or lookups


async def absent_columns(world: Ends) -> frozenset[tuple[str, str]]:
    there = await world.sales.metadata.columns(list(sales_tables()))
    return frozenset(
        (table.name, column)
        for table in sales_tables().values()
        for column in table.columns
        if column not in there.get(sales_table_by_set(table.entity_set).name, frozenset())
    )
