"""A day is the same day in both systems, in the time zone of the legal entity."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from p2c.documents import LegalEntity, Value
from p2c.mapping.context import Context, DocumentScope
from p2c.mapping.mapper import Mapper
from p2c.sync.session import Plan
from p2c.templates.load import builtin_templates
from p2c.templates.project import parse_project
from p2c.templates.valuemaps import shared_maps

ZONES = ("Asia/Tokyo", "America/Los_Angeles", "Pacific/Tongatapu", "Pacific/Pago_Pago", "Europe/Berlin", "UTC")
# The days on which clocks change in Los Angeles and Berlin, and the ends of a year.
DAYS = ("2026-05-05", "2026-03-08", "2026-11-01", "2026-03-29", "2026-10-25", "2026-01-01", "2026-12-31")


def mapper(template: str, zone: str) -> Mapper:
    context = Context("usmf", ZoneInfo(zone), {"USD": 2}, 2, shared_maps())
    return Mapper(builtin_templates()[template], context)


def in_sales(day: str, zone: str) -> str:
    """What Sales keeps when a person in the zone enters the day: its midnight there, in UTC."""
    midnight = datetime.combine(date.fromisoformat(day), datetime.min.time(), ZoneInfo(zone))
    return midnight.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ")


def mapped_day(template: str, zone: str, task: str, source: str, destination: str, cell: str) -> Value:
    """The cell of one field of the task after mapping."""
    compiled = mapper(template, zone)
    plan = next(plan for plan in compiled._plans if plan.task.name == task)
    field = next(field for field in plan.fields if field.name == destination)
    scope = DocumentScope(compiled.context, lambda _: "USD", {})
    return field.encode(field.compute({source: cell}, scope), scope)


TASKS = [
    ("orders-to-finops", "orders-to-sales", "OrderHeader", "RequestedShippingDate"),
    ("orders-to-finops", "orders-to-sales", "OrderLine", "RequestedReceiptDate"),
]


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("out", "back", "task", "name"), TASKS)
def test_a_day_goes_to_finops_and_back_as_the_same_day(
    out: str, back: str, task: str, name: str, zone: str, day: str
) -> None:
    kept = in_sales(day, zone)
    sent = mapped_day(out, zone, task, "requestdeliveryby", name, kept)
    assert sent == f"{day}T12:00:00Z"
    returned = mapped_day(back, zone, task, name, "requestdeliveryby", str(sent))
    assert returned == kept
    assert mapper(back, zone).same(task, "requestdeliveryby", returned, kept)


@pytest.mark.parametrize("zone", ZONES)
def test_the_hash_of_a_plan_is_that_of_its_time_zone(zone: str) -> None:
    template = builtin_templates()["orders-to-sales"]
    other = Plan(template, LegalEntity("usmf"), mapper("orders-to-sales", "Africa/Nairobi"))
    plan = Plan(template, LegalEntity("usmf"), mapper("orders-to-sales", zone))
    assert plan.hash == Plan(template, LegalEntity("usmf"), mapper("orders-to-sales", zone)).hash
    assert plan.hash != other.hash


PROJECT: dict[str, Any] = {
    "name": "x",
    "connectionSet": {
        "sales": {"url": "https://a.example"},
        "finops": {"url": "https://b.example"},
        "timeZone": "Europe/Berlin",
        "legalEntities": {
            "demf": {"businessUnits": ["Germany"]},
            "JPMF": {"businessUnits": ["Japan"], "timeZone": "Asia/Tokyo"},
        },
        "masterLegalEntity": "demf",
    },
}


def test_a_legal_entity_has_its_own_time_zone_or_that_of_the_connection_set() -> None:
    connection_set = parse_project(PROJECT).connection_set
    assert {name: connection_set.zone(name).key for name in connection_set.legal_entities} == {
        "demf": "Europe/Berlin",
        "jpmf": "Asia/Tokyo",
    }
