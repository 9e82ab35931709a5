"""The catalog, by itself and against the reference files, where these are beside the project."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from p2c.errors import ConfigError
from p2c.templates import catalog
from p2c.templates.catalog import Sort

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
beside = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference files are not beside the project")


def reference(*parts: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(REFERENCE.joinpath(*parts).read_text(encoding="utf-8"), parse_float=Decimal)
    return content


@beside
@pytest.mark.parametrize("name", sorted(catalog.sales_tables()))
def test_sales_agrees_with_the_metadata(name: str) -> None:
    table, facts = catalog.sales_table(name), reference("dataverse", f"{name}.json")
    assert (table.entity_set, table.id) == (facts["entitySetName"], facts["primaryIdAttribute"])
    solution = {one for one, column in table.columns.items() if column.solution}
    assert set(table.columns) - solution == set(facts["columns"])
    for one, column in facts["columns"].items():
        ours = table.column(one)
        assert ours.type == column["type"]
        assert ours.max_length == column.get("maxLength")
        assert (ours.create, ours.update, ours.read) == tuple(
            column.get(right, True) for right in ("create", "update", "read")
        )
        assert set(ours.targets) >= set(column.get("targets", ()))


@beside
def test_every_number_has_the_range_that_microsoft_publishes() -> None:
    pages = reference("dataverse", "ranges.json")["tables"]
    for name, columns in pages.items():
        ours = catalog.sales_table(name).columns
        for one, facts in columns.items():
            if one not in ours:
                assert one.startswith("msdyn_"), f"{name}.{one} is no column of an optional solution"
                continue
            column = ours[one]
            assert (column.minimum, column.maximum) == (Decimal(facts["min"]), Decimal(facts["max"])), f"{name}.{one}"
            expected = (facts["type"], facts.get("precision"), facts.get("precisionSource"))
            assert (column.type, column.precision, column.precision_source) == expected, f"{name}.{one}"


@beside
def test_the_solution_agrees_with_the_solution() -> None:
    facts = reference("dataverse", "p2c_solution.json")["tables"]
    for name, table in catalog.sales_tables().items():
        ours = {one for one, column in table.columns.items() if column.solution}
        theirs = {one for one in facts.get(name, {}) if one.startswith("msdynce_")}
        assert ours == theirs, name


@beside
@pytest.mark.parametrize("name", sorted(catalog.finops_entities()))
def test_finops_agrees_with_the_metadata(name: str) -> None:
    entity, facts = catalog.finops_entity(name), reference("fno", f"{name}.json")
    assert list(entity.keys) == facts["keys"]
    assert set(entity.properties) == {one["name"] for one in facts["properties"]}
    for one in facts["properties"]:
        ours, theirs = entity.property(one["name"]), one["type"]
        if theirs.startswith("Edm."):
            short = {"Edm.DateTimeOffset": {"Date", "UtcDateTime"}}.get(theirs, {theirs.removeprefix("Edm.")})
            assert ours.type in short
        else:
            assert ours.sort is Sort.ENUM


@beside
def test_enums_agree_with_the_metadata() -> None:
    facts = reference("fno", "enums.json")
    text = json.dumps(facts)
    for name, members in catalog.enums().items():
        for symbol in members:
            assert json.dumps(symbol) in text, (name, symbol)


@pytest.mark.parametrize(
    ("table", "column", "sort"),
    [
        ("quote", "effectiveto", Sort.LOCAL_DAY),
        ("quote", "closedon", Sort.DATE),
        ("quote", "createdon", Sort.MOMENT),
        ("account", "creditlimit", Sort.MONEY),
        ("quote", "customerid", Sort.LOOKUP),
        ("invoice", "ownerid", Sort.LOOKUP),
        ("quote", "statecode", Sort.CHOICE),
        ("contact", "msdynce_isactivecustomer", Sort.BOOLEAN),
        ("quotedetail", "quantity", Sort.DECIMAL),
    ],
)
def test_sorts_of_sales(table: str, column: str, sort: Sort) -> None:
    assert catalog.sales_table(table).column(column).sort is sort


@pytest.mark.parametrize(
    ("name", "sort"),
    [
        ("ConfirmedShippingDate", Sort.DATE),
        ("OrderCreationDateTime", Sort.MOMENT),
        ("AreTotalsUpdated", Sort.ENUM),
        ("OrderTotalAmount", Sort.DECIMAL),
        ("SalesTaker", Sort.INTEGER),
    ],
)
def test_sorts_of_finops(name: str, sort: Sort) -> None:
    assert catalog.finops_entity("CDSSalesOrderHeaders").property(name).sort is sort


def test_navigation() -> None:
    quote = catalog.sales_table_by_set("quotes")
    assert quote.navigation("pricelevelid") == "pricelevelid"
    assert quote.navigation("customerid", "contact") == "customerid_contact"
    assert catalog.sales_table("salesorderdetail").navigation("quotedetailid") == "QuoteDetailId"
    with pytest.raises(ConfigError, match="one of account, contact"):
        quote.navigation("customerid")


@pytest.mark.parametrize(
    ("look", "message"),
    [
        (lambda: catalog.sales_table("accout"), "Did you mean 'account'"),
        (lambda: catalog.sales_table_by_set("account"), "Did you mean 'accounts'"),
        (lambda: catalog.sales_table("account").column("zzz"), "table account has no column 'zzz'."),
        (lambda: catalog.finops_entity("customersv2"), "Did you mean 'CustomersV2'"),
        (lambda: catalog.finops_entity("CustomersV2").property("CUSTOMERACCOUNT"), "'CustomerAccount'"),
        (lambda: catalog.enum("NoYess"), "Did you mean 'NoYes'"),
    ],
)
def test_unknown_names_are_answered_with_known_ones(look: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        look()
    assert message in str(caught.value)


def test_nothing_can_be_changed() -> None:
    members = catalog.enum("NoYes")
    with pytest.raises(TypeError):
        members["Maybe"] = 2  # type: ignore[index]
    assert catalog.sales_table("account") is catalog.sales_table("account")
