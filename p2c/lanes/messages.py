"""The messages of the queue `p2c-work`: run a slice of a template, or synchronise these keys.

Messages outlive a deployment: each names its version, and what an older app put into the queue a newer one reads. A
version that is not known is an error that names it, never a guess.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from p2c.errors import P2CError, Problem
from p2c.sync.watching import Mode
from p2c.systems.servicebus import Outgoing

ModeName = Literal["incremental", "full", "dryRun"]
Trigger = Literal["timer", "http", "event", "replay"]
MOST_KEYS = 500

_SESSION = 128


class Malformed(P2CError):
    """A body that does not have the shape it must have. `problems` says where."""

    code = "malformed"

    def __init__(self, message: str, *, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message, hint="; ".join(str(one) for one in problems[:5]))
        self.problems = problems


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    version: Literal[1] = 1
    template: str = Field(min_length=1, max_length=40)
    legal_entity: Annotated[str, Field(alias="legalEntity", min_length=1, max_length=4)]
    trigger: Trigger
    correlation_id: Annotated[str, Field(alias="correlationId", max_length=128)] = ""
    attempt: int = Field(default=0, ge=0)
    requested: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))


class SliceMessage(_Message):
    """Run the slice of this number of the run; 0 begins it. `attempt` counts tries that had to wait for a system.

    `waits` counts how often a run has stood back for another one before it began.
    """

    kind: Literal["slice"] = "slice"
    run_id: Annotated[str, Field(alias="runId", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,149}$")]
    number: int = Field(default=0, ge=0)
    mode: ModeName = "incremental"
    waits: int = Field(default=0, ge=0)

    @property
    def message_id(self) -> str:
        """The same for the same step of the same run, as long as nobody has asked for the run anew.

        `requested` goes from slice to slice. A tick that revives a run brings its own: what it sends is not taken for a
        repetition of what was sent, and lost, before the run broke off.
        """
        asked = int(self.requested.timestamp() * 1000)
        return f"{_short(self.run_id)}/{self.number}/{self.attempt}/{self.waits}/{asked}"

    @property
    def sync_mode(self) -> Mode:
        """The mode as a run takes it."""
        return Mode(full=self.mode == "full", dry=self.mode == "dryRun")


class KeysMessage(_Message):
    """These documents may have changed. `cause` is the event or source version; with a `runId` there is a record.

    `careful`: compare with the destination also what the ledger knows as settled. `couple`: a person confirms that the
    documents are the records that have their numbers.
    """

    kind: Literal["keys"] = "keys"
    keys: Annotated[list[str], Field(min_length=1, max_length=MOST_KEYS)]
    cause: str = ""
    run_id: Annotated[str, Field(alias="runId")] = ""
    careful: bool = False
    couple: bool = False

    @property
    def message_id(self) -> str:
        """Key and cause, so that a second real change is never taken for a repetition of the first."""
        parts = (self.template, self.legal_entity, self.run_id, self.cause, str(self.attempt), *self.keys)
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:40]


WorkMessage = Annotated[SliceMessage | KeysMessage, Field(discriminator="kind")]
_ADAPTER: TypeAdapter[SliceMessage | KeysMessage] = TypeAdapter(WorkMessage)


def parse_work(body: bytes) -> SliceMessage | KeysMessage:
    """The message in a body. Raises Malformed that says what is wrong with it."""
    try:
        return _ADAPTER.validate_json(body)
    except ValidationError as error:
        raise Malformed("This is no message of p2c-work:", problems=problems_of(error)) from error


def problems_of(error: ValidationError, file: str = "") -> tuple[Problem, ...]:
    """What pydantic found, without the values."""
    found: list[Any] = list(error.errors(include_url=False, include_input=False, include_context=False))
    return tuple(Problem(file, "/" + "/".join(str(part) for part in one["loc"]), str(one["msg"])) for one in found)


def session_of(legal_entity: str, family: str) -> str:
    """The session of a lane: one writer at a time for a legal entity and a document family."""
    return f"{legal_entity.lower()}.{family}"


def dry_session(run_id: str) -> str:
    """The session of a dry run, which writes nothing and need not wait for those who do."""
    return f"dry.{_short(run_id)}"


def outgoing(message: SliceMessage | KeysMessage, family: str, *, not_before: datetime | None = None) -> Outgoing:
    """The message as it is sent to its lane."""
    dry = isinstance(message, SliceMessage) and message.sync_mode.dry
    session = dry_session(message.run_id) if dry else session_of(message.legal_entity, family)
    return Outgoing(message.model_dump_json(by_alias=True), message.message_id, session, not_before)


def _short(text: str) -> str:
    """The text, or a hash of it where ids may not be that long."""
    return text if len(text) <= _SESSION - 40 else hashlib.sha256(text.encode()).hexdigest()[:40]
