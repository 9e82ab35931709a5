"""`python -m demo`: starts both sandboxes with a company, synchronises it both ways, lets people work, and checks.

Rows of `--data` that cannot be read or that a system cannot hold are left out, with what depends on them, and reported
with file, line and column. Exit code 0 when both systems agree at the end, 1 when they do not, 2 when the company's
data cannot be read at all (a file or a column is missing), 130 when Ctrl-C ends it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from demo.check import Checked, Reader, check
from demo.stage import Stage, raised
from demo.totals import Totals, totals
from p2c import render
from p2c.documents import Outcome, OutcomeKind
from p2c.operations.reconcile import Agreement
from p2c.operations.report import reasons
from p2c.shell import Exit, say_interrupted
from p2c.sync.session import Finished
from sandbox.company import NAMES, CompanyError

_MOVED = (OutcomeKind.CREATED, OutcomeKind.UPDATED, OutcomeKind.DELETED)
_SHOWN = 12
_T = TypeVar("_T")


class Demo:
    """The demonstration, act by act."""

    def __init__(self, stage: Stage, console: Console) -> None:
        self._stage = stage
        self._console = console

    def play(self) -> bool:
        """All acts; whether both systems agree at the end."""
        company, show = self._stage.company, self._console
        with show.status("People enter what both systems have"):
            company.set_up()
        for problem in company.problems:
            show.print(Text(f"  left out of the data: {problem}", style="yellow"))
        self._act("1  The first synchronisation: what both systems have", self._run())
        with show.status("People in Sales write quotes and orders"):
            sold = self._unless_short(company.sell, 0)
        self._act(f"2  People in Sales wrote {sold} quotes and orders", self._run())
        with show.status("People in F&O confirm, pick, ship and invoice"):
            done = ", ".join(f"{number} {step}" for step, number in company.fulfil().items())
        self._act("3  People in F&O worked on the orders", self._run(), [f"F&O: {done}."])
        nothing: list[str] = []
        told = self._unless_short(company.change, nothing)
        self._act("4  A day later, people worked on both sides", self._run(), told, moved=True)
        for entity in company.legal_entities:
            self._stage.sandbox.finops.calculate_totals(entity.code)
        told = ["F&O: the batch job Calculate sales totals ran over what arrived."]
        self._act("5  Its echo", self._run(), told, moved=True)
        return self._agree()

    def _unless_short(self, act: Callable[[], _T], otherwise: _T) -> _T:
        """What people did; `otherwise`, and the reason on the screen, where the data does not suffice."""
        try:
            return act()
        except CompanyError as error:
            self._console.print(Text(f"  left out: {error}", style="yellow"))
            return otherwise

    def _run(self) -> list[Finished]:
        if not self._console.is_terminal:
            return self._stage.run()
        with render.RunProgress(self._console) as bars:
            return self._stage.run(progress=bars)

    def _act(self, title: str, results: Sequence[Finished], told: Sequence[str] = (), *, moved: bool = False) -> None:
        show = self._console
        show.print()
        show.print(Rule(Text(title, style="bold"), align="left"))
        for sentence in told:
            show.print(Text(f"  {sentence}"))
        show.print(render.runs_table(one.record for one in results))
        for one in results:
            outcomes = self._stage.outcomes(one)
            if moved:
                self._moved(one, outcomes)
            render.print_reasons(show, f"{one.record.template} ({one.record.legal_entity})", reasons(outcomes))
        render.errors(show, [one.record for one in results])

    def _moved(self, finished: Finished, outcomes: Sequence[Outcome]) -> None:
        written = [one for one in outcomes if one.kind in _MOVED]
        for one in written[:_SHOWN]:
            fields = f": {', '.join(one.changed)}" if one.changed else ""
            line = Text(f"  {one.kind.value} {one.key}{fields}", style="green")
            self._console.print(line.append(f"  {finished.record.template}", style="dim"))
        if len(written) > _SHOWN:
            self._console.print(Text(f"  … and {len(written) - _SHOWN} more", style="dim"))

    def _agree(self) -> bool:
        show, sandbox = self._console, self._stage.sandbox
        show.print()
        show.print(Rule(Text("Do both systems agree?", style="bold"), align="left"))
        agreements = self._stage.reconcile()
        show.print(render.agreement_table(agreements))
        for one in agreements:
            for outcome in one.different[:_SHOWN]:
                fields = ", ".join(outcome.changed) or "is not there"
                show.print(Text(f"  {one.template} {outcome.key}: {fields}", style="red"))
        render.print_balances(show, [balance for one in agreements for balance in one.balances])
        units = {one.business_unit: one.code for one in self._stage.company.legal_entities}
        with Reader(sandbox.sales_url, sandbox.finops_url, sandbox.token, units) as reader:
            checked = check(reader)
            compared = totals(reader)
        show.print("Read again with plain requests, without p2c's code:")
        show.print(_checked_table(checked))
        for result in checked:
            for difference in result.differences[:_SHOWN]:
                show.print(Text(f"  {difference}", style="red"))
        show.print(_totals_table(compared))
        for total in compared:
            for difference in total.differences[:_SHOWN]:
                show.print(Text(f"  {difference} {total.currency}", style="red"))
        for sentence in _summary(compared):
            show.print(Text(f"  {sentence}"))
        differences = [*(one.differences for one in checked), *(total.differences for total in compared)]
        return _fine(agreements) and not any(differences)


def _fine(agreements: Sequence[Agreement]) -> bool:
    return all(one.agrees for one in agreements)


def _checked_table(checked: Sequence[Checked]) -> Table:
    table = Table()
    for title in ("What", "Compared", "Fields", "Differ"):
        table.add_column(title, justify="left" if title == "What" else "right")
    for one in checked:
        differ = Text(str(len(one.differences)), style="red" if one.differences else "green")
        table.add_row(one.what + "s", str(one.rows), str(one.fields), differ)
    return table


def _totals_table(compared: Sequence[Totals]) -> Table:
    table = Table()
    for title in ("What", "Legal entity", "Currency"):
        table.add_column(title)
    for title in ("Documents", "Sum in Sales", "Sum in F&O", "Differ"):
        table.add_column(title, justify="right")
    for total in compared:
        differ = Text(str(len(total.differences)), style="red" if total.differences else "green")
        sums = (f"{total.sales:,.3f}", f"{total.finops:,.3f}")
        table.add_row(f"{total.what}s", total.company, total.currency, str(total.documents), *sums, differ)
    return table


def _summary(compared: Sequence[Totals]) -> list[str]:
    """How many documents were compared, and the sums per currency."""
    sums: dict[str, tuple[int, Decimal, Decimal]] = {}
    for total in compared:
        documents, sales, finops = sums.get(total.currency, (0, Decimal(0), Decimal(0)))
        sums[total.currency] = documents + total.documents, sales + total.sales, finops + total.finops
    return [
        f"{currency}: {documents} documents, {sales:,.3f} in Sales, {finops:,.3f} in F&O: {sales - finops:,.3f} apart"
        for currency, (documents, sales, finops) in sorted(sums.items())
    ]


def main(given: Sequence[str] | None = None) -> int:
    """Plays the demonstration; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--company", default="contoso-money", help=f"one of {', '.join(NAMES)}")
    parser.add_argument("--data", type=Path, help="a folder of CSV files in the Northwind layout")
    parser.add_argument("--size", type=int, default=0, help="number of orders of a generated company")
    parser.add_argument("--seed", type=int, default=1, help="seed of a generated company")
    chosen = parser.parse_args(given)
    console = Console(width=None if sys.stdout.isatty() else 160)
    began = time.monotonic()
    try:
        with raised(chosen.company, data=chosen.data, seed=chosen.seed, size=chosen.size) as stage:
            where = f"Sales at {stage.sandbox.sales_url}, F&O at {stage.sandbox.finops_url}, both in this process."
            console.print(f"Company {stage.company.name}: {where}")
            agree = Demo(stage, console).play()
    except CompanyError as error:
        console.print(Text(str(error), style="red"))
        return 2
    except KeyboardInterrupt:
        say_interrupted(console, "Both sandboxes are stopped and their data is deleted; nothing else was changed.")
        return Exit.INTERRUPTED
    seconds = time.monotonic() - began
    verdict = Text("Both systems agree.", "green bold") if agree else Text("The two systems do NOT agree.", "red bold")
    console.print(verdict.append(f"  ({seconds:.0f} seconds)", style="dim"))
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
