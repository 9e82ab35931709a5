"""Both servers and a company in a process of their own, so that their work is not taken for the client's.

The process is told what to do over a pipe, one act at a time, and answers when it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from sandbox import Sandbox
from sandbox.company import Company
from sandbox.company.plan import Plan

_SPAWN = get_context("spawn")
_END = "end"

Acts = Mapping[str, Callable[..., object]]
"""What the other process can be told to do, by name."""


class ApartError(Exception):
    """The other process could not do what it was told; the text says why."""


class Apart:
    """A sandbox in another process, with the company of a plan. Use it as a context manager.

    `acts` is called there, and is a function of a module, as whatever goes to another process.
    """

    def __init__(self, plan: Plan, acts: Callable[[Sandbox, Company], Acts]) -> None:
        self._here, there = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_serve, args=(there, plan, acts), daemon=True)
        self.project: dict[str, Any] = {}
        """The company's project file, with the addresses of the servers."""
        self.token = ""

    def __enter__(self) -> Self:
        self._process.start()
        self.project, self.token = self.answer()
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

    def do(self, act: str, *given: object) -> Any:
        """One act, to its end; gives what it gives. Raises ApartError."""
        self.begin(act, *given)
        return self.answer()

    def begin(self, act: str, *given: object) -> None:
        """One act, whose answer is still to come."""
        self._here.send((act, given))

    def answer(self) -> Any:
        """What the act that was begun gives. Raises ApartError."""
        try:
            done, answer = self._here.recv()
        except EOFError:
            raise ApartError("the process of the servers ended") from None
        if not done:
            raise ApartError(answer)
        return answer


def _serve(pipe: Connection, plan: Plan, acts: Callable[[Sandbox, Company], Acts]) -> None:
    """The other process: does what it is told until it is told to end, or nobody is there to tell it."""
    with Sandbox() as sandbox:
        people = Company("benchmark", plan, sandbox.sales, sandbox.finops)
        project = people.project
        project["connectionSet"]["sales"]["url"] = sandbox.sales_url
        project["connectionSet"]["finops"]["url"] = sandbox.finops_url
        pipe.send((True, (project, sandbox.token)))
        known = {**_people(sandbox, people), **acts(sandbox, people)}
        while True:
            try:
                act, given = pipe.recv()
            except EOFError:
                return
            if act == _END:
                return
            try:
                pipe.send((True, known[act](*given)))
            except Exception as error:
                # Whoever told us must hear of it, or would wait for ever.
                pipe.send((False, f"{act}: {type(error).__name__}: {error}"))


def _people(sandbox: Sandbox, people: Company) -> Acts:
    """What can be done in every company."""

    def imposes(latency: float) -> None:
        sandbox.sales.limits.latency = sandbox.finops.limits.latency = latency

    return {"set_up": people.set_up, "sell": people.sell, "fulfil": people.fulfil, "imposes": imposes}
