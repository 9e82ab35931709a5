"""How a queue is set up. The names of the JSON form are those of the resource type in Azure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sandbox.servicebus.timespan import parse_iso_duration


class QueueOptionsError(ValueError):
    """A queue's properties have an unknown name or a value of the wrong kind; the text names it."""


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """One queue. The defaults are Azure's; `duplicate_window` None means no duplicate detection."""

    name: str
    requires_session: bool = False
    duplicate_window: timedelta | None = None
    lock_duration: timedelta = timedelta(minutes=1)
    max_delivery_count: int = 10
    time_to_live: timedelta | None = None
    dead_letter_expired: bool = False
    max_message_bytes: int = 256 * 1024

    @staticmethod
    def parse(given: Mapping[str, Any]) -> QueueOptions:
        """Read `{"name": …, "requiresSession": true, "lockDuration": "PT1M", …}`. Raises QueueOptionsError.

        As in Azure the window of duplicate detection is ten minutes unless `duplicateDetectionHistoryTimeWindow` says
        otherwise, and counts only with `requiresDuplicateDetection`.
        """
        rest = dict(given)

        def take(name: str, kind: type, default: Any = None) -> Any:
            value = rest.pop(name, default)
            # bool is an int to Python, not to whoever writes "maxDeliveryCount": true.
            if value is not default and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
                raise QueueOptionsError(f"{name} of a queue is a {kind.__name__}, not {value!r}")
            return value

        def span(name: str, default: timedelta | None) -> timedelta | None:
            text = take(name, str)
            try:
                return default if text is None else parse_iso_duration(text)
            except ValueError as error:
                raise QueueOptionsError(f"{name}: {error}") from error

        name = take("name", str, "")
        if not name:
            raise QueueOptionsError("A queue needs a name")
        window = span("duplicateDetectionHistoryTimeWindow", timedelta(minutes=10))
        options = QueueOptions(
            name=name,
            requires_session=take("requiresSession", bool, False),
            duplicate_window=window if take("requiresDuplicateDetection", bool, False) else None,
            lock_duration=span("lockDuration", None) or timedelta(minutes=1),
            max_delivery_count=take("maxDeliveryCount", int, 10),
            time_to_live=span("defaultMessageTimeToLive", None),
            dead_letter_expired=take("deadLetteringOnMessageExpiration", bool, False),
            max_message_bytes=take("maxMessageSizeInKilobytes", int, 256) * 1024,
        )
        if rest:
            raise QueueOptionsError(f"{', '.join(sorted(rest))}: not stood in for, or no property of a queue")
        return options
