"""What the documents say is true: links lead somewhere, named files exist, the example project is one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from p2c.errors import ConfigError
from p2c.settings import AppSettings
from p2c.templates.project import effective_templates, parse_project

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")
_FILE = re.compile(r"`((?:p2c|sandbox|demo|benchmarks|docs|tests|infra|connector|tools)/[\w./-]+\.\w+)`")
_MODULES = re.compile(r"`((?:p2c|sandbox)/[\w./-]*)\{([^}]+)\}([\w./-]*)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_files_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = [one for one in _LINK.findall(text) if not (page.parent / one).exists()]
    missing += [one for one in _FILE.findall(text) if not (ROOT / one).exists()]
    for before, names, after in _MODULES.findall(text):
        missing += [
            f"{before}{one}{after}" for one in names.split(",") if not (ROOT / f"{before}{one}{after}").exists()
        ]
    assert not missing


def test_the_commands_of_the_readme_are_targets() -> None:
    readme, makefile = (ROOT / "README.md").read_text(encoding="utf-8"), (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", readme)) <= targets


def test_the_example_project_is_one() -> None:
    page = (ROOT / "docs" / "project.md").read_text(encoding="utf-8")
    example = json.loads(page.split("```json\n")[1].split("```")[0])
    project = parse_project(example)
    templates = effective_templates(project)
    assert not templates["quotes"].enabled
    assert project.connection_set.master == "usmf"


def test_the_example_of_a_mistake_is_what_is_said() -> None:
    page = (ROOT / "docs" / "project.md").read_text(encoding="utf-8")
    example = json.loads(page.split("```json\n")[1].split("```")[0])
    example["templates"]["accounts"]["defaults"] = {"Accounts - Customers": {"CustomerGroup": "30"}}
    project = parse_project(example, Path("p2c.json"))
    with pytest.raises(ConfigError) as caught:
        effective_templates(project)
    (said,) = (str(problem) for problem in caught.value.problems)
    assert said in page


def test_every_setting_is_told() -> None:
    page = (ROOT / "docs" / "project.md").read_text(encoding="utf-8")
    named = {name.lower() for name in re.findall(r"P2C_([A-Z]+(?:_[A-Z]+)*)", page)}
    assert {name for name in AppSettings.model_fields if name not in named} == set()
