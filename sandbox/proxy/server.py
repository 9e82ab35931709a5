"""The proxy itself: a thread with an event loop that hands requests on, unless its plan has something else in mind."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from urllib.parse import urlsplit

import h11

from sandbox.proxy.messages import LONGEST_HEAD, Answer, Request, ask, halved, read_request, refusal, spoilt, written
from sandbox.proxy.plan import CALM, Fault, FaultPlan, Kind

_START_SECONDS = 20.0
_PIECES = 16
_BEFORE = frozenset({Kind.RESET_BEFORE, Kind.CLOSED_BEFORE, Kind.SILENT})
_WITHOUT_ANSWER = frozenset({Kind.RESET_AFTER, Kind.CLOSED_AFTER, Kind.UNANSWERED, Kind.LATE})
_ABRUPT = frozenset({Kind.RESET_BEFORE, Kind.RESET_AFTER})


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of a request. `acted`: the server saw it. `status` is what the client got, 0 for nothing.

    `at` are seconds of `time.monotonic` when the request came.
    """

    system: str
    method: str
    path: str
    kind: Kind | None
    acted: bool
    status: int
    at: float


class FaultProxy:
    """Plain HTTP between a client and the server at `target`. Use it as a context manager.

    `plan` may be set anew at any time and counts for the requests that come from then on; `log` has every request.
    Port 0 is any free port. The Host header is handed on, so links in answers point to the proxy.
    """

    def __init__(self, target: str, plan: FaultPlan = CALM, *, system: str = "", port: int = 0) -> None:
        parts = urlsplit(target)
        if parts.scheme != "http" or not parts.hostname or not parts.port:
            raise ValueError(f"{target!r} is not the address of a server that speaks plain http, with its port")
        self.plan = plan
        self.log: list[Handled] = []
        self.system = system
        self.url = ""
        self._host, self._server_port = parts.hostname, parts.port
        self._port = port
        self._thread: threading.Thread | None = None
        self._loop = asyncio.new_event_loop()
        self._connections: set[asyncio.Task[None]] = set()
        self._acting: set[asyncio.Task[Answer]] = set()

    def start(self) -> FaultProxy:
        """Start and wait until it listens. Raises RuntimeError when it does not."""
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name="fault-proxy", daemon=True)
        self._thread.start()
        if not started.wait(_START_SECONDS):
            raise RuntimeError("The proxy did not start in time.")
        return self

    def stop(self) -> None:
        """Drop all connections and wait for the thread."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(_START_SECONDS)
            self._thread = None

    def __enter__(self) -> FaultProxy:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def settle(self, seconds: float = 60.0) -> None:
        """Wait until nothing is on its way to the server any more. Raises TimeoutError."""
        asyncio.run_coroutine_threadsafe(self._settled(), self._loop).result(seconds)

    # ------------------------------------------------------------------ the thread

    def _run(self, started: threading.Event) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(started))

    async def _serve(self, started: threading.Event) -> None:
        self._stopping = asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", self._port, backlog=512)
        async with server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            started.set()
            await self._stopping.wait()
            server.close()
            tasks = [*self._connections, *self._acting]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _settled(self) -> None:
        while self._acting:
            await asyncio.wait(list(self._acting))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._talk(reader, writer)
        except (OSError, h11.RemoteProtocolError, asyncio.CancelledError):
            # Whoever does not talk to us any more will not read an answer either.
            writer.transport.abort()
        finally:
            self._connections.discard(task)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST_HEAD)
        while (request := await read_request(reader, connection)) is not None:
            at = time.monotonic()
            method, path = request.method.decode(), request.target.decode("latin-1")
            fault = self.plan.choose(self.system, method, path)
            kind = fault.kind if fault is not None else None
            answer = await self._answer(request, fault, reader)
            acted = fault is None or (kind not in _BEFORE and refusal(fault, datetime.now(UTC)) is None)
            status = answer.status if answer is not None else 0
            self.log.append(Handled(self.system, method, path, kind, acted, status, at))
            if answer is None:
                if kind in _ABRUPT:
                    _reset(writer)
                return
            if not await self._write(writer, connection, fault, answer):
                return
            connection.start_next_cycle()

    async def _answer(self, request: Request, fault: Fault | None, reader: asyncio.StreamReader) -> Answer | None:
        """What the client gets, None for nothing at all."""
        now = datetime.now(UTC)
        if fault is None:
            return await self._act(request)
        if (instead := refusal(fault, now)) is not None:
            return instead
        if fault.kind in _BEFORE:
            if fault.kind is Kind.SILENT:
                await _gone(reader, fault.seconds)
            return None
        if fault.kind is Kind.LATE:
            task = self._begin(request, fault.seconds)
            await _gone(reader, fault.seconds)
            await asyncio.wait([task])
            return None
        answer = await self._act(halved(request) if fault.kind is Kind.HALF_ACTED else request)
        if fault.kind in _WITHOUT_ANSWER:
            if fault.kind is Kind.UNANSWERED:
                await _gone(reader, fault.seconds)
            return None
        return spoilt(fault, answer, now)

    async def _act(self, request: Request) -> Answer:
        """The server's answer, which the server works out also when the client has gone meanwhile."""
        return await asyncio.shield(self._begin(request, 0.0))

    def _begin(self, request: Request, seconds: float) -> asyncio.Task[Answer]:
        async def act() -> Answer:
            await asyncio.sleep(seconds)
            return await ask(self._host, self._server_port, request)

        task = asyncio.create_task(act())
        self._acting.add(task)
        task.add_done_callback(self._acting.discard)
        return task

    async def _write(
        self, writer: asyncio.StreamWriter, connection: h11.Connection, fault: Fault | None, answer: Answer
    ) -> bool:
        """Send an answer; whether the connection can go on after it."""
        if fault is not None and fault.kind is Kind.CUT_BODY and len(answer.body) > 1:
            half = Answer(answer.status, answer.headers, answer.body[: len(answer.body) // 2])
            writer.write(written(connection, half, length=len(answer.body)))
            await writer.drain()
            return False
        data = written(connection, answer)
        if fault is None or fault.kind is not Kind.TRICKLE:
            writer.write(data)
        else:
            size = -(-len(data) // _PIECES)
            for start in range(0, len(data), size):
                writer.write(data[start : start + size])
                await writer.drain()
                await asyncio.sleep(fault.seconds / _PIECES)
        await writer.drain()
        return connection.our_state is h11.DONE


async def _gone(reader: asyncio.StreamReader, seconds: float) -> None:
    """Wait until the client has closed the connection, for so many seconds at most."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(reader.read(1), seconds)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side sees a reset: without lingering the kernel sends RST instead of FIN."""
    taken: socket.socket = writer.get_extra_info("socket")
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
