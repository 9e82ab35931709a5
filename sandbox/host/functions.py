"""The functions of an app, out of the bindings that the worker library found, checked as the real host checks them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.host.config import HostConfig
from sandbox.host.errors import HostError
from sandbox.host.ncrontab import Ncrontab
from sandbox.host.settings import check_connection, check_storage, resolve_binding


@dataclass(frozen=True, slots=True)
class HttpTrigger:
    """Called over HTTP. `auth_level` is anonymous, function or admin; no methods means all."""

    route: str
    methods: tuple[str, ...]
    auth_level: str


@dataclass(frozen=True, slots=True)
class TimerTrigger:
    """Called by a schedule."""

    schedule: Ncrontab
    run_on_startup: bool


@dataclass(frozen=True, slots=True)
class BusTrigger:
    """Called with messages of a queue, one or many at a time. `binary` is how the body is handed over."""

    queue: str
    connection: str
    sessions: bool
    many: bool
    binary: bool


@dataclass(frozen=True, slots=True)
class Function:
    """One function. `parameter` is the name of the argument that takes what triggered it."""

    id: str
    name: str
    parameter: str
    trigger: HttpTrigger | TimerTrigger | BusTrigger


def read_functions(
    found: Sequence[Mapping[str, Any]], settings: Mapping[str, str], config: HostConfig
) -> dict[str, Function]:
    """Give the functions by name. `found` is what the worker tells: id, name, bindings (JSON texts), retry.

    Raises HostError for a missing setting, a bad schedule, a binding or a retry policy that is not stood in for.
    """
    functions: dict[str, Function] = {}
    for each in found:
        name = str(each["name"])
        if each["retry"]:
            raise HostError(f"The function {name} has a retry policy, which is not stood in for")
        bindings = [resolve_binding(json.loads(text), name, settings) for text in each["bindings"]]
        triggers = [binding for binding in bindings if str(binding["type"]).lower().endswith("trigger")]
        if len(triggers) != 1:
            raise HostError(f"The function {name} has {len(triggers)} triggers; a function has one")
        others = {str(binding["type"]) for binding in bindings} - {str(triggers[0]["type"]), "http"}
        if others:
            raise HostError(f"The function {name} has the binding {', '.join(sorted(others))}: not stood in for")
        trigger = _trigger(triggers[0], name)
        if not isinstance(trigger, HttpTrigger):
            check_storage(name, settings)
        if isinstance(trigger, BusTrigger):
            check_connection(trigger.connection, name, settings)
            if not config.has_bundle:
                raise HostError("host.json has no extensionBundle, which brings the Service Bus trigger")
        functions[name] = Function(str(each["id"]), name, str(triggers[0]["name"]), trigger)
    return functions


def _trigger(binding: Mapping[str, Any], function: str) -> HttpTrigger | TimerTrigger | BusTrigger:
    kind = binding["type"]
    if kind == "httpTrigger":
        methods = tuple(str(method).upper() for method in binding.get("methods") or ())
        level = str(binding.get("authLevel") or "FUNCTION").lower()
        if level not in ("anonymous", "function", "admin"):
            raise HostError(f"The function {function} has the authorization level {level}, which there is not")
        route = binding.get("route")
        return HttpTrigger(function if route is None else str(route), methods, level)
    if kind == "timerTrigger":
        try:
            schedule = Ncrontab(str(binding["schedule"]))
        except ValueError as error:
            raise HostError(f"The schedule of the function {function}: {error}") from error
        return TimerTrigger(schedule, _flag(binding, "runOnStartup"))
    if kind == "serviceBusTrigger" and "queueName" in binding:
        if "autoCompleteMessages" in binding and not _flag(binding, "autoCompleteMessages"):
            raise HostError(f"The function {function} turns autoCompleteMessages off: Python cannot settle messages")
        return BusTrigger(
            queue=str(binding["queueName"]),
            connection=str(binding.get("connection") or ""),
            sessions=_flag(binding, "isSessionsEnabled"),
            many=str(binding.get("cardinality", "one")).lower() == "many",
            binary=str(binding.get("dataType", "")).lower() == "binary",
        )
    raise HostError(f"The function {function} has the trigger {kind}, which is not stood in for")


def _flag(binding: Mapping[str, Any], name: str) -> bool:
    return str(binding.get(name, False)).lower() == "true"
