"""A store in a container of Azure Blob Storage, with ETags for conditions and blob leases on blobs of their own."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

from azure.core import MatchConditions
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob.aio import BlobClient, BlobLeaseClient, ContainerClient, ExponentialRetry

from p2c.errors import AuthError, LeaseHeld, PreconditionFailed, StateError
from p2c.state.store import LEASES, Blob, Lease, check_name, check_seconds

Credential = AsyncTokenCredential | AzureNamedKeyCredential | str
"""An identity, an account's name and key, or a key alone. None where the URL itself carries a SAS token."""

_LARGEST_BLOB = 5000 * 1024 * 1024
"""Bytes that the service takes in one request."""

_READS = 5
_WRITE = "p2cwrite"
"""Metadata of each blob: the write that it comes from, to recognise our own when its answer was lost."""


class AzureStore:
    """A `Store` in the container at `container_url`, which is made when first written to.

    The credential stays the caller's to close. The account must be one without hierarchical namespace: only then are
    names listed in their order.
    """

    def __init__(self, container_url: str, credential: Credential | None = None) -> None:
        self._container = ContainerClient.from_container_url(container_url, credential=credential, **_options())

    @classmethod
    def from_connection_string(cls, connection: str, container: str) -> Self:
        """A store in a container of the account that the connection string names."""
        store = cls.__new__(cls)
        store._container = ContainerClient.from_connection_string(connection, container, **_options())
        return store

    async def read(self, name: str) -> Blob | None:
        client = self._container.get_blob_client(check_name(name))
        with _told(name):
            for attempt in range(1, _READS + 1):
                try:
                    download = await client.download_blob()
                    return Blob(await download.readall(), str(download.properties.etag))
                except ResourceNotFoundError:
                    return None
                except ResourceModifiedError:  # it was written while its parts were being read
                    if attempt == _READS:
                        raise
        raise AssertionError("unreachable")

    async def write(self, name: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        with _told(name):
            return await self._put(check_name(name), data, if_match, if_absent)

    async def delete(self, name: str, *, if_match: str | None = None) -> None:
        client = self._container.get_blob_client(check_name(name))
        condition = _only_over(if_match)
        with _told(name):
            try:
                await client.delete_blob(**condition)
            except ResourceNotFoundError:
                return
            except ResourceModifiedError as error:
                # A condition fails on an absent blob too: it may be gone, also by a try of ours whose answer was lost.
                if await client.exists():
                    raise PreconditionFailed(f"{name} was changed by somebody else.") from error

    async def names(self, prefix: str = "") -> AsyncIterator[str]:
        check_name(prefix, prefix=True)
        found = self._container.list_blob_names(name_starts_with=prefix or None)
        with _told(prefix or self._container.container_name):
            try:
                async for name in found:
                    if not name.startswith("."):
                        yield name
            except ResourceNotFoundError:
                return  # the container comes with the first write

    async def lease(self, name: str, seconds: float = 60) -> Lease:
        marker = f"{LEASES}/{check_name(name)}"
        client = self._container.get_blob_client(marker)
        lease = _AzureLease(BlobLeaseClient(client, str(uuid.uuid4())), name, check_seconds(seconds))
        with _told(name):
            try:
                await lease.acquire()
            except ResourceNotFoundError:
                with suppress(PreconditionFailed):
                    await self._put(marker, b"", None, True)
                await lease.acquire()
        return lease

    async def close(self) -> None:
        await self._container.close()

    async def _put(self, name: str, data: bytes, if_match: str | None, if_absent: bool) -> str:
        client = self._container.get_blob_client(name)
        write = uuid.uuid4().hex
        try:
            return await self._upload(client, data, write, if_match, if_absent)
        except ResourceNotFoundError as error:
            if if_match is not None:
                raise PreconditionFailed(f"{name} is not there any more.") from error
            await self._make_container()
            return await self._upload(client, data, write, if_match, if_absent)

    async def _upload(self, client: BlobClient, data: bytes, write: str, if_match: str | None, if_absent: bool) -> str:
        condition = _only_over(if_match)
        try:
            answer = await client.upload_blob(data, overwrite=not if_absent, metadata={_WRITE: write}, **condition)
            return str(answer["etag"])
        except (ResourceModifiedError, ResourceExistsError) as error:
            # When an answer is lost, the client tries again by itself, and is refused for what its first try did.
            try:
                found = await client.get_blob_properties()
            except ResourceNotFoundError:
                found = None
            if found is not None and found.metadata.get(_WRITE) == write:
                return str(found.etag)
            problem = "exists already" if if_absent else "was changed by somebody else"
            raise PreconditionFailed(f"{client.blob_name} {problem}.") from error

    async def _make_container(self) -> None:
        try:
            await self._container.create_container()
        except ResourceExistsError:
            return  # another writer was first


class _AzureLease(Lease):
    def __init__(self, client: BlobLeaseClient, name: str, seconds: float) -> None:
        super().__init__(name, seconds)
        self._client = client

    async def acquire(self) -> None:
        try:
            await self._client.acquire(lease_duration=int(self.seconds))
        except ResourceNotFoundError:
            raise
        except HttpResponseError as error:
            if error.status_code not in _LEASE_REFUSED:
                raise
            raise LeaseHeld(
                f"{self.name} is held by somebody else.",
                hint="Another run works in this lane; try again when it has ended.",
            ) from error

    async def _renew(self) -> None:
        with _told(self.name):
            try:
                await self._client.renew()
            except HttpResponseError as error:
                if error.status_code not in _LEASE_REFUSED:
                    raise
                raise LeaseHeld(f"The lease on {self.name} is not ours any more.") from error

    async def _release(self) -> None:
        with _told(self.name):
            try:
                await self._client.release()
            except HttpResponseError as error:
                if error.status_code not in _LEASE_REFUSED:
                    raise


_LEASE_REFUSED = {404, 409, 412}
"""The blob is gone, or the lease is another's."""


def _only_over(etag: str | None) -> dict[str, Any]:
    return {} if etag is None else {"etag": etag, "match_condition": MatchConditions.IfNotModified}


def _options() -> dict[str, Any]:
    """Settings of the client.

    Between tries it waits about 2, 4 and 8 seconds, well inside a lease; its own choice starts at 15. A blob always
    goes in one request, whatever its size: blocks of two writers have the same ids, so that one could commit what the
    other sent.
    """
    retry = ExponentialRetry(initial_backoff=0, increment_base=2, retry_total=3, random_jitter_range=1)
    return {
        "retry_policy": retry,
        "connection_timeout": 10,
        "read_timeout": 30,
        "max_single_put_size": _LARGEST_BLOB,
    }


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Turns the errors of the client into ours, with the blob's name and without its long texts."""
    try:
        yield
    except HttpResponseError as error:
        # What the storage account itself says has a code of its own, what the token service says has none.
        if isinstance(error, ClientAuthenticationError) and getattr(error, "error_code", None) is None:
            why = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
            hint = "Check the identity; P2C_STATE_AUTH__KIND says which one."
            raise AuthError(f"No token for the storage account: {why}", hint=hint) from error
        code = getattr(error, "error_code", None)
        text = str(getattr(code, "value", code) or error.reason or "no reason given")
        if error.status_code in (401, 403):
            raise AuthError(
                f"The storage account refused access to {name} ({error.status_code} {text}).",
                hint="The identity needs the role Storage Blob Data Contributor on the container.",
            ) from error
        raise StateError(f"The storage account failed on {name} ({error.status_code} {text}).") from error
    except AzureError as error:
        raise StateError(f"The storage account cannot be reached for {name}: {type(error).__name__}.") from error
