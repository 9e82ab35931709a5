"""A run that is throttled in its middle, looked at through the gate: it slows down as a whole, and speeds up again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from harness.life import Life
from harness.network import Network, exposed
from p2c.systems.odata.gate import Gate
from sandbox.proxy import Fault, FaultPlan, Handled, Kind

_SAMPLE_SECONDS = 0.005
_MARGIN = 0.5
"""Requests that were on their way already may still arrive so many seconds after a refusal."""


@dataclass(frozen=True, slots=True)
class Throttling:
    """Places at the gate before the refusals, at the lowest, and at the end; what the client counted.

    `seconds` is the pause that the service asked for; `intruders` are requests that came in the middle of it.
    """

    before: int
    lowest: int
    end: int
    refusals: int
    throttled: int
    seconds: float
    intruders: int
    status: str


def throttled_run(orders: int = 1200, *, seconds: float = 2.0) -> Throttling:
    """Customers of a generated company go to F&O, one request for few of them, and some of these are refused."""
    with exposed("generated", orders) as (one, network):
        one.acts[0]()
        return asyncio.run(_throttled_run(one, network, seconds))


async def _throttled_run(one: Life, network: Network, seconds: float) -> Throttling:
    # A page in many small batches, of which several are under way at a time.
    one.settings = one.settings.model_copy(update={"page_size": 500, "finops_batch_operations": 1})
    plan = FaultPlan.of([Fault(Kind.THROTTLED, after=12, times=4, path=r"\$batch", retry_after=seconds)])
    async with one.session() as session:
        network.finops.plan = plan
        gate, statistics = session.finops.client.gate, session.finops.client.statistics
        heard = _heard(gate)
        watch = asyncio.create_task(_watch(gate))
        try:
            finished = await session.run(["accounts"])
        finally:
            watch.cancel()
            limits = await watch
        log = network.finops.log
        refused = [each for each in log if each.kind is Kind.THROTTLED]
        return Throttling(
            before=heard[0],
            lowest=min(limits),
            end=gate.limit,
            refusals=len(refused),
            throttled=statistics.throttled,
            seconds=seconds,
            intruders=_between(log, max(each.at for each in refused), seconds),
            status=finished[0].record.status,
        )


def _heard(gate: Gate) -> Sequence[int]:
    """The gate's limit at the moment of each refusal that it is told of.

    Between a refusal by the service and that moment the gate still grows by what else succeeded.
    """
    found: list[int] = []
    tell = gate.throttled

    def throttled(seconds: float, *, since: int | None = None) -> None:
        found.append(gate.limit)
        tell(seconds, since=since)

    gate.throttled = throttled  # type: ignore[method-assign]
    return found


async def _watch(gate: Gate) -> Sequence[int]:
    """The gate's limit over time, until it is cancelled."""
    found: list[int] = []
    try:
        while True:
            found.append(gate.limit)
            await asyncio.sleep(_SAMPLE_SECONDS)
    except asyncio.CancelledError:
        return found


def _between(log: Sequence[Handled], start: float, seconds: float) -> int:
    return sum(start + _MARGIN < each.at < start + seconds - _MARGIN / 2 for each in log)
