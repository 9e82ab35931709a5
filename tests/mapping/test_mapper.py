"""The mapper's own rules, over small templates made for the purpose."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapping_rows import document

from p2c.documents import MappedDocument, MappedRow, Rejected, Row, Skipped, SourceDocument, Value
from p2c.errors import ConfigError
from p2c.mapping.context import Context
from p2c.mapping.fingerprint import fingerprint
from p2c.mapping.mapper import SUPERSEDED, Mapper
from p2c.templates.models import Template

D = Decimal


def default(value: object, **settings: object) -> list[dict[str, object]]:
    return [{"transformType": "Default", "defaultValue": value, **settings}]


def to_finops(*fields: dict[str, Any], **header: Any) -> Template:
    """Accounts to customers, with the given fields besides the key."""
    source = {"entity": "accounts", "key": ["accountnumber"], **header.pop("source", {})}
    task = {
        "name": "Accounts",
        "source": source,
        "destination": {"entity": "CustomersV2", "key": ["CustomerAccount"]},
        "fields": [{"source": "accountnumber", "destination": "CustomerAccount"}, *fields],
        **header,
    }
    return Template.model_validate(
        {"id": "mine", "name": "Mine", "from": "sales", "to": "finops", "family": "mine", "tasks": [task]}
    )


def to_sales(*fields: dict[str, Any], lines: tuple[dict[str, Any], ...] = (), **destination: Any) -> Template:
    """Orders to Sales, with the given fields besides the key."""
    task = {
        "name": "Order",
        "source": {"entity": "CDSSalesOrderHeaders", "key": ["SalesOrderNumber"]},
        "destination": {"entity": "salesorders", "key": ["ordernumber"], **destination},
        "fields": [{"source": "SalesOrderNumber", "destination": "ordernumber"}, *fields],
    }
    return Template.model_validate(
        {"id": "mine", "name": "Mine", "from": "finops", "to": "sales", "family": "mine", "tasks": [task, *lines]}
    )


LINE: dict[str, Any] = {
    "name": "Line",
    "parent": "Order",
    "source": {
        "entity": "CDSSalesOrderLines",
        "key": ["LineCreationSequenceNumber"],
        "link": {"SalesOrderNumber": "SalesOrderNumber"},
    },
    "destination": {
        "entity": "salesorderdetails",
        "key": ["sequencenumber"],
        "link": {"salesorderid": "salesorderid"},
        "ignore": "msdynce_ismisctax eq true or sequencenumber gt 1000",
    },
    "include": "OrderedSalesQuantity ne 0",
    "fields": [
        {"source": "LineCreationSequenceNumber", "destination": "sequencenumber"},
        {"source": "LineDescription", "destination": "description"},
    ],
}
CHARGE: dict[str, Any] = {
    "name": "Charge",
    "parent": "Line",
    "source": {"self": True},
    "destination": {"entity": "salesorderdetails", "key": ["sequencenumber"], "link": {"salesorderid": "salesorderid"}},
    "include": "FixedPriceCharges gt 0",
    "fields": [
        {
            "source": "LineCreationSequenceNumber",
            "destination": "sequencenumber",
            "transform": [{"transformType": "Add", "amount": 1000}],
        },
        {"source": "FixedPriceCharges", "destination": "priceperunit"},
    ],
}


def header(template: Template, context: Context, row: Row) -> MappedRow:
    result = Mapper(template, context).map(document("A1", {"accountnumber": "A1", "SalesOrderNumber": "A1", **row}))
    assert isinstance(result, MappedDocument), result
    return result.header


# --- where a cell goes ---


def test_constants_are_for_new_rows_unless_always(context: Context) -> None:
    template = to_finops(
        {"destination": "CustomerGroupId", "transform": default("10")},
        {"destination": "IsExternallyMaintained", "transform": default("Yes", always=True)},
        {"destination": "SiteId", "transform": default("1"), "on": "update"},
    )
    row = header(template, context, {})
    assert row.create == {"CustomerGroupId": "10"}
    assert row.values == {"dataAreaId": "usmf", "CustomerAccount": "A1", "IsExternallyMaintained": "Yes", "SiteId": "1"}


def test_a_default_with_a_source_fills_blanks_always(context: Context) -> None:
    template = to_finops({"source": "name", "destination": "OrganizationName", "transform": default("Nobody")})
    assert header(template, context, {"name": ""}).values["OrganizationName"] == "Nobody"
    assert header(template, context, {"name": "Contoso"}).values["OrganizationName"] == "Contoso"


def test_create_and_late_cells(context: Context) -> None:
    template = to_sales(
        {"source": "SalesOrderName", "destination": "name", "on": "create"},
        {"source": "CustomersOrderReference", "destination": "description", "last": True},
        {"destination": "statecode", "transform": default(0), "last": True},
    )
    row = header(template, context, {"SalesOrderName": "x", "CustomersOrderReference": "p"})
    assert (row.values, row.create) == ({"ordernumber": "A1"}, {"name": "x"})
    assert row.last == {"description": "p", "statecode": 0}


def test_one_column_may_have_a_field_for_create_and_one_for_update(context: Context) -> None:
    template = to_sales(
        {"source": "SalesOrderName", "destination": "name", "on": "create"},
        {"source": "CustomersOrderReference", "destination": "name", "on": "update"},
    )
    row = header(template, context, {"SalesOrderName": "new", "CustomersOrderReference": "changed"})
    mapper = Mapper(template, context)
    assert mapper.applicable(row, creating=True).values == {"ordernumber": "A1", "name": "new"}
    assert mapper.applicable(row, creating=False).values == {"ordernumber": "A1", "name": "changed"}


def test_a_key_may_be_for_new_rows_only(context: Context) -> None:
    template = to_sales(lines=({**LINE, "fields": [{**LINE["fields"][0], "on": "create"}]},))
    line = {"LineCreationSequenceNumber": 1, "OrderedSalesQuantity": 1}
    result = Mapper(template, context).map(document("A1", {"SalesOrderNumber": "A1"}, Line=[line]))
    assert isinstance(result, MappedDocument)
    (row,) = result.lines
    assert (row.key, row.values, row.create) == (("1",), {}, {"sequencenumber": 1})


# --- blanks ---

BLANKS: list[tuple[dict[str, Any], object]] = [
    ({"source": "name", "destination": "OrganizationName"}, None),
    ({"source": "name", "destination": "OrganizationName", "null": "skip"}, "absent"),
    ({"source": "creditlimit", "destination": "CreditLimit"}, "absent"),
    ({"source": "creditlimit", "destination": "CreditLimit", "null": "clear"}, 0),
    ({"source": "donotemail", "destination": "IsOneTimeCustomer"}, "absent"),
    ({"source": "name", "destination": "OrganizationName", "on": "create"}, "absent"),
    ({"source": "name", "destination": "OrganizationName", "on": "create", "null": "clear"}, "absent"),
]


@pytest.mark.parametrize(("field", "expected"), BLANKS)
@pytest.mark.parametrize("blank", [None, ""])
def test_a_blank_source(field: dict[str, Any], expected: object, blank: Value, context: Context) -> None:
    row = header(
        to_finops(field), context, {field["source"]: blank} if blank is None or field["source"] == "name" else {}
    )
    assert {**row.values, **row.create}.get(field["destination"], "absent") == expected


def test_clearing_a_date(context: Context) -> None:
    date = {"source": "RequestedShippingDate", "destination": "requestdeliveryby"}
    none = {"RequestedShippingDate": "1900-01-01T12:00:00Z"}
    assert "requestdeliveryby" not in header(to_sales(date), context, none).values
    assert header(to_sales({**date, "null": "clear"}), context, none).values["requestdeliveryby"] is None


def test_required_and_blank(context: Context) -> None:
    template = to_finops({"source": "name", "destination": "OrganizationName", "required": True})
    result = Mapper(template, context).map(document("A1", {"accountnumber": "A1", "name": "   "}))
    assert isinstance(result, Rejected)
    assert [str(flaw) for flaw in result.flaws] == ["name: is empty: OrganizationName needs a value at the destination"]


def test_an_empty_document_key_is_a_flaw_of_its_own(context: Context) -> None:
    result = Mapper(to_finops(), context).map(document("", {"accountnumber": "A1"}))
    assert isinstance(result, Rejected)
    assert result.flaws[0].field == "accountnumber"


# --- lines ---


def test_lines_that_are_included(context: Context) -> None:
    mapper = Mapper(to_sales(lines=(LINE, CHARGE)), context)
    rows = [
        {"LineCreationSequenceNumber": 1, "OrderedSalesQuantity": 1, "FixedPriceCharges": D(5)},
        {"LineCreationSequenceNumber": 2, "OrderedSalesQuantity": 0, "FixedPriceCharges": D(5)},
        {"LineCreationSequenceNumber": 3, "OrderedSalesQuantity": 2, "FixedPriceCharges": 0},
    ]
    result = mapper.map(document("A1", {"SalesOrderNumber": "A1"}, Line=rows))
    assert isinstance(result, MappedDocument)
    assert [(line.label, line.key) for line in result.lines] == [
        ("Line 1", ("1",)),
        ("Line 3", ("3",)),
        ("Charge 1", ("1001",)),
    ]
    assert [table.task for table in mapper.reads().lines] == ["Line"]
    assert "FixedPriceCharges" in mapper.reads().lines[0].paths
    assert [table.task for table in mapper.writes().lines] == ["Line", "Charge"]


def test_lines_of_two_tasks_may_not_be_one_row(context: Context) -> None:
    rows = [
        {"LineCreationSequenceNumber": number, "OrderedSalesQuantity": 1, "FixedPriceCharges": D(number == 1)}
        for number in (1, 1001)
    ]
    result = Mapper(to_sales(lines=(LINE, CHARGE)), context).map(document("A1", {"SalesOrderNumber": "A1"}, Line=rows))
    assert isinstance(result, Rejected)
    assert [str(flaw) for flaw in result.flaws] == [
        "Charge 1: LineCreationSequenceNumber: is '1001' a second time (Line 1001 has it): every line needs its own"
    ]


# --- versions ---


def versions(*rows: tuple[str, str, int | None, int], legal_entity: str = "usmf") -> list[SourceDocument]:
    """Documents from (id, key, version, state)."""
    return [
        document(key, {"accountnumber": key, "importsequencenumber": version, "statecode": state}, one, legal_entity)
        for one, key, version, state in rows
    ]


RULES = [{"name": "active", "when": "statecode eq 0", "reason": "Not active."}]
VERSIONED = to_finops(source={"version": "importsequencenumber"}, rules=RULES)
UNVERSIONED = to_finops(rules=RULES)


def verdicts(mapper: Mapper, documents: list[SourceDocument]) -> dict[str, str]:
    found = mapper.map_versions(documents)
    assert [source for source, _ in found] == documents
    return {
        source.source_id: result.rule if isinstance(result, Skipped) else type(result).__name__
        for source, result in found
    }


def test_the_highest_eligible_version_counts(context: Context) -> None:
    mapper = Mapper(VERSIONED, context)
    documents = versions(("a", "K", 0, 0), ("b", "K", 2, 0), ("c", "K", 3, 1), ("d", "K", None, 0), ("e", "L", 0, 0))
    assert verdicts(mapper, documents) == {
        "a": SUPERSEDED,
        "b": "MappedDocument",
        "c": "active",
        "d": SUPERSEDED,
        "e": "MappedDocument",
    }
    (reason,) = {result.reason for _, result in mapper.map_versions(documents[:2]) if isinstance(result, Skipped)}
    assert reason == "importsequencenumber 2 of the same number counts"


def test_equal_versions_are_a_duplicate(context: Context) -> None:
    documents = versions(("a", "K", 1, 0), ("b", "k", 1, 0), ("c", "K", 0, 0))
    assert verdicts(Mapper(VERSIONED, context), documents) == {"a": "Rejected", "b": "Rejected", "c": SUPERSEDED}


def test_without_versions_two_of_a_number_are_both_rejected(context: Context) -> None:
    mapper = Mapper(UNVERSIONED, context)
    documents = versions(("a", "K", 1, 0), ("b", "K", 2, 0), ("c", "K", 3, 1), ("d", "L", 1, 0))
    assert verdicts(mapper, documents) == {"a": "Rejected", "b": "Rejected", "c": "active", "d": "MappedDocument"}
    rejected = mapper.map_versions(documents)[0][1]
    assert isinstance(rejected, Rejected)
    assert str(rejected.flaws[0]).startswith("accountnumber: 'K' is the number of several rows (K (a), K (b))")
    assert rejected.flaws[0].code == "same-key"


@pytest.mark.parametrize("other", ["k", "K ", "Ｋ"])
def test_two_rows_that_the_destination_cannot_tell_apart_are_both_rejected(context: Context, other: str) -> None:
    documents = versions(("a", "K", 1, 0), ("b", other, 2, 0))
    results = [result for _, result in Mapper(UNVERSIONED, context).map_versions(documents)]
    for result in results:
        assert isinstance(result, Rejected)
        (flaw,) = result.flaws
        assert flaw.code == "same-key"
        assert "which the destination cannot tell apart" in flaw.reason
        assert f"{other} (b)" in flaw.reason
        assert "K (a)" in flaw.reason


def test_legal_entities_may_share_a_number(context: Context) -> None:
    documents = versions(("a", "K", 1, 0)) + versions(("b", "K", 1, 0), legal_entity="demf")
    assert set(verdicts(Mapper(UNVERSIONED, context), documents).values()) == {"MappedDocument"}


def test_documents_without_key_are_no_duplicates(context: Context) -> None:
    result = Mapper(UNVERSIONED, context).map_versions(versions(("a", "", 1, 0), ("b", "", 1, 0)))
    for _, one in result:
        assert isinstance(one, Rejected)
        assert "is empty" in one.flaws[0].reason


# --- the environment ---


def test_optional_fields_depend_on_the_environment(context: Context) -> None:
    template = to_sales({"destination": "msdynce_ismaintainedexternally", "transform": default(True), "optional": True})
    assert "msdynce_ismaintainedexternally" in header(template, context, {}).create
    bare = replace(context, absent=frozenset({("salesorder", "msdynce_ismaintainedexternally")}))
    assert header(template, bare, {}).create == {}


def test_optional_sources_too(context: Context) -> None:
    field = {"source": "primarycontactid.msdynce_contactnumber", "destination": "ContactPersonId", "optional": True}
    bare = replace(context, absent=frozenset({("contact", "msdynce_contactnumber")}))
    assert Mapper(to_finops(field), context).reads().header.paths[-1] == field["source"]
    assert Mapper(to_finops(field), bare).reads().header.paths == ("accountnumber",)
    with pytest.raises(ConfigError, match=r"mine#/tasks/0/fields/1: contact\.msdynce_contactnumber is not there"):
        Mapper(to_finops({**field, "optional": False}), bare)


def test_rules_links_and_guards_need_their_columns(context: Context) -> None:
    template = to_sales(guards=[{"name": "g", "when": "msdynce_processingstatus ne 1", "reason": "r"}])
    absent = frozenset({("salesorder", "msdynce_processingstatus")})
    with pytest.raises(ConfigError, match="destination/guards/0"):
        Mapper(template, replace(context, absent=absent))
    assert "msdynce_processingstatus" in Mapper(template, context).writes().header.columns


def test_what_marks_rows_as_not_ours_may_be_absent(context: Context) -> None:
    bare = replace(context, absent=frozenset({("salesorderdetail", "msdynce_ismisctax")}))
    for one, there in ((context, True), (bare, False)):
        (line,) = Mapper(to_sales(lines=(LINE,)), one).writes().lines
        assert line.ignore == "msdynce_ismisctax eq true or sequencenumber gt 1000"
        assert ("msdynce_ismisctax" in line.columns) is there
        assert "sequencenumber" in line.columns


def test_a_column_makes_a_task_and_what_is_made_of_its_rows_superfluous(context: Context) -> None:
    template = to_sales(lines=({**LINE, "unlessColumn": "msdynce_misctax"}, CHARGE))
    assert Mapper(template, context).writes().lines == ()
    bare = replace(context, absent=frozenset({("salesorder", "msdynce_misctax")}))
    assert len(Mapper(template, bare).writes().lines) == 2


def test_update_only_rules_are_read(context: Context) -> None:
    template = to_sales().model_copy(
        update={
            "update_only": to_finops(
                rules=[{"name": "r", "when": "SalesOrderStatus ne 'Canceled'", "reason": "x"}]
            ).header.rules
        }
    )
    assert "SalesOrderStatus" in Mapper(template, context).reads().header.paths


def test_only_what_is_compared_is_looked_for(context: Context) -> None:
    template = to_sales(
        {"source": "SalesOrderName", "destination": "name", "on": "create"},
        {"source": "CustomersOrderReference", "destination": "description"},
    )
    assert Mapper(template, context).writes().header.columns == ("ordernumber", "description")


@pytest.mark.parametrize("code", ["KWD", "kwd", "Kuwait"])
def test_the_currency_for_sales_is_that_of_the_field_that_fills_it(code: str, context: Context) -> None:
    template = to_sales(
        {
            "source": "CurrencyCode",
            "destination": "transactioncurrencyid.isocurrencycode",
            "transform": [{"transformType": "ValueMap", "valueMap": {"kuwait": "KWD"}, "unmapped": "keep"}],
            "on": "create",
        },
        {"source": "TotalDiscountAmount", "destination": "freightamount"},
    )
    row = header(template, context, {"CurrencyCode": code, "TotalDiscountAmount": D("1.2345")})
    assert str(row.values["freightamount"]) == "1.235"


def test_a_template_without_currency_cannot_have_amounts(context: Context) -> None:
    template = to_sales({"source": "TotalDiscountAmount", "destination": "freightamount"})
    result = Mapper(template, context).map(document("A1", {"SalesOrderNumber": "A1", "TotalDiscountAmount": D(1)}))
    assert isinstance(result, Rejected)
    assert "has no currency" in result.flaws[0].reason


def test_a_constant_needs_a_default(context: Context) -> None:
    with pytest.raises(ConfigError, match=r"mine: Accounts\.SiteId has neither a source nor a Default"):
        Mapper(to_finops({"destination": "SiteId"}), context)


# --- fingerprints ---

cells = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.decimals(-1000, 1000, places=3))
tables = st.dictionaries(st.sampled_from(["a", "b", "c"]), cells, max_size=3)


def row(values: dict[str, Value], key: tuple[str, ...] = (), **parts: dict[str, Value]) -> MappedRow:
    return MappedRow("t", "e", "", key, values, **parts)


@given(tables, st.lists(tables, max_size=4), st.randoms())
def test_order_says_nothing(values: dict[str, Value], lines: list[dict[str, Value]], chance: Any) -> None:
    rows = [row(line, (str(position),)) for position, line in enumerate(lines)]
    shuffled = list(rows)
    chance.shuffle(shuffled)
    backwards = dict(reversed(values.items()))
    assert fingerprint("k", row(values), rows) == fingerprint("k", row(backwards), shuffled)


@given(tables, tables)
def test_other_values_have_another_fingerprint(one: dict[str, Value], other: dict[str, Value]) -> None:
    def exact(values: dict[str, Value]) -> dict[str, tuple[type, Value]]:
        return {name: (type(value), value) for name, value in values.items()}

    equal = exact(one) == exact(other)
    assert (fingerprint("k", row(one), []) == fingerprint("k", row(other), [])) is equal


def test_what_a_fingerprint_tells_apart() -> None:
    first = fingerprint("k", row({"a": D("1.5")}), [])
    assert first == fingerprint("k", row({"a": D("1.500")}), [])
    others = [
        fingerprint("l", row({"a": D("1.5")}), []),
        fingerprint("k", row({"a": "1.5"}), []),
        fingerprint("k", row({}, create={"a": D("1.5")}), []),
        fingerprint("k", row({}, last={"a": D("1.5")}), []),
        fingerprint("k", row({"a": D("1.5")}), [row({})]),
    ]
    assert len({first, *others}) == 6
    assert len(first) == 64
