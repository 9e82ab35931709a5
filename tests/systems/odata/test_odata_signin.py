"""What the token service says, by azure-identity's own credentials: an identity that it rejects, and one that it cannot
serve now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.transport import AsyncHttpTransport
from azure.identity.aio import ClientSecretCredential

from p2c.errors import AuthError, Transient
from p2c.systems.odata.signin import SignIn

SECRET = "a secret that nobody may read"


class Response:
    """An answer as azure-core's transports give it."""

    def __init__(self, request: Any, status: int, content: str) -> None:
        self.request, self.status_code, self.reason, self._content = request, status, "reason", content
        self.headers: Mapping[str, str] = {"Content-Type": "application/json"}
        self.content_type = "application/json"

    def text(self, encoding: str | None = None) -> str:
        return self._content

    def body(self) -> bytes:
        return self._content.encode()


class TokenService(AsyncHttpTransport):  # type: ignore[type-arg]
    """Answers every request for a token alike."""

    def __init__(self, status: int, content: str) -> None:
        self._status, self._content = status, content

    async def send(self, request: Any, **_: Any) -> Any:
        return Response(request, self._status, self._content)

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def sleep(self, _: float) -> None: ...
    async def __aenter__(self) -> TokenService:
        return self

    async def __aexit__(self, *_: object) -> None: ...


def sign_in(status: int, content: str) -> SignIn:
    service = TokenService(status, content)
    credential = ClientSecretCredential(
        "tenant", "client", SECRET, transport=service, disable_instance_discovery=True, retry_total=0
    )
    return SignIn(credential, "https://contoso.crm.dynamics.com/.default", "sales")


@pytest.mark.parametrize(
    ("status", "error", "text"),
    [
        (400, "unauthorized_client", "AADSTS7000112: Application 'x'(p2c) is disabled."),
        (400, "invalid_grant", "AADSTS50057: The user account is disabled."),
        (400, "unauthorized_client", "AADSTS700016: Application was not found in the directory."),
        (401, "invalid_client", "AADSTS7000215: Invalid client secret provided."),
    ],
)
async def test_an_identity_that_the_token_service_rejects_is_named_with_its_reason(
    status: int, error: str, text: str
) -> None:
    content = f'{{"error": "{error}", "error_description": "{text}\\r\\nTrace ID: 1234"}}'
    with pytest.raises(AuthError) as caught:
        await sign_in(status, content).authorization()
    assert text in str(caught.value)
    assert SECRET not in str(caught.value)
    assert "Trace ID" not in str(caught.value)


@pytest.mark.parametrize(("status", "kind"), [(400, AuthError), (403, AuthError), (429, Transient), (503, Transient)])
async def test_a_status_alone_tells_a_rejection_from_a_busy_service(
    status: int, kind: type[Exception], credential: Any
) -> None:
    credential.error = HttpResponseError("no", response=Response(None, status, ""))
    with pytest.raises(kind):
        await SignIn(credential, "https://host/.default", "finops").authorization()
