"""A session: the project's templates between the two environments, run in the order of their dependencies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from p2c.documents import LegalEntity, Outcome
from p2c.errors import ConfigError, P2CError, Problem
from p2c.mapping.mapper import Mapper
from p2c.settings import Settings
from p2c.state.runs import RunRecord, Runs
from p2c.state.store import Store
from p2c.sync.compare import Comparer
from p2c.sync.environment import Environment, survey
from p2c.sync.lane import open_lane
from p2c.sync.loading import Loader
from p2c.sync.running import Mode, Progress, Quiet, TemplateRun
from p2c.systems.ends import Destination, Source
from p2c.systems.finops import FinOpsEnd
from p2c.systems.sales import SalesEnd
from p2c.templates import catalog
from p2c.templates.load import ordered, template_hash
from p2c.templates.models import Template
from p2c.templates.project import Project, effective_templates


@dataclass(frozen=True, slots=True)
class Finished:
    """A template's run for one legal entity; `outcomes` only of a dry run, a real one has them in its state.

    `error` is what stopped it.
    """

    record: RunRecord
    outcomes: Sequence[Outcome] = ()
    error: P2CError | None = None


class Session:
    """Runs templates of a project. Both ends stay open for its lifetime; the caller opens and closes them."""

    def __init__(self, project: Project, settings: Settings, sales: SalesEnd, finops: FinOpsEnd, store: Store) -> None:
        self._project = project
        self._settings = settings
        self._sales = sales
        self._finops = finops
        self._store = store
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
    ) -> list[Finished]:
        """Runs the templates, one after the other, each for every legal entity that it has.

        A template whose predecessor ended in Error is not run: its record says so. Raises ConfigError before anything
        is written.
        """
        mode = mode or Mode()
        chosen = self.select(names)
        environment = await survey(self._project, self._sales.metadata)
        entities = self._entities(environment, legal_entities)
        plans = _plans(chosen, entities, environment)
        broken: dict[tuple[str, str], str] = {}
        results: list[Finished] = []
        for template, entity, mapper in plans:
            cause = next((one for one in template.runs_after if (one, entity.id) in broken), None)
            if cause is not None:
                result = Finished(_not_run(template, entity, mode, f"not run: {cause} ended in Error"))
                if not mode.dry:
                    await Runs(self._store).save(result.record)
            else:
                result = await self._one(template, entity, mapper, mode, progress or Quiet())
            if result.record.status == "Error":
                broken[template.id, entity.id] = result.record.error
            results.append(result)
            if finished is not None:
                finished(result)
        return results

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
        ends: dict[str, SalesEnd | FinOpsEnd] = {"sales": self._sales, "finops": self._finops}
        source: Source = ends[template.source]
        destination: Destination = ends[template.destination]
        digest = template_hash(template)
        before = self._requests()
        lane_of = open_lane(self._store, template, entity.id, lease_seconds=self._settings.lease_seconds, dry=mode.dry)
        async with lane_of as lane:
            comparer = Comparer(mapper, entity)
            loader = Loader(mapper, comparer, destination, entity, digest, dry=mode.dry)
            run = TemplateRun(
                template,
                digest,
                entity,
                mapper,
                source,
                loader,
                lane,
                mode=mode,
                page_size=self._settings.page_size,
                progress=progress,
            )
            record = await run.run()
            after = self._requests()
            record = record.model_copy(update={"requests": {one: after[one] - before[one] for one in after}})
            if not mode.dry:
                await lane.runs.save(record)
        return Finished(record, run.outcomes, run.error)

    def _requests(self) -> dict[str, int]:
        return {"sales": self._sales.client.statistics.requests, "finops": self._finops.client.statistics.requests}


def _plans(
    templates: Sequence[Template], entities: Sequence[LegalEntity], environment: Environment
) -> list[tuple[Template, LegalEntity, Mapper]]:
    """What to run, in order. Raises ConfigError with all that does not fit the environment, of all templates."""
    plans: list[tuple[Template, LegalEntity, Mapper]] = []
    wrong: list[ConfigError] = []
    for template in templates:
        for entity in entities:
            if template.scope == "master" and entity.id != environment.master:
                continue
            try:
                plans.append((template, entity, Mapper(template, environment.context(template, entity.id))))
            except ConfigError as error:
                wrong.append(error)
                break
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        problems = [problem for error in wrong for problem in error.problems or (Problem("", "", str(error)),)]
        message = "\n".join(dict.fromkeys(str(error.message) for error in wrong))
        raise ConfigError(message, problems=tuple(problems), hint=wrong[0].hint)
    return plans


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
