"""Loads templates: one file, or the eight that come with the package. What is loaded has been checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from p2c.errors import ConfigError, Problem
from p2c.templates import checks
from p2c.templates.catalog import did_you_mean
from p2c.templates.jsonfile import parse_json, pointer, read_json, validate
from p2c.templates.models import State, Template, ValueMap
from p2c.templates.places import states
from p2c.templates.valuemaps import shared_map


def load_template(file: Path) -> Template:
    """The template in a file, checked by itself (other templates that it names are not). Raises ConfigError."""
    return parse_template(read_json(file), str(file))


def parse_template(raw: Any, file: str) -> Template:
    """The template that parsed JSON describes; `file` names it in problems. Raises ConfigError with every problem."""
    template = validate(Template, raw, file)
    found = tuple(Problem(file, pointer(*place), message) for place, message in checks.mistakes(template))
    if found:
        raise ConfigError(f"{file} is wrong.", problems=found)
    return template


@cache
def builtin_templates() -> Mapping[str, Template]:
    """The templates of the package by id, in the order of their files. Raises ConfigError."""
    folder = resources.files("p2c.templates").joinpath("builtin")
    found: dict[str, Template] = {}
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".json"):
            template = parse_template(parse_json(file.read_text(encoding="utf-8"), file.name), file.name)
            found[template.id] = template
    mistaken = [Problem(name, place, message) for name, place, message in ordering_problems(found)]
    if mistaken:
        raise ConfigError("The templates do not fit together.", problems=tuple(mistaken))
    return MappingProxyType(found)


def ordering_problems(templates: Mapping[str, Template]) -> list[tuple[str, str, str]]:
    """Mistakes in `runsAfter` of templates that run together: (template id, JSON pointer, message)."""
    found: list[tuple[str, str, str]] = []
    for template in templates.values():
        for index, name in enumerate(template.runs_after):
            if name not in templates:
                message = f"there is no template {name!r}. {did_you_mean(name, templates)}".strip()
                found.append((template.id, pointer("runsAfter", index), message))
    left = {one.id: {name for name in one.runs_after if name in templates} for one in templates.values()}
    while ready := [name for name, after in left.items() if not after & left.keys()]:
        for name in ready:
            del left[name]
    found += [
        (name, pointer("runsAfter"), f"is in a circle, or behind one: {', '.join(sorted(left))}") for name in left
    ]
    return found


def ordered(templates: Mapping[str, Template]) -> list[Template]:
    """The templates, each after those that it runs after; otherwise in the given order. Raises ConfigError on a cycle.

    A name in `runsAfter` that is not among them (a template that is not used) asks for nothing.
    """
    done: dict[str, Template] = {}
    left = dict(templates)
    while left:
        ready = next((one for one in left.values() if not left.keys() & set(one.runs_after)), None)
        if ready is None:
            raise ConfigError(f"The templates {', '.join(sorted(left))} run after one another in a circle.")
        done[ready.id] = left.pop(ready.id)
    return list(done.values())


def template_hash(template: Template, time_zone: str = "") -> str:
    """SHA-256 (hex) of what decides how documents are read, mapped and matched; equal for templates that map alike.

    Left out: name, notes, reasons, `leftOut`, when it runs, the policies for deletes and conflicts, couplings, and
    what people are shown. Shared value maps count with their content, and so does `time_zone`, in which the legal
    entity's days are.
    """
    content = template.model_dump(
        mode="json",
        by_alias=True,
        exclude={
            *("schema_", "name", "description", "family", "runs_after", "schedule", "enabled"),
            *("deletes", "deactivate", "moves", "merges", "conflicts", "couplings"),
        },
    )
    for rule in content["updateOnly"]:
        del rule["reason"], rule["lines"]
    for task in content["tasks"]:
        del task["leftOut"]
        del task["destination"]["shown"]
        for rule in (*task["rules"], *task["destination"]["guards"]):
            del rule["reason"], rule["lines"]
        del task["source"]["label"]
        for field in task["fields"]:
            del field["note"]
    content["shared"] = {
        transform.use: dict(shared_map(transform.use))
        for task in template.tasks
        for field in task.fields
        for transform in field.transform
        if isinstance(transform, ValueMap) and transform.use
    }
    if any(
        isinstance(transform, State)
        for task in template.tasks
        for field in task.fields
        for transform in field.transform
    ):
        content["states"] = {country: dict(names) for country, names in states().items()}
    content["timeZone"] = time_zone
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
