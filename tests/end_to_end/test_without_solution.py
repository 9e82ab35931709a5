"""Sales without Microsoft's Prospect-to-cash solution: what must be said in the project file, and what then works."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest

from demo.stage import Stage
from harness.totals import unexplained
from p2c.errors import ConfigError
from sandbox.sales.options import SalesOptions
from tests.staging import Raise, change_project, counts, forget_requests, kept_back, writes

FREIGHT_TAX = 999_999_999

WITHOUT_SOLUTION: dict[str, Any] = {
    "contacts": {"enabled": False},
    "contacts-to-customers": {"enabled": False},
    "quotes": {"rules": {"external-products-only": None}},
    "orders-to-finops": {
        "rules": {"external-products-only": None, "activated": None, "finops-is-master": None},
    },
}
"""The changes that docs/project.md gives."""


def without_solution(project: dict[str, Any]) -> None:
    for template, change in copy.deepcopy(WITHOUT_SOLUTION).items():
        project["templates"].setdefault(template, {}).update(change)


@pytest.fixture
def bare(stage: Raise) -> Stage:
    play = stage(sales=SalesOptions(solution=False))
    play.company.set_up()
    return play


def test_what_cannot_run_is_said_before_anything_is_written(bare: Stage) -> None:
    forget_requests(bare)
    with pytest.raises(ConfigError) as caught:
        bare.run()
    message = str(caught.value)
    for template in ("contacts", "contacts-to-customers", "quotes", "orders-to-finops"):
        assert f"Template {template} needs columns that this Sales environment does not have." in message
    assert "contacts#/tasks/0/source: contact.msdynce_contactnumber is not there" in message
    assert "salesorder.msdynce_processingstatus is not there (rule activated)" in message
    assert "Install or update the Prospect to cash solution, or change the template in the project file." in message
    assert writes(bare) == (0, 0)


def test_templates_that_need_nothing_of_it_run_as_they_are(bare: Stage) -> None:
    found = counts(bare.run(["accounts", "products", "orders-to-sales", "invoices"]))
    assert found["products"] == {"created": 12, "skipped": 1}
    items = bare.sandbox.sales.rows("productpricelevel")
    products = {row["productid"]: row["productnumber"] for row in bare.sandbox.sales.rows("product")}
    assert {products[row["productid"]]: row["amount"] for row in items}["MUG-01"] == Decimal("12.99")
    assert len(items) == 12


def test_the_rest_runs_with_the_documented_changes(bare: Stage) -> None:
    change_project(bare.settings, without_solution)
    bare.run()
    bare.company.sell()
    results = bare.run()
    assert counts(results)["quotes"]["created"] == 3
    assert counts(results)["orders-to-finops"]["created"] == 8
    # Nobody sorts them out beforehand: write-in products and contacts as customers are told one by one.
    assert {key for template, key in kept_back(bare, results) if template == "orders-to-finops"} == {
        "SO-4007",
        "SO-4008",
        "SO-4009",
    }
    bare.company.fulfil()
    results = bare.run()
    assert counts(results)["orders-to-sales"] == {"updated": 6, "skipped": 2}
    assert counts(results)["invoices"] == {"created": 3}

    sales = bare.sandbox.sales
    (order,) = sales.rows("salesorder", ordernumber="SO-4002")
    lines = sales.rows("salesorderdetail", salesorderid=order["salesorderid"])
    (freight,) = [line for line in lines if line["sequencenumber"] == FREIGHT_TAX]
    assert (freight["productdescription"], freight["priceperunit"]) == ("Freight Tax", Decimal("3.60"))
    assert len(lines) == 3

    before = len(kept_back(bare, results))
    bare.run()
    forget_requests(bare)
    again = bare.run()
    assert writes(bare) == (0, 0)
    assert len(kept_back(bare, again)) == before, "our own freight line keeps no order back"
    agreements = bare.reconcile()
    assert unexplained(agreements) == []
    for agreement in agreements:
        assert (agreement.error, list(agreement.different)) == ("", [])
