"""Run a function app here: `python -m sandbox.host --app . --port 7071 --settings local.settings.json`.

Prints one line of JSON on standard output (addresses, keys, functions), logs on standard error, and serves until
SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sandbox.host.errors import HostError
from sandbox.host.host import Host, queue_options
from sandbox.host.keys import Keys
from sandbox.host.settings import read_local_settings
from sandbox.servicebus.broker import Broker
from sandbox.servicebus.options import QueueOptionsError
from sandbox.servicebus.server import ServiceBus


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.host", description="A function app on this machine, with Microsoft's Python worker."
    )
    parser.add_argument("--app", type=Path, default=Path(), help="folder with function_app.py and host.json")
    parser.add_argument("--port", type=int, default=7071, help="port of the app; 0 is any free port")
    parser.add_argument("--servicebus-port", type=int, default=7072, help="port that takes messages; 0 is any")
    parser.add_argument("--settings", type=Path, default=None, help="local.settings.json; the environment prevails")
    parser.add_argument(
        *("--set", "-s"),
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one more setting, prevails over all; {host} and {servicebus} stand for the addresses",
    )
    parser.add_argument("--queues", type=Path, default=None, help="JSON array of queues, with Azure's names")
    parser.add_argument("--schedules", action="store_true", help="run timers by their schedules too, not only by hand")
    parser.add_argument("--key", default="sandbox", help="host key; the master key is this and -master")
    parser.add_argument("--token", default="sandbox", help="bearer token of those who send messages")
    return parser.parse_args(given)


def settings_of(chosen: argparse.Namespace, places: dict[str, str]) -> dict[str, str]:
    """Give all app settings: the file's, over them the environment's, over them those of `--set`. Raises HostError."""
    settings = read_local_settings(chosen.settings) if chosen.settings else {}
    settings.update(os.environ)
    for text in chosen.set:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise HostError(f"--set takes NAME=VALUE, not {text!r}")
        for place, url in places.items():
            value = value.replace("{" + place + "}", url)
        settings[name] = value
    return settings


def main(given: list[str] | None = None) -> int:
    """Serve until a signal comes; 2 when the app cannot be run, with the reason on standard error."""
    chosen = arguments(given)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        try:
            broker = Broker(queue_options(_queues(chosen.queues)))
            bus = ServiceBus(broker, token=chosen.token, port=chosen.servicebus_port)
            stack.enter_context(bus)
            keys = Keys(chosen.key, f"{chosen.key}-master")
            host = Host(chosen.app, {}, broker, port=chosen.port, schedules=chosen.schedules, keys=keys)
            stack.callback(host.stop)
            host.settings.update(settings_of(chosen, {"host": host.url, "servicebus": bus.url}))
            host.start()
        except (HostError, QueueOptionsError, OSError) as error:
            print(error, file=sys.stderr)
            return 2
        told = {
            "url": host.url,
            "servicebus": bus.url,
            "token": chosen.token,
            "key": keys.host,
            "master_key": keys.master,
            "functions": sorted(host.functions),
        }
        print(json.dumps(told), flush=True)
        stop.wait()
    return 0


def _queues(file: Path | None) -> list[dict[str, Any]]:
    if file is None:
        return []
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise QueueOptionsError(f"{file} is no JSON: {error}") from error
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise QueueOptionsError(f"{file} is a JSON array of objects")
    return given


if __name__ == "__main__":
    sys.exit(main())
