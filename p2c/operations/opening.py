"""A session from settings: project file read, both ends connected, state opened; all of it closed again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from p2c.errors import ConfigError
from p2c.settings import Settings
from p2c.state.open import open_store
from p2c.state.store import Store
from p2c.sync.session import Session
from p2c.systems.connect import connect
from p2c.systems.credentials import build
from p2c.systems.finops import FinOpsEnd
from p2c.systems.sales import SalesEnd
from p2c.templates.project import Project, load_project


def project_of(settings: Settings) -> Project:
    """The project file that the settings name. Raises ConfigError that says how to make one."""
    if not settings.project.is_file():
        raise ConfigError(
            f"There is no project file {settings.project}.",
            hint="Write one (docs/project.md shows the shape) or name it with --project or P2C_PROJECT.",
        )
    return load_project(settings.project)


def connected(
    settings: Settings, project: Project | None = None, **options: Any
) -> AbstractAsyncContextManager[tuple[SalesEnd, FinOpsEnd]]:
    """Both ends as the settings say; addresses that they leave open are the project's. `options` go to `connect`."""
    return connect(
        settings.sales.url or (project.connection_set.sales.url if project else ""),
        settings.finops.url or (project.connection_set.finops.url if project else ""),
        sales_auth=settings.sales.auth,
        finops_auth=settings.finops.auth,
        sales_batch_operations=settings.sales_batch_operations,
        finops_batch_operations=settings.finops_batch_operations,
        change_set_operations=settings.change_set_operations,
        **options,
    )


@asynccontextmanager
async def open_session(settings: Settings) -> AsyncIterator[Session]:
    """A session to run templates with. Raises ConfigError and AuthError."""
    project = project_of(settings)
    async with (
        connected(settings, project) as (sales, finops),
        opened_store(settings) as store,
    ):
        yield Session(project, settings, sales, finops, store)


@asynccontextmanager
async def opened_store(settings: Settings) -> AsyncIterator[Store]:
    """The state's store, closed at the end. A container's address is signed in to with the state's own identity."""
    async with AsyncExitStack() as stack:
        credential = None
        if settings.state.startswith("https://") and "sig=" not in settings.state:
            credential = await stack.enter_async_context(
                build(settings.state_auth, settings.state, setting="P2C_STATE_AUTH")
            )
        store = open_store(settings.state, credential=credential)
        stack.push_async_callback(store.close)
        yield store
