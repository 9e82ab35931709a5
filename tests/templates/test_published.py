"""What is made from the templates and models is as fresh as they are."""

from __future__ import annotations

import json

import jsonschema
import pytest

from p2c.errors import ConfigError
from p2c.templates import describe, schema
from p2c.templates.load import builtin_templates
from tests.templates.support import project, to_finops

CONNECTION = {
    "sales": {"url": "https://a.example"},
    "finops": {"url": "https://b.example"},
    "legalEntities": {"usmf": {}},
}


def validator(name: str) -> jsonschema.Draft202012Validator:
    content = json.loads((schema.FOLDER / name).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(content)
    return jsonschema.Draft202012Validator(content)


@pytest.mark.parametrize("name", schema.schemas())
def test_the_schema_files_are_fresh(name: str) -> None:
    found = (schema.FOLDER / name).read_text(encoding="utf-8")
    assert found == schema.schemas()[name], "run python -m p2c.templates.schema"


def test_the_page_is_fresh() -> None:
    assert describe.FILE.read_text(encoding="utf-8") == describe.page(), "run python -m p2c.templates.describe"


def test_the_schema_takes_what_loading_takes() -> None:
    check = validator("template.schema.json")
    for template in builtin_templates().values():
        check.validate(template.model_dump(mode="json", by_alias=True))
    assert check.is_valid(to_finops())
    assert not check.is_valid({**to_finops(), "colour": "red"})
    assert not check.is_valid({**to_finops(), "from": "elsewhere"})


def test_the_template_files_name_the_schema() -> None:
    for file in sorted((schema.FOLDER.parent / "builtin").glob("*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        assert (file.parent / content["$schema"]).resolve() == schema.FOLDER / "template.schema.json"
        validator("template.schema.json").validate(content)


@pytest.mark.parametrize(
    ("more", "valid"),
    [
        ({}, True),
        ({"templates": {"accounts": {"rules": {"x": None}}}}, True),
        ({"templates": {"accounts": {"fields": {"T": {"F": None, "G": {"source": "name"}}}}}}, True),
        ({"templates": {"accounts": {"defaults": {"T": {"F": 1, "G": None, "H": True}}}}}, True),
        ({"templates": {"accounts": {"rules": {"x": {"when": "a eq 1"}}}}}, False),
        ({"template": {}}, False),
        ({"name": ""}, False),
    ],
)
def test_the_schema_of_projects_agrees_with_loading(more: dict[str, object], valid: bool) -> None:
    raw = {"name": "x", "connectionSet": CONNECTION, **more}
    assert validator("project.schema.json").is_valid(raw) is valid
    if valid:
        assert project(**raw).name == "x"
    else:
        with pytest.raises(ConfigError):
            project(**raw)
