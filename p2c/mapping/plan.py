"""The tasks of a template as they apply to one environment, compiled once and then used for every document.

A Sales environment may lack columns (no P2C solution, or an older one). Fields that are `optional` and tasks that a
column makes superfluous adapt to it, and a lookup to several tables is followed to those that have the column. All else
that names such a column is a mistake, which is told before anything is written.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from p2c.documents import Row, SystemName
from p2c.errors import ConfigError, Problem
from p2c.mapping.context import Context
from p2c.mapping.fields import CompiledField, compile_field
from p2c.mapping.transforms import Surroundings, pipeline
from p2c.templates import filters, paths
from p2c.templates.catalog import sales_table_by_set
from p2c.templates.filters import Expression
from p2c.templates.models import FieldMap, Rule, Task, Template, country_field
from p2c.templates.resolve import bind

Absent = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule and its parsed condition."""

    rule: Rule
    condition: Expression
    causes: tuple[tuple[Expression, str], ...] = ()
    """Of a header's rule: conditions over its lines that explain it, each with its reason."""


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """A task, compiled.

    `reader` is the task whose rows it takes: itself, or where its source is `self`, the one up its parents that has a
    source of its own. `conditions` all hold for a row that becomes a line: the task's include, and those of the parents
    that the row passes. `keys` are the fields of the destination key, in order. `product` is the field whose blank
    makes the line a write-in product. `managed`: the environment writes these rows itself.
    `label` are the paths that name a line in messages.
    `countries` names, for each column of a state, the column of its country.
    """

    task: Task
    reader: Task
    fields: tuple[CompiledField, ...]
    keys: tuple[CompiledField, ...]
    conditions: tuple[Expression, ...]
    rules: tuple[CompiledRule, ...]
    product: CompiledField | None = None
    managed: bool = False
    label: tuple[str, ...] = ()
    countries: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def entity(self) -> str:
        """The entity set that its rows are read from."""
        return self.reader.source.entity

    def includes(self, row: Row) -> bool:
        """Whether the row becomes a line."""
        return all(condition.holds(row) for condition in self.conditions)

    def broken(self, row: Row) -> Iterator[CompiledRule]:
        """The rules that do not hold for the row."""
        return (rule for rule in self.rules if not rule.condition.holds(row))


def cancellations(template: Template, absence: Absence) -> tuple[Expression, ...]:
    """The conditions that each say that a document was canceled at its source; none where the template does not ask."""
    if template.canceled is None or template.cancellations == "ignore":
        return ()
    entity = template.header.source.entity
    parsed = map(filters.parse, template.canceled.when)
    return tuple(one for one in parsed if not absence.missing(template.source, entity, one.paths()))


class Absence:
    """Which paths an environment cannot serve, since a Sales column on their way is absent."""

    def __init__(self, absent: Absent) -> None:
        self._absent = absent

    def missing(self, system: SystemName, entity: str, names: Iterable[str]) -> tuple[str, ...]:
        """The absent columns, as `table.column`, that paths from the entity set pass. Sorted, without repetition."""
        if system != "sales" or not self._absent:
            return ()
        table = sales_table_by_set(entity).name
        touched = {step for name in names for step in _steps(bind(paths.parse(name), table), table)}
        return tuple(sorted(f"{one}.{column}" for one, column in touched & self._absent))

    def without(self, system: SystemName, entity: str, name: str) -> str:
        """The path, without those targets of a lookup to several tables that cannot be served, if others can."""
        path = paths.parse(name)
        if system != "sales" or not self._absent or not isinstance(path, paths.Follow) or len(path.targets) == 1:
            return name
        left = [target for target in path.targets if not self.missing(system, entity, [f"{path.column}.{target}"])]
        return str(paths.Follow(path.column, tuple(left or path.targets)))

    def has(self, system: SystemName, entity: str, column: str) -> bool:
        """Whether the column is there."""
        return not self.missing(system, entity, [column])


def _steps(path: paths.Path, table: str) -> Iterator[tuple[str, str]]:
    """Every (table, column) that a bound path passes. The owner of another row is reached through that row's lookup."""
    yield table, paths.root(path)
    if isinstance(path, paths.Follow):
        for target in path.targets:
            yield from _steps(target.path, target.table or table)


def plan(template: Template, context: Context) -> tuple[TaskPlan, ...]:
    """The tasks that apply, the header's first. Raises ConfigError with all that does not fit the environment."""
    planner = _Planner(template, context)
    plans = tuple(planner.task(task) for task in template.tasks if planner.applies(task))
    # Whether a document is canceled is seen at the destination wherever that is asked.
    if template.canceled is not None:
        unless = filters.parse(template.canceled.unless)
        planner.need("destination", template.header, "/canceled/unless", unless.paths())
    for position, rule in enumerate(template.update_only):
        planner.need("source", template.header, f"/updateOnly/{position}", filters.parse(rule.when).paths())
    if planner.problems:
        raise ConfigError(
            f"Template {template.id} needs columns that this Sales environment does not have.",
            problems=tuple(planner.problems),
            hint="Install or update the Prospect to cash solution, or change the template in the project file.",
        )
    return plans


class _Planner:
    def __init__(self, template: Template, context: Context) -> None:
        self.template = template
        self.context = context
        self.absence = Absence(context.absent)
        self.tasks: Mapping[str, Task] = {task.name: task for task in template.tasks}
        self.problems: list[Problem] = []

    def applies(self, task: Task) -> bool:
        """Whether the task is done here: no column of the destination makes it or its parent superfluous."""
        if task.source.self and not self.applies(self.parent(task)):
            return False
        if not task.unless_column:
            return True
        return not self.header_has(task.unless_column)

    def header_has(self, column: str) -> bool:
        """Whether the table of the destination's header has the column; F&O's entities are the same everywhere."""
        header = self.template.header.destination.entity
        return self.template.destination == "sales" and self.absence.has("sales", header, column)

    def task(self, task: Task) -> TaskPlan:
        reader = self.reader(task)
        entity = reader.source.entity
        key = [name for name in task.destination.key if name != "dataAreaId"]
        served = [
            column
            for position, column in enumerate(self.adapted(task, entity))
            if self.serves(task, entity, position, column)
        ]
        fields = [
            compile_field(self.template, entity, task, column, self.surroundings(task, column, served))
            for column in served
        ]
        own = task.source
        self.need("source", task, f"{self.place(task)}/source", [*own.key, *own.link, *filter(None, [own.version])])
        for position, guard in enumerate(task.destination.guards):
            pointer = f"{self.place(task)}/destination/guards/{position}"
            self.need("destination", task, pointer, filters.parse(guard.when).paths())
        by_name = {field.name: field for field in reversed(fields)}
        return TaskPlan(
            task=task,
            reader=reader,
            fields=tuple(fields),
            keys=tuple(by_name[name] for name in key if name in by_name),
            conditions=tuple(self.condition(one, "include", one.include) for one in self.line(task) if one.include),
            rules=tuple(
                CompiledRule(rule, self.condition(task, f"rules/{position}", rule.when, rule.name), self.causes(rule))
                for position, rule in enumerate(task.rules)
            ),
            product=next((field for field in fields if field.field.missing == "writeIn"), None),
            managed=bool(task.managed_by) and self.header_has(task.managed_by),
            label=tuple(path for path in reader.source.label if self.has(entity, path)),
            countries={
                column.destination: country.destination
                for column in served
                if (country := country_field(column, served)) is not None
            },
        )

    def causes(self, rule: Rule) -> tuple[tuple[Expression, str], ...]:
        """What explains a header's rule by its lines, as far as the environment has the columns."""
        entity = self.template.read_lines[0].source.entity if self.template.read_lines else ""
        parsed = ((filters.parse(cause.when), cause.reason) for cause in rule.lines)
        return tuple(
            (condition, reason)
            for condition, reason in parsed
            if all(self.has(entity, path) for path in condition.paths())
        )

    def has(self, entity: str, path: str) -> bool:
        """Whether the source serves the path; messages do without what it does not."""
        return not self.absence.missing(self.template.source, entity, [path])

    def surroundings(self, task: Task, mapped: FieldMap, served: Sequence[FieldMap]) -> Surroundings:
        """What the field's transforms need; a state needs the field that reads its country."""
        around = Surroundings(
            self.context.time_zone,
            self.context.value_maps,
            f"{self.template.id}: {task.name}.{mapped.destination}",
            f"templates/{self.template.id}/valueMaps/{task.name}/{mapped.destination}",
        )
        country = country_field(mapped, served)
        if country is None:
            return around
        return replace(around, country=pipeline(country.transform, 1, self.surroundings(task, country, served)))

    def reader(self, task: Task) -> Task:
        return self.reader(self.parent(task)) if task.source.self else task

    def parent(self, task: Task) -> Task:
        return self.tasks[task.parent] if task.parent else self.template.header

    def line(self, task: Task) -> list[Task]:
        """The task and those up its parents whose row it uses."""
        return [task, *(self.line(self.parent(task)) if task.source.self else [])]

    def adapted(self, task: Task, entity: str) -> Iterator[FieldMap]:
        """The task's fields, with paths that keep to what is there."""
        for field in task.fields:
            changed: dict[str, object] = {}
            sources = [self.absence.without(self.template.source, entity, name) for name in field.sources]
            if sources != list(field.sources):
                changed["source"] = sources
            target = self.absence.without(self.template.destination, task.destination.entity, field.destination)
            if target != field.destination:
                changed["destination"] = target
            yield field.model_copy(update=changed) if changed else field

    def serves(self, task: Task, entity: str, position: int, field: FieldMap) -> bool:
        """Whether template and environment have the field: its setting is on, its columns are there.

        Where a column is needed and absent, that is a problem.
        """
        if field.only_with == "publish" and not self.template.publish:
            return False
        missing = self.absence.missing(self.template.source, entity, field.reads) + self.absence.missing(
            self.template.destination, task.destination.entity, [field.destination]
        )
        if missing and not field.optional:
            self.problem(f"{self.place(task)}/fields/{position}", missing)
        return not missing

    def condition(self, task: Task, pointer: str, text: str, rule: str = "") -> Expression:
        condition = filters.parse(text)
        self.need("source", task, f"{self.place(task)}/{pointer}", condition.paths(), rule)
        return condition

    def need(
        self, end: Literal["source", "destination"], task: Task, pointer: str, names: Iterable[str], rule: str = ""
    ) -> None:
        """Notes a problem where one of the paths of the task's row at that end is not there; `rule` has them."""
        at_source = end == "source"
        entity = self.reader(task).source.entity if at_source else task.destination.entity
        system = self.template.source if at_source else self.template.destination
        missing = self.absence.missing(system, entity, sorted(names))
        if missing:
            self.problem(pointer, missing, rule)

    def place(self, task: Task) -> str:
        return f"/tasks/{self.template.tasks.index(task)}"

    def problem(self, pointer: str, missing: tuple[str, ...], rule: str = "") -> None:
        by_name = f" (rule {rule})" if rule else ""
        self.problems.append(Problem(self.template.id, pointer, f"{', '.join(missing)} is not there{by_name}"))
