"""What each template costs, for p2c and for a plain client: `python -m benchmarks.templates` (`make bench`).

Each client gets fresh servers with the same company, once as fast as they are and once with a latency imposed, since
on one machine a round trip costs next to nothing. At the end of each stage both systems are compared: they must agree,
or there is no result.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measuring import TEMPLATES, BenchmarkError, Client, Kind, Measurement, Scenario, measured
from benchmarks.terminal import machine, positive

KINDS: tuple[Kind, ...] = ("first load", "2 % changed")
CLIENTS: tuple[Client, ...] = ("p2c", "plain")


def main(given: Sequence[str] | None = None) -> int:
    """Measures, and prints tables or JSON. Gives 1 when a measurement failed."""
    chosen = _arguments(given)
    told = Console(stderr=True)
    found: list[Measurement] = []
    try:
        for scenario in _scenarios(chosen):
            for one in measured(scenario):
                found.append(one)
                told.print(f"{_who(one)}: {one.template}, {one.kind}: {one.seconds:.2f} s", style="dim")
    except BenchmarkError as error:
        told.print(f"No result: {error}", style="red", markup=False)
        return 1
    if chosen.json:
        json.dump(_as_json(found), sys.stdout, indent=2)
        print()
    else:
        _print(found, chosen.latency, Console(width=chosen.width))
    return 0


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.templates", description="What each template costs.")
    parser.add_argument("--documents", type=positive, default=1000, help="documents of each template")
    parser.add_argument("--latency", type=float, default=0.03, help="seconds added to each request in a second round")
    parser.add_argument(
        "--sample",
        type=positive,
        default=100,
        help="documents of the plain client's first load under latency; its time grows in proportion",
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the company")
    parser.add_argument("--json", action="store_true", help="print every measurement as JSON")
    parser.add_argument("--width", type=int, default=120, help="columns of the output")
    chosen = parser.parse_args(given)
    if chosen.latency <= 0:
        parser.error("--latency must be above 0: the round without is always measured")
    return chosen


def _scenarios(chosen: argparse.Namespace) -> list[Scenario]:
    found: list[Scenario] = []
    for client in CLIENTS:
        fewer = min(chosen.sample, chosen.documents) if client == "plain" else chosen.documents
        found += [
            Scenario(client, chosen.documents, 0.0, (0.0, chosen.latency), chosen.seed),
            Scenario(client, fewer, chosen.latency, (), chosen.seed),
        ]
    return found


def _who(one: Measurement) -> str:
    return f"{one.client}, {one.latency * 1000:.0f} ms" if one.latency else one.client


# --- tables --------------------------------------------------------------------------------------------------------


def _print(found: Sequence[Measurement], latency: float, console: Console) -> None:
    for kind in KINDS:
        console.print(_table(found, kind, latency))
    for client in CLIENTS:
        own = [one for one in found if one.client == client]
        rates = " and ".join(f"{_rate(own, each):,.0f}" for each in (0.0, latency))
        console.print(
            f"{client}: {rates} documents a second on first load, without and with {latency * 1000:.0f} ms; "
            f"peak memory {max(one.memory for one in own):.0f} MiB"
        )
    console.print(f"Both systems agreed after every stage. {machine()}.")


def _table(found: Sequence[Measurement], kind: Kind, latency: float) -> Table:
    """What 1 000 documents of each template cost, the clients side by side; for the plain one a request is an
    operation."""
    table = Table(title=f"{kind}, per 1 000 documents", title_justify="left")
    table.add_column("template", no_wrap=True)
    for name in ("requests", "CPU s", "seconds", f"s, {latency * 1000:.0f} ms"):
        for client in CLIENTS:
            table.add_column(f"{name}\n{client}", justify="right")
        if name == "requests":
            table.add_column("operations\np2c", justify="right")
    for template in TEMPLATES:
        quick = [_one(found, client, 0.0, kind, template) for client in CLIENTS]
        slow = [_one(found, client, latency, kind, template) for client in CLIENTS]
        table.add_row(
            template,
            *(f"{one.requests * 1000 / _size(found, one):,.0f}" for one in quick),
            f"{quick[0].operations * 1000 / _size(found, quick[0]):,.0f}",
            *(f"{one.processor * 1000 / _size(found, one):.2f}" for one in quick),
            *(f"{one.seconds * 1000 / _size(found, one):.1f}" for one in (*quick, *slow)),
        )
    return table


def _size(found: Sequence[Measurement], one: Measurement) -> int:
    """How many documents the template has. An incremental run reads those that changed; they belong to a whole."""
    return one.documents if one.kind == KINDS[0] else _one(found, "p2c", 0.0, KINDS[0], one.template).documents


def _one(found: Sequence[Measurement], client: Client, latency: float, kind: Kind, template: str) -> Measurement:
    wanted = (client, latency, kind, template)
    return next(one for one in found if (one.client, one.latency, one.kind, one.template) == wanted)


def _rate(found: Sequence[Measurement], latency: float) -> float:
    """Documents a second over all templates on first load, each template counted alike."""
    loads = [one for one in found if one.latency == latency and one.kind == KINDS[0]]
    return len(loads) / sum(one.seconds / one.documents for one in loads)


# --- JSON ----------------------------------------------------------------------------------------------------------


def _as_json(found: Sequence[Measurement]) -> dict[str, Any]:
    return {"machine": machine(), "measurements": [asdict(one) for one in found]}


if __name__ == "__main__":
    sys.exit(main())
