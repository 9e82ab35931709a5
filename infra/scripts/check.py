"""What a deployment needs before it begins, and what the infrastructure takes from the project file.

`python infra/scripts/check.py` looks at what azd deploys, `python infra/scripts/check.py prod` at what the workflow
deploys to prod. When all is there it tells the project's schedules and the templates to be watched, in the variables
that the parameter files read: as a step's outputs, with `--shell` as exports, with `--azd` into azd's environment.
Needs nothing but Python.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
SYSTEMS = {"P2C_SALES_URL": "Sales", "P2C_FINOPS_URL": "Finance and Operations"}
STANDARD: dict[str, str] = json.loads((ROOT / "infra" / "schedules.json").read_text(encoding="utf-8"))


def project_of(environment: Mapping[str, str], root: Path, target: str) -> Path:
    """The project file of an environment: the workflow has one for each, azd one."""
    return root / (f"projects/{target}.json" if target else environment.get("P2C_PROJECT") or "p2c.json")


def problems(environment: Mapping[str, str], root: Path = ROOT, target: str = "") -> Iterator[str]:
    """What is missing or wrong, each with what to do. `target` is the environment that the workflow deploys to."""
    if target:
        yield from _unset(environment, root / "infra" / "parameters" / f"{target}.bicepparam", target)
    for name, system in SYSTEMS.items():
        parts = urlsplit(environment.get(name, ""))
        if parts.scheme != "https" or not parts.hostname:
            how = _where(target) if target else f"azd env set {name} https://…"
            yield f"{name} must be the https address of the {system} environment: {how}"
    project = project_of(environment, root, target)
    name = project.relative_to(root).as_posix()
    if not project.is_file():
        yield f"There is no project file {name}; docs/project.md says what it holds, docs/deployment.md where it lies."
        return
    try:
        for template, change in read(project).get("templates", {}).items():
            if template in STANDARD and change.get("schedule") == "":
                yield f"{name}: {template} needs a schedule once deployed; to stop it set enabled to false."
        told(project)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        yield f"{name} cannot be read ({error}); `p2c templates --project {name}` says what is wrong."


def _unset(environment: Mapping[str, str], parameters: Path, target: str) -> Iterator[str]:
    """What the parameter file cannot do without: a variable that the workflow does not know is blank, not absent."""
    if not parameters.is_file():
        yield f"There is no parameter file for the environment {target!r}."
        return
    for name in re.findall(r"readEnvironmentVariable\('(\w+)'\)", parameters.read_text(encoding="utf-8")):
        if name not in SYSTEMS and not environment.get(name, "").strip():
            yield f"{name} is not set, and {parameters.name} needs it: {_where(target)}"


def _where(target: str) -> str:
    return f"export it, or make it a variable of the GitHub environment {target} and of {target}-plan."


def read(path: Path) -> dict[str, Any]:
    """A file of JSON. Raises OSError, ValueError and TypeError."""
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise TypeError("it is not an object")
    return found


def told(project: Path) -> dict[str, str]:
    """What the infrastructure takes from the project file: schedules that differ, and the templates that must run."""
    raw = read(project)
    changes: dict[str, Any] = raw.get("templates", {})
    own = [read(project.parent / name) for name in raw.get("templateFiles", [])]
    templates: dict[str, Any] = {name: {} for name in STANDARD} | {str(one["id"]): one for one in own}
    effective = {name: {**template, **changes.get(name, {})} for name, template in templates.items()}
    schedules = {name: effective[name]["schedule"] for name in STANDARD if effective[name].get("schedule")}
    watched = [name for name, one in effective.items() if one.get("enabled", True) and one.get("schedule") != ""]
    return {"P2C_SCHEDULES": json.dumps(schedules), "P2C_WATCHED": json.dumps(watched)}


def main(given: Sequence[str] | None = None) -> int:
    """Prints what is wrong, or what the infrastructure takes from the project. Gives 1 when anything is wrong."""
    parser = argparse.ArgumentParser(prog="check.py", description="Is everything there that a deployment needs?")
    parser.add_argument("target", nargs="?", default="", help="environment of the workflow; none: what azd deploys")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--shell", action="store_true", help="tell by commands that a shell can evaluate")
    where.add_argument("--azd", action="store_true", help="tell azd's environment")
    chosen = parser.parse_args(given)
    found = list(problems(os.environ, target=chosen.target))
    for problem in found:
        print(problem, file=sys.stderr)
    if found:
        return 1
    for name, value in told(project_of(os.environ, ROOT, chosen.target)).items():
        if chosen.azd:
            subprocess.run(["azd", "env", "set", name, value], check=True)
        else:
            print(f"export {name}={shlex.quote(value)}" if chosen.shell else f"{name}={value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
