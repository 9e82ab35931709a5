"""Puts a bearer token on requests and tells failures of the identity from those of the network."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from p2c.documents import SystemName
from p2c.errors import AuthError, Transient

_CLAIMS = re.compile(r'claims="([^"]+)"')


class SignIn:
    """Tokens of one identity for one system. The credential caches them; nothing is kept here."""

    def __init__(self, credential: AsyncTokenCredential, scope: str, system: SystemName) -> None:
        self._credential = credential
        self._scope = scope
        self._system = system

    async def authorization(self, claims: str | None = None) -> str:
        """Give the value of an Authorization header; `claims` answers a challenge of the service with a new token.

        Raises AuthError when the identity is refused, Transient (not sent) when the token service cannot be reached.
        """
        try:
            token = await self._credential.get_token(self._scope, claims=claims)
        except AzureError as error:
            if refuses_identity(error):
                hint = "Check the identity in the settings, and that the tenant knows it."
                raise AuthError(f"No token for {self._scope}: {first_line(error)}", hint=hint) from error
            message = f"The token service cannot be reached: {type(error).__name__}."
            raise Transient(message, sent=False, system=self._system) from error
        return f"Bearer {token.token}"


def refuses_identity(error: AzureError) -> bool:
    """Whether the token service rejects the identity (400, 401, 403), and is not merely busy or out of reach."""
    response = error.response if isinstance(error, HttpResponseError) else None
    if response is None:
        return isinstance(error, ClientAuthenticationError)
    status = response.status_code
    return status is not None and 400 <= status < 500 and status not in (408, 429)


def challenge(headers: Mapping[str, str]) -> str | None:
    """Give the decoded claims of a 401 (continuous access evaluation; lower-case header names), None without any."""
    found = _CLAIMS.search(headers.get("www-authenticate", ""))
    if found is None:
        return None
    text = found.group(1)
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        return None


def first_line(error: BaseException) -> str:
    """What an error of the token service says, without its trace."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
