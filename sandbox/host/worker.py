"""The process that runs the functions, by Microsoft's worker library: `python -m sandbox.host.worker FOLDER`.

It reads frames from standard input and writes frames to standard output; whatever the app prints goes to standard
error. One app per process, since the library's registry of functions is global. It ends when its input does, so it
never outlives its host.
"""

from __future__ import annotations

import asyncio
import contextvars
import importlib
import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

from sandbox.host import protos
from sandbox.host.frames import pack, read_frame

# Attributes that every log record has; what else is there came by `extra`.
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_invocation: contextvars.ContextVar[str | None] = contextvars.ContextVar("invocation", default=None)


class Pipe:
    """The way to the host, for whatever thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def send(self, frame: dict[str, Any]) -> None:
        """Write a frame; a host that is gone is no error, its death ends this process soon."""
        data = memoryview(pack(frame))
        with self._lock:
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            except BrokenPipeError:
                return


class PipeHandler(logging.Handler):
    """Sends log records to the host, with the invocation that they belong to and what was given as `extra`."""

    def __init__(self, pipe: Pipe, runtime: Any) -> None:
        super().__init__()
        self._pipe = pipe
        self._runtime = runtime

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        extra = {name: value for name, value in vars(record).items() if name not in _PLAIN}
        message = self.format(record)
        self._pipe.send(
            {
                "op": "log",
                "level": record.levelname,
                "category": record.name,
                "message": message,
                # In a thread of the pool only the library knows which invocation runs.
                "invocation": _invocation.get() or self._runtime.invocation_id_cv.get(),
                "extra": json.loads(json.dumps(extra, default=str)),
            }
        )


class WorkerProcess:
    """Loads one app and runs its functions until the host says stop."""

    def __init__(self, folder: Path, pipe: Pipe) -> None:
        self._folder = folder
        self._pipe = pipe
        self._runtime: Any = importlib.import_module("azure_functions_runtime")
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, descriptor: int) -> None:
        """Load the app, tell the host what is in it, then answer its frames."""
        handler = PipeHandler(self._pipe, self._runtime)
        handler.setFormatter(logging.Formatter("%(message)s"))
        logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
        # The library's own; it says the name of the function at each invocation.
        logging.getLogger("azure.functions").setLevel(logging.WARNING)
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
        )
        if not await self._load():
            return
        while (frame := await read_frame(reader)) is not None and frame["op"] != "stop":
            task = asyncio.create_task(self._invoke(frame))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _load(self) -> bool:
        self._runtime.start_threadpool_executor()
        request = protos.Message(
            request=protos.Message(
                worker_init_request=protos.Message(function_app_directory=str(self._folder), capabilities={})
            ),
            properties={"host": "127.0.0.1", "protos": protos},
        )
        answer = await self._runtime.worker_init_request(request)
        if answer.result.status != protos.StatusResult.Success:
            problem = answer.result.exception
            self._pipe.send({"op": "failed", "message": problem.message, "stack": problem.stack_trace})
            return False
        listed = await self._runtime.functions_metadata_request(None)
        functions = listed.function_metadata_results or []
        for function in functions:
            load = protos.Message(function_load_request=protos.Message(function_id=function.function_id))
            await self._runtime.function_load_request(protos.Message(request=load))
        told = [
            {
                "id": function.function_id,
                "name": function.name,
                "bindings": list(function.raw_bindings),
                "retry": function.retry_options is not None,
            }
            for function in functions
        ]
        self._pipe.send({"op": "ready", "functions": told})
        return True

    async def _invoke(self, frame: dict[str, Any]) -> None:
        _invocation.set(frame["id"])
        arguments = [
            protos.ParameterBinding(name=name, data=protos.typed_data(data)) for name, data in frame["inputs"].items()
        ]
        invocation = protos.Message(
            invocation_id=frame["id"],
            function_id=frame["function"],
            input_data=arguments,
            trigger_metadata={name: protos.typed_data(data) for name, data in frame["metadata"].items()},
            trace_context=protos.Message(trace_parent=frame["trace"], trace_state="", attributes={}),
            retry_context=protos.Message(retry_count=0, max_retry_count=0, exception=None),
        )
        request = protos.Message(request=protos.Message(invocation_request=invocation))
        answer = await self._runtime.invocation_request(request)
        problem = getattr(answer.result, "exception", None)
        ended = {"op": "ended", "id": frame["id"], "ok": answer.result.status == protos.StatusResult.Success}
        if problem is not None:
            ended |= {"message": problem.message, "stack": problem.stack_trace}
        self._pipe.send({**ended, "returned": protos.written(getattr(answer, "return_value", None))})


def main() -> NoReturn:
    """Run the app in the folder that the command line names."""
    folder = Path(sys.argv[1])
    # Standard input and output are the pipes to the host; the app gets others, so that print() spoils nothing.
    given, told = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    # Ctrl+C reaches the whole group of processes; the host says when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The app sees its own folder, as in Azure; the folder of this program was only needed to come here.
    for path in os.environ.pop("PYTHONPATH", "").split(os.pathsep):
        if path in sys.path and Path(path) != folder:
            sys.path.remove(path)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    asyncio.run(WorkerProcess(folder, Pipe(told)).run(given))
    sys.stdout.flush()
    # Threads of the pool may still run a function; the host was told to stop and does not wait for them.
    os._exit(0)


if __name__ == "__main__":
    main()
