"""Stages for tests: the demo's, with switches, faults and a project file to one's liking, and words to ask it by."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from demo.stage import Stage, settings_for
from p2c.documents import Outcome
from p2c.settings import Settings
from p2c.sync.session import Finished
from p2c.sync.watching import Mode
from sandbox import Sandbox
from sandbox.company import build
from sandbox.finops import FinOpsService
from sandbox.sales.options import SalesOptions
from sandbox.sales.service import SalesService
from sandbox.wire.service import Statistics

ChangeProject = Callable[[dict[str, Any]], None]


class Raise(Protocol):
    """The `stage` fixture; see `raise_stage`."""

    def __call__(
        self,
        name: str = "contoso",
        *,
        size: int = 0,
        sales: SalesOptions | None = None,
        finops: FinOpsService | None = None,
        project: ChangeProject | None = None,
        **settings: Any,
    ) -> Stage: ...


@contextmanager
def raise_stage(
    folder: Path,
    name: str = "contoso",
    *,
    size: int = 0,
    sales: SalesOptions | None = None,
    finops: FinOpsService | None = None,
    project: ChangeProject | None = None,
    **settings: Any,
) -> Iterator[Stage]:
    """A stage whose files are in the folder.

    `sales` are the switches of Sales, `finops` is another F&O, `project` changes the project file before it is
    written, `settings` replace those of p2c.
    """
    service = SalesService(token="sandbox", options=sales) if sales else None
    with Sandbox(sales=service, finops=finops, token="sandbox") as sandbox:
        company = build(name, size=size, sales=sandbox.sales, finops=sandbox.finops)
        found = settings_for(sandbox, company, folder)
        if project is not None:
            change_project(found, project)
        yield Stage(sandbox, company, found.model_copy(update=settings))


def change_project(settings: Settings, change: ChangeProject) -> None:
    """Changes the project file."""
    content = json.loads(settings.project.read_text(encoding="utf-8"))
    change(content)
    settings.project.write_text(json.dumps(content), encoding="utf-8")


def forget_requests(stage: Stage) -> None:
    """Sets the statistics of both systems to nothing."""
    stage.sandbox.sales.stats = Statistics()
    stage.sandbox.finops.stats = Statistics()


def writes(stage: Stage) -> tuple[int, int]:
    """How many writes Sales and F&O were asked for since `forget_requests`."""
    return stage.sandbox.sales.stats.writes, stage.sandbox.finops.stats.writes


def counts(results: Sequence[Finished]) -> dict[str, dict[str, int]]:
    """Outcomes per template, all legal entities together. No run may have ended in Error."""
    found: dict[str, Counter[str]] = {}
    for one in results:
        assert one.record.status != "Error", (one.record.template, one.record.error)
        found.setdefault(one.record.template, Counter()).update(one.record.counts)
    return {template: dict(counted) for template, counted in found.items()}


def kept_back(stage: Stage, results: Sequence[Finished]) -> dict[tuple[str, str], Outcome]:
    """What was parked, rejected or failed, by template and key."""
    return {
        (one.record.template, outcome.key): outcome
        for one in results
        for outcome in stage.outcomes(one)
        if outcome.kind in ("parked", "rejected", "failed")
    }


def environment(stage: Stage, **more: str) -> Mapping[str, str]:
    """The environment variables with which the `p2c` command reaches the stage."""
    settings = stage.settings
    return {
        "P2C_PROJECT": str(settings.project),
        "P2C_STATE": settings.state,
        "P2C_SALES__AUTH__KIND": "static",
        "P2C_SALES__AUTH__TOKEN": stage.sandbox.token,
        "P2C_FINOPS__AUTH__KIND": "static",
        "P2C_FINOPS__AUTH__TOKEN": stage.sandbox.finops.token,
        **more,
    }


FULL = Mode(full=True)
