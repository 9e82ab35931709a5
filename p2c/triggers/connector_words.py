"""What makers of flows see of the API: which operations, how prominent, what to choose from, words for every field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Visibility = Literal["important", "none", "advanced", "internal"]

VISIBILITY: Mapping[str, Visibility] = {
    "StartRun": "important",
    "GetRun": "important",
    "SyncRecord": "important",
    "ListRuns": "none",
    "CancelRun": "none",
    "ListDeadLetters": "none",
    "GetDeadLetter": "none",
    "ReplayDeadLetters": "none",
    "CoupleDeadLetters": "none",
    "ListTemplates": "none",
    "ListLegalEntities": "internal",
    "GetHealth": "advanced",
}
"""How prominent an action is, by its operation. `internal` is not offered: the designer itself calls it."""

LEFT_OUT: Mapping[str, str] = {
    "SyncRecordByPath": "SyncRecord does the same, and takes any key in its body without encoding.",
    "GetDefinition": "The connector is this document already.",
    "RunChecks": "It is for operators, who have `p2c doctor`.",
}
"""Operations that are no action, and why."""

TEST = "ListLegalEntities"
"""What a new connection is tested with: it needs a sign-in with a role, no parameters, and no call to Dynamics."""

_TEMPLATES = ("ListTemplates", "templates", "id", "name")
_LEGAL_ENTITIES = ("ListLegalEntities", "legalEntities", "id", "id")
CHOICES: Mapping[str, tuple[str, str, str, str]] = {
    "StartRun.template": _TEMPLATES,
    "StartRun.legalEntities": _LEGAL_ENTITIES,
    "SyncRecord.template": _TEMPLATES,
    "SyncRecord.legalEntity": _LEGAL_ENTITIES,
    "ListDeadLetters.template": _TEMPLATES,
    "Replay.template": _TEMPLATES,
}
"""Where the values of an input come from: (operation, collection, value, title). By model or operation, and name."""

FIELD_VISIBILITY: Mapping[str, Visibility] = {
    "StartRun.template": "important",
    "StartRun.legalEntities": "important",
    "StartRun.mode": "important",
    "StartRun.idempotencyKey": "important",
    "SyncRecord.template": "important",
    "SyncRecord.key": "important",
    "SyncRecord.legalEntity": "important",
    "SyncRecord.idempotencyKey": "important",
    "SyncRecord.waitSeconds": "advanced",
    "Replay.ids": "important",
    "Replay.idempotencyKey": "important",
    "Couple.ids": "important",
    "Couple.idempotencyKey": "important",
    "GetRun.id": "important",
    "CancelRun.id": "important",
    "GetDeadLetter.id": "important",
    "ListRuns.limit": "advanced",
    "ListDeadLetters.limit": "advanced",
}
"""How prominent an input is, where it is not `none`."""

REQUIRED: Mapping[str, str] = {"SyncRecord": "key"}
"""Fields that are optional in the API only because an operation that is left out names them elsewhere."""

SUMMARIES: Mapping[str, str] = {
    "id": "ID",
    "ids": "IDs",
    "runId": "Run ID",
    "requestId": "Request ID",
    "correlationId": "Correlation ID",
    "statusUrl": "Status URL",
    "all": "All of Them",
    "body": "Request",
    "first": "First Seen",
    "last": "Last Seen",
    "master": "Is Master",
    "enabled": "Is Enabled",
}
"""Labels that do not follow from the name."""

DESCRIPTIONS: Mapping[str, str] = {
    "SyncRecord.key": "The record's key at its source; key columns are joined by a bar.",
    "Replay.ids": "The ids of the dead letters; leave out to say all.",
    "Couple.ids": "The ids of the dead letters.",
    "Replay.all": "Yes for every dead letter, or every one of the template below.",
    "RunStatus.id": "The id to ask again with, or to cancel with.",
    "RunStatus.status": "Queued and Running are under way; Completed, Warning, Error and Cancelled are final.",
    "RunStatus.statusUrl": "The address of this status.",
    "RunStatus.runs": "One run for each legal entity.",
    "RunList.runs": "The runs.",
    "RunPart.status": "Queued and Running are under way; Completed, Warning, Error and Cancelled are final.",
    "RunPart.mode": "What the run compares: incremental, full or dryRun.",
    "RunPart.trigger": "What started the run.",
    "RunPart.started": "When the run began.",
    "RunPart.finished": "When the run ended.",
    "RunPart.error": "Why the run ended before its time.",
    "RunPart.note": "What an operator should know besides.",
    "RecordOutcome.missing": "What the record waits for.",
    "RecordOutcome.changed": "The columns that were written.",
    "TemplateInfo.id": "What the template is called in requests.",
    "TemplateInfo.name": "What the template is called on screens.",
    "TemplateInfo.description": "What the template synchronizes.",
    "TemplateInfo.enabled": "Whether the template runs on its schedule.",
    "TemplateInfo.runsAfter": "The templates that this one depends on.",
    "TemplateList.templates": "The templates.",
    "LegalEntityInfo.id": "The id of the legal entity, such as usmf.",
    "LegalEntityInfo.master": "Whether what all legal entities share is read from this one.",
    "LegalEntityList.legalEntities": "The legal entities.",
    "DeadLetter.id": "What the dead letter is called in requests.",
    "DeadLetter.kind": "Whether it is a record that was not written, or a message that was not understood.",
    "DeadLetter.attempts": "How often it was tried.",
    "DeadLetter.first": "When it was tried first.",
    "DeadLetter.last": "When it was tried last.",
    "DeadLetterList.deadLetters": "The dead letters.",
    "Health.status": "The word ok, or broken when the app cannot load its project.",
    "Problem.title": "What kind of error it is.",
    "Problem.status": "The HTTP status.",
    "Problem.errors": "The fields that are wrong.",
    "Problem.pointer": "Where the field is in the body.",
    "Problem.detail": "What is wrong, and what to do about it.",
    "runId": "The id of the run.",
    "template": "The template.",
    "legalEntity": "The legal entity.",
    "counts": "A number for each kind of outcome that occurred.",
    "noteCounts": "A number for each note code that occurred; notes do not change an outcome.",
    "key": "The record's key at its source.",
    "reason": "Why.",
    "rule": "The rule of the template that decided.",
    "field": "The field that is concerned.",
    "line": "The line of the document that is concerned.",
    "requestId": "What the service calls the request, for a support ticket.",
}
"""Sentences for fields whose model has none, or one that does not fit here. By model and name, else by name."""


def about(kind: str, name: str) -> dict[str, Any]:
    """The extensions of an input or field `name` of a model or operation `kind`."""
    found: dict[str, Any] = {"x-ms-summary": SUMMARIES.get(name) or _label(name)}
    if (visibility := FIELD_VISIBILITY.get(f"{kind}.{name}", "none")) != "none":
        found["x-ms-visibility"] = visibility
    return found


def choices(kind: str, name: str) -> dict[str, Any]:
    """The extensions by which the designer lists values, in the older and the newer form; empty for free inputs."""
    if (source := CHOICES.get(f"{kind}.{name}")) is None:
        return {}
    operation, collection, value, title = source
    return {
        "x-ms-dynamic-values": {
            "operationId": operation,
            "value-collection": collection,
            "value-path": value,
            "value-title": title,
        },
        "x-ms-dynamic-list": {
            "operationId": operation,
            "itemsPath": collection,
            "itemValuePath": value,
            "itemTitlePath": title,
        },
    }


def description(kind: str, name: str, given: str) -> str:
    """The sentence for a field: the one written here for it, else the model's own, else one for its name."""
    return DESCRIPTIONS.get(f"{kind}.{name}") or given or DESCRIPTIONS[name]


def _label(name: str) -> str:
    """`legalEntities` → `Legal Entities`."""
    spaced = "".join(f" {one}" if one.isupper() else one for one in name)
    return spaced[:1].upper() + spaced[1:]
