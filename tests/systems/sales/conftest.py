"""An environment of Sales with the masters that documents need."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from sandbox.sales.service import SalesService
from tests.systems.ends_support import Ends, ends


@dataclass
class Office:
    """People in Sales, who enter records and remember their ids by name."""

    service: SalesService
    ids: dict[str, str]

    def add(self, table: str, known_as: str = "", /, **row: Any) -> str:
        """Enters a record and gives its id; `known_as` is its name in `ids`."""
        key = self.service.people.table(table).id
        identifier = str(row.pop("id", uuid4()))
        self.service.create(table, {key: identifier, **row})
        if known_as:
            self.ids[known_as] = identifier
        return identifier

    def order(self, number: str, *, lines: int = 0, customer: str = "A-1", **row: Any) -> str:
        """Enters an order with write-in lines."""
        order = self.add(
            "salesorder",
            number,
            ordernumber=number,
            name=f"Order {number}",
            customerid=("account", self.ids[customer]),
            transactioncurrencyid=self.ids["USD"],
            pricelevelid=self.ids["Standard"],
            **row,
        )
        for position in range(1, lines + 1):
            self.line(order, position)
        return order

    def line(self, order: str, sequence: int, **row: Any) -> str:
        given = {"productdescription": f"Item {sequence}", "isproductoverridden": True, "quantity": 1, **row}
        return self.add(
            "salesorderdetail", salesorderid=order, sequencenumber=sequence, priceperunit=sequence * 10, **given
        )


@pytest.fixture
def office() -> Office:
    service = SalesService()
    office = Office(service, {})
    office.ids["USD"] = str(service.rows("transactioncurrency", isocurrencycode="USD")[0]["transactioncurrencyid"])
    office.ids["root"] = str(service.rows("businessunit")[0]["businessunitid"])
    euro = {"isocurrencycode": "EUR", "currencyname": "Euro", "currencysymbol": "€", "currencyprecision": 2}
    office.add("transactioncurrency", "EUR", exchangerate=1, **euro)
    office.add("pricelevel", "Standard", name="Standard", transactioncurrencyid=office.ids["USD"])
    for group in ("Default unit", "Weights"):
        office.add("uomschedule", group, name=group)
        office.add("uom", f"{group}/Primary Unit", name="Primary Unit", uomscheduleid=office.ids[group], quantity=1)
    office.add("account", "A-1", name="Adventure Works", accountnumber="A-1", transactioncurrencyid=office.ids["USD"])
    office.add(
        "product",
        "P-1",
        productnumber="P-1",
        name="Bolt",
        defaultuomid=office.ids["Weights/Primary Unit"],
        defaultuomscheduleid=office.ids["Weights"],
        quantitydecimal=2,
        statecode=0,
        statuscode=1,
    )
    return office


@pytest.fixture
async def world(office: Office) -> AsyncIterator[Ends]:
    async with ends(sales=office.service) as connected:
        yield connected
