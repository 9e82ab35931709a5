"""The two stores, and a store that stops."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from azure.core.credentials import AzureNamedKeyCredential

from p2c.state.azure import AzureStore
from p2c.state.folder import FolderStore
from p2c.state.open import DEVELOPMENT_ACCOUNT
from p2c.state.store import Store
from tests.azurite import Azurite


@pytest.fixture(params=["folder", "azure"])
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Store, Store]]:
    """Two stores over the same place, as two processes would have them."""
    if request.param == "folder":
        yield FolderStore(tmp_path / "state"), FolderStore(tmp_path / "state")
        return
    azurite: Azurite = request.getfixturevalue("azurite")
    url = f"{azurite.account_url}/{uuid.uuid4().hex}"
    key = AzureNamedKeyCredential(DEVELOPMENT_ACCOUNT, azurite.account_key)
    async with aclosing(_Closing(AzureStore(url, key))) as one, aclosing(_Closing(AzureStore(url, key))) as two:
        yield one.store, two.store


@pytest.fixture
def store(stores: tuple[Store, Store]) -> Store:
    return stores[0]


class _Closing:
    def __init__(self, store: Store) -> None:
        self.store = store

    async def aclose(self) -> None:
        await self.store.close()
