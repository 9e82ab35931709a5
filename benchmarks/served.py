"""Both servers and the company in a process of their own, so that their work is not taken for the client's.

The process is told what to do over a pipe, one act at a time, and answers when it is done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from benchmarks import company
from benchmarks.changing import Changing
from sandbox import Sandbox
from sandbox.company import Company

_SPAWN = get_context("spawn")
_END = "end"


class ServedError(Exception):
    """The process of the servers could not do what it was told; the text says why."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What both servers were asked since the last reset; a batch is one request with many operations."""

    requests: int
    operations: int
    writes: int


class Served:
    """A sandbox in another process, with the company of a seed and size. Use it as a context manager."""

    def __init__(self, seed: int, documents: int) -> None:
        self._here, there = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_serve, args=(there, seed, documents), daemon=True)
        self.project: dict[str, Any] = {}
        """The company's project file, with the addresses of the servers."""
        self.token = ""

    def __enter__(self) -> Served:
        self._process.start()
        self.project, self.token = self._answer()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.is_alive():
            self._here.send((_END, ()))
        self._process.join(30)
        if self._process.is_alive():
            self._process.kill()
        self._here.close()

    def set_up(self) -> None:
        """Master data is there."""
        self._do("set_up")

    def sell(self) -> None:
        """People in Sales write quotes and orders."""
        self._do("sell")

    def fulfil(self) -> None:
        """People in F&O deliver and invoice."""
        self._do("fulfil")

    def change_masters(self, time: int) -> None:
        """See `Changing.masters`."""
        self._do("change_masters", time)

    def change_documents(self, time: int) -> None:
        """See `Changing.documents`."""
        self._do("change_documents", time)

    def change_deliveries(self, time: int) -> None:
        """See `Changing.deliveries`."""
        self._do("change_deliveries", time)

    def imposes(self, latency: float) -> None:
        """Each request takes so many seconds longer from now on."""
        self._do("imposes", latency)

    def reset(self) -> None:
        """Count from here."""
        self._do("reset")

    def asked(self) -> Asked:
        """What was counted."""
        found = self._do("asked")
        if not isinstance(found, Asked):
            raise ServedError(f"the servers answered {found!r}")
        return found

    def _do(self, act: str, *given: float) -> object:
        self._here.send((act, given))
        return self._answer()

    def _answer(self) -> Any:
        try:
            done, answer = self._here.recv()
        except EOFError:
            raise ServedError("the process of the servers ended") from None
        if not done:
            raise ServedError(answer)
        return answer


def _serve(pipe: Connection, seed: int, documents: int) -> None:
    """The other process: does what it is told until it is told to end, or nobody is there to tell it."""
    plan = company.plan(seed, documents)
    with Sandbox() as sandbox:
        people = Company("benchmark", plan, sandbox.sales, sandbox.finops)
        project = people.project
        project["connectionSet"]["sales"]["url"] = sandbox.sales_url
        project["connectionSet"]["finops"]["url"] = sandbox.finops_url
        pipe.send((True, (project, sandbox.token)))
        acts = _acts(sandbox, people)
        while True:
            try:
                act, given = pipe.recv()
            except EOFError:
                return
            if act == _END:
                return
            try:
                pipe.send((True, acts[act](*given)))
            except Exception as error:
                # Whoever told us must hear of it, or would wait for ever.
                pipe.send((False, f"{act}: {type(error).__name__}: {error}"))


def _acts(sandbox: Sandbox, people: Company) -> dict[str, Callable[..., object]]:
    changing = Changing(people.plan, sandbox.sales, sandbox.finops)
    services = (sandbox.sales, sandbox.finops)

    def imposes(latency: float) -> None:
        for service in services:
            service.limits.latency = latency

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
        "set_up": people.set_up,
        "sell": people.sell,
        "fulfil": people.fulfil,
        "change_masters": changing.masters,
        "change_documents": changing.documents,
        "change_deliveries": changing.deliveries,
        "imposes": imposes,
        "reset": reset,
        "asked": asked,
    }
