"""How the command line shows things: tables, progress, colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from p2c.documents import OutcomeKind
from p2c.operations.dead_letters import Group
from p2c.operations.reconcile import Agreement
from p2c.operations.report import LaneStatus, Reason
from p2c.state.conflicts import Conflict, Difference
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
_ARROWS = {"sales": "Sales", "finops": "F&O"}


def _status(text: str) -> Text:
    return Text(text, style=_STYLES.get(text, ""))


def runs_table(records: Iterable[RunRecord], *, title: str = "") -> Table:
    """A row per run: status, a column for each kind of outcome that occurs, requests, seconds."""
    rows = list(records)
    kinds = [kind for kind in OutcomeKind if any(one.counts.get(kind.value) for one in rows)]
    table = Table(title=title or None, title_justify="left")
    table.add_column("Template", no_wrap=True)
    table.add_column("Legal entity")
    table.add_column("Status", no_wrap=True)
    for kind in kinds:
        table.add_column(kind.value.capitalize(), justify="right", no_wrap=True)
    table.add_column("Requests", justify="right")
    table.add_column("Seconds", justify="right")
    for one in rows:
        cells: list[Text | str] = [one.template, one.legal_entity, _status(one.status)]
        cells += [_count(kind, one.counts.get(kind.value, 0)) for kind in kinds]
        table.add_row(*cells, str(sum(one.requests.values()) or ""), _seconds(one))
    return table


def runs_list(records: Iterable[RunRecord]) -> Table:
    """A row per run with its id, by which `p2c runs` shows its documents."""
    table = Table()
    table.add_column("Run", no_wrap=True)
    for title in ("Mode", "Status", "Outcomes"):
        table.add_column(title)
    table.add_column("Seconds", justify="right")
    for one in records:
        counts = ", ".join(f"{number} {kind}" for kind, number in one.counts.items() if number)
        mode = Text(one.mode).append(f"\n{one.note}" if one.note else "", style="dim")
        table.add_row(one.id, mode, _status(one.status), counts or "no document", _seconds(one))
    return table


def _seconds(record: RunRecord) -> str:
    return f"{(record.finished - record.started).total_seconds():.1f}" if record.finished else ""


def _count(kind: OutcomeKind, number: int) -> Text:
    return Text(str(number), style=_KIND_STYLES.get(kind, "")) if number else Text("·", style="dim")


def print_reasons(console: Console, heading: str, reasons: Sequence[Reason]) -> None:
    """Why documents did not go, grouped."""
    if not reasons:
        return
    console.print(Text(heading, style="bold"))
    for one in reasons:
        line = Text("  ")
        line.append(f"{one.count} {one.kind.value}", style=_KIND_STYLES.get(one.kind, "dim"))
        line.append(f"  {one.text}")
        more = ", …" if one.count > len(one.examples) else ""
        line.append(f"  [{', '.join(one.examples)}{more}]", style="dim")
        console.print(line)


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


def templates_table(templates: Iterable[Template]) -> Table:
    """The templates in running order."""
    table = Table()
    for title in ("Template", "Name", "From → to", "Runs after", "Schedule", "On"):
        table.add_column(title, no_wrap=title == "Template")
    for one in templates:
        table.add_row(
            one.id,
            one.name,
            f"{_ARROWS[one.source]} → {_ARROWS[one.destination]}",
            ", ".join(one.runs_after) or "–",
            one.schedule,
            "yes" if one.enabled else Text("no", style="dim"),
        )
    return table


def fields_table(template: Template) -> list[Table]:
    """One table per task: its rules and its fields."""
    tables: list[Table] = []
    for task in template.tasks:
        source = task.source.entity or f"(row of {task.parent})"
        table = Table(title=f"{task.name}: {source} → {task.destination.entity}", title_justify="left")
        for title in ("Source", "Destination", "Transforms", "Notes"):
            table.add_column(title, overflow="fold")
        for one in task.fields:
            notes = [one.on + " only"] if one.on != "both" else []
            notes += ["last"] if one.last else []
            notes += [f"at most {one.max_length}"] if one.max_length else []
            notes += [f"missing: {one.missing}"] if one.missing else []
            names = [transform.type for transform in one.transform]
            table.add_row(", ".join(one.sources) or "–", one.destination, ", ".join(names), ", ".join(notes))
        for rule in task.rules:
            table.add_row(Text(f"rule {rule.name}", style="cyan"), rule.when, "", rule.reason)
        tables.append(table)
    return tables


def status_table(lanes: Iterable[LaneStatus]) -> Table:
    """Where every template stands."""
    table = Table()
    for title in ("Template", "Legal entity", "Last completed", "All compared", "Under way"):
        table.add_column(title)
    for title in ("Documents", "Parked", "Dead letters"):
        table.add_column(title, justify="right")
    for one in lanes:
        point = one.checkpoint
        completed = f"{point.completed:%Y-%m-%d %H:%M:%S}" if point and point.completed else "–"
        compared = f"{point.compared:%Y-%m-%d %H:%M:%S}" if point and point.compared else "–"
        under_way = f"page {point.page} of {point.run_id}" if point and point.completed is None else ""
        table.add_row(
            one.template,
            one.legal_entity,
            completed,
            compared,
            under_way,
            str(one.documents),
            Text(str(one.parked), style="yellow" if one.parked else "dim"),
            Text(str(one.dead), style="red" if one.dead else "dim"),
        )
    return table


def groups_table(groups: Iterable[Group]) -> Table:
    """What waits, by reason."""
    table = Table()
    for title in ("Documents", "Template", "Legal entity", "Why", "Since", "Last", "Attempts", "Keys"):
        table.add_column(title, justify="right" if title in ("Documents", "Attempts") else "left", overflow="fold")
    for one in groups:
        more = ", …" if one.count > len(one.keys) else ""
        cells = [str(one.count), one.template, one.legal_entity, f"{one.field}: {one.reason}".removeprefix(": ")]
        cells += [_minute(one.first), _minute(one.last), str(one.attempts), ", ".join(one.keys) + more]
        table.add_row(*(Text(cell) for cell in cells))
    return table


def waiting_table(one: Waiting) -> Table:
    """One document that waits, everything that is known of it."""
    table = Table(show_header=False)
    facts = {
        "Key": one.key,
        "Template": one.template,
        "Legal entity": one.legal_entity,
        "Id at the source": one.source_id,
        "Field": one.field,
        "Line": one.line,
        "Why": one.reason,
        "Waits for": ", ".join(one.missing),
        "First": one.first,
        "Last": one.last,
        "Attempts": str(one.attempts),
        "Correlation id": one.request_id,
    }
    for name, value in facts.items():
        if value:
            table.add_row(name, Text(value))
    return table


def conflicts_table(conflicts: Iterable[Conflict]) -> Table:
    """Conflicts, a row for each field that differed."""
    table = Table()
    for title in ("Document", "Template", "Legal entity", "Last", "Field", "Source", "Destination", "Stands"):
        table.add_column(title, overflow="fold")
    for one in conflicts:
        stands: str = "nobody's yet" if one.winner == "ask" else one.winner
        head = [one.key, one.template, one.legal_entity, _minute(one.last)]
        for each in one.differences or (Difference("", None, None),):
            values = ["–" if value is None else value for value in (each.source, each.destination)]
            table.add_row(*(Text(cell) for cell in (*head, each.field, *values, stands)))
            head, stands = [""] * 4, ""
    return table


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


def agreement_table(agreements: Iterable[Agreement]) -> Table:
    """Whether both sides agree, per template."""
    table = Table()
    for title in ("Template", "Legal entity", "Agree", "Differ", "Kept back", "Not meant to go", ""):
        table.add_column(title, justify="left" if title in ("Template", "Legal entity", "") else "right")
    for one in agreements:
        fine = not one.different and not one.error
        table.add_row(
            one.template,
            one.legal_entity,
            str(one.agreeing),
            Text(str(len(one.different)), style="red" if one.different else "dim"),
            Text(str(len(one.kept_back)), style="yellow" if one.kept_back else "dim"),
            str(one.skipped),
            Text("✓", style="green") if fine else Text(one.error or "✗", style="red"),
        )
    return table


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

    def __enter__(self) -> RunProgress:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def started(self, template: Template, legal_entity: str, expected: int) -> None:
        """A new bar."""
        self._done = 0
        self._bar = self._bars.add_task(f"{template.id} ({legal_entity})", total=expected or None)

    def advanced(self, documents: int) -> None:
        """Moves the bar, and makes it longer where there is more than last time."""
        if self._bar is None:
            return
        self._done += documents
        total = self._bars.tasks[self._bar].total
        longer = self._done if total is not None and total < self._done else total
        self._bars.update(self._bar, completed=self._done, total=longer)

    def finished(self, record: RunRecord) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bars.remove_task(self._bar)
            self._bar = None
