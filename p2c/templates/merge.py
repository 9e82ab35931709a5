"""Applies the changes of a project to a template, and remembers where in the project each changed part comes from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from p2c.templates.catalog import did_you_mean
from p2c.templates.changes import FieldChange, RuleChange, TemplateChange
from p2c.templates.fitting import Mistake, Place
from p2c.templates.models import Default, FieldMap, Rule, Scalar, State, Task, Template, ValueMap


@dataclass(slots=True)
class Merged:
    """A changed template, the names in the change that fit nothing, and the origins of what was changed.

    `origins` leads from a place in the template to one in the change, both as JSON pointer parts.
    """

    template: Template
    mistakes: list[Mistake] = field(default_factory=list)
    origins: dict[Place, Place] = field(default_factory=dict)

    def origin(self, place: Place) -> Place | None:
        """Where in the change a place of the template comes from, as closely as is known; None when unchanged."""
        for length in range(len(place), 0, -1):
            found = self.origins.get(place[:length])
            if found is not None:
                return (*found, *place[length:])
        return None


_SETTINGS = (
    "enabled",
    "schedule",
    "deletes",
    "deactivate",
    "moves",
    "merges",
    "conflicts",
    "cancellations",
    "publish",
    "scope",
    "header_amounts",
    "couplings",
)
"""What a change may set in a template as it is."""


def merge(template: Template, change: TemplateChange) -> Merged:
    """The template with the change applied. It is not checked yet: a change may make it wrong."""
    merged = Merged(template)
    update: dict[str, object] = {}
    for name in _SETTINGS:
        value = getattr(change, name)
        if value is not None:
            update[name] = value
            shown = type(change).model_fields[name].alias or name
            merged.origins[(shown,)] = (shown,)
    if change.scope is not None and template.scope == "each":
        del update["scope"]
        merged.mistakes.append((("scope",), f"the documents of {template.id} belong to their legal entities"))
    _check_tasks(merged, change)
    tasks: list[Task] = []
    for index, task in enumerate(template.tasks):
        changes = _TaskChange(task, change)
        tasks.append(changes.apply())
        merged.mistakes += changes.mistakes
        merged.origins |= {("tasks", index, *place): origin for place, origin in changes.origins().items()}
    merged.template = template.model_copy(update={**update, "tasks": tasks})
    if change.filter is not None:
        merged.origins[("tasks", 0, "source", "filter")] = ("filter",)
        source = tasks[0].source.model_copy(update={"filter": change.filter})
        tasks[0] = tasks[0].model_copy(update={"source": source})
    if change.evidence is not None:
        merged.origins[("tasks", 0, "destination", "evidence")] = ("evidence",)
        destination = tasks[0].destination.model_copy(update={"evidence": change.evidence})
        tasks[0] = tasks[0].model_copy(update={"destination": destination})
        merged.template = merged.template.model_copy(update={"tasks": tasks})
    _RuleChange(merged, change.rules).apply()
    return merged


def _check_tasks(merged: Merged, change: TemplateChange) -> None:
    known = [task.name for task in merged.template.tasks]
    parts: tuple[tuple[str, Iterable[str]], ...] = (
        ("fields", change.fields),
        ("valueMaps", change.value_maps),
        ("defaults", change.defaults),
    )
    for part, names in parts:
        for name in names:
            if name not in known:
                hint = did_you_mean(name, known) or f"There are: {', '.join(known)}."
                merged.mistakes.append(((part, name), f"the template has no task {name!r}. {hint}"))


@dataclass(eq=False, slots=True)
class _Placed:
    """A field on its way through the changes, and where its parts come from."""

    map: FieldMap
    origins: dict[Place, Place] = field(default_factory=dict)

    def first(self, *kinds: type[ValueMap] | type[State] | type[Default]) -> int | None:
        """The index of the first transform that is of one of the kinds."""
        return next((index for index, one in enumerate(self.map.transform) if isinstance(one, kinds)), None)

    def put(self, index: int, transform: ValueMap | State | Default | None) -> None:
        """Replaces, adds (index = number of transforms) or takes away (None) a transform."""
        chain = list(self.map.transform)
        chain[index : index + 1] = [] if transform is None else [transform]
        self.map = self.map.model_copy(update={"transform": chain})


class _TaskChange:
    """The changes of one task's fields."""

    def __init__(self, task: Task, change: TemplateChange) -> None:
        self.task = task
        self.change = change
        self.fields = [_Placed(one) for one in task.fields]
        self.mistakes: list[Mistake] = []

    def apply(self) -> Task:
        name = self.task.name
        for destination, new in self.change.fields.get(name, {}).items():
            self._field(destination, new, ("fields", name, destination))
        for destination, entries in self.change.value_maps.get(name, {}).items():
            self._entries(destination, entries, ("valueMaps", name, destination))
        for destination, value in self.change.defaults.get(name, {}).items():
            self._default(destination, value, ("defaults", name, destination))
        return self.task.model_copy(update={"fields": [placed.map for placed in self.fields]})

    def origins(self) -> dict[Place, Place]:
        """Places of the changed task that come from the change."""
        return {
            ("fields", index, *part): origin
            for index, placed in enumerate(self.fields)
            for part, origin in placed.origins.items()
        }

    def _found(self, destination: str) -> list[_Placed]:
        return [placed for placed in self.fields if placed.map.destination == destination]

    def _missing(self, destination: str, place: Place) -> None:
        hint = did_you_mean(destination, [placed.map.destination for placed in self.fields])
        self.mistakes.append((place, f"the task has no field {destination!r}. {hint}".strip()))

    def _field(self, destination: str, new: FieldChange | None, place: Place) -> None:
        found = self._found(destination)
        if new is None:
            if not found:
                self._missing(destination, place)
            self.fields = [placed for placed in self.fields if placed not in found]
            return
        if new.destination not in ("", destination):
            self.mistakes.append(((*place, "destination"), f"this is about {destination!r}: leave the name out"))
        given = {**new.model_dump(by_alias=True), "destination": destination}
        placed = _Placed(FieldMap.model_validate(given), {(): place})
        replaced = [one for one in found if new.line_kind in (None, one.map.line_kind)]
        if replaced:
            self.fields[self.fields.index(replaced[0])] = placed
            self.fields = [one for one in self.fields if one not in replaced]
        else:
            self.fields.append(placed)

    def _entries(self, destination: str, entries: dict[str, Scalar], place: Place) -> None:
        found = self._found(destination)
        if not found:
            self._missing(destination, place)
        for placed in found:
            index = placed.first(ValueMap, State)
            old = placed.map.transform[index] if index is not None else None
            if index is None or not isinstance(old, ValueMap | State):
                self.mistakes.append((place, f"{destination} has no value map"))
                continue
            placed.put(index, old.model_copy(update={"values": {**old.values, **entries}}))
            placed.origins |= {("transform", index, "valueMap", key): (*place, key) for key in entries}

    def _default(self, destination: str, value: Scalar, place: Place) -> None:
        found = self._found(destination)
        if not found and value is not None:
            found = [_Placed(FieldMap(destination=destination), {(): place})]
            self.fields += found
        if not any(value is not None or placed.first(Default) is not None for placed in found):
            self.mistakes.append((place, f"{destination} has no default to take away"))
        for placed in found:
            index = placed.first(Default)
            if value is None:
                if index is not None:
                    placed.put(index, None)
                continue
            old = placed.map.transform[index] if index is not None else None
            always = isinstance(old, Default) and old.always
            index = len(placed.map.transform) if index is None else index
            placed.put(index, Default(type="Default", value=value, always=always))
            placed.origins[("transform", index, "defaultValue")] = place
        self.fields = [placed for placed in self.fields if placed.map.sources or placed.map.transform]


class _RuleChange:
    """The changes of the rules, wherever in the template a rule is."""

    def __init__(self, merged: Merged, changes: dict[str, RuleChange | None]) -> None:
        self.merged = merged
        self.changes = changes
        self.used: set[str] = set()

    def apply(self) -> None:
        template = self.merged.template
        update_only = self._rules(template.update_only, ("updateOnly",))
        tasks: list[Task] = []
        for index, task in enumerate(template.tasks):
            place: Place = ("tasks", index)
            guards = self._rules(task.destination.guards, (*place, "destination", "guards"))
            destination = task.destination.model_copy(update={"guards": guards})
            rules = self._rules(task.rules, (*place, "rules"))
            tasks.append(task.model_copy(update={"destination": destination, "rules": rules}))
        added = list(tasks[0].rules)
        for name, change in self.changes.items():
            if name in self.used:
                continue
            if change is None:
                known = [rule.name for rule in self._all()]
                hint = did_you_mean(name, known) or f"There are: {', '.join(known) or 'none'}."
                self.merged.mistakes.append((("rules", name), f"the template has no rule {name!r}. {hint}"))
                continue
            self.merged.origins[("tasks", 0, "rules", len(added))] = ("rules", name)
            added.append(Rule(name=name, when=change.when, reason=change.reason))
        tasks[0] = tasks[0].model_copy(update={"rules": added})
        self.merged.template = template.model_copy(update={"update_only": update_only, "tasks": tasks})

    def _all(self) -> Iterable[Rule]:
        template = self.merged.template
        yield from template.update_only
        for task in template.tasks:
            yield from (*task.rules, *task.destination.guards)

    def _rules(self, rules: list[Rule], place: Place) -> list[Rule]:
        changed: list[Rule] = []
        for rule in rules:
            change = self.changes.get(rule.name)
            if rule.name not in self.changes:
                changed.append(rule)
                continue
            self.used.add(rule.name)
            if change is not None:
                self.merged.origins[(*place, len(changed))] = ("rules", rule.name)
                changed.append(Rule(name=rule.name, when=change.when, reason=change.reason, still=rule.still))
        return changed
