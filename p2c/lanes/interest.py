"""Which templates an event concerns, and what it already says of the document's key. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from p2c.lanes.happening import Happening
from p2c.templates import catalog
from p2c.templates.models import Task, Template


@dataclass(frozen=True, slots=True)
class Interest:
    """A template that an event concerns, and the header that it is about.

    Of the header either its `id` (Sales) or some of its columns (`known`, by name) are told. `line_id` is told when the
    event is about a line that does not name its header. `gone`: the row is not there to be asked any more, and what
    follows from that is for a run to find out.
    """

    template: Template
    id: str = ""
    known: Mapping[str, str] = field(default_factory=dict)
    line: Task | None = None
    line_id: str = ""
    gone: bool = False


_BUSINESS_EVENTS: Mapping[str, Sequence[tuple[str, Mapping[str, str]]]] = {
    "SalesInvoicePostedBusinessEvent": (
        ("ExternallyMaintainedCustomerSalesInvoiceHeaders", {"InvoiceNumber": "invoiceid"}),
        ("CDSSalesOrderHeaders", {"SalesOrderNumber": "salesorderid"}),
    ),
    "CustFreeTextInvoicePostedBusinessEvent": (
        ("ExternallyMaintainedCustomerSalesInvoiceHeaders", {"InvoiceNumber": "invoiceid"}),
    ),
    # Not in Microsoft's list, but known from projects that have it.
    "SalesOrderConfirmedBusinessEvent": (("CDSSalesOrderHeaders", {"SalesOrderNumber": "salesorderid"}),),
}
"""Business event → entity sets of F&O, and which of their columns which member of the event tells."""

PREFIX = "mserp_"
_NOISE = re.compile(r"cds|entity|v\d+$")


def interests(
    happening: Happening, templates: Sequence[Template], entities: Mapping[str, str] | None = None
) -> list[Interest]:
    """What the event means to enabled templates; none for an event of no interest.

    `entities` names F&O entity sets for virtual entities whose names do not give them away.
    """
    concerned = [one for one in templates if one.enabled and one.source == happening.system]
    find = _sales if happening.system == "sales" else _finops
    return [found for template in concerned for found in find(happening, template, entities or {})]


def _sales(happening: Happening, template: Template, _: Mapping[str, str]) -> Iterator[Interest]:
    header = template.header
    if _table(header) == happening.table:
        known = _told(happening.facts, header.source.key)
        gone = happening.what == "deleted" or not (known or happening.id)
        yield Interest(template, happening.id, known, gone=gone)
        return
    for line in template.lines:
        if line.source.self or _table(line) != happening.table:
            continue
        parent = next((happening.facts[one] for one in line.source.link if one in happening.facts), "").lower()
        lost = not parent and (happening.what == "deleted" or not happening.id)
        yield Interest(template, parent, line=line, line_id="" if parent else happening.id, gone=lost)
        return


def _finops(happening: Happening, template: Template, entities: Mapping[str, str]) -> Iterator[Interest]:
    for name, members in _BUSINESS_EVENTS.get(happening.table, ()):
        if name == template.header.source.entity:
            known = {column: happening.facts[member] for column, member in members.items() if member in happening.facts}
            if known:
                yield Interest(template, known=known)
    if not happening.table.startswith(PREFIX):
        return
    for task in template.tasks:
        if task.source.self or not _is_entity(happening.table, task.source.entity, entities):
            continue
        facts = {name.removeprefix(PREFIX): value for name, value in happening.facts.items()}
        if task is template.header:
            known = {column: facts[column.lower()] for column in task.source.key if column.lower() in facts}
        else:
            link = task.source.link.items()
            known = {there: facts[here.lower()] for here, there in link if here.lower() in facts}
        # Dates and enums come as numbers there: only plain text can be looked for.
        known = {column: value for column, value in known.items() if _is_text(template.header, column)}
        yield Interest(
            template, known=known, gone=not known or (happening.what == "deleted" and task is template.header)
        )
        return


def _told(facts: Mapping[str, str], columns: Sequence[str]) -> dict[str, str]:
    """The values of these columns if all of them were told."""
    found = {one: facts[one] for one in columns if one in facts}
    return found if len(found) == len(columns) else {}


def _table(task: Task) -> str:
    return catalog.sales_table_by_set(task.source.entity).name


def _is_text(header: Task, column: str) -> bool:
    known = catalog.finops_entity(header.source.entity).find(column)
    return known is not None and known.type == "String"


def _is_entity(virtual: str, entity_set: str, entities: Mapping[str, str]) -> bool:
    """Whether a virtual entity is that entity set; the project's word counts, else both are named alike.

    `mserp_salesorderheadercdsentity` is CDSSalesOrderHeaders: without prefixes, suffixes and plural the one ends in the
    other.
    """
    told = entities.get(virtual) or entities.get(virtual.removeprefix(PREFIX))
    if told:
        return told == entity_set
    singular = catalog.finops_entity(entity_set).type.lower()
    return _bare(virtual.removeprefix(PREFIX)).endswith(_bare(singular))


def _bare(name: str) -> str:
    return _NOISE.sub("", _NOISE.sub("", name))
