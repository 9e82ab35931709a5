"""What several packages of tests share: the stage with both sandboxes, and Azurite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import settings

from tests.azurite import Azurite, running_azurite
from tests.staging import Raise, raise_stage

# How long an example takes says how busy the machine is. A test that hangs has pytest's own limit.
settings.register_profile("p2c", deadline=None)
settings.load_profile("p2c")


@pytest.fixture(scope="session")
def one_azurite() -> Iterator[Azurite]:
    """An Azurite that runs as long as the tests do."""
    with running_azurite() as running:
        assert urlsplit(running.account_url).hostname == "127.0.0.1"
        yield running


@pytest.fixture
def azurite(one_azurite: Azurite) -> Iterator[Azurite]:
    """A running Azurite, empty: what a test leaves in it would be another company's state to the next one."""
    yield one_azurite
    one_azurite.empty()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Raise]:
    """Raises stages: both sandboxes, a company in them (not set up yet), p2c pointed at them. All goes at the end."""
    with ExitStack() as stack:

        def raised(*args: object, **options: object) -> object:
            return stack.enter_context(raise_stage(tmp_path, *args, **options))  # type: ignore[arg-type]

        yield raised  # type: ignore[misc]
