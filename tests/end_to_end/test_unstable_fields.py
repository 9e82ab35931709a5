"""A value that the destination changes by itself is written twice, then noted and left alone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from demo.stage import Stage
from p2c.documents import Outcome
from sandbox.company.sales_desk import Ref, SalesDesk
from sandbox.finops import FinOpsService
from sandbox.sales.changes import Change, Message
from sandbox.sales.changes import Stage as PlugInStage
from sandbox.sales.engine import Engine
from tests.staging import FULL, Raise, forget_requests, writes


def full(play: Stage, template: str, key: str) -> Outcome | None:
    """The outcome of a document in a full comparison; None where it is unchanged without a note."""
    forget_requests(play)
    (result,) = play.run([template], mode=FULL)
    return next((outcome for outcome in play.outcomes(result) if outcome.key == key), None)


def in_capitals(_engine: Engine, change: Change) -> None:
    if change.row.get("name"):
        change.set("name", str(change.row["name"]).upper())


def test_a_plug_in_of_sales_that_formats_names_is_noted_and_its_names_stay(stage: Raise) -> None:
    play = stage()
    play.company.set_up()
    engine = play.sandbox.sales.engine
    messages: tuple[Message, ...] = ("Create", "Update")
    for message in messages:
        place: tuple[PlugInStage, Message, str] = ("before", message, "product")
        engine.rules = {**engine.rules, place: (*engine.rules.get(place, ()), in_capitals)}
    play.sandbox.finops.new_product("LAMP", "Lamp", Decimal(5), SalesUnitSymbol="ea")
    play.run(["products"])

    first = full(play, "products", "LAMP")
    assert first is not None
    assert (first.kind, first.changed) == ("updated", ("name",))
    second = full(play, "products", "LAMP")
    assert second is not None
    assert [(note.code, note.field) for note in second.notes] == [("does-not-stick", "name")]
    assert second.kind == "unchanged"
    assert writes(play)[0] == 0

    play.sandbox.finops.change_product("LAMP", ProductName="Reading lamp")
    (result,) = play.run(["products"])
    (changed,) = [outcome for outcome in play.outcomes(result) if outcome.key == "LAMP"]
    assert (changed.kind, changed.changed, changed.rule) == ("updated", ("name",), "")
    (product,) = play.sandbox.sales.rows("product", productnumber="LAMP")
    assert product["name"] == "READING LAMP"

    # The plug-in's capitals are no change that a person made: with another name there is no conflict, either.
    play.sandbox.finops.change_product("LAMP", ProductName="Desk lamp")
    (result,) = play.run(["products"])
    (changed,) = [outcome for outcome in play.outcomes(result) if outcome.key == "LAMP"]
    assert (changed.kind, changed.changed, changed.rule) == ("updated", ("name",), "")


def test_a_text_that_finops_cuts_is_noted(stage: Raise) -> None:
    finops = FinOpsService(token="sandbox")
    play = stage(finops=finops)
    play.company.set_up()
    play.run(["accounts"])
    finops.books.options.text_too_long = "truncate"
    finops.books.options.lengths["PrimaryContactPhone"] = 8
    (account,) = play.sandbox.sales.rows("account", accountnumber="A-1006")
    record = Ref("account", account["accountid"])
    SalesDesk(play.sandbox.sales).update(record, {"telephone1": "555-0100 extension 9"})
    play.run(["accounts"])
    outcomes = [full(play, "accounts", "A-1006") for _ in range(3)]
    assert [outcome.kind if outcome else None for outcome in outcomes] == ["updated", "unchanged", "unchanged"]
    assert writes(play) == (0, 0)


@pytest.mark.parametrize("again", [1, 3])
def test_a_person_s_change_is_overwritten_as_often_as_it_differs(stage: Raise, again: int) -> None:
    play = stage()
    play.company.set_up()
    play.sandbox.finops.new_product("LAMP", "Lamp", Decimal(5), SalesUnitSymbol="ea")
    play.run(["products"])
    (product,) = play.sandbox.sales.rows("product", productnumber="LAMP")
    record = Ref("product", product["productid"])
    for number in range(again):
        SalesDesk(play.sandbox.sales).update(record, {"name": f"Changed {number}"})
        outcome = full(play, "products", "LAMP")
        assert outcome is not None
        assert (outcome.kind, outcome.notes) == ("updated", ())
