"""Fields that a document can do without: when the destination rejects one, the document is written without it.

The template marks them (`ifRejected: note`); the owner that the project gives to new rows is one as well. The answer of
a system does not name the field reliably, so all of them are left out at once, and each gets a note. Another owner (of
the order, for an invoice) gives way to the owner that the project names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b

from p2c.documents import DocumentChange, LegalEntity, Note, NoteCode, Reference, RowChange, Value
from p2c.errors import Validation
from p2c.mapping.mapper import Mapper
from p2c.state.ledger import Entry, RejectedField
from p2c.sync.compare import Verdict
from p2c.sync.outcomes import system_name
from p2c.sync.readying import blame
from p2c.templates import paths

_OWNER = "ownerid"
_DIGEST = 6


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
        rejected: list[RejectedField] = []
        for row in verdict.change.rows:
            optional = [column for column in row.values if (row.entity, column) in self._names]
            values = {column: value for column, value in row.values.items() if column not in optional}
            for column in optional:
                owner = self._other_owner(column, row.values[column])
                if owner is not None:
                    values[column] = owner
                instead = f"with the owner {owner.id} of the project" if owner else "without it"
                notes.append(self._note(self._names[row.entity, column], row.label, error, instead))
                rejected.append(RejectedField(row.label, column, _token(row.values[column])))
            if values or row.action != "update" or not optional:
                rows.append(replace(row, values=values))
        change = replace(verdict.change, rows=tuple(rows)) if rows else None
        return replace(
            verdict,
            change=change,
            notes=(*verdict.notes, *notes),
            unstable=verdict.unstable | {(field.row, field.column) for field in rejected},
            rejected=tuple(rejected),
        )

    def known_to_be_rejected(self, verdict: Verdict, entry: Entry) -> Verdict:
        """The verdict of a dry run without the fields whose values the destination rejected when they were sent.

        A run tries them once more and comes to the same result, unless the cause has passed.
        """
        if verdict.change is None or not entry.rejected:
            return verdict
        known = {(field.row, field.column): field for field in entry.rejected}
        rows: list[RowChange] = []
        left_out: dict[str, Note] = {}
        for row in verdict.change.rows:
            values = dict(row.values)
            for column, value in row.values.items() if row.action == "update" else ():
                field = known.get((row.label, column))
                if field is not None and field.token == _token(value):
                    del values[column]
                    name = f"{row.label}: {column}" if row.label else column
                    left_out[name] = Note(
                        NoteCode.OPTIONAL_FIELD_REJECTED,
                        "the destination rejected this value when the document was written last; the next full "
                        "comparison tries it again",
                        self._names.get((row.entity, column), column),
                        row.label,
                    )
            if values or not row.values:
                rows.append(replace(row, values=values))
        return replace(
            verdict,
            change=replace(verdict.change, rows=tuple(rows)) if rows else None,
            changed=tuple(name for name in verdict.changed if name not in left_out),
            notes=(*verdict.notes, *left_out.values()),
        )

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


def _token(value: Value | Reference) -> str:
    text = value.id if isinstance(value, Reference) else value
    return blake2b(f"{text!r}".encode("utf-8", "surrogatepass"), digest_size=_DIGEST).hexdigest()


Rejections = Mapping[int, Validation]
"""The rejections after which a document is written without its optional fields, by the id of its work."""
