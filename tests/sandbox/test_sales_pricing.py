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
discounts = st.decimals(min_value=0, max_value=10_000, places=2)
WORLD = make_world()


@given(st.lists(st.tuples(st.decimals(-1000, 1000, places=5), amounts, discounts, amounts), min_size=1, max_size=4))
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


# ---------------------------------------------------------------- discount lists, bundles, units, totals


def with_discount_list(world: World) -> None:
    """A discount list for product A: 10 % from 10 pieces on, 0.50 a piece from 100 on."""
    service = world.service
    discounts = service.create("discounttype", {"name": "Quantity"})["discounttypeid"]
    step = {"discounttypeid": discounts}
    service.create("discount", {**step, "lowquantity": 10, "highquantity": 99, "percentage": Decimal(10)})
    service.create("discount", {**step, "lowquantity": 100, "highquantity": 1000, "amount": Decimal("0.5")})
    (item,) = service.rows("productpricelevel", productid=world.ids["A"])
    service.people.update("productpricelevel", item["productpricelevelid"], {"discounttypeid": discounts})


@pytest.mark.parametrize(("quantity", "off", "total"), [(9, None, 90), (10, 1, 90), (100, Decimal("0.5"), 950)])
def test_a_discount_list_lowers_the_price_of_larger_quantities(
    world: World, quantity: int, off: Decimal | None, total: int
) -> None:
    with_discount_list(world)
    row = line_of(world, quantity=quantity, manualdiscountamount=1, volumediscountamount=7)
    assert (row["volumediscountamount"], row["baseamount"], row["extendedamount"]) == (off, total, total - 1)


def test_a_volume_discount_is_per_unit_or_for_the_line() -> None:
    world = make_world(volume_discount_per_unit=False)
    with_discount_list(world)
    row = line_of(world, quantity=20)
    assert (row["volumediscountamount"], row["baseamount"], row["extendedamount"]) == (20, 200, 180)
    assert world.row("salesorder", row["salesorderid"])["totalamount"] == 180


def test_a_volume_discount_follows_the_quantity_and_ends_with_an_overridden_price(world: World) -> None:
    with_discount_list(world)
    line = line_of(world, quantity=10)["salesorderdetailid"]
    world.patch(f"salesorderdetails({line})", {"quantity": 9})
    assert world.row("salesorderdetail", line)["volumediscountamount"] is None
    world.patch(f"salesorderdetails({line})", {"quantity": 50})
    assert world.row("salesorderdetail", line)["extendedamount"] == 450
    world.patch(f"salesorderdetails({line})", {"ispriceoverridden": True, "priceperunit": 10})
    assert world.row("salesorderdetail", line)["extendedamount"] == 500


def test_an_order_keeps_the_volume_discount_of_its_quote(world: World) -> None:
    with_discount_list(world)
    people, quote = world.service.people, world.header("quotes", discountpercentage=10, freightamount=3)
    world.line("quotedetails", quote, quantity=10)
    people.activate_quote(quote)
    order = people.win_quote(quote, create_order=True)
    assert order is not None
    assert world.row("salesorder", order)["totalamount"] == world.row("quote", quote)["totalamount"] == 84


def with_bundle(world: World) -> None:
    """The bundle KIT at 15: two pieces of A and one of B, which is optional."""
    service, unit = world.service, world.ids["uom"]
    row = {"productnumber": "KIT", "name": "Kit", "productstructure": 3, "defaultuomid": unit}
    kit = service.create("product", {**row, "defaultuomscheduleid": world.ids["uomschedule"]})["productid"]
    item = {"productid": kit, "pricelevelid": world.ids["pricelevel"], "uomid": unit, "amount": 15}
    service.create("productpricelevel", item)
    for product, required in (("A", 1), ("B", 0)):
        part = {"productid": kit, "associatedproduct": world.ids[product], "uomid": unit, "quantity": 2}
        service.create("productassociation", {**part, "productisrequired": required})
    service.people.publish_product(kit)
    world.ids["KIT"] = kit


@pytest.mark.parametrize(("priced", "total"), [(False, 45), (True, 105)])
def test_the_line_of_a_bundle_brings_its_required_products(priced: bool, total: int) -> None:
    world = make_world(bundle_components_priced=priced)
    with_bundle(world)
    order = world.header("salesorders")
    bundle = world.line("salesorderdetails", order, "KIT", quantity=3)
    assert world.row("salesorderdetail", bundle)["producttypecode"] == 2
    (part,) = world.service.rows("salesorderdetail", parentbundleid=bundle)
    assert (part["producttypecode"], part["quantity"], part["productid"]) == (3, 6, world.ids["A"])
    assert world.row("salesorder", order)["totalamount"] == total
    world.patch(f"salesorderdetails({bundle})", {"quantity": 1})
    assert world.row("salesorderdetail", part["salesorderdetailid"])["quantity"] == 2
    world.delete(f"salesorderdetails({bundle})")
    assert world.service.rows("salesorderdetail", salesorderid=order) == []


def test_a_revised_quote_has_each_line_of_a_bundle_once(world: World) -> None:
    with_bundle(world)
    quote = world.header("quotes")
    world.line("quotedetails", quote, "KIT")
    world.service.people.activate_quote(quote)
    revised = world.service.people.revise_quote(quote)
    bundle, part = sorted(
        world.service.rows("quotedetail", quoteid=revised), key=lambda row: int(row["producttypecode"])
    )
    assert part["parentbundleid"] == bundle["quotedetailid"]


def test_a_product_family_is_no_product_of_a_line(world: World) -> None:
    family = world.post("products", {"productnumber": "FAM", "name": "Family", "productstructure": 2})
    assert family.status == 204
    world.service.people.publish_product(family.id)
    world.ids["FAM"] = family.id
    answer = world.post("salesorderdetails", world.line_body("salesorderdetails", world.header("salesorders"), "FAM"))
    assert (answer.status, answer.code) == (400, "0x8004f98d")


def test_each_unit_has_a_price_of_its_own_on_each_price_list(world: World) -> None:
    service = world.service
    box = service.create("uom", {"name": "Box", "uomscheduleid": world.ids["uomschedule"], "quantity": 12})["uomid"]
    other = service.create("pricelevel", {"name": "Trade", "begindate": "2026-01-01", "enddate": "2026-12-31"})
    for price_list, amount in ((world.ids["pricelevel"], 100), (other["pricelevelid"], 90)):
        item = {"productid": world.ids["A"], "pricelevelid": price_list, "uomid": box, "amount": amount}
        service.create("productpricelevel", item)
        order = world.header("salesorders", **{"pricelevelid@odata.bind": f"/pricelevels({price_list})"})
        line = world.line("salesorderdetails", order, **{"uomid@odata.bind": f"/uoms({box})"})
        assert world.row("salesorderdetail", line)["priceperunit"] == amount


ANY_CURRENCY = make_world()
lines = st.tuples(
    st.decimals(-500, 500, places=5),
    st.decimals(-100, 1000, places=4),
    st.decimals(0, 500, places=3),
    st.decimals(-100, 100, places=3),
)


@given(
    st.sampled_from([("JPY", 0), ("USD", 2), ("KWD", 3)]),
    st.integers(0, 4),
    st.lists(lines, min_size=1, max_size=4),
    st.decimals(0, 500, places=3),
    st.decimals(0, 100, places=2),
    st.decimals(0, 500, places=3),
    st.booleans(),
)
def test_header_amounts_and_lines_add_up_in_every_currency(
    currency: tuple[str, int],
    price_decimals: int,
    given_lines: list[tuple[Decimal, Decimal, Decimal, Decimal]],
    discount: Decimal,
    percentage: Decimal,
    freight: Decimal,
    per_unit: bool,
) -> None:
    service, (code, places) = ANY_CURRENCY.service, currency
    service.options.pricing_decimals, service.options.discount_per_unit = price_decimals, per_unit
    found = service.rows("transactioncurrency", isocurrencycode=code)
    values = {
        "isocurrencycode": code,
        "currencyname": code,
        "currencysymbol": code,
        "currencyprecision": places,
        "exchangerate": 1,
    }
    money = found[0] if found else service.create("transactioncurrency", values)
    unit = Decimal(1).scaleb(-places)
    header = {
        "name": "x",
        "customerid": ("account", ANY_CURRENCY.ids["account"]),
        "transactioncurrencyid": money["transactioncurrencyid"],
        "discountamount": discount,
        "discountpercentage": percentage,
        "freightamount": freight,
    }
    order = service.create("salesorder", header)["salesorderid"]
    base = {
        "salesorderid": order,
        "productid": ANY_CURRENCY.ids["A"],
        "uomid": ANY_CURRENCY.ids["uom"],
        "ispriceoverridden": True,
    }
    rows = [
        service.create(
            "salesorderdetail",
            {**base, "quantity": quantity, "priceperunit": price, "manualdiscountamount": off, "tax": tax},
        )
        for quantity, price, off, tax in given_lines
    ]
    row = ANY_CURRENCY.row("salesorder", order)
    net = sum((line["extendedamount"] - line["tax"] for line in rows), Decimal(0))
    assert row["totallineitemamount"] == net
    own = (row["discountamount"] + net * row["discountpercentage"] / 100).quantize(unit, ROUND_HALF_UP)
    assert row["totaldiscountamount"] == own
    assert row["totaltax"] == sum(line["tax"] for line in rows)
    assert row["totalamount"] == net - own + row["freightamount"] + row["totaltax"]
    assert all(row[name] % unit == 0 for name in ("totalamount", "totallineitemamount", "totaltax", "freightamount"))
