"""States and countries of addresses, in the templates that carry them."""

from __future__ import annotations

from typing import Any

import pytest

from p2c.documents import MappedDocument, NoteCode, Rejected, Row, SourceDocument
from p2c.mapping.context import Context
from p2c.mapping.mapper import Mapper
from p2c.templates.load import builtin_templates
from p2c.templates.models import State, Template, country_field
from tests.mapping import mapping_rows


def account(context: Context, **changed: Any) -> MappedDocument | Rejected:
    row: Row = {**mapping_rows.ACCOUNT, **changed}
    mapped = Mapper(builtin_templates()["accounts"], context).map(SourceDocument("A1", "id", row))
    assert isinstance(mapped, MappedDocument | Rejected)
    return mapped


@pytest.mark.parametrize(
    ("state", "country", "written"),
    [
        ("California", "United States", "CA"),
        ("CA", "U.S.A.", "CA"),
        ("ca", "US", "CA"),
        ("Bayern", "Deutschland", "BY"),
        ("Nordrhein-Westfalen", "Allemagne", "NW"),
        ("Somewhere", "Germany", "Somewhere"),
        ("Bayern", None, "Bayern"),
        (None, "Germany", None),
    ],
)
def test_a_state_goes_to_finops_as_its_code(
    context: Context, state: str | None, country: str | None, written: str | None
) -> None:
    mapped = account(context, address1_stateorprovince=state, address1_country=country)
    assert isinstance(mapped, MappedDocument)
    assert mapped.header.values["AddressState"] == written


def test_an_unknown_state_that_fits_is_written_with_a_note(context: Context) -> None:
    mapped = account(context, address1_stateorprovince="Bavariaa", address1_country="DE")
    assert isinstance(mapped, MappedDocument)
    (note,) = mapped.notes
    assert (note.code, note.field) == (NoteCode.UNKNOWN_STATE, "address1_stateorprovince")
    assert "templates/accounts/valueMaps/Accounts - Customers/AddressState" in note.reason


@pytest.mark.parametrize(("country", "reason"), [("Germany", "state of DE"), (None, "of no country")])
def test_an_unknown_state_that_is_too_long_is_rejected(context: Context, country: str | None, reason: str) -> None:
    mapped = account(context, address1_stateorprovince="Nowhere at all", address1_country=country)
    assert isinstance(mapped, Rejected)
    (flaw,) = mapped.flaws
    assert flaw.field == "address1_stateorprovince"
    assert reason in flaw.reason
    assert "add an entry 'Nowhere at all' in the project file" in flaw.reason


def test_an_unknown_country_is_rejected_once_and_names_the_place_for_an_entry(context: Context) -> None:
    mapped = account(context, address1_stateorprovince="CA", address1_country="Atlantis")
    assert isinstance(mapped, Rejected)
    (flaw,) = mapped.flaws
    assert flaw.field == "address1_country"
    assert "templates/accounts/valueMaps/Accounts - Customers/AddressCountryRegionISOCode" in flaw.reason


def test_every_state_of_an_address_is_mapped_by_its_country() -> None:
    missed = [
        f"{template.id}: {field.destination}"
        for template in builtin_templates().values()
        for task in template.tasks
        for field in task.fields
        if "state" in field.destination.lower()
        and any("address" in name.lower() or "shipto" in name or "billto" in name for name in field.sources)
        and country_field(field, task.fields) is None
    ]
    assert missed == []


@pytest.fixture
def orders(context: Context) -> Mapper:
    return Mapper(builtin_templates()["orders-to-sales"], context)


@pytest.mark.parametrize(
    ("mapped", "existing", "same"),
    [
        (("CA", "United States"), ("California", "USA"), True),
        (("CA", "United States"), ("ca", "United States"), True),
        (("BY", "Germany"), ("Bayern", "Deutschland"), True),
        (("BY", None), ("Bayern", "Deutschland"), True),
        (("CA", "United States"), ("California", "Germany"), False),
        (("CA", "United States"), ("Colorado", "United States"), False),
        (("CA", "United States"), (None, "United States"), False),
        ((None, "United States"), ("California", "United States"), False),
    ],
)
def test_a_state_in_sales_is_equal_by_its_country(
    orders: Mapper, mapped: tuple[str | None, str | None], existing: tuple[str | None, str | None], same: bool
) -> None:
    names = ("shipto_stateorprovince", "shipto_country")
    wanted = {name: value for name, value in zip(names, mapped, strict=True) if value is not None}
    assert orders.same_state("OrderHeader", names[0], wanted, dict(zip(names, existing, strict=True))) is same


def test_names_of_one_country_are_equal_in_sales(orders: Mapper) -> None:
    assert orders.same("OrderHeader", "shipto_country", "Germany", "Deutschland")
    assert not orders.same("OrderHeader", "shipto_country", "Germany", "France")
    assert not orders.same("OrderHeader", "shipto_country", "Germany", "Atlantis")


def test_the_states_count_in_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    from p2c.templates import load

    template: Template = builtin_templates()["accounts"]
    assert any(isinstance(one, State) for field in template.header.fields for one in field.transform)
    before = load.template_hash(template)
    monkeypatch.setattr(load, "states", lambda: {"US": {"california": "CA"}})
    assert load.template_hash(template) != before
