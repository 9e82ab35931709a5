"""What a run must know of the two environments before it starts: columns, currencies, business units, owners.

Whatever is wrong here is a ConfigError, raised before the first write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from p2c.documents import LegalEntity
from p2c.equality import fold_key
from p2c.errors import ConfigError, Problems
from p2c.mapping.context import UTC_ZONE, Context
from p2c.systems.sales.metadata import Metadata, Owners
from p2c.templates import catalog, paths
from p2c.templates.models import Template
from p2c.templates.project import LegalEntitySettings, Project
from p2c.templates.resolve import SPREAD
from p2c.templates.valuemaps import shared_maps

Columns = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Environment:
    """What was found: the columns of each Sales table, decimals per currency and of prices, and the legal entities.

    `zones` are the time zones of the legal entities.
    """

    columns: Columns
    currencies: Mapping[str, int]
    price_precision: int
    zones: Mapping[str, ZoneInfo]
    legal_entities: Mapping[str, LegalEntity]
    master: str

    def context(self, template: Template, legal_entity: str) -> Context:
        """What mapping needs for a template and a legal entity. Raises ConfigError for a table that Sales lacks."""
        return Context(
            legal_entity=legal_entity,
            time_zone=self.zones.get(legal_entity, UTC_ZONE),
            currency_precision=self.currencies,
            price_precision=self.price_precision,
            value_maps=shared_maps(),
            absent=self._absent(template),
        )

    def _absent(self, template: Template) -> frozenset[tuple[str, str]]:
        """Columns that Sales lacks, out of the catalog and of the own columns that a customer's template names."""
        named = _named(template)
        if lacking := sorted({table for table, _ in named} - self.columns.keys()):
            raise ConfigError(
                f"Sales shows no table {', '.join(lacking)}, which {template.id} needs.",
                hint="Check that the Sales app is installed and that the application user may read it.",
            )
        known = {(name, column) for name in self.columns for column in catalog.sales_table(name).columns}
        return frozenset((table, column) for table, column in known | named if column not in self.columns[table])


async def survey(project: Project, sales: Metadata) -> Environment:
    """What the environments are like. Raises ConfigError for a project that does not fit them."""
    units = await sales.business_units()
    return Environment(
        columns=await sales.columns(sorted(catalog.sales_tables())),
        currencies=await sales.currencies(),
        price_precision=await sales.price_precision(),
        zones={name: project.connection_set.zone(name) for name in project.connection_set.legal_entities},
        legal_entities=await _legal_entities(project, units, sales),
        master=project.connection_set.master,
    )


async def _legal_entities(project: Project, units: Mapping[str, str], sales: Metadata) -> dict[str, LegalEntity]:
    """The project's legal entities, names of business units and owners turned into ids."""
    mapping = project.connection_set.legal_entities
    problems = Problems(str(project.file))
    belonging = {name: _units(name, one.business_units, units, problems) for name, one in mapping.items()}
    several = len(mapping) > 1
    found: dict[str, LegalEntity] = {}
    for name, one in mapping.items():
        own = belonging[name] if several else ()
        master = several and name == project.connection_set.master
        found[name] = LegalEntity(
            id=name.lower(),
            business_units=own,
            others=tuple(unit for other, ids in belonging.items() if other != name for unit in ids) if master else (),
            owner=await _owner(name, one, units, own, sales, problems),
            neighbours=tuple(
                (unit.lower(), other.lower()) for other, ids in belonging.items() if other != name for unit in ids
            ),
        )
    problems.raise_if_any("The project's legal entities do not fit this environment of Sales.")
    return found


def _units(name: str, wanted: Sequence[str], units: Mapping[str, str], problems: Problems) -> tuple[str, ...]:
    """The ids of business units that a legal entity names, by name or by id."""
    by_name = {fold_key(title): identifier for title, identifier in units.items()}
    by_id = {fold_key(identifier): identifier for identifier in units.values()}
    found: list[str] = []
    for index, unit in enumerate(wanted):
        identifier = by_id.get(fold_key(unit)) or by_name.get(fold_key(unit))
        if identifier is not None:
            found.append(identifier)
            continue
        pointer = f"/connectionSet/legalEntities/{name}/businessUnits/{index}"
        problems.add(pointer, f"Sales has no business unit {unit!r}. {catalog.did_you_mean(unit, units)}".strip())
    return tuple(found)


async def _owner(
    name: str,
    wanted: LegalEntitySettings,
    units: Mapping[str, str],
    own: Sequence[str],
    sales: Metadata,
    problems: Problems,
) -> tuple[str, str] | None:
    """Who owns the rows that we create: whom the project names, else the business unit's team if there are several."""
    kind: Owners = "teams"
    title = next((title for title, identifier in units.items() if own and identifier == own[0]), "")
    if wanted.owner is not None:
        kind = "teams" if wanted.owner.team else "systemusers"
        title = wanted.owner.team or wanted.owner.systemuser
    if not title:
        return None
    found = await sales.owners(kind, [title])
    if title in found:
        return kind, found[title]
    advice = "" if wanted.owner else "; it would own the rows created for this legal entity: name an owner"
    problems.add(f"/connectionSet/legalEntities/{name}/owner", f"Sales has no {kind[:-1]} {title!r}{advice}")
    return None


def _named(template: Template) -> set[tuple[str, str]]:
    """(table, column) of every column of Sales that a template's fields name on the row itself."""
    found: set[tuple[str, str]] = set()
    for task in template.tasks:
        if template.destination == "sales":
            table = catalog.sales_table_by_set(task.destination.entity).name
            found.update((table, paths.root(paths.parse(one.destination))) for one in task.fields)
        elif task.source.entity:
            table = catalog.sales_table_by_set(task.source.entity).name
            names = {name for one in task.fields for name in one.reads} - SPREAD
            found.update((table, paths.root(paths.parse(name))) for name in names)
    return found
