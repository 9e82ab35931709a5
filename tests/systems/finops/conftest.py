"""An environment of Finance and Operations with customers and a product."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from sandbox.finops.service import FinOpsService
from tests.systems.ends_support import Ends, ends


class Works:
    """People in F&O, who enter orders."""

    def __init__(self) -> None:
        self.service = FinOpsService()
        for company in ("usmf", "demf"):
            self.service.new_customer("C-1", "Adventure Works", company, IsExternallyMaintained="Yes")
            self.service.new_product("P-1", "Bolt", Decimal("9.99"), company, _SiteId="1", _WarehouseId="13")

    def order(self, number: str, lines: int = 1, company: str = "usmf", **values: Any) -> None:
        """Enters an order."""
        rows = [
            {"ProductNumber": "P-1", "OrderedSalesQuantity": line, "LineCreationSequenceNumber": line}
            for line in range(lines, 0, -1)
        ]
        self.service.new_order("C-1", rows, company, SalesOrderNumber=number, **values)


@pytest.fixture
def works() -> Works:
    return Works()


@pytest.fixture
async def world(works: Works) -> AsyncIterator[Ends]:
    async with ends(finops=works.service) as connected:
        yield connected
