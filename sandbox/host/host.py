"""The host: loads an app into a worker process, serves its routes, keeps its timers, pumps its queues.

It runs in a thread of its own, so that a test can talk to it and kill its worker, or the whole host, at any moment.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import deque
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from sandbox.host import payloads
from sandbox.host.config import HostConfig, read_host_config
from sandbox.host.errors import HostError, WorkerGoneError
from sandbox.host.frames import TypedData
from sandbox.host.functions import BusTrigger, Function, HttpTrigger, TimerTrigger, read_functions
from sandbox.host.invocations import Invocation
from sandbox.host.keys import Keys
from sandbox.host.process import LogLine, Outcome, Worker, new_id, new_trace
from sandbox.host.pumps import Pump
from sandbox.host.routes import RouteTable
from sandbox.host.runtime import require_runtime
from sandbox.host.timers import keep_schedule
from sandbox.host.web import Web
from sandbox.servicebus.broker import Broker
from sandbox.servicebus.message import Delivery
from sandbox.servicebus.options import QueueOptions
from sandbox.servicebus.serving import LoopThread, address, listen, serving

_log = logging.getLogger("sandbox.host")
_READY_SECONDS = 60.0
_REMEMBERED = 20_000


class Host:
    """One instance of a function app on 127.0.0.1. Use it as a context manager.

    `settings` are the app settings, all of them: nothing of this process's environment but the bare necessities
    reaches the app. `broker` holds the queues; one that a trigger names and it does not have yet is made when the app
    is loaded (with sessions, also with duplicate detection, where the trigger wants sessions). `schedules` runs timers
    by their schedules; without it they only run by hand. The address is known from the beginning, so that it can be
    one of the settings.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str],
        broker: Broker | None = None,
        *,
        port: int = 0,
        schedules: bool = False,
        keys: Keys | None = None,
        drain_seconds: float = 5.0,
    ) -> None:
        require_runtime()
        self.folder = folder.resolve()
        self.settings = dict(settings)
        self.broker = broker or Broker()
        self.keys = keys or Keys()
        self.functions: dict[str, Function] = {}
        self.routes: RouteTable[Function] = RouteTable([])
        self.logs: deque[LogLine] = deque(maxlen=_REMEMBERED)
        self.invocations: deque[Invocation] = deque(maxlen=_REMEMBERED)
        self.restarts = 0
        self._schedules = schedules
        self._drain_seconds = drain_seconds
        self._socket: socket.socket | None = listen(port)
        self.url = address(self._socket)
        self._port = int(self.url.rpartition(":")[2])
        self._thread = LoopThread("function-host")
        self._errors: list[str] = []
        self._under_way = 0

    # ------------------------------------------------------------------- start and stop

    def start(self) -> Host:
        """Load the app and start everything. Raises HostError with what is wrong with the app or its settings."""
        if self._thread.running:
            raise RuntimeError("The host runs already.")
        listening = self._socket or listen(self._port)
        self._socket = None
        self._thread.start()
        try:
            self._thread.call(self._start(listening))
        except BaseException:
            listening.close()
            self._thread.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop in good order: what runs has `drain_seconds`, messages go back to their queues uncounted."""
        self._end(abrupt=False)

    def crash(self) -> None:
        """Stop as when the machine is lost: the worker is killed, connections drop, locks stay until they run out.

        `start` brings up a new instance with the same queues and the same address.
        """
        self._end(abrupt=True)

    def _end(self, *, abrupt: bool) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._thread.running:
            try:
                self._thread.call(self._stop(abrupt=abrupt))
            finally:
                self._thread.stop()

    def __enter__(self) -> Host:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # ------------------------------------------------------------------------ by hand

    def run_timer(self, name: str, seconds: float = 60.0) -> Invocation:
        """Run a timer function now and wait for its end. Raises HostError when there is no such timer."""
        function = self.functions.get(name)
        if function is None or not isinstance(function.trigger, TimerTrigger):
            raise HostError(f"There is no timer function {name!r}; there are {', '.join(sorted(self.functions))}")
        return self._thread.call(self._fire(function), seconds)

    def kill_worker(self) -> None:
        """Kill the worker process with all that it is doing; the host starts another one, as the real one does."""
        self._thread.call(self._kill_worker())

    def wait_idle(self, seconds: float = 60.0) -> None:
        """Wait until no function runs and no message is due. Scheduled messages do not count. Raises TimeoutError."""
        names = self._queues()
        self.broker.wait(lambda: self._under_way == 0 and not any(self.broker.active(name) for name in names), seconds)

    @property
    def worker_process_id(self) -> int | None:
        """The number of the worker process, None while there is none."""
        return self._worker.process_id if self._thread.running else None

    def status(self) -> dict[str, Any]:
        """Give what `/admin/host/status` answers."""
        state = "Error" if self._errors else "Running" if self._ready.is_set() else "Initialized"
        return {
            "id": "local",
            "state": state,
            "version": "4.0.0-local",
            "processUptime": int((time.monotonic() - self._started) * 1000),
            "errors": list(self._errors),
        }

    # ------------------------------------------------------------------ inside the loop

    async def _start(self, listening: socket.socket) -> None:
        self._open = AsyncExitStack()
        self._ready = asyncio.Event()
        self._pumps: list[Pump] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._started = time.monotonic()
        self._errors.clear()
        self._config = read_host_config(self.folder, self.settings)
        self._worker = await self._load()
        try:
            self._prepare(self._config)
        except HostError:
            await self._worker.stop()
            raise
        await self._open.enter_async_context(serving(Web(self).app, listening))
        self._ready.set()
        self._spawn(self._keep_worker())
        for function in self.functions.values():
            if isinstance(function.trigger, BusTrigger):
                pump = Pump(function, function.trigger, self.broker, self._config.bus, self._deliver, self._ready)
                self._pumps.append(pump)
                self._spawn(pump.run())
            elif isinstance(function.trigger, TimerTrigger) and self._schedules:
                self._spawn(keep_schedule(function, function.trigger, self.broker, self._fire))
                if function.trigger.run_on_startup:
                    self.fire_later(function)

    async def _load(self) -> Worker:
        worker = Worker(self.folder, self.settings, self._note)
        await worker.start()
        return worker

    def _prepare(self, config: HostConfig) -> None:
        if not self._worker.functions:
            raise HostError(f"There are no functions in {self.folder}: function_app.py is absent or registers none")
        self.functions = read_functions(self._worker.functions, self.settings, config)
        self.routes = RouteTable(
            (f"{config.route_prefix}/{function.trigger.route}".strip("/"), function.trigger.methods, function)
            for function in self.functions.values()
            if isinstance(function.trigger, HttpTrigger)
        )
        for function in self.functions.values():
            if isinstance(function.trigger, BusTrigger):
                self._find_queue(function.name, function.trigger)

    def _find_queue(self, function: str, trigger: BusTrigger) -> None:
        if trigger.queue not in self.broker.names:
            self.broker.declare(default_queue(trigger.queue, sessions=trigger.sessions))
        with self.broker.using(trigger.queue) as queue:
            if queue.options.requires_session != trigger.sessions:
                has, wants = ("has", "does not ask for") if queue.options.requires_session else ("has no", "asks for")
                raise HostError(f"The queue {trigger.queue} {has} sessions, and the function {function} {wants} them")

    async def _stop(self, *, abrupt: bool) -> None:
        if abrupt:
            # First of all whoever would start another worker.
            await self._cancel_tasks()
            self._worker.kill()
        await asyncio.gather(*(pump.die() if abrupt else pump.finish(self._drain_seconds) for pump in self._pumps))
        await self._cancel_tasks()
        await self._open.aclose()
        await self._worker.stop()

    async def _cancel_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._errors.append(f"{type(error).__name__}: {error}")
            _log.error("A part of the host broke off", exc_info=error)

    async def _keep_worker(self) -> None:
        """Start another worker whenever one has ended; an app that does not load any more stops the host's work."""
        while True:
            await self._worker.wait_gone()
            self._lost(self._worker)
            self.restarts += 1
            try:
                self._worker = await self._load()
            except HostError as error:
                self._errors.append(str(error))
                _log.error("%s", error)
                return
            self._ready.set()
            self.broker.announce()

    async def _kill_worker(self) -> None:
        worker = self._worker
        self._lost(worker)
        worker.kill()
        await worker.gone.wait()

    def _lost(self, worker: Worker) -> None:
        """Send nothing more to a worker that has ended or is about to, or its messages would fail again and again."""
        if worker is self._worker:
            self._ready.clear()

    def _note(self, line: LogLine) -> None:
        self.logs.append(line)
        level = logging.getLevelNamesMapping().get(line.level, logging.INFO)
        logging.getLogger(f"sandbox.host.app.{line.category}").log(level, "%s", line.message)

    def _queues(self) -> list[str]:
        triggers = (function.trigger for function in self.functions.values())
        return [trigger.queue for trigger in triggers if isinstance(trigger, BusTrigger)]

    # ------------------------------------------------------------------------ invoking

    async def invoke(
        self, function: Function, data: TypedData, metadata: Mapping[str, TypedData], *, trace: str = ""
    ) -> tuple[Invocation, Outcome | None]:
        """Run a function and give what to remember of it and what it returned; None when no worker was to be had.

        A function that runs longer than `functionTimeout` costs the worker process its life, as at the real host.
        """
        id, started = new_id(), time.monotonic()
        self._under_way += 1
        outcome: Outcome | None = None
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await self._ready.wait()
            outcome = await self._invoke(self._worker, function, {function.parameter: data}, metadata, id, trace)
        except TimeoutError:
            error = "No worker process"
        else:
            error = outcome.error
        finally:
            self._under_way -= 1
        seconds = time.monotonic() - started
        invocation = Invocation(id, function.name, outcome is not None and outcome.ok, error, seconds)
        self.invocations.append(invocation)
        if error:
            _log.error("Executed %s (failed, id=%s): %s", function.name, id, error)
        self.broker.announce()
        return invocation, outcome

    async def _invoke(
        self,
        worker: Worker,
        function: Function,
        inputs: Mapping[str, TypedData],
        metadata: Mapping[str, TypedData],
        id: str,
        trace: str,
    ) -> Outcome:
        limit = self._config.function_timeout
        try:
            async with asyncio.timeout(None if limit is None else limit.total_seconds()):
                return await worker.invoke(function.id, inputs, metadata, id=id, trace=trace or new_trace())
        except TimeoutError:
            self._lost(worker)
            worker.kill()
            return Outcome(False, f"Timeout value of {limit} was exceeded by function: Functions.{function.name}")
        except WorkerGoneError as error:
            self._lost(worker)
            return Outcome(False, str(error))

    async def _fire(self, function: Function) -> Invocation:
        assert isinstance(function.trigger, TimerTrigger)
        now = self.broker.now()
        data = payloads.timer(None, now, function.trigger.schedule.next(now), past_due=False)
        invocation, _ = await self.invoke(function, data, {})
        return invocation

    def fire_later(self, function: Function) -> None:
        """Run a timer function soon, without waiting for it."""
        self._spawn(self._fire(function))

    async def _deliver(self, function: Function, trigger: BusTrigger, deliveries: Sequence[Delivery]) -> bool:
        data, metadata = payloads.messages(deliveries, many=trigger.many, binary=trigger.binary)
        invocation, _ = await self.invoke(function, data, metadata)
        return invocation.ok


def default_queue(name: str, *, sessions: bool) -> QueueOptions:
    """Give the options of a queue that a trigger names and nobody set up: Azure's defaults.

    One with sessions also has duplicate detection of ten minutes, which whoever sends to lanes counts on.
    """
    given: dict[str, Any] = {"name": name, "requiresSession": sessions, "requiresDuplicateDetection": sessions}
    return QueueOptions.parse(given)


def queue_options(given: Iterable[Mapping[str, Any]]) -> list[QueueOptions]:
    """Read the options of several queues. Raises QueueOptionsError."""
    return [QueueOptions.parse(each) for each in given]
