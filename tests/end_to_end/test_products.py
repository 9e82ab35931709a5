"""Products over their life: drafts or active at once, stopped and sold again, another unit, another price list."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from demo.stage import Stage
from sandbox.sales.options import SalesOptions
from tests.staging import FULL, Raise, counts, forget_requests, writes

KEY = {"dataAreaId": "usmf", "ProductNumber": "LAMP"}


def without_publish(project: dict[str, Any]) -> None:
    del project["templates"]["products"]["publish"]


def lamp(play: Stage) -> dict[str, Any]:
    (product,) = play.sandbox.sales.rows("product", productnumber="LAMP")
    return product


def items(play: Stage) -> dict[tuple[str, str], Decimal]:
    """The lamp's price list items: amount by price list and unit."""
    sales = play.sandbox.sales
    lists = {row["pricelevelid"]: row["name"] for row in sales.rows("pricelevel")}
    units = {row["uomid"]: row["name"] for row in sales.rows("uom")}
    found = sales.rows("productpricelevel", productid=lamp(play)["productid"])
    return {(lists[row["pricelevelid"]], units[row["uomid"]]): row["amount"] for row in found}


def with_lamp(play: Stage) -> Stage:
    play.company.set_up()
    play.sandbox.finops.new_product("LAMP", "Lamp", Decimal("0.5"), SalesUnitSymbol="ea")
    assert counts(play.run(["products"]))["products"]["created"] > 0
    return play


@pytest.mark.parametrize("active", [False, True])
def test_the_setting_of_sales_decides_whether_a_new_product_is_a_draft(stage: Raise, active: bool) -> None:
    play = with_lamp(stage(sales=SalesOptions(create_products_active=active), project=without_publish))
    assert lamp(play)["statecode"] == (0 if active else 2)
    forget_requests(play)
    assert set(counts(play.run(["products"], mode=FULL))["products"]) <= {"unchanged", "skipped"}
    assert writes(play) == (0, 0)


def test_with_publish_a_new_product_is_active_and_its_state_stays_with_sales_afterwards(stage: Raise) -> None:
    play = with_lamp(stage())
    product = lamp(play)
    assert product["statecode"] == 0
    play.sandbox.sales.people.retire_product(product["productid"])
    play.sandbox.finops.change_product("LAMP", SalesPrice=Decimal("0.6"))
    assert counts(play.run(["products"]))["products"]["updated"] == 1
    assert (lamp(play)["statecode"], lamp(play)["price"]) == (1, Decimal("0.6"))


@pytest.mark.parametrize("retired_to_active", [False, True])
def test_a_product_that_is_stopped_and_sold_again_stays_active_and_gets_its_price(
    stage: Raise, retired_to_active: bool
) -> None:
    play = with_lamp(stage(sales=SalesOptions(retired_product_to_active=retired_to_active)))
    finops = play.sandbox.finops
    finops.stop_product("LAMP")
    play.run(["products"])
    assert lamp(play)["statecode"] == 0
    finops.stop_product("LAMP", stopped=False)
    finops.change_product("LAMP", SalesPrice=Decimal("0.7"))
    play.run(["products"])
    assert (lamp(play)["statecode"], lamp(play)["price"]) == (0, Decimal("0.7"))


@pytest.mark.parametrize("solution", [False, True])
def test_another_sales_unit_leaves_no_price_of_the_former_one(stage: Raise, solution: bool) -> None:
    play = with_lamp(stage(sales=SalesOptions(solution=solution)))
    (item,) = items(play)
    assert item[1] == "Primary Unit"
    play.sandbox.finops.change_product("LAMP", SalesUnitSymbol="box", SalesPrice=Decimal("5.4"))
    play.run(["products"])
    assert items(play) == {(item[0], "Box"): Decimal("5.4")}
    forget_requests(play)
    assert set(counts(play.run(["products"], mode=FULL))["products"]) <= {"unchanged", "skipped"}
    assert writes(play) == (0, 0)


@pytest.mark.parametrize("solution", [False, True])
def test_a_product_is_on_the_first_valid_price_list_alone(stage: Raise, solution: bool) -> None:
    play = stage(sales=SalesOptions(solution=solution))
    play.company.set_up()
    sales = play.sandbox.sales
    dollar = next(row["transactioncurrencyid"] for row in sales.rows("transactioncurrency", isocurrencycode="USD"))
    for name, begin, end in (("A 2019", "2019-01-01", "2019-12-31"), ("A later", "2999-01-01", "2999-12-31")):
        row = {"name": name, "transactioncurrencyid": dollar, "begindate": begin, "enddate": end}
        sales.people.create("pricelevel", row)
    play.sandbox.finops.new_product("LAMP", "Lamp", Decimal("0.5"), SalesUnitSymbol="ea")

    assert counts(play.run(["products"]))["products"]["created"] > 0

    assert items(play) == {("CRM Service USA (sample)", "Primary Unit"): Decimal("0.5")}
    if solution:
        assert lamp(play)["msdynce_ismaintainedexternally"] is True
    play.sandbox.finops.change_product("LAMP", SalesPrice=Decimal("0.6"))
    assert counts(play.run(["products"]))["products"]["updated"] == 1
    assert items(play) == {("CRM Service USA (sample)", "Primary Unit"): Decimal("0.6")}
    forget_requests(play)
    assert set(counts(play.run(["products"], mode=FULL))["products"]) <= {"unchanged", "skipped"}
    assert writes(play) == (0, 0)
