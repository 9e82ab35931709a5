"""What the commands of several benchmarks take and tell."""

from __future__ import annotations

import os
import platform


def positive(text: str) -> int:
    """A number above 0, as the type of an argument. Raises ValueError."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def machine() -> str:
    """What a measurement was made on."""
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}"
