"""What comes back from a system, and what was counted on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from p2c.documents import SystemName
from p2c.errors import Transient
from p2c.systems.odata import jsonnum
from p2c.systems.odata.refusal import read


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no refusal; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    system: SystemName

    def json(self) -> Any:
        """Give the body as JSON, fractions as Decimal. Raises Transient when it is none, such as a gateway's page."""
        try:
            return jsonnum.loads(self.body)
        except ValueError:
            correlation = read(self.status, self.headers, b"").correlation
            message = f"The answer ({self.status}) is not JSON."
            raise Transient(message, system=self.system, correlation=correlation) from None


@dataclass(slots=True)
class Statistics:
    """Counts of a client since it was made. `requests` are HTTP requests, retries included; bytes are as on the wire.

    `seconds_waited` is the time that requests spent in back-off and throttle pauses, summed over all of them.
    """

    requests: int = 0
    throttled: int = 0
    retries: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    seconds_waited: float = 0.0
