"""The eight builtin templates over realistic rows: what goes to the other side, cell by cell where it matters."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import mapping_rows as rows
import pytest
from mapping_rows import CUSTOMER, changed, document

from p2c.documents import Flaw, MappedDocument, NoteCode, Rejected, Skipped, SourceDocument
from p2c.errors import ConfigError
from p2c.mapping.context import Context
from p2c.mapping.mapper import Mapper
from p2c.sync import outcomes
from p2c.templates.load import builtin_templates

D = Decimal


PRODUCT = str(rows.SALES_LINE["productid.productnumber"])
WRITE_IN = {"productdescription": "Engraved plate"}


def mapper(template: str, context: Context) -> Mapper:
    return Mapper(builtin_templates()[template], context)


def mapped(template: str, context: Context, source: SourceDocument) -> MappedDocument:
    result = mapper(template, context).map(source)
    assert isinstance(result, MappedDocument), result
    return result


def quote(*lines: dict[str, object], **header: object) -> SourceDocument:
    many = [changed(rows.QUOTE_LINE, line) for line in lines] or [rows.QUOTE_LINE]
    return document("QUO-01005-P6Y2N4", changed(rows.QUOTE, header), QuoteLine=many)


def test_account(context: Context) -> None:
    result = mapped("accounts", context, document("ACC-01000-BVRCPS", rows.ACCOUNT))
    assert result.key == "ACC-01000-BVRCPS"
    assert result.lines == []
    values = result.header.values
    assert values["dataAreaId"] == "usmf"
    assert values["CustomerAccount"] == "ACC-01000-BVRCPS"
    assert values["OrganizationName"] == "Contoso Entertainment System of Northern Europe"
    assert values["NameAlias"] == "Contoso Entertainmen"
    assert values["CreditLimit"] == D(25000)
    assert values["OrganizationNumberOfEmployees"] == 120
    assert values["AddressStreet"] == "Hauptstraße 1\nHinterhaus"
    assert values["AddressCountryRegionISOCode"] == "DE"
    assert values["AddressDescription"] == "Primary"
    assert values["PrimaryContactFax"] is None
    assert values["SalesMemo"] == "Pays late 😀"
    assert values["IsExternallyMaintained"] == "Yes"
    assert result.header.create == {
        "PartyNumber": "ACC-01000-BVRCPS",
        "PartyType": "Organization",
        "CustomerGroupId": "10",
        "SiteId": "1",
        "WarehouseId": "13",
        "LanguageId": "en-us",
    }
    assert result.header.last == {}


def test_account_blanks(context: Context) -> None:
    bare = mapped("accounts", context, document("A1", {"accountnumber": "A1", "name": "x"})).header.values
    assert "CreditLimit" not in bare, "a blank number is left alone"
    assert "SalesCurrencyCode" not in bare, "the template says skip"
    assert bare["AddressCity"] is None, "a blank text clears"
    assert bare["AddressCountryRegionISOCode"] is None


def test_account_without_number_is_rejected(context: Context) -> None:
    result = mapper("accounts", context).map(document("", changed(rows.ACCOUNT, {"accountnumber": None})))
    assert isinstance(result, Rejected)
    assert result.flaws[0].field == "accountnumber"
    assert str(result.flaws[0]).startswith("accountnumber: is empty: CustomerAccount identifies the row")


def test_all_flaws_are_told_at_once(context: Context) -> None:
    wrong = changed(
        rows.ACCOUNT,
        {"name": "x" * 101, "address1_country": "Freedonia", "telephone1": "030\x07", "address2_city": "y" * 61},
    )
    result = mapper("accounts", context).map(document("ACC-01000-BVRCPS", wrong))
    assert isinstance(result, Rejected)
    assert {flaw.field: flaw.reason.split(":")[0] for flaw in result.flaws} == {
        "name": "is 101 characters long, 100 are allowed",
        "telephone1": "has the control character U+0007 at position 4",
        "address1_country": "is 'Freedonia', which is not in the value map 'countries'",
        "address2_city": "is 61 characters long, 60 are allowed",
    }


def test_contact(context: Context) -> None:
    result = mapped("contacts", context, document("CON-01000-KJHGFD", rows.CONTACT))
    assert result.key == "CON-01000-KJHGFD|ACC-01000-BVRCPS"
    values = result.header.values
    assert values["AssociatedPartyNumber"] == "ACC-01000-BVRCPS"
    assert (values["BirthDay"], values["BirthMonth"], values["BirthYear"]) == (28, "February", 1990)
    assert values["Gender"] == "Female"
    assert "MaritalStatus" not in values
    assert values["IsReceivingDirectMail"] == "No"
    assert values["IsInactive"] == "No"


@pytest.mark.parametrize(
    ("template", "changes", "rule"),
    [
        ("contacts", {"msdynce_isactivecustomer": True}, "no-active-customer"),
        ("contacts", {"msdynce_iscompanyanaccount": None}, "company-is-account"),
        ("contacts", {"msdynce_isactivecustomer": True, "msdynce_iscompanyanaccount": False}, "no-active-customer"),
        ("contacts-to-customers", {}, "active-customer"),
    ],
)
def test_contacts_that_do_not_go(template: str, changes: dict[str, object], rule: str, context: Context) -> None:
    result = mapper(template, context).map(document("C", changed(rows.CONTACT, changes)))
    assert isinstance(result, Skipped)
    assert result.rule == rule
    assert result.reason.endswith(".")


def test_contact_as_customer(context: Context) -> None:
    source = document("CON-01000-KJHGFD", changed(rows.CONTACT, {"msdynce_isactivecustomer": True}))
    result = mapped("contacts-to-customers", context, source)
    assert result.key == "CON-01000-KJHGFD"
    assert result.header.create["PartyType"] == "Person"
    assert result.header.values["PersonLastName"] == "Müller"
    person = ("PersonGender", "PersonMaritalStatus", "PersonProfessionalTitle")
    source = document("CON-01000-KJHGFD", {**source.header, "familystatuscode": 2, "jobtitle": "Head of purchasing"})
    values = mapped("contacts-to-customers", context, source).header.values
    assert [values.get(name) for name in person] == ["Female", "Married", "Head of purchasing"]


def test_product(context: Context, solution_columns: frozenset[tuple[str, str]]) -> None:
    with_solution = mapped("products", context, document("D0001", rows.PRODUCT))
    assert with_solution.key == "D0001"
    assert [line.task for line in with_solution.lines] == ["PriceListItem"]
    assert with_solution.header.values["price"] == D("110.01")
    assert with_solution.header.values["isstockitem"] is True
    assert with_solution.header.values["description"] is None
    assert with_solution.header.values["defaultuomid.name"] == "Primary Unit"
    assert with_solution.header.create["quantitydecimal"] == 0
    marked = {"pricelevelid.transactioncurrencyid.isocurrencycode": "USD", "msdynce_ismaintainedexternally": True}
    rules = mapper("products", context)
    assert rules.applicable(with_solution.header, creating=True).last == marked
    assert "msdynce_ismaintainedexternally" not in rules.applicable(with_solution.header, creating=True).values
    assert rules.applicable(with_solution.header, creating=False).values["msdynce_ismaintainedexternally"] is True
    assert "dataAreaId" not in with_solution.header.values

    without = mapped("products", replace(context, absent=solution_columns), document("D0001", rows.PRODUCT))
    assert not any("msdynce_" in slot for slot in {**without.header.values, **without.header.last})
    (item,) = without.lines
    assert item.task == item.label == "PriceListItem"
    assert item.entity == "productpricelevels"
    assert item.key == ("USD", "Primary Unit")
    assert {**item.values, **item.create}["amount"] == D("110.01")


def test_quote(context: Context) -> None:
    result = mapped("quotes", context, quote())
    assert result.key == "QUO-01005-P6Y2N4"
    values = result.header.values
    assert values["RequestingCustomerAccountNumber"] == "ACC-01000-BVRCPS"
    assert values["RequestedShippingDate"] == "2026-07-23T12:00:00Z"
    assert "SalesQuotationExpiryDate" not in values
    assert values["DeliveryAddressCountryRegionISOCode"] == "US"
    assert len(str(values["CustomersReference"])) == 60
    (line,) = result.lines
    assert line.label == "QuoteLine 10"
    assert line.key == ("QUO-01005-P6Y2N4", "10")
    assert line.values["dataAreaId"] == "usmf"
    assert line.values["LineCreationSequenceNumber"] == 10
    assert line.values["RequestedSalesQuantity"] == D(3)
    assert line.values["SalesUnitSymbol"] == "ea"
    assert (line.values["LineDiscountAmount"], line.values["FixedPriceCharges"]) == (D("3.33"), D("-0.01"))
    assert "DeliveryAddressCity" not in line.values, "a line without an address takes the header's"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"msdynce_hasexternallymaintainedproductsonly": False}, "external-products-only"),
        ({"statecode": 0}, "activated"),
        ({"statecode": 3, "statuscode": 7}, "activated"),
    ],
)
def test_quotes_that_do_not_go(changes: dict[str, object], rule: str, context: Context) -> None:
    result = mapper("quotes", context).map(quote(**changes))
    assert isinstance(result, Skipped)
    assert result.rule == rule


@pytest.mark.parametrize("status", [5, 6])
def test_of_a_quote_that_was_lost_or_canceled_only_that_goes(status: int, context: Context) -> None:
    result = mapper("quotes", context).map(quote(statecode=3, statuscode=status))
    assert isinstance(result, MappedDocument)
    assert result.skipped is not None
    assert (result.skipped.rule, result.canceled) == ("activated", "statecode, statuscode")
    assert (dict(result.header.values), result.lines) == ({"dataAreaId": "usmf"}, ())


def test_of_several_revisions_that_do_not_go_the_newest_may_be_canceled(context: Context) -> None:
    def outcomes_of(*states: tuple[int, int]) -> list[bool]:
        revisions = [
            replace(quote(statecode=state, statuscode=status, revisionnumber=number), source_id=str(number))
            for number, (state, status) in enumerate(states)
        ]
        found = mapper("quotes", context).map_versions(revisions)
        return [isinstance(result, MappedDocument) and bool(result.canceled) for _, result in found]

    assert outcomes_of((3, 7), (3, 5)) == [False, True]
    assert outcomes_of((3, 5), (0, 1)) == [False, False], "a draft may still become the quote"
    assert outcomes_of((3, 5), (1, 2)) == [False, False]
    assert outcomes_of((1, 2), (3, 5)) == [False, False], "an active revision counts"


@pytest.mark.parametrize(("state", "status"), [(1, 2), (2, 4), (3, 647390000)])
def test_quotes_that_go(state: int, status: int, context: Context) -> None:
    mapped("quotes", context, quote(statecode=state, statuscode=status))


def test_lines_with_flaws(context: Context) -> None:
    source = quote(
        {"sequencenumber": 10},
        {"sequencenumber": None},
        {"sequencenumber": 10},
        {"sequencenumber": 20, "quantity": D(0)},
        {"sequencenumber": 30, "uomid.name": "Barrel", "productid.productnumber": ""},
    )
    result = mapper("quotes", context).map(source)
    assert isinstance(result, Rejected)
    told = {(flaw.line, flaw.field): flaw.reason for flaw in result.flaws}
    assert told[f"QuoteLine without number ({PRODUCT})", "sequencenumber"].startswith("is empty")
    assert f"a second time (QuoteLine 10 ({PRODUCT}) has it)" in told[f"QuoteLine 10 ({PRODUCT})", "sequencenumber"]
    assert told[f"QuoteLine 20 ({PRODUCT})", "quantity"].startswith("is 0")
    assert told["QuoteLine 30", "uomid.name"].startswith("is 'Barrel'")
    assert told["QuoteLine 30", "productid.productnumber"].startswith("is empty")
    assert len(result.flaws) == len(told) == 5


def test_a_rule_of_the_header_names_the_lines_that_make_it_fail(context: Context) -> None:
    own = "productid.msdynce_ismaintainedexternally"
    source = quote(
        {"sequencenumber": 10, own: True},
        {"sequencenumber": 20, "isproductoverridden": True, "productid.productnumber": None, **WRITE_IN},
        {"sequencenumber": 30, own: True, "productid.productstructure": 3},
        {"sequencenumber": 40, own: False},
        msdynce_hasexternallymaintainedproductsonly=False,
    )
    result = mapper("quotes", context).map(source)
    assert isinstance(result, Skipped)
    assert result.line == "QuoteLine 20 (Engraved plate)"
    assert result.detail == (
        f"QuoteLine 20 (Engraved plate) is a write-in product; QuoteLine 30 ({PRODUCT}) is a bundle; "
        f"QuoteLine 40 ({PRODUCT}) is a product that was entered in Sales."
    )
    outcome = outcomes.skipped(source, result)
    assert outcome.reason == f"{result.reason} {result.detail}"


def test_a_rule_of_the_header_names_only_the_first_of_many_lines(context: Context) -> None:
    lines = [{"sequencenumber": number, "productid.msdynce_ismaintainedexternally": False} for number in range(1, 9)]
    result = mapper("quotes", context).map(quote(*lines, msdynce_hasexternallymaintainedproductsonly=False))
    assert isinstance(result, Skipped)
    assert result.detail.count("was entered in Sales") == 5
    assert result.detail.endswith("; and 3 more.")


def test_a_long_description_of_a_line_is_cut_in_messages(context: Context) -> None:
    line = {"sequencenumber": 10, "quantity": D(0), "productid.productnumber": "", "productdescription": "W" * 100}
    result = mapper("quotes", context).map(quote(line))
    assert isinstance(result, Rejected)
    assert {flaw.line for flaw in result.flaws} == {f"QuoteLine 10 ({'W' * 59}…)"}


def test_amounts_need_a_currency(context: Context) -> None:
    field = "transactioncurrencyid.isocurrencycode"
    unknown = mapper("quotes", context).map(quote(**{field: "XXX"}))
    assert isinstance(unknown, Rejected)
    assert "XXX, a currency that Sales does not have" in unknown.flaws[0].reason
    blank = mapper("quotes", context).map(quote(**{field: None}))
    assert isinstance(blank, Rejected)
    assert Flaw(field, "is empty: CurrencyCode needs a value at the destination") in blank.flaws


def test_order_to_finops(context: Context) -> None:
    source = document("ORD-01002-H1J3K5", rows.ORDER, OrderLine=[rows.ORDER_LINE])
    result = mapped("orders-to-finops", context, source)
    assert result.header.values["OrderingCustomerAccountNumber"] == "CON-01000-KJHGFD"
    assert result.header.values["QuotationNumber"] == "QUO-01005-P6Y2N4"
    assert result.header.values["DeliveryAddressCountryRegionISOCode"] == "GB"
    assert "PaymentTermsBaseDate" not in result.header.values
    values = result.lines[0].values
    assert (values["LineDiscountAmount"], values["FixedPriceCharges"]) == (D(333), D(-1)), "yen have no decimals"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"msdynce_processingstatus": 647390011}, "activated"),
        ({"msdynce_processingstatus": 647390001}, "finops-is-master"),
        ({"msdynce_hasexternallymaintainedproductsonly": None}, "external-products-only"),
    ],
)
def test_orders_that_do_not_go_to_finops(changes: dict[str, object], rule: str, context: Context) -> None:
    result = mapper("orders-to-finops", context).map(document("O", changed(rows.ORDER, changes)))
    assert isinstance(result, Skipped)
    assert result.rule == rule


def test_order_to_sales(context: Context) -> None:
    source = document("ORD-01002-H1J3K5", rows.FINOPS_ORDER, OrderLine=[rows.FINOPS_LINE])
    result = mapped("orders-to-sales", context, source)
    values, create = result.header.values, result.header.create
    assert create["ordernumber"] == "ORD-01002-H1J3K5"
    assert create["pricelevelid.name"] == "CRM Service USA (sample)"
    assert "quoteid.quotenumber" not in create, "on a new row there is nothing to clear"
    assert values[CUSTOMER] == "CON-01000-KJHGFD"
    assert values["requestdeliveryby"] == "2026-07-22T22:00:00Z"
    assert values["datefulfilled"] == "2026-12-23T23:00:00Z"
    assert "submitdate" not in values
    assert values["msdynce_processingstatus"] == 647390007
    assert values["msdynce_misctax"] == D("2.51")
    assert values["shipto_country"] == "United Kingdom"
    (line,) = result.lines
    assert line.key == ("10",)
    assert line.values["priceperunit"] == D("110.01")
    assert line.values["manualdiscountamount"] == D("10.01"), "3 x 110.01 - 10.01 is the line amount, 320.02"
    assert values["freightamount"] == D("13.18")
    assert values["billto_country"] == "Germany"
    assert [note.code for note in result.notes].count(NoteCode.EQUAL_AFTER_ROUNDING) == 1
    assert line.values["tax"] == D("20.90")
    assert line.values["ispriceoverridden"] is True
    assert line.values["uomid.name"] == "Primary Unit"


def test_order_to_sales_without_the_solution(context: Context, solution_columns: frozenset[tuple[str, str]]) -> None:
    bare = mapper("orders-to-sales", replace(context, absent=solution_columns))
    source = document("ORD-01002-H1J3K5", rows.FINOPS_ORDER, OrderLine=[rows.FINOPS_LINE])
    result = bare.map(source)
    assert isinstance(result, MappedDocument)
    assert result.header.values["customerid.Account(accountnumber)"] == "CON-01000-KJHGFD"
    assert not any(
        "msdynce_" in name for row in [result.header, *result.lines] for name in {**row.values, **row.create}
    )
    assert [line.task for line in result.lines] == ["OrderLine", "FreightTaxLine"]
    tax = result.lines[1]
    assert tax.label == "FreightTaxLine"
    assert tax.values["productdescription"] == "Freight Tax"
    assert tax.values["priceperunit"] == D("2.51")
    untaxed = bare.map(document("O", changed(rows.FINOPS_ORDER, {"OrderHeaderTaxAmount": 0})))
    assert isinstance(untaxed, MappedDocument)
    assert untaxed.lines == []


@pytest.mark.parametrize(
    ("changes", "line", "rule"),
    [
        ({"OrderingCustomerIsExternallyMaintained": "No"}, {}, "externally-maintained-customer"),
        ({"InvoiceCustomerIsExternallyMaintained": "No"}, {}, "externally-maintained-customer"),
        ({"SalesOrderOriginType": "WorkOrderIntegration"}, {}, "not-work-order"),
        ({"SalesOrderProcessingStatus": "Active"}, {}, "confirmed"),
        ({"SalesOrderProcessingStatus": "Active", "AreTotalsUpdated": "No"}, {}, "totals-calculated"),
    ],
)
def test_orders_that_do_not_go_to_sales(
    changes: dict[str, object], line: dict[str, object], rule: str, context: Context
) -> None:
    lines = [rows.FINOPS_LINE, changed(rows.FINOPS_LINE, {"LineCreationSequenceNumber": 20, **line})]
    result = mapper("orders-to-sales", context).map(document("O", changed(rows.FINOPS_ORDER, changes), OrderLine=lines))
    assert isinstance(result, Skipped)
    assert result.rule == rule


@pytest.mark.parametrize(
    ("changes", "line", "rule"),
    [
        ({"AreTotalsUpdated": "No"}, {}, "totals-calculated"),
        ({}, {"AreSalesOrderTotalsUpdated": "No"}, "line-totals-calculated"),
        ({"AreTotalsUpdated": "No"}, {"AreSalesOrderTotalsUpdated": "No"}, "totals-calculated"),
    ],
)
def test_of_an_order_whose_totals_are_not_calculated_only_the_status_goes(
    changes: dict[str, object], line: dict[str, object], rule: str, context: Context
) -> None:
    lines = [rows.FINOPS_LINE, changed(rows.FINOPS_LINE, {"LineCreationSequenceNumber": 20, **line})]
    result = mapper("orders-to-sales", context).map(document("O", changed(rows.FINOPS_ORDER, changes), OrderLine=lines))
    assert isinstance(result, MappedDocument)
    assert result.skipped is not None
    assert result.skipped.rule == rule
    assert (list(result.header.values), result.lines) == (["msdynce_processingstatus"], ())
    assert [note.code for note in result.notes] == [NoteCode.PARTLY_SYNCED]


def test_invoice(context: Context) -> None:
    whole = {"LineAmount": D("320.04"), "LineTotalChargeAmount": 0}
    lines = [
        rows.INVOICE_LINE,
        changed(rows.INVOICE_LINE, {"LineCreationSequenceNumber": 20, **whole, "LineTotalChargeAmount": D("5.00")}),
        changed(
            rows.INVOICE_LINE,
            {"LineCreationSequenceNumber": 30, "ProductNumber": "", "SalesUnitSymbol": "", **whole},
        ),
    ]
    key = "CIV-000717|2026-07-23|ARP00001"
    result = mapped("invoices", context, document(key, rows.INVOICE, SalesInvoiceLine=lines))
    assert result.key == key, "the identity is that of the source"
    assert result.header.create["invoicenumber"] == "CIV-000717"
    assert result.header.create["ownerid.salesorderid.ordernumber"] == "ORD-01002-H1J3K5"
    assert result.header.values["billto_country"] == "Germany"
    assert result.header.values["freightamount"] == D("8.00")
    assert result.header.values["discountamount"] == 0
    assert result.notes == ()
    assert result.header.values["datedelivered"] == "2026-07-22T22:00:00Z"
    first, second, third, charge = result.lines
    assert first.values["manualdiscountamount"] == D("10.00"), "the rounding is counted into the discount"
    assert second.values["manualdiscountamount"] == D("9.99")
    assert charge.label == "ChargeLine 20"
    assert charge.key == ("500000020",)
    assert charge.values["priceperunit"] == D("5.00")
    assert "uomid.name" not in third.values, "a line without product needs no unit"


def test_invoice_lines_are_for_products_or_write_ins(context: Context) -> None:
    invoices = mapper("invoices", context)
    lines = [rows.INVOICE_LINE, changed(rows.INVOICE_LINE, {"LineCreationSequenceNumber": 20, "ProductNumber": ""})]
    result = invoices.map(document("I", rows.INVOICE, SalesInvoiceLine=lines))
    assert isinstance(result, MappedDocument)
    named, unnamed = result.lines
    task = "SalesInvoiceLine"
    assert invoices.line_kind(task, "productid.productnumber") == "product"
    assert invoices.line_kind(task, "productdescription") == "writeIn"
    assert invoices.line_kind(task, "quantity") is None

    assert named.values["productid.productnumber"] == "D0001"
    assert named.values["uomid.name"] == "Primary Unit"
    for line in (named, unnamed):
        assert line.values["productdescription"] == "MidRangeSpeaker"
        assert line.create["isproductoverridden"] is True, "of two fields for one column the later one"
    assert invoices.line_kind(task, "isproductoverridden") == "writeIn"
    assert not {"productid.productnumber", "uomid.name"} & set(unnamed.values), "what only a product has"


def test_every_template_says_what_it_reads_and_writes(context: Context) -> None:
    for template in builtin_templates().values():
        one = Mapper(template, context)
        reads, writes = one.reads(), one.writes()
        assert [table.task for table in reads.lines] == [task.name for task in template.lines if not task.source.self]
        assert set(writes.header.key) <= set(writes.header.columns)
        for table in (reads.header, *reads.lines):
            assert {*table.key, *(line for line, _ in table.link)} <= set(table.paths)
            assert len(set(table.paths)) == len(table.paths)
            assert {header for _, header in table.link} <= set(reads.header.paths)
        if template.header.source.version:
            assert reads.version in reads.header.paths


@pytest.mark.parametrize("template", ["contacts", "contacts-to-customers", "quotes", "orders-to-finops"])
def test_what_cannot_do_without_the_solution_says_so_at_once(
    template: str, context: Context, solution_columns: frozenset[tuple[str, str]]
) -> None:
    with pytest.raises(ConfigError, match="needs columns that this Sales environment does not have") as caught:
        mapper(template, replace(context, absent=solution_columns))
    assert any("/rules/" in problem.pointer for problem in caught.value.problems)


@pytest.mark.parametrize("template", ["accounts", "products", "orders-to-sales", "invoices"])
def test_what_can_do_without_the_solution_reads_nothing_of_it(
    template: str, context: Context, solution_columns: frozenset[tuple[str, str]]
) -> None:
    bare = mapper(template, replace(context, absent=solution_columns))
    reads, writes = bare.reads(), bare.writes()
    named = [path for table in (reads.header, *reads.lines) for path in table.paths]
    named += [column for table in (writes.header, *writes.lines) for column in table.columns]
    assert not [name for name in named if "msdynce_" in name]
