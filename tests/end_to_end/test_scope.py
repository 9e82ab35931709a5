"""Products that another legal entity than the master has released."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from demo.stage import Stage
from p2c.documents import Outcome
from p2c.sync.session import Finished
from tests.staging import FULL, Raise, change_project, counts, forget_requests, kept_back, writes

NUMBER = "DE-ONLY"


def union(content: dict[str, Any]) -> None:
    content["templates"].setdefault("products", {})["scope"] = "union"


@pytest.fixture
def group(stage: Raise) -> Stage:
    """A group whose masters are in both systems, with a product that only DEMF has released."""
    play = stage("contoso-group")
    play.company.set_up()
    play.run(["accounts", "products"])
    play.sandbox.finops.new_product(NUMBER, "Kaffeesatz", Decimal("4.00"), "demf", CurrencyCode="EUR")
    return play


def product_outcomes(play: Stage, results: list[Finished], number: str) -> dict[str, Outcome]:
    """By legal entity."""
    return {
        one.record.legal_entity: outcome for one in results for outcome in play.outcomes(one) if outcome.key == number
    }


def order(play: Stage) -> None:
    finops = play.sandbox.finops
    customer = finops.books.rows("CustTable", dataAreaId="demf", IsExternallyMaintained="Yes")[0]["CustomerAccount"]
    line = {"ProductNumber": NUMBER, "OrderedSalesQuantity": 1}
    row = finops.new_order(customer, [line], "demf", SalesOrderNumber="DE-1")
    finops.confirm(row["SalesOrderNumber"], "demf")
    finops.calculate_totals()


def test_with_the_master_alone_an_order_says_where_its_product_is(group: Stage) -> None:
    order(group)
    counts(group.run(["products"]))
    outcome = kept_back(group, group.run(["orders-to-sales"]))["orders-to-sales", "DE-1"]
    assert outcome.kind == "parked"
    assert "product DE-ONLY" in outcome.reason
    assert (
        'is released in DEMF, not in USMF (the master): release it there, or set `"scope": "union"` of products'
        in outcome.reason
    )


def test_with_all_legal_entities_the_others_add_what_the_master_lacks(group: Stage) -> None:
    change_project(group.settings, union)
    order(group)

    results = group.run(["products"])

    assert results[0].record.legal_entity == "usmf", "the master comes first"
    assert product_outcomes(group, results, NUMBER)["demf"].kind == "created"
    mug = product_outcomes(group, results, "MUG-01")
    assert {entity: outcome.rule for entity, outcome in mug.items() if entity != "usmf"} == {
        "demf": "released-by-USMF",
        "jpmf": "released-by-USMF",
    }
    (product,) = group.sandbox.sales.rows("product", productnumber=NUMBER)
    assert product["name"] == "Kaffeesatz"
    counts(group.run(["orders-to-sales"]))
    assert group.sandbox.sales.rows("salesorder", ordernumber="DE-1")
    forget_requests(group)
    group.run(["products"])
    group.run(["products"], mode=FULL)
    assert writes(group) == (0, 0)


def test_what_the_master_releases_later_is_the_masters(group: Stage) -> None:
    change_project(group.settings, union)
    group.run(["products"])
    finops = group.sandbox.finops
    finops.new_product(NUMBER, "Coffee grounds", Decimal("5.00"), "usmf", CurrencyCode="EUR")
    finops.change_product(NUMBER, "demf", ProductName="Kaffeesatz, fein")

    results = group.run(["products"])

    found = product_outcomes(group, results, NUMBER)
    assert (found["usmf"].kind, found["demf"].rule) == ("updated", "released-by-USMF")
    (product,) = group.sandbox.sales.rows("product", productnumber=NUMBER)
    assert (product["name"], product["price"]) == ("Coffee grounds", Decimal("5.00"))
    forget_requests(group)
    group.run(["products"], mode=FULL)
    assert writes(group) == (0, 0)


def test_a_product_that_one_gives_up_and_another_has_stays(group: Stage) -> None:
    change_project(group.settings, union)
    group.run(["products"])
    finops = group.sandbox.finops
    finops.new_product(NUMBER, "Kaffeesatz", Decimal("4.00"), "jpmf", CurrencyCode="EUR")
    finops.delete("SellableReleasedProducts", {"dataAreaId": "demf", "ProductNumber": NUMBER})

    results = group.run(["products"], mode=FULL)

    found = product_outcomes(group, results, NUMBER)
    assert (found["demf"].kind, found["demf"].rule) == ("skipped", "released-by-JPMF")
    (product,) = group.sandbox.sales.rows("product", productnumber=NUMBER)
    assert product["statecode"] != 1
    forget_requests(group)
    group.run(["products"], mode=FULL)
    assert writes(group) == (0, 0)
