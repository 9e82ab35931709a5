"""Tokens for the two systems: the only place that chooses a credential of azure-identity."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from azure.identity import ManagedIdentityCredential as BlockingManagedIdentity
from azure.identity.aio import (
    AzureCliCredential,
    CertificateCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    DefaultAzureCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)

from p2c.errors import ConfigError
from p2c.settings import AuthSettings
from p2c.systems.odata.address import is_loopback

__all__ = ["AuthSettings", "StaticToken", "build", "scope_of"]

_EXCHANGE = "api://AzureADTokenExchange/.default"
_FOREVER = 365 * 24 * 3600


class StaticToken:
    """A credential that always gives the same token: what the local sandbox accepts."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def get_token(self, *scopes: str, claims: str | None = None, **_options: Any) -> AccessToken:
        """Give the token; scopes and claims change nothing."""
        return AccessToken(self._token, int(time.time()) + _FOREVER)

    async def close(self) -> None:
        """Nothing is held."""

    async def __aenter__(self) -> StaticToken:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        await self.close()


def scope_of(base_url: str) -> str:
    """Give the scope of an environment's tokens: `https://host/.default`, with one slash, whatever path it has."""
    parts = urlsplit(base_url.strip())
    if not parts.scheme or not parts.netloc:
        raise ConfigError(f"{base_url!r} is not the address of a service.")
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}/.default"


def build(auth: AuthSettings, base_url: str, *, setting: str = "") -> AsyncTokenCredential:
    """Give the credential that the settings ask for; one per system and process, closed by the caller.

    `setting` is what the settings' names in the environment begin with, for errors: `P2C_SALES__AUTH`.

    `workloadIdentity` is an app registration (tenant and client id) that trusts a federated token: that of the file
    named by AZURE_FEDERATED_TOKEN_FILE (Kubernetes, pipelines), else that of the managed identity whose client id is
    in AZURE_CLIENT_ID. Raises ConfigError for settings that lack something, and for a static token to any host but
    this machine.
    """
    _demand(auth, _NEEDED.get(auth.kind, ()), setting)
    return _BUILDERS[auth.kind](auth, base_url)


def _default(auth: AuthSettings, _base_url: str) -> AsyncTokenCredential:
    if auth.client_id:
        return DefaultAzureCredential(managed_identity_client_id=auth.client_id)
    return DefaultAzureCredential()


def _managed_identity(auth: AuthSettings, _base_url: str) -> AsyncTokenCredential:
    return ManagedIdentityCredential(client_id=auth.client_id or None)


def _client_secret(auth: AuthSettings, _base_url: str) -> AsyncTokenCredential:
    secret = auth.client_secret.get_secret_value() if auth.client_secret else ""
    return ClientSecretCredential(auth.tenant_id, auth.client_id, secret)


def _certificate(auth: AuthSettings, _base_url: str) -> AsyncTokenCredential:
    try:
        return CertificateCredential(auth.tenant_id, auth.client_id, str(auth.certificate_path))
    except (OSError, ValueError) as error:
        reason = type(error).__name__
        raise ConfigError(f"The certificate {str(auth.certificate_path)!r} cannot be read ({reason}).") from error


def _workload_identity(auth: AuthSettings, _base_url: str) -> AsyncTokenCredential:
    file = os.environ.get("AZURE_FEDERATED_TOKEN_FILE", "")
    if file:
        return WorkloadIdentityCredential(tenant_id=auth.tenant_id, client_id=auth.client_id, token_file_path=file)
    identity = BlockingManagedIdentity(client_id=os.environ.get("AZURE_CLIENT_ID") or None)

    def assertion() -> str:
        # The library calls this without await, once per new token.
        token: str = identity.get_token(_EXCHANGE).token
        return token

    return ClientAssertionCredential(auth.tenant_id, auth.client_id, assertion)


def _azure_cli(auth: AuthSettings, _base_url: str) -> AsyncTokenCredential:
    return AzureCliCredential(tenant_id=auth.tenant_id)


def _static(auth: AuthSettings, base_url: str) -> AsyncTokenCredential:
    if not is_loopback(base_url):
        hint = "It is for the local sandbox; choose another kind of sign-in."
        raise ConfigError(f"A static token is not sent to {urlsplit(base_url).hostname or base_url!r}.", hint=hint)
    return StaticToken(auth.token.get_secret_value() if auth.token else "")


_NEEDED: dict[str, tuple[str, ...]] = {
    "clientSecret": ("tenant_id", "client_id", "client_secret"),
    "certificate": ("tenant_id", "client_id", "certificate_path"),
    "workloadIdentity": ("tenant_id", "client_id"),
    "static": ("token",),
}


def _demand(auth: AuthSettings, names: tuple[str, ...], setting: str) -> None:
    values = {name: getattr(auth, name) for name in names}
    empty = [
        name
        for name, value in values.items()
        if not (value.get_secret_value() if hasattr(value, "get_secret_value") else value)
    ]
    if empty:
        lacking = ", ".join(f"{setting}__{name.upper()}" if setting else name for name in empty)
        raise ConfigError(f"Sign-in of kind {auth.kind} needs {lacking}.", hint="Set it in the environment.")


_BUILDERS: dict[str, Callable[[AuthSettings, str], AsyncTokenCredential]] = {
    "default": _default,
    "managedIdentity": _managed_identity,
    "clientSecret": _client_secret,
    "certificate": _certificate,
    "workloadIdentity": _workload_identity,
    "azureCli": _azure_cli,
    "static": _static,
}
