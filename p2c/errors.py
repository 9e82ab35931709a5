"""The kinds of error that p2c tells apart.

```
P2CError
├── ConfigError          a template, project file or setting is wrong: stops a run before its first write
├── AuthError            the identity was refused (401, 403, no token)
│   └── PrivilegeMissing     the identity may not write a table at all: one cause for every record of it
├── StateError           what is remembered between runs is damaged, locked or belongs to another environment
│   ├── PreconditionFailed   somebody else wrote the blob first
│   └── LeaseHeld            another run works in this lane
├── TooManyDeletes       a run would delete or deactivate more than it may without being told so
└── ServiceError         one of the two systems said no, or said nothing
    ├── Throttled        slow down; `retry_after` seconds if it said so
    ├── Transient        try the same again (network, 5xx, gateway)
    ├── Conflict         the row is there already, or was changed meanwhile: read again, then decide
    ├── MissingRow       the row to change is not there
    ├── Validation       the row was refused for what it holds; a person or the mapping must change it
    │   └── NotSendable      p2c did not send it: it exceeds a limit that p2c itself checks
    └── ExpiredToken     the change-tracking token is too old: read everything again
```

Whether to try again is read from the type alone, never from a status code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar


class P2CError(Exception):
    """An error with a message for a person and a stable `code` for machines."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        if not self.hint:
            return self.message
        # What a service said may have no full stop.
        end = "" if self.message.endswith((".", "!", "?", ":")) else "."
        return f"{self.message}{end} {self.hint}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a template or project file: which file, where in it (JSON pointer), what, and what to do."""

    file: str
    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}{'#' + self.pointer if self.pointer else ''}: {self.message}"


class ConfigError(P2CError):
    """A template, project file or setting is wrong. `problems` lists every mistake that was found."""

    code = "config"

    def __init__(self, message: str, *, problems: tuple[Problem, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(f"  {problem}" for problem in self.problems)])


class AuthError(P2CError):
    """The identity was refused, or no token could be had."""

    code = "auth"


class PrivilegeMissing(AuthError):
    """The identity lacks a privilege on a whole table, so that every record of it would be rejected alike."""

    code = "auth.privilege"


class StateError(P2CError):
    """What is remembered between runs cannot be used as it is."""

    code = "state"


class PreconditionFailed(StateError):
    """The blob is not in the version that the caller read (or is there already)."""

    code = "state.precondition"


class LeaseHeld(StateError):
    """Somebody else holds the lease, or ours was lost."""

    code = "state.lease"


class TooManyDeletes(P2CError):
    """The brake: more documents vanished at the source than a run may delete or deactivate by itself."""

    code = "deletes"


@dataclass(frozen=True, slots=True)
class Correlation:
    """What a support ticket needs to find a request again: status, the service's own code and ids."""

    status: int = 0
    service_code: str = ""
    request_id: str = ""
    activity_id: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Where in a document the refusal belongs, as far as the service said: a column, and a row (`""` = the header)."""

    field: str = ""
    row: str = ""


class ServiceError(P2CError):
    """One of the two systems refused or failed. Subclasses say what to do about it."""

    code = "service"

    def __init__(
        self,
        message: str,
        *,
        system: str = "",
        correlation: Correlation | None = None,
        fault: Fault | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.system = system
        self.correlation = correlation or Correlation()
        self.fault = fault or Fault()


class Throttled(ServiceError):
    """The service asks for less. `retry_after` is in seconds, None when it gave no time."""

    code = "throttled"

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        system: str = "",
        correlation: Correlation | None = None,
    ) -> None:
        super().__init__(message, system=system, correlation=correlation)
        self.retry_after = retry_after


class Transient(ServiceError):
    """The same request may go through later. `sent` is False only when it surely never reached the service."""

    code = "transient"

    def __init__(
        self,
        message: str,
        *,
        sent: bool = True,
        system: str = "",
        correlation: Correlation | None = None,
    ) -> None:
        super().__init__(message, system=system, correlation=correlation)
        self.sent = sent


class Conflict(ServiceError):
    """The row exists already, or changed since it was read."""

    code = "conflict"


class MissingRow(ServiceError):
    """The row to read, change or delete is not there."""

    code = "missing_row"


class Validation(ServiceError):
    """The service rejected what the row holds; the message is the service's own, cleaned for display.

    `permanent`: only another value of the record can change the answer (a number out of range). Any other rejection can
    pass by a change in the rejecting system (a customer on hold that is released), so it is retried.
    """

    code = "validation"

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        system: str = "",
        correlation: Correlation | None = None,
        fault: Fault | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, system=system, correlation=correlation, fault=fault, hint=hint)
        self.permanent = permanent


class NotSendable(Validation):
    """p2c did not send the row: it exceeds a limit that p2c checks before it sends."""

    code = "not_sendable"

    def __init__(self, message: str, *, system: str = "", fault: Fault | None = None) -> None:
        super().__init__(message, permanent=True, system=system, fault=fault)


class ExpiredToken(ServiceError):
    """The service no longer knows the state that a change-tracking token stands for; only a full read helps."""

    code = "expired_token"


@dataclass(slots=True)
class Problems:
    """Collects mistakes of one file, so that a person sees all of them at once."""

    file: str
    found: list[Problem] = field(default_factory=list)

    def add(self, pointer: str, message: str) -> None:
        self.found.append(Problem(self.file, pointer, message))

    def raise_if_any(self, message: str) -> None:
        if self.found:
            raise ConfigError(message, problems=tuple(self.found))
