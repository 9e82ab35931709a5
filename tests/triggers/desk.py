"""The app's functions without a host: requests as the worker hands them over, the real queues' stand-in, a folder."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import azure.functions as func
from pydantic import SecretStr

from p2c.lanes.parts import Parts
from p2c.settings import AppSettings, BusSettings
from p2c.triggers.access import auth_level
from p2c.triggers.events import events
from p2c.triggers.http import http
from sandbox.servicebus import Broker, QueueOptions, ServiceBus

HOST = "https://p2c.example"
PROJECT: dict[str, Any] = {
    "name": "test",
    "connectionSet": {
        "sales": {"url": "https://contoso.crm.dynamics.com"},
        "finops": {"url": "https://contoso.operations.dynamics.com"},
        "legalEntities": {"usmf": {"businessUnits": ["US"]}, "demf": {"businessUnits": ["DE"]}},
        "masterLegalEntity": "usmf",
    },
}


@dataclass
class Desk:
    """The functions by name, and the queues that they send to."""

    parts: Parts
    broker: Broker
    functions: dict[str, Any]

    async def call(
        self,
        name: str,
        method: str = "GET",
        path: str = "",
        *,
        body: object = None,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        **route: str,
    ) -> func.HttpResponse:
        """What the function of that name answers."""
        sent = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        url = f"{HOST}/api/{path or name}"
        query = dict(pair.partition("=")[::2] for pair in urlsplit(url).query.split("&") if pair)
        request = func.HttpRequest(method, url, headers=headers or {}, params=query, route_params=route, body=sent)
        answer = await self.functions[name](request)
        assert isinstance(answer, func.HttpResponse)
        return answer

    def work(self) -> list[dict[str, Any]]:
        """The messages on the lanes."""
        return [json.loads(one.draft.body) for one in self.broker.active("p2c-work")]


@asynccontextmanager
async def desk(folder: Path, **settings: Any) -> AsyncIterator[Desk]:
    """The functions with a project of two legal entities in the folder."""
    file = folder / "p2c.json"
    if not file.exists():
        file.write_text(json.dumps(PROJECT), encoding="utf-8")
    window = timedelta(hours=1)
    broker = Broker(
        [QueueOptions("p2c-work", requires_session=True, duplicate_window=window), QueueOptions("p2c-inbox")]
    )
    with ServiceBus(broker) as bus:
        given = {
            "project": file,
            "state": str(folder / "state"),
            "work": BusSettings(token=SecretStr("sandbox")),
            "work_url": bus.url,
            "webhook_key": SecretStr("the key"),
        }
        parts = Parts(AppSettings(**(given | settings)))
        blueprints = (http(parts, auth_level(parts.settings)), events(parts))
        found = {
            builder._function.get_function_name(): builder._function.get_user_function()
            for blueprint in blueprints
            for builder in blueprint._function_builders
        }
        try:
            yield Desk(parts, broker, found)
        finally:
            await parts.close()


def content(answer: func.HttpResponse) -> dict[str, Any]:
    """The JSON of an answer."""
    found = json.loads(answer.get_body())
    assert isinstance(found, dict)
    return found


def principal(*roles: str, typ: str = "roles") -> dict[str, str]:
    """The header in which the platform hands over who is signed in."""
    claims = [{"typ": "name", "val": "somebody"}, *({"typ": typ, "val": role} for role in roles)]
    text = json.dumps({"auth_typ": "aad", "claims": claims, "name_typ": "name", "role_typ": typ})
    return {"x-ms-client-principal": base64.b64encode(text.encode()).decode()}
