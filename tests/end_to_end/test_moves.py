"""A contact that moves to another account: its new association takes over, and the old one is set inactive."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from demo.stage import Stage
from p2c.documents import Outcome
from p2c.operations import dead_letters
from p2c.operations.dead_letters import Place
from p2c.operations.opening import open_session, opened_store
from p2c.state.ledger import Entry, Ledger
from p2c.sync.watching import Mode
from p2c.templates.models import Moves
from tests.staging import FULL, Raise, counts, forget_requests, writes

OLD, NEW = "A-1001", "A-1003"


class Person:
    """A contact of one account whose contact person is in F&O, and what its user does with it in Sales."""

    def __init__(self, play: Stage) -> None:
        self.play = play
        self._sales, self._books = play.sandbox.sales, play.sandbox.finops.books
        number = self._books.rows("ContactPerson", AssociatedPartyNumber=OLD)[0]["ContactPersonPartyNumber"]
        self.number = str(number)
        (contact,) = self._sales.rows("contact", msdynce_contactnumber=number)
        self._id = str(contact["contactid"])

    def change(self, **values: Any) -> None:
        self._sales.people.update("contact", self._id, values)

    def move(self, account: str, **values: Any) -> None:
        (row,) = self._sales.rows("account", accountnumber=account)
        self.change(parentcustomerid=("account", row["accountid"]), **values)

    def run(self, mode: Mode | None = None) -> Outcome:
        """The outcome of the contact in a run of its template."""
        (finished,) = self.play.run(["contacts"], mode=mode)
        return next(outcome for outcome in self.play.outcomes(finished) if outcome.key == self.number)

    def associations(self) -> dict[str, str]:
        """By account: whether the contact is inactive there."""
        return {row["AssociatedPartyNumber"]: row["IsInactive"] for row in self.rows()}

    def rows(self) -> list[dict[str, Any]]:
        return self._books.rows("ContactPerson", ContactPersonPartyNumber=self.number)

    def entry(self, replacement: Entry | None = None) -> Entry:
        """What the ledger knows of the contact; with a `replacement`, that is what it knows from now on."""

        async def work() -> Entry:
            async with opened_store(self.play.settings) as store:
                ledger = Ledger(store, "lanes/usmf/contacts/ledger/contacts")
                if replacement is not None:
                    await ledger.put_many({self.number: replacement})
                    await ledger.flush()
                return (await ledger.get_many([self.number]))[self.number]

        return asyncio.run(work())

    def agrees(self) -> bool:
        """Whether both systems agree, and another comparison writes nothing."""
        forget_requests(self.play)
        same = set(counts(self.play.run(["contacts"], mode=FULL))["contacts"]) <= {"unchanged", "skipped"}
        return same and writes(self.play) == (0, 0) and all(found.agrees for found in self.play.reconcile())


def synced(stage: Raise, moves: Moves = "follow") -> Person:
    def change(content: dict[str, Any]) -> None:
        content.setdefault("templates", {})["contacts"] = {"moves": moves}

    play = stage(project=change)
    play.company.set_up()
    counts(play.run())
    counts(play.run())
    return Person(play)


@pytest.mark.parametrize("mode", [None, FULL])
def test_a_contact_that_moves_gets_a_new_association_and_the_old_one_is_set_inactive(
    stage: Raise, mode: Mode | None
) -> None:
    person = synced(stage)
    person.move(NEW, jobtitle="Head of Purchasing")
    forget_requests(person.play)
    outcome = person.run(mode)
    assert outcome.kind == "created"
    (note,) = outcome.notes
    assert note.code == "moved"
    assert f"{person.number}|{OLD}" in note.reason
    # Both rows in one change set of one batch.
    assert writes(person.play) == (0, 2)
    assert person.associations() == {OLD: "Yes", NEW: "No"}
    titles = {row["AssociatedPartyNumber"]: row["EmploymentProfession"] for row in person.rows()}
    assert titles[NEW] == "Head of Purchasing" != titles[OLD]
    assert person.entry().number == f"{person.number}|{NEW}"
    assert person.agrees()
    assert person.associations() == {OLD: "Yes", NEW: "No"}


def test_the_events_of_a_contact_follow_its_move(stage: Raise) -> None:
    person = synced(stage)
    person.move(NEW)

    async def work() -> list[str]:
        async with open_session(person.play.settings) as session:
            plan = await session.plan("contacts", "usmf")
            async with session.lane(plan) as lane:
                outcomes = await session.take(lane, plan, [person.number], careful=False, run_id="")
        return [outcome.kind.value for outcome in outcomes]

    assert asyncio.run(work()) == ["created"]
    assert person.associations() == {OLD: "Yes", NEW: "No"}
    assert person.agrees()


def test_a_contact_that_moves_back_has_its_first_association_again(stage: Raise) -> None:
    person = synced(stage)
    person.change(jobtitle="Buyer", description="Prefers mornings")
    person.run()
    person.move(NEW)
    person.run()
    person.move(OLD, description=None)
    outcome = person.run()
    assert outcome.kind == "updated"
    assert person.associations() == {OLD: "No", NEW: "Yes"}
    notes = {row["AssociatedPartyNumber"]: row["Notes"] for row in person.rows()}
    assert notes == {OLD: "", NEW: "Prefers mornings"}
    assert person.agrees()
    person.move(NEW)
    assert person.run().kind == "updated"
    assert person.associations() == {OLD: "Yes", NEW: "No"}
    assert person.agrees()


def test_a_move_waits_for_its_account_and_the_old_association_stays_until_then(stage: Raise) -> None:
    person = synced(stage)
    sales = person.play.sandbox.sales
    sales.people.create("account", {"name": "Newcomer", "accountnumber": "N-77"})
    person.move("N-77")
    outcome = person.run()
    assert (outcome.kind, "N-77" in str(outcome.missing)) == ("parked", True)
    assert person.associations() == {OLD: "No"}
    person.play.run(["accounts"])
    assert person.run().kind == "created"
    assert person.associations() == {OLD: "Yes", "N-77": "No"}
    assert person.agrees()


def test_a_move_whose_settling_was_lost_is_not_made_twice(stage: Raise) -> None:
    person = synced(stage)
    before = person.entry()
    person.move(NEW)
    person.run()
    person.entry(before)
    forget_requests(person.play)
    person.play.run(["contacts"], mode=FULL)
    assert writes(person.play) == (0, 0)
    assert person.associations() == {OLD: "Yes", NEW: "No"}
    assert person.entry().number == f"{person.number}|{NEW}"
    assert person.agrees()


def test_a_move_to_an_association_that_f_and_o_set_inactive_meanwhile_needs_no_second_write(stage: Raise) -> None:
    person = synced(stage)
    (row,) = person.rows()
    person.play.sandbox.finops.update(
        "CDSContactPersons",
        {"dataAreaId": "usmf", "ContactPersonPartyNumber": person.number, "AssociatedPartyNumber": OLD},
        {"IsInactive": "Yes"},
    )
    person.move(NEW)
    forget_requests(person.play)
    outcome = person.run()
    assert (outcome.kind, outcome.notes) == ("created", ())
    assert writes(person.play) == (0, 1)
    assert person.associations() == {OLD: "Yes", NEW: "No"}
    assert row["IsInactive"] == "No"
    assert person.agrees()


def test_a_dry_run_shows_the_move_and_writes_nothing(stage: Raise) -> None:
    person = synced(stage)
    person.move(NEW)
    forget_requests(person.play)
    (finished,) = person.play.run(["contacts"], mode=Mode(full=True, dry=True))
    outcome = next(outcome for outcome in finished.outcomes if outcome.key == person.number)
    assert (outcome.kind, [note.code for note in outcome.notes]) == ("created", ["moved"])
    assert f"{person.number}|{OLD}: IsInactive" in outcome.changed
    assert writes(person.play) == (0, 0)
    assert person.associations() == {OLD: "No"}


def test_a_contact_that_becomes_inactive_after_its_move_is_inactive_everywhere(stage: Raise) -> None:
    person = synced(stage)
    person.move(NEW)
    person.run()
    person.change(statecode=1, statuscode=2)
    assert person.run().kind == "updated"
    assert person.associations() == {OLD: "Yes", NEW: "Yes"}
    assert person.agrees()


def test_a_contact_that_buys_for_itself_after_its_move_keeps_its_associations(stage: Raise) -> None:
    person = synced(stage)
    person.move(NEW)
    person.run()
    person.change(msdynce_isactivecustomer=True)
    person.play.run()
    assert person.associations() == {OLD: "Yes", NEW: "No"}
    assert person.play.sandbox.finops.books.has("CustTable", "usmf", person.number)
    assert person.agrees()


def test_without_the_ledger_the_old_association_is_not_known_and_stays(stage: Raise) -> None:
    person = synced(stage)

    async def forget() -> None:
        async with opened_store(person.play.settings) as store:
            ledger = Ledger(store, "lanes/usmf/contacts/ledger/contacts")
            await ledger.remove_many([person.number])
            await ledger.flush()

    asyncio.run(forget())
    person.move(NEW)
    assert person.run(FULL).kind == "created"
    assert person.associations() == {OLD: "No", NEW: "No"}
    assert person.agrees()


def test_a_person_decides_on_a_move_where_the_project_says_so(stage: Raise) -> None:
    person = synced(stage, "ask")
    person.move(NEW)
    outcome = person.run()
    assert (outcome.kind, outcome.rule) == ("rejected", "key-changed")
    assert f"{person.number}|{OLD}" in outcome.reason
    assert f"{person.number}|{NEW}" in outcome.reason
    assert f"p2c conflicts settle {person.number!r} --keep source" in outcome.reason
    assert person.associations() == {OLD: "No"}

    async def settle() -> list[str]:
        async with open_session(person.play.settings) as session:
            place = Place(session.templates, ["usmf"])
            async with opened_store(person.play.settings) as store:
                found = [one async for one in dead_letters.waiting(store, place, "dead", [person.number])]
            results = await dead_letters.replay(session, found, policy="source")
            return [outcome.kind.value for one in results for outcome in one.outcomes]

    assert asyncio.run(settle()) == ["created"]
    assert person.associations() == {OLD: "Yes", NEW: "No"}
    assert person.agrees()
