"""How much memory p2c takes, whatever the number of documents: `python -m benchmarks.memory`.

So many accounts are put into a sandbox, which runs in a process of its own, and then brought to the other side: by a
first load, by a run that finds a few of them changed, and by a full comparison. Each run is a process of its own too,
whose peak resident memory is what counts (the kernel keeps it; the sandbox is not in it).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from benchmarks.apart import Acts, Apart
from p2c.operations.opening import open_session
from p2c.settings import AuthSettings, EndSettings, Settings
from p2c.sync.watching import Mode
from sandbox import Sandbox
from sandbox.company import Company, contoso

_SPAWN = get_context("spawn")
SIZES = (1_000, 10_000)
CHANGED = 200
"""How many accounts are changed before the second run, at every size."""
_BLOCK = 5_000


@dataclass(frozen=True, slots=True)
class Peak:
    """One run: documents at the source, documents read, seconds, and the peak of the process's memory in MiB."""

    documents: int
    run: str
    read: int
    seconds: float
    memory: float


def main(given: Sequence[str] | None = None) -> int:
    """Measures, and prints a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description="Peak memory by documents.")
    parser.add_argument("--documents", type=int, nargs="+", default=list(SIZES), help="accounts, one size or several")
    parser.add_argument("--large", action="store_true", help="300 000 accounts as well; takes half an hour")
    parser.add_argument("--json", action="store_true", help="print every measurement as JSON")
    chosen = parser.parse_args(given)
    sizes = [*chosen.documents, *([300_000] if chosen.large else [])]
    told = Console(stderr=True)
    peaks: list[Peak] = []
    for size in sizes:
        for found in measured(size):
            told.print(f"{found.documents:,} {found.run}: {found.memory:.0f} MiB, {found.seconds:.1f} s", style="dim")
            peaks.append(found)
    if chosen.json:
        json.dump([asdict(one) for one in peaks], sys.stdout, indent=2)
        print()
    else:
        Console().print(_table(peaks))
    return 0


def measured(documents: int) -> Iterator[Peak]:
    """The peaks at one size: of a first load, of a run that finds a few changes, and of a full comparison."""
    with TemporaryDirectory(prefix="p2c-memory-") as folder, Apart(contoso.plan(), _acts) as apart:
        place = Path(folder)
        (place / "p2c.json").write_text(json.dumps(apart.project), encoding="utf-8")
        apart.do("set_up")
        apart.do("fill", documents)
        yield _run(place, apart.token, documents, "first load")
        apart.do("change", CHANGED)
        yield _run(place, apart.token, documents, f"{CHANGED} changed")
        yield _run(place, apart.token, documents, "full comparison")


def _run(folder: Path, token: str, documents: int, name: str) -> Peak:
    here, there = _SPAWN.Pipe()
    client = _SPAWN.Process(target=_client, args=(there, folder, token, name == "full comparison"))
    client.start()
    there.close()
    read, seconds, memory = here.recv()
    client.join()
    return Peak(documents, name, read, seconds, memory)


def _client(pipe: Connection, folder: Path, token: str, full: bool) -> None:
    """The process that is measured: one run of p2c."""
    end = EndSettings(auth=AuthSettings(kind="static", token=SecretStr(token)))
    settings = Settings(project=folder / "p2c.json", state=str(folder / "state"), sales=end, finops=end)

    async def work() -> int:
        async with open_session(settings) as session:
            (finished,) = await session.run(["accounts"], mode=Mode(full=full))
        if finished.record.status != "Completed":
            raise RuntimeError(f"the run ended in {finished.record.status}: {finished.record.error}")
        return sum(finished.record.counts.values())

    began = time.perf_counter()
    read = asyncio.run(work())
    # The kernel counts it in KiB.
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pipe.send((read, time.perf_counter() - began, memory))


def _acts(sandbox: Sandbox, _: Company) -> Acts:
    return {"fill": partial(_fill, sandbox), "change": partial(_change, sandbox)}


def _fill(sandbox: Sandbox, documents: int) -> None:
    dollar = sandbox.sales.rows("transactioncurrency", isocurrencycode="USD")[0]["transactioncurrencyid"]
    there = len(sandbox.sales.rows("account"))

    def account(number: int) -> None:
        row = {
            "name": f"Account number {number}",
            "accountnumber": f"M-{number:07}",
            "transactioncurrencyid": dollar,
            "telephone1": f"+1 555 {number:07}",
            "emailaddress1": f"office{number}@example.com",
            "address1_line1": f"{number} Main Street",
            "address1_city": "Seattle",
            "address1_country": "USA",
        }
        sandbox.sales.create("account", row)

    _in_blocks(sandbox, range(max(0, documents - there)), account)


def _change(sandbox: Sandbox, count: int) -> None:
    rows = sandbox.sales.rows("account")

    def rename(place: int) -> None:
        row = rows[place]
        sandbox.sales.people.update("account", str(row["accountid"]), {"telephone1": "+1 555 0000"})

    _in_blocks(sandbox, range(0, len(rows), max(1, len(rows) // count)), rename)


def _in_blocks(sandbox: Sandbox, numbers: range, act: Callable[[int], None]) -> None:
    for start in range(0, len(numbers), _BLOCK):
        with sandbox.sales.bulk():
            for number in numbers[start : start + _BLOCK]:
                act(number)


def _table(peaks: Sequence[Peak]) -> Table:
    table = Table(title="Peak memory of the p2c process", title_justify="left")
    for title in ("accounts", "run", "read", "MiB", "seconds"):
        table.add_column(title, justify="left" if title == "run" else "right")
    for one in peaks:
        table.add_row(f"{one.documents:,}", one.run, f"{one.read:,}", f"{one.memory:.0f}", f"{one.seconds:.1f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
