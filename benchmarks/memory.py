"""How much memory p2c takes, whatever the number of documents: `python -m benchmarks.memory`.

So many documents are put into a sandbox, which runs in a process of its own, and then brought to the other side: by a
first load, by a run that finds a few of them changed, and by a full comparison. Each run is a process of its own too,
whose peak resident memory is what counts (the kernel keeps it; the sandbox is not in it). Accounts stand for what comes
from Sales, whose change tracking tells what changed, and orders with lines for what comes from F&O, where all are
scanned.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from benchmarks.apart import Apart
from benchmarks.many import KINDS
from p2c.documents import OutcomeKind
from p2c.operations.opening import open_session
from p2c.settings import AuthSettings, EndSettings, Settings
from p2c.sync.watching import Mode
from sandbox.company import contoso

_SPAWN = get_context("spawn")
SIZES = (1_000, 10_000)
LARGE = 300_000
CHANGED = 200
"""How many documents are changed before the second run, at every size."""
FIRST, SOME, FULL = "first load", f"{CHANGED} changed", "full comparison"
"""The runs, in this order."""


@dataclass(frozen=True, slots=True)
class Peak:
    """One run: documents at the source, documents read and written, seconds, and the peak of its memory in MiB."""

    template: str
    documents: int
    run: str
    read: int
    written: int
    seconds: float
    memory: float


def main(given: Sequence[str] | None = None) -> int:
    """Measures, and prints a table for each template or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description="Peak memory by documents.")
    parser.add_argument("--template", choices=KINDS, help="this template alone")
    parser.add_argument("--documents", type=int, nargs="+", default=list(SIZES), help="one size or several")
    parser.add_argument("--large", action="store_true", help=f"{LARGE:,} documents as well; takes an hour")
    parser.add_argument("--json", action="store_true", help="print every measurement as JSON")
    chosen = parser.parse_args(given)
    sizes = [*chosen.documents, *([LARGE] if chosen.large else [])]
    told = Console(stderr=True)
    peaks: list[Peak] = []
    for template in [chosen.template] if chosen.template else KINDS:
        for size in sizes:
            for found in measured(template, size):
                told.print(f"{template} {size:,}, {found.run}: {found.memory:.0f} MiB, {found.seconds:.1f} s")
                peaks.append(found)
    if chosen.json:
        json.dump([asdict(one) for one in peaks], sys.stdout, indent=2)
        print()
    else:
        for template, its in groupby(peaks, key=lambda one: one.template):
            Console().print(_table(template, its))
    return 0


def measured(template: str, documents: int) -> Iterator[Peak]:
    """The peaks at one size: of a first load, of a run that finds a few changes, and of a full comparison."""
    kind = KINDS[template]
    with TemporaryDirectory(prefix="p2c-memory-") as folder, Apart(contoso.plan(), kind.acts) as apart:
        place = Path(folder)
        (place / "p2c.json").write_text(json.dumps(apart.project), encoding="utf-8")
        apart.do("set_up")
        for one in kind.before:
            _run(place, apart.token, one, documents, FIRST)
        apart.do("fill", documents)
        yield _run(place, apart.token, template, documents, FIRST)
        apart.do("change", CHANGED)
        yield _run(place, apart.token, template, documents, SOME)
        yield _run(place, apart.token, template, documents, FULL)


def _run(folder: Path, token: str, template: str, documents: int, name: str) -> Peak:
    here, there = _SPAWN.Pipe()
    client = _SPAWN.Process(target=_client, args=(there, folder, token, template, name == FULL))
    client.start()
    there.close()
    read, written, seconds, memory = here.recv()
    client.join()
    return Peak(template, documents, name, read, written, seconds, memory)


def _client(pipe: Connection, folder: Path, token: str, template: str, full: bool) -> None:
    """The process that is measured: one run of p2c."""
    end = EndSettings(auth=AuthSettings(kind="static", token=SecretStr(token)))
    settings = Settings(project=folder / "p2c.json", state=str(folder / "state"), sales=end, finops=end)

    async def work() -> Mapping[str, int]:
        async with open_session(settings) as session:
            (finished,) = await session.run([template], mode=Mode(full=full))
        if finished.record.status != "Completed":
            raise RuntimeError(f"{template} ended in {finished.record.status}: {finished.record.error}")
        return finished.record.counts

    began = time.perf_counter()
    counts = asyncio.run(work())
    # The kernel counts it in KiB.
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    written = sum(counts.get(kind, 0) for kind in (OutcomeKind.CREATED, OutcomeKind.UPDATED))
    pipe.send((sum(counts.values()), written, time.perf_counter() - began, memory))


def _table(template: str, peaks: Iterable[Peak]) -> Table:
    table = Table(title=f"Peak memory of the p2c process: {template}", title_justify="left")
    for title in ("documents", "run", "read", "written", "MiB", "seconds"):
        table.add_column(title, justify="left" if title == "run" else "right")
    for one in peaks:
        memory, seconds = f"{one.memory:.0f}", f"{one.seconds:.1f}"
        table.add_row(f"{one.documents:,}", one.run, f"{one.read:,}", f"{one.written:,}", memory, seconds)
    return table


if __name__ == "__main__":
    sys.exit(main())
