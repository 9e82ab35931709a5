"""What the host remembers of each invocation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Invocation:
    """One run of a function: how it ended, how many seconds it took. `error` is the exception's type and text."""

    id: str
    function: str
    ok: bool
    error: str
    seconds: float
