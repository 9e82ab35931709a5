"""What the app finds when it looks at its own parts: project, state, both systems, the queues, the latest runs.

Everything is opened afresh and closed again, with few tries and a time limit each: what a long-lived connection still
has says nothing of what the next process will get. Nothing is written anywhere.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import ValidationError

from p2c.errors import AuthError, ConfigError, MissingRow, P2CError, Validation
from p2c.operations.opening import opened_store, project_of
from p2c.settings import AppSettings, BusSettings
from p2c.state.binding import Binding
from p2c.state.checkpoint import Checkpoints
from p2c.state.runs import RunRecord, Runs
from p2c.state.store import Store
from p2c.systems.connect import connect
from p2c.systems.finops import FinOpsEnd
from p2c.systems.odata.transport import RetryPolicy
from p2c.systems.sales import SalesEnd
from p2c.systems.servicebus import open_bus
from p2c.templates.load import ordered
from p2c.templates.models import Template
from p2c.templates.project import Project, effective_templates

_LOG = logging.getLogger(__name__)

Verdict = Literal["ok", "warning", "failed", "unchecked"]
SOLUTION = "msdynce_ProspectToCashIntegration"
SECONDS = 20.0
"""How long one look may take."""
_RETRY = RetryPolicy(attempts=2, budget=SECONDS)
_LATEST = 200
_TIMERS = "Look at its timer and at the latest runs: `GET /api/runs`, `p2c runs`."
_HINTS = {
    "project": "Look at it with `p2c templates` where it was written, and publish the app with the file mended.",
    "state": "P2C_STATE must name the container, in which the identity needs Storage Blob Data Contributor.",
    "sign-in": "Look at the settings P2C_SALES__AUTH__… and P2C_FINOPS__AUTH__….",
    "sales": "Look at P2C_SALES__URL, whether the environment is up, and at p2c's application user in it.",
    "solution": "Look at the security role of p2c's application user.",
    "finops": "Look at P2C_FINOPS__URL, whether the environment is up, and at Microsoft Entra applications in it.",
    "environments": "`p2c state show` tells whose the state is.",
    "work queue": "Look at P2C_WORK__fullyQualifiedNamespace, and at the identity's roles for the queue.",
    "inbox queue": "Look at P2C_INBOX__fullyQualifiedNamespace, and at the identity's roles for the queue.",
    "runs": "The records of the runs are in the state; what is damaged there can be deleted.",
}
"""What to do when a look finds nothing good and what it found does not say so itself."""
_QUERY = re.compile(r"(https?://[^\s?]+)\?\S+")


@dataclass(frozen=True, slots=True)
class Check:
    """What one look found. `unchecked` could not be looked at, and is neither good nor bad; `seconds` is its time."""

    name: str
    verdict: Verdict
    why: str
    hint: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Found:
    """What a look that came to its end says."""

    why: str
    verdict: Verdict = "ok"
    hint: str = ""


async def check_app(settings: AppSettings, *, hours: int = 24, now: datetime | None = None) -> list[Check]:
    """All checks, in the order in which one depends on another. Never raises what a check can tell.

    A template that is enabled and has had no run without an error for `hours` is a warning. What is not well says what
    to do. No secret, and no address with a query, is in an answer.
    """
    async with AsyncExitStack() as stack:
        return await _Look(settings, stack).all(timedelta(hours=hours), now or datetime.now(UTC))


class _Look:
    def __init__(self, settings: AppSettings, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._stack = stack
        self._found: list[Check] = []
        self._project: Project | None = None
        self._templates: list[Template] = []
        self._store: Store | None = None
        self._identities: dict[str, str] = {}

    async def all(self, lately: timedelta, now: datetime) -> list[Check]:
        await self._check("project", self._load)
        await self._check("state", self._open_state)
        await self._systems()
        if self._store is None or not self._identities:
            self._skip("environments", "whose the state is, needs the state and both systems.")
        else:
            await self._check("environments", self._bound)
        await self._queues()
        if self._store is None or self._project is None:
            self._skip("runs", "the latest runs are in the state, and the templates in the project.")
        else:
            await self._runs(self._store, self._project, now, lately)
        return self._found

    async def _check(self, name: str, look: Callable[[], Awaitable[_Found]]) -> bool:
        began = time.monotonic()
        try:
            async with asyncio.timeout(SECONDS):
                found = await look()
        except TimeoutError:
            found = _Found(f"No answer within {SECONDS:.0f} seconds.", "failed")
        except P2CError as error:
            problems = error.problems if isinstance(error, ConfigError) else ()
            found = _Found("\n".join([error.message, *map(str, problems)]), "failed", error.hint)
        except ValidationError as error:
            found = _Found(f"{error.error_count()} settings or fields are wrong.", "failed")
        except Exception as error:
            # A look that breaks is a finding as well; but what such an error says may hold anything.
            _LOG.error("a check failed", exc_info=error, extra={"p2c_check": name})
            found = _Found(f"Unexpected: {type(error).__name__}.", "failed", "The log of the app has more.")
        self._add(name, found, time.monotonic() - began)
        return found.verdict != "failed"

    def _add(self, name: str, found: _Found, seconds: float = 0.0) -> None:
        hint = found.hint
        if not hint and found.verdict in ("failed", "warning"):
            hint = _HINTS.get(name, _TIMERS)
        why, hint = (_QUERY.sub(r"\1", text) for text in (found.why, hint))
        self._found.append(Check(name, found.verdict, why, hint, round(seconds, 3)))

    def _skip(self, name: str, why: str) -> None:
        self._add(name, _Found(f"Not looked at: {why}", "unchecked"))

    # --- project and state ---

    async def _load(self) -> _Found:
        project = project_of(self._settings)
        self._templates = ordered(effective_templates(project))
        self._project = project
        enabled = sum(one.enabled for one in self._templates)
        entities = len(project.connection_set.legal_entities)
        return _Found(f"{enabled} of {len(self._templates)} templates are enabled, legal entities: {entities}.")

    async def _open_state(self) -> _Found:
        store = await self._stack.enter_async_context(opened_store(self._settings))
        known = await Binding(store).read()
        self._store = store
        return _Found("It can be read." if known else "It can be read, and is new.")

    async def _bound(self) -> _Found:
        assert self._store is not None
        if await Binding(self._store).check(self._identities):
            return _Found("The state belongs to these two environments.")
        return _Found("The state belongs to none yet; the first run binds it.")

    # --- both systems ---

    async def _systems(self) -> None:
        names = ("sales", "solution", "finops")
        if self._project is None:
            for name in names:
                self._skip(name, "the addresses and templates are in the project.")
            return
        places, settings = self._project.connection_set, self._settings
        try:
            sales, finops = await self._stack.enter_async_context(
                connect(
                    settings.sales.url or places.sales.url,
                    settings.finops.url or places.finops.url,
                    sales_auth=settings.sales.auth,
                    finops_auth=settings.finops.auth,
                    retry=_RETRY,
                    answer_seconds=SECONDS,
                )
            )
        except ConfigError as error:
            self._add("sign-in", _Found(error.message, "failed", error.hint))
            for name in names:
                self._skip(name, "the settings of the sign-in are wrong.")
            return
        identities: dict[str, str] = {}

        async def sales_answers() -> _Found:
            identities["sales"] = await sales.metadata.identity()
            return _Found(f"Sales answers; the organization is {identities['sales']}.")

        async def finops_answers() -> _Found:
            found = await self._finops(finops)
            identities["finops"] = finops.identity()
            return found

        if await self._check("sales", sales_answers):
            await self._check("solution", lambda: _solution(sales))
        else:
            self._skip("solution", "Sales does not answer.")
        if await self._check("finops", finops_answers) and "sales" in identities:
            self._identities = identities

    async def _finops(self, finops: FinOpsEnd) -> _Found:
        try:
            return _Found(f"Finance and Operations answers; the application is {await finops.version()}.")
        except (AuthError, ConfigError, MissingRow, Validation) as refused:
            # A user with the roles of the templates alone need not be allowed to ask for the version.
            entity = next(iter(_entities(self._templates)), None)
            if entity is None:
                raise
            try:
                await finops.client.get(f"{entity}?$top=1", having=["value"])
            except P2CError as error:
                raise refused from error
            return _Found(f"Finance and Operations answers for {entity}; it does not show its version to this user.")

    # --- queues and runs ---

    async def _queues(self) -> None:
        settings = self._settings
        await self._check("work queue", lambda: _reached(settings.work, settings.work_url))
        if settings.inbox.namespace not in ("", settings.work.namespace) and not settings.work_url:
            await self._check("inbox queue", lambda: _reached(settings.inbox))

    async def _runs(self, store: Store, project: Project, now: datetime, lately: timedelta) -> None:
        newest: dict[str, RunRecord] = {}

        async def read() -> _Found:
            latest = await Runs(store).recent(_LATEST)
            for one in latest:
                newest.setdefault(one.template, one)
            return _Found(f"The latest began {latest[0].started:%Y-%m-%d %H:%M} UTC." if latest else "There is no run.")

        if not await self._check("runs", read):
            return
        for template in self._templates:
            if template.enabled:
                entities = list(project.connection_set.legal_entities)
                if template.scope == "master":
                    entities = [project.connection_set.master]

                async def look(template: Template = template, entities: Sequence[str] = entities) -> _Found:
                    return await _run(store, template, entities, newest.get(template.id), now - lately)

                await self._check(f"runs of {template.id}", look)


async def _reached(namespace: BusSettings, url: str = "") -> _Found:
    async with open_bus(namespace, url) as bus:
        await bus.reach()
    return _Found(
        "The namespace answers and the identity gets a token. Not looked at: whether the queue takes its messages, "
        "which only a message would show.",
        "unchecked",
    )


async def _solution(sales: SalesEnd) -> _Found:
    try:
        version = await sales.metadata.solution_version(SOLUTION)
    except AuthError:
        return _Found(f"This user may not read solutions, so whether {SOLUTION} is there is not known.", "unchecked")
    if version is None:
        return _Found(f"{SOLUTION} is not installed; templates that need its columns must say so in the project.")
    return _Found(f"{SOLUTION} {version} is installed.")


async def _run(
    store: Store, template: Template, entities: Sequence[str], newest: RunRecord | None, since: datetime
) -> _Found:
    said = ""
    if newest is not None:
        said = f"The newest run ({newest.legal_entity or 'all'}, {newest.started:%Y-%m-%d %H:%M} UTC): {newest.status}."
    stuck = []
    for entity in entities:
        point = await Checkpoints(store, f"lanes/{entity.lower()}/{template.family}").load(template.id)
        # While a run is under way the end of the one before is not known any more: it has from its start.
        last = (point.completed or point.started) if point is not None else None
        if last is None or last < since:
            stuck.append(entity)
    if stuck:
        return _Found(f"{said} No successful run lately for {', '.join(stuck)}.".lstrip(), "warning", _TIMERS)
    if newest is not None and newest.status == "Error":
        return _Found(f"{said} {newest.error}", "warning", newest.hint)
    return _Found(said or "The latest runs are of other templates; this one's last was not long ago.")


def _entities(templates: Sequence[Template]) -> list[str]:
    """The F&O entity sets that the enabled templates read or write, headers first."""
    return [
        task.source.entity if template.source == "finops" else task.destination.entity
        for template in templates
        if template.enabled
        for task in template.tasks
        if not task.parent
    ]
