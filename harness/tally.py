"""What lives were tried and what was found; the tallies of several processes add up to one."""

from __future__ import annotations

import operator
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Self

_DIFFERENCES = ("lost", "doubled", "extra", "changed", "flaw", "untrue", "state")


@dataclass(slots=True)
class Tally:
    """`rows` were compared with an undisturbed life; `differences` were found in the end, or in what runs said.

    `calm_runs` counts how many undisturbed runs it took until everything was right. `problems` are sentences.
    """

    lives: int = 0
    rows: int = 0
    differences: Counter[str] = field(default_factory=Counter)
    calm_runs: Counter[int] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def add(self, other: Self) -> None:
        """Everything that another tally has. A field is summed unless its metadata names another `merge`."""
        for one in fields(self):
            merge = one.metadata.get("merge", operator.add)
            setattr(self, one.name, merge(getattr(self, one.name), getattr(other, one.name)))

    def numbers(self) -> dict[str, object]:
        """Everything, ready for JSON."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        plain = {name: dict(value) if isinstance(value, Counter) else value for name, value in values.items()}
        return {**plain, "differences": {kind: self.differences[kind] for kind in _DIFFERENCES}}
