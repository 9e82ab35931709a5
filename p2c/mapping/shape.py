"""What a mapper has to have read and found: the columns at both ends that its tasks name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from p2c.documents import DocumentRead, DocumentWrite, Row, TableRead, TableWrite
from p2c.mapping.amounts import inputs
from p2c.mapping.context import Context, Currency, DocumentScope
from p2c.mapping.plan import Absence, TaskPlan, cancellations
from p2c.mapping.refusal import Unmappable
from p2c.templates import filters
from p2c.templates.models import (
    DiscountPerUnit,
    DiscountRounding,
    Template,
)
from p2c.templates.resolve import RESULTS, SPREAD

CURRENCY = "transactioncurrencyid.isocurrencycode"
"""Where every money table of Sales has its currency."""

WRITE_IN = "isproductoverridden"
"""What tells a write-in line of Sales from one of a product; a line cannot change its kind."""

_AMOUNTS = DiscountPerUnit | DiscountRounding


def currency(template: Template, header: TaskPlan, context: Context) -> Currency:
    """The function that gives a document's currency as Sales knows it.

    A header from Sales has it in its row. A header for Sales gets it from the field that fills the currency there,
    after that field's transforms; without such a field it has none.
    """
    if template.source == "sales":
        return lambda row: row.get(CURRENCY)
    field = next((field for field in header.fields if field.name == CURRENCY), None)
    if field is None:
        return lambda row: None

    def of(row: Row) -> object:
        try:
            return field.compute(row, DocumentScope(context, lambda _: None, row))
        except Unmappable:
            # The field itself is where this flaw is told; here it only means that the currency is not known.
            return None

    return of


def reads(template: Template, plans: Sequence[TaskPlan], absence: Absence) -> DocumentRead:
    """What to read of the source. Tasks whose source is `self` add their columns to the task whose rows they take."""
    header = template.header
    wanted: dict[str, dict[str, None]] = {one.reader.name: {} for one in plans}
    for one in plans:
        wanted[one.reader.name] |= dict.fromkeys(_source_paths(one))
    # A rule, link, version or amount may need columns of the header that no field has.
    mine = wanted[header.name]
    if template.amounts is not None:
        mine |= dict.fromkeys(inputs(template.amounts, header=True))
        wanted[template.amounts.lines] |= dict.fromkeys(inputs(template.amounts, header=False))
    for task in template.tasks:
        mine |= dict.fromkeys(task.source.link.values())
        mine |= dict.fromkeys(task.spread.of_header if task.spread else ())
    if header.source.version:
        mine[header.source.version] = None
    mine |= dict.fromkeys(shown.source for shown in header.destination.shown if shown.source)
    for rule in template.update_only:
        mine |= dict.fromkeys(sorted(filters.parse(rule.when).paths()))
    deciding = dict.fromkeys(path for one in cancellations(template, absence) for path in sorted(one.paths()))
    mine |= deciding
    if template.source == "sales" and any(_needs_currency(one) for one in plans):
        mine[CURRENCY] = None
    for compiled in plans[0].rules:
        for condition, _ in compiled.causes:
            wanted.setdefault(template.read_lines[0].name, {}).update(dict.fromkeys(sorted(condition.paths())))
    watched: dict[str, dict[str, None]] = {one.reader.name: {} for one in plans}
    for one in plans:
        watched[one.reader.name] |= dict.fromkeys(_deciding_paths(one))
    watched[header.name] |= deciding
    tables = [
        TableRead(
            task=one.task.name,
            entity=one.entity,
            key=tuple(one.task.source.key),
            paths=tuple(wanted[one.task.name]),
            link=tuple(one.task.source.link.items()),
            filter=one.task.source.filter,
            watch=tuple(watched[one.task.name]),
        )
        for one in plans
        if one.reader is one.task
    ]
    return DocumentRead(tables[0], tuple(tables[1:]), header.source.version)


def writes(template: Template, plans: Sequence[TaskPlan], absence: Absence) -> DocumentWrite:
    """Where rows go at the destination.

    Besides the columns to compare, those of keys, links, others, guards and `ignore`.
    """
    tables = []
    for one in plans:
        there = one.task.destination
        columns = dict.fromkeys(field.name for field in one.fields if field.when != "create")
        columns |= dict.fromkeys([name for name in there.key if name != "dataAreaId"])
        columns |= dict.fromkeys(there.link)
        if any(field.field.line_kind for field in one.fields):
            columns[WRITE_IN] = None
        columns |= dict.fromkeys(there.others)
        for guard in there.guards:
            columns |= dict.fromkeys(sorted(filters.parse(guard.when).paths()))
        if there.ignore:
            # A column that is not there reads as null: nobody has marked a row with it.
            marks = sorted(filters.parse(there.ignore).paths())
            columns |= dict.fromkeys(
                mark for mark in marks if not absence.missing(template.destination, there.entity, [mark])
            )
        if one is plans[0] and template.canceled is not None:
            columns |= dict.fromkeys(sorted(filters.parse(template.canceled.unless).paths()))
        if one is plans[0]:
            columns |= dict.fromkeys(name for task in template.tasks for name in task.destination.link.values())
        tables.append(
            TableWrite(
                one.task.name,
                there.entity,
                tuple(there.key),
                tuple(columns),
                tuple(there.link.items()),
                there.ignore,
            )
        )
    return DocumentWrite(tables[0], tuple(tables[1:]))


def _source_paths(one: TaskPlan) -> Iterable[str]:
    """Every column of its row that a task needs, in the order of first mention: keys, links, fields, conditions."""
    yield from one.reader.source.key
    yield from one.reader.source.link
    yield from one.label
    for field in one.fields:
        yield from (name for name in field.field.reads if name not in SPREAD | RESULTS)
    if one.task.spread is not None:
        yield from one.task.spread.of_line
    yield from _deciding_paths(one)


def _deciding_paths(one: TaskPlan) -> Iterable[str]:
    """The columns that decide whether a row goes."""
    for condition in (*one.conditions, *(rule.condition for rule in one.rules)):
        yield from sorted(condition.paths())


def _needs_currency(one: TaskPlan) -> bool:
    return one.task.spread is not None or any(
        isinstance(step, _AMOUNTS) for field in one.fields for step in field.field.transform
    )
