"""The OpenAPI 3.1 document of the HTTP API, made of the same models that check its bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from p2c import __version__
from p2c.lanes.api import (
    CheckList,
    Couple,
    DeadLetter,
    DeadLetterList,
    Health,
    LegalEntityList,
    Replay,
    RunList,
    RunStatus,
    StartRun,
    SyncRecord,
    TemplateList,
)
from p2c.triggers.access import Role

_SCHEMAS = "#/components/schemas/{model}"
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong, as RFC 9457 has it.",
    "required": ["type", "title", "status", "detail", "correlationId"],
    "properties": {
        "type": {"type": "string", "description": "urn:p2c:problem: and the kind of the error."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What to do about it."},
        "correlationId": {"type": "string", "description": "The log has more under this id."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
_PROBLEMS = {
    "401": "Nobody is signed in.",
    "403": "The caller lacks the role.",
    "404": "There is no such thing.",
    "409": "The idempotency key was used for something else.",
    "413": "The body is too large.",
    "422": "A field is wrong, or does not fit this project.",
    "500": "The app is set up wrongly, or failed.",
    "503": "Try again later.",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API. `query` are its parameters: name → (type, description)."""

    method: Literal["get", "post", "delete"]
    path: str
    id: str
    summary: str
    description: str
    answers: Mapping[int, type[BaseModel]]
    role: Role | None
    body: type[BaseModel] | None = None
    query: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    problems: Sequence[int] = (401, 403, 500, 503)


_BY_ID = (401, 403, 404, 500, 503)
_POSTED = (401, 403, 404, 409, 413, 422, 500, 503)
_PATH_WORDS = {
    "id": "The id that the answer before gave.",
    "template": "The id of a template.",
    "key": "The record's key at its source; key columns are joined by a bar.",
}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "post",
        "/runs",
        "StartRun",
        "Start a run",
        "Starts a run of a template. The answer comes at once; ask under Location until it is no longer 202.",
        {202: RunStatus},
        Role.RUN,
        StartRun,
        problems=_POSTED,
    ),
    Operation(
        "get",
        "/runs",
        "ListRuns",
        "List runs",
        "The latest runs of all templates, newest first, whatever started them.",
        {200: RunList},
        Role.READ,
        query={"limit": ("integer", "How many at most, 20 when left out.")},
        problems=(*_BY_ID, 422),
    ),
    Operation(
        "get",
        "/runs/{id}",
        "GetRun",
        "Get a run",
        "Where a run stands: 202 while it is under way, then 200 with its counts and, if any, its error.",
        {200: RunStatus, 202: RunStatus},
        Role.READ,
        problems=_BY_ID,
    ),
    Operation(
        "delete",
        "/runs/{id}",
        "CancelRun",
        "Cancel a run",
        "Has a run stop at the end of the page that it is in. What it has written stays.",
        {200: RunStatus, 202: RunStatus},
        Role.RUN,
        problems=_BY_ID,
    ),
    Operation(
        "post",
        "/records/{template}/{key}/sync",
        "SyncRecordByPath",
        "Synchronize the record of a path",
        "Synchronizes one record now, read fresh from its source, and answers with what became of it.",
        {200: RunStatus, 202: RunStatus},
        Role.RUN,
        SyncRecord,
        problems=_POSTED,
    ),
    Operation(
        "post",
        "/records/{template}/sync",
        "SyncRecord",
        "Synchronize a record",
        "Synchronizes the record whose key the body names, read fresh, and answers with what became of it.",
        {200: RunStatus, 202: RunStatus},
        Role.RUN,
        SyncRecord,
        problems=_POSTED,
    ),
    Operation(
        "get",
        "/templates",
        "ListTemplates",
        "List templates",
        "The templates of the project in the order in which they depend on each other.",
        {200: TemplateList},
        Role.READ,
    ),
    Operation(
        "get",
        "/legal-entities",
        "ListLegalEntities",
        "List legal entities",
        "The legal entities of the connection set.",
        {200: LegalEntityList},
        Role.READ,
    ),
    Operation(
        "get",
        "/dead-letters",
        "ListDeadLetters",
        "List dead letters",
        "Records that need a person, and messages that could not be handled, with the reasons.",
        {200: DeadLetterList},
        Role.READ,
        query={
            "template": ("string", "Only of this template."),
            "limit": ("integer", "How many at most, 100 when left out."),
        },
        problems=(*_BY_ID, 422),
    ),
    Operation(
        "get",
        "/dead-letters/{id}",
        "GetDeadLetter",
        "Get a dead letter",
        "One dead letter. When it went through meanwhile there is none any more.",
        {200: DeadLetter},
        Role.READ,
        problems=_BY_ID,
    ),
    Operation(
        "post",
        "/dead-letters/replay",
        "ReplayDeadLetters",
        "Replay dead letters",
        "Reads the records again and synchronizes them as they are now; a copy of old is never written.",
        {202: RunStatus},
        Role.REPLAY,
        Replay,
        problems=_POSTED,
    ),
    Operation(
        "post",
        "/dead-letters/couple",
        "CoupleDeadLetters",
        "Couple dead letters",
        "Confirms that each record is the one that has its number, and synchronizes it. The dead letter, whose rule "
        "must be number-taken, shows both records.",
        {202: RunStatus},
        Role.REPLAY,
        Couple,
        problems=_POSTED,
    ),
    Operation(
        "get",
        "/checks",
        "RunChecks",
        "Check the app",
        "Looks at the project, the state, both systems, the queue and the latest runs, and says what it found.",
        {200: CheckList},
        Role.READ,
        query={"hours": ("integer", "Without a successful run for so long a template is a warning; 24 when left out.")},
        problems=(401, 403, 422, 500, 503),
    ),
    Operation(
        "get",
        "/openapi.json",
        "GetDefinition",
        "Get the definition",
        "This document.",
        {},
        Role.READ,
    ),
    Operation(
        "get",
        "/health",
        "GetHealth",
        "Get the health",
        "Whether the app could load its project. Anonymous, and says nothing else.",
        {200: Health, 503: Health},
        None,
        problems=(),
    ),
)


@cache
def document() -> dict[str, Any]:
    """The document."""
    models = {one for operation in OPERATIONS for one in _models(operation)}
    ordered = sorted(models, key=lambda one: one.__name__)
    _, definitions = models_json_schema([(one, "validation") for one in ordered], ref_template=_SCHEMAS)
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS:
        paths.setdefault(one.path, {})[one.method] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Prospect to cash",
            "version": __version__,
            "description": "Runs, records and dead letters of the synchronization between Sales and F&O.",
        },
        "servers": [{"url": "/api"}],
        "security": [{"function_key": []}, {"entra": []}],
        "paths": paths,
        "components": {
            "schemas": {**definitions["$defs"], "Problem": _PROBLEM},
            "securitySchemes": {
                "function_key": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
                "entra": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


def _models(operation: Operation) -> list[type[BaseModel]]:
    return [*operation.answers.values(), *([operation.body] if operation.body else [])]


def _operation(one: Operation) -> dict[str, Any]:
    content: dict[str, Any] = {
        "operationId": one.id,
        "summary": one.summary,
        "description": one.description,
        "responses": {str(status): _response(status, model) for status, model in one.answers.items()}
        or {"200": {"description": "The document."}},
    }
    content["responses"] |= {
        str(status): {
            "description": _PROBLEMS[str(status)],
            "content": {"application/problem+json": {"schema": {"$ref": _SCHEMAS.format(model="Problem")}}},
        }
        for status in one.problems
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "description": text, "schema": {"type": "string"}}
        for name, text in _PATH_WORDS.items()
        if f"{{{name}}}" in one.path
    ]
    parameters += [
        {"name": name, "in": "query", "description": text, "schema": {"type": kind}}
        for name, (kind, text) in one.query.items()
    ]
    if parameters:
        content["parameters"] = parameters
    if one.body is not None:
        content["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": _SCHEMAS.format(model=one.body.__name__)}}},
        }
    if one.role is None:
        content["security"] = []
    else:
        content["x-p2c-role"] = one.role.value
    return content


def _response(status: int, model: type[BaseModel]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": "Under way." if status == 202 else (model.__doc__ or "").strip().partition("\n")[0],
        "content": {"application/json": {"schema": {"$ref": _SCHEMAS.format(model=model.__name__)}}},
    }
    if status == 202:
        found["headers"] = {
            "Location": {"description": "Where to ask again.", "schema": {"type": "string", "format": "uri"}},
            "Retry-After": {"description": "Seconds to wait before.", "schema": {"type": "integer"}},
        }
    return found
