"""Addresses as people in Sales write them, as codes in F&O, and left alone when they come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.company.sales_desk import Ref, SalesDesk
from tests.staging import FULL, Raise, change_project, counts, forget_requests, writes


def test_names_of_states_and_countries_are_codes_in_finops_and_stay_names_in_sales(stage: Raise) -> None:
    play = stage()
    play.company.set_up()
    play.run()
    play.company.sell()
    sales, finops = play.sandbox.sales, play.sandbox.finops
    counts(play.run())
    there = {row["SalesOrderNumber"] for row in finops.books.rows("SalesTable", dataAreaId="usmf")}
    orders = [row for row in sales.rows("salesorder") if row["ordernumber"] in there][:2]
    places = [("Bayern", "Deutschland"), ("California", "U.S.A.")]
    for order, (state, country) in zip(orders, places, strict=True):
        place = {"shipto_stateorprovince": state, "shipto_country": country}
        SalesDesk(sales).update(Ref("salesorder", order["salesorderid"]), place)
    counts(play.run())
    written = [finops.order(order["ordernumber"]) for order in orders]
    codes = [(row["DeliveryAddressStateId"], row["DeliveryAddressCountryRegionISOCode"]) for row in written]
    assert codes == [("BY", "DE"), ("CA", "US")]
    play.company.fulfil()
    counts(play.run())
    for order, (state, country) in zip(orders, places, strict=True):
        (row,) = sales.rows("salesorder", ordernumber=order["ordernumber"])
        assert (row["shipto_stateorprovince"], row["shipto_country"]) == (state, country)
    forget_requests(play)
    play.run()
    play.run(mode=FULL)
    assert writes(play) == (0, 0)


def zone(name: str) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content["connectionSet"]["legalEntities"]["usmf"]["timeZone"] = name

    return change


@pytest.mark.parametrize(("name", "hour"), [("Asia/Tokyo", "15"), ("Pacific/Pago_Pago", "11")])
def test_the_days_of_a_legal_entity_are_the_same_on_both_sides_and_write_nothing_again(
    stage: Raise, name: str, hour: str
) -> None:
    play = stage(project=zone(name))
    play.company.set_up()
    play.run()
    play.company.sell()
    counts(play.run())
    sales, finops = play.sandbox.sales, play.sandbox.finops
    orders = [row["SalesOrderNumber"] for row in finops.books.rows("SalesTable", dataAreaId="usmf")]
    number = next(number for number in orders if sales.rows("salesorder", ordernumber=number))
    # Midnight of 5 May in the zone, as Sales keeps it.
    day = f"2027-05-0{4 if name.startswith('Asia') else 5}T{hour}:00:00Z"
    (row,) = sales.rows("salesorder", ordernumber=number)
    SalesDesk(sales).update(Ref("salesorder", row["salesorderid"]), {"requestdeliveryby": day})
    play.run()
    assert str(finops.order(number)["RequestedShippingDate"])[:10] == "2027-05-05"
    play.company.fulfil()
    play.run()
    (row,) = sales.rows("salesorder", ordernumber=number)
    assert str(row["requestdeliveryby"])[:13] == day[:13]
    forget_requests(play)
    play.run(mode=FULL)
    assert writes(play) == (0, 0)
    change_project(play.settings, zone("Europe/Berlin"))
    results = play.run(["orders-to-sales"])
    assert {result.record.note for result in results} == {"the template has changed"}, "the run reads everything"
