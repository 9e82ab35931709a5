"""Settings of a process: where the project file and the state are, and how to sign in to both systems.

Read from the environment (prefix `P2C_`, nested with `__`): `P2C_PROJECT`, `P2C_STATE`, `P2C_SALES__URL`,
`P2C_SALES__AUTH__KIND`, … Secrets come from there only, never from the project file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class AuthSettings(BaseModel):
    """How to get tokens for one system.

    `default`: what `DefaultAzureCredential` finds (a developer's sign-in, a managed identity). `static`: a fixed
    bearer token, for the local sandbox; refused for any host that is not this machine.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal[
        "default", "managedIdentity", "clientSecret", "certificate", "workloadIdentity", "azureCli", "static"
    ] = "default"
    tenant_id: str = ""
    client_id: str = ""
    client_secret: SecretStr | None = None
    certificate_path: Path | None = None
    token: SecretStr | None = None


class EndSettings(BaseModel):
    """One of the two systems: its address (overrides the project file's) and how to sign in."""

    model_config = ConfigDict(frozen=True)

    url: str = ""
    auth: AuthSettings = Field(default_factory=AuthSettings)


class Settings(BaseSettings):
    """All settings of a process.

    `state` is a folder, or the address of a blob container, signed in to as `state_auth` says. `page_size` is in
    documents, the batch sizes in operations.
    """

    model_config = SettingsConfigDict(env_prefix="P2C_", env_nested_delimiter="__", extra="ignore", frozen=True)

    project: Path = Path("p2c.json")
    state: str = ".p2c"
    state_auth: AuthSettings = Field(default_factory=AuthSettings)
    sales: EndSettings = Field(default_factory=EndSettings)
    finops: EndSettings = Field(default_factory=EndSettings)
    page_size: int = Field(default=500, ge=1, le=5000)
    sales_batch_operations: int = Field(default=200, ge=1, le=1000)
    finops_batch_operations: int = Field(default=100, ge=1, le=5000)
    lease_seconds: float = Field(default=60.0, ge=15.0, le=60.0)
