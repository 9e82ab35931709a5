"""What a deployment needs before it begins: run by azd and by the workflow. Needs nothing but Python."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]


def problems(environment: Mapping[str, str], root: Path = ROOT) -> Iterator[str]:
    """What is missing or wrong, each with what to do."""
    for name, system in (("P2C_SALES_URL", "Sales"), ("P2C_FINOPS_URL", "Finance and Operations")):
        parts = urlsplit(environment.get(name, ""))
        if parts.scheme != "https" or not parts.hostname:
            yield f"{name} must be the https address of the {system} environment: azd env set {name} https://…"
    project = root / (environment.get("P2C_PROJECT") or "p2c.json")
    if not project.is_file():
        yield f"There is no project file {project.name} beside function_app.py; docs/project.md says what it holds."
        return
    try:
        json.loads(project.read_text(encoding="utf-8"))
    except ValueError as error:
        yield f"{project.name} is not JSON: {error}"


def main() -> int:
    """Prints what is wrong. Gives 1 when anything is."""
    found = list(problems(os.environ))
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
