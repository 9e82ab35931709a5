"""Who may call: function keys, which the host checks, or the roles of a signed-in principal, which are checked here.

With `P2C_EASY_AUTH` on, the platform verifies the token and hands its claims over in a header; a request without it is
refused. The header can be believed only while the platform's authentication is on: one switch of the deployment sets
both, and where the platform says of itself that it is off nobody is let in.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import azure.functions as func

from p2c.errors import P2CError
from p2c.settings import AppSettings


class Role(StrEnum):
    """The app roles of the API's registration in Entra."""

    RUN = "P2C.Run"
    READ = "P2C.Read"
    REPLAY = "P2C.Replay"


class NotSignedIn(P2CError):
    """Nobody is signed in, or what says so cannot be read."""

    code = "unauthenticated"


class NotAllowed(P2CError):
    """Somebody is, without the role."""

    code = "forbidden"


PRINCIPAL = "x-ms-client-principal"
WEBHOOK_KEY = "x-p2c-webhook-key"
_PLATFORM = "WEBSITE_AUTH_ENABLED"
"""What App Service sets to say whether its authentication is on; absent elsewhere."""
_ROLES = ("roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role")


def auth_level(settings: AppSettings) -> func.AuthLevel:
    """What the host demands: a function key, unless the platform signs callers in."""
    return func.AuthLevel.ANONYMOUS if settings.easy_auth == "on" else func.AuthLevel.FUNCTION


def check(
    settings: AppSettings, headers: Mapping[str, str], role: Role, environment: Mapping[str, str] = os.environ
) -> None:
    """Raises NotSignedIn or NotAllowed unless the caller may. Whoever may start or replay may look as well."""
    if settings.easy_auth != "on":
        return
    if environment.get(_PLATFORM, "true").lower() != "true":
        # Without the platform's authentication anybody may send this header, and the host asks for no key.
        raise NotSignedIn("The platform's authentication is off, so nobody can be signed in.")
    roles = _roles(headers.get(PRINCIPAL, ""))
    if role not in roles and not (role is Role.READ and roles & set(Role)):
        raise NotAllowed(f"The role {role.value} is needed.", hint="Assign it to the caller in Entra.")


def check_webhook(settings: AppSettings, headers: Mapping[str, str], query: Mapping[str, str]) -> None:
    """Raises NotSignedIn unless the sender showed the key; without a key in the settings nobody can."""
    expected = settings.webhook_key.get_secret_value() if settings.webhook_key else ""
    shown = headers.get(WEBHOOK_KEY) or query.get("code") or ""
    if not expected or not hmac.compare_digest(shown.encode(errors="surrogatepass"), expected.encode()):
        raise NotSignedIn("The webhook's key is missing or wrong.")


def _roles(header: str) -> set[str]:
    if not header:
        raise NotSignedIn("Sign in first.")
    try:
        principal: Any = json.loads(base64.b64decode(header, validate=True))
        names = {*_ROLES, str(principal.get("role_typ") or _ROLES[0])}
        return {str(one["val"]) for one in principal["claims"] if one["typ"] in names}
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotSignedIn("The claims cannot be read.") from error
