"""What both stores promise, and what is the folder's or Azure's own."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import re
import signal
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
from azure.core.credentials import AccessToken
from azure.identity import CredentialUnavailableError
from hypothesis import given
from hypothesis import strategies as st

from p2c.errors import AuthError, LeaseHeld, PreconditionFailed, StateError
from p2c.state.azure import AzureStore
from p2c.state.folder import FolderStore
from p2c.state.store import Blob, Lease, Store, check_name
from tests.azurite import Azurite

Pair = tuple[Store, Store]


async def test_what_is_written_is_read_whole(store: Store) -> None:
    assert await store.read("a/b/c.json") is None
    etag = await store.write("a/b/c.json", b"\x00one\r\n")
    assert await store.read("a/b/c.json") == Blob(b"\x00one\r\n", etag)
    await store.write("empty", b"")
    blob = await store.read("empty")
    assert blob is not None
    assert blob.data == b""


async def test_every_write_has_an_etag_of_its_own_also_back_to_an_earlier_content(store: Store) -> None:
    first = await store.write("x", b"A")
    etags = [first, await store.write("x", b"B"), await store.write("x", b"A")]
    await store.delete("x")
    etags.append(await store.write("x", b"A"))
    assert len(set(etags)) == 4
    with pytest.raises(PreconditionFailed):
        await store.write("x", b"C", if_match=first)


async def test_conditions(stores: Pair) -> None:
    one, two = stores
    with pytest.raises(PreconditionFailed):
        await one.write("x", b"", if_match='"0x8DC0FFEE"')
    first = await one.write("x", b"1", if_absent=True)
    with pytest.raises(PreconditionFailed):
        await two.write("x", b"2", if_absent=True)
    second = await two.write("x", b"2", if_match=first)
    with pytest.raises(PreconditionFailed):
        await one.write("x", b"3", if_match=first)
    with pytest.raises(PreconditionFailed):
        await one.delete("x", if_match=first)
    assert await one.read("x") == Blob(b"2", second)
    with pytest.raises(PreconditionFailed):
        await one.write("absent", b"", if_match=first)
    assert await one.read("absent") is None


async def test_deleting_what_is_absent_is_fine(store: Store) -> None:
    await store.delete("never/was")
    etag = await store.write("x", b"1")
    await store.delete("x", if_match=etag)
    await store.delete("x", if_match=etag)
    await store.delete("x")
    assert await store.read("x") is None


async def test_names_are_sorted_and_found_by_any_start(store: Store) -> None:
    assert [name async for name in store.names()] == []
    names = ["a/b/c", "a-b", "a/B", "a/b.json", "USMF/x", "usmf/x", "é/ü 1", "z%41", "10", "9"]
    for name in names:
        await store.write(name, name.encode())
    assert [name async for name in store.names()] == sorted(names)
    assert [name async for name in store.names("a/")] == ["a/B", "a/b.json", "a/b/c"]
    assert [name async for name in store.names("a/b")] == ["a/b.json", "a/b/c"]
    assert [name async for name in store.names("none/")] == []
    for name in names:
        blob = await store.read(name)
        assert blob is not None
        assert blob.data == name.encode()


async def test_one_of_many_writers_wins(stores: Pair) -> None:
    etag = await stores[0].write("x", b"")
    results = await asyncio.gather(
        *(stores[n % 2].write("x", str(n).encode(), if_match=etag) for n in range(12)), return_exceptions=True
    )
    won = [n for n, result in enumerate(results) if isinstance(result, str)]
    assert len(won) == 1
    assert all(isinstance(result, str | PreconditionFailed) for result in results)
    assert await stores[0].read("x") == Blob(str(won[0]).encode(), str(results[won[0]]))


async def test_a_lease_keeps_others_out_until_it_is_given_back(stores: Pair) -> None:
    one, two = stores
    async with await one.lease("lane/x", 15) as lease:
        assert not lease.lost
        with pytest.raises(LeaseHeld):
            await two.lease("lane/x", 15)
        with pytest.raises(LeaseHeld):
            await one.lease("lane/x", 15)
        await lease.renew()
        await two.write("lane/x", b"a lease is on a word, not on a blob")
        async with await two.lease("lane/y", 60):
            pass
    again = await two.lease("lane/x", 15)
    await lease.release()
    with pytest.raises(LeaseHeld):
        await lease.renew()
    with pytest.raises(LeaseHeld):
        await one.lease("lane/x", 15)
    await again.release()
    await again.release()
    assert [name async for name in one.names()] == ["lane/x"]


async def test_one_of_many_gets_the_lease(stores: Pair) -> None:
    results = await asyncio.gather(*(stores[n % 2].lease("lane", 15) for n in range(8)), return_exceptions=True)
    assert sum(isinstance(result, Lease) for result in results) == 1
    assert all(isinstance(result, Lease | LeaseHeld) for result in results)


@pytest.mark.parametrize("seconds", [0, 14, 61, -1])
async def test_a_lease_lasts_what_azure_grants(store: Store, seconds: int) -> None:
    with pytest.raises(ValueError, match="15 to 60"):
        await store.lease("x", seconds)


@pytest.mark.parametrize(
    "name", ["", "/a", "a/", "a//b", ".", "../a", "a/../b", ".leases/a", "a\\b", "a\nb", "x" * 901]
)
async def test_malformed_names_are_refused(store: Store, name: str) -> None:
    for attempt in (store.read(name), store.write(name, b""), store.delete(name), store.lease(name, 15)):
        with pytest.raises(ValueError, match="name of a blob"):
            await attempt


@given(st.text(min_size=1, max_size=30))
def test_a_name_is_taken_or_refused_for_what_it_is(name: str) -> None:
    try:
        check_name(name)
    except ValueError:
        assert any(
            not part or part[0] == "." or {*part} & {*"\\\x7f", *map(chr, range(32))} for part in name.split("/")
        )


# --- the folder ----------------------------------------------------------------------------------------------------


async def test_a_killed_holder_keeps_the_lease_until_it_runs_out(tmp_path: Path) -> None:
    now = 1_000_000.0
    dead = await FolderStore(tmp_path, clock=lambda: now).lease("lane", 30)
    living = FolderStore(tmp_path, clock=lambda: now)
    now += 29.9
    with pytest.raises(LeaseHeld, match=r"process \d+ on .* for another 0 s"):
        await living.lease("lane", 30)
    now += 0.2
    lease = await living.lease("lane", 30)
    with pytest.raises(LeaseHeld):
        await dead.renew()
    assert dead.lost
    await dead.release()
    now += 20
    await lease.renew()
    now += 20
    with pytest.raises(LeaseHeld):
        await FolderStore(tmp_path, clock=lambda: now).lease("lane", 30)


def _take_and_hang(path: Path, taken: multiprocessing.synchronize.Event) -> None:
    async def take() -> None:
        await FolderStore(path).lease("lane", 60)
        taken.set()
        signal.pause()

    asyncio.run(take())


async def test_leases_hold_between_processes_and_survive_a_kill(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    taken = context.Event()
    other = context.Process(target=_take_and_hang, args=(tmp_path, taken))
    other.start()
    try:
        assert await asyncio.to_thread(taken.wait, 30)
    finally:
        other.kill()
        other.join()
        other.close()
    with pytest.raises(LeaseHeld):
        await FolderStore(tmp_path).lease("lane", 15)


def _add(path: Path, times: int) -> None:
    async def add() -> None:
        store = FolderStore(path)
        done = 0
        while done < times:
            blob = await store.read("sum")
            try:
                if blob is None:
                    await store.write("sum", b"1", if_absent=True)
                else:
                    await store.write("sum", str(int(blob.data) + 1).encode(), if_match=blob.etag)
                done += 1
            except PreconditionFailed:
                continue

    asyncio.run(add())


async def test_conditional_writes_of_several_processes_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_add, args=(tmp_path, 25)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        await asyncio.to_thread(worker.join)
        assert worker.exitcode == 0
        worker.close()
    blob = await FolderStore(tmp_path).read("sum")
    assert blob is not None
    assert blob.data == b"75"


async def test_a_damaged_file_is_never_read(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    await store.write("x/y.json", b"{}")
    file = tmp_path / "x" / "y.json"
    for damage in (b"", b"{}", file.read_bytes()[:20]):
        file.write_bytes(damage)
        with pytest.raises(StateError, match=r"y\.json is damaged"):
            await store.read("x/y.json")
        with pytest.raises(StateError, match=r"y\.json is damaged"):
            await store.write("x/y.json", b"", if_match="any")
    await store.write("x/y.json", b"new")


async def test_a_file_edited_by_hand_is_another_version(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    etag = await store.write("x", b"old")
    file = tmp_path / "x"
    file.write_bytes(file.read_bytes().replace(b"old", b"new"))
    with pytest.raises(PreconditionFailed):
        await store.write("x", b"", if_match=etag)


async def test_what_a_killed_writer_left_is_no_blob_and_does_not_pile_up(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    await store.write("x", b"1")
    locks = tmp_path / ".locks"
    for number in range(64):
        (locks / f"{number}.tmp").write_bytes(b"half of a wri")
    await store.write("x", b"2")
    assert [name async for name in store.names()] == ["x"]
    assert len([*locks.glob("*.tmp")]) == 63


async def test_a_place_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = FolderStore(tmp_path / "file")
    for attempt in (store.read("x"), store.write("x", b""), store.lease("x"), store.delete("x")):
        with pytest.raises(StateError, match="cannot be used"):
            await attempt


@pytest.mark.skipif(os.geteuid() == 0, reason="The superuser may read everything.")
async def test_a_folder_that_may_not_be_read_is_not_empty(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    await store.write("x/y", b"")
    (tmp_path / "x").chmod(0)
    try:
        with pytest.raises(StateError, match="cannot be used"):
            [name async for name in store.names()]
    finally:
        (tmp_path / "x").chmod(0o700)


# --- Azure ---------------------------------------------------------------------------------------------------------


class Nobody:
    """A credential that finds no identity."""

    async def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        raise CredentialUnavailableError("nobody is signed in\nand much more about it")

    async def close(self) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...


async def test_without_an_identity_it_is_an_auth_error() -> None:
    store = AzureStore("https://account.blob.core.windows.net/state", Nobody())
    try:
        with pytest.raises(AuthError, match="No token for the storage account: nobody is signed in") as caught:
            await store.read("x")
        assert "P2C_STATE_AUTH__KIND" in str(caught.value)
    finally:
        await store.close()


async def test_a_wrong_key_is_an_auth_error(azurite: Azurite) -> None:
    store = AzureStore(f"{azurite.account_url}/wrong", "d3Jvbmc=")
    try:
        for attempt in (store.read("x"), store.write("x", b""), store.lease("x"), store.delete("x")):
            with pytest.raises(AuthError, match="Storage Blob Data Contributor"):
                await attempt
        with pytest.raises(AuthError):
            [name async for name in store.names()]
    finally:
        await store.close()


class LosingProxy:
    """Passes requests on to Azurite; `lose` makes it drop the next answer to a PUT or DELETE and hang up."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self.lose = False
        self.lost = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}{self._target.path}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request per connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        body = await reader.readexactly(int(length[1]) if length else 0)
        head = re.sub(rb"(?i)\r\nconnection: *[^\r]+", b"", head).replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        back, out = await asyncio.open_connection(self._target.hostname, self._target.port)
        out.write(head + body)
        answer = await back.read()
        out.close()
        if self.lose and head.startswith((b"PUT", b"DELETE")):
            self.lose = False
            self.lost += 1
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()


async def test_a_write_whose_answer_was_lost_is_known_as_our_own(azurite: Azurite) -> None:
    async with LosingProxy(azurite.account_url) as proxy:
        store = AzureStore(f"{proxy.url}/losing", azurite.account_key)
        try:
            await store.write("other", b"")
            proxy.lose = True
            first = await store.write("x", b"1", if_absent=True)
            proxy.lose = True
            second = await store.write("x", b"2", if_match=first)
            assert await store.read("x") == Blob(b"2", second)
            with pytest.raises(PreconditionFailed):
                await store.write("x", b"2", if_match=first)
            proxy.lose = True
            lease = await store.lease("lane", 15)
            proxy.lose = True
            await lease.renew()
            proxy.lose = True
            await lease.release()
            proxy.lose = True
            await store.delete("x", if_match=second)
            assert await store.read("x") is None
            assert proxy.lost == 6
        finally:
            await store.close()


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_a_large_blob_is_written_whole_also_by_many_at_once(azurite: Azurite) -> None:
    store = AzureStore.from_connection_string(azurite.connection_string, "large")
    try:
        versions = [bytes([number]) * (9 << 20) for number in range(4)]
        await asyncio.gather(*(store.write("x", data) for data in versions))
        blob = await store.read("x")
        assert blob is not None
        assert blob.data in versions
    finally:
        await store.close()
