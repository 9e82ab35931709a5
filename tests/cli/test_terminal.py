"""Every command as a real process on a terminal of 80, 120 and 200 columns, in a pipe, and ended with Ctrl-C."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from typer.main import get_command

from demo.stage import Stage
from p2c.cli import app
from p2c.operations.opening import opened_store
from p2c.operations.report import recent_runs
from sandbox.company.bad import bad, bad_orders
from sandbox.company.sales_desk import SalesDesk
from tests.cli.terminal import DEMO, P2C, Printed, in_pipe, on_terminal
from tests.staging import Raise, environment, raise_stage

COLUMNS = (80, 120, 200)
ESCAPE = "\x1b"


@dataclass(frozen=True)
class Shell:
    """A synchronised company with rejected, parked and contested documents, and the commands that look at it."""

    stage: Stage
    run_id: str

    def __call__(self, *arguments: str, columns: int, interrupt_at: str = "") -> Printed:
        return on_terminal(
            [*P2C, *arguments], columns=columns, environment=environment(self.stage), interrupt_at=interrupt_at
        )

    def piped(self, *arguments: str) -> Printed:
        return in_pipe([*P2C, *arguments], environment(self.stage))


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("terminal")
    with raise_stage(folder, project=_asks_about_accounts) as stage:
        stage.company.set_up()
        stage.run()
        stage.company.sell()
        bad(stage.sandbox.sales, stage.sandbox.finops)
        bad_orders(stage.sandbox.sales)
        desk = SalesDesk(stage.sandbox.sales)
        account = desk.find("account", accountnumber="A-1001")
        assert account is not None
        desk.update(account, {"name": "Sales says"})
        key = {"dataAreaId": "usmf", "CustomerAccount": "A-1001"}
        stage.sandbox.finops.update("CustomersV2", key, {"OrganizationName": "F&O says"})
        results = stage.run()
        quotes = next(each.record.id for each in results if each.record.template == "quotes")
        yield Shell(stage, quotes)


def _asks_about_accounts(project: dict[str, Any]) -> None:
    project.setdefault("templates", {}).setdefault("accounts", {})["conflicts"] = "ask"


# Command, exit code, and what it shows in one piece at every width.
COMMANDS: dict[str, tuple[int, tuple[str, ...]]] = {
    "--help": (0, ("dead-letters", "reconcile")),
    "--version": (0, ("p2c ",)),
    "run --all --full": (1, ("contacts-to-customers", "BAD-ZERO", "totals-calculated")),
    "run accounts --full": (1, ("accounts", "BAD-LONG", "'Atlantis'")),
    "run accounts contacts --dry-run --full": (1, ("A dry run: nothing was written.", "contacts", "BAD-LONG")),
    "status": (0, ("contacts-to-customers", "Completed")),
    "runs --limit 1000": (0, ("RUN_ID", "incremental")),
    "runs RUN_ID": (0, ("quotes (usmf)", "Q-3001", "created Q-3002")),
    "reconcile accounts products": (0, ("accounts", "products", "Kept back")),
    "templates": (0, ("contacts-to-customers", "Sales → F&O")),
    "templates invoices": (0, ("msdynce_invoicenumber", "ExternallyMaintainedCustomerSalesInvoiceHeaders")),
    "dead-letters list": (0, ("BAD-ZERO", "BAD-COUNTRY", "'Atlantis'")),
    "dead-letters show BAD-LONG": (0, ("BAD-LONG", "is 300 characters long")),
    "dead-letters replay BAD-LONG": (1, ("accounts BAD-LONG", "is 300 characters long")),
    "parked list": (0, ("GHOST-1",)),
    "conflicts list": (0, ("A-1001", "Sales says", "F&O says")),
    "conflicts show A-1001": (0, ("A-1001", "Sales says", "F&O says")),
    "state show": (0, ("finops localhost",)),
    "state bind": (0, ("finops localhost",)),
    "doctor http://127.0.0.1:9": (3, ("The app does not answer.",)),
}
ERRORS: dict[str, tuple[int, tuple[str, ...]]] = {
    "run": (2, ("name templates, or --all",)),
    "templates no-such-template": (4, ("There is no template 'no-such-template'.",)),
    "conflicts settle NO-SUCH-KEY --keep source": (2, ("NO-SUCH-KEY",)),
    "couple accounts NO-SUCH-KEY": (4, ("NO-SUCH-KEY",)),
    "conflicts show NO-SUCH-KEY": (2, ("there is no conflict of NO-SUCH-KEY",)),
    "conflicts forget NO-SUCH-KEY": (2, ("there is no such conflict",)),
    "runs no-such-run": (2, ("there is no run 'no-such-run'",)),
}


def is_sound(printed: Printed, columns: int) -> None:
    assert "Traceback" not in printed.text, printed.text
    assert printed.wider_than(columns) == []


def test_every_command_is_among_those_that_are_tried() -> None:
    groups = get_command(app).commands.items()  # type: ignore[attr-defined]
    names = {
        f"{name} {inner}".strip() for name, command in groups for inner in getattr(command, "commands", {"": command})
    }
    assert {name for name in names if not any(tried.startswith(name) for tried in (*COMMANDS, *ERRORS))} == set()


@pytest.mark.parametrize("command", ERRORS)
def test_an_error_fits_the_terminal(shell: Shell, command: str) -> None:
    code, shown = ERRORS[command]
    printed = shell(*command.split(), columns=80)
    is_sound(printed, 80)
    assert printed.code == code, printed.text
    assert all(words in printed.unwrapped for words in shown), printed.text


@pytest.mark.parametrize("columns", COLUMNS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_fits_the_terminal_and_cuts_no_key_off(shell: Shell, command: str, columns: int) -> None:
    code, shown = COMMANDS[command]
    printed = shell(*command.replace("RUN_ID", shell.run_id).split(), columns=columns)
    is_sound(printed, columns)
    assert printed.code == code, printed.text
    for words in shown:
        assert words.replace("RUN_ID", shell.run_id) in printed.unwrapped, printed.text


@pytest.mark.parametrize(
    "command", ["run --all --full", "status", "runs RUN_ID", "templates invoices", "dead-letters list"]
)
def test_a_pipe_gets_plain_text_of_which_nothing_is_cut_off_or_wrapped(shell: Shell, command: str) -> None:
    code, shown = COMMANDS[command]
    printed = shell.piped(*command.replace("RUN_ID", shell.run_id).split())
    assert (printed.code, ESCAPE in printed.raw, "Traceback" in printed.raw) == (code, False, False), printed.raw
    for words in shown:
        assert words.replace("RUN_ID", shell.run_id) in printed.unwrapped
    assert not [line for line in printed.raw.splitlines() if line != line.rstrip()], "no blanks at the end of a line"


@pytest.mark.parametrize("columns", COLUMNS)
def test_a_long_run_draws_its_progress_again_and_again(stage: Raise, columns: int) -> None:
    play = stage()
    play.company.set_up()
    play.sandbox.sales.limits.latency = play.sandbox.finops.limits.latency = 0.03
    printed = on_terminal([*P2C, "run", "--all"], columns=columns, environment=environment(play))
    is_sound(printed, columns)
    assert printed.code == 0, printed.text
    drawn = [line for line in printed.lines if line.lstrip(" ⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏").startswith("accounts (usmf) ")]
    assert len(drawn) > 1, "the bar is drawn more than once"
    assert all(f"{template} (usmf)" in printed.text for template in ("accounts", "contacts-to-customers", "invoices"))


@pytest.mark.parametrize("columns", COLUMNS)
def test_the_second_run_knows_how_long_its_bars_are(stage: Raise, columns: int) -> None:
    play = stage()
    play.company.set_up()
    play.run(["accounts"])
    play.sandbox.sales.limits.latency = play.sandbox.finops.limits.latency = 0.03
    printed = on_terminal([*P2C, "run", "accounts", "--full"], columns=columns, environment=environment(play))
    is_sound(printed, columns)
    assert printed.code == 0, printed.text
    assert "0/12" in printed.text


def test_ctrl_c_in_a_run_says_what_follows_and_the_next_run_continues(stage: Raise) -> None:
    play = stage()
    play.company.set_up()
    play.sandbox.sales.limits.latency = play.sandbox.finops.limits.latency = 0.2
    printed = on_terminal(
        [*P2C, "run", "--all"], columns=80, environment=environment(play), interrupt_at="contacts (usmf)"
    )
    is_sound(printed, 80)
    assert printed.code == 130, printed.text
    assert "Interrupted. The next run continues after the last page that was settled." in printed.unwrapped
    assert printed.raw.rfind("\x1b[?25h") > printed.raw.rfind("\x1b[?25l"), "the cursor is visible again"

    play.sandbox.sales.limits.latency = play.sandbox.finops.limits.latency = 0.0
    printed = on_terminal([*P2C, "run", "--all"], columns=120, environment=environment(play))
    is_sound(printed, 120)
    assert printed.code == 0, printed.text
    assert len(play.sandbox.finops.books.rows("CustTable")) >= 12

    async def statuses() -> set[str]:
        async with opened_store(play.settings) as store:
            return {each.status for each in await recent_runs(store, 20)}

    assert "Completed" in asyncio.run(statuses())


def test_ctrl_c_in_another_command_leaves_no_traceback(stage: Raise) -> None:
    play = stage()
    play.company.set_up()
    play.run()
    play.sandbox.sales.limits.latency = play.sandbox.finops.limits.latency = 0.2
    # A replayed or reconciled document shows nothing while it is compared: the dry run's bar says when it is under way.
    printed = on_terminal(
        [*P2C, "run", "--all", "--dry-run", "--full"],
        columns=80,
        environment=environment(play),
        interrupt_at="products (usmf)",
    )
    is_sound(printed, 80)
    assert printed.code == 130, printed.text


VERDICT = "Both systems agree."


@pytest.mark.parametrize("columns", COLUMNS)
def test_the_demonstration_fits_the_terminal(columns: int) -> None:
    printed = on_terminal(DEMO, columns=columns, environment={})
    is_sound(printed, columns)
    assert printed.code == 0, printed.text
    for words in (VERDICT, "contacts-to-customers", "externally-maintained-customer", "SO-4004"):
        assert words in printed.unwrapped


def test_the_demonstration_in_a_pipe_is_plain_text() -> None:
    printed = in_pipe(DEMO, {})
    assert (printed.code, ESCAPE in printed.raw, "Traceback" in printed.raw) == (0, False, False), printed.raw
    assert VERDICT in printed.raw


def test_ctrl_c_in_the_demonstration_ends_it_with_a_message() -> None:
    printed = on_terminal(DEMO, columns=80, environment={}, interrupt_at="1  The first synchronisation")
    is_sound(printed, 80)
    assert printed.code == 130, printed.text
    assert "Interrupted. Both sandboxes are stopped" in printed.unwrapped
