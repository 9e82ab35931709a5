"""What the application says when it refuses a write, and what the service makes of it.

The texts follow the samples that public captures show; the client reads the cause from behind ``Infolog:``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from sandbox.wire.reply import Reply

WRITE_EXCEPTION = "Microsoft.Dynamics.Platform.Integration.Services.OData.AxODataWriteException"
INVALID_OPERATION = "System.InvalidOperationException"
_JSON = {"Content-Type": "application/json; odata.metadata=minimal"}


class RequestError(Exception):
    """A request that the service refuses. ``reply`` is its answer."""

    def __init__(self, status: int, message: str, kind: str = INVALID_OPERATION) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind

    def reply(self, status: int | None = None) -> Reply:
        """The answer, with the given status in place of its own."""
        error = {
            "error": {
                "code": "",
                "message": "An error has occurred.",
                "innererror": {"message": self.message, "type": self.kind, "stacktrace": ""},
            }
        }
        return Reply(status or self.status, dict(_JSON), json.dumps(error, ensure_ascii=False).encode())


class NoResourceError(Exception):
    """The URL names nothing that the service has: 404 with a body of another shape than a missing row has."""

    def __init__(self, uri: str) -> None:
        super().__init__(f"No HTTP resource was found that matches the request URI '{uri}'.")

    def reply(self) -> Reply:
        """The answer."""
        return Reply(
            404, {"Content-Type": "application/json; charset=utf-8"}, json.dumps({"Message": str(self)}).encode()
        )


@dataclass(frozen=True)
class Line:
    """One line of the infolog: Info, Warning or Error, and its text."""

    severity: str
    text: str


class InfologError(Exception):
    """The application refuses a write. ``duplicate`` marks an existing key, whose status may differ."""

    def __init__(self, *lines: Line, duplicate: bool = False, lead: str | None = None) -> None:
        super().__init__("; ".join(f"{line.severity}: {line.text}" for line in lines))
        self.duplicate = duplicate
        self.lead = lead

    def request_error(self, entity: str, status: int = 400) -> RequestError:
        """The same as an answer about a row of ``entity`` (the entity's name in the application)."""
        lead = self.lead or f"Write failed for table row of type '{entity}'."
        return RequestError(status, f"{lead} Infolog: {self}.", WRITE_EXCEPTION)


def refused(text: str, *more: str) -> InfologError:
    """A validation that failed on the row."""
    return InfologError(Line("Warning", text), *(Line("Warning", each) for each in more))


def canceled(text: str) -> InfologError:
    """A warning after which the whole write was taken back."""
    return InfologError(Line("Warning", text), Line("Error", "Update has been canceled."))


def not_found(value: str, label: str, related: str, field: str) -> InfologError:
    """A value that a related table does not have. ``field`` is entity and field, with a dot between."""
    return refused(
        f"The value '{value}' in field '{label}' is not found in the related table '{related}'.",
        f"validateField failed on field '{field}'.",
    )


def mandatory(label: str) -> InfologError:
    """A mandatory field that was left empty."""
    return InfologError(Line("Error", f"Mandatory field '{label}' not set."), lead="Write returned RecId 0.")


def must_be_filled(label: str) -> InfologError:
    """A field that the validation of the row misses."""
    return InfologError(Line("Error", f"Field '{label}' must be filled in."))


def exists(table: str, label: str, key: str) -> InfologError:
    """A key that is taken. ``label`` is the table's label, ``table`` its name, ``key`` the fields and their values."""
    text = f"Cannot create a record in {label} ({table}). {key}.\nThe record already exists."
    return InfologError(Line("Info", text), duplicate=True)


def conflict(table: str, label: str) -> InfologError:
    """A row that another process wrote between reading and writing."""
    return InfologError(
        Line(
            "Error",
            f"Cannot edit a record in {label} ({table}).\nAn update conflict occurred due to another user process "
            "deleting the record or changing one or more fields in the record.",
        )
    )
