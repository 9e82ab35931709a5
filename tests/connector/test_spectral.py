"""The definition passes Spectral with the connector's rules, and each of our rules finds what it is for."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from p2c.triggers.connector import DEFINITION, FOLDER, Place, definition

PROGRAM = FOLDER.parent / "node_modules" / ".bin" / "spectral"
RULES = FOLDER / "spectral.yaml"


@pytest.fixture(scope="module")
def spectral() -> Path:
    """The program. Where it is not installed the test is skipped, but fails in CI."""
    if not PROGRAM.exists():
        reason = "Spectral is not installed: run `npm ci` in the root of the repository."
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return PROGRAM


def findings(program: Path, file: Path) -> list[dict[str, Any]]:
    """What is found in the file, of any severity."""
    how: list[str | Path] = ["--ruleset", RULES, "--format", "json", "--quiet", "--fail-severity", "hint"]
    done = subprocess.run([program, "lint", file, *how], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode in (0, 1), done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert bool(found) == (done.returncode == 1), done.stderr
    return found


def test_nothing_is_found_in_the_definition(spectral: Path) -> None:
    assert findings(spectral, FOLDER / DEFINITION) == []


def test_nothing_is_found_with_a_function_key(spectral: Path, tmp_path: Path) -> None:
    file = tmp_path / DEFINITION
    file.write_text(json.dumps(definition(Place(auth="key"))), encoding="utf-8")
    assert findings(spectral, file) == []


def test_every_rule_finds_its_mistake(spectral: Path, tmp_path: Path) -> None:
    broken = copy.deepcopy(definition(Place()))
    broken["info"]["title"] = "The p2c connector"
    broken["schemes"] = ["http"]
    runs = broken["paths"]["/runs"]
    runs["post"]["operationId"] = "start_run"
    runs["post"]["summary"] = "Start a run."
    runs["post"]["responses"]["202"]["headers"].pop("Location")
    runs["get"]["x-ms-visibility"] = "hidden"
    runs["get"]["description"] = "Not a sentence"
    runs["get"]["parameters"][0]["x-ms-summary"] = "how many"
    runs["get"]["parameters"].append({"name": "body", "in": "body", "schema": {"type": "object"}})
    one = broken["paths"]["/runs/{id}"]
    one["get"]["parameters"][0]["x-ms-url-encoding"] = "triple"
    one["get"]["responses"]["200"].pop("schema")
    broken["definitions"]["StartRun"]["properties"]["mode"].pop("x-ms-summary")
    file = tmp_path / DEFINITION
    file.write_text(json.dumps(broken), encoding="utf-8")
    ours = {name for name in yaml.safe_load(RULES.read_text(encoding="utf-8"))["rules"] if name.startswith("p2c-")}
    assert ours - {str(finding["code"]) for finding in findings(spectral, file)} == set()


def test_what_openapi_itself_demands_is_checked(spectral: Path, tmp_path: Path) -> None:
    broken = copy.deepcopy(definition(Place()))
    del broken["info"]["contact"]
    broken["definitions"]["RunStatus"]["properties"]["status"]["type"] = "no such thing"
    broken["paths"]["/runs/{id}"]["get"]["parameters"] = []
    file = tmp_path / DEFINITION
    file.write_text(json.dumps(broken), encoding="utf-8")
    assert {"info-contact", "oas2-schema", "path-params"} <= {str(one["code"]) for one in findings(spectral, file)}
