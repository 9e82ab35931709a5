"""Addresses as people in Sales write them, as codes in F&O, and left alone when they come back."""

from __future__ import annotations

from sandbox.company.sales_desk import Ref, SalesDesk
from tests.staging import FULL, Raise, counts, forget_requests, writes


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
