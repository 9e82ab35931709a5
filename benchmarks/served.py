"""The company whose synchronisation is measured template by template: what it does, and what its servers were asked."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks import company
from benchmarks.apart import Acts, Apart, ApartError
from benchmarks.changing import Changing
from sandbox import Sandbox
from sandbox.company import Company


@dataclass(frozen=True, slots=True)
class Asked:
    """What both servers were asked since the last reset; a batch is one request with many operations."""

    requests: int
    operations: int
    writes: int


class Served(Apart):
    """The benchmarks' company of a seed and size."""

    def __init__(self, seed: int, documents: int) -> None:
        super().__init__(company.plan(seed, documents), _acts)

    def set_up(self) -> None:
        """Master data is there."""
        self.do("set_up")

    def sell(self) -> None:
        """People in Sales write quotes and orders."""
        self.do("sell")

    def fulfil(self) -> None:
        """People in F&O deliver and invoice."""
        self.do("fulfil")

    def change_masters(self, time: int) -> None:
        """See `Changing.masters`."""
        self.do("change_masters", time)

    def change_documents(self, time: int) -> None:
        """See `Changing.documents`."""
        self.do("change_documents", time)

    def change_deliveries(self, time: int) -> None:
        """See `Changing.deliveries`."""
        self.do("change_deliveries", time)

    def imposes(self, latency: float) -> None:
        """Each request takes so many seconds longer from now on."""
        self.do("imposes", latency)

    def reset(self) -> None:
        """Count from here."""
        self.do("reset")

    def asked(self) -> Asked:
        """What was counted."""
        found = self.do("asked")
        if not isinstance(found, Asked):
            raise ApartError(f"the servers answered {found!r}")
        return found


def _acts(sandbox: Sandbox, people: Company) -> Acts:
    changing = Changing(people.plan, sandbox.sales, sandbox.finops)
    services = (sandbox.sales, sandbox.finops)

    def reset() -> None:
        for service in services:
            service.stats = type(service.stats)()

    def asked() -> Asked:
        counted = [service.stats for service in services]
        return Asked(
            sum(one.requests for one in counted),
            sum(one.operations for one in counted),
            sum(one.writes for one in counted),
        )

    return {
        "change_masters": changing.masters,
        "change_documents": changing.documents,
        "change_deliveries": changing.deliveries,
        "reset": reset,
        "asked": asked,
    }
