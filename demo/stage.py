"""The stage: both sandboxes with a company, and p2c pointed at them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr

from p2c.documents import Outcome
from p2c.operations.opening import open_session, opened_store
from p2c.operations.reconcile import Agreement, reconcile
from p2c.operations.report import run_outcomes
from p2c.settings import AuthSettings, EndSettings, Settings
from p2c.shell import run_async
from p2c.sync.session import Finished
from p2c.sync.watching import Mode, Progress
from sandbox import Sandbox
from sandbox.company import Company, build


@dataclass(frozen=True, slots=True)
class Stage:
    """A running sandbox, its company, and the settings with which p2c reaches it."""

    sandbox: Sandbox
    company: Company
    settings: Settings

    def run(
        self, names: Sequence[str] = (), *, mode: Mode | None = None, progress: Progress | None = None
    ) -> list[Finished]:
        """One run of the named templates, all when none is named."""

        async def work() -> list[Finished]:
            async with open_session(self.settings) as session:
                return await session.run(names, mode=mode, progress=progress)

        return run_async(work())

    def outcomes(self, finished: Finished) -> list[Outcome]:
        """What became of the documents of a run, the unchanged ones left out."""

        async def work() -> list[Outcome]:
            async with opened_store(self.settings) as store:
                return [one async for one in run_outcomes(store, finished.record.id)]

        return run_async(work())

    def reconcile(self, progress: Progress | None = None) -> list[Agreement]:
        """Whether both systems agree, template by template."""

        async def work() -> list[Agreement]:
            async with open_session(self.settings) as session:
                return await reconcile(session, progress=progress)

        return run_async(work())


@contextmanager
def raised(name: str = "contoso", *, data: Path | None = None, seed: int = 1, size: int = 0) -> Iterator[Stage]:
    """A stage with a company that is not set up yet; everything is gone afterwards. Raises CompanyError."""
    with TemporaryDirectory(prefix="p2c-demo-") as folder, Sandbox() as sandbox:
        company = build(name, seed=seed, size=size, data=data, sales=sandbox.sales, finops=sandbox.finops)
        yield Stage(sandbox, company, settings_for(sandbox, company, Path(folder)))


def settings_for(sandbox: Sandbox, company: Company, folder: Path) -> Settings:
    """Settings for p2c to reach a sandbox; project file and state are put into the folder."""
    project = company.project
    project["connectionSet"]["sales"]["url"] = sandbox.sales_url
    project["connectionSet"]["finops"]["url"] = sandbox.finops_url
    file = folder / "p2c.json"
    file.write_text(json.dumps(project, indent=2), encoding="utf-8")
    auth = AuthSettings(kind="static", token=SecretStr(sandbox.token))
    end = EndSettings(auth=auth)
    return Settings(project=file, state=str(folder / "state"), sales=end, finops=end)
