"""What changed, in order: the place where business events and data events start from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """One committed change.

    ``table`` is the backing table, ``key`` the row's key by column. ``action`` beyond the three of rows is a business
    event such as ``invoiced``. ``columns`` are the changed ones (none for created and deleted).
    """

    table: str
    action: Literal["created", "updated", "deleted", "confirmed", "shipped", "invoiced", "canceled"]
    key: dict[str, Any]
    user: str
    at: str
    columns: tuple[str, ...] = ()


@dataclass
class Changes:
    """The log of changes. Listeners hear of a change when it is committed."""

    events: list[ChangeEvent] = field(default_factory=list)
    listeners: list[Callable[[ChangeEvent], None]] = field(default_factory=list)
    _pending: list[ChangeEvent] = field(default_factory=list)
    _depth: int = 0

    def add(self, event: ChangeEvent) -> None:
        """Notes a change; inside of ``atomic`` it counts only when the outermost block ends well."""
        self._pending.append(event)
        if self._depth == 0:
            self._flush()

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Changes noted inside are forgotten when the block raises."""
        mark = len(self._pending)
        self._depth += 1
        try:
            yield
        except BaseException:
            del self._pending[mark:]
            raise
        finally:
            self._depth -= 1
        if self._depth == 0:
            self._flush()

    def _flush(self) -> None:
        ready, self._pending = self._pending, []
        self.events.extend(ready)
        for listener in self.listeners:
            for event in ready:
                listener(event)
