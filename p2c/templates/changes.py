"""What a project may say is different in a template."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from p2c.templates.models import (
    Cancellations,
    Conflicts,
    Deletes,
    Evidence,
    FieldMap,
    HeaderAmounts,
    Merges,
    Model,
    Moves,
    Scalar,
)


class RuleChange(Model):
    """What a rule says instead, or what a new rule says: see Rule."""

    when: str
    reason: str


class FieldChange(FieldMap):
    """A field that takes the place of the template's, or one more: see FieldMap. Its place names its destination."""

    destination: str = ""


class TemplateChange(Model):
    """What is different in one template.

    - `enabled`, `schedule`, `deletes`, `moves`, `merges`, `conflicts`, `cancellations`, `publish`, `headerAmounts`:
      as in the template.
    - `scope`: of a template of shared documents, whose rows go: those of the `master`, or of all (`union`).
    - `deactivate`: the values that put a document out of use, in place of the template's.
    - `evidence`: what proves that a row at the destination is the document, in place of the template's.
    - `couplings`: by legal entity, keys of documents whose number at the destination is the same record.
    - `filter`: the source filter of the header, in the language of the service, which gets it as it is.
    - `rules`: by name, wherever the rule is (header, lines, guards, updateOnly). Null drops it; an unknown name is a
      new rule of the header.
    - `fields`: by task and destination. Null leaves the field out.
    - `valueMaps`: by task and destination: entries that come before those of the field's value map.
    - `defaults`: by task and destination: the value when the source is blank. Null takes the default away.
    """

    enabled: bool | None = None
    schedule: str | None = None
    deletes: Deletes | None = None
    deactivate: dict[str, Scalar] | None = None
    moves: Moves | None = None
    merges: Merges | None = None
    conflicts: Conflicts | None = None
    scope: Literal["master", "union"] | None = None
    cancellations: Cancellations | None = None
    publish: bool | None = None
    header_amounts: Annotated[HeaderAmounts | None, Field(alias="headerAmounts")] = None
    evidence: list[Evidence] | None = None
    couplings: dict[str, list[str]] | None = None
    filter: str | None = None
    rules: dict[str, RuleChange | None] = Field(default_factory=dict)
    fields: dict[str, dict[str, FieldChange | None]] = Field(default_factory=dict)
    value_maps: Annotated[dict[str, dict[str, dict[str, Scalar]]], Field(alias="valueMaps")] = Field(
        default_factory=dict
    )
    defaults: dict[str, dict[str, Scalar]] = Field(default_factory=dict)
