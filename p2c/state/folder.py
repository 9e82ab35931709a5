"""A store in a local folder, for the command line and for trying things out. Safe between processes, and when killed.

Each blob is a file: a first line with the write's own number, then the data as it is. The number makes the etag new
with every write, so that a blob that went back to an earlier content is not mistaken for unchanged. Writers take a lock
(`flock`) that the kernel frees when they die; readers need none, since files are only ever replaced whole. The folder
must be on a local disk.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import re
import socket
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

from p2c.errors import LeaseHeld, PreconditionFailed, StateError
from p2c.state.store import LEASES, Blob, Lease, check_name, check_seconds

_LOCKS = ".locks"
_STRIPES = 64
_FIRST_LINE = re.compile(rb"p2c-blob ([0-9a-f]{32})\n")
_FIRST_LINE_LENGTH = 42
# Upper case too, since the disks of a Mac do not tell it from lower case.
_NOT_PORTABLE = re.compile(r"[^a-z0-9._=,@+-]")


class FolderStore:
    """A `Store` in the folder `path`, which is made when first written to. `clock` gives the time of day in seconds."""

    def __init__(self, path: Path | str, *, clock: Callable[[], float] = time.time) -> None:
        self._root = Path(path).absolute()
        self._clock = clock

    async def read(self, name: str) -> Blob | None:
        path = self._path(check_name(name))
        return await asyncio.to_thread(_read, path)

    async def write(self, name: str, data: bytes, *, if_match: str | None = None, if_absent: bool = False) -> str:
        path = self._path(check_name(name))
        return await asyncio.to_thread(self._write, name, path, data, if_match, if_absent)

    async def delete(self, name: str, *, if_match: str | None = None) -> None:
        path = self._path(check_name(name))
        await asyncio.to_thread(self._delete, name, path, if_match)

    async def names(self, prefix: str = "") -> AsyncIterator[str]:
        check_name(prefix, prefix=True)
        for name in await asyncio.to_thread(self._names, prefix):
            yield name

    async def lease(self, name: str, seconds: float = 60) -> Lease:
        lease = _FolderLease(self, check_name(name), check_seconds(seconds))
        await asyncio.to_thread(self._hold, lease, True)
        return lease

    async def close(self) -> None:
        """Nothing to close: no file stays open between calls."""

    # --- on the disk, in a thread -----------------------------------------------------------------------------------

    def _path(self, name: str, area: str = "") -> Path:
        encoded = ("".join(_NOT_PORTABLE.sub(_percent, part)) for part in name.split("/"))
        return self._root.joinpath(area, *encoded)

    @contextmanager
    def _locked(self, path: Path) -> Iterator[Path]:
        """Holds the lock that covers the path; gives the temporary file that goes with the lock.

        One temporary file per lock: what a killed process left behind is overwritten by the next, and never piles up.
        """
        stripe = int.from_bytes(hashlib.sha256(bytes(path)).digest()[:4]) % _STRIPES
        locks = self._root / _LOCKS
        with _told(path):
            _make_folder(locks)
            with open(locks / f"{stripe}.lock", "ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield locks / f"{stripe}.tmp"

    def _write(self, name: str, path: Path, data: bytes, if_match: str | None, if_absent: bool) -> str:
        with self._locked(path) as temporary:
            if if_absent and path.exists():
                raise PreconditionFailed(f"{name} exists already.")
            if if_match is not None:
                _check_version(name, path, if_match)
            version = uuid.uuid4().hex
            _replace(path, temporary, f"p2c-blob {version}\n".encode() + data)
            return _etag(version, data)

    def _delete(self, name: str, path: Path, if_match: str | None) -> None:
        with self._locked(path):
            if not path.exists():
                return
            if if_match is not None:
                _check_version(name, path, if_match)
            path.unlink()
            _sync_folder(path.parent)

    def _names(self, prefix: str) -> list[str]:
        folder = self._path(prefix.rpartition("/")[0]) if "/" in prefix else self._root
        found = []
        with _told(folder):
            for place, folders, files in os.walk(folder, onerror=_raise_unless_absent):
                folders[:] = [name for name in folders if not name.startswith(".")]
                parts = [unquote(part) for part in Path(place).relative_to(self._root).parts]
                found += ["/".join([*parts, unquote(file)]) for file in files if not file.startswith(".")]
        return sorted(name for name in found if name.startswith(prefix))

    # --- leases -----------------------------------------------------------------------------------------------------

    def _hold(self, lease: _FolderLease, take: bool) -> None:
        """Takes the lease, or renews it: whoever finds another owner's lease that has not run out is refused."""
        path = self._path(lease.name, LEASES)
        with self._locked(path) as temporary:
            now = self._clock()
            found = _read_lease(path)
            if found is None or found[0] != lease.owner:
                if not take:
                    raise LeaseHeld(f"The lease on {lease.name} is not ours any more.")
                if found is not None and found[1] > now:
                    raise LeaseHeld(
                        f"{lease.name} is held by {found[2]} for another {found[1] - now:.0f} s at most.",
                        hint="Another run works in this lane; try again when it has ended.",
                    )
            holder = f"process {os.getpid()} on {socket.gethostname()}"
            content = {"owner": lease.owner, "expires": now + lease.seconds, "holder": holder}
            _replace(path, temporary, json.dumps(content).encode())

    def _let_go(self, lease: _FolderLease) -> None:
        path = self._path(lease.name, LEASES)
        with self._locked(path):
            found = _read_lease(path)
            if found is not None and found[0] == lease.owner:
                path.unlink()


class _FolderLease(Lease):
    def __init__(self, store: FolderStore, name: str, seconds: float) -> None:
        super().__init__(name, seconds)
        self.owner = uuid.uuid4().hex
        self._store = store

    async def _renew(self) -> None:
        await asyncio.to_thread(self._store._hold, self, False)

    async def _release(self) -> None:
        await asyncio.to_thread(self._store._let_go, self)


def _read(path: Path) -> Blob | None:
    with _told(path):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
    return Blob(content[_FIRST_LINE_LENGTH:], _etag(_version(path, content), content[_FIRST_LINE_LENGTH:]))


def _version(path: Path, content: bytes) -> str:
    match = _FIRST_LINE.match(content)
    if match is None:
        raise StateError(
            f"The file {path} is damaged: its first line is not the one it was written with.",
            hint="Restore it from a backup, or delete it and run a full comparison.",
        )
    return match[1].decode()


def _etag(version: str, data: bytes) -> str:
    # The content takes part, so that a file that somebody edited by hand is another version as well.
    return f"{version}-{hashlib.sha256(data).hexdigest()[:16]}"


def _check_version(name: str, path: Path, if_match: str) -> None:
    blob = _read(path)
    if blob is None or blob.etag != if_match:
        raise PreconditionFailed(f"{name} was changed by somebody else.")


def _read_lease(path: Path) -> tuple[str, float, str] | None:
    """Owner, when it runs out (seconds), and who that is in words; None when nobody has it."""
    try:
        found = json.loads(path.read_bytes())
        return str(found["owner"]), float(found["expires"]), str(found["holder"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(f"The lease {path} is damaged.", hint="When no run is under way, delete the file.") from error


def _replace(path: Path, temporary: Path, content: bytes) -> None:
    _make_folder(path.parent)
    with open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    _sync_folder(path.parent)


def _make_folder(path: Path) -> None:
    if path.is_dir():
        return
    if path.parent != path:
        _make_folder(path.parent)
    path.mkdir(exist_ok=True)
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    """Makes the entries of a folder survive a power failure, as `fsync` does for what is in a file."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StateError(f"{path} cannot be used: {error.strerror or error}.") from error


def _raise_unless_absent(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02x}" for byte in str(match[0]).encode())
