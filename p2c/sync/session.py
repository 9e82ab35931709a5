"""A session: the project's templates between the two environments, run in the order of their dependencies."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from p2c.documents import LegalEntity, Outcome, SystemName
from p2c.errors import ConfigError, P2CError, Problem, StateError, TooManyDeletes
from p2c.mapping.mapper import Mapper
from p2c.settings import Settings
from p2c.state.binding import Binding
from p2c.state.runs import RunRecord, Runs
from p2c.state.store import Store
from p2c.sync.compare import Comparer
from p2c.sync.deleting import Brake, Departures
from p2c.sync.environment import Environment, survey
from p2c.sync.lane import Lane, open_dry_lane, open_lane
from p2c.sync.loading import Loader
from p2c.sync.paging import PageWork
from p2c.sync.renames import Renames
from p2c.sync.replaying import Replay
from p2c.sync.running import TemplateRun
from p2c.sync.sharing import MasterOnly, SharedDocuments
from p2c.sync.slicing import Slicing
from p2c.sync.taking import Taking
from p2c.sync.watching import Mode, Progress, Quiet
from p2c.systems.finops import FinOpsEnd
from p2c.systems.sales import SalesEnd
from p2c.templates import catalog
from p2c.templates.load import ordered, template_hash
from p2c.templates.models import Conflicts, Template
from p2c.templates.project import Project, effective_templates


@dataclass(frozen=True, slots=True)
class Finished:
    """A template's run for one legal entity; `outcomes` only of a dry run, a real one has them in its state.

    `error` is what stopped it.
    """

    record: RunRecord
    outcomes: Sequence[Outcome] = ()
    error: P2CError | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A template, a legal entity, and the mapper for the two."""

    template: Template
    legal_entity: LegalEntity
    mapper: Mapper

    @property
    def hash(self) -> str:
        """What decides how documents are mapped here; with another one the next run compares everything."""
        return template_hash(self.template, self.mapper.context.time_zone.key)


ENVIRONMENT_SECONDS = 600.0
"""For how long what is known of the environments serves slices and events."""

LOOKUPS_LAST = timedelta(seconds=30)
"""For how long lookups serve events, which come in bursts; every run and slice asks anew."""


class Session:
    """Runs templates of a project. Both ends stay open for its lifetime; the caller opens and closes them."""

    def __init__(self, project: Project, settings: Settings, sales: SalesEnd, finops: FinOpsEnd, store: Store) -> None:
        self.project = project
        self._settings = settings
        self.sales = sales
        self.finops = finops
        self.store = store
        self._identities: dict[str, str] = {}
        self._environment: tuple[float, Environment] | None = None
        self.templates: list[Template] = ordered(effective_templates(project))

    def select(self, names: Sequence[str]) -> list[Template]:
        """The templates with these ids in running order; all enabled ones when none is named. Raises ConfigError."""
        known = {one.id: one for one in self.templates}
        for name in names:
            if name not in known:
                raise ConfigError(f"There is no template {name!r}.", hint=catalog.did_you_mean(name, known))
        return [one for one in self.templates if (one.id in names if names else one.enabled)]

    async def run(
        self,
        names: Sequence[str] = (),
        *,
        legal_entities: Sequence[str] = (),
        mode: Mode | None = None,
        progress: Progress | None = None,
        finished: Callable[[Finished], None] | None = None,
        rebind: bool = False,
    ) -> list[Finished]:
        """Runs the templates, one after the other, each for every legal entity that it has.

        A template whose predecessor ended in Error, or whose lane is taken, is not run: its record says so. `rebind`
        says that the state belongs to these environments, whatever it says itself. Raises before anything is written
        to them: StateError when the state belongs to others, else, with a record of each run that did not begin, what
        keeps the environments from being asked, or a ConfigError when they do not fit the project.
        """
        mode = mode or Mode()
        chosen = self.select(names)
        try:
            await self.bind(rebind=rebind, dry=mode.dry)
            environment = await survey(self.project, self.sales.metadata)
            entities = self._entities(environment, legal_entities)
            plans = _plans(chosen, entities, environment)
        except StateError:
            raise
        except P2CError as error:
            if not mode.dry:
                await self._record_not_begun(chosen, legal_entities, mode, error)
            raise
        broken: dict[tuple[str, str], str] = {}
        results: list[Finished] = []
        for template, entity, mapper in plans:
            cause = next((one for one in template.runs_after if (one, entity.id) in broken), None)
            if cause is not None:
                result = Finished(_not_run(template, entity, mode, f"not run: {cause} ended in Error"))
                if not mode.dry:
                    await Runs(self.store).save(result.record)
            else:
                try:
                    result = await self._one(template, entity, mapper, mode, progress or Quiet())
                except StateError as error:
                    # The lane is taken, or its memory cannot be used: that is no reason to stop the others.
                    result = Finished(_not_run(template, entity, mode, f"not run: {error}"), error=error)
            if result.record.status == "Error" and not isinstance(result.error, TooManyDeletes):
                broken[template.id, entity.id] = result.record.error
            results.append(result)
            if finished is not None:
                finished(result)
        return results

    async def _record_not_begun(
        self, chosen: Sequence[Template], wanted: Sequence[str], mode: Mode, error: P2CError
    ) -> None:
        """Whoever asks what became of the runs finds why there were none."""
        company = self.project.connection_set
        asked = {name.lower() for name in wanted}
        for name in company.legal_entities:
            entity = LegalEntity(name)
            here = [one for one in chosen if one.scope != "master" or name == company.master]
            for template in here if name in asked or not asked else ():
                await Runs(self.store).save(_not_run(template, entity, mode, f"not run: {error}"))

    async def identities(self) -> dict[str, str]:
        """What both environments are, whatever addresses they are reached by."""
        return {"sales": await self.sales.metadata.identity(), "finops": self.finops.identity()}

    async def bind(self, *, rebind: bool = False, dry: bool = False) -> dict[str, str]:
        """Sees that the state belongs to these environments, and binds it to them while it is new; gives both.

        Raises StateError when it belongs to others, unless `rebind`.
        """
        found = await self.identities()
        binding = Binding(self.store)
        bound = False if rebind else await binding.check(found)
        if not bound and not dry:
            await binding.bind(found)
        self._identities = found
        return found

    def _entities(self, environment: Environment, wanted: Sequence[str]) -> list[LegalEntity]:
        known = {one.id: one for one in environment.legal_entities.values()}
        for name in wanted:
            if name.lower() not in known:
                raise ConfigError(f"The project has no legal entity {name!r}.", hint=catalog.did_you_mean(name, known))
        return [known[name.lower()] for name in wanted] if wanted else list(known.values())

    async def _one(
        self,
        template: Template,
        entity: LegalEntity,
        mapper: Mapper,
        mode: Mode,
        progress: Progress,
    ) -> Finished:
        before = self._requests()
        self.sales.refresh()
        lane_of = self._open_lane(template, entity.id, dry=mode.dry)
        async with lane_of as lane:
            run = self._template_run(lane, Plan(template, entity, mapper), mode, progress=progress)
            record = await run.run()
            after = self._requests()
            record = record.model_copy(update={"requests": {one: after[one] - before[one] for one in after}})
            if not mode.dry:
                await lane.runs.save(record)
        return Finished(record, run.outcomes, run.error)

    def _template_run(
        self,
        lane: Lane,
        plan: Plan,
        mode: Mode,
        *,
        progress: Progress | None = None,
        slicing: Slicing | None = None,
        trigger: str = "",
    ) -> TemplateRun:
        template, settings = plan.template, self._settings
        return TemplateRun(
            template,
            plan.hash,
            plan.legal_entity,
            plan.mapper,
            self._end(template.source),
            lane,
            self._work(lane, plan, dry=mode.dry),
            self._departures(lane, plan, mode, kept=slicing is not None or not mode.dry),
            mode=mode,
            page_size=settings.page_size,
            progress=progress or Quiet(),
            slicing=slicing,
            trigger=trigger,
            identities=self._identities,
            full_every=timedelta(hours=hours) if (hours := settings.full_every_hours) else None,
        )

    def _taking(self, lane: Lane, plan: Plan, *, careful: bool, policy: Conflicts | None = None) -> Taking:
        work, departures = self._work(lane, plan, policy=policy), self._departures(lane, plan, Mode(), kept=True)
        source = self._end(plan.template.source)
        return Taking(plan.mapper, plan.legal_entity, source, lane, work, departures, careful=careful)

    def _work(self, lane: Lane, plan: Plan, *, dry: bool = False, policy: Conflicts | None = None) -> PageWork:
        template, entity, mapper = plan.template, plan.legal_entity, plan.mapper
        source, destination = self._end(template.source), self._end(template.destination)
        digest = plan.hash
        loader = Loader(
            mapper,
            Comparer(mapper, entity),
            destination,
            entity,
            digest,
            dry=dry,
            policy=policy,
            couplings=lane.couplings,
            master_only=self._master_only(),
        )
        renames = Renames(mapper, source, entity, lane.ledger, lane.newcomers)
        shared = self._shared(plan)
        return PageWork(
            mapper, digest, lane.ledger, loader, renames, dry=dry, counterpart=lane.counterpart, shared=shared
        )

    def _shared(self, plan: Plan) -> SharedDocuments | None:
        """Whose documents count where all legal entities have some of their own to share."""
        if plan.template.scope != "union":
            return None
        order = _in_order([*self.project.connection_set.legal_entities], self.project.connection_set.master)
        return SharedDocuments(plan.mapper, self._end(plan.template.source), plan.legal_entity, order)

    def _master_only(self) -> MasterOnly | None:
        settings = self.project.connection_set
        return MasterOnly(self.finops, self.templates, settings.master) if len(settings.legal_entities) > 1 else None

    def _departures(self, lane: Lane, plan: Plan, mode: Mode, *, kept: bool) -> Departures:
        settings, template = self._settings, plan.template
        return Departures(
            plan.mapper,
            self._end(template.source),
            self._end(template.destination),
            plan.legal_entity,
            lane,
            Brake(settings.delete_limit, settings.delete_percent, allowed=mode.allow_deletes),
            dry=mode.dry,
            kept=kept,
            page_size=settings.page_size,
            shared=self._shared(plan),
        )

    def _end(self, system: SystemName) -> SalesEnd | FinOpsEnd:
        return self.sales if system == "sales" else self.finops

    # --- one slice, some keys ---

    async def plan(self, name: str, legal_entity: str) -> Plan:
        """What it takes to run one template for one legal entity. Raises ConfigError.

        What the environments are like is asked for again only after a while: slices and events follow each other fast.
        """
        template = self.select([name])[0]
        environment = await self.environment()
        entity = self._entities(environment, [legal_entity])[0]
        plans = _plans([template], [entity], environment)
        if not plans:
            raise ConfigError(f"{template.id} runs for the master legal entity only.")
        return Plan(*plans[0])

    async def environment(self) -> Environment:
        """What both environments are like, at most so many seconds ago."""
        now = time.monotonic()
        if self._environment is None or now - self._environment[0] > ENVIRONMENT_SECONDS:
            await self.bind()
            self._environment = now, await survey(self.project, self.sales.metadata)
        return self._environment[1]

    def lane(self, plan: Plan, *, dry_run: str = "") -> AbstractAsyncContextManager[Lane]:
        """The lane of a plan, leased; for a dry run (its id) one of its own. Raises LeaseHeld."""
        if dry_run:
            return open_dry_lane(self.store, plan.template, plan.legal_entity.id, dry_run)
        return self._open_lane(plan.template, plan.legal_entity.id)

    def _open_lane(
        self, template: Template, legal_entity: str, *, dry: bool = False
    ) -> AbstractAsyncContextManager[Lane]:
        return open_lane(
            self.store,
            template,
            legal_entity,
            lease_seconds=self._settings.lease_seconds,
            retry_minutes=self._settings.retry_minutes,
            dry=dry,
        )

    async def slice(self, lane: Lane, plan: Plan, slicing: Slicing, *, mode: Mode, trigger: str) -> TemplateRun:
        """Runs one slice in the open lane; gives the run as it then is. Its record has been saved."""
        self.sales.refresh()
        run = self._template_run(lane, plan, mode, slicing=slicing, trigger=trigger)
        await run.run()
        return run

    async def take(self, lane: Lane, plan: Plan, keys: Sequence[str], *, careful: bool, run_id: str) -> list[Outcome]:
        """Synchronises the documents with these keys, read fresh; see `Taking.take`."""
        self.sales.refresh(LOOKUPS_LAST)
        return await self._taking(lane, plan, careful=careful).take(keys, run_id=run_id)

    def replay(self, lane: Lane, plan: Plan, *, policy: Conflicts | None = None) -> Replay:
        """A replay of single documents in the open lane; `policy` is a person's word on their conflicts."""
        self.sales.refresh()
        taking, source = self._taking(lane, plan, careful=True, policy=policy), self._end(plan.template.source)
        return Replay(taking, lane, plan.mapper, plan.legal_entity, source, renamed=policy == "source")

    def _requests(self) -> dict[str, int]:
        return {"sales": self.sales.client.statistics.requests, "finops": self.finops.client.statistics.requests}


def _plans(
    templates: Sequence[Template], entities: Sequence[LegalEntity], environment: Environment
) -> list[tuple[Template, LegalEntity, Mapper]]:
    """What to run, in order. Raises ConfigError with all that does not fit the environment, of all templates."""
    plans: list[tuple[Template, LegalEntity, Mapper]] = []
    wrong: list[ConfigError] = []
    by_id = {entity.id: entity for entity in entities}
    for template in templates:
        order = _in_order([*by_id], environment.master) if template.scope == "union" else [*by_id]
        for entity in (by_id[name] for name in order):
            if template.scope == "master" and entity.id != environment.master:
                continue
            try:
                plans.append((template, entity, Mapper(template, environment.context(template, entity.id))))
            except ConfigError as error:
                wrong.append(error)
                break
    if len(wrong) > 1:
        problems = [problem for error in wrong for problem in error.problems or (Problem("", "", str(error)),)]
        message = " ".join(dict.fromkeys(error.message for error in wrong))
        raise ConfigError(message, problems=tuple(problems), hint=wrong[0].hint)
    if wrong:
        raise wrong[0]
    return plans


def _in_order(legal_entities: Sequence[str], master: str) -> list[str]:
    """The master first, the others as they are."""
    return sorted(legal_entities, key=lambda name: name != master)


def _not_run(template: Template, entity: LegalEntity, mode: Mode, why: str) -> RunRecord:
    now = datetime.now(UTC)
    return RunRecord(
        id=f"{now:%Y%m%dT%H%M%S%f}-{entity.id}-{template.id}",
        template=template.id,
        legal_entity=entity.id,
        mode=mode.name,
        status="Error",
        started=now,
        finished=now,
        error=why,
    )
