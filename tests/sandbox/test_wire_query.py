"""OData query options: parsing and $filter."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.wire.query import Clause, Dialect, QueryError, filter_clause, parse_options
from sandbox.wire.store import Store, TableSpec

ROWS: list[dict[str, Any]] = [
    {"number": "A-1", "name": "Alpha", "amount": Decimal("1.10"), "day": "2024-05-01", "open": True, "state": "Yes"},
    {"number": "B-2", "name": "it's", "amount": Decimal("20"), "day": "2024-05-02", "open": False, "state": "No"},
    {"number": "C-3", "name": "100%_x", "amount": Decimal("3"), "day": "1900-01-01", "open": True, "state": "No"},
]
ENUMS = {"Ns.NoYes": {"Yes": "Yes", "No": "No"}}


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    kinds = {
        "number": "text",
        "name": "text",
        "amount": "decimal",
        "day": "date",
        "open": "boolean",
        "state": "enum",
        "AllowedCount": "integer",
        "note": "text",
    }
    made = Store({"rows": TableSpec(kinds, ("number",), (), {"AllowedCount": 7})})
    for row in ROWS:
        made.insert("rows", row)
    yield made
    made.close()


def found(store: Store, text: str, dialect: Dialect | None = None) -> str:
    clause = filter_clause(
        text,
        lambda name: store.column("rows", name),
        lambda kind, symbol: ENUMS[kind][symbol],
        dialect or Dialect(),
    )
    return "".join(row["number"][0] for row in store.select("rows", clause))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("number eq 'a-1'", "A"),
        ("number ne 'A-1'", "BC"),
        ("'A-1' eq number", "A"),
        ("2 lt amount", "BC"),
        ("amount eq 1.1", "A"),
        ("amount gt 2.5 and amount lt 19.99", "C"),
        ("amount ge -1", "ABC"),
        ("name eq 'it''s'", "B"),
        ("number gt 'A-1'", "BC"),
        ("number eq 'A-1' or number eq 'C-3'", "AC"),
        ("number eq 'A-1' or amount eq 3", "AC"),
        ("(number eq 'A-1' or number eq 'B-2') and open eq true", "A"),
        ("not (number eq 'A-1')", "BC"),
        ("open", "AC"),
        ("state eq Ns.NoYes'Yes'", "A"),
        ("state ne Ns.NoYes'Yes'", "BC"),
        ("day eq 2024-05-01T12:00:00Z", "A"),
        ("day gt 2024-05-01", "B"),
        ("AllowedCount eq 7", "ABC"),
        ("note eq null", "ABC"),
        ("note ne null", ""),
        ("number in ('A-1','B-2')", "AB"),
        ("number in ('A-1')", "A"),
        ("contains(name,'LPH')", "A"),
        ("startswith(name,'100%_')", "C"),
        ("endswith(number,'-2')", "B"),
        ("contains(name,'_')", "C"),
        ("tolower(name) eq 'alpha'", "A"),
        ("name eq 'or eq Ns.NoYes''Yes'''", ""),
    ],
)
def test_filters(store: Store, text: str, expected: str) -> None:
    assert found(store, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "number eq",
        "nothing eq 1",
        "amount eq 'x'",
        "number eq 1",
        "state eq 'Yes'",
        "state gt Ns.NoYes'Yes'",
        "state eq Ns.NoYes'Maybe'",
        "state eq Ns.Other'Yes'",
        "number eq Ns.NoYes'Yes'",
        "length(name) eq 3",
        "Ns.Unknown(a='b')",
        "number eq @p1",
        "amount gt null",
        "number",
        "1 eq 1",
    ],
)
def test_what_a_service_refuses(store: Store, text: str) -> None:
    with pytest.raises(QueryError):
        found(store, text)


def test_what_a_dialect_forbids(store: Store) -> None:
    strict = Dialect(allow_in=False, text_order=False, text_functions=False)
    for text in ("number in ('A-1','B-2')", "number gt 'A-1'", "contains(name,'a')"):
        with pytest.raises(QueryError):
            found(store, text, strict)
    assert found(store, "amount gt 2", strict) == "BC"


def test_wildcards_are_patterns_only_where_the_dialect_says_so(store: Store) -> None:
    wild = Dialect(wildcards=True)
    assert found(store, "name eq '*LPH*'", wild) == "A"
    assert found(store, "name ne '*l*'", wild) == "BC"
    assert found(store, "name eq '100%_*'", wild) == "C"
    assert found(store, "name eq '*lph*' or name eq 'it''s'", wild) == "AB"
    assert found(store, "name eq '*lph*'") == ""


def test_functions_and_aliases(store: Store) -> None:
    def among(arguments: Mapping[str, Any]) -> Clause:
        return store.column("rows", arguments["PropertyName"]).in_(arguments["PropertyValues"])

    functions = {"Microsoft.Dynamics.CRM.In": among}
    aliased = Dialect(functions=functions, aliases={"@p1": "'name'", "@p2": '["it\'s","Alpha"]', "@n": "'B-2'"})
    call = "Microsoft.Dynamics.CRM.In(PropertyName={},PropertyValues={})"
    assert found(store, call.format("@p1", "@p2"), aliased) == "AB"
    assert found(store, call.format("'name'", "['it''s','x']"), aliased) == "B"
    assert found(store, call.format("'name'", '["it\'s"]') + " and open eq false", aliased) == "B"
    assert found(store, "number eq @n", aliased) == "B"


def test_a_chain_of_thousands_is_no_problem(store: Store) -> None:
    keys = " or ".join(f"number eq 'X-{number}'" for number in range(2000))
    assert found(store, f"{keys} or number eq 'C-3'") == "C"


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30))
def test_any_text_survives_the_way_through_a_literal(text: str) -> None:
    store = Store({"rows": TableSpec({"id": "integer", "name": "exact"}, ("id",))})
    store.insert("rows", {"id": 1, "name": text})
    literal = "'" + text.replace("'", "''") + "'"
    clause = filter_clause(f"name eq {literal} and id eq 1", lambda name: store.column("rows", name))
    assert store.count("rows", clause) == 1
    store.close()


def test_options() -> None:
    options = parse_options(
        "cross-company=true&$filter=a%20eq%20'x%26y'&$select=a,%20b&$orderby=a%20desc,b&$top=5&$skip=2&$count=true&@p=1"
    )
    assert options.filter == "a eq 'x&y'"
    assert options.select == ("a", "b")
    assert options.orderby == (("a", True), ("b", False))
    assert (options.top, options.skip, options.count) == (5, 2, True)
    assert options.other == {"cross-company": "true", "@p": "1"}
    assert parse_options("$select=*").select is None


@pytest.mark.parametrize("text", ["$top=-1", "$top=x", "$count=maybe", "$orderby=a%20up", "$top=1&$top=2"])
def test_malformed_options(text: str) -> None:
    with pytest.raises(QueryError):
        parse_options(text)
