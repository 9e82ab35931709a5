"""The scripts around a deployment: what they find, what they make, and that they make it once."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from p2c.templates.load import builtin_templates
from p2c.templates.project import effective_templates, load_project
from p2c.triggers.answers import CORRELATION
from tests.infra.bicep import INFRA, PARAMETERS, ROOT

SCRIPTS = INFRA / "scripts"
CLIENT = "11111111-2222-3333-4444-555555555555"
UNIT = "aaaaaaaa-0000-0000-0000-000000000001"


@cache
def script(name: str) -> ModuleType:
    """A script as a module: they are files to run, not a package."""
    spec = spec_from_file_location(f"infra_scripts_{name}", SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class TinyDataverse:
    """A few tables that take rows and find them by `column eq value`, conditions joined by `and`."""

    def __init__(self) -> None:
        self.tables: dict[str, list[dict[str, Any]]] = {
            "businessunits": [{"businessunitid": UNIT, "name": "Contoso", "_parentbusinessunitid_value": None}],
            "roles": [{"roleid": "r1", "name": "p2c integration", "_businessunitid_value": UNIT}],
            "sdkmessages": [{"sdkmessageid": f"m-{name}", "name": name} for name in ("Create", "Update", "Delete")],
            "sdkmessagefilters": [],
        }
        self.writes: list[tuple[str, dict[str, Any]]] = []
        self.refuse = False

    def supports(self, *names: str) -> None:
        self.tables["sdkmessagefilters"] = [
            {
                "sdkmessagefilterid": f"f-{name}-{message['name']}",
                "_sdkmessageid_value": message["sdkmessageid"],
                "primaryobjecttypecode": name,
            }
            for name in names
            for message in self.tables["sdkmessages"]
        ]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/data/v9.2/")
        if self.refuse:
            return httpx.Response(
                403, json={"error": {"code": "0x80040220", "message": "Principal lacks a privilege."}}
            )
        if request.method == "GET":
            return httpx.Response(200, json={"value": self._found(path, request.url.params["$filter"])})
        body = json.loads(request.content)
        self.writes.append((path, body))
        row_id = str(uuid.uuid4())
        self._keep(path, body, row_id)
        address = f"https://contoso.crm.dynamics.com/api/data/v9.2/{path}({row_id})"
        return httpx.Response(204, headers={"OData-EntityId": address})

    def _keep(self, path: str, body: dict[str, Any], row_id: str) -> None:
        if path.endswith("/$ref"):
            role = re.search(r"roles\((.+)\)$", body["@odata.id"])
            assert role is not None
            self.tables.setdefault(path.removesuffix("/$ref"), []).append({"roleid": role[1]})
            return
        row = {name: value for name, value in body.items() if "@" not in name}
        self.tables.setdefault(path, []).append(row | {f"{path[:-1]}id": row_id})

    def _found(self, table: str, condition: str) -> list[dict[str, Any]]:
        wanted = dict(re.findall(r"(\w+) eq (null|'[^']*'|[\w-]+)", condition))
        return [
            row
            for row in self.tables.get(table, [])
            if all(_as_text(row.get(column)) == value.strip("'") for column, value in wanted.items())
        ]


def _as_text(value: object) -> str:
    return "null" if value is None else str(value)


@pytest.fixture
def tiny() -> TinyDataverse:
    return TinyDataverse()


@pytest.fixture
def client(tiny: TinyDataverse) -> Iterator[httpx.Client]:
    base = "https://contoso.crm.dynamics.com/api/data/v9.2/"
    with httpx.Client(base_url=base, transport=httpx.MockTransport(tiny)) as found:
        yield found


def test_the_application_user_is_made_with_its_role(tiny: TinyDataverse, client: httpx.Client) -> None:
    tool = script("dataverse")
    tool.make_user(tool.Dataverse(client), CLIENT, ["p2c integration"])
    (user_set, user), (reference, role) = tiny.writes
    assert (user_set, user) == (
        "systemusers",
        {"applicationid": CLIENT, "businessunitid@odata.bind": f"/businessunits({UNIT})"},
    )
    assert reference.endswith("/systemuserroles_association/$ref")
    assert role == {"@odata.id": "https://contoso.crm.dynamics.com/api/data/v9.2/roles(r1)"}


def test_what_is_there_is_not_made_again(tiny: TinyDataverse, client: httpx.Client) -> None:
    tool = script("dataverse")
    tiny.supports(*tool.tables())
    for _ in range(2):
        tool.make_user(tool.Dataverse(client), CLIENT, ["p2c integration"])
        tool.make_events(
            tool.Dataverse(client), "ns.servicebus.windows.net", "p2c-inbox", "senders", "k", tool.tables()
        )
        written = len(tiny.writes)
    assert written == len(tiny.writes) == 2 + 1 + 3 * len(tool.tables())


def test_a_role_that_is_not_there_is_told(tiny: TinyDataverse, client: httpx.Client) -> None:
    tool = script("dataverse")
    with pytest.raises(tool.Refused, match="no security role 'nobody'"):
        tool.make_user(tool.Dataverse(client), CLIENT, ["nobody"])


def test_a_dry_run_writes_nothing(tiny: TinyDataverse, client: httpx.Client) -> None:
    tool = script("dataverse")
    tiny.supports(*tool.tables())
    dry = tool.Dataverse(client, dry=True)
    tool.make_user(dry, CLIENT, ["p2c integration"])
    tool.make_events(dry, "ns.servicebus.windows.net", "p2c-inbox", "senders", "k", tool.tables())
    assert tiny.writes == []


def test_a_refusal_says_what_and_why(tiny: TinyDataverse, client: httpx.Client) -> None:
    tool = script("dataverse")
    tiny.refuse = True
    with pytest.raises(tool.Refused, match=r"GET .*businessunits: 403 Principal lacks a privilege"):
        tool.make_user(tool.Dataverse(client), CLIENT, [])


def test_steps_are_asynchronous_in_json_to_a_queue(tiny: TinyDataverse, client: httpx.Client) -> None:
    tool = script("dataverse")
    tiny.supports("quote")
    tool.make_events(tool.Dataverse(client), "ns.servicebus.windows.net", "p2c-inbox", "senders", "k", ["quote"])
    (_, endpoint), *steps = tiny.writes
    assert endpoint["namespaceaddress"] == "sb://ns.servicebus.windows.net/"
    # 6 is the queue of today's Service Bus; the columns that Dataverse requires of every endpoint are all there.
    assert (endpoint["contract"], endpoint["messageformat"], endpoint["path"]) == (6, 2, "p2c-inbox")
    assert {"name", "contract", "connectionmode", "path", "solutionnamespace", "userclaim"} <= set(endpoint)
    bound = {name for _, step in steps for name in step if name.endswith("@odata.bind")}
    assert bound == {
        f"{name}@odata.bind" for name in ("sdkmessageid", "sdkmessagefilterid", "eventhandler_serviceendpoint")
    }
    assert [step["mode"] for _, step in steps] == [1, 1, 1]
    assert {step["stage"] for _, step in steps} == {40}


def test_the_key_is_not_taken_from_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("P2C_INBOX_KEY", raising=False)
    with pytest.raises(SystemExit) as stopped:
        script("dataverse").main(["--url", "https://contoso.crm.dynamics.com", "events", "--host", "ns"])
    assert stopped.value.code == 2


def test_a_dry_run_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("P2C_INBOX_KEY", raising=False)
    chosen = script("dataverse")._arguments(
        ["--url", "https://a.crm.dynamics.com", "--dry-run", "events", "--host", "ns"]
    )
    assert chosen.dry_run


def test_every_table_that_sales_templates_read_sends_events() -> None:
    found = script("dataverse").tables()
    assert {"account", "contact", "quote", "quotedetail", "salesorder", "salesorderdetail"} <= set(found)


@pytest.mark.parametrize(
    ("sales", "finops", "project", "told"),
    [
        ("https://a.crm.dynamics.com", "https://a.operations.dynamics.com", "{}", []),
        ("", "https://a.operations.dynamics.com", "{}", ["P2C_SALES_URL"]),
        ("https://a.crm.dynamics.com", "http://a.operations.dynamics.com", "{}", ["P2C_FINOPS_URL"]),
        ("https://a.crm.dynamics.com", "https://a.operations.dynamics.com", "{", ["p2c.json cannot be read"]),
        ("https://a.crm.dynamics.com", "https://a.operations.dynamics.com", None, ["no project file p2c.json"]),
    ],
)
def test_a_deployment_is_stopped_before_it_begins(
    tmp_path: Path, sales: str, finops: str, project: str | None, told: list[str]
) -> None:
    if project is not None:
        (tmp_path / "p2c.json").write_text(project, encoding="utf-8")
    found = list(script("check").problems({"P2C_SALES_URL": sales, "P2C_FINOPS_URL": finops}, tmp_path))
    assert len(found) == len(told)
    assert all(part in problem for part, problem in zip(told, found, strict=True))


ENVIRONMENT = {
    "AZURE_LOCATION": "westeurope",
    "P2C_SALES_URL": "https://a.crm.dynamics.com",
    "P2C_FINOPS_URL": "https://a.operations.dynamics.com",
    "P2C_EASY_AUTH_CLIENT_ID": CLIENT,
    "P2C_ALERT_EMAILS": "a@example.com",
}
"""What a pipeline knows that deploys to prod."""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the parameter files, and a project file for prod only."""
    (tmp_path / "infra" / "parameters").mkdir(parents=True)
    for path in PARAMETERS[1:]:
        (tmp_path / "infra" / "parameters" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / "prod.json").write_text("{}", encoding="utf-8")
    return tmp_path


def test_a_pipeline_that_knows_everything_may_deploy(repository: Path) -> None:
    assert list(script("check").problems(ENVIRONMENT, repository, "prod")) == []


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
@pytest.mark.parametrize("blank", [True, False])
def test_what_production_insists_on_is_said_when_it_is_not_set(repository: Path, name: str, blank: bool) -> None:
    given = {one: value for one, value in ENVIRONMENT.items() if one != name} | ({name: ""} if blank else {})
    (told,) = script("check").problems(given, repository, "prod")
    assert told.startswith(name)
    assert "GitHub environment prod" in told


def test_a_pipeline_without_a_project_file_says_which(repository: Path) -> None:
    (told,) = script("check").problems(ENVIRONMENT, repository, "test")
    assert "projects/test.json" in told


def test_an_environment_that_nobody_knows(repository: Path) -> None:
    told = list(script("check").problems(ENVIRONMENT, repository, "acceptance"))
    assert "'acceptance'" in told[0]


def test_what_the_infrastructure_takes_from_the_project_is_what_p2c_makes_of_it(tmp_path: Path) -> None:
    own = json.loads((ROOT / "p2c" / "templates" / "builtin" / "01-accounts.json").read_text(encoding="utf-8"))
    for name, facts in (("own-a", {}), ("own-b", {"enabled": False}), ("own-c", {"schedule": ""})):
        (tmp_path / f"{name}.json").write_text(json.dumps({**own, "id": name, **facts}), encoding="utf-8")
    project = tmp_path / "p2c.json"
    changes = {
        "quotes": {"schedule": "0 */2 * * * *"},
        "invoices": {"enabled": False},
        "own-a": {"schedule": "0 0 5 * * *"},
    }
    urls = {"sales": {"url": "https://a.crm.dynamics.com"}, "finops": {"url": "https://a.operations.dynamics.com"}}
    raw = {
        "name": "x",
        "connectionSet": {**urls, "timeZone": "UTC", "legalEntities": {"usmf": {}}},
        "templates": changes,
        "templateFiles": ["own-a.json", "own-b.json", "own-c.json"],
    }
    project.write_text(json.dumps(raw), encoding="utf-8")
    found = {name: json.loads(value) for name, value in script("check").told(project).items()}

    known = effective_templates(load_project(project))
    assert set(found["P2C_WATCHED"]) == {name for name, one in known.items() if one.enabled and one.schedule}
    standard = {name: one.schedule for name, one in builtin_templates().items()}
    assert standard | found["P2C_SCHEDULES"] == {name: known[name].schedule for name in standard}


def test_a_timer_of_the_package_cannot_be_without_a_schedule(tmp_path: Path) -> None:
    (tmp_path / "p2c.json").write_text(json.dumps({"templates": {"quotes": {"schedule": ""}}}), encoding="utf-8")
    (told,) = script("check").problems(ENVIRONMENT, tmp_path)
    assert "quotes needs a schedule" in told


def test_a_shell_can_take_what_the_project_says(repository: Path) -> None:
    (repository / "infra" / "scripts").mkdir()
    for name in ("scripts/check.py", "schedules.json"):
        (repository / "infra" / name).write_bytes((INFRA / name).read_bytes())
    change = {"templates": {"quotes": {"schedule": "0 */2 * * * *"}}}
    (repository / "projects" / "prod.json").write_text(json.dumps(change), encoding="utf-8")
    command = f'eval "$({sys.executable} infra/scripts/check.py prod --shell)" && printf %s "$P2C_SCHEDULES"'
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=repository,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {"quotes": "0 */2 * * * *"}


class _App(BaseHTTPRequestHandler):
    """An app that is healthy and refuses whatever has no key, or forgets to (`open`), or is not asked (`excluded`)."""

    open: frozenset[str] = frozenset()
    excluded = True
    health = 200

    def _answer(self) -> None:
        status = self.health if self.path == "/api/health" else (200 if self.path in self.open else 401)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        if self.excluded and self.path.startswith("/api/webhooks/"):
            self.send_header("x-correlation-id", "1")
        self.end_headers()

    do_GET = do_POST = _answer  # noqa: N815 - names of http.server

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def serve() -> Iterator[Any]:
    servers: list[ThreadingHTTPServer] = []

    def start(**facts: Any) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("App", (_App,), facts))
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_smoke_passes_an_app_that_is_up_and_closed(serve: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert script("smoke").main([serve()]) == 0
    assert "refuses strangers" in capsys.readouterr().out


def test_smoke_finds_an_open_door(serve: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert script("smoke").main([serve(open=frozenset({"/api/webhooks/finops"}))]) == 1
    assert "POST /api/webhooks/finops answered 200" in capsys.readouterr().err


def test_smoke_finds_webhooks_that_nobody_can_reach(serve: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert script("smoke").main([serve(excluded=False)]) == 1
    told = capsys.readouterr().err
    assert told.count("was refused before the app saw it") == 2


def test_smoke_knows_the_app_by_its_own_header() -> None:
    assert script("smoke").OF_THE_APP == CORRELATION


def test_smoke_waits_for_health_no_longer_than_it_may(serve: Any) -> None:
    assert not script("smoke").healthy(serve(health=503), within=0.05, pause=0.02)


def test_smoke_tells_silence_from_an_answer() -> None:
    assert script("smoke").ask("GET", "http://127.0.0.1:9/api/health").status == 0


def test_smoke_wants_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("P2C_APP_URL", raising=False)
    assert script("smoke").main([]) == 2


def test_the_api_has_tokens_of_version_2_and_the_scope_that_the_connector_asks_for() -> None:
    api = json.loads((SCRIPTS / "app-api.json").read_text(encoding="utf-8"))["api"]
    (scope,) = api["oauth2PermissionScopes"]
    assert api["requestedAccessTokenVersion"] == 2
    assert "/v2.0'" in (INFRA / "modules" / "easy-auth.bicep").read_text(encoding="utf-8")
    assert f"`{scope['value']}`" in (ROOT / "connector" / "README.md").read_text(encoding="utf-8")
    cli = json.loads((SCRIPTS / "app-cli.json").read_text(encoding="utf-8"))["api"]["preAuthorizedApplications"]
    assert [one["delegatedPermissionIds"] for one in cli] == [[scope["id"]]]


def test_app_roles_are_the_three() -> None:
    roles = json.loads((SCRIPTS / "app-roles.json").read_text(encoding="utf-8"))
    assert {role["value"] for role in roles} == {"P2C.Run", "P2C.Read", "P2C.Replay"}
    assert len({role["id"] for role in roles}) == len(roles)
