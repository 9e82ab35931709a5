"""The function app: its parts, and its functions registered. Nothing else."""

from __future__ import annotations

import azure.functions as func

from p2c import telemetry
from p2c.lanes.parts import Parts
from p2c.triggers.access import auth_level
from p2c.triggers.events import events
from p2c.triggers.http import http
from p2c.triggers.timers import timers
from p2c.triggers.work import work

telemetry.set_up()
parts = Parts()
level = auth_level(parts.settings)

app = func.FunctionApp(http_auth_level=level)
for blueprint in (timers(parts, parts.own_schedules()), work(parts), events(parts), http(parts, level)):
    app.register_functions(blueprint)
