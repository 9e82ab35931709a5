"""The HTTP API: start, watch and cancel runs; one record now; dead letters; what there is to choose from."""

from __future__ import annotations

import re

import azure.functions as func
from pydantic import ValidationError
from pydantic_settings import SettingsError

from p2c.errors import ConfigError
from p2c.lanes.api import (
    LONGEST_KEY,
    LONGEST_RECORD_KEY,
    CheckList,
    CheckResult,
    Couple,
    DeadLetterList,
    Health,
    LegalEntityInfo,
    LegalEntityList,
    Replay,
    RunList,
    RunStatus,
    StartRun,
    SyncRecord,
    TemplateInfo,
    TemplateList,
)
from p2c.lanes.asking import Asking
from p2c.lanes.fence import ENDED
from p2c.lanes.letters import Letters, by_lane
from p2c.lanes.messages import Malformed
from p2c.lanes.parts import Parts, Refused
from p2c.operations.checks import check_app
from p2c.state.conflicts import NUMBER_TAKEN
from p2c.triggers.access import Role
from p2c.triggers.answers import Call, answer, json_answer, run_url
from p2c.triggers.openapi import document

POLL_SECONDS = 10
_SLASH = re.compile("%2f", re.IGNORECASE)


def http(parts: Parts, level: func.AuthLevel) -> func.Blueprint:
    """The blueprint; `level` is what the host demands of callers."""
    bp = func.Blueprint()
    desk = _Desk(parts)

    @bp.function_name("runs")
    @bp.route("runs", methods=["POST", "GET"], auth_level=level)
    async def runs(req: func.HttpRequest) -> func.HttpResponse:
        if req.method == "POST":
            return await answer(parts, req, Role.RUN, desk.start)
        return await answer(parts, req, Role.READ, desk.list)

    @bp.function_name("run")
    @bp.route("runs/{id}", methods=["GET", "DELETE"], auth_level=level)
    async def run(req: func.HttpRequest) -> func.HttpResponse:
        if req.method == "DELETE":
            return await answer(parts, req, Role.RUN, desk.cancel)
        return await answer(parts, req, Role.READ, desk.status)

    @bp.function_name("record_sync")
    @bp.route("records/{template}/{key}/sync", methods=["POST"], auth_level=level)
    async def record_sync(req: func.HttpRequest) -> func.HttpResponse:
        return await answer(parts, req, Role.RUN, desk.record)

    @bp.function_name("record_sync_by_body")
    @bp.route("records/{template}/sync", methods=["POST"], auth_level=level)
    async def record_sync_by_body(req: func.HttpRequest) -> func.HttpResponse:
        return await answer(parts, req, Role.RUN, desk.record)

    @bp.function_name("templates")
    @bp.route("templates", methods=["GET"], auth_level=level)
    async def templates(req: func.HttpRequest) -> func.HttpResponse:
        return await answer(parts, req, Role.READ, desk.templates)

    @bp.function_name("legal_entities")
    @bp.route("legal-entities", methods=["GET"], auth_level=level)
    async def legal_entities(req: func.HttpRequest) -> func.HttpResponse:
        return await answer(parts, req, Role.READ, desk.legal_entities)

    @bp.function_name("dead_letters")
    @bp.route("dead-letters", methods=["GET"], auth_level=level)
    async def dead_letters(req: func.HttpRequest) -> func.HttpResponse:
        return await answer(parts, req, Role.READ, desk.dead_letters)

    @bp.function_name("dead_letter")
    @bp.route("dead-letters/{id}", methods=["GET"], auth_level=level)
    async def dead_letter(req: func.HttpRequest) -> func.HttpResponse:
        return await answer(parts, req, Role.READ, desk.dead_letter)

    @bp.function_name("dead_letters_replay")
    @bp.route("dead-letters/replay", methods=["POST"], auth_level=level)
    async def dead_letters_replay(req: func.HttpRequest) -> func.HttpResponse:
        return await answer(parts, req, Role.REPLAY, desk.replay)

    @bp.function_name("dead_letters_couple")
    @bp.route("dead-letters/couple", methods=["POST"], auth_level=level)
    async def dead_letters_couple(req: func.HttpRequest) -> func.HttpResponse:
        return await answer(parts, req, Role.REPLAY, desk.couple)

    _about_the_app(bp, parts, desk, level)
    return bp


def _about_the_app(bp: func.Blueprint, parts: Parts, desk: _Desk, level: func.AuthLevel) -> None:
    @bp.function_name("checks")
    @bp.route("checks", methods=["GET"], auth_level=level)
    async def checks(req: func.HttpRequest) -> func.HttpResponse:
        return await answer(parts, req, Role.READ, desk.checks)

    @bp.function_name("openapi")
    @bp.route("openapi.json", methods=["GET"], auth_level=level)
    async def openapi(req: func.HttpRequest) -> func.HttpResponse:
        return await answer(parts, req, Role.READ, desk.openapi)

    @bp.function_name("health")
    @bp.route("health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
    async def health(req: func.HttpRequest) -> func.HttpResponse:
        return desk.health()


class _Desk:
    """What the routes do, behind the door."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._asking = Asking(parts)
        self._letters = Letters(parts)

    async def start(self, call: Call) -> func.HttpResponse:
        asked = call.body(StartRun)
        key = asked.idempotency_key or _idempotency_key(call)
        request = await self._asking.start(asked.template, asked.legal_entities, asked.mode, key, call.correlation_id)
        return self._standing(call, await self._asking.status(request.id), accepted=True)

    async def list(self, call: Call) -> func.HttpResponse:
        return json_answer(RunList(runs=await self._asking.recent(call.number("limit", 20, 200))))

    async def status(self, call: Call) -> func.HttpResponse:
        return self._standing(call, await self._asking.status(_route(call, "id")))

    async def cancel(self, call: Call) -> func.HttpResponse:
        return self._standing(call, await self._asking.cancel(_route(call, "id")))

    async def record(self, call: Call) -> func.HttpResponse:
        asked = call.body(SyncRecord)
        in_path = _route(call, "key")
        if len(in_path) > LONGEST_RECORD_KEY:
            raise Malformed(f"The record's key has more than {LONGEST_RECORD_KEY} characters.")
        if bool(in_path) == bool(asked.key):
            raise Malformed("Name the record's key once: in the path, or in the body of /records/{template}/sync.")
        request = await self._asking.record(
            _route(call, "template"),
            in_path or asked.key,
            asked.legal_entity,
            asked.idempotency_key or _idempotency_key(call),
            call.correlation_id,
        )
        seconds = min(float(asked.wait_seconds), self._parts.settings.answer_seconds)
        return self._standing(call, await self._asking.wait(request.id, seconds))

    async def templates(self, call: Call) -> func.HttpResponse:
        infos = [
            TemplateInfo(
                id=one.id,
                name=one.name,
                description=one.description,
                source=one.source,
                destination=one.destination,
                enabled=one.enabled,
                runs_after=one.runs_after,
            )
            for one in self._parts.templates
        ]
        return json_answer(TemplateList(templates=infos))

    async def legal_entities(self, call: Call) -> func.HttpResponse:
        master = self._parts.project.connection_set.master
        found = [LegalEntityInfo(id=one, master=one == master) for one in self._parts.legal_entities]
        return json_answer(LegalEntityList(legal_entities=found))

    async def dead_letters(self, call: Call) -> func.HttpResponse:
        template = call.request.params.get("template") or ""
        found = await self._letters.all(template, limit=call.number("limit", 100, 1000))
        return json_answer(DeadLetterList(dead_letters=found))

    async def dead_letter(self, call: Call) -> func.HttpResponse:
        return json_answer(await self._letters.one(_route(call, "id")))

    async def replay(self, call: Call) -> func.HttpResponse:
        asked = call.body(Replay)
        if bool(asked.ids) == asked.all:
            raise Malformed("Name the dead letters by their ids, or say all, and not both.")
        key = asked.idempotency_key or _idempotency_key(call)
        question = {"ids": sorted(set(asked.ids)), "all": asked.all, "template": asked.template}
        request = await self._asking.replayed(question, key, call.correlation_id)
        # Asked again, those that went through since are not among the dead letters any more.
        ids = asked.ids
        if request is None:
            letters = await self._letters.chosen(asked.ids) if asked.ids else await self._letters.all(asked.template)
            if not letters:
                raise Refused("There is no dead letter to try again.")
            request = await self._asking.replay(question, by_lane(letters), key, call.correlation_id)
            ids = [one.id for one in letters]
        await self._letters.send_again(ids)
        return self._standing(call, await self._asking.status(request.id), accepted=True)

    async def couple(self, call: Call) -> func.HttpResponse:
        asked = call.body(Couple)
        key = asked.idempotency_key or _idempotency_key(call)
        question = {"ids": sorted(set(asked.ids))}
        request = await self._asking.replayed(question, key, call.correlation_id, kind="couple")
        if request is None:
            letters = await self._letters.chosen(asked.ids)
            if others := [one.key for one in letters if one.rule != NUMBER_TAKEN or one.line]:
                raise Refused(
                    f"The number of these records is not taken by another record: {', '.join(others[:20])}.",
                    hint="Leave out the dead letters whose rule is not number-taken, and those that name a line.",
                )
            request = await self._asking.replay(question, by_lane(letters), key, call.correlation_id, kind="couple")
        return self._standing(call, await self._asking.status(request.id), accepted=True)

    async def checks(self, call: Call) -> func.HttpResponse:
        found = await check_app(self._parts.settings, hours=call.number("hours", 24, 8760))
        return json_answer(
            CheckList(
                checks=[
                    CheckResult(name=one.name, verdict=one.verdict, why=one.why, hint=one.hint, seconds=one.seconds)
                    for one in found
                ]
            )
        )

    async def openapi(self, call: Call) -> func.HttpResponse:
        return json_answer(document())

    def health(self) -> func.HttpResponse:
        try:
            well = bool(self._parts.templates)
        except (ConfigError, ValidationError, SettingsError):
            well = False
        return json_answer(Health(status="ok" if well else "broken"), 200 if well else 503)

    def _standing(self, call: Call, status: RunStatus, *, accepted: bool = False) -> func.HttpResponse:
        """202 with where to ask again while it is under way, then 200. What was only just asked for is always 202."""
        url = run_url(self._parts, call.request, status.id)
        content = status.model_copy(update={"status_url": url})
        if status.status in ENDED and not accepted:
            return json_answer(content)
        return json_answer(content, 202, {"Location": url, "Retry-After": str(POLL_SECONDS)})


def _route(call: Call, name: str) -> str:
    """A part of the path. The host has decoded it, but for slashes, which would not have been one part then."""
    return _SLASH.sub("/", call.request.route_params.get(name) or "")


def _idempotency_key(call: Call) -> str:
    key = call.request.headers.get("idempotency-key") or ""
    if len(key) > LONGEST_KEY:
        raise Malformed(f"The idempotency key has more than {LONGEST_KEY} characters.")
    return key
