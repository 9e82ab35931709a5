"""Merging accounts and contacts in the Sales sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.sales_support import Answer, World, make_world

TYPE = "Microsoft.Dynamics.CRM.account"


@pytest.fixture
def world() -> World:
    return make_world()


def account(world: World, number: str) -> str:
    return str(world.service.people.create("account", {"name": number, "accountnumber": number})["accountid"])


def merge(world: World, master: str, subordinate: str, **more: Any) -> Answer:
    target = {"@odata.type": TYPE, "accountid": master}
    return world.post(
        "Merge",
        {
            "Target": target,
            "Subordinate": {"@odata.type": TYPE, "accountid": subordinate},
            "PerformParentingChecks": False,
            **more,
        },
    )


def test_the_subordinate_is_inactive_and_its_records_belong_to_the_master(world: World) -> None:
    subordinate, master = world.ids["account"], account(world, "US-002")
    quote = world.header("quotes")
    assert merge(world, master, subordinate).status == 204
    row = world.row("account", subordinate)
    assert (row["statecode"], row["statuscode"], row["merged"], row["masterid"]) == (1, 2, True, master)
    assert world.row("quote", quote)["customerid"] == master
    assert world.row("account", master)["statecode"] == 0
    shown = world.get(f"accounts({subordinate})?$select=merged,_masterid_value").body
    assert (shown["merged"], shown["_masterid_value"]) == (True, master)


def test_a_record_is_merged_once_and_into_another_active_one(world: World) -> None:
    subordinate, master = world.ids["account"], account(world, "US-002")
    assert merge(world, master, master).status == 400
    assert merge(world, master, subordinate).status == 204
    assert merge(world, master, subordinate).status == 400
    assert merge(world, subordinate, master).status == 400


def test_what_is_not_implemented_is_answered_501_and_a_bad_body_400(world: World) -> None:
    subordinate, master = world.ids["account"], account(world, "US-002")
    assert merge(world, master, subordinate, UpdateContent={"name": "New"}).status == 501
    assert world.post("Merge", {"Target": {"accountid": master}}).status == 400
    contact = {"@odata.type": "Microsoft.Dynamics.CRM.contact", "contactid": world.ids["contact"]}
    assert merge(world, master, subordinate, Subordinate=contact).status == 400
    assert world.row("account", subordinate)["statecode"] == 0


def test_a_person_chooses_values_for_the_master(world: World) -> None:
    subordinate, master = world.ids["account"], account(world, "US-002")
    world.service.people.merge("account", master, subordinate, {"accountnumber": "US-001"})
    assert world.row("account", master)["accountnumber"] == "US-001"
    assert world.row("account", subordinate)["accountnumber"] == "US-001"
