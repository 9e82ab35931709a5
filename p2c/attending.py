"""The commands for what a person attends to: dead letters, parked documents, conflicts, and whose the state is."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from p2c import render
from p2c.documents import OutcomeKind
from p2c.equality import fold_key
from p2c.errors import ConfigError
from p2c.operations import dead_letters
from p2c.operations.couple import couple
from p2c.operations.dead_letters import Group, Place, Replayed
from p2c.operations.opening import open_session, opened_store, project_of
from p2c.settings import Settings
from p2c.shell import Exit, JsonOption, ProjectOption, StateOption, open_console, print_json, settings_from, wait
from p2c.state.binding import Binding
from p2c.state.conflicts import Conflict
from p2c.state.waiting import Kind, Waiting
from p2c.templates.catalog import did_you_mean
from p2c.templates.load import ordered
from p2c.templates.models import Conflicts
from p2c.templates.project import effective_templates

TemplateOption = Annotated[list[str] | None, typer.Option("--template", "-t", help="Only of these templates.")]
EntityOption = Annotated[list[str] | None, typer.Option("--legal-entity", "-l", help="Only of these legal entities.")]
KeysArgument = Annotated[list[str] | None, typer.Argument(help="Keys of documents, as the list shows them.")]
KeepOption = Annotated[str, typer.Option("--keep", help="Whose values count: source or destination.")]

letters = typer.Typer(no_args_is_help=True, help="Documents that need a person: list, show, replay.")
parked = typer.Typer(no_args_is_help=True, help="Documents that wait for a row that is not there yet.")
contested = typer.Typer(no_args_is_help=True, help="Documents that were changed on both sides.")
state_app = typer.Typer(no_args_is_help=True, help="Which environments the state belongs to.")


def add_to(app: typer.Typer) -> None:
    """Adds these commands to the command line."""
    app.add_typer(letters, name="dead-letters")
    app.add_typer(parked, name="parked")
    app.add_typer(contested, name="conflicts")
    app.add_typer(state_app, name="state")
    app.command("couple")(couple_documents)


@letters.command("list")
def list_letters(
    template: TemplateOption = None,
    legal_entity: EntityOption = None,
    project: ProjectOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """The dead letters, those with the same error together."""
    _list("dead", settings_from(project, state), template, legal_entity, as_json=as_json)


@parked.command("list")
def list_parked(
    template: TemplateOption = None,
    legal_entity: EntityOption = None,
    project: ProjectOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """The parked documents, those that wait for the same row together."""
    _list("parked", settings_from(project, state), template, legal_entity, as_json=as_json)


@letters.command("show")
def show_letter(
    key: Annotated[str, typer.Argument(help="Key of the document.")],
    template: TemplateOption = None,
    legal_entity: EntityOption = None,
    project: ProjectOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Everything that is known of one dead letter."""
    settings = settings_from(project, state)
    found = _found("dead", settings, template, legal_entity, [key])
    if as_json:
        print_json({"deadLetters": [_waiting(one) for one in found]})
    else:
        for one in found:
            open_console().print(render.waiting_table(one))


@letters.command("replay")
def replay_letters(
    keys: KeysArgument = None,
    all_: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
    template: TemplateOption = None,
    legal_entity: EntityOption = None,
    project: ProjectOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read documents again at the source and settle them. Exit 1 when some still do not go."""
    if bool(keys) == all_:
        raise typer.BadParameter("either keys, or --all")
    settings = settings_from(project, state)
    found = _found("dead", settings, template, legal_entity, keys or [])
    _show_replay(_replay(settings, found), as_json=as_json)


@contested.command("list")
def list_conflicts(
    template: TemplateOption = None,
    legal_entity: EntityOption = None,
    project: ProjectOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Conflicts with the values of both sides, and whose stand."""
    found = _conflicts(settings_from(project, state), template, legal_entity, [])
    if as_json:
        print_json({"conflicts": [_conflict(one) for one in found]})
    elif found:
        render.print_conflicts(open_console(), found)
    else:
        open_console().print("No conflicts.")


@contested.command("settle")
def settle_conflicts(
    keys: Annotated[list[str], typer.Argument(help="Keys of documents.")],
    keep: KeepOption,
    template: TemplateOption = None,
    legal_entity: EntityOption = None,
    project: ProjectOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whose values count; a changed number is taken for a new document with --keep source."""
    policies: dict[str, Conflicts] = {"source": "source", "destination": "destination"}
    if keep not in policies:
        raise typer.BadParameter("--keep takes source or destination")
    settings = settings_from(project, state)
    found = _found("dead", settings, template, legal_entity, keys)
    _show_replay(_replay(settings, found, policies[keep]), as_json=as_json)


@contested.command("show")
def show_conflict(
    key: Annotated[str, typer.Argument(help="Key of the document.")],
    template: TemplateOption = None,
    legal_entity: EntityOption = None,
    project: ProjectOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Both sides of one conflict, or of a document whose number is taken."""
    found = _conflicts(settings_from(project, state), template, legal_entity, [key])
    if not found:
        raise typer.BadParameter(f"there is no conflict of {key}; `p2c conflicts list` shows them")
    if as_json:
        print_json({"conflicts": [_conflict(one) for one in found]})
    else:
        render.print_conflicts(open_console(), found)


def couple_documents(
    template: Annotated[str, typer.Argument(help="Id of the template.")],
    keys: Annotated[list[str], typer.Argument(help="Keys of documents.")],
    legal_entity: Annotated[str, typer.Option("--legal-entity", "-l", help="Needed where there are several.")] = "",
    project: ProjectOption = None,
    state: StateOption = None,
    as_json: JsonOption = False,
) -> None:
    """Confirm that documents and the records that have their numbers are the same, and sync them."""
    settings = settings_from(project, state)
    place = _place(settings, [template], [legal_entity] if legal_entity else None)
    if len(place.legal_entities) > 1:
        raise typer.BadParameter(f"say which legal entity with -l: {', '.join(place.legal_entities)}")

    async def work() -> Replayed:
        async with open_session(settings) as session:
            return await couple(session, template, place.legal_entities[0], keys)

    _show_replay([wait(work())], as_json=as_json)


@contested.command("forget")
def forget_conflicts(
    keys: Annotated[list[str], typer.Argument(help="Keys of documents.")],
    template: TemplateOption = None,
    legal_entity: EntityOption = None,
    project: ProjectOption = None,
    state: StateOption = None,
) -> None:
    """Take conflicts off the list, with the values that it holds."""
    settings = settings_from(project, state)
    found = _conflicts(settings, template, legal_entity, keys)
    if not found:
        raise typer.BadParameter("there is no such conflict; `p2c conflicts list` shows them")

    async def work() -> None:
        async with open_session(settings) as session:
            await dead_letters.forget_conflicts(session, found)

    wait(work())


@state_app.command("show")
def show_state(state: StateOption = None, as_json: JsonOption = False) -> None:
    """Which environments the state belongs to."""
    settings = settings_from(None, state)

    async def work() -> dict[str, str]:
        async with opened_store(settings) as store:
            return await Binding(store).read()

    _show_identities(wait(work()), as_json=as_json)


@state_app.command("bind")
def bind_state(project: ProjectOption = None, state: StateOption = None, as_json: JsonOption = False) -> None:
    """Bind the state to the environments of the project; the next runs compare every document."""
    settings = settings_from(project, state)

    async def work() -> dict[str, str]:
        async with open_session(settings) as session:
            return await session.bind(rebind=True)

    _show_identities(wait(work()), as_json=as_json)


def _place(settings: Settings, templates: list[str] | None, entities: list[str] | None) -> Place:
    """Where to look. Raises ConfigError for names that the project does not have."""
    project = project_of(settings)
    known = {one.id: one for one in ordered(effective_templates(project))}
    legal_entities = [name.lower() for name in project.connection_set.legal_entities]
    for name in templates or ():
        if name not in known:
            raise ConfigError(f"There is no template {name!r}.", hint=did_you_mean(name, known))
    wanted = [name.lower() for name in entities or legal_entities]
    for name in wanted:
        if name not in legal_entities:
            raise ConfigError(f"The project has no legal entity {name!r}.", hint=did_you_mean(name, legal_entities))
    return Place([one for one in known.values() if not templates or one.id in templates], wanted)


def _found(
    kind: Kind, settings: Settings, templates: list[str] | None, entities: list[str] | None, keys: list[str]
) -> list[Waiting]:
    """What waits; a key that does not is wrong usage."""

    async def work() -> list[Waiting]:
        place = _place(settings, templates, entities)
        async with opened_store(settings) as store:
            return [one async for one in dead_letters.waiting(store, place, kind, keys)]

    found = wait(work())
    there = {fold_key(one.key) for one in found}
    if absent := [key for key in keys if fold_key(key) not in there]:
        raise typer.BadParameter(f"no dead letter is named {', '.join(absent)}; `p2c dead-letters list` shows them")
    return found


def _list(
    kind: Kind, settings: Settings, templates: list[str] | None, entities: list[str] | None, *, as_json: bool
) -> None:
    found = _found(kind, settings, templates, entities, [])
    groups = dead_letters.grouped(found)
    if as_json:
        name = "deadLetters" if kind == "dead" else "parked"
        print_json({"groups": [_group(one) for one in groups], name: [_waiting(one) for one in found]})
    elif groups:
        render.print_groups(open_console(), groups)
    else:
        open_console().print("No dead letters." if kind == "dead" else "Nothing is parked.")


def _replay(settings: Settings, found: list[Waiting], policy: Conflicts | None = None) -> list[Replayed]:
    async def work() -> list[Replayed]:
        async with open_session(settings) as session:
            return await dead_letters.replay(session, found, policy=policy)

    return wait(work()) if found else []


def _show_replay(results: list[Replayed], *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "runs": [one.record.model_dump(mode="json") for one in results],
                "outcomes": [
                    {"template": one.record.template, **_slim(asdict(outcome))}
                    for one in results
                    for outcome in one.outcomes
                ],
            }
        )
    else:
        console = open_console()
        for one in results:
            render.print_outcomes(console, one.outcomes, template=one.record.template)
        if not results:
            console.print("No dead letters.")
    troubled = (OutcomeKind.PARKED, OutcomeKind.REJECTED, OutcomeKind.FAILED)
    still = any(outcome.kind in troubled for one in results for outcome in one.outcomes)
    raise typer.Exit(Exit.WARNING if still else Exit.DONE)


def _conflicts(
    settings: Settings, templates: list[str] | None, entities: list[str] | None, keys: list[str]
) -> list[Conflict]:
    async def work() -> list[Conflict]:
        place = _place(settings, templates, entities)
        async with opened_store(settings) as store:
            return [one async for one in dead_letters.conflicts(store, place, keys)]

    return wait(work())


def _show_identities(found: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        print_json({"environments": found})
    elif found:
        for name, identity in found.items():
            open_console().print(f"{name:8} {identity}", highlight=False, markup=False)
    else:
        open_console().print("The state belongs to no environments yet: the first run binds it.")


def _waiting(one: Waiting) -> dict[str, Any]:
    return _slim(asdict(one))


def _group(one: Group) -> dict[str, Any]:
    return _slim(asdict(one))


def _conflict(one: Conflict) -> dict[str, Any]:
    return asdict(one)


def _slim(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value not in ("", (), [], None)}
