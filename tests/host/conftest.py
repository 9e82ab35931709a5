"""The sample app on the local host. Where Microsoft's worker library cannot run, tests skip, but fail in CI."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from sandbox.host import Host, HostError, Keys
from sandbox.host.runtime import require_runtime
from sandbox.servicebus import Broker, QueueOptions
from tests.host.support import APP, SETTINGS

Start = Callable[..., Host]


@pytest.fixture(scope="session")
def runtime() -> None:
    """The worker library can be imported."""
    try:
        require_runtime()
    except HostError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture
def start(runtime: None) -> Iterator[Start]:
    """Starts hosts; all are stopped at the end."""
    with ExitStack() as stack:

        def started(
            folder: Path = APP,
            *,
            queues: tuple[QueueOptions, ...] = (),
            settings: Mapping[str, str] | None = None,
            schedules: bool = False,
            drain_seconds: float = 5.0,
        ) -> Host:
            given = {**SETTINGS, **(settings or {})}
            keys = Keys("host-key", "master-key")
            host = Host(folder, given, Broker(queues), schedules=schedules, keys=keys, drain_seconds=drain_seconds)
            # Stopping what did not start only frees the address.
            stack.callback(host.stop)
            return host.start()

        yield started


@pytest.fixture(scope="module")
def host(runtime: None) -> Iterator[Host]:
    """One host for tests that only call functions over HTTP."""
    with Host(APP, SETTINGS, keys=Keys("host-key", "master-key")) as running:
        yield running
