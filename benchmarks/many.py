"""Very many documents of one kind, put into the sandbox quickly, and a few of them changed; by the template that is
measured with them.

What people enter goes through the business logic, which would take hours for all: accounts have none that is slow, and
of orders a few are entered and the others copied from these, row by row. Nor do more orders go to Sales than the
sandbox takes in minutes: beyond that they are of a customer of F&O's own, are read, skipped by a rule and remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from benchmarks.apart import Acts
from sandbox import Sandbox
from sandbox.company import Company
from sandbox.company.plan import USMF
from sandbox.finops import FinOpsService
from sandbox.sales.service import SalesService
from sandbox.wire.store import Row

_BLOCK = 5_000
"""So many accounts are written at a time."""
GOING = 30_000
"""So many orders go to Sales at most. They are the last ones, which meet whatever the others left in memory."""
_OTHER_CUSTOMER = "F-0001"
_ORDERED = (
    ("A-1001", (("ESP-100", Decimal(1)), ("MUG-01", Decimal(3)))),
    ("A-1006", (("MUG-01", Decimal(24)),)),
    ("A-1009", (("GRD-200:BLACK", Decimal(2)), ("BEAN-KG", Decimal("2.5")), ("SVC-INST", Decimal("3.5")))),
    ("A-1010", (("CUP-BOX", Decimal(10)), ("BEAN-KG", Decimal("0.75")))),
)
"""Orders of the hand-made company's customers that are entered: two lines on average."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Documents of a template: which templates run `before`, so that they can go, and the acts `fill` and `change`.

    Both acts take a number: of the documents that there are then, and of those that are changed.
    """

    before: tuple[str, ...]
    acts: Callable[[Sandbox, Company], Acts]


def accounts(sandbox: Sandbox, _: Company) -> Acts:
    """Acts on accounts in Sales, as of a `Kind`."""
    many = Accounts(sandbox.sales)
    return {"fill": many.fill, "change": many.change}


def orders(sandbox: Sandbox, _: Company) -> Acts:
    """Acts on orders in F&O, as of a `Kind`. A change of a line leaves the header as it was."""
    many = Orders(sandbox.finops)
    return {"fill": many.fill, "change": many.change}


KINDS: Mapping[str, Kind] = {
    "accounts": Kind((), accounts),
    "orders-to-sales": Kind(("accounts", "products"), orders),
}
"""By the template that is measured. The company in which it can be is the hand-made one."""


class Accounts:
    """Accounts in Sales."""

    def __init__(self, sales: SalesService) -> None:
        self._sales = sales

    def fill(self, documents: int) -> None:
        """So many accounts, those that are there included."""
        dollar = self._sales.rows("transactioncurrency", isocurrencycode="USD")[0]["transactioncurrencyid"]
        there = len(self._sales.rows("account"))

        def account(number: int) -> None:
            row = {
                "name": f"Account number {number}",
                "accountnumber": f"M-{number:07}",
                "transactioncurrencyid": dollar,
                "telephone1": f"+1 555 {number:07}",
                "emailaddress1": f"office{number}@example.com",
                "address1_line1": f"{number} Main Street",
                "address1_city": "Seattle",
                "address1_country": "USA",
            }
            self._sales.create("account", row)

        self._in_blocks(range(max(0, documents - there)), account)

    def change(self, count: int) -> None:
        """Another telephone for so many."""
        rows = self._sales.rows("account")

        def call(place: int) -> None:
            self._sales.people.update("account", str(rows[place]["accountid"]), {"telephone1": "+1 555 0000"})

        self._in_blocks(_spread(range(len(rows)), count), call)

    def _in_blocks(self, numbers: range, act: Callable[[int], None]) -> None:
        for start in range(0, len(numbers), _BLOCK):
            with self._sales.bulk():
                for number in numbers[start : start + _BLOCK]:
                    act(number)


class Orders:
    """Confirmed orders in F&O, of which the last ones, `going` at most, are for Sales."""

    def __init__(self, finops: FinOpsService, going: int = GOING) -> None:
        self._finops = finops
        self._most = going
        self._going = range(0)

    def fill(self, documents: int) -> None:
        """So many orders."""
        self._finops.new_customer(_OTHER_CUSTOMER, "Buys from F&O alone", USMF.code, SalesCurrencyCode="USD")
        first = max(0, documents - self._most)
        self._orders(range(first), _OTHER_CUSTOMER)
        self._going = range(first, documents)
        self._orders(self._going)

    def change(self, count: int) -> None:
        """Another text on the first line of so many that are for Sales."""
        for number in _spread(self._going, count):
            key = {"dataAreaId": USMF.code, "SalesOrderNumber": _number(number), "LineCreationSequenceNumber": 1}
            self._finops.update("CDSSalesOrderLines", key, {"LineDescription": "By the back door, please"})
        self._finops.calculate_totals()

    def _orders(self, numbers: range, customer: str = "") -> None:
        """Orders of one customer, or of several by turns."""
        entered = [self._entered(number, *order, customer) for number, order in zip(numbers, _ORDERED, strict=False)]
        self._finops.calculate_totals()
        examples = [self._finops.order(one) for one in entered]
        with self._finops.lock:
            for number in numbers[len(entered) :]:
                self._copy(examples[number % len(examples)], _number(number))

    def _entered(self, number: int, customer: str, lines: Sequence[tuple[str, Decimal]], other: str) -> str:
        given = [{"ProductNumber": product, "OrderedSalesQuantity": quantity} for product, quantity in lines]
        self._finops.new_order(other or customer, given, USMF.code, SalesOrderNumber=_number(number))
        self._finops.confirm(_number(number), USMF.code)
        return _number(number)

    def _copy(self, example: Row, number: str) -> None:
        books = self._finops.books
        header, lines = {name: value for name, value in example.items() if name != "lines"}, example["lines"]
        books.add("SalesTable", _as_new(header, SalesOrderNumber=number))
        for line in lines:
            own = {"SalesOrderNumber": number, "SalesOrderNumberHeader": number}
            books.add("SalesLine", _as_new(line, **own, InventoryLotId=books.next_number(USMF.code, "lot", "{:09}")))


def _as_new(row: Row, **other: str) -> Row:
    """A row to be added with what another one has, but for what the application gives to each."""
    return {**{name: value for name, value in row.items() if not name.startswith("_Rec")}, **other}


def _number(number: int) -> str:
    return f"M-{number:07}"


def _spread(there: range, count: int) -> range:
    """So many of those that are there, evenly."""
    return there[:: max(1, len(there) // count)][:count]
