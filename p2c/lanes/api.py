"""What callers send and get. The OpenAPI document and the Power Automate connector are made of these models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from p2c.lanes.messages import ModeName

LONGEST_KEY = 200
LONGEST_RECORD_KEY = 400
RunState = Literal["Queued", "Running", "Completed", "Warning", "Error", "Cancelled"]
LegalEntityId = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,4}$", description="A legal entity, such as usmf.")]
TemplateId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,39}$", description="The id of a template.")]
IdempotencyKey = Annotated[
    str,
    Field(
        max_length=LONGEST_KEY,
        description="The same key gives the same run, however often it is sent. A flow uses the id of its own run.",
    ),
]


class Sent(BaseModel):
    """Base of what callers send: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)


class Given(BaseModel):
    """Base of what callers get."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class StartRun(Sent):
    """Which template to run, for whom, and how."""

    template: TemplateId
    legal_entities: Annotated[
        list[LegalEntityId], Field(max_length=100, description="Only these; all of the template when left out.")
    ] = Field(default_factory=list)
    mode: Annotated[
        ModeName,
        Field(description="incremental: what changed; full: compare every record; dryRun: say what would be written."),
    ] = "incremental"
    idempotency_key: IdempotencyKey = ""


class SyncRecord(Sent):
    """Which record to synchronise now."""

    key: Annotated[
        str,
        Field(max_length=LONGEST_RECORD_KEY, description="The record's key at its source; not with one in the path."),
    ] = ""
    legal_entity: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9]{0,4}$", description="Needed where the template has several.")
    ] = ""
    wait_seconds: Annotated[
        int, Field(ge=0, le=100, description="How long to wait for the outcome before answering with 202.")
    ] = 60
    idempotency_key: IdempotencyKey = ""


class Replay(Sent):
    """Which dead letters to try again: these, or all (of a template)."""

    ids: Annotated[list[Annotated[str, Field(max_length=900)]], Field(max_length=500)] = Field(default_factory=list)
    all: bool = False
    template: Annotated[str, Field(max_length=40, description="Only of this template, with all.")] = ""
    idempotency_key: IdempotencyKey = ""


class Couple(Sent):
    """Of which dead letters the record and the one that has its number are the same."""

    ids: Annotated[list[Annotated[str, Field(max_length=900)]], Field(min_length=1, max_length=500)]
    idempotency_key: IdempotencyKey = ""


class RecordNote(Given):
    """A remark on a record that does not change its outcome."""

    code: str = Field(description="What the note is about, such as equal-after-rounding.")
    reason: str
    field: str = ""
    line: str = ""


class RecordOutcome(Given):
    """What became of one record."""

    key: str
    outcome: str = Field(description="created, updated, deleted, unchanged, skipped, parked, rejected or failed.")
    reason: str = ""
    rule: str = ""
    field: str = ""
    line: str = ""
    missing: list[str] = Field(default_factory=list)
    changed: list[str] = Field(default_factory=list)
    request_id: str = Field(default="", description="What the service calls the request, for a support ticket.")
    notes: list[RecordNote] = Field(default_factory=list, description="Remarks that do not change the outcome.")


class RunPart(Given):
    """A run of one template in one legal entity.

    `counts` has a number for each kind of outcome that occurred, `note_counts` one for each note code.
    """

    run_id: str
    template: str
    legal_entity: str
    status: RunState
    mode: str = ""
    trigger: str = ""
    started: AwareDatetime | None = None
    finished: AwareDatetime | None = None
    counts: dict[str, int] = Field(default_factory=dict)
    note_counts: dict[str, int] = Field(default_factory=dict)
    error: str = ""
    note: str = ""


class RunStatus(Given):
    """Where a requested run stands: all legal entities together, and each."""

    id: str
    status: RunState
    status_url: str = ""
    counts: dict[str, int] = Field(default_factory=dict)
    note_counts: dict[str, int] = Field(default_factory=dict)
    runs: list[RunPart]
    records: list[RecordOutcome] = Field(
        default_factory=list, description="What became of the records, when some were named."
    )


class RunList(Given):
    """The latest runs, newest first."""

    runs: list[RunPart]


class TemplateInfo(Given):
    """A template of the project."""

    id: str
    name: str
    description: str = ""
    source: str = Field(description="sales or finops.")
    destination: str = Field(description="sales or finops.")
    enabled: bool
    runs_after: list[str] = Field(default_factory=list)


class TemplateList(Given):
    """The project's templates, in running order."""

    templates: list[TemplateInfo]


class LegalEntityInfo(Given):
    """A legal entity of the connection set."""

    id: str
    master: bool


class LegalEntityList(Given):
    """The legal entities of the connection set."""

    legal_entities: list[LegalEntityInfo]


class FieldSides(Given):
    """A field with what both records hold; empty where one holds nothing."""

    field: str
    source: str = Field(default="", description="What the record holds.")
    destination: str = Field(default="", description="What the record that has its number holds.")


class DeadLetter(Given):
    """A record, or a message, that needs a person."""

    id: str
    kind: Literal["record", "message"]
    template: str = ""
    legal_entity: str = ""
    key: str = ""
    reason: str
    field: str = ""
    line: str = ""
    attempts: int = 1
    first: str = ""
    last: str = ""
    request_id: str = ""
    retry_after: str = Field(default="", description="When it is retried automatically; empty if it is not.")
    rule: str = Field(default="", description="The kind of the rejection where it has a name, such as number-taken.")
    sides: list[FieldSides] = Field(
        default_factory=list, description="Both records, field by field, where the number is taken by another one."
    )


class DeadLetterList(Given):
    """What needs a person."""

    dead_letters: list[DeadLetter]


class CheckResult(Given):
    """What the app found when it looked at one of its parts."""

    name: str
    verdict: Literal["ok", "warning", "failed", "unchecked"]
    why: str
    hint: str = ""
    seconds: float


class CheckList(Given):
    """What the app found when it looked at its parts, in the order in which they depend on each other."""

    checks: list[CheckResult]


class Health(Given):
    """Whether the app can do its work; nothing else about it."""

    status: Literal["ok", "broken"]
