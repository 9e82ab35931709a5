"""What 1×, 10×, 100× and 1 000× of a volume costs in requests, time and money: `python -m benchmarks.scale`.

Arithmetic only: nothing is run. What was measured (docs/benchmarks.md, docs/reliability.md) is rounded up, limits are
those that Microsoft documents, and what is neither is an assumption and called so. `--write` puts the tables into
docs/scale.md.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from p2c.settings import Settings

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "scale.md"
BEGIN = "<!-- made by python -m benchmarks.scale --write -->"
END = "<!-- end -->"

DAY = 86_400
MONTH = 30

# Measured, rounded up: the worst template of docs/benchmarks.md; the seconds are of docs/reliability.md, both servers
# on the same machine and no network between.
REQUESTS_PER_1000_WRITTEN = 100
OPERATIONS_PER_DOCUMENT = 3
REQUESTS_PER_1000_COMPARED = 15
SECONDS_PER_1000_COMPARED = 1.5

# As the settings have it: documents, operations.
PAGE_SIZE = int(Settings.model_fields["page_size"].default)
SALES_BATCH = int(Settings.model_fields["sales_batch_operations"].default)
FINOPS_BATCH = int(Settings.model_fields["finops_batch_operations"].default)

# Documented: Dataverse, per user and web server in a window of 300 s; Service Bus Standard, per namespace.
WINDOW = 300
DATAVERSE_REQUESTS = 6_000
DATAVERSE_SECONDS = 1_200
BUS_OPERATIONS_PER_SECOND = 1_000
STORAGE_REQUESTS_PER_SECOND = 20_000

# Assumed: to be measured in the customer's environments, and put in here.
SALES_SERVERS = 2
SALES_SECONDS_PER_OPERATION = 0.15
FINOPS_SECONDS_PER_OPERATION = 0.4
FINOPS_PARALLEL = 8
SECONDS_PER_READ = 0.5
"""For a page of documents, or a lookup of many rows, in either system."""
PEAK_SHARE = 0.2
"""Of a day's changes, those in its busiest hour."""
REQUESTS_PER_IDLE_RUN = 6
REQUESTS_PER_RUN_WITH_CHANGES = 12
SECONDS_PER_IDLE_RUN = 3
SLICE_SECONDS = 30
STATE_WRITES_PER_RUN = 12
STATE_WRITES_PER_PAGE = 8
LOG_KB_PER_RUN = 20
LOG_KB_PER_DOCUMENT = 2
STATE_KB_PER_DOCUMENT = 1
INSTANCE_GB = 2

# Assumed list prices in US dollars, pay as you go; they differ by region and contract.
FLEX_GB_SECOND = Decimal("0.000026")
FLEX_MILLION_EXECUTIONS = Decimal("0.40")
FLEX_FREE_GB_SECONDS = 100_000
FLEX_READY_GB_SECOND = Decimal("0.000004")
BUS_BASE = Decimal(10)
BUS_FREE_OPERATIONS = 13_000_000
BUS_MILLION_OPERATIONS = Decimal("0.80")
BLOB_10K_WRITES = Decimal("0.055")
BLOB_10K_READS = Decimal("0.005")
BLOB_GB_MONTH = Decimal("0.02")
LOG_GB = Decimal("2.76")
LOG_FREE_GB = 5
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Volume:
    """What a company has and does: documents of all templates, how many change in a day, in how many legal entities.

    `runs` is how many a day the schedules start in one legal entity. Half of the changes go to either system.
    """

    documents: int
    changes: int
    legal_entities: int
    runs: int

    def times(self, factor: int) -> Volume:
        """The same company, so many times the size. A larger company has more legal entities, but not as many more."""
        entities = max(self.legal_entities, round(self.legal_entities * math.sqrt(factor)))
        return Volume(self.documents * factor, self.changes * factor, entities, self.runs)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a volume needs: requests and operations a day, rates a second, seconds (lanes in turn), money a month."""

    lanes: int
    sales_requests: int
    sales_operations: int
    finops_operations: int
    peak_sales: float
    peak_finops: float
    first_load: float
    full_comparison: float
    instances: int
    bus_operations: int
    state_writes: int
    money: dict[str, Decimal]

    @property
    def total(self) -> Decimal:
        """All the money."""
        return sum(self.money.values(), Decimal(0))

    def binding(self) -> dict[str, float]:
        """How much of each limit is used at the busiest time, 1 being all of it."""
        requests_per_second = SALES_SERVERS * DATAVERSE_REQUESTS / WINDOW
        return {
            "Sales: requests of one user": self.sales_requests * PEAK_SHARE / 3600 / requests_per_second,
            "Sales: execution time of one user": self.peak_sales / sales_rate(),
            "F&O: what it does at a time": self.peak_finops / finops_rate(),
            "Service Bus: operations": self.bus_operations * PEAK_SHARE / 3600 / BUS_OPERATIONS_PER_SECOND,
            "Storage: requests": self.state_writes * PEAK_SHARE / 3600 / STORAGE_REQUESTS_PER_SECOND,
        }


def sales_rate() -> float:
    """Operations per second that one user may keep up in Sales: execution time binds, not the number of requests."""
    return SALES_SERVERS * DATAVERSE_SECONDS / WINDOW / SALES_SECONDS_PER_OPERATION


def finops_rate() -> float:
    """Operations per second of F&O at the parallelism that it was assumed to bear."""
    return FINOPS_PARALLEL / FINOPS_SECONDS_PER_OPERATION


def lane_rates() -> dict[str, float]:
    """Operations per second that one lane writes to either system: no more than a page's batches at a time."""
    operations = PAGE_SIZE * OPERATIONS_PER_DOCUMENT
    return {
        "Sales": min(sales_rate(), math.ceil(operations / SALES_BATCH) / SALES_SECONDS_PER_OPERATION),
        "F&O": min(finops_rate(), math.ceil(operations / FINOPS_BATCH) / FINOPS_SECONDS_PER_OPERATION),
    }


def families() -> int:
    """Lanes of one legal entity: one per document family."""
    files = (ROOT / "p2c" / "templates" / "builtin").glob("*.json")
    return len({json.loads(file.read_text(encoding="utf-8"))["family"] for file in files})


def runs_per_day() -> int:
    """Runs that the schedules of infra/schedules.json start in a day, which are all `every so many minutes`."""
    told = json.loads((ROOT / "infra" / "schedules.json").read_text(encoding="utf-8"))
    return sum(24 * 60 // int(schedule.split()[1].removeprefix("*/")) for schedule in told.values())


def groups() -> int:
    """What Flex Consumption scales by itself: each timer, both queues' functions, and all that is called over HTTP."""
    return len(list((ROOT / "p2c" / "templates" / "builtin").glob("*.json"))) + 2 + 1


def readiness() -> dict[str, Decimal]:
    """US dollars a month for instances that are always there, whatever they do. Zones need two of each group."""
    one = INSTANCE_GB * DAY * MONTH * FLEX_READY_GB_SECOND
    zones = f"instances in zones (`zoneRedundant`): two of each of {groups()} groups"
    return {"an instance for calls (`alwaysReadyHttp` 1)": one, zones: 2 * groups() * one}


def sessions_per_instance() -> int:
    """Lanes that one instance works on at a time."""
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    return int(host["extensions"]["serviceBus"]["maxConcurrentSessions"])


def cost(volume: Volume) -> Cost:
    """What that volume costs. Polling costs the same however much changes; the rest grows with the changes."""
    lanes = volume.legal_entities * families()
    runs = volume.runs * volume.legal_entities
    with_changes = min(runs, volume.changes)
    requests = (
        (runs - with_changes) * REQUESTS_PER_IDLE_RUN
        + with_changes * REQUESTS_PER_RUN_WITH_CHANGES
        + volume.changes * REQUESTS_PER_1000_WRITTEN // 1000
        + volume.documents * REQUESTS_PER_1000_COMPARED // 1000
    )
    operations = volume.changes * OPERATIONS_PER_DOCUMENT
    each = operations // 2
    # Both systems at once: the time that the slower one takes.
    slower = min(sales_rate(), finops_rate())
    busy = (runs - with_changes) * SECONDS_PER_IDLE_RUN + with_changes * SECONDS_PER_IDLE_RUN + each / slower
    per_1000 = REQUESTS_PER_1000_COMPARED * SECONDS_PER_READ + SECONDS_PER_1000_COMPARED
    full = volume.documents / 1000 * per_1000
    first = volume.documents * OPERATIONS_PER_DOCUMENT / 2 / slower
    messages = runs + busy / SLICE_SECONDS + 2 * volume.changes
    bus = round(messages * 3)
    writes = round(runs * STATE_WRITES_PER_RUN + (runs + volume.documents / PAGE_SIZE) * STATE_WRITES_PER_PAGE)
    peak = PEAK_SHARE * each / 3600
    return Cost(
        lanes=lanes,
        sales_requests=requests // 2,
        sales_operations=each,
        finops_operations=each,
        peak_sales=peak,
        peak_finops=peak,
        first_load=first,
        full_comparison=full,
        instances=math.ceil(lanes / sessions_per_instance()),
        bus_operations=bus,
        state_writes=writes,
        money=_money(volume, runs, busy + full, messages, bus, writes),
    )


def _money(volume: Volume, runs: int, busy: float, messages: float, bus: int, writes: int) -> dict[str, Decimal]:
    # An instance that works on several lanes at a time is paid for once; the worst case is one lane each.
    gb_seconds = max(0, round(busy * INSTANCE_GB * MONTH) - FLEX_FREE_GB_SECONDS)
    over = max(0, bus * MONTH - BUS_FREE_OPERATIONS)
    logs = Decimal(runs * LOG_KB_PER_RUN + volume.changes * LOG_KB_PER_DOCUMENT) * MONTH / MILLION
    stored = Decimal(volume.documents * STATE_KB_PER_DOCUMENT * 2) / MILLION
    found = {
        "Functions": gb_seconds * FLEX_GB_SECOND + Decimal(round(messages * MONTH)) / MILLION * FLEX_MILLION_EXECUTIONS,
        "Service Bus": 2 * BUS_BASE + Decimal(over) / MILLION * BUS_MILLION_OPERATIONS,
        "Storage": Decimal(writes * MONTH) / 10_000 * (BLOB_10K_WRITES + BLOB_10K_READS) + stored * BLOB_GB_MONTH,
        "Logs": max(Decimal(0), logs - LOG_FREE_GB) * LOG_GB,
    }
    return {name: value.quantize(Decimal(1), ROUND_HALF_UP) for name, value in found.items()}


TODAY = Volume(documents=50_000, changes=2_000, legal_entities=1, runs=0)
FACTORS = (1, 10, 100, 1_000)


def tables(today: Volume) -> str:
    """The tables of docs/scale.md, in Markdown."""
    volumes = {factor: today.times(factor) for factor in FACTORS}
    costs = {factor: cost(volume) for factor, volume in volumes.items()}
    head = _row("", *(f"{_number(factor)}×" for factor in FACTORS)) + _row("---", *("--:" for _ in FACTORS))
    volume_rows = [
        _row("documents in all", *(_number(one.documents) for one in volumes.values())),
        _row("changes a day", *(_number(one.changes) for one in volumes.values())),
        _row("legal entities", *(_number(one.legal_entities) for one in volumes.values())),
        _row("lanes", *(_number(one.lanes) for one in costs.values())),
        _row("instances when all lanes work", *(_number(one.instances) for one in costs.values())),
        _row("requests a day, each system", *(_number(one.sales_requests) for one in costs.values())),
        _row("operations a day, each system", *(_number(one.sales_operations) for one in costs.values())),
        _row("operations a second, busiest hour", *(_rate(one.peak_sales) for one in costs.values())),
        _row("first load", *(_time(one.first_load) for one in costs.values())),
        _row("full comparison, one lane after the other", *(_time(one.full_comparison) for one in costs.values())),
        _row("Service Bus operations a day", *(_number(one.bus_operations) for one in costs.values())),
        _row("writes to the state a day", *(_number(one.state_writes) for one in costs.values())),
    ]
    limits = [_row(name, *(_share(one.binding()[name]) for one in costs.values())) for name in costs[1].binding()]
    money = [
        _row(name, *(f"{one.money[name]:,}".replace(",", " ") for one in costs.values())) for name in costs[1].money
    ]
    money.append(_row("**together**", *(f"**{one.total:,}**".replace(",", " ") for one in costs.values())))
    ready = readiness().items()
    rates = lane_rates()
    lane_rows = [
        _row("operations a second", *(_number(round(rate)) for rate in rates.values())),
        _row("documents a second", *(f"{rate / OPERATIONS_PER_DOCUMENT:.1f}" for rate in rates.values())),
        _row("documents an hour", *(_number(round(rate / OPERATIONS_PER_DOCUMENT * 3600)) for rate in rates.values())),
    ]
    return "\n".join(
        [
            "### What one lane carries\n",
            _row("into", *rates) + _row("---", *("--:" for _ in rates)) + "".join(lane_rows),
            "### What it takes\n",
            head + "".join(volume_rows),
            "### How much of each limit is used in the busiest hour\n",
            head + "".join(limits),
            "### US dollars a month\n",
            head + "".join(money),
            "### What is always ready, besides\n",
            _row("", "US dollars a month")
            + _row("---", "--:")
            + "".join(_row(what, _number(round(cost))) for what, cost in ready),
        ]
    )


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _number(value: int) -> str:
    return f"{value:,}".replace(",", " ")


def _rate(value: float) -> str:
    return f"{value:.2f}" if value < 10 else _number(round(value))


def _share(value: float) -> str:
    return f"{value:.1%}" if value < 1 else f"**{value:.1f} times**"


def _time(seconds: float) -> str:
    if seconds < 2 * 60:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 2 * DAY else f"{seconds / DAY:.0f} days"


def today(
    documents: int = TODAY.documents, changes: int = TODAY.changes, entities: int = TODAY.legal_entities
) -> Volume:
    """The volume that is scaled, with the schedules as they are."""
    return Volume(documents, changes, entities, runs_per_day())


def written(page: str, made: str) -> str:
    """The page with the tables in their place. Raises ValueError when it has no place for them."""
    found, count = re.subn(
        f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: f"{BEGIN}\n\n{made}\n{END}", page, flags=re.DOTALL
    )
    if count != 1:
        raise ValueError("the page has no place, or more than one, for the tables")
    return found


def main(given: Sequence[str] | None = None) -> int:
    """Prints the tables, or puts them into the page. Gives 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description="What more volume costs.")
    parser.add_argument("--documents", type=int, default=TODAY.documents, help="of all templates together")
    parser.add_argument("--changes", type=int, default=TODAY.changes, help="a day")
    parser.add_argument("--legal-entities", type=int, default=TODAY.legal_entities)
    parser.add_argument("--write", action="store_true", help="put the tables of the default volume into docs/scale.md")
    chosen = parser.parse_args(given)
    if chosen.write:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), tables(today())), encoding="utf-8")
    else:
        sys.stdout.write(tables(today(chosen.documents, chosen.changes, chosen.legal_entities)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
