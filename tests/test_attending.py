"""The commands for dead letters, parked documents, conflicts, deletes and the state's owner."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from demo.stage import Stage
from p2c.operations.opening import opened_store
from p2c.sync.lane import open_lane
from p2c.templates.load import builtin_templates
from sandbox.company.bad import bad
from sandbox.company.sales_desk import Ref, SalesDesk
from tests.staging import Raise, change_project, environment, forget_requests, writes
from tests.test_cli import P2C, as_json, command


@pytest.fixture
def play(stage: Raise) -> Stage:
    found = stage()
    found.company.set_up()
    return found


@pytest.fixture
def p2c(play: Stage) -> Iterator[P2C]:
    with command(play) as run:
        yield run


# --- dead letters and parked documents -----------------------------------------------------------------------------


def test_nothing_to_attend_to(p2c: P2C) -> None:
    p2c("run", "--all")
    assert p2c("dead-letters", "list").stdout == "No dead letters.\n"
    assert p2c("parked", "list").stdout == "Nothing is parked.\n"
    assert p2c("conflicts", "list").stdout == "No conflicts.\n"
    assert as_json(p2c("dead-letters", "list", "--json")) == {"groups": [], "deadLetters": []}
    nothing = p2c("dead-letters", "replay", "--all")
    assert (nothing.exit_code, nothing.stdout) == (0, "No dead letters.\n")


def test_dead_letters_from_the_list_to_the_replay(play: Stage, p2c: P2C) -> None:
    bad(play.sandbox.sales, play.sandbox.finops)
    assert p2c("run", "accounts").exit_code == 1
    shown = p2c("dead-letters", "list")
    assert shown.exit_code == 0
    assert "is 'Atlantis'" in shown.stdout
    assert "1 document  accounts (usmf)\n  name: is 300 characters long" in shown.stdout, "the field is named once"
    assert "\n  BAD-LONG\n  since 20" in shown.stdout
    assert " UTC, 1 attempt\n" in shown.stdout
    listed = as_json(p2c("dead-letters", "list", "-t", "accounts", "--json"))
    assert sum(one["count"] for one in listed["groups"]) == len(listed["deadLetters"]) == 5
    one = next(each for each in listed["deadLetters"] if each["key"] == "BAD-LONG")
    assert one["template"] == "accounts"
    assert one["legal_entity"] == "usmf"
    assert one["attempts"] == 1
    detail = p2c("dead-letters", "show", "bad-long")
    assert "300 characters" in detail.stdout
    assert one["source_id"] in detail.stdout
    assert as_json(p2c("dead-letters", "show", "BAD-LONG", "--json"))["deadLetters"] == [one]

    still = p2c("dead-letters", "replay", "BAD-LONG")
    assert still.exit_code == 1
    assert still.stdout.startswith("rejected   accounts BAD-LONG  ")
    SalesDesk(play.sandbox.sales).update(Ref("account", one["source_id"]), {"name": "Short"})
    mended = as_json(p2c("dead-letters", "replay", "BAD-LONG", "--json"))
    assert [(each["key"], each["kind"]) for each in mended["outcomes"]] == [("BAD-LONG", "created")]
    assert mended["runs"][0]["status"] == "Completed"
    assert p2c("dead-letters", "show", "BAD-LONG").exit_code == 2
    rest = as_json(p2c("dead-letters", "replay", "--all", "--template", "accounts", "--json"))
    assert {each["kind"] for each in rest["outcomes"]} == {"rejected"}


def test_parked_documents_by_what_they_wait_for(play: Stage, p2c: P2C) -> None:
    bad(play.sandbox.sales, play.sandbox.finops)
    p2c("run", "products")
    shown = p2c("parked", "list")
    assert "price list CHF" in shown.stdout
    (group,) = as_json(p2c("parked", "list", "--json"))["groups"]
    assert group["count"] == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["dead-letters", "replay"], 2),
        (["dead-letters", "replay", "A", "--all"], 2),
        (["dead-letters", "replay", "NOBODY"], 2),
        (["dead-letters", "show", "NOBODY"], 2),
        (["conflicts", "settle", "NOBODY", "--keep", "source"], 2),
        (["conflicts", "settle", "NOBODY", "--keep", "both"], 2),
        (["conflicts", "forget", "NOBODY"], 2),
        (["dead-letters", "list", "-t", "acounts"], 4),
        (["parked", "list", "-l", "demf"], 4),
    ],
)
def test_wrong_names(p2c: P2C, arguments: list[str], code: int) -> None:
    assert p2c(*arguments).exit_code == code


# --- conflicts -----------------------------------------------------------------------------------------------------


def test_a_conflict_from_the_list_to_the_word(play: Stage, p2c: P2C) -> None:
    change_project(play.settings, lambda content: content.update(templates={"accounts": {"conflicts": "ask"}}))
    p2c("run", "accounts")
    desk = SalesDesk(play.sandbox.sales)
    account = desk.find("account", accountnumber="A-1001")
    assert account is not None
    desk.update(account, {"name": "Sales says"})
    key = {"dataAreaId": "usmf", "CustomerAccount": "A-1001"}
    play.sandbox.finops.update("CustomersV2", key, {"OrganizationName": "F&O says"})
    result = p2c("run", "accounts")
    assert result.exit_code == 1
    assert "changed on both sides" in result.stdout
    assert "F&O says" not in result.stdout
    listed = p2c("conflicts", "list")
    assert "Sales says" in listed.stdout
    assert "nobody's values stand yet" in listed.stdout
    (conflict,) = as_json(p2c("conflicts", "list", "--json"))["conflicts"]
    told = {one["field"]: (one["source"], one["destination"]) for one in conflict["differences"]}
    assert told["OrganizationName"] == ("Sales says", "F&O says")
    settled = p2c("conflicts", "settle", "A-1001", "--keep", "source")
    assert settled.exit_code == 0
    assert settled.stdout.startswith("updated    accounts A-1001")
    row = play.sandbox.finops.books.get("CustTable", "usmf", "A-1001")
    assert row is not None
    assert row["OrganizationName"] == "Sales says"
    (conflict,) = as_json(p2c("conflicts", "list", "--json"))["conflicts"]
    assert conflict["winner"] == "source"
    assert p2c("conflicts", "forget", "A-1001").exit_code == 0
    assert as_json(p2c("conflicts", "list", "--json")) == {"conflicts": []}


# --- deletes -------------------------------------------------------------------------------------------------------


def test_the_brake_and_the_word_that_lets_go(play: Stage, p2c: P2C) -> None:
    finops = play.sandbox.finops
    for number in range(3):
        finops.new_product(f"GONE-{number}", f"Gone {number}", 5, SalesUnitSymbol="ea")  # type: ignore[arg-type]
    assert p2c("run", "--all").exit_code == 0
    for number in range(3):
        finops.delete("SellableReleasedProducts", {"dataAreaId": "usmf", "ProductNumber": f"GONE-{number}"})
    forget_requests(play)
    stopped = p2c("run", "--all")
    assert stopped.exit_code == 3
    assert "3 documents of products are gone from the source" in stopped.stdout
    assert "--allow-deletes" in stopped.stdout
    assert "not run:" not in stopped.stdout, "the others go on"
    assert writes(play) == (0, 0)
    dry = as_json(p2c("run", "products", "--dry-run", "--full", "--json"))["runs"][0]
    assert dry["counts"]["deleted"] == 3
    allowed = as_json(p2c("run", "products", "--allow-deletes", "--json"))["runs"][0]
    assert (allowed["status"], allowed["counts"]["deleted"]) == ("Completed", 3)
    states = [row["statecode"] for row in play.sandbox.sales.rows("product") if row["productnumber"].startswith("GONE")]
    assert states == [1, 1, 1]


# --- whose the state is --------------------------------------------------------------------------------------------


def rewrite(play: Stage, name: str, change: Callable[[bytes], bytes]) -> None:
    """Changes the blob of the state whose name ends so."""

    async def work() -> None:
        async with opened_store(play.settings) as store:
            (found,) = [one async for one in store.names() if one.endswith(name)]
            blob = await store.read(found)
            assert blob is not None
            await store.write(found, change(blob.data))

    asyncio.run(work())


def elsewhere(play: Stage, p2c: P2C) -> Callable[[bytes], bytes]:
    """Makes the state one of another organization; gives what does the same to a checkpoint."""
    organization = as_json(p2c("state", "show", "--json"))["environments"]["sales"].encode()

    def change(data: bytes) -> bytes:
        assert organization in data
        return data.replace(organization, b"another organization")

    rewrite(play, "environments.json", change)
    return change


def test_a_state_of_other_environments_is_refused_until_confirmed(play: Stage, p2c: P2C) -> None:
    assert "belongs to no environments yet" in p2c("state", "show").stdout
    p2c("run", "accounts", "--dry-run")
    assert as_json(p2c("state", "show", "--json")) == {"environments": {}}, "a dry run binds nothing"
    p2c("run", "accounts")
    bound = as_json(p2c("state", "show", "--json"))["environments"]
    assert bound["finops"] == "localhost"
    elsewhere(play, p2c)
    forget_requests(play)
    for arguments in (["run", "accounts"], ["run", "accounts", "--dry-run"], ["reconcile", "accounts"]):
        refused = p2c(*arguments)
        assert refused.exit_code == 6
        assert "The state belongs to other environments: sales is" in refused.stderr
        assert "p2c state bind" in refused.stderr
    assert writes(play) == (0, 0)
    assert p2c("state", "bind").exit_code == 0
    assert as_json(p2c("state", "show", "--json"))["environments"] == bound
    assert p2c("run", "accounts").exit_code == 0


def test_rebinding_compares_everything(play: Stage, p2c: P2C) -> None:
    p2c("run", "accounts")
    rewrite(play, "/accounts.json", elsewhere(play, p2c))
    (run,) = as_json(p2c("run", "accounts", "--rebind", "--json"))["runs"]
    assert (run["status"], run["mode"], run["counts"]) == ("Completed", "full", {"unchanged": 12})
    assert run["note"] == "the state was bound to other environments before"
    assert run["requests"]["finops"] > 0
    (again,) = as_json(p2c("run", "accounts", "--json"))["runs"]
    assert again["mode"] == "incremental"


def test_a_damaged_binding_stops_the_run(play: Stage, p2c: P2C) -> None:
    p2c("run", "accounts")
    rewrite(play, "environments.json", lambda data: data[:20])
    result = p2c("run", "accounts")
    assert result.exit_code == 6
    assert "environments.json is damaged" in result.stderr


def test_a_damaged_checkpoint_stops_the_run(play: Stage, p2c: P2C) -> None:
    p2c("run", "accounts")
    rewrite(play, "/accounts.json", lambda data: data[:20])
    forget_requests(play)
    result = p2c("run", "accounts")
    assert result.exit_code == 6
    assert "is damaged" in result.stdout + result.stderr
    assert writes(play) == (0, 0)


# --- two at once ---------------------------------------------------------------------------------------------------


def test_the_second_of_two_processes_gives_way(play: Stage) -> None:
    variables = {**os.environ, **environment(play), "COLUMNS": "250"}
    arguments = [sys.executable, "-c", "from p2c.cli import main; main()", "run", "accounts"]

    async def both() -> subprocess.CompletedProcess[str]:
        async with (
            opened_store(play.settings) as store,
            open_lane(store, builtin_templates()["accounts"], "usmf", lease_seconds=60),
        ):
            return await asyncio.to_thread(
                subprocess.run, arguments, env=variables, capture_output=True, text=True, timeout=60
            )

    second = asyncio.run(both())
    assert second.returncode == 6
    assert "held by process" in second.stdout + second.stderr
    assert writes(play) == (0, 0)
    third = subprocess.run(arguments, check=False, env=variables, capture_output=True, text=True, timeout=60)
    assert third.returncode == 0, third.stderr


# --- numbers that are taken ----------------------------------------------------------------------------------------


def test_a_person_sees_both_records_and_says_that_they_are_one(play: Stage, p2c: P2C) -> None:
    finops = play.sandbox.finops
    finops.new_customer("A-1006", "Relecloud of old", "usmf", PartyNumber="A-1006")
    assert p2c("run", "accounts").exit_code == 1
    (conflict,) = as_json(p2c("conflicts", "show", "A-1006", "--json"))["conflicts"]
    assert (conflict["rule"], conflict["winner"], conflict["taken_by"]) == ("number-taken", "ask", "a-1006")
    assert {"field": "name", "source": "Relecloud", "destination": "Relecloud of old"} in conflict["differences"]
    assert "name: source Relecloud | destination Relecloud of old" in p2c("conflicts", "show", "A-1006").stdout
    (letter,) = as_json(p2c("dead-letters", "show", "A-1006", "--json"))["deadLetters"]
    assert letter["rule"] == "number-taken"
    assert "p2c couple accounts A-1006 -l usmf" in letter["reason"]
    assert "Relecloud of old" in p2c("dead-letters", "show", "A-1006").stdout
    (group,) = as_json(p2c("dead-letters", "list", "--json"))["groups"]
    assert "Relecloud" not in group["reason"], "documents whose numbers are taken are one group"

    unknown = p2c("couple", "accounts", "A-1001")
    assert unknown.exit_code == 4
    assert "waits because its number is taken: A-1001" in unknown.stderr
    assert finops.books.get("CustTable", "usmf", "A-1006")["OrganizationName"] == "Relecloud of old"  # type: ignore[index]

    coupled = as_json(p2c("couple", "accounts", "a-1006", "--json"))
    assert [(one["key"], one["kind"]) for one in coupled["outcomes"]] == [("A-1006", "updated")]
    assert finops.books.get("CustTable", "usmf", "A-1006")["OrganizationName"] == "Relecloud"  # type: ignore[index]
    assert p2c("conflicts", "list").stdout == "No conflicts.\n"
    assert p2c("dead-letters", "list").stdout == "No dead letters.\n"


def test_a_confirmation_outlives_the_ledger_and_holds_for_that_record_alone(play: Stage, p2c: P2C) -> None:
    sales, finops = play.sandbox.sales, play.sandbox.finops
    assert p2c("run", "accounts", "products").exit_code == 0
    order = finops.new_order("A-1001", [{"ProductNumber": "MUG-01", "OrderedSalesQuantity": 3}])["SalesOrderNumber"]
    finops.confirm(order)
    finops.calculate_totals()
    (customer,) = sales.rows("account", accountnumber="A-1006")
    (currency,) = sales.rows("transactioncurrency", isocurrencycode="USD")
    (prices,) = sales.rows("pricelevel", name="CRM Service USA (sample)")
    theirs = {
        "ordernumber": order,
        "name": "Theirs",
        "customerid": customer["accountid"],
        "pricelevelid": prices["pricelevelid"],
        "transactioncurrencyid": currency["transactioncurrencyid"],
    }
    first = sales.create("salesorder", theirs)
    assert p2c("run", "orders-to-sales").exit_code == 1
    assert p2c("couple", "orders-to-sales", order).exit_code == 0
    (held,) = sales.rows("salesorder", ordernumber=order)
    assert (held["salesorderid"], held["customerid"]) == (first["salesorderid"], sales_id(play, "A-1001"))

    # The same record under the same confirmation, with nothing in the ledger and nothing that speaks for it.
    forget_ledger(play, "orders-to-sales")
    changed = {"customerid": customer["accountid"], "msdynce_ismaintainedexternally": False}
    sales.people.update("salesorder", first["salesorderid"], changed)
    assert p2c("run", "orders-to-sales", "--full").exit_code == 0

    # Another record of that number.
    forget_ledger(play, "orders-to-sales")
    sales.people.delete("salesorder", first["salesorderid"])
    second = sales.create("salesorder", theirs)
    assert p2c("run", "orders-to-sales", "--full").exit_code == 1
    (held,) = sales.rows("salesorder", ordernumber=order)
    assert (held["salesorderid"], held["name"]) == (second["salesorderid"], "Theirs")


def sales_id(play: Stage, number: str) -> str:
    (row,) = play.sandbox.sales.rows("account", accountnumber=number)
    return str(row["accountid"])


def forget_ledger(play: Stage, template: str) -> None:
    async def work() -> None:
        async with opened_store(play.settings) as store:
            names = [name async for name in store.names("lanes/") if f"/ledger/{template}" in name]
            for name in names:
                await store.delete(name)

    asyncio.run(work())
