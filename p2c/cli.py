"""The `p2c` command.

Exit codes: 0 done; 1 done, but some documents are parked, rejected or failed (or the two systems disagree); 2 wrong
usage; 3 a run stopped with an error; 4 a template, project file or setting is wrong; 5 the identity was refused; 6
the state cannot be used (another run has the lane, damaged, …); 130 interrupted with Ctrl-C.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version
from typing import Annotated, Any

import typer
from rich.console import Console

from p2c import attending, examining, render
from p2c.documents import Outcome, OutcomeKind
from p2c.errors import ConfigError
from p2c.operations import report
from p2c.operations.opening import open_session, opened_store, project_of
from p2c.operations.reconcile import Agreement
from p2c.operations.reconcile import reconcile as compare_all
from p2c.operations.totals import Balance
from p2c.settings import Settings
from p2c.shell import (
    Exit,
    JsonOption,
    ProjectOption,
    StateOption,
    TemplatesArgument,
    code_of,
    fail,
    open_console,
    print_json,
    settings_from,
    wait,
)
from p2c.state.runs import RunRecord
from p2c.sync.session import Finished
from p2c.sync.watching import Mode, Progress, Quiet
from p2c.templates.load import ordered
from p2c.templates.models import Template
from p2c.templates.project import effective_templates

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
attending.add_to(app)
examining.add_to(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"p2c {version('p2c')}")
        raise typer.Exit


@app.callback()
def common(
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Keeps Dynamics 365 Sales and Dynamics 365 Finance and Operations in agreement."""
    # A credential that finds no identity warns at length, each time; it raises what it warns of, and that is told.
    logging.getLogger("azure").setLevel(logging.ERROR)


@app.command()
def run(
    templates: TemplatesArgument = None,
    all_: Annotated[bool, typer.Option("--all", help="Every enabled template, in order.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Compare every document, whatever is remembered.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written; write nothing.")] = False,
    legal_entity: Annotated[list[str] | None, typer.Option("--legal-entity", "-l", help="Only these.")] = None,
    allow_deletes: Annotated[
        bool, typer.Option("--allow-deletes", help="Delete and deactivate, however many they are.")
    ] = False,
    rebind: Annotated[
        bool, typer.Option("--rebind", help="The state belongs to these environments, whatever it says.")
    ] = False,
    project: ProjectOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Synchronise templates, in the order in which they depend on each other."""
    if not templates and not all_:
        raise typer.BadParameter("name templates, or --all")
    if templates and all_:
        raise typer.BadParameter("either templates or --all, not both")
    settings = settings_from(project, state)
    console = open_console(stderr=as_json)

    async def work() -> list[Finished]:
        async with open_session(settings) as session:
            mode = Mode(full=full, dry=dry_run, allow_deletes=allow_deletes)

            async def go(progress: Progress) -> list[Finished]:
                return await session.run(
                    templates or (), legal_entities=legal_entity or (), mode=mode, progress=progress, rebind=rebind
                )

            if as_json or not console.is_terminal:
                return await go(Quiet())
            with render.RunProgress(console) as bars:
                return await go(bars)

    results = wait(work())
    records = [one.record for one in results]
    if as_json:
        told = {"runs": [one.model_dump(mode="json") for one in records]}
        print_json({**told, "outcomes": list(_would_be(results))} if dry_run else told)
    else:
        console.print(render.runs_table(records))
        if dry_run:
            render.print_plan(console, ((one.record.template, one.outcomes) for one in results))
        _explain(console, settings, results)
        render.notes(console, records)
        render.errors(console, records)
    raise typer.Exit(_exit_code(results))


@app.command()
def status(project: ProjectOption = None, state: StateOption = None, as_json: JsonOption = False) -> None:
    """Where every template stands: last run, what is remembered, what waits, what needs a person."""
    settings = settings_from(project, state)

    async def work() -> list[report.LaneStatus]:
        plan = project_of(settings)
        entities = [name.lower() for name in plan.connection_set.legal_entities]
        async with opened_store(settings) as store:
            return await report.status(store, ordered(effective_templates(plan)), entities)

    lanes = wait(work())
    if as_json:
        rows = [
            {
                "template": one.template,
                "legalEntity": one.legal_entity,
                "completed": one.checkpoint.completed.isoformat()
                if one.checkpoint and one.checkpoint.completed
                else None,
                "compared": one.checkpoint.compared.isoformat() if one.checkpoint and one.checkpoint.compared else None,
                "underWay": bool(one.checkpoint and one.checkpoint.completed is None),
                "documents": one.documents,
                "parked": one.parked,
                "retrying": one.retrying,
                "deadLetters": one.dead,
                "newestRun": one.newest.id if one.newest else None,
                "status": one.newest.status if one.newest else None,
                "error": one.newest.error if one.newest else "",
            }
            for one in lanes
        ]
        print_json({"templates": rows})
    else:
        console = open_console()
        console.print(render.status_table(lanes))
        render.print_troubles(console, lanes)


@app.command()
def runs(
    run_id: Annotated[str | None, typer.Argument(help="Show the outcomes of this run.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many runs, newest first.")] = 20,
    kind: Annotated[list[OutcomeKind] | None, typer.Option(help="Only outcomes of this kind.")] = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """The latest runs, or what became of every document of one."""
    settings = settings_from(None, state)
    console = open_console()

    async def recent() -> list[RunRecord]:
        async with opened_store(settings) as store:
            return await report.recent_runs(store, limit)

    async def outcomes(identifier: str) -> tuple[RunRecord, list[Outcome]] | None:
        async with opened_store(settings) as store:
            record = await report.run_record(store, identifier)
            if record is None:
                return None
            found = report.run_outcomes(store, identifier)
            return record, [one async for one in found if not kind or one.kind in kind]

    if run_id is None:
        records = wait(recent())
        if as_json:
            print_json({"runs": [one.model_dump(mode="json") for one in records]})
        else:
            console.print(render.runs_list(records) if records else "No run yet: `p2c run --all`.")
        return
    found = wait(outcomes(run_id))
    if found is None:
        raise typer.BadParameter(f"there is no run {run_id!r}; `p2c runs` lists the latest")
    record, outcomes_ = found
    if as_json:
        told = [_outcome(one) for one in outcomes_]
        print_json({"run": run_id, "record": record.model_dump(mode="json"), "outcomes": told})
    else:
        render.print_run(console, record)
        render.print_outcomes(console, outcomes_)


@app.command()
def templates(
    template: Annotated[str | None, typer.Argument(help="Show the rules and fields of this one.")] = None,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """The templates in running order, with the project's overrides applied."""
    settings = settings_from(project, None)
    console = open_console()

    async def work() -> list[Template]:
        return ordered(effective_templates(project_of(settings)))

    found = [one for one in wait(work()) if template in (None, one.id)]
    if not found:
        fail(ConfigError(f"There is no template {template!r}.", hint="`p2c templates` lists them."), Exit.CONFIG)
    if as_json:
        print_json({"templates": [one.model_dump(mode="json", by_alias=True, exclude_defaults=True) for one in found]})
    elif template is None:
        console.print(render.templates_table(found))
    else:
        for grid in render.fields_tables(found[0]):
            console.print(grid)


@app.command()
def reconcile(
    templates: TemplatesArgument = None,
    project: ProjectOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare both systems, document by document and field by field, and their totals; nothing is written.

    Exit 1 when they differ, also when the total of a document differs and no rule explains it.
    """
    settings = settings_from(project, state)

    async def work() -> list[Agreement]:
        async with open_session(settings) as session:
            return await compare_all(session, templates or ())

    agreements = wait(work())
    if as_json:
        print_json({"templates": [_agreement(one) for one in agreements]})
    else:
        console = open_console()
        console.print(render.agreement_table(agreements))
        for one in agreements:
            for outcome in one.different:
                fields = ", ".join(outcome.changed) or "not there"
                console.print(f"  {one.template} {outcome.key}: {fields}", highlight=False, markup=False)
        for one in agreements:
            heading = f"{one.template} ({one.legal_entity})"
            render.print_reasons(console, heading, report.reasons([*one.kept_back, *one.noted]))
        render.print_balances(console, [balance for one in agreements for balance in one.balances])
    stopped = next((one for one in agreements if one.error), None)
    if stopped is not None:
        raise typer.Exit(code_of(stopped.stopped_by) if stopped.stopped_by is not None else Exit.STOPPED)
    raise typer.Exit(Exit.DONE if all(one.agrees for one in agreements) else Exit.WARNING)


def main() -> None:
    """The console script's entry."""
    app()


def _exit_code(results: Iterable[Finished]) -> Exit:
    """The code of what stopped the first run that stopped; the others may not have run because of it."""
    results = list(results)
    first = next((one for one in results if one.record.status == "Error"), None)
    if first is not None:
        return code_of(first.error) if first.error is not None else Exit.STOPPED
    return Exit.WARNING if any(one.record.status == "Warning" for one in results) else Exit.DONE


def _explain(console: Console, settings: Settings, results: Iterable[Finished]) -> None:
    """Prints, per template, why documents did not go."""

    async def reasons(one: Finished) -> list[report.Reason]:
        if one.outcomes:
            return report.reasons(one.outcomes)
        async with opened_store(settings) as store:
            return await report.reasons_of(store, one.record.id)

    for one in results:
        render.print_reasons(console, f"{one.record.template} ({one.record.legal_entity})", wait(reasons(one)))


def _would_be(results: Iterable[Finished]) -> Iterable[dict[str, Any]]:
    """The outcomes of dry runs but the unchanged ones."""
    for one in results:
        at = {"template": one.record.template, "legalEntity": one.record.legal_entity}
        for outcome in one.outcomes:
            if outcome.kind is not OutcomeKind.UNCHANGED:
                yield {**at, **_outcome(outcome)}


def _outcome(one: Outcome) -> dict[str, Any]:
    fields = ("kind", "key", "source_id", "reason", "rule", "field", "line", "missing", "changed", "request_id")
    notes = [asdict(note) for note in one.notes]
    return {name: value for name in fields if (value := getattr(one, name))} | ({"notes": notes} if notes else {})


def _agreement(one: Agreement) -> dict[str, Any]:
    return {
        "template": one.template,
        "legalEntity": one.legal_entity,
        "agree": one.agreeing,
        "skipped": one.skipped,
        "different": [_outcome(outcome) for outcome in one.different],
        "keptBack": [_outcome(outcome) for outcome in one.kept_back],
        "noted": [_outcome(outcome) for outcome in one.noted],
        "totals": [_balance(balance) for balance in one.balances],
        "error": one.error,
    }


def _balance(balance: Balance) -> dict[str, Any]:
    return {
        "currency": balance.currency,
        "compared": balance.compared,
        "equal": balance.equal,
        "explained": {rule.value: count for rule, count in balance.explained.items()},
        "different": len(balance.unexplained),
        "sales": str(balance.sales),
        "finops": str(balance.finops),
        "difference": str(balance.sales - balance.finops),
        "documents": [
            {
                "number": difference.number,
                "sales": str(difference.sales),
                "finops": str(difference.finops),
                "line": difference.line,
                "rule": difference.explanation.value if difference.explanation else None,
                "reason": difference.reason,
            }
            for difference in balance.differences
        ],
    }
