"""Start both servers: `python -m sandbox`.

Prints one line of JSON on standard output (addresses, token, tenant, certificate) and serves until SIGTERM or SIGINT.
With `--into` the company's project file and the settings that reach the servers are put into a folder.
"""

import argparse
import importlib
import json
import shlex
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sandbox.finops.service import FinOpsService
from sandbox.sales.errors import SalesError
from sandbox.sales.options import SalesOptions
from sandbox.sales.service import SalesService
from sandbox.wire.launch import Sandbox
from sandbox.wire.limiter import Limits
from sandbox.wire.service import Clock, PeopleError

TENANT = "11111111-2222-4333-8444-555555555555"


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="Dynamics 365 Sales and F&O as local servers."
    )
    parser.add_argument("--sales-port", type=int, default=0, help="port of Sales; 0 is any free port")
    parser.add_argument("--finops-port", type=int, default=0, help="port of F&O; 0 is any free port")
    parser.add_argument("--token", default="sandbox", help="bearer token of the integration user")
    parser.add_argument("--company", default="none", help="company to seed both systems with, or none")
    parser.add_argument("--data", type=Path, default=None, help="folder with data for the company")
    parser.add_argument("--seed", type=int, default=1, help="seed of the company's random choices")
    parser.add_argument("--size", type=int, default=0, help="orders of a generated company; 0 is the company as it is")
    parser.add_argument("--tls", action="store_true", help="https with a self-signed certificate")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds added to each request")
    parser.add_argument("--requests-limit", type=int, default=None, help="requests per user and window")
    parser.add_argument("--execution-limit", type=float, default=None, help="execution seconds per user and window")
    parser.add_argument("--concurrent-limit", type=int, default=None, help="requests of a user at once")
    parser.add_argument("--without-solution", action="store_true", help="Sales without the Prospect-to-cash solution")
    parser.add_argument(
        "--into",
        type=Path,
        default=None,
        help="folder for the company's p2c.json and for env, to be sourced by a shell",
    )
    chosen = parser.parse_args(given)
    if chosen.into is not None and chosen.company == "none" and chosen.data is None:
        parser.error("--into needs a company")
    return chosen


def seed_company(chosen: argparse.Namespace, sales: SalesService, finops: FinOpsService) -> dict[str, Any]:
    """Write a company's master data, and give its further acts a route each: `/sandbox/company/sell` and so on.

    Gives the company's project file, with blank addresses.
    """
    module = importlib.import_module("sandbox.company")
    company = module.build(
        chosen.company, seed=chosen.seed, size=chosen.size, data=chosen.data, sales=sales, finops=finops
    )
    company.set_up()
    acts: dict[str, Callable[[], object]] = {
        "sell": company.sell,
        "fulfil": company.fulfil,
        "change": company.change,
        "problems": lambda: company.problems,
        "project": lambda: company.project,
    }
    for name, act in acts.items():
        sales.further_routes.append(sales.people_route(f"/sandbox/company/{name}", _route(act, module.CompanyError)))
    project: dict[str, Any] = company.project
    return project


def write_settings(folder: Path, project: dict[str, Any], sandbox: Sandbox) -> None:
    """Put `p2c.json` and `env` into the folder. Each start has a state of its own, since its rows are new."""
    folder.mkdir(parents=True, exist_ok=True)
    file, state = folder.resolve() / "p2c.json", folder.resolve() / f"state-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    project["connectionSet"]["sales"]["url"] = sandbox.sales_url
    project["connectionSet"]["finops"]["url"] = sandbox.finops_url
    file.write_text(json.dumps(project, indent=2) + "\n", encoding="utf-8")
    settings = {"P2C_PROJECT": str(file), "P2C_STATE": str(state)}
    for system, url in (("SALES", sandbox.sales_url), ("FINOPS", sandbox.finops_url)):
        settings |= {
            f"P2C_{system}__URL": url,
            f"P2C_{system}__AUTH__KIND": "static",
            f"P2C_{system}__AUTH__TOKEN": sandbox.token,
        }
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in settings.items()]
    (folder / "env").write_text("".join(lines), encoding="utf-8")


def _route(act: Callable[[], object], refusal: type[Exception]) -> Callable[[dict[str, Any]], object]:
    def run(_given: dict[str, Any]) -> object:
        try:
            return act()
        except (refusal, SalesError) as error:
            raise PeopleError(str(error)) from error

    return run


def main(given: list[str] | None = None) -> int:
    """Serve until a signal comes."""
    chosen = arguments(given)
    clock = Clock()

    def limits() -> Limits:
        return Limits(
            latency=chosen.latency,
            requests=chosen.requests_limit,
            execution_seconds=chosen.execution_limit,
            concurrent=chosen.concurrent_limit,
        )

    options = SalesOptions(solution=not chosen.without_solution)
    sales = SalesService(token=chosen.token, options=options, limits=limits(), clock=clock)
    finops = FinOpsService(token=chosen.token, limits=limits(), clock=clock)
    project: dict[str, Any] | None = None
    if chosen.company != "none" or chosen.data is not None:
        project = seed_company(chosen, sales, finops)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    ports = {"sales_port": chosen.sales_port, "finops_port": chosen.finops_port}
    with Sandbox(sales=sales, finops=finops, tls=chosen.tls, **ports) as sandbox:
        told = {
            "sales": sandbox.sales_url,
            "finops": sandbox.finops_url,
            "token": sandbox.token,
            "people_token": f"{sandbox.token}-people",
            "tenant": TENANT,
            "token_endpoint": f"{sandbox.sales_url}/{TENANT}/oauth2/v2.0/token",
            "certificate": str(sandbox.certificate) if sandbox.certificate else None,
        }
        if chosen.into is not None and project is not None:
            write_settings(chosen.into, project, sandbox)
        print(json.dumps(told), flush=True)
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
