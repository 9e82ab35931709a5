"""Counters and durations for alerts, by OpenTelemetry where it is installed; without it all of this does nothing.

In Azure the Functions worker sets OpenTelemetry up itself, and exports to Application Insights
(`PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY`); setting it up here a second time would count everything twice.
"""

from __future__ import annotations

import importlib
import logging
from functools import cache
from typing import Any

_METER = "p2c"
_CHATTY = ("azure.core", "azure.identity", "azure.monitor", "httpx", "httpcore")


def set_up() -> None:
    """Leaves the log to p2c: what libraries say of each request is of use to nobody, and may name addresses."""
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger(_METER).setLevel(logging.INFO)


def outcomes(kind: str, number: int, template: str, legal_entity: str) -> None:
    """So many documents ended so."""
    if counter := _instruments().get("outcomes"):
        counter.add(number, {"outcome": kind, "template": template, "legal_entity": legal_entity})


def run(seconds: float, template: str, status: str) -> None:
    """A run ended after so many seconds, waiting between its slices included."""
    if histogram := _instruments().get("run"):
        histogram.record(seconds, {"template": template, "status": status})


def latency(seconds: float, template: str, trigger: str) -> None:
    """From the moment that an event or request was taken in until its documents were written."""
    if histogram := _instruments().get("latency"):
        histogram.record(seconds, {"template": template, "trigger": trigger})


@cache
def _instruments() -> dict[str, Any]:
    try:
        metrics = importlib.import_module("opentelemetry.metrics")
    except ImportError:
        return {}
    meter = metrics.get_meter(_METER)
    return {
        "outcomes": meter.create_counter("p2c.outcomes", unit="{document}", description="Documents by outcome"),
        "run": meter.create_histogram("p2c.run.duration", unit="s", description="Duration of runs"),
        "latency": meter.create_histogram("p2c.event.latency", unit="s", description="Event taken in to written"),
    }
