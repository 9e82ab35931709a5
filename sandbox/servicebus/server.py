"""The stand-in for Service Bus as a server in a background thread."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack
from types import TracebackType

from sandbox.servicebus.broker import Broker
from sandbox.servicebus.reading import STRICT, SendOptions
from sandbox.servicebus.rest import rest_app
from sandbox.servicebus.serving import LoopThread, address, listen, serving


class ServiceBus:
    """A namespace on 127.0.0.1. Use it as a context manager; its address is known from the beginning.

    `broker` holds the queues and outlives the server; a host receives from it directly. `token` is the bearer token
    that senders need.
    """

    def __init__(
        self,
        broker: Broker | None = None,
        *,
        token: str = "sandbox",
        port: int = 0,
        options: SendOptions = STRICT,
    ) -> None:
        self.broker = broker or Broker()
        self.token = token
        self._app = rest_app(self.broker, frozenset({token}), options)
        self._socket: socket.socket | None = listen(port)
        self.url = address(self._socket)
        self._thread = LoopThread("servicebus")
        self._open = AsyncExitStack()

    def start(self) -> ServiceBus:
        """Start serving. Raises RuntimeError when it was started before."""
        if self._socket is None:
            raise RuntimeError("This server was started already.")
        listening, self._socket = self._socket, None
        self._thread.start()
        self._thread.call(self._open.enter_async_context(serving(self._app, listening)))
        return self

    def stop(self) -> None:
        """Stop serving; what is in the queues stays in the broker."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._thread.running:
            self._thread.call(self._open.aclose())
            self._thread.stop()

    def __enter__(self) -> ServiceBus:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
