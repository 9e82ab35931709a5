"""Timers: one per template. A tick puts a run on the lanes; what that run reads follows from its checkpoint."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import azure.functions as func

from p2c.lanes.messages import SliceMessage
from p2c.lanes.parts import Parts

_LOG = logging.getLogger(__name__)

BUILTIN = (
    "accounts",
    "products",
    "contacts",
    "contacts-to-customers",
    "quotes",
    "orders-to-finops",
    "orders-to-sales",
    "invoices",
)
"""The templates of the package, in the order in which they depend on each other; their schedules are app settings."""

Tick = Callable[[func.TimerRequest], Awaitable[None]]


def setting_of(template: str) -> str:
    """The app setting that holds the schedule of a template."""
    return "P2C_SCHEDULE_" + _identifier(template).upper()


def timers(parts: Parts, own: Mapping[str, str]) -> func.Blueprint:
    """The blueprint. `own` are templates of the project's own, with the schedules that their files have."""
    bp = func.Blueprint()
    schedules = {one: f"%{setting_of(one)}%" for one in BUILTIN} | dict(own)
    for template, schedule in schedules.items():
        tick = bp.timer_trigger("timer", schedule=schedule, use_monitor=True)(_tick(parts, template))
        bp.function_name(f"timer_{_identifier(template)}")(tick)
    return bp


def _tick(parts: Parts, template: str) -> Tick:
    async def tick(timer: func.TimerRequest) -> None:
        await start(parts, template, datetime.now(UTC), past_due=timer.past_due)

    return tick


async def start(parts: Parts, name: str, now: datetime, *, past_due: bool = False) -> int:
    """Puts a run of the template on the lane of each legal entity; gives how many.

    Nothing is lost when a tick is, and nothing is doubled by one too many: it gives way to a run that is under way.
    """
    template = parts.template(name)
    if not template.enabled:
        return 0
    messages = [
        (
            template,
            SliceMessage(
                template=template.id,
                legal_entity=legal_entity,
                trigger="timer",
                run_id=f"{now:%Y%m%dT%H%M%S%fZ}-{legal_entity}-{template.id}-timer",
            ),
        )
        for legal_entity in parts.legal_entities_of(template)
    ]
    await (await parts.post()).send(messages)
    _LOG.info("timer ticked", extra={"p2c_template": name, "p2c_past_due": past_due, "p2c_count": len(messages)})
    return len(messages)


def _identifier(template: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", template)
