"""The measurement of memory: it measures what it says."""

from __future__ import annotations

import pytest

from benchmarks.many import KINDS, Orders
from benchmarks.memory import CHANGED, FIRST, FULL, SOME, measured
from sandbox import Sandbox
from sandbox.company import Company, contoso
from sandbox.wire.store import Row

TABLES = ("SalesTable", "SalesLine")


@pytest.mark.parametrize("template", KINDS)
def test_runs_are_measured_in_processes_of_their_own(template: str) -> None:
    first, changed, full = measured(template, CHANGED * 2)
    assert [one.run for one in (first, changed, full)] == [FIRST, SOME, FULL]
    assert [one.read for one in (first, changed, full)] == [CHANGED * 2, CHANGED, CHANGED * 2]
    assert first.written > CHANGED * 1.9
    assert full.written == 0
    assert all((one.template, one.documents) == (template, CHANGED * 2) for one in (first, changed, full))
    assert all(20 < one.memory < 1000 for one in (first, changed, full))


def test_orders_that_were_copied_are_as_those_that_were_entered() -> None:
    with Sandbox() as sandbox:
        many = _orders(sandbox, going=8)
        many.fill(20)
        others, going = _documents(sandbox)[:12], _documents(sandbox)[12:]
    for theirs, externally in ((others, "No"), (going, "Yes")):
        assert {header["OrderingCustomerIsExternallyMaintained"] for header, _ in theirs} == {externally}
        assert {header["AreTotalsUpdated"] for header, _ in theirs} == {"Yes"}
        assert {header["SalesOrderProcessingStatus"] for header, _ in theirs} == {"Confirmed"}
        shapes = [_shape(document) for document in theirs]
        assert shapes[4:] == [shapes[place % 4] for place in range(4, len(shapes))]
        assert len({str(one) for one in shapes}) == 4
    versions = _versions(others + going)
    lots = [line["InventoryLotId"] for _, lines in others + going for line in lines]
    assert len(versions) == len(set(versions.values()))
    assert len(lots) == len(set(lots))


def test_a_change_is_one_line_of_an_order_for_sales() -> None:
    with Sandbox() as sandbox:
        many = _orders(sandbox, going=8)
        many.fill(20)
        before = _versions(_documents(sandbox))
        many.change(4)
        documents = _documents(sandbox)
    after = _versions(documents)
    changed = [key for key, version in after.items() if before[key] != version]
    assert changed == [(f"M-{number:07}", 1) for number in (12, 14, 16, 18)]
    assert {header["AreTotalsUpdated"] for header, _ in documents} == {"Yes"}


def _orders(sandbox: Sandbox, going: int) -> Orders:
    """In a company whose accounts have come to F&O."""
    plan = contoso.plan()
    Company("many", plan, sandbox.sales, sandbox.finops).set_up()
    for account in plan.accounts:
        if account.number and account.currency == "USD":
            given = {"SalesCurrencyCode": "USD", "IsExternallyMaintained": "Yes", "SiteId": "1", "WarehouseId": "13"}
            sandbox.finops.new_customer(account.number, account.name, **given)
    return Orders(sandbox.finops, going)


def _documents(sandbox: Sandbox) -> list[tuple[Row, list[Row]]]:
    headers, lines = (sandbox.finops.books.rows(table) for table in TABLES)
    by_number: dict[str, tuple[Row, list[Row]]] = {header["SalesOrderNumber"]: (header, []) for header in headers}
    for line in lines:
        by_number[line["SalesOrderNumber"]][1].append(line)
    return list(by_number.values())


def _shape(document: tuple[Row, list[Row]]) -> list[Row]:
    """What orders that are alike have in common."""
    header, lines = document
    own = ("SalesOrderNumber", "InventoryLotId", "_Rec")
    return [{name: value for name, value in row.items() if not name.startswith(own)} for row in (header, *lines)]


def _versions(documents: list[tuple[Row, list[Row]]]) -> dict[tuple[str, int], tuple[int, int]]:
    """What ETags are made of, by number and line, 0 for a header."""
    return {
        (row["SalesOrderNumber"], row.get("LineCreationSequenceNumber", 0)): (row["_RecId0"], row["_RecVersion0"])
        for header, lines in documents
        for row in (header, *lines)
    }
