"""Projects: what they may say, what that does to the templates, and where their mistakes are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.errors import ConfigError
from p2c.templates.load import builtin_templates
from p2c.templates.models import Default, FieldMap, Template, ValueMap
from p2c.templates.project import Project, effective_templates, load_project, ordered, parse_project, template_hash
from tests.templates.support import Json, project, project_problems, to_finops

ACCOUNTS = "Accounts - Customers"


def changed(template: str, change: Json) -> Template:
    return effective_templates(project(templates={template: change}))[template]


def field(template: Template, destination: str, task: int = 0) -> FieldMap | None:
    return next((one for one in template.tasks[task].fields if one.destination == destination), None)


def test_a_project_without_changes_has_the_templates_of_the_package() -> None:
    assert effective_templates(project()) == dict(builtin_templates())


def test_schedule_and_enabled() -> None:
    template = changed("accounts", {"enabled": False, "schedule": "0 0 * * * *"})
    assert (template.enabled, template.schedule) == (False, "0 0 * * * *")
    assert template_hash(template) == template_hash(builtin_templates()["accounts"])


def test_the_source_filter_of_the_header() -> None:
    template = changed("quotes", {"filter": "abc_sync eq true"})
    assert [task.source.filter for task in template.tasks] == ["abc_sync eq true", ""]
    assert template_hash(template) != template_hash(builtin_templates()["quotes"])


def test_a_default_takes_another_value_and_keeps_its_ways() -> None:
    defaults = {"CustomerGroupId": "20", "IsExternallyMaintained": "No", "SiteId": None, "PaymentTerms": "Net30"}
    template = changed("accounts", {"defaults": {ACCOUNTS: defaults}})

    def default(name: str) -> Default:
        found = field(template, name)
        assert found is not None
        assert isinstance(found.transform[0], Default)
        return found.transform[0]

    assert (default("CustomerGroupId").value, default("CustomerGroupId").always) == ("20", False)
    assert (default("IsExternallyMaintained").value, default("IsExternallyMaintained").always) == ("No", True)
    assert default("PaymentTerms").value == "Net30"
    assert field(template, "SiteId") is None


def test_a_default_for_a_field_with_a_source() -> None:
    template = changed("accounts", {"defaults": {ACCOUNTS: {"SalesMemo": "none", "AddressDescription": None}}})
    memo, description = field(template, "SalesMemo"), field(template, "AddressDescription")
    assert memo is not None
    assert description is not None
    assert [type(one) for one in memo.transform] == [Default]
    assert description.transform == []
    assert description.source == "address1_name"


def test_entries_of_a_value_map_come_before_the_template_s() -> None:
    entries = {"": "DE", "holland": "NL"}
    template = changed("quotes", {"valueMaps": {"QuoteHeader": {"DeliveryAddressCountryRegionISOCode": entries}}})
    found = field(template, "DeliveryAddressCountryRegionISOCode")
    assert found is not None
    assert isinstance(found.transform[0], ValueMap)
    assert found.transform[0].values == entries
    assert found.transform[0].use == "countries"


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=10), min_size=1))
def test_merging_entries_loses_none(entries: dict[str, str]) -> None:
    template = changed("invoices", {"valueMaps": {"SalesInvoiceHeader": {"pricelevelid.name": entries}}})
    found = field(template, "pricelevelid.name")
    assert found is not None
    assert isinstance(found.transform[0], ValueMap)
    assert found.transform[0].values == {"USD": "CRM Service USA (sample)", **entries}


def test_fields_are_replaced_added_and_left_out() -> None:
    fields = {
        "NameAlias": {"source": "accountnumber"},
        "PaymentTerms": {"source": "abc_terms"},
        "OurField": {"source": "abc_text", "custom": True},
        "SalesMemo": None,
    }
    before = builtin_templates()["accounts"].tasks[0].fields
    template = changed("accounts", {"fields": {ACCOUNTS: fields}})
    after = [one.destination for one in template.tasks[0].fields]
    kept = [one.destination for one in before if one.destination != "SalesMemo"]
    assert after == [*kept, "PaymentTerms", "OurField"]
    alias = field(template, "NameAlias")
    assert alias == FieldMap(source="accountnumber", destination="NameAlias")


def test_a_field_may_change_when_it_is_written() -> None:
    once = changed("accounts", {"fields": {ACCOUNTS: {"CreditLimit": {"source": "creditlimit", "on": "create"}}}})
    assert [one.on for one in once.tasks[0].fields if one.destination == "CreditLimit"] == ["create"]


def test_a_field_of_one_line_kind_leaves_the_other_s() -> None:
    change = {
        "fields": {"SalesInvoiceLine": {"productdescription": {"source": "ProductNumber", "lineKind": "product"}}}
    }
    template = changed("invoices", change)
    found = [one for one in template.tasks[1].fields if one.destination == "productdescription"]
    assert [(one.line_kind, one.source) for one in found] == [("writeIn", "ProductName"), ("product", "ProductNumber")]


def test_rules_are_replaced_added_and_dropped() -> None:
    rules = {
        "activated": {"when": "statecode eq 1", "reason": "Only active quotes."},
        "external-products-only": None,
        "big": {"when": "totalamount gt 1000", "reason": "Small quotes stay in Sales."},
    }
    template = changed("quotes", {"rules": rules})
    assert [(rule.name, rule.when) for rule in template.header.rules] == [
        ("activated", "statecode eq 1"),
        ("big", "totalamount gt 1000"),
    ]


def test_guards_and_other_rules_are_found_by_name() -> None:
    template = changed("orders-to-finops", {"rules": {"finops-confirmed": None}})
    assert template.header.destination.guards == []
    template = changed("orders-to-sales", {"rules": {"canceled-before-sales": None, "line-totals-calculated": None}})
    assert template.update_only == []
    assert template.tasks[1].rules == []


@pytest.mark.parametrize(
    ("template", "change", "pointer", "message"),
    [
        ("accnts", {}, "/accnts", "Did you mean 'accounts'"),
        ("accounts", {"schedule": "hourly"}, "/accounts/schedule", "six fields"),
        ("accounts", {"defaults": {"Accounts": {}}}, "/accounts/defaults/Accounts", "There are: Accounts - Customers."),
        (
            "accounts",
            {"defaults": {ACCOUNTS: {"PartyType": 1}}},
            f"/accounts/defaults/{ACCOUNTS}/PartyType",
            "1 is no text",
        ),
        (
            "accounts",
            {"defaults": {ACCOUNTS: {"Nothing": "x"}}},
            f"/accounts/defaults/{ACCOUNTS}/Nothing/destination",
            "no property 'Nothing'",
        ),
        (
            "accounts",
            {"defaults": {ACCOUNTS: {"CreditLimit": None}}},
            f"/accounts/defaults/{ACCOUNTS}/CreditLimit",
            "has no default",
        ),
        (
            "accounts",
            {"valueMaps": {ACCOUNTS: {"CreditLimit": {"a": "b"}}}},
            f"/accounts/valueMaps/{ACCOUNTS}/CreditLimit",
            "has no value map",
        ),
        (
            "accounts",
            {"valueMaps": {ACCOUNTS: {"CreditLimi": {"a": "b"}}}},
            f"/accounts/valueMaps/{ACCOUNTS}/CreditLimi",
            "Did you mean 'CreditLimit'",
        ),
        (
            "products",
            {"valueMaps": {"Products": {"producttypecode": {"Item": 99}}}},
            "/products/valueMaps/Products/producttypecode/Item",
            "99 is none of the choices",
        ),
        (
            "quotes",
            {"fields": {"QuoteLine": {"Nothing": None}}},
            "/quotes/fields/QuoteLine/Nothing",
            "no field 'Nothing'",
        ),
        (
            "quotes",
            {"fields": {"QuoteLine": {"SalesPrice": {"source": "pricperunit"}}}},
            "/quotes/fields/QuoteLine/SalesPrice/source",
            "Did you mean 'priceperunit'",
        ),
        (
            "quotes",
            {"fields": {"QuoteLine": {"SalesPrice": {"source": "priceperunit", "destination": "Price"}}}},
            "/quotes/fields/QuoteLine/SalesPrice/destination",
            "leave the name out",
        ),
        (
            "quotes",
            {"fields": {"QuoteHeader": {"SalesQuotationNumber": None}}},
            "/quotes",
            "/tasks/0/destination/key/0: no field writes the key column 'SalesQuotationNumber'",
        ),
        ("quotes", {"rules": {"actvated": None}}, "/quotes/rules/actvated", "Did you mean 'activated'"),
        (
            "quotes",
            {"rules": {"activated": {"when": "statecode eq", "reason": "r"}}},
            "/quotes/rules/activated/when",
            "a value is expected",
        ),
        (
            "quotes",
            {"rules": {"new": {"when": "nothing eq 1", "reason": "r"}}},
            "/quotes/rules/new/when",
            "no column 'nothing'",
        ),
    ],
)
def test_mistakes_point_into_the_project(template: str, change: Json, pointer: str, message: str) -> None:
    found = project_problems(project(templates={template: change}))
    assert any(where == f"/templates{pointer}" and message in what for where, what in found), found


CONNECTIONS: Json = {
    "sales": {"url": "https://contoso.crm.dynamics.com/"},
    "finops": {"url": "http://127.0.0.1:8001/finops"},
    "timeZone": "Europe/Berlin",
    "legalEntities": {
        "USMF": {"businessUnits": ["Contoso US"], "owner": {"team": "Sales US"}},
        "demf": {"businessUnits": ["Contoso Germany", "Contoso Austria"]},
    },
    "masterLegalEntity": "USMF",
}


def test_a_connection_set() -> None:
    connection = project(connectionSet=CONNECTIONS).connection_set
    assert connection.sales.url == "https://contoso.crm.dynamics.com"
    assert list(connection.legal_entities) == ["usmf", "demf"]
    assert connection.master == "usmf"
    owner = connection.legal_entities["usmf"].owner
    assert owner is not None
    assert owner.team == "Sales US"


def test_the_only_legal_entity_is_the_master() -> None:
    assert project().connection_set.master == "usmf"


@pytest.mark.parametrize(
    ("place", "value", "pointer", "message"),
    [
        (["sales", "url"], "contoso.crm.dynamics.com", "/sales/url", "is no address"),
        (["sales", "url"], "http://contoso.example", "/sales/url", "must begin with https://"),
        (["sales", "url"], "https://me@contoso.example", "/sales/url", "without query, fragment and user"),
        (["timeZone"], "Mars/Olympus", "/timeZone", "is no time zone like Europe/Berlin"),
        (["legalEntities"], {}, "/legalEntities", "at least 1"),
        (["legalEntities"], {"toolong": {}}, "/legalEntities", "is no legal entity"),
        (["legalEntities"], {"a": {"businessUnits": ["X"]}, "b": {}}, "/legalEntities", "each needs its businessUnits"),
        (
            ["legalEntities"],
            {"a": {"businessUnits": ["X"]}, "b": {"businessUnits": ["x"]}},
            "/legalEntities",
            "belong to one legal entity each, but x to more",
        ),
        (["legalEntities", "demf", "owner"], {}, "/legalEntities/demf/owner", "either a team or a systemuser"),
        (["masterLegalEntity"], "frmf", "", "is not one of the legalEntities"),
        (["legalEntities", "demf", "colour"], 1, "/legalEntities/demf/colour", "'colour' is not known here"),
        (["timezone"], "UTC", "/timezone", "Did you mean 'timeZone'"),
        (["legalEntities", "demf"], "X", "/legalEntities/demf", "must be an object"),
        (["legalEntities", "demf", "businessUnits"], "X", "/legalEntities/demf/businessUnits", "must be a list"),
    ],
)
def test_mistakes_in_a_connection_set(place: list[str], value: Any, pointer: str, message: str) -> None:
    raw = json.loads(json.dumps(CONNECTIONS))
    here = raw
    for part in place[:-1]:
        here = here[part]
    here[place[-1]] = value
    with pytest.raises(ConfigError) as caught:
        project(connectionSet=raw)
    assert [problem.pointer for problem in caught.value.problems] == [f"/connectionSet{pointer}"]
    assert message in caught.value.problems[0].message


def test_several_legal_entities_need_a_master_for_products() -> None:
    raw = {name: value for name, value in CONNECTIONS.items() if name != "masterLegalEntity"}
    assert [where for where, _ in project_problems(project(connectionSet=raw))] == ["/connectionSet/masterLegalEntity"]
    assert project_problems(project(connectionSet=raw, templates={"products": {"enabled": False}})) == []


def written(folder: Path, *templates: Json) -> Project:
    names = [f"{index}.json" for index in range(len(templates))]
    for name, template in zip(names, templates, strict=True):
        (folder / name).write_text(json.dumps(template), encoding="utf-8")
    raw = {
        "name": "Contoso",
        "connectionSet": CONNECTIONS,
        "templateFiles": names,
        "templates": {"our-quotes": {"schedule": "0 0 1 * * *"}} if templates else {},
    }
    (folder / "project.json").write_text(json.dumps(raw), encoding="utf-8")
    return load_project(folder / "project.json")


def test_templates_of_ones_own(tmp_path: Path) -> None:
    own = effective_templates(written(tmp_path, {**to_finops(), "runsAfter": ["invoices"]}))
    assert own["our-quotes"].schedule == "0 0 1 * * *"
    assert [one.id for one in ordered(own)][-1] == "our-quotes"


def test_mistakes_in_templates_of_ones_own(tmp_path: Path) -> None:
    taken = {**to_finops(), "id": "quotes"}
    wrong = {**to_finops(), "family": ""}
    lost = {**to_finops(), "runsAfter": ["nothing"]}
    with pytest.raises(ConfigError) as caught:
        effective_templates(written(tmp_path, lost, taken, wrong))
    shown = [(Path(problem.file).name, problem.pointer) for problem in caught.value.problems]
    assert ("project.json", "/templateFiles/1") in shown
    assert ("2.json", "/family") in shown
    assert ("project.json", "/templates/our-quotes") in shown


def test_a_template_file_that_is_not_there(tmp_path: Path) -> None:
    project_file = tmp_path / "project.json"
    raw = {"name": "x", "connectionSet": CONNECTIONS, "templateFiles": ["none.json"]}
    with pytest.raises(ConfigError, match="There is no file"):
        effective_templates(parse_project(raw, project_file))


def test_only_shared_documents_have_a_scope(tmp_path: Path) -> None:
    raw = {
        "name": "x",
        "connectionSet": CONNECTIONS,
        "templates": {"products": {"scope": "union"}, "accounts": {"scope": "union"}},
    }
    with pytest.raises(ConfigError) as caught:
        effective_templates(parse_project(raw, tmp_path / "project.json"))
    (problem,) = caught.value.problems
    assert problem.pointer == "/templates/accounts/scope"
    assert "the documents of accounts belong to their legal entities" in problem.message


def test_what_a_project_does_not_know(tmp_path: Path) -> None:
    file = tmp_path / "project.json"
    file.write_text('{"name": "x", "deletes": {}, "templates": {"quotes": {"rule": {}}}}', encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_project(file)
    assert {problem.pointer for problem in caught.value.problems} == {
        "/connectionSet",
        "/deletes",
        "/templates/quotes/rule",
    }
