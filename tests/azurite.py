"""Azurite, Microsoft's emulator of Azure Blob Storage: started on a free port, kept in memory, stopped cleanly."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from p2c.state.open import DEVELOPMENT_ACCOUNT, DEVELOPMENT_KEY

_PROGRAM = Path(__file__).parent.parent / "node_modules" / ".bin" / "azurite-blob"
_ARGUMENTS = ["--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableTelemetry", "--blobPort", "0"]
_LISTENS = re.compile(r"listens on (http://127\.0\.0\.1:\d+)")


@dataclass(frozen=True)
class Azurite:
    """A running emulator: the address of its account, and its key."""

    account_url: str
    account_key: str = DEVELOPMENT_KEY

    @property
    def connection_string(self) -> str:
        """What `AzureStore.from_connection_string` and the Azure tools take."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={DEVELOPMENT_ACCOUNT};AccountKey={self.account_key};"
            f"BlobEndpoint={self.account_url};"
        )

    def empty(self) -> None:
        """Deletes every container."""
        with BlobServiceClient.from_connection_string(self.connection_string) as account:
            for container in account.list_containers():
                account.delete_container(container)


@contextmanager
def running_azurite() -> Iterator[Azurite]:
    """A running Azurite. Where it is not installed the test is skipped, but fails in CI."""
    if not _PROGRAM.exists():
        reason = "Azurite is not installed: run `npm ci` in the root of the repository."
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    process = subprocess.Popen([_PROGRAM, *_ARGUMENTS], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if found := _LISTENS.search(line):
                yield Azurite(f"{found[1]}/{DEVELOPMENT_ACCOUNT}")
                return
        pytest.fail(f"Azurite did not start: {''.join(said)}")
    finally:
        process.terminate()
        process.communicate(timeout=30)
