"""What the tests of the host share: settings of the sample app, folders with other apps, gates, what functions said."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import TracebackType
from typing import Any

from sandbox.host import Host, LogLine

APP = Path(__file__).parent / "app"
SETTINGS = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "BUS__fullyQualifiedNamespace": "local.servicebus.windows.net",
    "LANES": "lanes",
    "TICK_SCHEDULE": "0 0 3 * * *",
    "GREETING": "good day",
}


class Gate:
    """A place where a function waits. `arrived` returns when one is there; it goes on when the gate is opened."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(30)
        self.port: int = self._listening.getsockname()[1]
        self._waiting: list[socket.socket] = []

    def arrived(self) -> None:
        """Wait until one more function is at the gate."""
        self._waiting.append(self._listening.accept()[0])

    def nobody_arrives(self, seconds: float = 0.3) -> bool:
        """Whether nobody comes for so long."""
        self._listening.settimeout(seconds)
        try:
            self.arrived()
        except TimeoutError:
            return True
        finally:
            self._listening.settimeout(30)
        return False

    def open(self) -> None:
        """Let everybody through who is there."""
        while self._waiting:
            self._waiting.pop().close()

    def order(self) -> bytes:
        """The body of a message that waits here."""
        return json.dumps({"do": "wait", "port": self.port}).encode()

    def __enter__(self) -> Gate:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.open()
        self._listening.close()


def said(host: Host, message: str) -> list[LogLine]:
    """What functions of the sample app logged with this text."""
    return [line for line in list(host.logs) if line.category == "sample" and line.message == message]


def bodies(host: Host, message: str) -> list[str]:
    """The bodies that came with these log records."""
    return [line.extra["body"] for line in said(host, message)]


def write_app(folder: Path, code: str, host_json: dict[str, Any] | None = None) -> Path:
    """Write an app of one file and give its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    head = "import azure.functions as func\napp = func.FunctionApp()\n"
    (folder / "function_app.py").write_text(head + code, encoding="utf-8")
    plain = {"version": "2.0", "extensionBundle": {"id": "Microsoft.Azure.Functions.ExtensionBundle"}}
    (folder / "host.json").write_text(json.dumps({**plain, **(host_json or {})}), encoding="utf-8")
    return folder
