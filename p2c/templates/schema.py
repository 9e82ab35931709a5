"""The JSON schemas of template and project files, made from the models, for editors to check and complete them.

`python -m p2c.templates.schema` rewrites `schema/template.schema.json` and `schema/project.schema.json`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from p2c.templates.load import builtin_templates
from p2c.templates.models import Template
from p2c.templates.project import Project

FOLDER = Path(__file__).parent / "schema"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, str]:
    """The schema files: name to content."""
    project = Project.model_json_schema(by_alias=True)
    changes = project["properties"]["templates"]
    changes["properties"] = {
        template.id: {"description": template.description, "$ref": "#/$defs/TemplateChange"}
        for template in builtin_templates().values()
    }
    return {
        "template.schema.json": _text(Template.model_json_schema(by_alias=True), "A p2c template"),
        "project.schema.json": _text(project, "A p2c project"),
    }


def _text(schema: dict[str, Any], title: str) -> str:
    return json.dumps({"$schema": _DIALECT, **schema, "title": title}, indent=2, ensure_ascii=False) + "\n"


def write() -> None:
    """Rewrites the schema files of the package."""
    for name, text in schemas().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
