"""A session: templates in order, per legal entity, and what is not run because of what."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from demo.stage import Stage
from p2c.errors import AuthError, ConfigError, LeaseHeld
from p2c.operations.opening import open_session, opened_store
from p2c.settings import AuthSettings, EndSettings
from p2c.state.runs import Runs
from p2c.sync.session import Finished
from p2c.sync.watching import Mode
from sandbox.sales.options import SalesOptions
from tests.staging import FULL, Raise, change_project, counts, forget_requests, writes
from tests.sync.harness import Watch


@pytest.fixture
def play(stage: Raise) -> Stage:
    found = stage()
    found.company.set_up()
    return found


def damage(stage: Stage, where: str) -> None:
    """Writes over what is remembered."""
    files = [path for path in Path(stage.settings.state, where).rglob("*") if path.is_file()]
    assert files, where
    for path in files:
        path.write_bytes(b"rubbish")


async def test_templates_run_after_those_they_need(play: Stage) -> None:
    async with open_session(play.settings) as session:
        order = [one.id for one in session.templates]
        for one in session.templates:
            assert all(order.index(name) < order.index(one.id) for name in one.runs_after)
        seen: list[Finished] = []
        results = await session.run(["invoices", "accounts", "products"], finished=seen.append)
    assert [one.record.template for one in results] == [
        name for name in order if name in ("invoices", "accounts", "products")
    ]
    assert seen == results


async def test_an_unknown_template_is_told_with_what_was_meant(play: Stage) -> None:
    async with open_session(play.settings) as session:
        with pytest.raises(ConfigError, match=r"There is no template 'acounts'.*accounts"):
            await session.run(["acounts"])
        with pytest.raises(ConfigError, match="The project has no legal entity 'demf'"):
            await session.run(legal_entities=["demf"])


def test_a_disabled_template_runs_only_when_it_is_named(play: Stage) -> None:
    change_project(play.settings, lambda project: project["templates"].update({"quotes": {"enabled": False}}))
    assert "quotes" not in {one.record.template for one in play.run()}
    assert [one.record.template for one in play.run(["quotes"])] == ["quotes"]


def test_what_depends_on_a_template_that_ended_in_error_is_not_run(play: Stage) -> None:
    play.run()
    damage(play, "lanes/usmf/accounts/ledger")
    results = {one.record.template: one for one in play.run(mode=FULL)}
    accounts = results["accounts"].record
    assert accounts.status == "Error"
    assert "damaged" in accounts.error
    assert results["products"].record.status in ("Completed", "Warning")
    for name in ("contacts", "contacts-to-customers"):
        assert (results[name].record.status, results[name].record.error) == (
            "Error",
            "not run: accounts ended in Error",
        )
    # Not run is as good as failed for those that come after.
    assert results["orders-to-finops"].record.error.startswith("not run: ")
    assert results["contacts"].record.counts == {}


async def test_a_run_that_was_not_run_is_among_the_runs(play: Stage) -> None:
    async with open_session(play.settings) as session:
        await session.run(["accounts"])
    damage(play, "lanes/usmf/accounts/ledger")
    async with open_session(play.settings) as session:
        _, contacts = await session.run(["accounts", "contacts"])
    async with opened_store(play.settings) as store:
        found = await Runs(store).load(contacts.record.id)
    assert found == contacts.record


def test_records_say_how_many_requests_each_system_had(play: Stage) -> None:
    forget_requests(play)
    (one,) = play.run(["accounts"])
    assert one.record.requests["finops"] == play.sandbox.finops.stats.requests
    assert 0 < one.record.requests["sales"] < play.sandbox.sales.stats.requests, "the survey is not the template's"


def test_a_dry_run_writes_nothing_at_all(play: Stage) -> None:
    forget_requests(play)
    watch = Watch()
    results = play.run(mode=Mode(dry=True), progress=watch)
    assert writes(play) == (0, 0)
    assert counts(results)["accounts"] == {"created": 12}
    assert [one.key for one in results[0].outcomes if one.kind == "created"]
    assert watch.documents == sum(sum(one.record.counts.values()) for one in results)
    assert not Path(play.settings.state).exists()


async def test_a_lane_that_another_run_has(play: Stage) -> None:
    async with opened_store(play.settings) as store, open_session(play.settings) as session:
        async with await store.lease("lanes/usmf/contacts/lease", 60):
            accounts, contacts, quotes = await session.run(["accounts", "contacts-to-customers", "quotes"])
        (again,) = await session.run(["contacts-to-customers"])
    assert accounts.record.status == again.record.status == "Completed"
    assert contacts.record.status == "Error"
    assert isinstance(contacts.error, LeaseHeld)
    assert "held by process" in contacts.record.error
    assert quotes.record.error == "not run: contacts-to-customers ended in Error"


def test_an_identity_that_one_system_refuses_ends_in_error_and_says_so(play: Stage) -> None:
    wrong = EndSettings(auth=AuthSettings(kind="static", token=SecretStr("stale")))
    stage = Stage(play.sandbox, play.company, play.settings.model_copy(update={"finops": wrong}))
    results = stage.run(["accounts", "products", "contacts"])
    assert [one.record.status for one in results] == ["Error"] * 3
    assert results[0].error is not None
    assert results[0].error.code == "auth"
    assert writes(play)[1] == 0


# --- several legal entities ----------------------------------------------------------------------------------------


def test_each_legal_entity_has_its_own_and_products_are_of_the_master(stage: Raise) -> None:
    play = stage("contoso-group")
    play.company.set_up()
    results = play.run(["accounts", "products"])
    assert [(one.record.template, one.record.legal_entity) for one in results] == [
        ("accounts", "usmf"),
        ("accounts", "demf"),
        ("accounts", "jpmf"),
        ("products", "usmf"),
    ]
    books = play.sandbox.finops.books
    assert books.has("CustTable", "demf", "DE-1101")
    assert not books.has("CustTable", "usmf", "DE-1101")
    for one in results:
        assert one.record.counts.get("rejected", 0) == 0


async def test_one_legal_entity_of_several(stage: Raise) -> None:
    play = stage("contoso-group")
    play.company.set_up()
    async with open_session(play.settings) as session:
        results = await session.run(["accounts", "products"], legal_entities=["DEMF"])
    assert [(one.record.template, one.record.legal_entity) for one in results] == [("accounts", "demf")]


def test_a_business_unit_that_belongs_to_nobody_is_rejected_once(stage: Raise) -> None:
    def without_japan(project: dict[str, Any]) -> None:
        del project["connectionSet"]["legalEntities"]["jpmf"]

    play = stage("contoso-group", project=without_japan)
    play.company.set_up()
    results = play.run(["accounts"])
    rejected = [
        (one.record.legal_entity, found) for one in results for found in play.outcomes(one) if found.kind == "rejected"
    ]
    ((entity, outcome),) = rejected
    assert (entity, outcome.key, outcome.field) == ("usmf", "JP-1201", "owningbusinessunit")
    assert "connectionSet.legalEntities" in outcome.reason


def test_every_mistake_in_legal_entities_is_told_before_anything_is_written(stage: Raise) -> None:
    def mistaken(project: dict[str, Any]) -> None:
        entities = project["connectionSet"]["legalEntities"]
        entities["demf"]["businessUnits"] = ["Contoso Deutschlan"]
        entities["usmf"]["owner"] = {"team": "Nobody"}

    play = stage("contoso-group", project=mistaken)
    play.company.set_up()
    forget_requests(play)
    with pytest.raises(ConfigError) as caught:
        play.run()
    found = [(one.pointer, one.message) for one in caught.value.problems]
    assert [pointer for pointer, _ in found] == [
        "/connectionSet/legalEntities/demf/businessUnits/0",
        "/connectionSet/legalEntities/usmf/owner",
    ]
    assert "Contoso Deutschland" in found[0][1], "what was meant"
    assert writes(play) == (0, 0)


def test_rows_are_owned_by_the_team_of_their_legal_entity(stage: Raise) -> None:
    play = stage("contoso-group")
    play.company.set_up()
    play.run(["accounts", "products"])
    sales, finops = play.sandbox.sales, play.sandbox.finops
    numbers = {}
    for entity, customer in (("usmf", "A-1001"), ("demf", "DE-1101")):
        line = {"ProductNumber": "MUG-01", "OrderedSalesQuantity": Decimal(1), "ShippingSiteId": "1"}
        numbers[entity] = str(finops.new_order(customer, [line], entity)["SalesOrderNumber"])
        finops.confirm(numbers[entity], entity)
    finops.calculate_totals()
    play.run(["orders-to-sales"])
    teams = {row["teamid"]: row["name"] for row in sales.rows("team")}
    # Both have the first number of their own legal entity: they are two orders.
    orders = sales.rows("salesorder")
    assert sorted(row["ordernumber"] for row in orders) == sorted(numbers.values())
    assert {teams[row["ownerid"]] for row in orders} == {"Sales USMF", "Sales DEMF"}


def test_the_solution_is_looked_for_in_the_environment(stage: Raise) -> None:
    play = stage(sales=SalesOptions(solution=False))
    play.company.set_up()
    with pytest.raises(ConfigError, match="Template contacts needs columns"):
        play.run(["contacts"])
    assert play.run(["accounts"])[0].record.counts["created"] == 11


async def test_runs_that_could_not_begin_are_among_the_runs(stage: Raise) -> None:
    play = stage("contoso-group")
    play.company.set_up()
    wrong = EndSettings(auth=AuthSettings(kind="static", token=SecretStr("stale")))
    settings = play.settings.model_copy(update={"sales": wrong})
    async with open_session(settings) as session:
        for mode in (Mode(dry=True), Mode()):
            with pytest.raises(AuthError):
                await session.run(["accounts", "products"], mode=mode)
        with pytest.raises(AuthError):
            await session.run(["accounts"], legal_entities=["DEMF"])
    async with opened_store(settings) as store:
        found = await Runs(store).recent()
    assert {(one.template, one.legal_entity, one.status) for one in found} == {
        ("products", "usmf", "Error"),
        ("accounts", "usmf", "Error"),
        ("accounts", "demf", "Error"),
        ("accounts", "jpmf", "Error"),
    }
    assert len(found) == 5
    assert all(one.error.startswith("not run: ") and "401" in one.error for one in found)
