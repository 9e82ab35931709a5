"""What all rules share: the write under way, references into other tables, texts and addresses."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox.finops.books import Books
from sandbox.finops.catalog import EntitySet
from sandbox.finops.countries import COUNTRIES, ISO_BY_ID
from sandbox.finops.infolog import InfologError, Line, not_found, refused
from sandbox.wire.store import Row

Values = dict[str, Any]


@dataclass(frozen=True)
class Write:
    """A write under way: the data, the entity set that it came through, the company, and who writes.

    ``system`` marks the application's own people: they may set what the application computes.
    """

    books: Books
    entity: EntitySet
    company: str
    system: bool = False

    def field(self, name: str) -> str:
        """Entity and field, as messages name them."""
        return f"{self.entity.application_name}.{name}"


@dataclass(frozen=True)
class Reference:
    """A field whose value must be the key of a row elsewhere, unless empty."""

    field: str
    label: str
    table: str
    related: str
    by_company: bool = True

    def check(self, write: Write, value: str) -> None:
        """Raises InfologError when the table has no such row."""
        key = (write.company, value) if self.by_company else (value,)
        if value and not write.books.has(self.table, *key):
            raise not_found(value, self.label, self.related, write.field(self.field))


class Rules(ABC):
    """Business logic of one backing table. The base refuses nothing and computes nothing."""

    table: ClassVar[str]
    read_only: ClassVar[bool] = False
    computed: ClassVar[frozenset[str]] = frozenset()
    references: ClassVar[tuple[Reference, ...]] = ()

    def create(self, write: Write, given: Values) -> Row:
        """Adds a row from the given values and gives it whole. Raises InfologError."""
        self.check_computed(write, given)
        row = self.prepare(write, given)
        self.check_references(write, row)
        return write.books.add(self.table, row)

    def prepare(self, write: Write, given: Values) -> Row:
        """The row to be added: defaults filled, checked."""
        return given

    def update(self, write: Write, row: Row, given: Values) -> Row:
        """Writes the given values to the row and gives it whole. Raises InfologError."""
        self.check_computed(write, given)
        changes = self.revise(write, row, given)
        self.check_references(write, changes)
        return write.books.change(self.table, row, changes)

    def revise(self, write: Write, row: Row, given: Values) -> Values:
        """What is written when these values are given: checked, with what follows from them."""
        return given

    def delete(self, write: Write, row: Row) -> None:
        """Removes the row. Raises InfologError."""
        write.books.remove(self.table, row)

    def check_references(self, write: Write, values: Mapping[str, Any]) -> None:
        """Every reference among the values must be there. Raises InfologError."""
        for reference in self.references:
            if reference.field in values:
                reference.check(write, values[reference.field])

    def check_computed(self, write: Write, given: Values) -> None:
        """Fields that the application computes are refused or dropped, as the options say. Raises InfologError."""
        if write.system:
            return
        for name in sorted(self.computed & given.keys()):
            if write.books.options.read_only_fields == "refuse":
                raise InfologError(Line("Error", f"Field '{name}' cannot be edited."))
            del given[name]


def fit_texts(write: Write, given: Values) -> None:
    """Applies the fields' lengths: a longer text is refused or cut, as the options say. Raises InfologError."""
    options = write.books.options
    for name, value in given.items():
        if not isinstance(value, str):
            continue
        longest = options.lengths.get(name)
        if longest is None or len(value) <= longest:
            continue
        if options.text_too_long == "refuse":
            raise refused(
                f"The value of field '{name}' is longer than {longest} characters.",
                f"validateField failed on field '{write.field(name)}'.",
            )
        given[name] = value[:longest]


def settle_country(write: Write, values: Values, prefix: str) -> None:
    """Checks the country of an address and sets the one of id and ISO code that is missing. Raises InfologError."""
    iso_name, id_name = f"{prefix}CountryRegionISOCode", f"{prefix}CountryRegionId"
    if iso_name in values:
        iso = values[iso_name].upper()
        if iso and iso not in COUNTRIES:
            raise not_found(values[iso_name], "ISO code", "Address country/region information", write.field(iso_name))
        values[iso_name], values[id_name] = iso, COUNTRIES.get(iso, "")
    elif values.get(id_name):
        country = values[id_name].upper()
        if country not in ISO_BY_ID:
            raise not_found(
                values[id_name], "Country/region", "Address country/region information", write.field(id_name)
            )
        values[iso_name], values[id_name] = ISO_BY_ID[country], country


def formatted_address(street: str, city: str, state: str, zip_code: str, country: str) -> str:
    """An address as one text of several lines."""
    place = " ".join(part for part in (f"{city}," if city and state else city, state, zip_code) if part)
    return "\n".join(part for part in (street, place, country) if part)


def language(text: str) -> str:
    """A language id in the form in which the application gives it back: ``en-us`` becomes ``en-US``."""
    first, dash, rest = text.partition("-")
    region = rest.upper() if len(rest) == 2 else rest.capitalize()
    return f"{first.lower()}{dash}{region}"
