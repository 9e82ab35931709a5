"""What people do in F&O, and what the entities show of it."""

from decimal import Decimal
from typing import Any

import pytest

from sandbox.wire.service import PeopleError
from tests.sandbox.finops_support import Api, customer_key, header_key, line_key

INVOICES = "ExternallyMaintainedCustomerSalesInvoiceHeaders"
INVOICE_LINES = "ExternallyMaintainedCustomerSalesInvoiceLines"


def ordered(**options: Any) -> Api:
    """An order of two lines, 3 and 2 pieces."""
    api = Api(**options)
    api.order()
    assert api.line("SO-1", 2, OrderedSalesQuantity=2).status == 201
    return api


def status(api: Api) -> tuple[str, str, list[str]]:
    header = api.header()
    lines = [line["SalesOrderProcessingStatus"] for line in api.lines()]
    return header["SalesOrderProcessingStatus"], header["SalesOrderStatus"], lines


def test_the_way_of_an_order() -> None:
    api, people = ordered(), None
    people = api.service
    people.confirm("SO-1")
    assert status(api) == ("Confirmed", "Backorder", ["Confirmed", "Confirmed"])
    people.pick("SO-1", lines={1: 3})
    assert status(api) == ("Picked", "Backorder", ["Picked", "Confirmed"])
    assert api.lines()[0]["PickedQuantity"] == 3
    people.ship("SO-1", lines={1: 1})
    assert status(api) == ("PartiallyDelivered", "Backorder", ["PartiallyDelivered", "Confirmed"])
    first = people.invoice("SO-1", shipped_only=True)
    assert status(api) == ("PartiallyInvoiced", "Backorder", ["PartiallyInvoiced", "Confirmed"])
    people.ship("SO-1")
    assert status(api) == ("DeliveredPartiallyInvoiced", "Delivered", ["DeliveredPartiallyInvoiced", "Delivered"])
    second = people.invoice("SO-1")
    assert status(api) == ("Invoiced", "Invoiced", ["Invoiced", "Invoiced"])
    assert first["InvoiceNumber"] != second["InvoiceNumber"]
    quantities = {
        (row["InvoiceNumber"], row["LineCreationSequenceNumber"]): row["InvoicedQuantity"]
        for row in api.get(INVOICE_LINES).value
    }
    assert quantities == {
        (first["InvoiceNumber"], 1): 1,
        (second["InvoiceNumber"], 1): 2,
        (second["InvoiceNumber"], 2): 2,
    }


def test_what_cannot_be_posted() -> None:
    api = ordered()
    people = api.service
    with pytest.raises(PeopleError, match="nothing to invoice"):
        people.invoice("SO-1", shipped_only=True)
    with pytest.raises(PeopleError, match="only 3 left"):
        people.ship("SO-1", lines={1: 4})
    with pytest.raises(PeopleError, match="no open line 9"):
        people.ship("SO-1", lines={9: 1})
    with pytest.raises(PeopleError, match="there is no"):
        people.confirm("none")
    people.invoice("SO-1")
    with pytest.raises(PeopleError, match="cannot be posted"):
        people.ship("SO-1")
    assert "The status is Invoiced" in api.patch(header_key(), {"SalesOrderName": "x"}).infolog
    assert api.patch(line_key(), {"SalesPrice": 1}).status == 400
    assert api.line("SO-1", 3).status == 400
    assert api.delete(header_key()).status == 400
    assert api.delete(line_key()).status == 400


def test_below_the_delivered_quantity() -> None:
    api = ordered()
    api.service.ship("SO-1", lines={1: 2})
    assert "delivered quantity 2" in api.patch(line_key(), {"OrderedSalesQuantity": 1}).infolog
    assert api.patch(line_key(), {"OrderedSalesQuantity": 2}).status == 204


def test_cancelling() -> None:
    api = ordered()
    api.service.cancel_order("SO-1", line=2)
    assert status(api) == ("Active", "Backorder", ["Active", "Canceled"])
    api.service.calculate_totals()
    assert api.header()["OrderTotalAmount"] == Decimal("32.4")
    api.service.cancel_order("SO-1")
    assert status(api) == ("Canceled", "Canceled", ["Canceled", "Canceled"])
    assert api.patch(header_key(), {"SalesOrderName": "x"}).status == 400


def test_totals_are_out_of_date_until_the_job_has_run() -> None:
    api = ordered()
    people = api.service

    def flags() -> set[str]:
        return {api.header()["AreTotalsUpdated"], *(line["AreSalesOrderTotalsUpdated"] for line in api.lines())}

    assert flags() == {"No"}
    assert people.calculate_totals() == 1
    assert flags() == {"Yes"}
    assert people.calculate_totals() == 0
    header = api.header()
    assert (header["OrderTotalAmount"], header["OrderTotalTaxAmount"], header["OrderHeaderTaxAmount"]) == (54, 4, 0)
    assert [line["TotalTaxAmount"] for line in api.lines()] == [Decimal("2.4"), Decimal("1.6")]
    for change in (
        lambda: api.patch(line_key(), {"SalesPrice": 9}),
        lambda: api.patch(header_key(), {"SalesOrderName": "x"}),
        lambda: api.line("SO-1", 3),
        lambda: api.delete(line_key(number=3)),
        lambda: people.confirm("SO-1"),
        lambda: people.add_freight("SO-1", Decimal(10)),
    ):
        change()
        assert flags() == {"No"}
        people.calculate_totals("usmf")
        assert flags() == {"Yes"}
    assert api.header()["OrderHeaderTaxAmount"] == Decimal("0.8")
    assert api.header()["OrderTotalChargesAmount"] == 10


def test_an_invoice_and_its_amounts() -> None:
    api = Api()
    api.order(LineDiscountAmount=Decimal("3.33"), FixedPriceCharges=Decimal("-0.01"))
    api.service.add_freight("SO-1", Decimal(10))
    api.service.invoice("SO-1")
    header, line = api.get(INVOICES).value[0], api.get(INVOICE_LINES).value[0]
    assert header["InvoiceDate"] == line["InvoiceDate"]
    assert header["LedgerVoucher"] == line["LedgerVoucher"] != ""
    assert header["SalesOrderNumber"] == "SO-1"
    assert header["InvoiceAddressCity"] == "Kirkland"
    assert header["TotalChargeAmount"] == Decimal("9.99")
    assert header["InvoiceHeaderTaxAmount"] == Decimal("0.8")
    assert header["TotalInvoiceAmount"] == Decimal("32.4")
    assert line["LineTotalDiscountAmount"] == Decimal("9.99")
    assert line["LineTotalChargeAmount"] == Decimal("-0.01")
    assert line["LineAmount"] == 20
    assert line["LineTotalTaxAmount"] == Decimal("1.6")
    assert api.get(f"{INVOICE_LINES}V2").value[0]["InvoicedQuantity"] == 3


def test_partial_invoices_share_the_fixed_charge_out_without_a_rest() -> None:
    api = Api()
    api.order(FixedPriceCharges=Decimal("0.10"))
    for _ in range(3):
        api.service.ship("SO-1", lines={1: 1})
        api.service.invoice("SO-1", shipped_only=True)
    charges = [line["LineTotalChargeAmount"] for line in api.get(INVOICE_LINES).value]
    assert charges == [Decimal("0.03"), Decimal("0.04"), Decimal("0.03")]


def test_credit_notes_are_negative() -> None:
    api = ordered()
    posted = api.service.invoice("SO-1")
    partial = api.service.credit_note(posted["InvoiceNumber"], lines={1: 1})
    assert partial["TotalInvoiceAmount"] == Decimal("-10.80")
    whole = api.service.credit_note(posted["InvoiceNumber"])
    assert whole["TotalInvoiceAmount"] == -posted["TotalInvoiceAmount"]
    with pytest.raises(PeopleError):
        api.service.credit_note(posted["InvoiceNumber"], lines={1: 9})
    with pytest.raises(PeopleError):
        api.service.credit_note("none")


def test_returns_go_the_same_way() -> None:
    api = Api()
    api.order(quantity=-2, SalesPrice=150)
    api.service.invoice("SO-1")
    assert status(api) == ("Invoiced", "Invoiced", ["Invoiced"])
    assert api.get(INVOICE_LINES).value[0]["LineAmount"] == -300


def test_invoices_show_only_for_externally_maintained_customers() -> None:
    api = ordered()
    api.service.invoice("SO-1")
    assert len(api.get(INVOICES).value) == 1
    api.patch(customer_key(), {"IsExternallyMaintained": "No"})
    assert api.get(INVOICES).value == []
    assert api.get(f"{INVOICES}/$count").body == b"0"
    assert api.get(INVOICE_LINES).value == []
    assert api.header()["OrderingCustomerIsExternallyMaintained"] == "No"
    assert {line["InvoiceCustomerIsExternallyMaintained"] for line in api.lines()} == {"No"}


def test_products_as_people_keep_them() -> None:
    api = Api()
    people = api.service
    people.new_product("P-1", "Widget", Decimal("9.99"), SalesUnitSymbol="box", ProductDescription="A box")
    people.new_product("P-2", "Hidden", Decimal(1), _Sellable=False)
    people.new_product("P-1", "Widget", Decimal("9.10"), "demf")
    rows = api.get("SellableReleasedProducts").value
    assert [(row["ProductNumber"], row["CurrencyCode"], row["SalesPrice"]) for row in rows] == [
        ("P-1", "USD", Decimal("9.99"))
    ]
    before = rows[0]["@odata.etag"]
    people.change_product("P-1", SalesPrice=Decimal("11.5"), ProductName="Gadget")
    people.stop_product("P-1")
    after = api.get("SellableReleasedProducts").value[0]
    assert (after["SalesPrice"], after["ProductName"], after["IsSalesStopped"]) == (Decimal("11.5"), "Gadget", "Yes")
    assert after["@odata.etag"] != before
    everywhere = api.get("SellableReleasedProducts?cross-company=true&$orderby=dataAreaId").value
    assert [row["CurrencyCode"] for row in everywhere] == ["EUR", "USD"]


def test_orders_that_people_enter() -> None:
    api = Api()
    people = api.service
    people.new_customer("C-1", "Contoso", IsExternallyMaintained="Yes", SiteId="1")
    people.new_product("P-1", "Widget", Decimal(10))
    line = {"ProductNumber": "P-1", "OrderedSalesQuantity": Decimal("1.5")}
    made = people.new_order("C-1", [line, line], origin="WorkOrderIntegration", CustomersOrderReference="PO 7")
    number = made["SalesOrderNumber"]
    assert number.startswith("SO-")
    header = api.header(number)
    assert header["SalesOrderOriginType"] == "WorkOrderIntegration"
    assert [row["SalesOrderOriginType"] for row in api.lines(number)] == ["WorkOrderIntegration"] * 2
    assert [row["LineAmount"] for row in api.lines(number)] == [15, 15]
    assert people.order(number)["lines"][0]["OrderedSalesQuantity"] == Decimal("1.5")
    posted = people.invoice(number)
    assert posted["SalesOrderOriginType"] == "WorkOrderIntegration"
    with pytest.raises(PeopleError):
        people.new_order("C-1", [{"ProductNumber": "none"}])
    assert len(api.get("CDSSalesOrderHeaders").value) == 1


def test_changes_are_logged_in_order_with_who_made_them() -> None:
    api = Api()
    start = len(api.service.books.changes.events)
    heard: list[str] = []
    api.service.books.changes.listeners.append(lambda event: heard.append(event.action))
    api.order()
    api.customer(CustomerGroupId="none")
    api.service.invoice("SO-1")
    events = api.service.books.changes.events[start:]
    assert [event.action for event in events] == heard
    assert [(event.table, event.action, event.user) for event in events[:4]] == [
        ("CustTable", "created", "integration"),
        ("InventTable", "created", "people"),
        ("SalesTable", "created", "integration"),
        ("SalesLine", "created", "integration"),
    ]
    assert events[-1].action == "invoiced"
    assert events[-1].key["InvoiceNumber"] == "CIV-000001"


def test_seeds_in_bulk_are_all_or_nothing() -> None:
    api = Api()
    rows = [{"CustomerAccount": f"C-{index}", "OrganizationName": "x", "CustomerGroupId": "10"} for index in range(50)]
    assert api.service.create_many("CustTable", rows) == 50
    with pytest.raises(PeopleError):
        api.service.create_many("CustomersV3", [{**rows[0], "CustomerAccount": "new"}, rows[1]])
    assert api.get("CustomersV2/$count").body == b"50"
    api.service.update("CustomersV2", {"dataAreaId": "usmf", "CustomerAccount": "C-1"}, {"CreditLimit": Decimal(5)})
    assert api.get(customer_key("C-1")).json["CreditLimit"] == 5
    api.service.delete("CustomersV2", {"dataAreaId": "usmf", "CustomerAccount": "C-1"})
    assert api.get("CustomersV2/$count").body == b"49"
    with pytest.raises(PeopleError):
        api.service.create("Nothing", {})
