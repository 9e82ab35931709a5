"""How the command line shows things: tables, progress, colours. Moments are UTC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from p2c.documents import Outcome, OutcomeKind
from p2c.grid import Grid
from p2c.operations.dead_letters import Group
from p2c.operations.reconcile import Agreement
from p2c.operations.report import LaneStatus, Reason
from p2c.operations.totals import Balance
from p2c.state.conflicts import NUMBER_TAKEN, Conflict
from p2c.state.runs import RunRecord
from p2c.state.waiting import Waiting
from p2c.templates.models import Template

_STYLES = {"Completed": "green", "Warning": "yellow", "Error": "red bold", "Running": "cyan"}
_KIND_STYLES = {
    OutcomeKind.CREATED: "green",
    OutcomeKind.UPDATED: "green",
    OutcomeKind.DELETED: "magenta",
    OutcomeKind.PARKED: "yellow",
    OutcomeKind.REJECTED: "red",
    OutcomeKind.FAILED: "red bold",
}
_WRITTEN = (OutcomeKind.CREATED, OutcomeKind.UPDATED, OutcomeKind.DELETED)
_SHOWN = 100
_ARROWS = {"sales": "Sales", "finops": "F&O"}


def _status(text: str) -> Text:
    return Text(text, style=_STYLES.get(text, ""))


def runs_table(records: Iterable[RunRecord]) -> Grid:
    """A row per run: status, a column for each kind of outcome that occurs, requests, seconds."""
    rows = list(records)
    kinds = [kind for kind in OutcomeKind if any(one.counts.get(kind.value) for one in rows)]
    numbers = [kind.value.capitalize() for kind in kinds] + ["Requests", "Seconds"]
    table = Grid("Template", "Legal entity", "Status", *numbers, right=numbers)
    for one in rows:
        cells: list[Text | str] = [one.template, one.legal_entity, _status(one.status)]
        cells += [_count(kind, one.counts.get(kind.value, 0)) for kind in kinds]
        table.add(*cells, str(sum(one.requests.values()) or ""), _seconds(one))
    return table


def runs_list(records: Iterable[RunRecord]) -> Grid:
    """A row per run with its id, by which `p2c runs` shows its documents."""
    table = Grid("Run", "Mode", "Status", "Outcomes", "Seconds", right=("Seconds",))
    for one in records:
        mode = Text(one.mode).append(f"\n{one.note}" if one.note else "", style="dim")
        table.add(one.id, mode, _status(one.status), _counts(one), _seconds(one))
    return table


def print_run(console: Console, record: RunRecord) -> None:
    """What a run was, and why it stopped if it did."""
    head = Text(f"{record.template} ({record.legal_entity})  ", style="bold").append_text(_status(record.status))
    head.append(f"  {record.mode}, {record.started:%Y-%m-%d %H:%M:%S} UTC: {_counts(record)}", style="not bold")
    console.print(head)
    if record.note:
        console.print(Text(record.note, style="dim"))
    if record.error:
        console.print(Text(f"{record.error} {record.hint}".strip(), style="red"))


def print_outcomes(console: Console, outcomes: Iterable[Outcome], *, template: str = "") -> None:
    """A line per document: what became of it, and why or in which fields."""
    for one in outcomes:
        detail = one.reason or ", ".join(one.changed)
        named = f"{template} {one.key}" if template else one.key
        console.print(f"{one.kind.value:10} {named}  {detail}".rstrip(), highlight=False, markup=False)


def print_plan(console: Console, plan: Iterable[tuple[str, Sequence[Outcome]]]) -> None:
    """What dry runs would write, by template: which documents, and which fields of those that are there."""
    console.print("A dry run: nothing was written. It would be:", highlight=False)
    for template, outcomes in plan:
        written = [one for one in outcomes if one.kind in _WRITTEN]
        for one in written[:_SHOWN]:
            line = f"{one.kind.value:10} {template} {one.key}  {', '.join(one.changed)}".rstrip()
            console.print(line, highlight=False, markup=False)
        if len(written) > _SHOWN:
            console.print(f"… and {len(written) - _SHOWN} more of {template}; --json has all", highlight=False)


def _counts(record: RunRecord) -> str:
    counts = ", ".join(f"{number} {kind}" for kind, number in record.counts.items() if number) or "no document"
    notes = ", ".join(f"{number} {code}" for code, number in record.note_counts.items() if number)
    return f"{counts} (notes: {notes})" if notes else counts


def _seconds(record: RunRecord) -> str:
    return f"{(record.finished - record.started).total_seconds():.1f}" if record.finished else ""


def _count(kind: OutcomeKind, number: int) -> Text:
    return Text(str(number), style=_KIND_STYLES.get(kind, "")) if number else Text("·", style="dim")


def print_reasons(console: Console, heading: str, reasons: Sequence[Reason]) -> None:
    """Reasons and notes of documents, grouped."""
    if not reasons:
        return
    console.print(Text(heading, style="bold"))
    for one in reasons:
        line = Text()
        style = _KIND_STYLES.get(one.kind, "dim") if isinstance(one.kind, OutcomeKind) else "cyan"
        line.append(f"{one.count} {one.kind.value}", style=style)
        line.append(f"  {one.text}")
        more = ", …" if one.count > len(one.examples) else ""
        line.append(f"  [{', '.join(one.examples)}{more}]", style="dim")
        console.print(_indented(line))


def notes(console: Console, records: Iterable[RunRecord]) -> None:
    """Why runs compared everything without being asked to."""
    for one in records:
        if one.note and one.mode.endswith("full"):
            console.print(
                Text(f"{one.template} ({one.legal_entity}): everything was compared; {one.note}", style="dim")
            )


def errors(console: Console, records: Iterable[RunRecord]) -> None:
    """Why runs stopped."""
    for one in records:
        if one.error:
            console.print(Text(f"{one.template} ({one.legal_entity}): {one.error}", style="red"))


def templates_table(templates: Iterable[Template]) -> Grid:
    """The templates in running order."""
    table = Grid("Template", "From → to", "Runs after", "Schedule")
    for one in templates:
        table.add(
            one.id,
            f"{_ARROWS[one.source]} → {_ARROWS[one.destination]}",
            "\n".join(one.runs_after) or "–",
            one.schedule if one.enabled else Text("off", style="dim"),
        )
    return table


def fields_tables(template: Template) -> list[Grid]:
    """One table per task: its fields and its rules."""
    tables: list[Grid] = []
    for task in template.tasks:
        source = task.source.entity or f"(row of {task.parent})"
        title = f"{task.name}: {source} → {task.destination.entity}"
        table = Grid("Source", "Destination", "Transforms", "Notes", title=title)
        for one in task.fields:
            notes = [one.on + " only"] if one.on != "both" else []
            notes += ["last"] if one.last else []
            notes += [f"at most {one.max_length}"] if one.max_length else []
            notes += [f"missing: {one.missing}"] if one.missing else []
            names = [transform.type for transform in one.transform]
            table.add(", ".join(one.sources) or "–", one.destination, ", ".join(names), ", ".join(notes))
        for rule in task.rules:
            table.add(Text(f"rule {rule.name}", style="cyan"), rule.when, "", rule.reason)
        tables.append(table)
    return tables


def status_table(lanes: Iterable[LaneStatus]) -> Grid:
    """Where every template stands; moments are UTC."""
    numbers = ("Documents", "Parked", "Retrying", "Dead letters")
    table = Grid(
        "Template", "Legal entity", "Newest run", "Completed (UTC)", "All compared (UTC)", *numbers, right=numbers
    )
    for one in lanes:
        point = one.checkpoint
        table.add(
            one.template,
            one.legal_entity,
            _status(one.newest.status) if one.newest else "–",
            f"{point.completed:%Y-%m-%d %H:%M:%S}" if point and point.completed else "–",
            f"{point.compared:%Y-%m-%d %H:%M:%S}" if point and point.compared else "–",
            str(one.documents),
            Text(str(one.parked), style="yellow" if one.parked else "dim"),
            Text(str(one.retrying), style="yellow" if one.retrying else "dim"),
            Text(str(one.dead), style="red" if one.dead else "dim"),
        )
    return table


def print_troubles(console: Console, lanes: Iterable[LaneStatus]) -> None:
    """Which runs are under way, and why newest runs stopped."""
    for one in lanes:
        point, named = one.checkpoint, f"{one.template} ({one.legal_entity})"
        if one.newest and one.newest.error:
            console.print(Text(f"{named}: {one.newest.error} {one.newest.hint}".strip(), style="red"))
        if point and point.completed is None:
            console.print(Text(f"{named}: under way, at page {point.page} of {point.run_id}"))


def print_groups(console: Console, groups: Iterable[Group]) -> None:
    """What waits, by reason: how many, why, since when, some of the keys."""
    for one in groups:
        documents = "1 document" if one.count == 1 else f"{one.count} documents"
        more = ", …" if one.count > len(one.keys) else ""
        attempts = "1 attempt" if one.attempts == 1 else f"{one.attempts} attempts, the last {minute(one.last)}"
        console.print(Text(f"{documents}  {one.template} ({one.legal_entity})", style="bold"))
        why = (
            one.reason if one.reason.startswith(one.field) or one.field in one.reason else f"{one.field}: {one.reason}"
        )
        console.print(_indented(Text(why)))
        console.print(_indented(Text(", ".join(one.keys) + more)))
        retry = f", retried automatically after {minute(one.retry_after)}" if one.retry_after else ""
        console.print(_indented(Text(f"since {minute(one.first)}, {attempts}{retry}", style="dim")))


def waiting_table(one: Waiting) -> Table:
    """One document that waits, everything that is known of it."""
    table = Table(show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    facts = {
        "Key": one.key,
        "Template": one.template,
        "Legal entity": one.legal_entity,
        "Id at the source": one.source_id,
        "Field": one.field,
        "Line": one.line,
        "Why": one.reason,
        "Waits for": ", ".join(one.missing),
        "First": minute(one.first),
        "Last": minute(one.last),
        "Attempts": str(one.attempts),
        "Retried after": minute(one.retry_after) if one.retry_after else "",
        "Correlation id": one.request_id,
    }
    for name, value in facts.items():
        if value:
            table.add_row(name, Text(value))
    for side in one.sides:
        table.add_row(
            side.field.capitalize(), Text(f"source {side.source or '–'} | destination {side.destination or '–'}")
        )
    return table


def print_conflicts(console: Console, conflicts: Iterable[Conflict]) -> None:
    """Conflicts, with both values of each field that differed."""
    for one in conflicts:
        stands = "nobody's values stand yet" if one.winner == "ask" else f"the {one.winner}'s values stand"
        if one.rule == NUMBER_TAKEN:
            stands = "the number is taken by another record"
        head = Text(f"{one.key}  {one.template} ({one.legal_entity})", style="bold")
        console.print(head.append(f"  {minute(one.last)}, {stands}", style="not bold dim"))
        for each in one.differences:
            source, destination = ("–" if value is None else value for value in (each.source, each.destination))
            console.print(_indented(Text(f"{each.field}: source {source} | destination {destination}")))


def _indented(text: Text) -> Padding:
    return Padding(text, (0, 0, 0, 2), expand=False)


def minute(moment: str) -> str:
    """A moment as a person reads it."""
    return f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else ""


def agreement_table(agreements: Iterable[Agreement]) -> Grid:
    """Whether both sides agree, per template."""
    numbers = ("Agree", "Differ", "Kept back", "Not meant to go")
    table = Grid("Template", "Legal entity", *numbers, "", right=numbers)
    for one in agreements:
        fine = one.agrees
        table.add(
            one.template,
            one.legal_entity,
            str(one.agreeing),
            Text(str(len(one.different)), style="red" if one.different else "dim"),
            Text(str(len(one.kept_back)), style="yellow" if one.kept_back else "dim"),
            str(one.skipped),
            Text("✓", style="green") if fine else Text(one.error or "✗", style="red"),
        )
    return table


def balances_table(balances: Iterable[Balance]) -> Grid:
    """The totals of both systems per template, legal entity and currency."""
    numbers = ("Compared", "Explained", "Different", "Sum in Sales", "Sum in F&O")
    table = Grid("Template", "Legal entity", "Currency", *numbers, right=numbers)
    for balance in balances:
        different = len(balance.unexplained)
        table.add(
            balance.template,
            balance.legal_entity,
            balance.currency,
            str(balance.compared),
            str(sum(balance.explained.values())),
            Text(str(different), style="red" if different else "dim"),
            _amount(balance.sales),
            _amount(balance.finops),
        )
    return table


def _amount(amount: Decimal) -> str:
    """An amount with separators, and with more than two decimals only where they say something."""
    whole, _, decimals = f"{amount:,f}".partition(".")
    return f"{whole}.{decimals.rstrip('0'):0<2}"


def print_balances(console: Console, balances: Sequence[Balance]) -> None:
    """The table of totals, and every document whose totals differ."""
    if not balances:
        return
    console.print(balances_table(balances))
    for balance in balances:
        for difference in balance.differences:
            style = "dim" if difference.explanation else "red"
            console.print(Text(f"  {balance.template} {difference} {balance.currency}", style=style))


class RunProgress:
    """A progress bar per template; its length is what the last run saw, as nobody counts the source beforehand."""

    def __init__(self, console: Console) -> None:
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._bar: TaskID | None = None
        self._done = 0
        self._total: int | None = None

    def __enter__(self) -> RunProgress:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def started(self, template: Template, legal_entity: str, expected: int) -> None:
        """A new bar."""
        self._done = 0
        self._total = expected or None
        self._bar = self._bars.add_task(f"{template.id} ({legal_entity})", total=self._total)

    def advanced(self, documents: int) -> None:
        """Moves the bar, and makes it longer where there is more than last time."""
        if self._bar is None:
            return
        self._done += documents
        if self._total is not None:
            self._total = max(self._total, self._done)
        self._bars.update(self._bar, completed=self._done, total=self._total)

    def finished(self, record: RunRecord) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bars.remove_task(self._bar)
            self._bar = None
