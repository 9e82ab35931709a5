"""Function keys: who may call a function over HTTP."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of an app: `host` opens every function of level function, `master` everything."""

    host: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    master: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def admit(self, level: str, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        """Whether a request with these (lower case) headers and parameters may pass at a level."""
        if level == "anonymous":
            return True
        given = headers.get("x-functions-key") or query.get("code") or ""
        accepted = [self.master] if level == "admin" else [self.master, self.host]
        return any(secrets.compare_digest(given.encode(), key.encode()) for key in accepted)
