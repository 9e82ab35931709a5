"""Literals, keys, filters: exact text, and round trips through independent readers."""

from __future__ import annotations

import json
import string as alphabets
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from urllib.parse import parse_qsl, unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odata_query import ast
from odata_query.grammar import ODataLexer, ODataParser

from p2c.errors import Validation
from p2c.systems.odata import literals

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def unquoted(literal: str) -> str:
    """Reads a string literal as OData ABNF has it: quotes at the ends, doubled inside."""
    assert literal[0] == literal[-1] == "'"
    inner = literal[1:-1]
    assert "'" not in inner.replace("''", "")
    return inner.replace("''", "'")


def parsed(text: str) -> ast._Node:
    tree: ast._Node = ODataParser().parse(ODataLexer().tokenize(text))
    return tree


@given(texts)
def test_any_text_survives_a_string_literal(value: str) -> None:
    assert unquoted(literals.string(value)) == value


@given(st.text(alphabets.ascii_letters + "' -_&+/", max_size=30))
def test_a_parser_of_its_own_reads_the_same_string(value: str) -> None:
    tree = parsed(literals.equals("name", value))
    assert isinstance(tree, ast.Compare)
    assert isinstance(tree.right, ast.String)
    assert tree.right.val == value


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20))
def test_numbers_have_their_digits_and_no_exponent(value: Decimal) -> None:
    text = literals.number(value)
    assert Decimal(text) == value
    assert "E" not in text.upper()


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("O'Brien", "String", "'O''Brien'"),
        (7, "String", "'7'"),
        (None, "String", "null"),
        (GUID.upper(), "Uniqueidentifier", GUID),
        (GUID, "Lookup", GUID),
        (Decimal("5.10"), "Money", "5.10"),
        (Decimal("1E+3"), "Decimal", "1000"),
        ("12", "Int64", "12"),
        (647390000, "Picklist", "647390000"),
        (True, "Boolean", "true"),
        (True, "", "true"),
        (3, "", "3"),
        ("x", "", "'x'"),
        ("2026-07-23", "Date", "2026-07-23T12:00:00Z"),
        ("2026-07-23T12:00:00Z", "Date", "2026-07-23T12:00:00Z"),
        ("2026-07-23", "DateTime", "2026-07-23"),
        ("2026-07-23T01:02:03.5+02:00", "UtcDateTime", "2026-07-23T01:02:03.5+02:00"),
        ("Yes", "enum NoYes", "Microsoft.Dynamics.DataEntities.NoYes'Yes'"),
    ],
)
def test_literals_of_each_kind(value: str | int | Decimal | None, kind: str, expected: str) -> None:
    assert literals.literal(value, kind=kind) == expected


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("no guid", "Guid"),
        ("1 or 1 eq 1", "Int32"),
        (True, "Int32"),
        ("yesterday", "DateTime"),
        ("2026-07-23 or true", "Date"),
        ("Yes' or 1 eq 1", "enum NoYes"),
        ("true", "Boolean"),
        (1, "Guid"),
        ("x", "Blob"),
        (Decimal("NaN"), "Decimal"),
    ],
)
def test_what_is_not_of_a_kind_is_refused(value: str | int | Decimal, kind: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        literals.literal(value, kind=kind)


def test_key_segments() -> None:
    assert literals.key_segment("accounts", GUID.upper()) == f"accounts({GUID})"
    assert (
        literals.key_segment("CustomersV2", {"dataAreaId": "usmf", "CustomerAccount": "O'Brien"})
        == "CustomersV2(dataAreaId='usmf',CustomerAccount='O''Brien')"
    )
    segment = literals.key_segment("L", {"N": "a/b?c#d%e&f é", "Line": 1, "D": "2026-07-23"}, kinds={"D": "Date"})
    assert segment == "L(N='a%2Fb%3Fc%23d%25e%26f%20%C3%A9',Line=1,D=2026-07-23T12%3A00%3A00Z)"
    with pytest.raises(ValueError, match="needs a key"):
        literals.key_segment("accounts", {})


@given(texts)
def test_a_key_of_any_text_stays_one_path_segment(value: str) -> None:
    segment = literals.key_segment("CustomersV3", {"CustomerAccount": value})
    assert "/" not in segment
    url = httpx.URL(f"https://host/data/{segment}?cross-company=true")
    assert url.query == b"cross-company=true"
    on_the_wire = url.raw_path.decode().split("?")[0].removeprefix("/data/CustomersV3(CustomerAccount=")
    assert unquoted(unquote(on_the_wire).removesuffix(")")) == value


@given(st.dictionaries(st.sampled_from(["$filter", "$select", "@p1", "@p2"]), texts.filter(bool)))
def test_a_query_is_read_back_as_it_was(params: dict[str, str]) -> None:
    url = httpx.URL(f"https://host/x?{literals.query(params)}")
    read = {
        unquote(pair.split("=", 1)[0]): unquote(pair.split("=", 1)[1]) for pair in url.query.decode().split("&") if pair
    }
    assert read == params
    # A reader of forms, which takes `+` for a blank, sees the same.
    assert dict(parse_qsl(url.query.decode(), keep_blank_values=True)) == params


def test_half_a_character_is_the_rows_fault() -> None:
    with pytest.raises(Validation):
        literals.query({"$filter": "name eq '\ud83d'"})


def test_blank_options_are_left_out() -> None:
    assert literals.query({"$filter": "", "$select": "name"}) == "$select=name"


@given(st.lists(texts, min_size=1))
def test_in_values_are_json_behind_an_alias(values: list[str]) -> None:
    clause, params = literals.in_values("accountnumber", values, alias="k")
    assert clause == "Microsoft.Dynamics.CRM.In(PropertyName=@k1,PropertyValues=@k2)"
    assert params["@k1"] == "'accountnumber'"
    assert json.loads(params["@k2"]) == values


@pytest.mark.parametrize("character", "/<>*%&:\\?+")
def test_each_character_that_breaks_an_alternate_key_is_known(character: str) -> None:
    assert literals.breaks_alternate_key(f"A{character}1")
    assert not literals.breaks_alternate_key("A'1-x.é_(2)")


def test_chains() -> None:
    assert literals.any_of(["a eq 1"]) == "a eq 1"
    assert literals.any_of(["a eq 1", "a eq 2"]) == "(a eq 1 or a eq 2)"
    assert literals.all_of(["", "a eq 1 or b eq 2", "c eq 3"]) == "(a eq 1 or b eq 2) and (c eq 3)"
    assert literals.all_of([" "]) == ""
    with pytest.raises(ValueError, match="needs a clause"):
        literals.any_of([])


@given(st.lists(st.text("ab'", max_size=12)), st.integers(1, 60), st.integers(1, 10))
def test_chunks_keep_order_fit_and_are_as_long_as_can_be(items: list[str], limit: int, count: int) -> None:
    def render(chunk: Sequence[str]) -> str:
        return ",".join(map(literals.string, chunk))

    chunks = list(literals.chunk_by_length(items, render, limit, count=count))
    assert [item for chunk in chunks for item in chunk] == items
    assert all(1 <= len(chunk) <= count for chunk in chunks)
    assert all(len(render(chunk)) <= limit or len(chunk) == 1 for chunk in chunks)
    for chunk, following in pairwise(chunks):
        assert len(chunk) == count or len(render([*chunk, following[0]])) > limit
