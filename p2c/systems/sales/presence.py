"""Which columns of Microsoft's solution an environment has, as far as followed lookups end at one.

A customer is an account or a contact; where contacts have no number, since the solution is not installed, accounts are
left.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping

from p2c.templates.catalog import sales_tables
from p2c.templates.paths import Column, Follow, Path

Absent = frozenset[tuple[str, str]]
"""Columns that are not there, as (table, column)."""

Columns = Callable[[Collection[str]], Awaitable[Mapping[str, frozenset[str]]]]
"""The columns of tables in this environment."""


class Presence:
    """Asks once per table, and only about columns that may be missing."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._known: dict[str, frozenset[str]] = {}

    async def absent(self, paths: Iterable[Path]) -> Absent:
        """The columns at the ends of these paths (tables named, `p2c.templates.resolve.bind`) that are not there."""
        doubtful = {end for path in paths for end in _ends(path) if _of_solution(*end)}
        unknown = sorted({table for table, _ in doubtful} - self._known.keys())
        if unknown:
            found = await self._columns(unknown)
            self._known.update((table, found.get(table, frozenset())) for table in unknown)
        return frozenset((table, column) for table, column in doubtful if column not in self._known[table])


def _ends(path: Path) -> Iterator[tuple[str, str]]:
    if isinstance(path, Follow):
        for target in path.targets:
            if isinstance(target.path, Column):
                yield target.table, target.path.name
            else:
                yield from _ends(target.path)


def _of_solution(table: str, column: str) -> bool:
    known = sales_tables().get(table)
    found = known.find(column) if known is not None else None
    return found is not None and found.solution
