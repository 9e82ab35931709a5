"""Customers of another legal entity than the document's."""

from __future__ import annotations

import json

from p2c.documents import OutcomeKind
from sandbox.company.sales_desk import Ref, SalesDesk
from tests.staging import Raise, kept_back


def test_an_order_for_a_customer_of_another_legal_entity_says_whose_customer_it_is(stage: Raise) -> None:
    play = stage("contoso-group")
    play.company.set_up()
    play.run()
    play.company.sell()
    sales = play.sandbox.sales
    units = {row["name"]: row["businessunitid"] for row in sales.rows("businessunit")}
    entities = json.loads(play.settings.project.read_text(encoding="utf-8"))["connectionSet"]["legalEntities"]
    there = units[entities["demf"]["businessUnits"][0]]
    orders = sales.rows("salesorder")
    account = next(row for row in sales.rows("account") if row["owningbusinessunit"] != there and row["accountnumber"])
    order = next(
        row for row in orders if row["owningbusinessunit"] == there and row["msdynce_processingstatus"] == 647390000
    )
    SalesDesk(sales).update(
        Ref("salesorder", order["salesorderid"]), {"customerid": Ref("account", account["accountid"])}
    )
    parked = kept_back(play, play.run(["orders-to-finops"]))
    outcome = next(found for found in parked.values() if found.key == order["ordernumber"])
    assert outcome.kind is OutcomeKind.PARKED, outcome
    assert "belongs to legal entity USMF, this document to DEMF" in outcome.reason
