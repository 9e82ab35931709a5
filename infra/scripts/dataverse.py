"""The steps in Dataverse for which it has an API: the application user, and the events that it sends.

`user` makes p2c's identity an application user with a security role. `events` makes a service endpoint for the ingress
queue and a step for each table and message that a template reads. Both leave alone what is there already, so they can
be run again. Signs in as whoever is signed in to Azure CLI, who must be a system administrator of the environment.
`--dry-run` only tells. Run it with the project's own Python, from the repository: docs/deployment.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from azure.core.exceptions import AzureError
from azure.identity import AzureCliCredential

from p2c.errors import P2CError
from p2c.systems.credentials import scope_of
from p2c.templates import catalog
from p2c.templates.load import builtin_templates

ENDPOINT = "p2c inbox"
MESSAGES = ("Create", "Update", "Delete")

# Choice values of the table serviceendpoint. 6 is "Queue (Persistent)", today's queues; "Queue" (2) is older.
_QUEUE, _JSON, _SAS_KEY, _NORMAL, _NAMESPACE_ADDRESS, _NO_CLAIM = 6, 2, 2, 1, 2, 1
# Choice values of the table sdkmessageprocessingstep: after the change is committed, apart from the user's request.
_POST_OPERATION, _ASYNCHRONOUS, _SERVER_ONLY = 40, 1, 0


class Refused(Exception):
    """Dataverse did not do what was asked, or a thing that was named is not there."""


@dataclass(frozen=True)
class Dataverse:
    """The Web API of one environment; `dry` tells of writes instead of sending them."""

    client: httpx.Client
    dry: bool = False

    def rows(self, entity_set: str, select: str, condition: str) -> list[dict[str, Any]]:
        """The rows that meet the condition."""
        answer = self.client.get(f"{entity_set}?$select={select}&$filter={quote(condition, safe='()=,$')}")
        return list(self._checked(answer).json()["value"])

    def one(self, entity_set: str, select: str, condition: str, what: str) -> dict[str, Any]:
        """The one row that meets the condition. Raises Refused when there is none."""
        found = self.rows(entity_set, select, condition)
        if not found:
            raise Refused(f"There is no {what}.")
        return found[0]

    def add(self, path: str, body: dict[str, Any], what: str) -> str:
        """Makes a row, and gives its id; blank in a dry run."""
        print(f"{'would make' if self.dry else 'making'} {what}")
        if self.dry:
            return ""
        answer = self._checked(self.client.post(path, json=body))
        return str(answer.headers.get("OData-EntityId", "")).rpartition("(")[2].rstrip(")")

    @staticmethod
    def _checked(answer: httpx.Response) -> httpx.Response:
        if answer.is_error:
            try:
                reason = str(answer.json()["error"]["message"])
            except (ValueError, LookupError, TypeError):
                reason = answer.reason_phrase
            raise Refused(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {reason}")
        return answer


def literal(value: str) -> str:
    """A string as OData writes it."""
    return "'" + value.replace("'", "''") + "'"


def make_user(dataverse: Dataverse, client_id: str, roles: Sequence[str], business_unit: str = "") -> None:
    """Makes the application user in a business unit (blank: the root), and gives it the roles of that unit."""
    condition = f"name eq {literal(business_unit)}" if business_unit else "_parentbusinessunitid_value eq null"
    unit = dataverse.one("businessunits", "businessunitid,name", condition, f"business unit {business_unit!r}")
    unit_id = str(unit["businessunitid"])
    found = dataverse.rows("systemusers", "systemuserid,_businessunitid_value", f"applicationid eq {client_id}")
    if found:
        user = str(found[0]["systemuserid"])
        unit_id = str(found[0].get("_businessunitid_value") or unit_id)
        print("the application user is there")
    else:
        body = {"applicationid": client_id, "businessunitid@odata.bind": f"/businessunits({unit_id})"}
        user = dataverse.add("systemusers", body, f"the application user in {unit['name']}")
    for role in roles:
        _give(dataverse, user, role, unit_id)


def _give(dataverse: Dataverse, user: str, role: str, unit_id: str) -> None:
    condition = f"name eq {literal(role)} and _businessunitid_value eq {unit_id}"
    role_id = str(dataverse.one("roles", "roleid", condition, f"security role {role!r}")["roleid"])
    if user:
        held = dataverse.rows(f"systemusers({user})/systemuserroles_association", "roleid", f"roleid eq {role_id}")
        if held:
            print(f"it has the role {role}")
            return
    reference = {"@odata.id": f"{str(dataverse.client.base_url).rstrip('/')}/roles({role_id})"}
    dataverse.add(f"systemusers({user})/systemuserroles_association/$ref", reference, f"its role {role}")


def tables() -> list[str]:
    """Logical names of the Sales tables that a built-in template reads as header or line."""
    entity_sets = {
        task.source.entity
        for template in builtin_templates().values()
        if template.source == "sales"
        for task in template.tasks
        if not task.source.self
    }
    return sorted(catalog.sales_table_by_set(one).name for one in entity_sets)


def make_events(dataverse: Dataverse, host: str, queue: str, rule: str, key: str, names: Iterable[str]) -> None:
    """Makes the service endpoint for the queue, and a step per table and message. An endpoint that is there keeps its
    key: to change the key, change it in the endpoint, or delete the endpoint first."""
    known = dataverse.rows("serviceendpoints", "serviceendpointid", f"name eq {literal(ENDPOINT)}")
    if known:
        endpoint = str(known[0]["serviceendpointid"])
        print("the service endpoint is there")
    else:
        body = {
            "name": ENDPOINT,
            "contract": _QUEUE,
            "messageformat": _JSON,
            "connectionmode": _NORMAL,
            "authtype": _SAS_KEY,
            "namespaceformat": _NAMESPACE_ADDRESS,
            "namespaceaddress": f"sb://{host}/",
            # Required of every endpoint: who acted is in the message, and the address above says which namespace.
            "userclaim": _NO_CLAIM,
            "solutionnamespace": "",
            "path": queue,
            "saskeyname": rule,
            "saskey": key,
        }
        endpoint = dataverse.add("serviceendpoints", body, f"the service endpoint {ENDPOINT!r}")
    for name, message in _steps(names):
        _make_step(dataverse, endpoint, name, message)


def _steps(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        for message in MESSAGES:
            yield name, message


def _make_step(dataverse: Dataverse, endpoint: str, table: str, message: str) -> None:
    name = f"{ENDPOINT}: {message} of {table}"
    if dataverse.rows("sdkmessageprocessingsteps", "sdkmessageprocessingstepid", f"name eq {literal(name)}"):
        print(f"{name}: is there")
        return
    message_id = dataverse.one("sdkmessages", "sdkmessageid", f"name eq {literal(message)}", f"message {message}")
    condition = f"_sdkmessageid_value eq {message_id['sdkmessageid']} and primaryobjecttypecode eq {literal(table)}"
    fit = dataverse.one("sdkmessagefilters", "sdkmessagefilterid", condition, f"message {message} of {table}")
    body = {
        "name": name,
        "mode": _ASYNCHRONOUS,
        "stage": _POST_OPERATION,
        "rank": 1,
        "supporteddeployment": _SERVER_ONLY,
        # Jobs that went well would fill the table of system jobs.
        "asyncautodelete": True,
        "sdkmessageid@odata.bind": f"/sdkmessages({message_id['sdkmessageid']})",
        "sdkmessagefilterid@odata.bind": f"/sdkmessagefilters({fit['sdkmessagefilterid']})",
        "eventhandler_serviceendpoint@odata.bind": f"/serviceendpoints({endpoint})",
    }
    dataverse.add("sdkmessageprocessingsteps", body, name)


def connect(url: str, *, dry: bool) -> Dataverse:
    """The environment at that address, signed in to as Azure CLI is."""
    token = AzureCliCredential().get_token(scope_of(url)).token
    headers = {"Authorization": f"Bearer {token}", "OData-MaxVersion": "4.0", "OData-Version": "4.0"}
    base = f"{url.rstrip('/')}/api/data/v9.2/"
    return Dataverse(httpx.Client(base_url=base, headers=headers, timeout=120.0), dry)


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dataverse.py", description="Steps in Dataverse after a deployment.")
    parser.add_argument("--url", default=os.environ.get("P2C_SALES_URL", ""), help="address of the environment")
    parser.add_argument("--dry-run", action="store_true", help="tell, and write nothing")
    actions = parser.add_subparsers(dest="action", required=True)
    user = actions.add_parser("user", help="the application user and its roles")
    user.add_argument("--client-id", default=os.environ.get("P2C_IDENTITY_CLIENT_ID", ""), help="of the app's identity")
    user.add_argument("--role", action="append", required=True, help="name of a security role; may be repeated")
    user.add_argument("--business-unit", default="", help="name; without it, the root business unit")
    events = actions.add_parser("events", help="the service endpoint and its steps; its key comes from P2C_INBOX_KEY")
    events.add_argument(
        "--host", required=True, help="of the ingress namespace, for example NAME.servicebus.windows.net"
    )
    events.add_argument("--queue", default=os.environ.get("P2C_INBOX_QUEUE", "p2c-inbox"))
    events.add_argument("--rule", default=os.environ.get("P2C_INBOX_SEND_RULE", "senders"))
    chosen = parser.parse_args(given)
    if not chosen.url.startswith("https://"):
        parser.error("--url (or P2C_SALES_URL) must be an https address")
    if chosen.action == "user" and not chosen.client_id:
        parser.error("--client-id (or P2C_IDENTITY_CLIENT_ID) is needed")
    if chosen.action == "events" and not chosen.dry_run and not os.environ.get("P2C_INBOX_KEY"):
        parser.error("P2C_INBOX_KEY must hold the key of the rule; it is not taken from the command line")
    return chosen


def main(given: Sequence[str] | None = None) -> int:
    """Does what is asked. Gives 1 when Dataverse, or signing in, refused."""
    chosen = _arguments(given)
    try:
        dataverse = connect(chosen.url, dry=chosen.dry_run)
        if chosen.action == "user":
            make_user(dataverse, chosen.client_id, chosen.role, chosen.business_unit)
        else:
            key = os.environ.get("P2C_INBOX_KEY", "")
            make_events(dataverse, chosen.host, chosen.queue, chosen.rule, key, tables())
    except (Refused, P2CError, AzureError, httpx.HTTPError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
