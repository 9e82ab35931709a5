"""Which amounts, quantities and dates of a template's entities it maps, which it leaves out and why, and which neither.

A figure that a template forgets makes the totals of both systems differ without a word, so every one of them is mapped
or named in `leftOut` with a reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

from p2c.documents import SystemName
from p2c.templates.catalog import Sort, finops_entity, sales_table_by_set
from p2c.templates.models import Task, Template

Side = Literal["source", "destination"]
SIDES: tuple[Side, Side] = ("source", "destination")
_FIGURES = frozenset({Sort.MONEY, Sort.DECIMAL, Sort.INTEGER, Sort.DATE, Sort.LOCAL_DAY, Sort.MOMENT})
_WORDS = re.compile(r"\w+")
_PROSE = {"note", "reason", "name", "description"}


def figures(system: SystemName, entity_set: str) -> frozenset[str]:
    """The amounts, quantities, numbers and dates of an entity set, by the catalog. Raises ConfigError."""
    if system == "finops":
        properties = finops_entity(entity_set).properties.values()
        return frozenset(one.name for one in properties if one.sort in _FIGURES)
    return frozenset(one.name for one in sales_table_by_set(entity_set).columns.values() if one.sort in _FIGURES)


def left_out(template: Template, task: Task, side: Side) -> Mapping[str, str]:
    """The figures that a task leaves out on purpose, each with its reason; those that it maps are not among them."""
    entity = getattr(task, side).entity
    if not entity:
        return {}
    open_columns = figures(getattr(template, side), entity) - _mapped(template, side, entity)
    reasons: dict[str, str] = {}
    for pattern, reason in patterns(task, side):
        reasons |= {name: reason for name in sorted(open_columns) if fnmatchcase(name, pattern) and name not in reasons}
    return reasons


def unaccounted(template: Template) -> Iterator[tuple[Side, str, str]]:
    """Figures that are neither mapped nor left out with a reason: side, entity set, column."""
    for side in SIDES:
        tasks: dict[str, list[Task]] = {}
        for task in template.tasks:
            tasks.setdefault(getattr(task, side).entity, []).append(task)
        tasks.pop("", None)
        for entity, members in tasks.items():
            known = {name for task in members for name in left_out(template, task, side)}
            missing = figures(getattr(template, side), entity) - _mapped(template, side, entity) - known
            yield from ((side, entity, name) for name in sorted(missing))


def patterns(task: Task, side: Side) -> Iterator[tuple[str, str]]:
    """The names in a task's `leftOut` (`*` stands for any letters) with their reasons, in the file's order."""
    for names, reason in getattr(task.left_out, side).items():
        for name in names.split(","):
            yield name.strip(), reason


def _mapped(template: Template, side: Side, entity: str) -> set[str]:
    """The columns of an entity set that a template's fields, rules and settings read or write."""
    names = _named(template.model_dump(exclude={"tasks", "name", "description"}))
    for task in template.tasks:
        content = task.model_dump(exclude={"left_out", "fields"})
        own = getattr(task, side).entity == entity or (side == "source" and task.source.self)
        names |= _named(content)
        if own:
            names |= _named([field.model_dump() for field in task.fields])
    return names


def _named(content: Any) -> set[str]:
    """Every name in the texts of a part of a template, prose left aside."""
    if isinstance(content, str):
        return set(_WORDS.findall(content))
    if isinstance(content, dict):
        return {name for key, part in content.items() if key not in _PROSE for name in _named(key) | _named(part)}
    if isinstance(content, list | tuple):
        return {name for part in content for name in _named(part)}
    return set()
