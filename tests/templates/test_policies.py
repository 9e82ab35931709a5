"""What a template and a project say of deletes and conflicts."""

from __future__ import annotations

from typing import Any

import pytest

from p2c.errors import ConfigError
from p2c.templates.load import builtin_templates, template_hash
from p2c.templates.project import effective_templates
from tests.templates.support import Json, project, project_problems


def test_the_defaults_are_safe() -> None:
    templates = builtin_templates()
    assert {name: one.deletes for name, one in templates.items() if one.deletes != "ignore"} == {
        "products": "deactivate"
    }
    assert templates["products"].deactivate == {"statecode": 1}
    assert {one.conflicts for one in templates.values()} == {"source"}


def test_a_project_has_the_last_word() -> None:
    change: Json = {"deletes": "deactivate", "conflicts": "ask"}
    accounts = effective_templates(project(templates={"accounts": change}))["accounts"]
    assert (accounts.deletes, accounts.deactivate, accounts.conflicts) == (
        "deactivate",
        {"OnHoldStatus": "All"},
        "ask",
    )
    assert template_hash(accounts) == template_hash(builtin_templates()["accounts"]), "nothing is mapped differently"
    other: Json = {"deletes": "deactivate", "deactivate": {"OnHoldStatus": "Invoice"}}
    assert effective_templates(project(templates={"accounts": other}))["accounts"].deactivate == {
        "OnHoldStatus": "Invoice"
    }


@pytest.mark.parametrize(
    ("template", "change", "pointer", "message"),
    [
        ("quotes", {"deletes": "deactivate"}, "/deletes", "name them in deactivate"),
        ("accounts", {"deactivate": {"OnHold": "All"}}, "/deactivate/OnHold", "OnHoldStatus"),
        ("accounts", {"deactivate": {"OnHoldStatus": "Everything"}}, "/deactivate/OnHoldStatus", "Everything"),
        ("products", {"deactivate": {"statecode": 9}}, "/deactivate/statecode", "9"),
        ("products", {"deactivate": {"price": "0"}}, "/deactivate/price", "says nothing of being in use"),
        ("products", {"deactivate": {"defaultuomid": "x"}}, "/deactivate/defaultuomid", "says nothing"),
        ("invoices", {"deactivate": {"createdon": "2020-01-01T00:00:00Z"}}, "/deactivate/createdon", "be changed"),
    ],
)
def test_mistakes_point_into_the_project(template: str, change: Json, pointer: str, message: str) -> None:
    ((found, told),) = project_problems(project(templates={template: change}))
    assert found == f"/templates/{template}{pointer}"
    assert message in told


@pytest.mark.parametrize("change", [{"deletes": "remove"}, {"conflicts": "mine"}, {"deactivate": []}])
def test_other_words_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        project(templates={"accounts": change})
