"""Fields that a document can do without: when the destination rejects one, the document is written without it.

The template marks them (`ifRejected: note`); the owner that the project gives to new rows is one as well. The answer of
a system does not name the field reliably, so all of them are left out at once, and each gets a note. Another owner (of
the order, for an invoice) gives way to the owner that the project names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from p2c.documents import DocumentChange, LegalEntity, Note, NoteCode, Reference, RowChange, Value
from p2c.errors import Validation
from p2c.mapping.mapper import Mapper
from p2c.sync.compare import Verdict
from p2c.sync.outcomes import system_name
from p2c.sync.readying import blame
from p2c.templates import paths

_OWNER = "ownerid"


class OptionalFields:
    """The fields of one template that a document can do without, by entity set and column."""

    def __init__(self, mapper: Mapper, legal_entity: LegalEntity) -> None:
        self._owner = legal_entity.owner
        self._names: dict[tuple[str, str], str] = {}
        for task in mapper.template.tasks:
            entity = task.destination.entity
            for field in task.fields:
                if field.if_rejected == "note":
                    column = paths.root(paths.parse(field.destination))
                    self._names[entity, column] = blame(field, field.destination)
            if self._owner is not None:
                self._names.setdefault((entity, _OWNER), _OWNER)

    def are_in(self, change: DocumentChange) -> bool:
        """Whether the change writes one of the fields."""
        return any((row.entity, column) in self._names for row in change.rows for column in row.values)

    def left_out(self, verdict: Verdict, error: Validation) -> Verdict:
        """The verdict without these fields, each with a note that gives the answer of the destination to it.

        An update of nothing else is dropped; without any row left there is no change.
        """
        if verdict.change is None:
            return verdict
        rows: list[RowChange] = []
        notes: list[Note] = []
        for row in verdict.change.rows:
            optional = [column for column in row.values if (row.entity, column) in self._names]
            values = {column: value for column, value in row.values.items() if column not in optional}
            for column in optional:
                owner = self._other_owner(column, row.values[column])
                if owner is not None:
                    values[column] = owner
                instead = f"with the owner {owner.id} of the project" if owner else "without it"
                notes.append(self._note(self._names[row.entity, column], row.label, error, instead))
            if values or row.action != "update" or not optional:
                rows.append(replace(row, values=values))
        change = replace(verdict.change, rows=tuple(rows)) if rows else None
        return replace(verdict, change=change, notes=(*verdict.notes, *notes))

    def _other_owner(self, column: str, value: Value | Reference) -> Reference | None:
        """The project's owner in place of another one."""
        if column != _OWNER or self._owner is None or not isinstance(value, Reference):
            return None
        entity, identifier = self._owner
        same = identifier.lower() == value.id.lower()
        return None if same else Reference(_OWNER, value.navigation, entity, identifier)

    def _note(self, field: str, line: str, error: Validation, instead: str) -> Note:
        message = str(error).rstrip().rstrip(".")
        reason = f"{system_name(error.system)} rejected the record with this field ({message}); written {instead}"
        return Note(NoteCode.OPTIONAL_FIELD_REJECTED, reason, field, line)


Rejections = Mapping[int, Validation]
"""The rejections after which a document is written without its optional fields, by the id of its work."""
