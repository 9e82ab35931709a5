"""The project: one customer's environments, legal entities and changes to the templates, in one file.

A change names what it changes (template, task, destination field) and says only what is different.
`effective_templates` gives the templates as they then are, checked again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, PrivateAttr, field_validator, model_validator

from p2c.equality import fold_key
from p2c.errors import ConfigError, Problem
from p2c.templates.catalog import did_you_mean
from p2c.templates.changes import TemplateChange
from p2c.templates.checks import mistakes
from p2c.templates.jsonfile import pointer, read_json, validate
from p2c.templates.load import builtin_templates, load_template, ordered, ordering_problems, template_hash
from p2c.templates.merge import merge
from p2c.templates.models import Model, Template

__all__ = [
    "ConnectionSet",
    "Environment",
    "LegalEntitySettings",
    "Owner",
    "Project",
    "effective_templates",
    "load_project",
    "ordered",
    "parse_project",
    "template_hash",
]

_LEGAL_ENTITY = re.compile(r"^[a-z0-9]{1,4}$")
_LOCAL = ("localhost", "127.0.0.1", "[::1]")


class Environment(Model):
    """One of the two environments: its address, for example `https://contoso.crm.dynamics.com`."""

    url: str

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise ValueError(f"{url!r} is no address like https://contoso.crm.dynamics.com")
        if parts.scheme == "http" and parts.netloc.rsplit(":", 1)[0] not in _LOCAL:
            raise ValueError(f"{url!r} must begin with https://")
        if parts.query or parts.fragment or parts.username:
            raise ValueError(f"{url!r} must be an address without query, fragment and user")
        return url.rstrip("/")


class Owner(Model):
    """Who owns the rows that are created in Sales: a team or a user, by name."""

    team: str = ""
    systemuser: str = ""

    @model_validator(mode="after")
    def _one(self) -> Owner:
        if bool(self.team) == bool(self.systemuser):
            raise ValueError("either a team or a systemuser must be named")
        return self


def _known_zone(name: str) -> str:
    try:
        if name:
            ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone like Europe/Berlin") from error
    return name


TimeZone = Annotated[str, AfterValidator(_known_zone), Field(alias="timeZone")]
"""The IANA name of a time zone."""


class LegalEntitySettings(Model):
    """Which business units of Sales (names or ids) belong to a legal entity, and who owns what is created there.

    `timeZone`: that of the legal entity, where it is not the connection set's.
    """

    business_units: Annotated[list[str], Field(alias="businessUnits")] = Field(default_factory=list)
    owner: Owner | None = None
    time_zone: TimeZone = ""


class ConnectionSet(Model):
    """The two environments and how they belong together.

    - `timeZone`: IANA name; in it Sales' moments that are shown as days are days. Each legal entity can have its own.
    - `legalEntities`: by `dataAreaId`. A single one without business units has all of Sales.
    - `masterLegalEntity`: whose products are those of Sales; needed when there are several.
    """

    sales: Environment
    finops: Environment
    time_zone: TimeZone = "UTC"
    legal_entities: Annotated[dict[str, LegalEntitySettings], Field(alias="legalEntities", min_length=1)]
    master_legal_entity: Annotated[str, Field(alias="masterLegalEntity")] = ""

    @field_validator("legal_entities")
    @classmethod
    def _lower_case(cls, entities: dict[str, LegalEntitySettings]) -> dict[str, LegalEntitySettings]:
        for name in entities:
            if not _LEGAL_ENTITY.match(name.lower()):
                raise ValueError(f"{name!r} is no legal entity: up to four letters and digits, as in usmf")
        lower = {name.lower(): settings for name, settings in entities.items()}
        if len(lower) < len(entities):
            raise ValueError("a legal entity is there twice")
        units = [fold_key(unit) for settings in entities.values() for unit in settings.business_units]
        if twice := sorted({unit for unit in units if units.count(unit) > 1}):
            raise ValueError(f"business units belong to one legal entity each, but {', '.join(twice)} to more")
        if len(entities) > 1 and any(not settings.business_units for settings in entities.values()):
            raise ValueError("with several legal entities each needs its businessUnits")
        return lower

    @field_validator("master_legal_entity")
    @classmethod
    def _lower(cls, name: str) -> str:
        return name.lower()

    @model_validator(mode="after")
    def _master(self) -> ConnectionSet:
        if self.master_legal_entity and self.master_legal_entity not in self.legal_entities:
            raise ValueError(f"masterLegalEntity {self.master_legal_entity!r} is not one of the legalEntities")
        return self

    def zone(self, legal_entity: str) -> ZoneInfo:
        """The time zone in which the days of a legal entity are."""
        return ZoneInfo(self.legal_entities[legal_entity].time_zone or self.time_zone or "UTC")

    @property
    def master(self) -> str:
        """The legal entity whose products are those of Sales; `""` when there are several and none was named."""
        only = next(iter(self.legal_entities)) if len(self.legal_entities) == 1 else ""
        return self.master_legal_entity or only


class Project(Model):
    """One customer's use of p2c. `templates`: changes by template id; `templateFiles`: templates of one's own."""

    schema_: Annotated[str, Field(alias="$schema")] = ""
    name: Annotated[str, Field(min_length=1, max_length=100)]
    connection_set: Annotated[ConnectionSet, Field(alias="connectionSet")]
    templates: dict[str, TemplateChange] = Field(default_factory=dict)
    template_files: Annotated[list[str], Field(alias="templateFiles")] = Field(default_factory=list)

    _file: Path = PrivateAttr(default=Path("project"))

    @property
    def file(self) -> Path:
        """Where the project was read; template files are found beside it."""
        return self._file


def load_project(file: Path) -> Project:
    """The project in a file. Raises ConfigError with every mistake; what depends on templates is not checked yet."""
    return parse_project(read_json(file), file)


def parse_project(raw: Any, file: Path = Path("project")) -> Project:
    """The project that parsed JSON describes; `file` names it in problems. Raises ConfigError like `load_project`."""
    project = validate(Project, raw, str(file))
    project._file = file
    return project


def effective_templates(project: Project) -> dict[str, Template]:
    """All templates of a project by id, built in and own, enabled or not, with its changes applied.

    Raises ConfigError with every mistake that the changes make; each points to the place in the project file.
    """
    name = str(project.file)
    templates, found = _all_templates(project)
    effective: dict[str, Template] = dict(templates)
    for identity, change in project.templates.items():
        if identity not in templates:
            hint = did_you_mean(identity, templates) or f"There are: {', '.join(templates)}."
            found.append(Problem(name, pointer("templates", identity), f"there is no template {identity!r}. {hint}"))
            continue
        merged = merge(templates[identity], change)
        effective[identity] = merged.template
        at = ("templates", identity)
        found += [Problem(name, pointer(*at, *place), message) for place, message in merged.mistakes]
        for place, message in mistakes(merged.template):
            origin = merged.origin(place)
            # Made wrong by what the change takes away: only the place in the template can be told.
            shown = f"{pointer(*place)}: {message}" if origin is None else message
            found.append(Problem(name, pointer(*at, *(origin or ())), shown))
    for identity, where, message in ordering_problems(effective):
        found.append(Problem(name, pointer("templates", identity), f"{where}: {message}"))
    found += [
        Problem(
            name, pointer("templates", one.id, "putsBack"), f"{one.puts_back!r} is no template of family {one.family}"
        )
        for one in effective.values()
        if one.puts_back and getattr(effective.get(one.puts_back), "family", None) != one.family
    ]
    if not project.connection_set.master and any(one.enabled and one.scope != "each" for one in effective.values()):
        where = pointer("connectionSet", "masterLegalEntity")
        found.append(Problem(name, where, "with several legal entities, name the one whose products Sales has"))
    if found:
        raise ConfigError(f"{name} is wrong.", problems=tuple(found))
    return effective


def _all_templates(project: Project) -> tuple[Mapping[str, Template], list[Problem]]:
    """The templates without changes, and what is wrong with the files of the project's own."""
    templates = dict(builtin_templates())
    found: list[Problem] = []
    for index, text in enumerate(project.template_files):
        place = pointer("templateFiles", index)
        try:
            template = load_template(project.file.parent / text)
        except ConfigError as error:
            found += error.problems or (Problem(str(project.file), place, str(error)),)
            continue
        if template.id in templates:
            message = (
                f"there is a template {template.id!r} already: give it another id, or change that one in templates"
            )
            found.append(Problem(str(project.file), place, message))
            continue
        templates[template.id] = template
    return templates, found
