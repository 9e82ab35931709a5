"""What all commands of the `p2c` command line share: options, exit codes, settings, errors as messages."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Coroutine
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console

from p2c.errors import AuthError, ConfigError, P2CError, Problem, StateError
from p2c.settings import Settings

T = TypeVar("T")

_ENDLESS = 10_000


class Exit(IntEnum):
    """Exit codes."""

    DONE = 0
    WARNING = 1
    STOPPED = 3
    CONFIG = 4
    AUTH = 5
    STATE = 6
    INTERRUPTED = 130


ProjectOption = Annotated[
    Path | None, typer.Option("--project", "-p", help="Project file (or P2C_PROJECT; default p2c.json).")
]
StateOption = Annotated[
    str | None, typer.Option("--state", help="State: a folder or a blob container's address (or P2C_STATE).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, for machines.")]
TemplatesArgument = Annotated[list[str] | None, typer.Argument(help="Template ids; see `p2c templates`.")]


def settings_from(project: Path | None, state: str | None) -> Settings:
    """The settings of the environment, with what the options say instead; exits with CONFIG when they are wrong."""
    given = {name: value for name, value in (("project", project), ("state", state)) if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = tuple(
            Problem("P2C_" + "__".join(map(str, one["loc"])).upper(), "", one["msg"])
            for one in error.errors(include_url=False, include_input=False)
        )
        fail(ConfigError("A setting in the environment is wrong.", problems=problems), Exit.CONFIG)
    except SettingsError as error:
        fail(ConfigError(f"A setting in the environment is wrong: {error}."), Exit.CONFIG)


def wait(work: Coroutine[Any, Any, T]) -> T:
    """The result of the work; an error of ours becomes a message and an exit code."""
    try:
        return run_async(work)
    except P2CError as error:
        fail(error, code_of(error))
    except KeyboardInterrupt:
        say_interrupted(open_console(stderr=True), "The next run continues after the last page that was settled.")
        raise typer.Exit(Exit.INTERRUPTED) from None


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Runs the work to its end. Ctrl-C raises KeyboardInterrupt, also where it arrives before the work has begun."""
    try:
        return asyncio.run(work)
    finally:
        work.close()


def open_console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal; into a pipe or a file as wide as it takes, so that nothing is cut off."""
    console = Console(stderr=stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _ENDLESS
    return console


def say_interrupted(console: Console, rest: str) -> None:
    """Says that Ctrl-C ended the command, below the `^C` that the terminal shows."""
    if console.is_terminal:
        console.line()
    console.print(f"Interrupted. {rest}")


def fail(error: P2CError, code: Exit) -> NoReturn:
    """Shows an error and exits."""
    open_console(stderr=True).print(str(error), style="red", highlight=False, markup=False)
    raise typer.Exit(code)


def code_of(error: P2CError) -> Exit:
    """The exit code for what stopped a command."""
    kinds = ((ConfigError, Exit.CONFIG), (AuthError, Exit.AUTH), (StateError, Exit.STATE))
    return next((code for kind, code in kinds if isinstance(error, kind)), Exit.STOPPED)


def print_json(content: Any) -> None:
    """Writes one JSON document to standard output."""
    json.dump(content, sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")
