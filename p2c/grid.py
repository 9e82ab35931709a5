"""A table that is never squeezed: where the terminal is too narrow for it, each row is written out instead."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_ENDLESS = 10_000
_NOTHING = ("", "·", "–")


class Grid:
    """Rows under headers, printed as any renderable of rich.

    `right`: headers of the columns that are aligned to the right; `title` stands above the rows. Written out, a row is
    its first cell, and below it the other cells that hold something, each after its header.
    """

    def __init__(self, *headers: str, right: Collection[str] = (), title: str = "") -> None:
        self._headers = headers
        self._right = right
        self._title = title
        self._rows: list[list[Text]] = []

    def add(self, *cells: Text | str) -> None:
        """One more row, a cell for each header."""
        self._rows.append([Text(cell) if isinstance(cell, str) else cell for cell in cells])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = self._table()
        if self._title:
            yield Text(self._title, style="italic")
        needed = Measurement.get(console, options.update(max_width=_ENDLESS), table).maximum
        if needed <= options.max_width:
            yield table
        else:
            yield from self._written_out()

    def _table(self) -> Table:
        table = Table()
        for header in self._headers:
            table.add_column(header, justify="right" if header in self._right else "left")
        for row in self._rows:
            table.add_row(*row)
        return table

    def _written_out(self) -> Iterable[Text | Padding]:
        for first, *others in self._rows:
            yield Text(first.plain, style="bold")
            facts = [
                Text.assemble((f"{header} ".lstrip(), "dim"), *_joined(cell))
                for header, cell in zip(self._headers[1:], others, strict=True)
                if cell.plain not in _NOTHING
            ]
            yield Padding(Text(" · ", style="dim").join(facts), (0, 0, 0, 2), expand=False)


def _joined(cell: Text) -> list[Text]:
    """The lines of a cell as one."""
    lines = cell.split("\n")
    return [part for line in lines for part in (Text(", "), line)][1:]
