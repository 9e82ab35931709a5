"""The command that looks at a deployment from outside."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from p2c.operations.doctor import Examination, examine
from p2c.shell import Exit, JsonOption, open_console, print_json, wait

_STYLES = {"ok": "green", "warning": "yellow", "failed": "red bold", "unchecked": "dim"}
_WORDS = {"unchecked": "not checked"}
_SUMMARIES = {
    "ok": "All is well.",
    "warning": "It works; the warnings want a look.",
    "failed": "Something does not work: begin with the first that failed, later ones may follow from it.",
}
_REFUSED = "More is not known: the app refused the key or token."


def add_to(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command()(doctor)


def doctor(
    url: Annotated[str, typer.Argument(help="The app's address: https://app.azurewebsites.net")],
    key: Annotated[
        str, typer.Option("--key", envvar="P2C_DOCTOR_KEY", show_envvar=True, help="A function key of the app.")
    ] = "",
    token: Annotated[
        str,
        typer.Option("--token", envvar="P2C_DOCTOR_TOKEN", show_envvar=True, help="A token with the role P2C.Read."),
    ] = "",
    hours: Annotated[
        int, typer.Option(min=1, max=8760, help="Without a successful run for so long a template is a warning.")
    ] = 24,
    as_json: JsonOption = False,
) -> None:
    """Look at a deployed app: does it live, does it refuse strangers, does it reach both systems. Writes nothing.

    Exit 1: warnings; 3: something does not work; 5: the key or token was refused.
    """
    if key and token:
        raise typer.BadParameter("either a key or a token, not both")
    found = wait(examine(url, key=key.strip(), token=token.strip(), hours=hours))
    if as_json:
        print_json({"verdict": found.verdict, "checks": [asdict(one) for one in found.checks]})
    else:
        console = open_console()
        console.print(_table(found))
        console.print(Text(_REFUSED if found.refused else _SUMMARIES[found.verdict], style=_STYLES[found.verdict]))
    raise typer.Exit(_code(found))


def _code(found: Examination) -> Exit:
    if found.refused:
        return Exit.AUTH
    return {"failed": Exit.STOPPED, "warning": Exit.WARNING, "ok": Exit.DONE}[found.verdict]


def _table(found: Examination) -> Table:
    table = Table()
    table.add_column("Check")
    table.add_column("", no_wrap=True)
    table.add_column("Found", overflow="fold")
    table.add_column("Seconds", justify="right")
    for one in found.checks:
        verdict = Text(_WORDS.get(one.verdict, one.verdict), style=_STYLES[one.verdict])
        said = Text(one.why)
        if one.hint:
            said.append(f"\n→ {one.hint}", style="italic")
        table.add_row(Text(one.name), verdict, said, f"{one.seconds:.1f}")
    return table
