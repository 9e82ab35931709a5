"""Writes down what the templates do, field by field, for people: `docs/templates.md`.

`python -m p2c.templates.describe` rewrites it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from p2c.documents import SystemName
from p2c.templates import coverage
from p2c.templates.filters import parse
from p2c.templates.load import builtin_templates
from p2c.templates.models import (
    Add,
    Conflicts,
    DatePart,
    Default,
    Evidence,
    FieldMap,
    HeaderAmounts,
    Join,
    Merges,
    Moves,
    Rule,
    Scalar,
    Split,
    State,
    Task,
    Template,
    Transform,
    Truncate,
    ValueMap,
)

FILE = Path(__file__).parents[2] / "docs" / "templates.md"
_SYSTEMS: dict[SystemName, str] = {"sales": "Sales", "finops": "Finance and Operations"}
_CONFLICTS: dict[Conflicts, str] = {
    "source": "the source wins",
    "destination": "the destination wins",
    "ask": "a person decides",
}
_MERGES: dict[Merges, str] = {
    "hold": "its record gets the values of `deactivate`, once",
    "ask": "rejected until a person decides",
}
_MOVES: dict[Moves, str] = {
    "follow": "created with its new number, and the old record gets the values of `deactivate`, in one change set",
    "ask": "rejected until a person decides",
}
_CANCELLATIONS = {"ask": "a person is asked", "ignore": "it is skipped"}
_HEADER_AMOUNTS: dict[HeaderAmounts, str] = {
    "spread": "spread over the lines",
    "ignore": "left out, with a note on each document",
    "reject": "rejected",
}
_MOST_ENTRIES = 4
_INTRODUCTION = """# Templates

What each template synchronises, field by field. This page is made from the templates (`p2c/templates/builtin`) by
`python -m p2c.templates.describe`.

- *(C)* or *chosen*: Microsoft's public documents do not say it, so we chose; so are all lengths of Finance and
  Operations, which publishes none. Change what does not suit you in the project file.
- *K* marks a field of the key, by which the row is found at the destination.
- A default without a source is written on create only, unless *always* stands with it.
- A value that is not in its value map is a rejection, which names the value and where to add it.
"""


def page() -> str:
    """The page, in Markdown."""
    return "\n".join([_INTRODUCTION, *(line for one in builtin_templates().values() for line in _template(one))])


def _template(template: Template) -> Iterator[str]:
    yield f"## {template.name}\n"
    yield f"{template.description}\n"
    after = ", ".join(f"`{name}`" for name in template.runs_after) or "nothing"
    yield f"- Id `{template.id}`; from {_SYSTEMS[template.source]} to {_SYSTEMS[template.destination]}"
    yield f"- Runs after {after}; schedule `{template.schedule}`"
    if template.scope == "master":
        yield "- Only from the master legal entity of the connection set, or (`scope`: `union`) from all"
    yield f"- Deleted at the source: {_deletes(template)}. Changed on both sides: {_CONFLICTS[template.conflicts]}"
    if template.deactivate and any("merged" in parse(rule.when).paths() for rule in template.update_only):
        yield f"- Merged into another record at the source (`merges`): {_MERGES[template.merges]}"
    if template.can_move:
        yield f"- Belongs to another record at the source (`moves`): {_MOVES[template.moves]}"
    if any(task.spread for task in template.tasks):
        yield f"- Header discounts and freight (`headerAmounts`): {_HEADER_AMOUNTS[template.header_amounts]}"
    if template.canceled is not None:
        when = " or ".join(f"`{condition}`" for condition in template.canceled.when)
        yield (
            f"- Canceled at the source ({when}) while the destination goes on with it (not "
            f"`{template.canceled.unless}`): {_CANCELLATIONS[template.cancellations]} (`cancellations`)"
        )
    for rule in template.update_only:
        yield f"- Never created, only updated, unless `{rule.when}`: {rule.reason}"
    yield ""
    for task in template.tasks:
        yield from _task(task)
        yield from _left_out(template, task)


def _left_out(template: Template, task: Task) -> Iterator[str]:
    """The figures of both entities that the task leaves out, grouped by the reason."""
    for side in coverage.SIDES:
        reasons: dict[str, list[str]] = {}
        for name, reason in coverage.left_out(template, task, side).items():
            reasons.setdefault(reason, []).append(f"`{name}`")
        if reasons:
            yield f"Amounts, quantities and dates of the {side} that are left out:\n"
            yield from (f"- {', '.join(names)}: {reason}" for reason, names in reasons.items())
            yield ""


def _deletes(template: Template) -> str:
    written = ", ".join(f"`{name}` = {_show(value)}" for name, value in template.deactivate.items())
    if template.deletes == "deactivate":
        return f"{written} is written"
    if template.deletes == "delete":
        return "it is deleted"
    return "it stays" + (f" (with `deactivate`: {written})" if written else "")


def _task(task: Task) -> Iterator[str]:
    source = f"`{task.source.entity}`" if task.source.entity else f"a row of *{task.parent}*"
    yield f"### {task.name}: {source} → `{task.destination.entity}`\n"
    notes = [*_conditions(task)]
    if notes:
        yield from notes
        yield ""
    yield "| Source | Destination | Transforms | Notes |"
    yield "|---|---|---|---|"
    for field in task.fields:
        key = " K" if field.destination in task.destination.key else ""
        sources = "<br>".join(f"`{one}`" for one in field.sources) or "–"
        chain = "<br>".join(_transform(one) for one in field.transform)
        yield f"| {sources} | `{field.destination}`{key} | {chain} | {'; '.join(_notes(field))} |"
    yield ""


def _conditions(task: Task) -> Iterator[str]:
    for rule in task.rules:
        yield _rule(rule, "Goes only if")
    for rule in task.destination.guards:
        yield _rule(rule, "Is changed at the destination only if there")
    for column, values in task.destination.others.items():
        which = " or ".join(f"`{one}`" for one in values)
        yield f"- Rejected where the row of the number is something else at the destination: {which} in `{column}`"
    if proofs := [_evidence(one) for one in task.destination.evidence]:
        which = (
            "A line of the number is the same line" if task.parent else "A row that is there already is the same record"
        )
        yield f"- {which} where p2c made it, or where {'; or '.join(proofs)}"
    if task.source.version:
        yield f"- Of several rows with one key the one with the highest `{task.source.version}` counts"
    if task.source.label:
        yield f"- In messages a line has its number and {' or '.join(f'`{path}`' for path in task.source.label)}"
    if task.include:
        yield f"- Only rows with `{task.include}`"
    if (spread := task.spread) is not None:
        yield (
            f"- Each line carries its share of {', '.join(f'`{name}`' for name in spread.of_header)} of the header, in "
            f"proportion to its amount (`{spread.amount}` less `{spread.tax}`)"
        )
    if task.destination.ignore:
        yield f"- Leaves alone rows with `{task.destination.ignore}`"
    if task.parent:
        extra = {
            "ours": "rows that p2c wrote and the source no longer has are deleted, others are reported",
            "unreported": "rows that p2c wrote and the source no longer has are deleted, others are people's own",
            "keep": "rows that the source does not have stay",
        }
        yield f"- At the destination, {extra[task.destination.extra]}"
    if task.unless_column:
        yield f"- Only where the environment has no column `{task.unless_column}` (else the P2C solution does it)"
    if task.managed_by:
        yield (
            f"- Where the environment has the column `{task.managed_by}` the P2C solution writes these rows: they are "
            "neither created nor changed then, and those of an earlier state are deleted"
        )


def _evidence(evidence: Evidence) -> str:
    if evidence.when:
        return f"`{evidence.when}`"
    return " and ".join(f"`{one}`" for one in evidence.same) + " agree"


def _rule(rule: Rule, when: str) -> str:
    causes = "; ".join(f"`{cause.when}`: {cause.reason}" for cause in rule.lines)
    named = f" The reason names the lines with {causes}." if causes else ""
    still = ", ".join(f"`{name}`" for name in rule.still)
    synced = f" Of a document that the destination has, {still} is synced all the same." if still else ""
    return f"- *{rule.name}*. {when} `{rule.when}`. Otherwise: {rule.reason}{named}{synced}"


def _transform(transform: Transform) -> str:
    match transform:
        case Default():
            return f"default `{_show(transform.value)}`" + (", always" if transform.always else "")
        case ValueMap():
            return _value_map(transform)
        case State():
            return "code of the state in its country" + (f", {_value_map(transform)}" if transform.values else "")
        case Truncate():
            return f"cut to {transform.length} characters (C)"
        case Join():
            return "joined by line breaks" if transform.separator == "\n" else f"joined by `{transform.separator}`"
        case Split():
            return f"part {transform.index + 1} of {transform.parts}"
        case DatePart():
            return f"the {transform.part}"
        case Add():
            return f"plus {transform.amount}"
        case _:
            return transform.type


def _value_map(transform: ValueMap | State) -> str:
    entries = [f"`{key or ' '}` → `{_show(value)}`" for key, value in transform.values.items()]
    shown = entries if len(entries) <= _MOST_ENTRIES else [*entries[:_MOST_ENTRIES], f"{len(entries)} in all"]
    if isinstance(transform, ValueMap) and transform.use:
        shown.append(f"shared map *{transform.use}*")
    return "value map: " + ", ".join(shown).replace("` ` →", "blank →")


def _show(value: Scalar) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _notes(field: FieldMap) -> Iterator[str]:
    if field.on != "both":
        yield f"on {field.on} only"
    if field.last:
        yield "after all other writes"
    if field.required:
        yield "required"
    if field.max_length:
        yield f"at most {field.max_length} characters (C)"
    if field.null:
        yield {"clear": "a blank clears it", "skip": "a blank is left out"}[field.null]
    if field.when_blank:
        yield f"a blank one is {' or else '.join(f'`{one}`' for one in field.when_blank)} on create"
    if field.missing:
        yield {
            "park": "waits when its row is missing",
            "reject": "rejected when its row is missing",
            "omit": "left out when its row is missing",
            "writeIn": "a write-in line when its row is missing",
        }[field.missing]
    if field.line_kind:
        yield {"product": "on product lines", "writeIn": "on write-in lines"}[field.line_kind]
    if field.reference:
        yield f"waits for `{field.reference}`"
    if field.optional:
        yield "only where the column exists"
    if field.only_with:
        yield f"only with `{field.only_with}`"
    if field.if_rejected == "note":
        yield "when the destination rejects it, written without it and noted"
    if field.note:
        yield field.note


def write() -> None:
    """Rewrites the page."""
    FILE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write()
