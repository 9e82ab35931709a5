"""What an environment of Sales says about itself, against the local server."""

from __future__ import annotations

import pytest

from p2c.errors import ConfigError
from sandbox.sales.options import SalesOptions
from sandbox.sales.service import SalesService
from tests.systems.ends_support import Ends, ends
from tests.systems.sales.conftest import Office


@pytest.mark.parametrize("solution", [True, False])
async def test_columns_are_those_of_the_environment(solution: bool) -> None:
    async with ends(sales=SalesService(options=SalesOptions(solution=solution))) as world:
        columns = await world.sales.metadata.columns(["account", "contact", "nothere"])
        assert len(world.sales_log.requests) == 1
        assert await world.sales.metadata.columns([]) == {}
    assert set(columns) == {"account", "contact"}
    assert {"accountid", "accountnumber", "transactioncurrencyid"} <= columns["account"]
    assert ("msdynce_contactnumber" in columns["contact"]) is solution


async def test_currencies_and_prices_have_their_decimals(office: Office) -> None:
    yen = {"currencyname": "Yen", "currencysymbol": "¥", "currencyprecision": 0, "exchangerate": 1}
    office.add("transactioncurrency", isocurrencycode="JPY", **yen)
    async with ends(sales=office.service) as world:
        assert await world.sales.metadata.currencies() == {"USD": 2, "EUR": 2, "JPY": 0}


async def test_the_organization_has_its_settings() -> None:
    options = SalesOptions(pricing_decimals=3, discount_per_unit=True, create_products_active=True, tracking_days=30)
    async with ends(sales=SalesService(options=options)) as world:
        assert await world.sales.metadata.organization() == {
            "oobpricecalculationenabled": True,
            "discountcalculationmethod": 1,
            "createproductswithoutparentinactivestate": True,
            "pricingdecimalprecision": 3,
            "expirechangetrackingindays": 30,
        }
        assert await world.sales.metadata.price_precision() == 3
        assert await world.sales.metadata.version() == options.version


async def test_an_environment_has_an_identity(world: Ends, office: Office) -> None:
    identity = await world.sales.metadata.identity()
    assert identity == office.service.rows("organization")[0]["organizationid"]


async def test_business_units_and_owners_are_known_by_name(world: Ends, office: Office) -> None:
    office.add("businessunit", "east", name="O'East & Co")
    office.add("team", "sellers", name="Sell'ers", businessunitid=office.ids["east"], teamtype=0)
    assert await world.sales.metadata.business_units() == {
        "Contoso": office.ids["root"],
        "O'East & Co": office.ids["east"],
    }
    assert await world.sales.metadata.owners("teams", ["Sell'ers", "Nobody"]) == {"Sell'ers": office.ids["sellers"]}
    assert set(await world.sales.metadata.owners("systemusers", ["Alex Sales"])) == {"Alex Sales"}
    assert await world.sales.metadata.owners("teams", []) == {}


async def test_a_name_that_is_there_twice_must_be_an_id(world: Ends, office: Office) -> None:
    for _ in range(2):
        office.add("team", name="Twins", businessunitid=office.ids["root"], teamtype=0)
    with pytest.raises(ConfigError, match="Twins"):
        await world.sales.metadata.owners("teams", ["Twins"])
