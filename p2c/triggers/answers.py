"""Answers: JSON, and problems in the form of RFC 9457. Each carries the id by which its log records are found."""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import azure.functions as func
from pydantic import BaseModel, ValidationError

from p2c.errors import AuthError, ConfigError, P2CError, Problem, StateError, Throttled, Transient
from p2c.lanes.asking import AskedOtherwise
from p2c.lanes.journal import kind_and_place
from p2c.lanes.messages import Malformed, problems_of
from p2c.lanes.parts import Parts, Refused, Unknown
from p2c.triggers import access
from p2c.triggers.access import NotAllowed, NotSignedIn, Role

M = TypeVar("M", bound=BaseModel)
_LOG = logging.getLogger(__name__)

CORRELATION = "x-correlation-id"
LARGEST_BODY = 256 * 1024
_GIVEN_IDS = (CORRELATION, "x-ms-client-request-id", "x-ms-correlation-request-id")
_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

# What went wrong → status and title. 4xx are final for a flow; what may pass is 503, which it tries again by itself.
_KINDS: Sequence[tuple[type[P2CError], int, str]] = (
    (NotSignedIn, 401, "Not signed in"),
    (NotAllowed, 403, "Not allowed"),
    (Unknown, 404, "Not found"),
    (AskedOtherwise, 409, "Idempotency key used before"),
    (Refused, 422, "Does not fit this project"),
    (Malformed, 422, "Malformed request"),
    (Throttled, 503, "Try again later"),
    (Transient, 503, "Try again later"),
    (StateError, 503, "The state cannot be used"),
    (AuthError, 500, "The app's own identity was refused"),
    (ConfigError, 500, "The app is set up wrongly"),
)


class TooLarge(P2CError):
    """The body is larger than anything that is asked here."""

    code = "too_large"


@dataclass(frozen=True, slots=True)
class Call:
    """A request that may be answered: its parts, and the id that goes through logs, messages and the answer."""

    request: func.HttpRequest
    correlation_id: str

    def body(self, model: type[M]) -> M:
        """The body as a model; an empty one counts as `{}`. Raises Malformed and TooLarge."""
        raw = self.request.get_body() or b""
        if len(raw) > LARGEST_BODY:
            raise TooLarge(f"The body has more than {LARGEST_BODY} bytes.")
        try:
            return model.model_validate_json(raw.strip() or b"{}")
        except ValidationError as error:
            raise Malformed("The request is malformed:", problems=problems_of(error)) from error

    def number(self, name: str, default: int, most: int) -> int:
        """A whole number of the query, from 1. Raises Malformed."""
        text = self.request.params.get(name) or str(default)
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise Malformed(f"{name} must be a number from 1 to {most}.")
        return int(text)


Handler = Callable[[Call], Awaitable[func.HttpResponse]]


async def answer(parts: Parts, request: func.HttpRequest, role: Role, handler: Handler) -> func.HttpResponse:
    """The handler's answer to a caller that may ask, or the problem that stood in its way."""
    call = Call(request, correlation_of(request.headers))
    try:
        access.check(parts.settings, request.headers, role)
        return _with_id(await handler(call), call.correlation_id)
    except Exception as error:
        return problem(error, call.correlation_id)


def json_answer(
    content: BaseModel | dict[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> func.HttpResponse:
    """JSON, names in camelCase, decimals as text."""
    if isinstance(content, BaseModel):
        body = content.model_dump_json(by_alias=True, exclude_none=True)
    else:
        body = json.dumps(content, ensure_ascii=False)
    return func.HttpResponse(
        body, status_code=status, mimetype="application/json", headers={**_NO_STORE, **(headers or {})}
    )


def problem(error: Exception, correlation_id: str) -> func.HttpResponse:
    """The problem details of an error. Of one that nobody foresaw only the correlation id is told."""
    status, title = _status_of(error)
    detail = str(error) if isinstance(error, P2CError) else "An unexpected error; the log has more under this id."
    code = error.code if isinstance(error, P2CError) else "unexpected"
    if status >= 500:
        # Without the traceback: what is raised somewhere below may quote values.
        reason = detail if isinstance(error, P2CError) else kind_and_place(error)
        facts = {"p2c_correlation": correlation_id, "p2c_error": code, "p2c_reason": reason}
        _LOG.error("request failed", extra=facts)
    content: dict[str, Any] = {
        "type": f"urn:p2c:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "correlationId": correlation_id,
    }
    found: tuple[Problem, ...] = getattr(error, "problems", ())
    if found:
        content["errors"] = [{"pointer": one.pointer, "detail": one.message} for one in found]
    headers = {**_NO_STORE, CORRELATION: correlation_id}
    if status == 503:
        headers["Retry-After"] = "30"
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return func.HttpResponse(
        json.dumps(content, ensure_ascii=False),
        status_code=status,
        mimetype="application/problem+json",
        headers=headers,
    )


def correlation_of(headers: Mapping[str, str]) -> str:
    """The caller's id for the request, if it has a sound one; else a new one."""
    given = (headers.get(name, "") for name in _GIVEN_IDS)
    return next((one for one in given if _ID.fullmatch(one)), "") or str(uuid.uuid4())


def run_url(parts: Parts, request: func.HttpRequest, id_: str) -> str:
    """Where the status of a run is found: an absolute address, since flows follow it as it is."""
    base = parts.settings.public_url.rstrip("/")
    if not base:
        asked = urlsplit(request.url)
        base = f"{asked.scheme}://{asked.netloc}"
    return f"{base}/api/runs/{quote(id_, safe='')}"


def _status_of(error: Exception) -> tuple[int, str]:
    if isinstance(error, TooLarge):
        return 413, "Too large"
    for kind, status, title in _KINDS:
        if isinstance(error, kind):
            return status, title
    return 500, "Unexpected error"


def _with_id(response: func.HttpResponse, correlation_id: str) -> func.HttpResponse:
    response.headers[CORRELATION] = correlation_id
    return response
