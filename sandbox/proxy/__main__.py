"""The proxy as a process: `python -m sandbox.proxy --target http://127.0.0.1:8001 --plan faults.json`.

It prints where it listens. SIGHUP reads the plan again, SIGTERM and SIGINT end it.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from sandbox.proxy.plan import CALM, FaultPlan, PlanError
from sandbox.proxy.server import FaultProxy


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.proxy", description="A proxy that breaks requests.")
    parser.add_argument("--target", required=True, help="the server behind it, such as http://127.0.0.1:8001")
    parser.add_argument("--plan", type=Path, default=None, help="JSON with seed and faults; without it nothing breaks")
    parser.add_argument("--system", default="", help="the name that the plan knows the server by: sales or finops")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 is any free port")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    """Serve until a signal comes."""
    chosen = arguments(given)
    try:
        proxy = FaultProxy(chosen.target, _plan(chosen.plan), system=chosen.system, port=chosen.port)
    except (PlanError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    stop = threading.Event()

    def again(*_: object) -> None:
        try:
            proxy.plan = _plan(chosen.plan)
        except (PlanError, OSError) as error:
            print(f"the plan stays as it was: {error}", file=sys.stderr)

    signal.signal(signal.SIGHUP, again)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with proxy:
        print(json.dumps({"url": proxy.url, "target": chosen.target}), flush=True)
        stop.wait()
    return 0


def _plan(file: Path | None) -> FaultPlan:
    return CALM if file is None else FaultPlan.parse(file.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main())
