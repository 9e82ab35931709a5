"""The worker process as its host sees it: started, told to invoke, killed."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.host.errors import HostError, WorkerGoneError
from sandbox.host.frames import TypedData, pack, read_frame

_ROOT = Path(__file__).parent.parent.parent
_LOAD_SECONDS = 60.0
_STOP_SECONDS = 5.0
# What a process needs of its surroundings to run at all; the app's settings come besides.
_SURROUNDINGS = (
    "HOME",
    "LANG",
    "LC_ALL",
    "PATH",
    "SSL_CERT_FILE",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "TMPDIR",
    "VIRTUAL_ENV",
)


@dataclass(frozen=True, slots=True)
class LogLine:
    """A log record of the app (or a line that it printed, with category `console`)."""

    level: str
    category: str
    message: str
    invocation: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an invocation ended. `error` is the exception's type and text, `returned` the typed data of `$return`."""

    ok: bool
    error: str = ""
    stack: str = ""
    returned: TypedData | None = None


class Worker:
    """One worker process. `functions` is what it found: id, name, bindings, retry. `gone` is set when it has ended."""

    def __init__(self, folder: Path, settings: Mapping[str, str], log: Callable[[LogLine], None]) -> None:
        self.functions: list[dict[str, Any]] = []
        self.gone = asyncio.Event()
        self._folder = folder
        self._settings = settings
        self._log = log
        self._process: Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._loaded: asyncio.Future[list[dict[str, Any]]] = asyncio.get_running_loop().create_future()
        self._under_way: dict[str, asyncio.Future[Outcome]] = {}

    @property
    def process_id(self) -> int | None:
        """The process's number, while it runs."""
        return self._process.pid if self._process is not None and not self.gone.is_set() else None

    async def start(self) -> None:
        """Start the process and wait until the app is loaded. Raises HostError with the app's own error."""
        surroundings = {name: os.environ[name] for name in _SURROUNDINGS if name in os.environ}
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sandbox.host.worker", str(self._folder)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            cwd=self._folder,
            env={**surroundings, **self._settings, "PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1"},
        )
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._overhear())]
        try:
            self.functions = await asyncio.wait_for(asyncio.shield(self._loaded), _LOAD_SECONDS)
        except TimeoutError:
            await self.stop()
            raise HostError(f"The app in {self._folder} was not loaded within {_LOAD_SECONDS:.0f} s") from None
        except BaseException:
            self.kill()
            await self.stop()
            raise

    async def invoke(
        self,
        function_id: str,
        inputs: Mapping[str, TypedData],
        metadata: Mapping[str, TypedData],
        *,
        id: str,
        trace: str,
    ) -> Outcome:
        """Run a function. Raises WorkerGoneError when the process ends before the function does."""
        if self._process is None or self._process.stdin is None or self.gone.is_set():
            raise WorkerGoneError("The worker process has ended")
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._under_way[id] = future
        frame = {"op": "invoke", "id": id, "function": function_id, "trace": trace}
        try:
            self._process.stdin.write(pack({**frame, "inputs": dict(inputs), "metadata": dict(metadata)}))
            with suppress(ConnectionError):
                await self._process.stdin.drain()
            return await future
        finally:
            self._under_way.pop(id, None)

    def kill(self) -> None:
        """End the process at once, as when the machine under it is taken away."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def stop(self) -> None:
        """Ask the process to end, and end it when it does not."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None and not process.stdin.is_closing():
            process.stdin.write(pack({"op": "stop"}))
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            self.kill()
            await process.wait()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def wait_gone(self) -> None:
        """Wait until the process has ended, its last words are read, and its pipes are closed."""
        await self.gone.wait()
        await self.stop()

    async def _listen(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while (frame := await read_frame(self._process.stdout)) is not None:
            self._take(frame)
        await self._process.wait()
        self.gone.set()
        ended = f"The worker process has ended with {self._process.returncode}"
        if not self._loaded.done():
            self._loaded.set_exception(HostError(f"{ended} while it loaded the app"))
        for future in list(self._under_way.values()):
            if not future.done():
                future.set_exception(WorkerGoneError(ended))

    def _take(self, frame: dict[str, Any]) -> None:
        if frame["op"] == "log":
            words = {name: frame[name] for name in ("level", "category", "message", "invocation", "extra")}
            self._log(LogLine(**words))
        elif frame["op"] == "ready":
            self._loaded.set_result(frame["functions"])
        elif frame["op"] == "failed":
            self._loaded.set_exception(HostError(f"The app could not be loaded: {frame['message']}\n{frame['stack']}"))
        elif (future := self._under_way.get(frame["id"])) is not None and not future.done():
            outcome = Outcome(frame["ok"], frame.get("message", ""), frame.get("stack", ""), frame["returned"])
            future.set_result(outcome)

    async def _overhear(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        rest = b""
        # Not readline: a line longer than the reader's limit would be an error.
        while piece := await self._process.stderr.read(65536):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                self._log(LogLine("INFO", "console", line.decode(errors="replace")))
        if rest:
            self._log(LogLine("INFO", "console", rest.decode(errors="replace")))


def new_id() -> str:
    """Give an id for an invocation."""
    return str(uuid.uuid4())


def new_trace() -> str:
    """Give a W3C trace parent for an invocation that nobody else traces."""
    return f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01"
