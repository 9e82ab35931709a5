"""Settings of a process: where the project file and the state are, and how to sign in to both systems.

Read from the environment (prefix `P2C_`, nested with `__`): `P2C_PROJECT`, `P2C_STATE`, `P2C_SALES__URL`,
`P2C_SALES__AUTH__KIND`, … Secrets come from there only, never from the project file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

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


class BusSettings(BaseModel):
    """A Service Bus namespace and how to sign in to it, named as the host's own identity-based connections name them.

    `credential` is `managedidentity` or blank (what a developer is signed in with); `token` is for a server on this
    machine only.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    namespace: str = Field(default="", alias="fullyqualifiednamespace")
    credential: str = ""
    client_id: str = Field(default="", alias="clientid")
    token: SecretStr | None = None


class Settings(BaseSettings):
    """All settings of a process.

    `state` is a folder, or the address of a blob container, signed in to as `state_auth` says. `page_size` is in
    documents, the batch sizes in operations. A document with more rows to write than `change_set_operations` is written
    in several change sets (Dataverse takes 1 000 requests in one). Every so many hours (`full_every_hours`, 0 = never)
    a run compares every document instead of reading what changed. `delete_limit` and `delete_percent` (of the documents
    that are known) are how many a run deletes or deactivates at most without `--allow-deletes`; a single one may always
    go. `retry_minutes` is how long a document that the destination rejected waits before each automatic retry; after
    the last one, or with none, it waits for a person.
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
    change_set_operations: int = Field(default=1000, ge=2, le=1000)
    delete_limit: int = Field(default=50, ge=0)
    delete_percent: int = Field(default=10, ge=0, le=100)
    retry_minutes: tuple[Annotated[float, Field(ge=0.0)], ...] = (15, 60, 240, 720, *(1440,) * 6)
    full_every_hours: float = Field(default=24.0, ge=0.0)
    lease_seconds: float = Field(default=60.0, ge=15.0, le=60.0)


class AppSettings(Settings):
    """What the deployed app needs besides: its queues, who may call it, how long a slice is.

    `work` and `inbox` are the namespaces of the two queues, `work_url` a server in their place on this machine.
    `max_deliveries` is the queues' own: after so many a message is a dead letter. `webhook_key` is what senders of
    events show (without one no webhook is answered). `public_url` is the address at which callers reach the app, where
    the request does not tell. `entities` names the F&O entity set of a virtual entity that data events name otherwise.
    """

    work: BusSettings = Field(default_factory=BusSettings)
    inbox: BusSettings = Field(default_factory=BusSettings)
    work_queue: str = "p2c-work"
    inbox_queue: str = "p2c-inbox"
    work_url: str = ""
    max_deliveries: int = Field(default=10, ge=1)
    slice_seconds: float = Field(default=30.0, gt=0.0, le=300.0)
    answer_seconds: float = Field(default=90.0, ge=0.0, le=110.0)
    webhook_key: SecretStr | None = None
    easy_auth: Literal["on", "off"] = "off"
    public_url: str = ""
    entities: dict[str, str] = Field(default_factory=dict)
