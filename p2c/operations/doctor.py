"""A deployment looked at from outside: does it live, does it refuse strangers, and what does it find itself.

The key or token goes to the address that was given and nowhere else: redirects are not followed, and to any host but
this machine only over https.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ValidationError

from p2c.errors import ConfigError
from p2c.operations.checks import Check, Verdict
from p2c.systems.odata.address import is_loopback

ANSWER_SECONDS = 230.0
"""How long Azure's front end waits for an app at most."""

_REFUSED = (401, 403)


class _One(BaseModel):
    name: str
    verdict: Verdict
    why: str
    hint: str = ""
    seconds: float = 0.0


class _Answer(BaseModel):
    checks: list[_One]


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found, outside first. `refused`: the app did not take the key or token."""

    checks: list[Check]
    refused: bool = False

    @property
    def verdict(self) -> Literal["ok", "warning", "failed"]:
        """The worst of all; what could not be looked at does not count."""
        found = {one.verdict for one in self.checks}
        return "failed" if "failed" in found else "warning" if "warning" in found else "ok"


async def examine(
    url: str, *, key: str = "", token: str = "", hours: int = 24, transport: httpx.AsyncBaseTransport | None = None
) -> Examination:
    """Looks at the app at this address (`https://app.azurewebsites.net`), as the owner of a function key or token.

    Raises ConfigError for an address that cannot be one, or to which a secret would go in the clear.
    """
    base = _base(url)
    secret = {"x-functions-key": key} if key else {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(
        base_url=base,
        timeout=httpx.Timeout(ANSWER_SECONDS, connect=30.0),
        trust_env=not is_loopback(base),
        transport=transport,
    ) as http:
        health = await _health(http)
        if health.why == _SILENT:
            return Examination([health])
        checks = [health, await _stranger(http)]
        if not secret:
            hint = "Give a function key (--key, P2C_DOCTOR_KEY) or a token (P2C_DOCTOR_TOKEN)."
            checks.append(Check("checks", "warning", "What the app finds itself was not asked for.", hint))
            return Examination(checks)
        inside, refused = await _inside(http, secret, hours)
        return Examination(checks + inside, refused)


_SILENT = "The app does not answer."


def _base(url: str) -> str:
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username or parts.password:
        raise ConfigError(
            "That is not the address of an app.", hint="It looks like https://app.azurewebsites.net, without a key."
        )
    if parts.scheme == "http" and not is_loopback(url.strip()):
        raise ConfigError(f"A key is not sent in the clear: {parts.hostname} needs https.")
    path = parts.path.rstrip("/").removesuffix("/api")
    return f"{parts.scheme}://{parts.netloc}{path}"


async def _health(http: httpx.AsyncClient) -> Check:
    answer, seconds = await _ask(http, "/api/health")
    if answer is None:
        return Check("health", "failed", _SILENT, "Look at the address, and whether the app is started.", seconds)
    if answer.status_code == 200 and _json(answer) == {"status": "ok"}:
        return Check("health", "ok", "The app lives, and tells strangers nothing else.", "", seconds)
    if answer.status_code == 200:
        hint = "Look at the address; if it is right, publish the app again."
        return Check("health", "failed", "Something answers that is not the app, or tells too much.", hint, seconds)
    if answer.status_code == 503 and _json(answer) == {"status": "broken"}:
        hint = "See below, or the log: the project file or a template is wrong."
        return Check("health", "failed", "The app lives, and cannot load its project.", hint, seconds)
    hint = "Health must be open to everybody." if answer.status_code in _REFUSED else "Was the app published?"
    return Check("health", "failed", f"Health answered with {answer.status_code}.", hint, seconds)


async def _stranger(http: httpx.AsyncClient) -> Check:
    answer, seconds = await _ask(http, "/api/runs?limit=1")
    name = "strangers"
    if answer is None:
        return Check(name, "failed", _SILENT, "It answered a moment ago: try again, and look at its log.", seconds)
    if answer.status_code in _REFUSED:
        return Check(name, "ok", f"A caller without key or token is refused ({answer.status_code}).", "", seconds)
    if answer.is_redirect:
        hint = "Set what happens to unauthenticated requests to 401."
        return Check(name, "warning", "A caller without key or token is sent to sign in.", hint, seconds)
    if answer.is_success:
        hint = "Stop the app, and look at its authentication settings (P2C_EASY_AUTH)."
        return Check(name, "failed", "A caller without key or token is answered.", hint, seconds)
    hint = "The app may be starting: try again, and look at its log."
    return Check(name, "warning", f"A caller without key or token got {answer.status_code}, not 401.", hint, seconds)


async def _inside(http: httpx.AsyncClient, secret: dict[str, str], hours: int) -> tuple[list[Check], bool]:
    answer, seconds = await _ask(http, f"/api/checks?hours={hours}", secret)
    name = "checks"
    if answer is None:
        hint = "It asks both systems, with a time limit for each: try again, and look at its log."
        return [Check(name, "failed", "The app did not answer with what it finds itself.", hint, seconds)], False
    if answer.status_code in _REFUSED:
        hint = "Is it a key of this app (or its host key)? A token needs the role P2C.Read."
        why = f"The app refused the key or token ({answer.status_code})."
        return [Check(name, "failed", why, hint, seconds)], True
    if answer.status_code == 404:
        return [Check(name, "failed", "The app does not know /api/checks.", "It is older: publish it.", seconds)], False
    if answer.status_code != 200:
        why = f"The app answered with {answer.status_code} instead of what it finds itself."
        return [Check(name, "failed", why, "The log of the app has more.", seconds)], False
    try:
        found = _Answer.model_validate_json(answer.content).checks
    except ValidationError:
        hint = "Has this p2c another version than the app? Publish the app, or use the p2c that it was published with."
        return [Check(name, "failed", "The answer is not one that this p2c knows.", hint, seconds)], False
    return [Check(one.name, one.verdict, one.why, one.hint, one.seconds) for one in found], False


async def _ask(
    http: httpx.AsyncClient, path: str, headers: dict[str, str] | None = None
) -> tuple[httpx.Response | None, float]:
    began = time.monotonic()
    try:
        answer: httpx.Response | None = await http.get(path, headers=headers)
    except httpx.RequestError:
        answer = None
    return answer, round(time.monotonic() - began, 3)


def _json(answer: httpx.Response) -> object:
    try:
        return answer.json()
    except ValueError:
        return None
