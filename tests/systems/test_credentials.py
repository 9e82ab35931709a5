"""Each kind of sign-in gives its credential; a static token stays on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials_async import AsyncTokenCredential
from pydantic import SecretStr

from p2c.errors import ConfigError
from p2c.settings import AuthSettings
from p2c.systems.credentials import build, scope_of

ORG = "https://org.crm.dynamics.com/api/data/v9.2/"
APP: dict[str, Any] = {"tenant_id": "t", "client_id": "c"}


@pytest.mark.parametrize(
    ("auth", "name"),
    [
        (AuthSettings(), "DefaultAzureCredential"),
        (AuthSettings(client_id="c"), "DefaultAzureCredential"),
        (AuthSettings(kind="managedIdentity", client_id="c"), "ManagedIdentityCredential"),
        (AuthSettings(kind="managedIdentity"), "ManagedIdentityCredential"),
        (AuthSettings(kind="clientSecret", client_secret=SecretStr("s"), **APP), "ClientSecretCredential"),
        (AuthSettings(kind="azureCli"), "AzureCliCredential"),
        (AuthSettings(kind="workloadIdentity", **APP), "ClientAssertionCredential"),
    ],
)
async def test_each_kind_gives_its_credential(auth: AuthSettings, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE", raising=False)
    credential = build(auth, ORG)
    assert type(credential).__name__ == name
    assert isinstance(credential, AsyncTokenCredential)
    await credential.close()


async def test_a_token_file_comes_before_the_managed_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "token"))
    credential = build(AuthSettings(kind="workloadIdentity", **APP), ORG)
    assert type(credential).__name__ == "WorkloadIdentityCredential"
    await credential.close()


@pytest.mark.parametrize(
    ("auth", "lacks"),
    [
        (AuthSettings(kind="clientSecret", **APP), "client_secret"),
        (AuthSettings(kind="clientSecret", client_secret=SecretStr("s")), "tenant_id, client_id"),
        (AuthSettings(kind="certificate", **APP), "certificate_path"),
        (AuthSettings(kind="workloadIdentity"), "tenant_id, client_id"),
        (AuthSettings(kind="static"), "token"),
        (AuthSettings(kind="static", token=SecretStr("")), "token"),
    ],
)
def test_what_is_missing_is_named(auth: AuthSettings, lacks: str) -> None:
    with pytest.raises(ConfigError, match=f"needs {lacks}"):
        build(auth, "http://127.0.0.1/")


def test_what_is_missing_is_named_as_the_environment_names_it() -> None:
    with pytest.raises(ConfigError, match=r"needs P2C_SALES__AUTH__TENANT_ID, P2C_SALES__AUTH__CLIENT_ID\."):
        build(AuthSettings(kind="workloadIdentity"), ORG, setting="P2C_SALES__AUTH")


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_certificate_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "app.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="cannot be read"):
        build(AuthSettings(kind="certificate", certificate_path=path, **APP), ORG)


@pytest.mark.parametrize("host", ["http://127.0.0.1:8001/", "http://localhost:8001/data", "http://[::1]/"])
async def test_a_static_token_serves_the_sandbox(host: str) -> None:
    async with build(AuthSettings(kind="static", token=SecretStr("sandbox-token")), host) as credential:
        assert (await credential.get_token("any/.default")).token == "sandbox-token"


@pytest.mark.parametrize(
    "host", [ORG, "http://127.0.0.1.example.com/", "https://localhost.example.com/", "http://0.0.0.0/", "nonsense"]
)
def test_a_static_token_is_sent_nowhere_else(host: str) -> None:
    with pytest.raises(ConfigError, match="static token") as caught:
        build(AuthSettings(kind="static", token=SecretStr("sandbox-token")), host)
    assert "sandbox-token" not in str(caught.value)


@pytest.mark.parametrize("address", [ORG, "https://ORG.crm.dynamics.com", "https://org.crm.dynamics.com//"])
def test_a_scope_has_one_slash(address: str) -> None:
    assert scope_of(address) == "https://org.crm.dynamics.com/.default"


def test_an_address_without_host_has_no_scope() -> None:
    with pytest.raises(ConfigError):
        scope_of("org.crm.dynamics.com")
