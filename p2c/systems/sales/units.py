"""Business units: which rows of Sales belong to a legal entity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from p2c.documents import LegalEntity
from p2c.systems.odata import literals
from p2c.templates.catalog import SalesTable

COLUMN = "owningbusinessunit"
STORED = "_owningbusinessunit_value"


def matter(table: SalesTable, legal_entity: LegalEntity) -> bool:
    """Whether rows of the table are told apart by business unit: they have owners, and legal entities are several."""
    return table.find(COLUMN) is not None and bool(legal_entity.business_units or legal_entity.others)


def clause(table: SalesTable, legal_entity: LegalEntity) -> str:
    """The filter for the rows of the legal entity; for the master also those that belong to none. Blank = all rows."""
    if not matter(table, legal_entity):
        return ""
    if legal_entity.others:
        return " and ".join(f"{STORED} ne {literals.guid(one)}" for one in legal_entity.others)
    return " or ".join(f"{STORED} eq {literals.guid(one)}" for one in legal_entity.business_units)


def may_be_own(row: Mapping[str, Any], legal_entity: LegalEntity) -> bool:
    """Whether a row would pass the filter of `clause`, as far as it was read with its business unit."""
    unit = str(row.get(STORED) or "").lower()
    if legal_entity.others:
        return unit not in {one.lower() for one in legal_entity.others}
    return not unit or not legal_entity.business_units or is_own(row, legal_entity)


def owner_of(table: SalesTable, row: Mapping[str, Any], legal_entity: LegalEntity) -> str:
    """The id of the legal entity, or "" when the row's business unit is mapped to none."""
    if not matter(table, legal_entity):
        return legal_entity.id
    return legal_entity.id if is_own(row, legal_entity) else ""


def neighbour(row: Mapping[str, Any], legal_entity: LegalEntity) -> str:
    """The other legal entity that the row belongs to, "" where it belongs to this one or to none."""
    return dict(legal_entity.neighbours).get(str(row.get(STORED) or "").lower(), "")


def is_own(row: Mapping[str, Any], legal_entity: LegalEntity) -> bool:
    """Whether the row's business unit is one of the legal entity's."""
    unit = str(row.get(STORED) or "").lower()
    return unit in {one.lower() for one in legal_entity.business_units}
