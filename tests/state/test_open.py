"""Which store a setting opens."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2c.errors import ConfigError
from p2c.state.azure import AzureStore
from p2c.state.folder import FolderStore
from p2c.state.open import open_store
from tests.azurite import Azurite


async def test_a_path_is_a_folder(tmp_path: Path) -> None:
    store = open_store(f" {tmp_path / 'new'} ")
    assert isinstance(store, FolderStore)
    await store.write("x", b"1")
    assert (tmp_path / "new" / "x").exists()


async def test_a_connection_string_and_a_container_name_an_emulator(azurite: Azurite) -> None:
    one = open_store(azurite.connection_string, container="opened")
    two = open_store(f"{azurite.account_url}/opened", credential=azurite.account_key)
    try:
        etag = await one.write("x", b"1")
        blob = await two.read("x")
        assert blob is not None
        assert blob.etag == etag
    finally:
        await one.close()
        await two.close()


@pytest.mark.parametrize(
    "where",
    [
        "UseDevelopmentStorage=true",
        "usedevelopmentstorage=true;",
        "https://acme.blob.core.windows.net/p2c?sv=2024-11-04&sig=c2lnbmVk",
    ],
)
async def test_what_needs_no_credential(where: str) -> None:
    store = open_store(where)
    assert isinstance(store, AzureStore)
    await store.close()


class _Identity:
    async def get_token(self, *scopes: str) -> None:
        raise AssertionError("no token is to be asked for")


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ("", "No place"),
        ("  ", "No place"),
        ("AccountName=acme", "neither a key nor"),
        ("AccountName=acme;AccountKey=;", "neither a key nor"),
        ("AccountName=acme;AccountKey=c2VjcmV0;nonsense", "malformed"),
        ("https://acme.blob.core.windows.net", "not a container"),
        ("https://acme.blob.core.windows.net/?sig=c2VjcmV0", "not a container"),
        ("https://acme.blob.core.windows.net/p2c", "Nothing to sign in with"),
    ],
)
def test_what_cannot_be_opened(where: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        open_store(where)
    assert "c2VjcmV0" not in str(caught.value)


def test_a_token_does_not_go_in_the_clear() -> None:
    with pytest.raises(ConfigError, match="needs https"):
        open_store("http://acme.blob.core.windows.net/p2c", credential=_Identity())  # type: ignore[arg-type]
