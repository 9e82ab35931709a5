"""Checks one template against the catalog: everything that can be wrong with it and be seen without a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase

from p2c.documents import SystemName
from p2c.errors import ConfigError
from p2c.templates import coverage, filters, fitting, paths, schedule
from p2c.templates.catalog import SalesColumn, Sort, did_you_mean, finops_entity, sales_table_by_set
from p2c.templates.fitting import Mistake, Place
from p2c.templates.models import Default, FieldMap, Rule, State, Task, Template, country_field
from p2c.templates.resolve import HEADER_RESULTS, LINE_RESULTS, RESULTS, SPREAD, Cell, cells

COMPANY = "dataAreaId"
"""The key column that every F&O row of a legal entity has; templates leave it out."""


def mistakes(template: Template) -> Iterator[Mistake]:
    """Every mistake in a template: where (JSON pointer parts) and what."""
    if template.source == template.destination:
        yield ("to",), "source and destination are the same system"
    if message := schedule.mistake(template.schedule):
        yield ("schedule",), message
    for name, count in Counter(task.name for task in template.tasks).items():
        if count > 1:
            yield ("tasks",), f"{count} tasks are named {name!r}"
    yield from _deactivation(template)
    yield from _amounts(template)
    yield from _rules(template.update_only, template.source, template.header.source.entity, ("updateOnly",))
    if template.scope == "union" and template.source != "finops":
        yield ("scope",), "only rows of F&O are asked for in other legal entities"
    yield from _cancellation(template)
    for index, task in enumerate(template.tasks):
        for place, message in _TaskCheck(template, index, task).mistakes():
            yield ("tasks", index, *place), message


def _deactivation(template: Template) -> Iterator[Mistake]:
    """The values that put a document out of use are constants for columns that may be changed."""
    if template.deletes == "deactivate" and not template.deactivate:
        yield ("deletes",), "deactivate needs values to write: name them in deactivate"
    for name, value in template.deactivate.items():
        place: Place = ("deactivate", name)
        try:
            (end,) = cells(template.destination, template.header.destination.entity, paths.Column(name))
        except ConfigError as error:
            yield place, str(error)
            continue
        if isinstance(end, SalesColumn) and not end.update:
            yield place, f"Sales does not let {name} be changed"
        elif end.sort in (Sort.LOOKUP, Sort.MONEY, Sort.DECIMAL):
            yield place, f"{name} says nothing of being in use: name a state, a choice or a flag"
        elif message := fitting.wrong_constant(value, end):
            yield place, message


def _cancellation(template: Template) -> Iterator[Mistake]:
    """Conditions over the header at both ends."""
    if template.canceled is None:
        return
    for at, when in enumerate(template.canceled.when):
        for message in expression(when, template.source, template.header.source.entity):
            yield ("canceled", "when", at), message
    for message in expression(template.canceled.unless, template.destination, template.header.destination.entity):
        yield ("canceled", "unless"), message


def _amounts(template: Template) -> Iterator[Mistake]:
    """The columns that amounts are computed from: numbers, and enums where a flag or a status is named."""
    amounts = template.amounts
    if amounts is None:
        return
    if template.source != "finops":
        yield ("amounts",), "amounts are computed from columns of Finance and Operations only"
        return
    task = next((task for task in template.lines if task.name == amounts.lines and not task.source.self), None)
    if task is None:
        yield ("amounts", "lines"), f"no line task that reads an entity is named {amounts.lines!r}"
    for part, model, entity_set in (
        ("header", amounts.header, template.header.source.entity),
        ("line", amounts.line, task.source.entity if task else ""),
    ):
        for name, value in model.model_dump(by_alias=True).items() if entity_set else ():
            wanted = {Sort.ENUM} if name in ("status", "pricesIncludeTax") else {Sort.DECIMAL, Sort.MONEY, Sort.INTEGER}
            for column in value if isinstance(value, list) else filter(None, [value]):
                try:
                    (end,) = cells(template.source, entity_set, paths.Column(column))
                except ConfigError as error:
                    yield ("amounts", part, name), str(error)
                    continue
                if end.sort not in wanted:
                    yield ("amounts", part, name), f"{column} is {end.sort}, not {' or '.join(sorted(wanted))}"


def expression(text: str, system: SystemName, entity_set: str) -> Iterator[str]:
    """What is wrong with a rule over the rows of an entity set: its grammar, its columns, the constants it compares."""
    try:
        parsed = filters.parse(text)
    except paths.ParseError as error:
        yield str(error)
        return
    for key in sorted(parsed.paths()):
        try:
            cells(system, entity_set, paths.parse(key))
        except ConfigError as error:
            yield str(error)
    for reference, constant in filters.comparisons(parsed):
        try:
            ends = cells(system, entity_set, reference.path)
        except ConfigError:
            continue
        for end in ends:
            if isinstance(constant.value, str) and end.sort in (Sort.DATE, Sort.LOCAL_DAY, Sort.MOMENT):
                continue
            value = str(constant.value) if end.sort in (Sort.MONEY, Sort.DECIMAL) else constant.value
            blank = constant.value is None or constant.value == ""
            if not blank and (message := fitting.wrong_constant(_scalar(value), end)):
                yield f"{message}, but it is compared with {reference}"


def _scalar(value: object) -> str | int | bool | None:
    return value if isinstance(value, str | int | bool) or value is None else str(value)


def _rules(rules: list[Rule], system: SystemName, entity_set: str, place: Place) -> Iterator[Mistake]:
    for index, rule in enumerate(rules):
        for message in expression(rule.when, system, entity_set):
            yield (*place, index, "when"), message
        if sum(other.name == rule.name for other in rules) > 1:
            yield (*place, index, "name"), f"another rule is named {rule.name!r}, too"


class _TaskCheck:
    """The checks of one task, which needs its template for the header and its parent."""

    def __init__(self, template: Template, index: int, task: Task) -> None:
        self.template = template
        self.index = index
        self.task = task
        self.header = template.header
        self.earlier = {other.name: other for other in template.tasks[:index]}
        self.parent = self.earlier.get(task.parent)
        self.source_set = _source_set(task, self.earlier)

    def mistakes(self) -> Iterator[Mistake]:
        yield from self._parent()
        unknown = [*self._entity(("destination", "entity"), self.template.destination, self.task.destination.entity)]
        if not self.task.source.self:
            unknown += self._entity(("source", "entity"), self.template.source, self.task.source.entity)
        elif self.task.source.entity:
            yield ("source", "entity"), "a task with self reads its parent's rows: leave the entity out"
        yield from unknown
        if unknown or not self.source_set:
            return
        yield from self._source()
        yield from self._destination()
        yield from self._spread()
        yield from self._fields()
        yield from self._left_out()

    def _parent(self) -> Iterator[Mistake]:
        parent, name = self.parent, self.task.parent
        if self.index == 0:
            if name or self.task.source.self:
                yield ("parent",), "the first task is the header: it has no parent and reads an entity"
        elif parent is None:
            yield ("parent",), f"no task before this one is named {name!r}. {did_you_mean(name, self.earlier)}".strip()
        elif not self.task.source.self and parent is not self.header:
            yield ("parent",), f"the parent must be the header, {self.header.name!r}"

    def _entity(self, place: Place, system: SystemName, name: str) -> Iterator[Mistake]:
        try:
            _entity(system, name)
        except ConfigError as error:
            yield place, str(error)

    def _causes(self) -> Iterator[Mistake]:
        lines = self.template.read_lines
        for at, rule in enumerate(self.task.rules):
            if rule.lines and (self.index or not lines):
                yield ("rules", at, "lines"), "only a rule of a header with lines has causes on lines"
                continue
            for position, cause in enumerate(rule.lines):
                for message in expression(cause.when, self.template.source, lines[0].source.entity):
                    yield ("rules", at, "lines", position, "when"), message

    def _still(self) -> Iterator[Mistake]:
        fields = {field.destination: field for field in self.header.fields}
        for at, rule in enumerate(self.task.rules):
            for position, name in enumerate(rule.still):
                field = fields.get(name)
                if field is None:
                    message = f"the header has no field with this destination. {did_you_mean(name, fields)}".rstrip()
                    yield ("rules", at, "still", position), message
                elif field.on != "both" or RESULTS.intersection(field.reads):
                    message = (
                        "only a field that every write has and that is no amount of the whole document can be here"
                    )
                    yield ("rules", at, "still", position), message

    # --- where it reads ---

    def _source(self) -> Iterator[Mistake]:
        task, source = self.task, self.task.source
        read: list[tuple[Place, str]] = [(("source", "key", at), name) for at, name in enumerate(source.key)]
        read += [(("source", "label", at), name) for at, name in enumerate(source.label)]
        if source.version:
            read.append((("source", "version"), source.version))
        for place, text in read:
            yield from self._path(place, self.template.source, self.source_set, text)
        if not source.self and not source.key:
            yield ("source", "key"), "the key columns must be named"
        if self.index and not source.self and not source.link:
            yield ("source", "link"), "a line needs a link to its header"
        if source.link and (source.self or self.index == 0):
            yield ("source", "link"), "only a line that reads an entity has a link"
        for line, header in source.link.items():
            yield from self._path(("source", "link", line), self.template.source, self.source_set, line)
            yield from self._path(("source", "link", line), self.template.source, self.header.source.entity, header)
        yield from _rules(task.rules, self.template.source, self.source_set, ("rules",))
        yield from self._causes()
        yield from self._still()
        if task.include:
            for message in expression(task.include, self.template.source, self.source_set):
                yield ("include",), message
        filled = {field.destination for field in task.fields}
        for at, name in enumerate(task.skip_zero):
            if name not in filled:
                yield ("skipZero", at), f"no field of this task fills {name!r}"
        if self.index == 0 and task.skip_zero:
            yield ("skipZero",), "the header's rows are chosen by rules, which say why"
        if self.index == 0 and task.include:
            yield ("include",), "the header's rows are chosen by rules, which say why"

    def _spread(self) -> Iterator[Mistake]:
        """The columns of `spread` are numbers of the header and of the line, both in Sales."""
        spread = self.task.spread
        if spread is None:
            return
        if self.index == 0 or self.task.source.self or self.template.source != "sales":
            yield ("spread",), "only a line that is read from Sales can carry amounts of its header"
            return
        if any(other.spread for other in self.earlier.values()):
            yield ("spread",), "an earlier task carries the amounts of the header: only one can"
        for name, text in spread.model_dump(by_alias=True).items():
            entity = self.header.source.entity if text in spread.of_header else self.source_set
            try:
                ends = cells("sales", entity, paths.parse(text))
            except ConfigError as error:
                yield ("spread", name), str(error)
                continue
            if any(end.sort not in (Sort.MONEY, Sort.DECIMAL, Sort.INTEGER, Sort.UNKNOWN) for end in ends):
                yield ("spread", name), f"{text} is no number"

    def _path(self, place: Place, system: SystemName, entity_set: str, text: str) -> Iterator[Mistake]:
        try:
            cells(system, entity_set, paths.parse(text))
        except ConfigError as error:
            yield place, str(error)

    # --- where it writes ---

    def _destination(self) -> Iterator[Mistake]:
        task, system, entity_set = self.task, self.template.destination, self.task.destination.entity
        destination = task.destination
        given = {field.destination for field in task.fields}
        for at, name in enumerate(destination.key):
            if name not in given:
                hint = did_you_mean(name, given)
                yield ("destination", "key", at), f"no field writes the key column {name!r}. {hint}".strip()
        yield from self._keys()
        for line, header in destination.link.items():
            yield from self._path(("destination", "link", line), system, entity_set, line)
            yield from self._path(("destination", "link", line), system, self.header.destination.entity, header)
        if bool(destination.link) != bool(self.index):
            yield ("destination", "link"), "a line needs a link to its header" if self.index else "a header has no link"
        yield from _rules(destination.guards, system, entity_set, ("destination", "guards"))
        if destination.guards and self.index:
            yield ("destination", "guards"), "guards are for the header"
        for name in destination.others:
            yield from self._path(("destination", "others", name), system, entity_set, name)
        filled = {field.destination for field in self.task.fields}
        for name in destination.unfinished:
            if self.index or name not in filled:
                yield ("destination", "unfinished", name), "only a field of the header can mark an incomplete document"
        if destination.others and self.index:
            yield ("destination", "others"), "others are told by the header"
        yield from self._evidence()
        if destination.ignore:
            for message in expression(destination.ignore, system, entity_set):
                yield ("destination", "ignore"), message
        if task.unless_column:
            yield from self._path(("unlessColumn",), system, self.header.destination.entity, task.unless_column)
        if task.managed_by:
            yield from self._path(("managedBy",), system, self.header.destination.entity, task.managed_by)

    def _evidence(self) -> Iterator[Mistake]:
        destination, system = self.task.destination, self.template.destination
        given = {field.destination for field in self.task.fields}
        for at, evidence in enumerate(destination.evidence):
            place: Place = ("destination", "evidence", at)
            if bool(evidence.same) == bool(evidence.when):
                yield place, "name either columns in same, or an expression in when"
            for index, name in enumerate(evidence.same):
                if name not in given:
                    hint = did_you_mean(name, given)
                    yield (*place, "same", index), f"no field writes {name!r}. {hint}".strip()
            if evidence.when:
                for message in expression(evidence.when, system, destination.entity):
                    yield (*place, "when"), message
        for at, shown in enumerate(destination.shown):
            place = ("destination", "shown", at)
            if shown.source:
                yield from self._path((*place, "source"), self.template.source, self.source_set, shown.source)
            if shown.destination:
                yield from self._path((*place, "destination"), system, destination.entity, shown.destination)
        if self.index and (destination.shown or any(one.when for one in destination.evidence)):
            yield ("destination", "evidence"), "a line has no marks and shows nothing: name columns in same"

    def _keys(self) -> Iterator[Mistake]:
        key = self.task.destination.key
        if not key:
            yield ("destination", "key"), "the key columns must be named"
        elif self.template.destination == "finops":
            needed = [name for name in finops_entity(self.task.destination.entity).keys if name != COMPANY]
            if set(key) != set(needed):
                yield ("destination", "key"), f"the key of {self.task.destination.entity} is {', '.join(needed)}"

    def results(self) -> frozenset[str]:
        """What the template's amounts compute for the rows that the task takes."""
        amounts = self.template.amounts
        reader: Task | None = self.task
        while reader is not None and reader.source.self:
            reader = self.earlier.get(reader.parent)
        if amounts is None or reader is None:
            return frozenset()
        if reader.name == self.header.name:
            return HEADER_RESULTS
        return LINE_RESULTS if reader.name == amounts.lines else frozenset()

    def _left_out(self) -> Iterator[Mistake]:
        ends: tuple[tuple[coverage.Side, SystemName, str], ...] = (
            ("source", self.template.source, self.task.source.entity),
            ("destination", self.template.destination, self.task.destination.entity),
        )
        for side, system, entity in ends:
            known = coverage.figures(system, entity) if entity else frozenset()
            for name, reason in coverage.patterns(self.task, side):
                if not reason.strip():
                    yield ("leftOut", side), f"say why {name!r} is left out"
                if not any(fnmatchcase(column, name) for column in known):
                    hint = did_you_mean(name, known)
                    yield ("leftOut", side), f"no amount, quantity or date is named {name!r}. {hint}".strip()

    # --- its fields ---

    def _fields(self) -> Iterator[Mistake]:
        for index, field in enumerate(self.task.fields):
            for place, message in self._field(field):
                yield ("fields", index, *place), message
            if any(_collide(field, other) for other in self.task.fields[:index]):
                yield ("fields", index, "destination"), f"another field writes {field.destination}, too"

    def _field(self, field: FieldMap) -> Iterator[Mistake]:
        if any(isinstance(one, State) for one in field.transform) and country_field(field, self.task.fields) is None:
            yield ("source",), "a State needs a field of the task that has only its second source, the country"
        to_finops = self.template.destination == "finops"
        sources: list[tuple[Cell, ...]] = []
        for text in field.sources:
            if text in RESULTS and text not in self.results():
                where = f"of {self.template.amounts.lines!r}" if self.template.amounts else "in this template"
                yield ("source",), f"{text} is not computed here: the amounts {where} do not give it to this task"
            try:
                path = paths.parse(text)
                sources.append(
                    cells(self.template.source, self.source_set, path, custom=field.custom and not to_finops)
                )
            except ConfigError as error:
                yield ("source",), str(error)
                continue
            if text in SPREAD and self.task.spread is None:
                yield ("source",), f"{text} needs spread in its task"
            if str(path) != text:
                yield ("source",), f"write {text!r} as {str(path)!r}"
            yield from _readable(field, sources[-1])
        try:
            goal = paths.parse(field.destination)
            ends = cells(
                self.template.destination, self.task.destination.entity, goal, custom=field.custom and to_finops
            )
        except ConfigError as error:
            yield ("destination",), str(error)
            return
        if len(sources) == len(field.sources):
            yield from fitting.mistakes(field, sources, ends)
        yield from self._when_blank(field, ends)
        if str(goal) != field.destination:
            yield ("destination",), f"write {field.destination!r} as {str(goal)!r}"
        if to_finops:
            yield from _finops_only(field)
        else:
            yield from _sales_only(field, goal, self.task)
        if field.max_length and any(end.sort not in (Sort.TEXT, Sort.UNKNOWN) for end in ends):
            yield ("maxLength",), f"{field.destination} is no text"

    def _when_blank(self, field: FieldMap, ends: tuple[Cell, ...]) -> Iterator[Mistake]:
        """What stands in for a blank goes out as it is, so it has to fit."""
        if field.when_blank and (not field.sources or field.on == "update"):
            yield ("whenBlank",), "it stands in for a blank source of a new row: name a source, and write on create"
        for at, text in enumerate(field.when_blank):
            try:
                found = cells(self.template.source, self.source_set, paths.parse(text), custom=field.custom)
            except ConfigError as error:
                yield ("whenBlank", at), str(error)
                continue
            plain = FieldMap(source=text, destination=field.destination)
            yield from ((("whenBlank", at), message) for _, message in fitting.mistakes(plain, [found], ends))


def _source_set(task: Task, earlier: dict[str, Task]) -> str:
    """The entity set whose rows the task reads (with self, its parent's). Empty when that cannot be known."""
    while task.source.self:
        parent = earlier.get(task.parent)
        if parent is None or parent is task:
            return ""
        task = parent
    return task.source.entity


def _entity(system: SystemName, entity_set: str) -> None:
    if system == "sales":
        sales_table_by_set(entity_set)
    else:
        finops_entity(entity_set)


def _collide(field: FieldMap, other: FieldMap) -> bool:
    """Whether two fields write the same column at the same time."""
    apart = (
        {field.line_kind, other.line_kind} == {"product", "writeIn"},
        {field.on, other.on} == {"create", "update"},
    )
    return field.destination == other.destination and not any(apart)


def _readable(field: FieldMap, ends: tuple[Cell, ...]) -> Iterator[Mistake]:
    for end in ends:
        if isinstance(end, SalesColumn) and (not end.read or end.sort is Sort.LOOKUP):
            what = f"is a lookup: go on to a column, as in {end.name}.name" if end.read else "cannot be read"
            yield ("source",), f"{end.name} {what}"


def _finops_only(field: FieldMap) -> Iterator[Mistake]:
    if field.missing or field.line_kind:
        yield (
            ("missing" if field.missing else "lineKind",),
            "Finance and Operations has no lookups, no write-in lines",
        )
    if field.last:
        yield ("last",), "a change set of Finance and Operations has no last step"
    if field.reference:
        entity, _, name = field.reference.partition(".")
        try:
            finops_entity(entity).property(name)
        except ConfigError as error:
            yield ("reference",), str(error)


def _sales_only(field: FieldMap, goal: paths.Path, task: Task) -> Iterator[Mistake]:
    if field.reference:
        yield ("reference",), "references are for Finance and Operations; Sales has lookups"
    table = sales_table_by_set(task.destination.entity)
    column = table.find(paths.root(goal))
    if column is not None:
        yield from _writable(field, column)
    if field.missing and isinstance(goal, paths.Column):
        yield ("missing",), f"{field.destination} is no lookup"
    if field.missing == "writeIn" and paths.root(goal) != "productid":
        yield ("missing",), "only a product can be written in"
    if field.line_kind and not any(other.missing == "writeIn" for other in task.fields):
        yield ("lineKind",), "no field of this task makes write-in lines (missing: writeIn)"
    if field.max_length and column is not None and column.max_length and field.max_length > column.max_length:
        yield ("maxLength",), f"{column.name} takes {column.max_length} characters only"


def _writable(field: FieldMap, column: SalesColumn) -> Iterator[Mistake]:
    constant = not field.sources and not any(isinstance(one, Default) and one.always for one in field.transform)
    on_create = field.on != "update" and not field.last
    on_update = field.on != "create" and not constant
    if not column.create and not column.update:
        yield ("destination",), f"Sales computes {column.name}: it cannot be written"
    elif on_create and not column.create:
        yield ("on",), f'{column.name} cannot be written on create: add "on": "update" or "last": true'
    elif on_update and not column.update:
        yield ("on",), f'{column.name} cannot be changed later: add "on": "create"'
