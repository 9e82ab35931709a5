"""The parts of a process: opened when first needed, kept for its life. The one place that knows how they fit."""

from __future__ import annotations

import asyncio
import logging
from functools import cached_property

from p2c.errors import ConfigError, P2CError
from p2c.lanes.inbox import Inbox
from p2c.lanes.keeping import Keeper
from p2c.lanes.post import Post
from p2c.lanes.worker import Worker
from p2c.operations.opening import open_session, opened_store, project_of
from p2c.settings import AppSettings
from p2c.state.store import Store
from p2c.sync.session import Session
from p2c.systems.servicebus import open_bus
from p2c.templates.load import builtin_templates, ordered
from p2c.templates.models import Template
from p2c.templates.project import Project, effective_templates

_LOG = logging.getLogger(__name__)


class Unknown(P2CError):
    """There is no such thing."""

    code = "unknown"


class Refused(P2CError):
    """What is asked for does not fit this project."""

    code = "refused"


class Parts:
    """Settings, project, state, queues and the session with both systems, for all functions of the process."""

    def __init__(self, settings: AppSettings | None = None) -> None:
        self._given = settings
        self._keeper = Keeper()
        self._lock = asyncio.Lock()
        self._store: Store | None = None
        self._post: Post | None = None
        self._session: Session | None = None
        self._worker: Worker | None = None
        self._inbox: Inbox | None = None

    @cached_property
    def settings(self) -> AppSettings:
        """The settings. Raises pydantic's ValidationError for one that is wrong."""
        return self._given or AppSettings()

    @cached_property
    def project(self) -> Project:
        """The project file. Raises ConfigError."""
        return project_of(self.settings)

    @cached_property
    def templates(self) -> list[Template]:
        """The project's templates in running order. Raises ConfigError."""
        return ordered(effective_templates(self.project))

    @property
    def legal_entities(self) -> list[str]:
        """The project's legal entities."""
        return list(self.project.connection_set.legal_entities)

    def legal_entities_of(self, template: Template) -> list[str]:
        """Those that the template runs for."""
        return [self.project.connection_set.master] if template.scope == "master" else self.legal_entities

    def own_schedules(self) -> dict[str, str]:
        """The schedules of the project's own templates, by id; those of the package are app settings.

        None while the project is wrong: the app starts all the same, so that its health can tell.
        """
        try:
            if not self.project.template_files:
                return {}
            own = set(builtin_templates())
            return {
                one.id: one.schedule for one in self.templates if one.enabled and one.schedule and one.id not in own
            }
        except ConfigError as error:
            _LOG.error("the project is wrong: %s", error)
            return {}

    def template(self, name: str) -> Template:
        """The template of that id. Raises Unknown."""
        found = next((one for one in self.templates if one.id == name), None)
        if found is None:
            raise Unknown(f"There is no template {name!r}.", hint=f"There are: {self._names()}.")
        return found

    async def store(self) -> Store:
        """The state."""
        async with self._lock:
            if self._store is None:
                self._store = await self._keeper.keep(opened_store(self.settings))
            return self._store

    async def post(self) -> Post:
        """The queues."""
        async with self._lock:
            return await self._open_post()

    async def worker(self) -> Worker:
        """What handles the messages of the lanes."""
        async with self._lock:
            if self._worker is None:
                session, post = await self._open_session(), await self._open_post()
                self._worker = Worker(session, post, slice_seconds=self.settings.slice_seconds)
            return self._worker

    async def inbox(self) -> Inbox:
        """What turns events into messages."""
        async with self._lock:
            if self._inbox is None:
                session, post = await self._open_session(), await self._open_post()
                self._inbox = Inbox(session, post, self.settings.entities)
            return self._inbox

    async def close(self) -> None:
        """Closes all that was opened."""
        await self._keeper.close()

    async def _open_post(self) -> Post:
        if self._post is None:
            settings = self.settings
            work = await self._keeper.keep(open_bus(settings.work, settings.work_url))
            inbox = work
            if settings.inbox.namespace not in ("", settings.work.namespace) and not settings.work_url:
                inbox = await self._keeper.keep(open_bus(settings.inbox))
            self._post = Post(work, inbox, settings.work_queue, settings.inbox_queue)
        return self._post

    async def _open_session(self) -> Session:
        if self._session is None:
            self._session = await self._keeper.keep(open_session(self.settings))
        return self._session

    def _names(self) -> str:
        return ", ".join(one.id for one in self.templates)
