"""A company out of CSV files: what is read, what is left out and how the problem is described."""

import csv
import io
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.company import build, folder
from sandbox.company.plan import CompanyError, ContactKind, Progress, money
from sandbox.finops import FinOpsService
from sandbox.sales.service import SalesService

NORTHWIND = Path(__file__).parents[3] / "shared" / "data" / "northwind"

CUSTOMERS = (
    "customer_id,company_name,contact_name,contact_title,address,city,region,postal_code,country,phone,fax\n"
    'ACME,Acme Ltd,Jean Paul Roux,Owner,"1 Main St\nFloor 2",Leeds,,LS1,UK,1,2\n'
    "BOLT,Bolt Inc,Cher,NULL,2 Side St,Reno,NV,89501,USA,,\n"
)
PRODUCTS = (
    "product_id,product_name,supplier_id,quantity_per_unit,unit_price,discontinued\n"
    "1,Tea,9,10 bags,18,0\n"
    "2,Old tea,9,,21.35,1\n"
)
ORDERS = (
    "order_id,customer_id,employee_id,order_date,required_date,shipped_date,freight,ship_name,ship_address,ship_city,"
    "ship_region,ship_postal_code,ship_country\n"
    "100,ACME,1,1996-07-04,1996-08-01,1996-07-16,32.38,Acme,1 Main St,Leeds,,LS1,UK\n"
    "101,BOLT,1,1996-07-05 00:00:00,1996-08-02,NULL,,Bolt,2 Side St,Reno,NV,89501,USA\n"
)
DETAILS = "order_id,product_id,unit_price,quantity,discount\n100,1,14.4,12,0.15\n100,2,9.99,5,0.05\n101,1,18,1,0\n"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def files(
        customers: str = CUSTOMERS, products: str = PRODUCTS, orders: str = ORDERS, details: str = DETAILS
    ) -> Path:
        names = ("customers.csv", "products.csv", "orders.csv", "order_details.csv")
        for name, text in zip(names, (customers, products, orders, details), strict=True):
            (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return files


def test_everything_is_read(write: Write) -> None:
    plan = folder.plan(write())
    assert plan.problems == []
    assert [(account.number, account.name, account.address.country) for account in plan.accounts] == [
        ("ACME", "Acme Ltd", "UK"),
        ("BOLT", "Bolt Inc", "USA"),
    ]
    assert plan.accounts[0].address.line1 == "1 Main St\nFloor 2"
    roux, cher = plan.contacts
    assert (roux.first_name, roux.last_name, roux.number, roux.parent) == ("Jean Paul", "Roux", "CON-ACME", "ACME")
    assert (cher.first_name, cher.last_name, cher.details["jobtitle"]) == ("", "Cher", "")
    assert roux.kind is ContactKind.COMPANY_CONTACT
    assert [(product.number, product.price, product.stopped) for product in plan.products] == [
        ("1", Decimal(18), False),
        ("2", Decimal("21.35"), True),
    ]
    shipped, open_order = plan.orders
    assert (shipped.progress, shipped.freight, str(shipped.deliver_by)) == (
        Progress.INVOICED,
        Decimal("32.38"),
        "1996-08-01",
    )
    assert (open_order.progress, open_order.freight) == (Progress.NONE, Decimal(0))
    # 12 × 14.40 × 0.15 = 25.92 and 5 × 9.99 × 0.05 = 2.4975, rounded half up to cents.
    assert [line.discount for line in shipped.lines] == [Decimal("25.92"), Decimal("2.50")]


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        (
            "details",
            "100,1,14.4,12",
            "100,1,14.4,twelve",
            "order_details.csv, line 2, column quantity: 'twelve' is not",
        ),
        (
            "details",
            "100,2,9.99",
            "100,77,9.99",
            "order_details.csv, line 3, column product_id: there is no usable product '77'",
        ),
        ("details", "101,1,18,1,0", "101,1,18,1,7", "order_details.csv, line 4, column discount: 7 is not a fraction"),
        ("details", "101,1,18,1,0", "101,1,18,0,0", "order_details.csv, line 4, column quantity: is 0"),
        ("details", "101,1,18", "101,1,NaN", "order_details.csv, line 4, column unit_price: 'NaN' is not a number"),
        (
            "orders",
            "100,ACME",
            "100,NOONE",
            "orders.csv, line 2, column customer_id: there is no usable customer 'NOONE'",
        ),
        ("orders", "1996-08-02", "02/08/96", "orders.csv, line 3, column required_date: '02/08/96' is not a date"),
        ("products", "21.35", "", "products.csv, line 3, column unit_price: is blank"),
        ("products", "9,,21.35,1", "9,,21.35,maybe", "products.csv, line 3, column discontinued: 'maybe' is neither"),
        ("customers", "BOLT,Bolt", "ACME,Bolt", "customers.csv, line 4, column customer_id: 'ACME' is there twice"),
        ("customers", "BOLT,Bolt Inc", "BOLT,", "customers.csv, line 4, column company_name: is blank"),
        ("customers", "USA,,", "USA,,,,", "customers.csv, line 4, column 12: there are more values than columns"),
    ],
)
def test_what_is_odd_is_described_and_the_rest_goes_on(
    write: Write, file: str, old: str, new: str, problem: str
) -> None:
    texts = {"customers": CUSTOMERS, "products": PRODUCTS, "orders": ORDERS, "details": DETAILS}
    assert old in texts[file]
    texts[file] = texts[file].replace(old, new)
    plan = folder.plan(write(**texts))
    assert any(problem in text for text in plan.problems), plan.problems
    assert plan.accounts
    assert plan.products
    assert len(plan.orders) < 2


def test_an_order_with_one_wrong_line_is_left_out_whole(write: Write) -> None:
    plan = folder.plan(write(details=DETAILS.replace("100,2,9.99", "100,77,9.99")))
    assert [order.number for order in plan.orders] == ["101"]
    assert "orders.csv, line 2: order 100 is left out, one of its lines is wrong" in plan.problems


def test_lines_without_an_order_are_described(write: Write) -> None:
    plan = folder.plan(write(details=DETAILS + "999,1,1,1,0\n"))
    assert len(plan.orders) == 2
    assert plan.problems == ["order_details.csv, line 5, column order_id: there is no usable order '999'"]


def test_an_order_without_lines_is_described(write: Write) -> None:
    plan = folder.plan(write(details=DETAILS.replace("101,1,18,1,0\n", "")))
    assert plan.problems == ["orders.csv, line 3, column order_id: order '101' has no lines"]


def test_a_missing_file_or_column_stops_at_once(write: Write) -> None:
    path = write(products=PRODUCTS.replace("unit_price", "price"))
    with pytest.raises(CompanyError, match=r"products\.csv lacks the columns unit_price"):
        folder.plan(path)
    (path / "orders.csv").unlink()
    write(products=PRODUCTS)
    (path / "orders.csv").unlink()
    with pytest.raises(CompanyError, match=r"orders\.csv is missing"):
        folder.plan(path)


@given(st.decimals(-(10**9), 10**9, places=6), st.sampled_from(["USD", "EUR", "JPY"]))
def test_money_rounds_half_up_to_the_currency(amount: Decimal, currency: str) -> None:
    unit = Decimal(1) if currency == "JPY" else Decimal("0.01")
    rounded = money(amount, currency)
    assert rounded % unit == 0
    assert abs(rounded - amount) <= unit / 2
    assert money(Decimal("2.345")) == Decimal("2.35")
    assert money(Decimal("-2.345")) == Decimal("-2.35")


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        ("customers", "BOLT,", "B" * 21 + ",", "customers.csv, line 4, column customer_id: is 21 characters long"),
        (
            "customers",
            "Bolt Inc",
            "B" * 101,
            "column company_name: is 101 characters long and OrganizationName holds 100",
        ),
        (
            "customers",
            "NV,89501,USA",
            "NV,89501,Atlantis",
            "customers.csv, line 4, column country: 'Atlantis' is no country",
        ),
        ("customers", "Cher", "C" * 51, "customers.csv, line 4, column contact_name: "),
        ("customers", "BOLT,Bolt", "acme,Bolt", "'acme' is there twice as 'ACME'"),
        ("customers", "Bolt Inc", "Bolt\x07", "customers.csv, line 4, column company_name: has the control character"),
        ("orders", "NV,89501,USA", "NV,89501,Atlantis", "orders.csv, line 3, column ship_country: 'Atlantis'"),
        ("orders", "32.38", "-32.38", "orders.csv, line 2, column freight: -32.38 is below 0"),
        ("orders", "1996-08-02", "0001-01-01", "orders.csv, line 3, column required_date: 0001-01-01 is not between"),
        (
            "products",
            "18,0",
            "1e30,0",
            "products.csv, line 2, column unit_price: 1000000000000000000000000000000 is above",
        ),
        ("products", "18,0", "-1,0", "products.csv, line 2, column unit_price: -1 is below 0"),
        (
            "details",
            "101,1,18,1,0",
            "101,1,18,1e12,0",
            "order_details.csv, line 4, column quantity: 1000000000000 is above",
        ),
        (
            "details",
            "101,1,18,1,0",
            "101,1,18,-1,0.5",
            "column discount: quantity x unit_price x discount: -9.00 is below 0",
        ),
        ("details", "101,1,18,1,0", "101,1,18,0.000001,0", "column quantity: 0.000001 has more than the 5 decimals"),
    ],
)
def test_what_a_receiver_cannot_hold_is_left_out(write: Write, file: str, old: str, new: str, problem: str) -> None:
    texts = {"customers": CUSTOMERS, "products": PRODUCTS, "orders": ORDERS, "details": DETAILS}
    assert old in texts[file]
    texts[file] = texts[file].replace(old, new)
    plan = folder.plan(write(**texts))
    assert any(problem in text for text in plan.problems), plan.problems


def test_what_depends_on_a_row_that_is_left_out_is_left_out_and_described(write: Write) -> None:
    plan = folder.plan(
        write(customers=CUSTOMERS.replace("BOLT,", "B" * 21 + ","), products=PRODUCTS.replace("18,", "x,"))
    )
    assert plan.orders == []
    described = " ".join(plan.problems)
    assert "orders.csv, line 3, column customer_id: there is no usable customer 'BOLT'" in described
    assert "order_details.csv, line 2, column product_id: there is no usable product '1'" in described


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_marks_separators_and_blank_lines_make_no_difference(write: Write, encoding: str, separator: str) -> None:
    folder_ = write()
    expected = folder.plan(folder_)
    for path in folder_.iterdir():
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=separator).writerows([rows[0], [], *rows[1:], [" "], []])
        path.write_bytes(text.getvalue().encode(encoding))
    assert folder.plan(folder_) == expected


def test_bytes_that_are_not_utf8_are_described(write: Write) -> None:
    folder_ = write()
    path = folder_ / "customers.csv"
    path.write_bytes(path.read_bytes().replace(b"Bolt Inc", "Bölt".encode("latin-1")))
    plan = folder.plan(folder_)
    assert [account.number for account in plan.accounts] == ["ACME"]
    assert "customers.csv, line 4, column company_name: is not UTF-8: save the file" in plan.problems[0]


_PIECES = st.sampled_from(
    [
        b"",
        b",",
        b";",
        b"\n",
        b"\r\n",
        b'"',
        b"\x00",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xe2\x80\xa8",
        b"NULL",
        b"-1",
        b"1e999",
        b"NaN",
        b"Atlantis",
        b"9" * 40,
        b"x" * 300,
        b"0001-01-01",
        b"9999-99-99",
        b"\xf0\x9f\x98\x80",
        b"\x85",
        b"\t",
        b" ",
    ]
) | st.binary(max_size=8)
_MUTATIONS = st.lists(
    st.tuples(st.integers(0, 3), st.floats(0, 1), st.integers(0, 30), _PIECES), min_size=1, max_size=6
)


def _mutated(source: Path, target: Path, mutations: list[tuple[int, float, int, bytes]]) -> None:
    names = ("customers.csv", "products.csv", "orders.csv", "order_details.csv")
    contents = [(source / name).read_bytes() for name in names]
    for file, place, length, piece in mutations:
        at = int(place * len(contents[file]))
        contents[file] = contents[file][:at] + piece + contents[file][at + length :]
    for name, content in zip(names, contents, strict=True):
        (target / name).write_bytes(content)


def _holds(folder_: Path) -> None:
    """Whatever is read can be entered by people in both systems."""
    try:
        company = build("data", data=folder_, sales=SalesService(), finops=FinOpsService())
    except CompanyError:
        return
    company.set_up()
    for problem in company.problems:
        assert re.match(r"(customers|products|orders|order_details)\.csv, line \d+", problem), problem
    lines = [line for order in company.plan.orders for line in order.lines]
    assert {line.product for line in lines} <= {product.number for product in company.plan.products}
    assert {order.customer for order in company.plan.orders} <= {account.key for account in company.plan.accounts}


@settings(max_examples=25, deadline=None)
@given(_MUTATIONS)
def test_no_mutation_of_the_files_ends_in_a_traceback(mutations: list[tuple[int, float, int, bytes]]) -> None:
    with TemporaryDirectory() as source, TemporaryDirectory() as target:
        for name, text in zip(
            ("customers.csv", "products.csv", "orders.csv", "order_details.csv"),
            (CUSTOMERS, PRODUCTS, ORDERS, DETAILS),
            strict=True,
        ):
            (Path(source) / name).write_text(text, encoding="utf-8")
        _mutated(Path(source), Path(target), mutations)
        _holds(Path(target))


@pytest.mark.skipif(not NORTHWIND.is_dir(), reason="the Northwind files are not beside the project")
@settings(max_examples=8, deadline=None)
@given(_MUTATIONS)
def test_no_mutation_of_the_northwind_files_ends_in_a_traceback(
    mutations: list[tuple[int, float, int, bytes]],
) -> None:
    with TemporaryDirectory() as target:
        _mutated(NORTHWIND, Path(target), mutations)
        _holds(Path(target))
