"""Paths: what they write, and what is refused where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.errors import ConfigError
from p2c.templates.catalog import Sort
from p2c.templates.paths import Column, Follow, ParseError, Path, Target, leaves, parse, parse_at, root
from p2c.templates.resolve import bind, cells, is_own

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)


def followed(paths: st.SearchStrategy[Path]) -> st.SearchStrategy[Path]:
    plain = st.builds(lambda name, path: Follow(name, (Target("", path),)), NAMES, paths)
    several = st.builds(
        lambda name, tables, path: Follow(name, tuple(Target(table, path) for table in tables)),
        NAMES,
        st.lists(NAMES, min_size=1, max_size=3, unique=True),
        paths,
    )
    return plain | several


PATHS: st.SearchStrategy[Path] = st.recursive(NAMES.map(Column), followed, max_leaves=4)


def outcome(text: str) -> Path | ParseError:
    try:
        return parse(text)
    except ParseError as error:
        return error


@given(PATHS)
def test_what_is_written_is_read_back(path: Path) -> None:
    assert parse(str(path)) == path


@given(PATHS, st.sampled_from([" eq 1", ")", ",", " ", "'"]))
def test_a_path_ends_where_it_ends(path: Path, rest: str) -> None:
    assert parse_at(f"({path}{rest}", 1) == (path, 1 + len(str(path)))


@given(st.text(alphabet="ab.()A_1 ", max_size=14))
def test_any_text_is_a_path_or_an_error_with_a_position(text: str) -> None:
    found = outcome(text)
    if isinstance(found, ParseError):
        assert 0 <= found.position <= len(text)
        assert f"position {found.position + 1} " in str(found)
    else:
        assert str(found).casefold() == text.casefold()


@pytest.mark.parametrize(
    ("text", "position"),
    [("", 0), ("a.", 2), ("a.b(", 4), ("a.B(c", 5), ("a.B(c).d", 8), ("a.B(c).B(d)", 7), ("1a", 0), ("a b", 1)],
)
def test_the_position_of_a_mistake(text: str, position: int) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert caught.value.position == position


def test_a_polymorphic_lookup() -> None:
    path = parse("customerid.Account(accountnumber).Contact(msdynce_contactnumber)")
    assert path == Follow(
        "customerid", (Target("account", Column("accountnumber")), Target("contact", Column("msdynce_contactnumber")))
    )
    assert root(path) == "customerid"
    assert list(leaves(path)) == ["accountnumber", "msdynce_contactnumber"]


def test_the_owner_of_another_row() -> None:
    path = parse("ownerid.salesorderid.ordernumber")
    assert isinstance(path, Follow)
    assert str(path.borrowed) == "salesorderid.ordernumber"
    other = parse("ownerid.Team(name)")
    assert isinstance(other, Follow)
    assert other.borrowed is None


@pytest.mark.parametrize(
    ("entity_set", "text", "bound"),
    [
        ("quotes", "name", "name"),
        (
            "quotes",
            "transactioncurrencyid.isocurrencycode",
            "transactioncurrencyid.Transactioncurrency(isocurrencycode)",
        ),
        ("invoices", "ownerid.salesorderid.ordernumber", "ownerid.salesorderid.Salesorder(ordernumber)"),
        (
            "productpricelevels",
            "pricelevelid.transactioncurrencyid.isocurrencycode",
            "pricelevelid.Pricelevel(transactioncurrencyid.Transactioncurrency(isocurrencycode))",
        ),
    ],
)
def test_the_catalog_says_where_a_lookup_leads(entity_set: str, text: str, bound: str) -> None:
    assert str(bind(parse(text), entity_set.removesuffix("s"))) == bound
    assert [cell.sort for cell in cells("sales", entity_set, parse(text))] == [Sort.TEXT]


@pytest.mark.parametrize(
    ("system", "entity_set", "text", "message"),
    [
        ("sales", "quotes", "nmae", "table quote has no column 'nmae'. Did you mean 'name'"),
        ("sales", "quotes", "name.x", "name is no lookup"),
        ("sales", "quotes", "customerid.name", "customerid.Account(...), customerid.Contact(...)"),
        ("sales", "quotes", "customerid.Team(name)", "customerid does not lead to 'team', but to account or contact"),
        ("sales", "quotedetails", "quoteid.customerid.Account(parentaccountid.name)", "more than 2 lookups"),
        ("sales", "quotes", "msdynce_nothing", "table quote has no column 'msdynce_nothing'"),
        ("finops", "CustomersV2", "Name.x", "have none"),
        ("finops", "CustomersV2", "CustomerAcount", "Did you mean 'CustomerAccount'"),
        ("sales", "quote", "name", "Sales has no entity set 'quote'. Did you mean 'quotes'"),
    ],
)
def test_what_the_catalog_refuses(system: str, entity_set: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        cells("sales" if system == "sales" else "finops", entity_set, parse(text))
    assert message in str(caught.value)


def test_columns_of_ones_own() -> None:
    assert is_own("abc_segment")
    assert not is_own("msdyn_segment")
    assert not is_own("segment")
    assert [cell.sort for cell in cells("sales", "quotes", parse("abc_segment"))] == [Sort.UNKNOWN]
    assert [cell.sort for cell in cells("sales", "quotes", parse("abc_area.Abc_area(abc_name)"))] == [Sort.UNKNOWN]
    assert [cell.sort for cell in cells("finops", "CustomersV2", parse("OurField"), custom=True)] == [Sort.UNKNOWN]
