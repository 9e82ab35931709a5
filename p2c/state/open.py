"""Opens the store that a setting names."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from p2c.errors import ConfigError
from p2c.state.azure import AzureStore, Credential
from p2c.state.store import Store

_CONNECTION_STRING = re.compile(
    r"(^|;)\s*(UseDevelopmentStorage|AccountName|BlobEndpoint|SharedAccessSignature)\s*=", re.IGNORECASE
)
_SECRET = re.compile(r"(^|;)\s*(AccountKey|SharedAccessSignature)\s*=\s*[^\s;]", re.IGNORECASE)
_DEVELOPMENT = re.compile(r"\s*UseDevelopmentStorage\s*=\s*true\s*;?\s*", re.IGNORECASE)

# The emulator's account and key are the same everywhere and public; older clients do not know the short form.
DEVELOPMENT_ACCOUNT = "devstoreaccount1"
DEVELOPMENT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def open_store(where: str, *, container: str = "p2c", credential: Credential | None = None) -> Store:
    """The store at `where`: a folder's path, the URL of a container, or a connection string (then also `container`).

    `credential` goes with a URL that carries no SAS token; it stays the caller's to close. Raises `ConfigError`.
    """
    where = where.strip()
    if not where:
        raise ConfigError(
            "No place for the state is set.", hint="Name a folder, a container's URL or a connection string."
        )
    if _CONNECTION_STRING.search(where):
        connection = _spelled_out(where)
        if not _SECRET.search(connection):
            raise ConfigError("The connection string of the state's storage account has neither a key nor a SAS token.")
        try:
            return AzureStore.from_connection_string(connection, container)
        except ValueError as error:
            raise ConfigError("The connection string of the state's storage account is malformed.") from error
    if where.lower().startswith(("https://", "http://")):
        return _open_url(where, credential)
    return _open_folder(Path(where).expanduser())


def _open_url(url: str, credential: Credential | None) -> Store:
    parts = urlsplit(url)
    place = parts._replace(query="").geturl()
    if not parts.path.strip("/"):
        raise ConfigError(f"{place} names a storage account, not a container.", hint="Add /container to it.")
    if credential is None and "sig=" not in parts.query:
        raise ConfigError(f"Nothing to sign in with at {place}: no identity is set, and the URL carries no SAS token.")
    if (
        credential is not None
        and not isinstance(credential, str)
        and parts.scheme == "http"
        and hasattr(credential, "get_token")
    ):
        raise ConfigError(f"An identity's token is not sent in the clear: {place} needs https.")
    return AzureStore(url, credential)


def _open_folder(path: Path) -> Store:
    try:
        from p2c.state.folder import FolderStore
    except ModuleNotFoundError as error:
        raise ConfigError(
            "A folder can keep the state on Linux and macOS only.", hint="Use a storage account or its emulator."
        ) from error
    return FolderStore(path)


def _spelled_out(connection: str) -> str:
    if not _DEVELOPMENT.fullmatch(connection):
        return connection
    return (
        f"DefaultEndpointsProtocol=http;AccountName={DEVELOPMENT_ACCOUNT};AccountKey={DEVELOPMENT_KEY};"
        f"BlobEndpoint=http://127.0.0.1:10000/{DEVELOPMENT_ACCOUNT};"
    )
