"""A table of the command line: all of it where it fits, else written out, never squeezed."""

from __future__ import annotations

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from p2c.grid import Grid
from p2c.shell import open_console


def printed(grid: Grid, width: int) -> str:
    file = StringIO()
    Console(file=file, width=width).print(grid)
    return file.getvalue()


def of_runs() -> Grid:
    grid = Grid("Template", "Status", "Created", "Seconds", right=("Created", "Seconds"))
    grid.add("orders-to-finops", Text("Completed", style="green"), "12", "0.1")
    grid.add("contacts-to-customers", Text("Error\nnot run"), "·", "")
    return grid


def test_where_it_fits_it_is_a_table() -> None:
    lines = printed(of_runs(), 80).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines) == 3 + 3 + 1
    assert "│ orders-to-finops      │ Completed │      12 │     0.1 │" in lines


def test_where_it_does_not_fit_each_row_is_written_out_without_what_holds_nothing() -> None:
    assert printed(of_runs(), 50).splitlines() == [
        "orders-to-finops",
        "  Status Completed · Created 12 · Seconds 0.1",
        "contacts-to-customers",
        "  Status Error, not run",
    ]


@given(width=st.integers(min_value=24, max_value=120))
def test_nothing_is_cut_off(width: int) -> None:
    words = printed(of_runs(), width).replace("│", " ").split()
    assert {"orders-to-finops", "contacts-to-customers", "Completed", "12"} <= set(words)
    assert not any("…" in word for word in words)


def test_into_a_pipe_nothing_is_wrapped(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    open_console().print("word " * 200)
    assert len(capsys.readouterr().out.splitlines()) == 1
    monkeypatch.setenv("COLUMNS", "80")
    open_console().print("word " * 200)
    assert len(capsys.readouterr().out.splitlines()) > 1
