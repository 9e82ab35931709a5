"""host.json as the real host reads it: version, routes, time limit, and the options of Service Bus extension 5.x."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sandbox.host.errors import HostError
from sandbox.servicebus.timespan import parse_timespan

_OVERRIDE = "AzureFunctionsJobHost__"
_BUS_NAMES = frozenset(
    {
        "autoCompleteMessages",
        "clientRetryOptions",
        "enableCrossEntityTransactions",
        "maxAutoLockRenewalDuration",
        "maxBatchWaitTime",
        "maxConcurrentCalls",
        "maxConcurrentSessions",
        "maxMessageBatchSize",
        "minMessageBatchSize",
        "prefetchCount",
        "sessionIdleTimeout",
        "transportType",
    }
)
_OLD_BUS_NAMES = frozenset({"batchOptions", "maxMessages", "messageHandlerOptions", "sessionHandlerOptions"})
_RETRY_NAMES = frozenset({"delay", "maxDelay", "maxRetries", "mode", "tryTimeout"})


@dataclass(frozen=True, slots=True)
class BusConfig:
    """`extensions.serviceBus`. The defaults are the extension's; `max_batch` counts for cardinality many only."""

    max_concurrent_calls: int = field(default_factory=lambda: 16 * (os.cpu_count() or 1))
    max_concurrent_sessions: int = 8
    max_lock_renewal: timedelta = timedelta(minutes=5)
    session_idle: timedelta = timedelta(minutes=1)
    max_batch: int = 1000


@dataclass(frozen=True, slots=True)
class HostConfig:
    """What host.json says. `function_timeout` None is no limit."""

    route_prefix: str = "api"
    function_timeout: timedelta | None = timedelta(minutes=30)
    has_bundle: bool = False
    bus: BusConfig = field(default_factory=BusConfig)


def read_host_config(folder: Path, settings: Mapping[str, str]) -> HostConfig:
    """Read host.json of an app; settings named `AzureFunctionsJobHost__a__b` override it. Raises HostError."""
    file = folder / "host.json"
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise HostError(f"There is no {file}: the folder is no function app") from None
    except ValueError as error:
        raise HostError(f"{file} is no JSON: {error}") from error
    if not isinstance(given, dict) or given.get("version") != "2.0":
        raise HostError(f'{file} needs "version": "2.0"')
    for name, value in settings.items():
        if name.lower().startswith(_OVERRIDE.lower()):
            _override(given, name[len(_OVERRIDE) :].split("__"), value)
    extensions = _section(given, "extensions", "host.json")
    http = _section(extensions, "http", "extensions")
    limit = given.get("functionTimeout", "00:30:00")
    return HostConfig(
        route_prefix=str(http.get("routePrefix", "api")).strip("/"),
        function_timeout=None if str(limit) == "-1" else _span(limit, "functionTimeout"),
        has_bundle=bool(_section(given, "extensionBundle", "host.json").get("id")),
        bus=_bus(_section(extensions, "serviceBus", "extensions")),
    )


def _override(given: dict[str, Any], path: list[str], value: str) -> None:
    for name in path[:-1]:
        inner = given.setdefault(name, {})
        if not isinstance(inner, dict):
            raise HostError(f"{_OVERRIDE}{'__'.join(path)} goes into {name}, which is no section of host.json")
        given = inner
    given[path[-1]] = value


def _section(given: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    found = given.get(name, {})
    if not isinstance(found, dict):
        raise HostError(f"{name} in {where} is an object")
    return found


def _bus(given: Mapping[str, Any]) -> BusConfig:
    for name in given:
        if name in _OLD_BUS_NAMES:
            raise HostError(f"extensions.serviceBus.{name} in host.json is a name of extension 4.x; 5.x has flat names")
        if name not in _BUS_NAMES:
            raise HostError(f"extensions.serviceBus.{name} in host.json is no option of the Service Bus extension 5.x")
    retry = _section(given, "clientRetryOptions", "extensions.serviceBus")
    if unknown := set(retry) - _RETRY_NAMES:
        raise HostError(f"clientRetryOptions in host.json has no option {', '.join(sorted(unknown))}")
    if str(given.get("autoCompleteMessages", True)).lower() != "true":
        raise HostError("autoCompleteMessages must be true: a Python function cannot settle messages by itself")
    if _span(given.get("maxBatchWaitTime", "00:00:30"), "maxBatchWaitTime") > timedelta(seconds=150):
        raise HostError("maxBatchWaitTime in host.json is longer than 00:02:30")
    if _count(given.get("minMessageBatchSize", 1), "minMessageBatchSize") != 1:
        raise HostError("minMessageBatchSize other than 1 is not stood in for")
    defaults = BusConfig()
    tried = retry.get("tryTimeout", "00:01:00")
    renewal = given.get("maxAutoLockRenewalDuration", "00:05:00")
    return BusConfig(
        max_concurrent_calls=_count(
            given.get("maxConcurrentCalls", defaults.max_concurrent_calls), "maxConcurrentCalls"
        ),
        max_concurrent_sessions=_count(given.get("maxConcurrentSessions", 8), "maxConcurrentSessions"),
        max_lock_renewal=_span(renewal, "maxAutoLockRenewalDuration"),
        session_idle=_span(given.get("sessionIdleTimeout", tried), "sessionIdleTimeout"),
        max_batch=_count(given.get("maxMessageBatchSize", 1000), "maxMessageBatchSize"),
    )


def _span(value: Any, name: str) -> timedelta:
    try:
        return parse_timespan(str(value))
    except ValueError as error:
        raise HostError(f"{name} in host.json: {error}") from error


def _count(value: Any, name: str) -> int:
    try:
        found = int(str(value))
    except ValueError:
        found = 0
    if found < 1:
        raise HostError(f"{name} in host.json is a whole number from 1, not {value!r}")
    return found
