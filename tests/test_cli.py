"""The `p2c` command: what it prints for people and for machines, and its exit codes."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from demo.stage import Stage
from p2c.cli import app
from p2c.operations.opening import opened_store
from sandbox.company.bad import bad
from sandbox.company.sales_desk import Ref, SalesDesk
from tests.staging import Raise, change_project, environment

P2C = Callable[..., Result]


@pytest.fixture
def play(stage: Raise) -> Stage:
    found = stage()
    found.company.set_up()
    return found


@contextmanager
def command(stage: Stage | None = None, **more: str) -> Iterator[P2C]:
    """The command with the environment of the stage and nothing else of p2c's."""
    clean = {name: None for name in os.environ if name.startswith("P2C_")}
    variables = {**clean, **(environment(stage) if stage else {}), **more, "COLUMNS": "250"}

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments), env=variables)

    yield run


@pytest.fixture
def p2c(play: Stage) -> Iterator[P2C]:
    with command(play) as run:
        yield run


def as_json(result: Result) -> dict[str, Any]:
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


# --- run -----------------------------------------------------------------------------------------------------------


def test_run_twice(p2c: P2C) -> None:
    first = p2c("run", "--all")
    assert (first.exit_code, first.stderr) == (0, "")
    assert "orders-to-finops" in first.stdout
    assert "12" in first.stdout
    assert "The product is stopped for sales" in first.stdout, "what did not go is explained"
    second = p2c("run", "--all", "--json")
    assert second.exit_code == 0
    runs = as_json(second)["runs"]
    assert [one["template"] for one in runs][:2] == ["accounts", "products"]
    assert {kind for one in runs for kind in one["counts"]} <= {"unchanged", "skipped"}
    assert runs[0]["status"] == "Completed"
    assert runs[0]["requests"]["finops"] == 0


def test_run_of_some_templates_in_full(p2c: P2C) -> None:
    p2c("run", "accounts")
    runs = as_json(p2c("run", "contacts", "accounts", "--full", "--json"))["runs"]
    assert [(one["template"], one["mode"]) for one in runs] == [("accounts", "full"), ("contacts", "full")]
    assert runs[0]["counts"] == {"unchanged": 12}
    assert runs[0]["requests"]["finops"] > 0


def test_dry_run_writes_nothing(play: Stage, p2c: P2C) -> None:
    runs = as_json(p2c("run", "accounts", "--dry-run", "--json"))["runs"]
    assert runs[0]["counts"] == {"created": 12}
    assert play.sandbox.finops.books.rows("CustTable", CustomerAccount="A-1001") == []
    assert as_json(p2c("runs", "--json")) == {"runs": []}


def test_documents_that_cannot_go_are_exit_code_1(play: Stage, p2c: P2C) -> None:
    bad(play.sandbox.sales, play.sandbox.finops)
    result = p2c("run", "accounts")
    assert result.exit_code == 1
    assert "Warning" in result.stdout
    assert "address1_country: is 'Atlantis'" in result.stdout
    assert "[BAD-TWIN, BAD-TWIN]" in result.stdout
    rows = as_json(p2c("status", "--json"))["templates"]
    accounts = next(one for one in rows if one["template"] == "accounts")
    # The two that share a number wait under it.
    assert (accounts["deadLetters"], accounts["parked"]) == (5, 0)
    assert accounts["documents"] >= 14


def test_only_some_legal_entities(stage: Raise) -> None:
    group = stage("contoso-group")
    group.company.set_up()
    with command(group) as p2c:
        runs = as_json(p2c("run", "accounts", "-l", "jpmf", "-l", "DEMF", "--json"))["runs"]
        assert sorted(one["legal_entity"] for one in runs) == ["demf", "jpmf"]
        unknown = p2c("run", "accounts", "-l", "xxmf")
    assert unknown.exit_code == 4
    assert "no legal entity 'xxmf'" in unknown.stderr


@pytest.mark.parametrize("arguments", [["run"], ["run", "accounts", "--all"], ["run", "--nonsense"], ["nonsense"]])
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    with command() as p2c:
        assert p2c(*arguments).exit_code == 2


def test_no_arguments_show_the_help() -> None:
    with command() as p2c:
        result = p2c()
    for name in ("run", "status", "runs", "templates", "reconcile"):
        assert name in result.output


def test_an_unknown_template_is_exit_code_4(p2c: P2C) -> None:
    result = p2c("run", "acounts")
    assert result.exit_code == 4
    assert "There is no template 'acounts'" in result.stderr
    assert "accounts" in result.stderr.split("'acounts'")[1]
    assert result.stdout == ""


def test_a_run_that_stopped_is_exit_code_3(play: Stage, p2c: P2C) -> None:
    # A front end that takes no address at all.
    play.sandbox.finops.options.max_url_length, play.sandbox.finops.options.max_url_status = 10, 400
    result = p2c("run", "orders-to-sales", "--json")
    assert result.exit_code == 3
    (one,) = as_json(result)["runs"]
    assert one["status"] == "Error"
    assert one["error"]


# --- mistakes in files and settings --------------------------------------------------------------------------------


def test_every_mistake_in_a_project_file_is_told_with_its_place(play: Stage, p2c: P2C) -> None:
    def spoil(project: dict[str, Any]) -> None:
        project["templates"] = {
            "acounts": {"enabled": False},
            "accounts": {
                "schedule": "every now and then",
                "fields": {"Accounts - Customers": {"NoSuchField": {"source": "name"}}},
                "defaults": {"Accounts - Custmers": {"SiteId": "2"}},
            },
            "quotes": {"rules": {"activated": {"when": "statecode equals 1", "reason": "x"}}},
        }

    change_project(play.settings, spoil)
    for arguments in (["run", "--all"], ["templates"], ["status"], ["reconcile"]):
        result = p2c(*arguments)
        assert result.exit_code == 4, arguments
        for pointer in (
            "#/templates/acounts: there is no template 'acounts'",
            "#/templates/accounts/schedule: ",
            "#/templates/accounts/fields/Accounts - Customers/NoSuchField",
            "#/templates/accounts/defaults/Accounts - Custmers",
            "#/templates/quotes/rules/activated",
        ):
            assert f"p2c.json{pointer}" in result.stderr, (arguments, result.stderr)


def test_a_project_file_of_the_wrong_shape(play: Stage, p2c: P2C) -> None:
    def spoil(project: dict[str, Any]) -> None:
        project["connectionSet"]["timeZone"] = "Middle/Earth"
        project["connectionSet"]["sales"]["url"] = "http://sales.example"
        project["nmae"] = project.pop("name")

    change_project(play.settings, spoil)
    result = p2c("run", "--all")
    assert result.exit_code == 4
    for words in ("#/connectionSet/timeZone", "#/connectionSet/sales/url", "#/nmae", "#/name"):
        assert words in result.stderr


def test_a_file_that_is_no_json(tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_text('{"name": "x",}', encoding="utf-8")
    with command() as p2c:
        result = p2c("templates", "--project", str(file))
    assert result.exit_code == 4
    assert "broken.json" in result.stderr


def test_no_project_file(tmp_path: Path) -> None:
    with command() as p2c:
        result = p2c("run", "--all", "-p", str(tmp_path / "p2c.json"))
    assert result.exit_code == 4
    assert "There is no project file" in result.stderr
    assert "docs/project.md" in result.stderr


def test_a_setting_that_is_wrong() -> None:
    with command(P2C_PAGE_SIZE="many", P2C_SALES__AUTH__KIND="magic") as p2c:
        result = p2c("runs")
    assert result.exit_code == 4
    assert "P2C_PAGE_SIZE: " in result.stderr
    assert "P2C_SALES__AUTH__KIND: " in result.stderr
    with command(P2C_SALES="{") as p2c:
        assert p2c("runs").exit_code == 4


def test_what_the_environment_lacks_is_told_before_anything_is_written(play: Stage, p2c: P2C) -> None:
    def mistaken(project: dict[str, Any]) -> None:
        project["connectionSet"]["legalEntities"]["usmf"]["owner"] = {"team": "Nobody"}

    change_project(play.settings, mistaken)
    result = p2c("run", "--all")
    assert result.exit_code == 4
    assert "#/connectionSet/legalEntities/usmf/owner: Sales has no team 'Nobody'" in result.stderr
    assert play.sandbox.finops.stats.writes == 0


# --- identities and state ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("system", ["SALES", "FINOPS"])
def test_a_wrong_token_is_exit_code_5(play: Stage, system: str) -> None:
    with command(play, **{f"P2C_{system}__AUTH__TOKEN": "wrong"}) as p2c:
        result = p2c("run", "accounts")
    assert result.exit_code == 5
    assert "wrong" not in result.output
    assert play.sandbox.finops.stats.writes == 0


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("system", ["sales", "finops"])
def test_a_disabled_user_is_exit_code_5_with_the_words_of_the_system(
    play: Stage, p2c: P2C, system: str, status: int
) -> None:
    service = play.sandbox.sales if system == "sales" else play.sandbox.finops
    service.options.disabled_user_status = status
    service.user_disabled = True
    for arguments in (
        ("run", "accounts"),
        ("run", "accounts", "--full"),
        ("run", "orders-to-sales"),
        ("reconcile", "accounts"),
    ):
        result = p2c(*arguments)
        assert result.exit_code == 5, arguments
        assert "is disabled" in " ".join(result.output.split())
    service.user_disabled = False
    assert play.sandbox.finops.stats.writes == play.sandbox.sales.stats.writes == 0


async def test_a_lane_that_is_taken_is_exit_code_6(play: Stage) -> None:
    async with opened_store(play.settings) as store, await store.lease("lanes/usmf/accounts/lease", 60):
        with command(play) as p2c:
            result = await asyncio.to_thread(p2c, "run", "accounts", "products", "--json")
    assert result.exit_code == 6
    accounts, products = as_json(result)["runs"]
    assert "Another run works in this lane" in accounts["error"]
    assert products["counts"]["created"] == 12, "the others went on"


def test_a_damaged_state_is_exit_code_6(play: Stage, p2c: P2C) -> None:
    p2c("run", "accounts")
    Path(play.settings.state, "lanes/usmf/accounts/accounts.json").write_bytes(b"rubbish")
    result = p2c("run", "accounts")
    assert result.exit_code == 6
    assert "damaged" in result.stdout
    assert p2c("status").exit_code == 6


def test_a_dry_run_says_what_would_be_written(play: Stage, p2c: P2C) -> None:
    shown = p2c("run", "accounts", "--dry-run").stdout
    assert "nothing was written" in shown
    assert "created    accounts A-1001\n" in shown
    p2c("run", "accounts")
    (account,) = play.sandbox.sales.rows("account", accountnumber="A-1001")
    SalesDesk(play.sandbox.sales).update(Ref("account", account["accountid"]), {"name": "Fifth Coffee"})
    assert "updated    accounts A-1001  OrganizationName, NameAlias" in p2c("run", "accounts", "--dry-run").stdout
    found = as_json(p2c("run", "accounts", "--dry-run", "--json"))
    assert [(one["template"], one["key"], one["kind"]) for one in found["outcomes"]] == [
        ("accounts", "A-1001", "updated")
    ]
    assert found["outcomes"][0]["changed"] == ["OrganizationName", "NameAlias"]


def test_the_status_says_why_a_run_stopped(play: Stage, p2c: P2C) -> None:
    p2c("run", "accounts")
    with command(play, P2C_FINOPS__AUTH__TOKEN="wrong") as mistaken:
        assert mistaken("run", "accounts", "--full").exit_code == 5
    shown = p2c("status").stdout
    assert "accounts (usmf): Finance and Operations answered 401" in shown
    newest = as_json(p2c("runs", "--json"))["runs"][0]["id"]
    assert "Finance and Operations answered 401" in p2c("runs", newest).stdout


def test_the_version(p2c: P2C) -> None:
    assert p2c("--version").stdout == f"p2c {version('p2c')}\n"


# --- looking -------------------------------------------------------------------------------------------------------


def test_status_before_and_after(p2c: P2C) -> None:
    rows = as_json(p2c("status", "--json"))["templates"]
    assert len(rows) == 8
    assert rows[0] == {
        "template": "accounts",
        "legalEntity": "usmf",
        "completed": None,
        "compared": None,
        "underWay": False,
        "documents": 0,
        "parked": 0,
        "retrying": 0,
        "deadLetters": 0,
        "newestRun": None,
        "status": None,
        "error": "",
    }
    p2c("run", "accounts")
    rows = as_json(p2c("status", "--json"))["templates"]
    assert (rows[0]["documents"], rows[0]["underWay"], rows[0]["status"]) == (12, False, "Completed")
    assert rows[0]["completed"]
    shown = p2c("status")
    assert shown.exit_code == 0
    assert "Dead letters" in shown.stdout


def test_runs_and_their_outcomes(p2c: P2C) -> None:
    assert "No run yet" in p2c("runs").stdout
    p2c("run", "accounts", "contacts")
    contacts, accounts = as_json(p2c("runs", "--json"))["runs"]
    assert (contacts["template"], accounts["template"]) == ("contacts", "accounts")
    assert accounts["id"] in p2c("runs").stdout
    assert len(as_json(p2c("runs", "--limit", "1", "--json"))["runs"]) == 1
    found = as_json(p2c("runs", accounts["id"], "--json"))
    assert found["run"] == accounts["id"]
    assert len(found["outcomes"]) == 12
    assert found["outcomes"][0]["kind"] == "created"
    skipped = as_json(p2c("runs", contacts["id"], "--kind", "skipped", "--json"))["outcomes"]
    assert {one["rule"] for one in skipped} == {"no-active-customer", "company-is-account"}
    shown = p2c("runs", accounts["id"]).stdout
    assert shown.startswith("accounts (usmf)  Completed  incremental, 20")
    assert "UTC: 12 created" in shown
    assert "created    A-1001\n" in shown


@pytest.mark.parametrize("name", ["20260101T000000-usmf-accounts", "../secret", "nonsense"])
def test_a_run_that_is_not_there(p2c: P2C, name: str) -> None:
    result = p2c("runs", name)
    assert result.exit_code == 2
    assert "there is no run" in result.stderr


def test_templates(play: Stage, p2c: P2C) -> None:
    shown = p2c("templates")
    assert shown.exit_code == 0
    assert "orders-to-finops" in shown.stdout
    found = as_json(p2c("templates", "--json"))["templates"]
    assert found[0]["id"] == "accounts"
    assert {one["from"] for one in found} == {"sales", "finops"}
    (one,) = as_json(p2c("templates", "quotes", "--json"))["templates"]
    assert one["tasks"][0]["rules"][0]["name"] == "external-products-only"
    text = p2c("templates", "quotes").stdout
    assert "shipto_city" in text
    assert "rule activated" in text
    unknown = p2c("templates", "quots")
    assert unknown.exit_code == 4
    assert "There is no template 'quots'" in unknown.stderr
    change_project(play.settings, lambda project: project["templates"].update({"quotes": {"schedule": "0 0 6 * * *"}}))
    (changed,) = as_json(p2c("templates", "quotes", "--json"))["templates"]
    assert changed["schedule"] == "0 0 6 * * *"


def test_reconcile(play: Stage, p2c: P2C) -> None:
    before = p2c("reconcile", "accounts")
    assert before.exit_code == 1
    assert "accounts A-1001: not there" in before.stdout
    p2c("run", "accounts")
    agreed = as_json(p2c("reconcile", "accounts", "--json"))["templates"]
    assert agreed == [
        {
            "template": "accounts",
            "legalEntity": "usmf",
            "agree": 12,
            "skipped": 0,
            "different": [],
            "keptBack": [],
            "noted": [],
            "totals": [],
            "error": "",
        }
    ]
    (account,) = play.sandbox.sales.rows("account", accountnumber="A-1001")
    SalesDesk(play.sandbox.sales).update(Ref("account", account["accountid"]), {"name": "Fifth Coffee"})
    result = p2c("reconcile", "accounts")
    assert result.exit_code == 1
    assert "accounts A-1001: OrganizationName, NameAlias" in result.stdout
    row = play.sandbox.finops.books.get("CustTable", "usmf", "A-1001")
    assert row is not None
    assert row["OrganizationName"] == "Fourth Coffee", "nothing is written"


def test_state_may_be_elsewhere(play: Stage, p2c: P2C, tmp_path: Path) -> None:
    elsewhere = str(tmp_path / "elsewhere")
    p2c("run", "accounts", "--state", elsewhere)
    assert as_json(p2c("runs", "--json"))["runs"] == []
    assert len(as_json(p2c("runs", "--json", "--state", elsewhere))["runs"]) == 1
