"""Pins what the deployed app needs: `python tools/requirements.py` writes requirements.txt out of pyproject.toml.

pip resolves the project's dependencies and its extra `app` as for a new environment of this interpreter, which must be
the one that is deployed (3.13). The first line keeps a hash of what was asked for; a test compares it, without network.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILE = ROOT / "requirements.txt"
EXTRA = "app"


def wanted() -> list[str]:
    """What pyproject.toml asks for, sorted."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return sorted([*project["dependencies"], *project["optional-dependencies"][EXTRA]])


def fingerprint() -> str:
    """A hash of what is asked for."""
    return hashlib.sha256("\n".join(wanted()).encode()).hexdigest()[:16]


def resolved() -> list[str]:
    """Every package that pip would install, pinned."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    done = subprocess.run([*command, *wanted()], check=True, capture_output=True, text=True)
    packages = [one["metadata"] for one in json.loads(done.stdout)["install"]]
    return sorted(f"{one['name'].lower()}=={one['version']}" for one in packages)


def main() -> None:
    """Write the file."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    head = f"# Made by `python tools/requirements.py` for Python {version} from pyproject.toml ({fingerprint()})."
    FILE.write_text("\n".join([head, *resolved()]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
