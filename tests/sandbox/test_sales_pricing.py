from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sandbox.sales_support import World, make_world


@pytest.fixture
def world() -> World:
    return make_world()


def line_of(world: World, **columns: Any) -> dict[str, Any]:
    order = world.header("salesorders")
    return world.row("salesorderdetail", world.line("salesorderdetails", order, **columns))


def test_the_list_price_counts_unless_it_is_overridden(world: World) -> None:
    assert line_of(world, priceperunit=7)["priceperunit"] == 10
    kept = line_of(world, priceperunit=7, ispriceoverridden=True, quantity=3)
    assert (kept["priceperunit"], kept["baseamount"], kept["extendedamount"]) == (7, 21, 21)


def test_a_product_that_is_not_on_the_price_list_has_no_price(world: World) -> None:
    (item,) = world.service.rows("productpricelevel", productid=world.ids["B"])
    world.delete(f"productpricelevels({item['productpricelevelid']})")
    row = line_of(world, product="B", priceperunit=7)
    assert (row["priceperunit"], row["extendedamount"], row["pricingerrorcode"]) == (None, 0, 11)


def test_totals_follow_lines_and_header(world: World) -> None:
    order = world.header("salesorders", freightamount=5, discountpercentage=10)
    first = world.line("salesorderdetails", order, quantity=2, tax=3)
    world.line("salesorderdetails", order, product="B", manualdiscountamount=4)
    row = world.row("salesorder", order)
    assert [
        row[name]
        for name in ("totallineitemamount", "totaldiscountamount", "totalamountlessfreight", "totaltax", "totalamount")
    ] == [Decimal(number) for number in ("26", "2.6", "23.4", "3", "31.4")]
    world.delete(f"salesorderdetails({first})")
    world.patch(f"salesorders({order})", {"discountpercentage": None, "discountamount": 1})
    row = world.row("salesorder", order)
    assert (row["totallineitemamount"], row["totaltax"], row["totalamount"]) == (6, 0, 10)


def test_the_discount_counts_per_line_or_per_unit() -> None:
    for per_unit, expected in ((False, 28), (True, 24)):
        world = make_world(discount_per_unit=per_unit)
        assert line_of(world, quantity=3, manualdiscountamount=2)["extendedamount"] == expected
        (organization,) = world.get("organizations?$select=discountcalculationmethod").rows
        assert organization["discountcalculationmethod"] == int(per_unit)


def test_without_system_pricing_amounts_stay_as_they_are() -> None:
    world = make_world(system_pricing=False)
    order = world.header("salesorders")
    world.line("salesorderdetails", order, priceperunit=7, quantity=3)
    assert world.row("salesorder", order)["totalamount"] == 0


def test_a_price_keeps_the_organizations_decimals(world: World) -> None:
    finer = make_world(pricing_decimals=4)
    assert line_of(world, priceperunit=1.23456, ispriceoverridden=True)["priceperunit"] == Decimal("1.23")
    row = line_of(finer, priceperunit=1.23456, ispriceoverridden=True, quantity=100, tax=1.23456)
    assert (row["priceperunit"], row["baseamount"], row["tax"]) == (
        Decimal("1.2346"),
        Decimal("123.46"),
        Decimal("1.23"),
    )


amounts = st.decimals(min_value=-10_000, max_value=10_000, places=2)
WORLD = make_world()


@given(st.lists(st.tuples(st.decimals(-1000, 1000, places=5), amounts, amounts, amounts), min_size=1, max_size=4))
def test_the_total_is_the_sum_of_the_lines(lines: list[tuple[Decimal, Decimal, Decimal, Decimal]]) -> None:
    service = WORLD.service
    order = service.create("salesorder", {"name": "x", "customerid": ("account", WORLD.ids["account"])})["salesorderid"]
    expected = Decimal(0)
    for quantity, price, discount, tax in lines:
        row = service.create(
            "salesorderdetail",
            {
                "salesorderid": order,
                "productid": WORLD.ids["A"],
                "uomid": WORLD.ids["uom"],
                "ispriceoverridden": True,
                "quantity": quantity,
                "priceperunit": price,
                "manualdiscountamount": discount,
                "tax": tax,
            },
        )
        amount = (quantity * price).quantize(Decimal("0.01"), ROUND_HALF_UP) - discount + tax
        assert row["extendedamount"] == amount
        expected += amount
    assert WORLD.row("salesorder", order)["totalamount"] == expected


def test_bulk_writing_comes_to_the_same_end(world: World) -> None:
    results = []
    for bulk in (False, True):
        order = world.header("salesorders")

        def lines(order: str = order) -> None:
            for product in ("A", "B"):
                world.service.create(
                    "salesorderdetail",
                    {"salesorderid": order, "productid": world.ids[product], "uomid": world.ids["uom"], "quantity": 2},
                )

        if bulk:
            with world.service.bulk():
                lines()
        else:
            lines()
        row = world.row("salesorder", order)
        flags = {
            line["msdynce_orderhasexternalmaintainedproductsonly"]
            for line in world.service.rows("salesorderdetail", salesorderid=order)
        }
        results.append((row["totalamount"], row["msdynce_hasexternallymaintainedproductsonly"], flags))
    assert results[0] == results[1] == (Decimal(40), False, {False})


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"productdescription": "x", "isproductoverridden": True}, "0x80043afb"),
        ({"uomid@odata.bind": None}, "0x80043b0d"),
        ({"productid@odata.bind": None, "isproductoverridden": False}, "0x80043b10"),
        ({"productid@odata.bind": None, "isproductoverridden": True, "productdescription": "x"}, "0x80043afa"),
        ({"productid@odata.bind": None, "uomid@odata.bind": None, "isproductoverridden": True}, "0x80043af9"),
        ({"salesorderid@odata.bind": None}, "0x80043b02"),
    ],
)
def test_what_a_line_may_not_be(world: World, columns: dict[str, Any], code: str) -> None:
    body = world.line_body("salesorderdetails", world.header("salesorders"))
    answer = world.post("salesorderdetails", {**body, **columns})
    assert (answer.status, answer.code) == (400, code)


def test_a_unit_of_another_group_is_refused(world: World) -> None:
    service = world.service
    group = service.create("uomschedule", {"name": "Time", "baseuomname": "Hour"})["uomscheduleid"]
    hour = service.create("uom", {"name": "Hour", "uomscheduleid": group, "quantity": 1})["uomid"]
    body = world.line_body("salesorderdetails", world.header("salesorders"))
    assert world.post("salesorderdetails", {**body, "uomid@odata.bind": f"/uoms({hour})"}).code == "0x80043b14"
    bad = {"productnumber": "Z", "name": "Z", "defaultuomid@odata.bind": f"/uoms({hour})"}
    schedule = f"/uomschedules({world.ids['uomschedule']})"
    assert world.post("products", {**bad, "defaultuomscheduleid@odata.bind": schedule}).code == "0x80043b14"


def test_only_active_products_go_on_lines(world: World) -> None:
    product = world.post(
        "products",
        {
            "productnumber": "D",
            "name": "Draft",
            "defaultuomid@odata.bind": f"/uoms({world.ids['uom']})",
            "defaultuomscheduleid@odata.bind": f"/uomschedules({world.ids['uomschedule']})",
        },
    ).id
    world.ids["D"] = product
    assert world.row("product", product)["statecode"] == 2
    body = world.line_body("quotedetails", world.header("quotes"), "D")
    assert world.post("quotedetails", body).code == "0x8004f908"
    assert world.patch(f"products({product})", {"statecode": 1}).code == "0x8004f978"
    assert world.patch(f"products({product})", {"statecode": 0, "statuscode": 1}).status == 204
    assert world.post("quotedetails", body).status == 204
    assert world.patch(f"products({product})", {"statecode": 2}).code == "0x8004f912"
    assert world.patch(f"products({product})", {"statecode": 1}).status == 204
    assert world.patch(f"products({product})", {"statecode": 0}).code == "0x8004f977"
    assert world.post("quotedetails", body).code == "0x8004f908"


def test_new_products_can_start_active() -> None:
    world = make_world(create_products_active=True)
    assert world.row("product", world.ids["A"])["statecode"] == 0


def test_product_numbers_are_unique(world: World) -> None:
    answer = world.patch(f"products({world.ids['B']})", {"productnumber": "a"})
    assert answer.code == "0x80043b06"


def test_a_price_list_has_a_product_and_unit_once(world: World) -> None:
    item = {
        "productid@odata.bind": f"/products({world.ids['B']})",
        "pricelevelid@odata.bind": f"/pricelevels({world.ids['pricelevel']})",
        "uomid@odata.bind": f"/uoms({world.ids['uom']})",
        "amount": 5,
    }
    assert world.post("productpricelevels", item).status == 412
    (existing,) = world.service.rows("productpricelevel", productid=world.ids["B"])
    assert world.patch(f"productpricelevels({existing['productpricelevelid']})", {"amount": 5}).status == 204
    assert line_of(world, product="B")["priceperunit"] == 5
