"""Records of the other system that only have the same number: they stay as they are, and a person sees both."""

from __future__ import annotations

import shutil
from decimal import Decimal
from typing import Any

import pytest

from demo.stage import Stage
from p2c.documents import Outcome
from p2c.sync.watching import Mode
from sandbox.company.sales_desk import Ref, SalesDesk
from sandbox.sales.options import SalesOptions
from tests.end_to_end.test_both_ways import kinds
from tests.end_to_end.test_without_solution import without_solution
from tests.staging import FULL, Raise, change_project, counts, forget_requests, kept_back, writes

LINE = {"ProductNumber": "MUG-01", "OrderedSalesQuantity": Decimal(3)}


def ready(stage: Raise, *, solution: bool = True) -> Stage:
    """A company whose masters are in both systems."""
    play = stage() if solution else stage(sales=SalesOptions(solution=False), project=without_solution)
    play.company.set_up()
    play.run(["accounts", "products"])
    return play


def rejected(play: Stage, template: str, key: str, **how: Any) -> Outcome:
    return kept_back(play, play.run([template], **how))[template, key]


def shows(outcome: Outcome, **destination: str) -> None:
    """Checks that the number is taken, and that these values of the other record are shown."""
    assert (outcome.kind.value, outcome.rule) == ("rejected", "number-taken")
    assert outcome.key in outcome.reason
    found = {one.field: one.destination for one in outcome.sides}
    assert found["id"]
    assert {name: found[name] for name in destination} == destination
    assert any(one.source and one.source != one.destination for one in outcome.sides)


def sales_document(play: Stage, table: str, number: str, key: str, customer: str) -> dict[str, Any]:
    """A document with one line that a person entered in Sales, for another customer than F&O's."""
    sales = play.sandbox.sales
    (account,) = sales.rows("account", accountnumber=customer)
    (product,) = sales.rows("product", productnumber="MUG-01")
    (price_list,) = sales.rows("pricelevel", name="CRM Service USA (sample)")
    header = sales.create(
        table,
        {
            number: key,
            "name": "Entered in Sales",
            "customerid": account["accountid"],
            "pricelevelid": price_list["pricelevelid"],
            "transactioncurrencyid": price_list["transactioncurrencyid"],
        },
    )
    sales.create(
        f"{table}detail",
        {
            f"{table}id": header[f"{table}id"],
            "productid": product["productid"],
            "uomid": product["defaultuomid"],
            "quantity": Decimal(7),
            "sequencenumber": 1,
        },
    )
    return header


def activated_order(play: Stage, key: str, customer: str) -> dict[str, Any]:
    """An order with one line that a person activated in Sales."""
    order = sales_document(play, "salesorder", "ordernumber", key, customer)
    SalesDesk(play.sandbox.sales).activate_order(Ref("salesorder", order["salesorderid"]))
    return order


def held(play: Stage, table: str, header: dict[str, Any]) -> tuple[Any, Any]:
    identifier = {f"{table}id": header[f"{table}id"]}
    return play.sandbox.sales.rows(table, **identifier), play.sandbox.sales.rows(f"{table}detail", **identifier)


def test_a_customer_of_another_name_keeps_its_own_until_the_names_agree(stage: Raise) -> None:
    play = stage()
    play.company.set_up()
    finops = play.sandbox.finops
    finops.new_customer("A-1006", "Relecloud of old", "usmf", PartyNumber="A-1006")
    before = finops.books.get("CustTable", "usmf", "A-1006")
    assert before is not None
    shows(rejected(play, "accounts", "A-1006"), name="Relecloud of old")
    assert finops.books.get("CustTable", "usmf", "A-1006") == before
    # Neither side has changed since, and the number still is taken; then it is put right on the other side.
    shows(rejected(play, "accounts", "A-1006"), name="Relecloud of old")
    finops.update("CustomersV3", {"dataAreaId": "usmf", "CustomerAccount": "A-1006"}, {"OrganizationName": "RELECLOUD"})
    assert kept_back(play, play.run(["accounts"])) == {}
    after = finops.books.get("CustTable", "usmf", "A-1006")
    assert after is not None
    assert (after["OrganizationName"], after["IsExternallyMaintained"]) == ("Relecloud", "Yes")


def test_a_product_of_another_name_is_left_alone(stage: Raise) -> None:
    play = stage()
    play.company.set_up()
    sales = play.sandbox.sales
    (unit,) = sales.rows("uom", name="Primary Unit")
    product = {"productnumber": "mug-01", "name": "A mug of ours", "quantitydecimal": 2}
    theirs = sales.create(
        "product", product | {"defaultuomid": unit["uomid"], "defaultuomscheduleid": unit["uomscheduleid"]}
    )
    before = sales.rows("product", productid=theirs["productid"])
    shows(rejected(play, "products", "MUG-01"), name="A mug of ours")
    assert sales.rows("product", productid=theirs["productid"]) == before


def test_a_contact_person_of_another_name_is_left_alone(stage: Raise) -> None:
    play = ready(stage)
    sales, finops = play.sandbox.sales, play.sandbox.finops
    accounts = {row["accountid"]: row["accountnumber"] for row in sales.rows("account")}
    contact = next(
        row
        for row in sales.rows("contact")
        if row["parentcustomerid"] in accounts and not row["msdynce_isactivecustomer"] and row["lastname"]
    )
    number, account = contact["msdynce_contactnumber"], accounts[contact["parentcustomerid"]]
    key = {"dataAreaId": "usmf", "ContactPersonPartyNumber": number, "AssociatedPartyNumber": account}
    finops.create("CDSContactPersons", {**key, "FirstName": "Jo", "LastName": "Somebody"})
    before = finops.books.rows("ContactPerson", ContactPersonPartyNumber=number)
    shows(rejected(play, "contacts", number), **{"last name": "Somebody"})
    assert finops.books.rows("ContactPerson", ContactPersonPartyNumber=number) == before


def test_a_person_customer_of_another_name_is_left_alone(stage: Raise) -> None:
    play = ready(stage)
    sales, finops = play.sandbox.sales, play.sandbox.finops
    contact = next(row for row in sales.rows("contact") if row["msdynce_isactivecustomer"] and row["lastname"])
    number = contact["msdynce_contactnumber"]
    finops.new_customer(number, "", PartyType="Person", PersonFirstName="Jo", PersonLastName="Somebody")
    before = finops.books.get("CustTable", "usmf", number)
    shows(rejected(play, "contacts-to-customers", number), **{"last name": "Somebody"})
    assert finops.books.get("CustTable", "usmf", number) == before


@pytest.mark.parametrize("solution", [True, False])
@pytest.mark.parametrize("template", ["quotes", "orders-to-finops"])
def test_a_document_of_finops_for_another_customer_is_left_alone_with_its_lines(
    stage: Raise, template: str, solution: bool
) -> None:
    play = ready(stage, solution=solution)
    play.company.sell()
    finops = play.sandbox.finops
    accounts = [row["accountnumber"] for row in play.sandbox.sales.rows("account") if row["accountnumber"]]
    key, customer = {"quotes": "Q-3002", "orders-to-finops": "SO-4002"}[template], accounts[-1]
    if template == "quotes":
        header = {"dataAreaId": "usmf", "SalesQuotationNumber": key}
        finops.create("CDSSalesQuotationHeaders", {**header, "RequestingCustomerAccountNumber": customer})
        finops.create("CDSSalesQuotationLines", {**header, "ProductNumber": "MUG-01", "RequestedSalesQuantity": 3})
        tables, number = ("SalesQuotationTable", "SalesQuotationLine"), "SalesQuotationNumber"
    else:
        finops.new_order(customer, [LINE], SalesOrderNumber=key)
        tables, number = ("SalesTable", "SalesLine"), "SalesOrderNumber"
    before = [finops.books.rows(table, **{number: key}) for table in tables]
    assert all(before)
    shows(rejected(play, template, key), customer=customer, currency="USD")
    assert [finops.books.rows(table, **{number: key}) for table in tables] == before

    change_project(play.settings, lambda project: couple(project, template, "usmf", key))
    assert (template, key) not in kept_back(play, play.run([template], mode=FULL))
    (after,) = finops.books.rows(tables[0], **{number: key})
    assert (
        after["RequestingCustomerAccountNumber" if template == "quotes" else "OrderingCustomerAccountNumber"]
        != customer
    )


def couple(project: dict[str, Any], template: str, legal_entity: str, key: str) -> None:
    project["templates"].setdefault(template, {})["couplings"] = {legal_entity: [key]}


@pytest.mark.parametrize("solution", [True, False])
def test_documents_of_sales_for_another_customer_are_left_alone_with_their_lines(stage: Raise, solution: bool) -> None:
    play = ready(stage, solution=solution)
    finops = play.sandbox.finops
    order = finops.new_order("A-1001", [LINE])["SalesOrderNumber"]
    finops.confirm(order)
    finops.calculate_totals()
    theirs = sales_document(play, "salesorder", "ordernumber", order, "A-1006")
    before = held(play, "salesorder", theirs)
    shows(rejected(play, "orders-to-sales", order), customer="A-1006", currency="USD", name="Entered in Sales")
    assert held(play, "salesorder", theirs) == before

    change_project(play.settings, lambda project: couple(project, "orders-to-sales", "usmf", order))
    (result,) = play.run(["orders-to-sales"])
    assert kept_back(play, [result]) == {}
    (after,), lines = held(play, "salesorder", theirs)
    (customer,) = play.sandbox.sales.rows("account", accountnumber="A-1001")
    assert after["customerid"] == customer["accountid"]
    assert [line["quantity"] for line in lines] == [Decimal(3)]

    invoice = finops.invoice(order)["InvoiceNumber"]
    finops.calculate_totals()
    theirs = sales_document(play, "invoice", "invoicenumber", invoice, "A-1006")
    before = held(play, "invoice", theirs)
    play.run(["orders-to-sales"])
    found = kept_back(play, play.run(["invoices"]))
    (outcome,) = found.values()
    shows(outcome, customer="A-1006")
    assert held(play, "invoice", theirs) == before


# --- numbers that p2c knows ----------------------------------------------------------------------------------------


def test_an_account_entered_again_under_another_name_leaves_the_customer_of_its_number_alone(stage: Raise) -> None:
    play = ready(stage)
    desk, books = SalesDesk(play.sandbox.sales), play.sandbox.finops.books
    first = desk.create("account", "first", {"name": "Margie's Travel", "accountnumber": "N-1"})
    play.run(["accounts"])
    play.sandbox.sales.people.delete("account", first.id)
    second = desk.create("account", "second", {"name": "Tailspin Toys", "accountnumber": "N-1"})
    before = books.get("CustTable", "usmf", "N-1")
    for mode in (Mode(), FULL, Mode()):
        outcome = rejected(play, "accounts", "N-1", mode=mode)
        shows(outcome, name="Margie's Travel")
        assert first.id in outcome.reason
        assert second.id in outcome.reason
    assert books.get("CustTable", "usmf", "N-1") == before
    change_project(play.settings, lambda project: couple(project, "accounts", "usmf", "N-1"))
    assert kept_back(play, play.run(["accounts"])) == {}
    after = books.get("CustTable", "usmf", "N-1")
    assert after is not None
    assert after["OrganizationName"] == "Tailspin Toys"
    assert kinds(play.run(["accounts"], mode=FULL)) <= {"unchanged", "skipped"}


def test_accounts_that_exchange_their_numbers_wait_until_finops_has_exchanged_them_too(stage: Raise) -> None:
    play = ready(stage)
    desk, finops = SalesDesk(play.sandbox.sales), play.sandbox.finops
    names = {"N-1": "Margie's Travel", "N-2": "Tailspin Toys"}
    rows = {one: desk.create("account", one, {"name": name, "accountnumber": one}) for one, name in names.items()}
    play.run(["accounts"])
    for number in ("N-9", "N-2"):
        desk.update(rows["N-1"], {"accountnumber": number})
        if number == "N-9":
            desk.update(rows["N-2"], {"accountnumber": "N-1"})
    for mode in (Mode(), Mode(), FULL):
        found = kept_back(play, play.run(["accounts"], mode=mode))
        assert {key: one.rule for (_, key), one in found.items()} == dict.fromkeys(names, "number-taken")
    assert {one: finops.books.rows("CustTable", CustomerAccount=one)[0]["OrganizationName"] for one in names} == names
    for number, other in (("N-1", "N-2"), ("N-2", "N-1")):
        key = {"dataAreaId": "usmf", "CustomerAccount": number}
        finops.update("CustomersV3", key, {"OrganizationName": names[other]})
    assert kept_back(play, play.run(["accounts"])) == {}
    assert kinds(play.run(["accounts"], mode=FULL)) <= {"unchanged", "skipped"}
    # The numbers by which they are known now are those of a later change, too.
    desk.update(rows["N-1"], {"accountnumber": "N-3"})
    (outcome,) = kept_back(play, play.run(["accounts"])).values()
    assert outcome.key == "N-3"
    assert "'N-2'" in outcome.reason


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("solution", [True, False])
def test_an_order_entered_again_is_the_order_of_its_number_only_for_the_same_customer(
    stage: Raise, same: bool, solution: bool
) -> None:
    play = ready(stage, solution=solution)
    sales, finops = play.sandbox.sales, play.sandbox.finops
    first = activated_order(play, "N-1", "A-1001")
    assert kept_back(play, play.run(["orders-to-finops"])) == {}
    sales.people.delete("salesorder", first["salesorderid"])
    activated_order(play, "N-1", "A-1001" if same else "A-1006")
    before = finops.books.rows("SalesTable", SalesOrderNumber="N-1")
    assert before
    if same:
        assert kept_back(play, play.run(["orders-to-finops"])) == {}
        assert kinds(play.run(["orders-to-finops"], mode=FULL)) <= {"unchanged", "skipped"}
    else:
        shows(rejected(play, "orders-to-finops", "N-1"), customer="A-1001")
    assert finops.books.rows("SalesTable", SalesOrderNumber="N-1") == before


@pytest.mark.parametrize("solution", [True, False])
def test_an_order_whose_customer_finops_changes_before_it_returns_is_the_same_order(
    stage: Raise, solution: bool
) -> None:
    play = ready(stage, solution=solution)
    sales, finops = play.sandbox.sales, play.sandbox.finops
    order = activated_order(play, "N-1", "A-1001")
    assert kept_back(play, play.run(["orders-to-finops"])) == {}
    key = {"dataAreaId": "usmf", "SalesOrderNumber": "N-1"}
    finops.update("CDSSalesOrderHeaders", key, {"OrderingCustomerAccountNumber": "A-1006"})
    finops.confirm("N-1")
    finops.calculate_totals()
    assert kept_back(play, play.run(["orders-to-sales"])) == {}
    (row,), lines = held(play, "salesorder", order)
    (customer,) = sales.rows("account", accountnumber="A-1006")
    assert row["customerid"] == customer["accountid"]
    assert len(lines) == 1


# --- lines of people in documents that p2c knows ---------------------------------------------------------------------


@pytest.mark.parametrize("solution", [True, False])
def test_a_line_of_a_person_in_finops_is_not_overwritten_by_a_later_line_of_sales(stage: Raise, solution: bool) -> None:
    play = ready(stage, solution=solution)
    sales, finops = play.sandbox.sales, play.sandbox.finops
    order = activated_order(play, "N-1", "A-1001")
    assert kept_back(play, play.run(["orders-to-finops"])) == {}
    key = {"dataAreaId": "usmf", "SalesOrderNumber": "N-1"}
    theirs = {**key, "LineCreationSequenceNumber": 2, **LINE}
    finops.create("CDSSalesOrderLines", theirs)
    before = finops.books.rows("SalesLine", SalesOrderNumber="N-1")
    assert len(before) == 2
    (product,) = sales.rows("product", productnumber="MUG-01")
    added = sales.create(
        "salesorderdetail",
        {
            "salesorderid": order["salesorderid"],
            "productid": product["productid"],
            "uomid": product["defaultuomid"],
            "quantity": Decimal(5),
            "sequencenumber": 2,
        },
    )
    for mode in (Mode(), FULL):
        outcome = rejected(play, "orders-to-finops", "N-1", mode=mode)
        assert (outcome.kind.value, outcome.rule) == ("rejected", "number-taken")
        assert outcome.line.startswith("OrderLine 2")
        assert "MUG-01" in outcome.reason
    assert finops.books.rows("SalesLine", SalesOrderNumber="N-1") == before
    sales.people.update("salesorderdetail", added["salesorderdetailid"], {"sequencenumber": 3})
    assert kept_back(play, play.run(["orders-to-finops"])) == {}
    quantities = {
        row["LineCreationSequenceNumber"]: row["OrderedSalesQuantity"]
        for row in finops.books.rows("SalesLine", SalesOrderNumber="N-1")
    }
    assert quantities == {1: Decimal(7), 2: Decimal(3), 3: Decimal(5)}


# --- lost state ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solution", [True, False])
@pytest.mark.parametrize("name", ["contoso", "contoso-group"])
def test_without_any_state_every_document_is_found_again_and_nothing_is_written(
    stage: Raise, name: str, solution: bool
) -> None:
    play = stage(name) if solution else stage(name, sales=SalesOptions(solution=False), project=without_solution)
    for step in (play.company.set_up, play.company.sell, play.company.fulfil):
        step()
        play.run()
    last = play.run(mode=FULL)
    # Without the solution some records have no number: they wait for one, state or not.
    counted, waiting = counts(last), {key: one.rule for key, one in kept_back(play, last).items()}
    assert not (solution and waiting)
    assert "number-taken" not in waiting.values()
    shutil.rmtree(play.settings.state)
    forget_requests(play)
    results = play.run()
    assert {key: one.rule for key, one in kept_back(play, results).items()} == waiting
    assert counts(results) == counted
    assert writes(play) == (0, 0)
    assert all(one.get("unchanged") for one in counted.values())
