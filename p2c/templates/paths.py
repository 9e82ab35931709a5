"""Paths: how templates name a column, or a column of the row that a lookup points to.

```
name                                                          a column
transactioncurrencyid.isocurrencycode                         a lookup, followed; the catalog says to which table
pricelevelid.transactioncurrencyid.isocurrencycode            two lookups
parentcustomerid.Account(accountnumber)                       a lookup to several tables, one of them
customerid.Account(accountnumber).Contact(contactnumber)      ... several of them
ownerid.salesorderid.ordernumber                              the owner of the row that another lookup points to
```

The last one makes sense as a destination only; `Follow.borrowed` tells it apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from p2c.errors import ConfigError

OWNER = "ownerid"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class ParseError(ConfigError):
    """Text that is not a path or filter. `position` counts characters from 0; the message says it from 1."""

    code = "config.syntax"

    def __init__(self, message: str, text: str, position: int) -> None:
        super().__init__(f"{message} at position {position + 1} of {text!r}")
        self.position = position


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the row itself."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Target:
    """Where a lookup leads: the table's logical name (`""` = the only one it can lead to) and the path from there."""

    table: str
    path: Path

    def __str__(self) -> str:
        return f"{self.table.capitalize()}({self.path})" if self.table else str(self.path)


@dataclass(frozen=True, slots=True)
class Follow:
    """A lookup column and where to go from the row that it points to; several targets when it is polymorphic."""

    column: str
    targets: tuple[Target, ...]

    def __str__(self) -> str:
        return ".".join([self.column, *map(str, self.targets)])

    @property
    def borrowed(self) -> Follow | None:
        """For `ownerid.salesorderid.ordernumber` the `salesorderid.ordernumber`: whose owner to take; else None."""
        first = self.targets[0]
        if self.column == OWNER and not first.table and isinstance(first.path, Follow):
            return first.path
        return None


Path = Column | Follow


def parse(text: str) -> Path:
    """The path that `text` writes.

    >>> parse("customerid.Account(accountnumber).Contact(msdynce_contactnumber)").targets[1]
    Target(table='contact', path=Column(name='msdynce_contactnumber'))

    Raises ParseError with the position of the first character that does not fit.
    """
    path, end = parse_at(text, 0)
    if end != len(text):
        raise ParseError(f"unexpected {text[end]!r}", text, end)
    return path


def parse_at(text: str, position: int) -> tuple[Path, int]:
    """The path that begins at `position`, and the position behind it. Raises ParseError."""
    column, position = _name(text, position)
    if not text.startswith(".", position):
        return Column(column), position
    targets: list[Target] = []
    while text.startswith(".", position):
        start = position + 1
        name, end = _name(text, start)
        if not text.startswith("(", end):
            if targets:
                raise ParseError(f"{name!r} needs a column in brackets, like the targets before it,", text, end)
            path, end = parse_at(text, start)
            return Follow(column, (Target("", path),)), end
        table = name.lower()
        if any(target.table == table for target in targets):
            raise ParseError(f"{name!r} is there twice", text, start)
        path, end = parse_at(text, end + 1)
        if not text.startswith(")", end):
            raise ParseError("')' expected", text, end)
        targets.append(Target(table, path))
        position = end + 1
    return Follow(column, tuple(targets)), position


def _name(text: str, position: int) -> tuple[str, int]:
    match = _NAME.match(text, position)
    if match is None:
        raise ParseError("a name is expected", text, position)
    return match.group(), match.end()


def root(path: Path) -> str:
    """The column of the row itself that the path starts at."""
    return path.name if isinstance(path, Column) else path.column


def leaves(path: Path) -> Iterator[str]:
    """The names of the columns that the path ends at, one per target."""
    if isinstance(path, Column):
        yield path.name
        return
    for target in path.targets:
        yield from leaves(target.path)
