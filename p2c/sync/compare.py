"""What must be written so that the destination agrees with a mapped document: only what differs, and nothing of others.

A row that was at the destination before we knew it is *adopted*: fields that differ are written, nothing is blanked,
and its lines that p2c did not write stay, and are reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from p2c.documents import (
    HEADER,
    DocumentChange,
    ExistingDocument,
    ExistingRow,
    LegalEntity,
    Mark,
    Note,
    NoteCode,
    Reference,
    RowChange,
    RowKey,
    Value,
)
from p2c.equality import fold_key
from p2c.mapping.mapper import Mapper
from p2c.mapping.shape import WRITE_IN
from p2c.state.ledger import Overwritten, RejectedField
from p2c.sync.identity import row_id
from p2c.sync.outcomes import Awaited
from p2c.sync.readying import ReadyDocument, ReadyRow, Values, blame
from p2c.templates import catalog
from p2c.templates.filters import parse as parse_filter
from p2c.templates.models import Task


@dataclass(frozen=True, slots=True)
class Verdict:
    """What comparing gave: the writes (none when both sides agree) and the names of what differs.

    `unfit`: rows that a new line would have to name and cannot, for the state that they are in. `notes` are remarks
    that comparing adds to those of mapping. `overwritten` and `rejected` are to be remembered of fields, `unstable` are
    those (label of the row, column) of which the destination does not hold what p2c wrote.
    """

    change: DocumentChange | None
    changed: tuple[str, ...]
    created: bool
    header_key: RowKey
    line_names: tuple[str, ...]
    unfit: tuple[Awaited, ...] = ()
    notes: tuple[Note, ...] = ()
    overwritten: tuple[Overwritten, ...] = ()
    unstable: frozenset[tuple[str, str]] = frozenset()
    rejected: tuple[RejectedField, ...] = ()


class Comparer:
    """Compares documents of one template with the destination, for one legal entity."""

    def __init__(self, mapper: Mapper, legal_entity: LegalEntity) -> None:
        template = mapper.template
        self._mapper = mapper
        self._system = template.destination
        self._legal_entity = legal_entity
        self._tasks: dict[str, Task] = {task.name: task for task in template.tasks}
        self._header = template.header
        self._keys = {
            task.name: {_column(path) for path in ("dataAreaId", *task.destination.key)} for task in template.tasks
        }
        self._ignored = {
            task.name: parse_filter(task.destination.ignore) for task in template.lines if task.destination.ignore
        }

    def compare(
        self, document: ReadyDocument, existing: ExistingDocument | None, ours: Sequence[str] | None
    ) -> Verdict:
        """The writes for a document. `ours` names the lines that we wrote before; None = it is not known to us."""
        header = document.header
        changed: list[str] = []
        if existing is None:
            key = self.new_header_key(document)
            rows = [self._create(header, key)]
        else:
            key = existing.header.key
            rows = self._update(header, existing.header, adopted=ours is None, changed=changed)
        unfit: list[Awaited] = []
        notes: list[Note] = []
        rows += self._lines(document, key, existing, ours, changed, unfit, notes)
        rows += self._last(header, key, existing, changed)
        names = tuple(self._line_name(line) for line in document.lines)
        change = DocumentChange(document.key, tuple(rows), self._mark(header, key, existing)) if rows else None
        return Verdict(change, tuple(changed), existing is None, key, names, tuple(unfit), tuple(notes))

    # --- header ---

    def _create(self, row: ReadyRow, key: RowKey, link: Values | None = None) -> RowChange:
        values = {**row.create, **(link or {})}
        if row.label == HEADER and self._legal_entity.owner and self._has_owner(row.entity):
            entity, identifier = self._legal_entity.owner
            values.setdefault("ownerid", Reference("ownerid", "ownerid", entity, identifier))
        filled = {column: value for column, value in values.items() if value is not None}
        return RowChange("create", row.entity, key, filled, row.label)

    def _has_owner(self, entity: str) -> bool:
        column = catalog.sales_table_by_set(entity).find("ownerid") if self._system == "sales" else None
        return column is not None and column.create

    def _update(self, row: ReadyRow, existing: ExistingRow, *, adopted: bool, changed: list[str]) -> list[RowChange]:
        if row.write_in is not None and existing.values.get(WRITE_IN) is True:
            row = row.write_in
        different = self._different(row, row.update, existing, adopted=adopted, changed=changed)
        # What is compared must be what is written over. Only the header, which comes first: whatever writes a line, or
        # the header once more, meets rows that the service itself has just written (totals, the lines beside).
        etag = existing.etag if row.label == HEADER else ""
        return [RowChange("update", row.entity, existing.key, different, row.label, etag)] if different else []

    def _mark(self, row: ReadyRow, key: RowKey, existing: ExistingDocument | None) -> Mark | None:
        """What the header has while the document is incomplete; None where the template or the environment has none.

        A field that is only written on create is no mark: after it, it holds what people enter there.
        """
        values = {**row.update, **row.after_update}
        unfinished = {
            column: value for column, value in self._header.destination.unfinished.items() if column in values
        }
        if not unfinished:
            return None
        etag = existing.header.etag if existing is not None else ""
        return Mark(row.entity, key, unfinished, {column: values[column] for column in unfinished}, etag)

    def _last(
        self, row: ReadyRow, key: RowKey, existing: ExistingDocument | None, changed: list[str]
    ) -> list[RowChange]:
        if existing is None:
            values = dict(row.after_create)
        else:
            values = self._different(row, row.after_update, existing.header, adopted=False, changed=changed)
        return [RowChange("update", row.entity, key, values, row.label)] if values else []

    def _different(
        self, row: ReadyRow, values: Values, existing: ExistingRow, *, adopted: bool, changed: list[str]
    ) -> dict[str, Value | Reference]:
        different: dict[str, Value | Reference] = {}
        for column, value in values.items():
            if column in self._keys[row.task] or (adopted and value is None):
                continue
            same = self._same(row.task, column, value, existing.values.get(column))
            if not same and not self._mapper.same_state(row.task, column, values, existing.values):
                different[column] = value
                changed.append(f"{row.label}: {column}" if row.label else column)
        return different

    def _same(self, task: str, column: str, value: Value | Reference, there: Value) -> bool:
        if isinstance(value, Reference):
            return value.id.lower() == str(there or "").lower()
        return self._mapper.same(task, column, value, there)

    # --- lines ---

    def _lines(
        self,
        document: ReadyDocument,
        header_key: RowKey,
        existing: ExistingDocument | None,
        ours: Sequence[str] | None,
        changed: list[str],
        unfit: list[Awaited],
        notes: list[Note],
    ) -> list[RowChange]:
        there = self._existing_lines(existing) if existing else {}
        updates: list[RowChange] = []
        creates: list[RowChange] = []
        for line in document.lines:
            rows = there.get(self._line_name(line))
            if rows:
                found = rows.pop(self._nearest(line, rows, self._new_line_key(line, document)))
                if self._mapper.is_managed(line.task):
                    continue
                updates += self._update(line, found[1], adopted=ours is None, changed=changed)
                continue
            if self._mapper.is_managed(line.task):
                # The environment makes the row when it gets the header.
                continue
            new = self._sellable(line, unfit)
            creates.append(self._create(new, self._new_line_key(new, document), self._link(new, header_key)))
            if existing is not None:
                changed.append(f"{line.label}: added")
        wanted = {self._line_name(line) for line in document.lines}
        deletes: list[RowChange] = []
        for name, rows in there.items():
            for task, row in rows:
                if self._tasks[task].destination.extra == "keep":
                    continue
                if self._is_ours(task, name, row, document.key, ours, taken=name in wanted):
                    deletes.append(RowChange("delete", self._tasks[task].destination.entity, row.key, {}, name))
                elif self._tasks[task].destination.extra == "ours":
                    notes.append(_foreign_line(name, row))
        changed.extend(f"{row.label}: removed" for row in deletes)
        return [*deletes, *updates, *creates]

    def _nearest(self, line: ReadyRow, rows: Sequence[tuple[str, ExistingRow]], own: RowKey) -> int:
        """Which of several lines with one number is meant: ours by its id, else the one that differs least."""

        def distance(place: int) -> tuple[bool, int]:
            row = rows[place][1]
            different = self._different(line, line.update, row, adopted=True, changed=[])
            return row.key != own, len(different)

        return min(range(len(rows)), key=distance) if len(rows) > 1 else 0

    def _sellable(self, line: ReadyRow, unfit: list[Awaited]) -> ReadyRow:
        """The line as it can be new: a write-in where its product cannot be sold any more and the template has that."""
        product = line.create.get("productid")
        if not isinstance(product, Reference) or not product.unfit:
            return line
        if line.write_in is not None:
            return line.write_in
        why = f"is {product.unfit} in Sales: activate it there"
        place = blame(self._mapper.field(line.task, "productid.productnumber"), "productid")
        unfit.append(Awaited("product", line.product, place, line.place, why))
        return line

    def _existing_lines(self, existing: ExistingDocument) -> dict[str, list[tuple[str, ExistingRow]]]:
        """Lines found, by name, those of others left out; tasks that share an entity find the same lines.

        Several have one name where a person entered a line with the number of another.
        """
        found: dict[str, list[tuple[str, ExistingRow]]] = {}
        met: set[RowKey] = set()
        for task in existing.lines:
            for name, row in self._named(existing, task):
                if row.key not in met:
                    met.add(row.key)
                    found.setdefault(name, []).append((task, row))
        return found

    def unknown_rows(
        self, document: ReadyDocument, existing: ExistingDocument, ours: Sequence[str]
    ) -> Iterator[tuple[ReadyRow, list[ExistingRow]]]:
        """Lines of a document with the rows of their number, where p2c wrote none of these rows.

        Their ids say so in Sales, and `ours`, the names of the lines that p2c wrote.
        """
        there = self._existing_lines(existing)
        for line in document.lines:
            name = self._line_name(line)
            rows = [row for _, row in there.get(name, ())]
            known = name in ours or (
                self._system == "sales" and any(row.key == self._new_line_key(line, document) for row in rows)
            )
            if rows and not known:
                yield line, rows

    def lines_of(self, existing: ExistingDocument, task: str) -> dict[str, ExistingRow]:
        """The lines that were found as one task reads them, by name, those of others left out."""
        found: dict[str, ExistingRow] = {}
        for name, row in self._named(existing, task):
            found.setdefault(name, row)
        return found

    def _named(self, existing: ExistingDocument, task: str) -> Iterator[tuple[str, ExistingRow]]:
        ignored = self._ignored.get(task)
        for row in existing.lines.get(task, ()):
            if ignored is None or not ignored.holds(row.values):
                yield self._name(task, tuple(row.values.get(_column(one)) for one in self._key_paths(task))), row

    def _is_ours(
        self, task: str, name: str, row: ExistingRow, document_key: str, ours: Sequence[str] | None, *, taken: bool
    ) -> bool:
        """Whether p2c wrote a line that the source does not have any more: its id says so, or the ledger does.

        `taken`: the line itself is there, and this is another row with its number.
        """
        if self._system == "sales" and row.key == self._row_id(task, document_key, name):
            return True
        return ours is not None and name in ours and not taken

    def _row_id(self, task: str, document_key: str, name: str) -> str:
        return row_id(self._tasks[task].destination.entity, self._legal_entity.id, document_key, name)

    def _key_paths(self, task: str) -> list[str]:
        destination = self._tasks[task].destination
        return [one for one in destination.key if one not in destination.link]

    def _line_name(self, line: ReadyRow) -> str:
        return self._name(line.task, tuple(_plain(line.create.get(_column(one))) for one in self._key_paths(line.task)))

    def _name(self, task: str, key: tuple[Value, ...]) -> str:
        """How a line is known in its document: entity and key, in one spelling whatever the type that a key came in."""
        parts = (f"{Decimal(one):f}" if isinstance(one, int | Decimal) else fold_key(str(one or "")) for one in key)
        return ":".join((self._tasks[task].destination.entity, *parts))

    # --- keys ---

    def number(self, document: ReadyDocument) -> tuple[str, ...]:
        """The values by which the document is found at the destination."""
        found = (document.header.create.get(column) for column in self._header.destination.key)
        return tuple("" if one is None or isinstance(one, Reference) else str(one) for one in found)

    def new_header_key(self, document: ReadyDocument) -> RowKey:
        """The key that the document's header gets if we create it."""
        header = document.header
        if self._system == "sales":
            return row_id(header.entity, self._legal_entity.id, document.key)
        return self._finops_key(header)

    def _new_line_key(self, line: ReadyRow, document: ReadyDocument) -> RowKey:
        if self._system == "sales":
            return self._row_id(line.task, document.key, self._line_name(line))
        return self._finops_key(line)

    def _finops_key(self, row: ReadyRow) -> RowKey:
        entity = catalog.finops_entity(row.entity)
        return tuple(
            (one, self._legal_entity.id if one == "dataAreaId" else _plain(row.create.get(one))) for one in entity.keys
        )

    def _link(self, line: ReadyRow, header_key: RowKey) -> Values:
        """The lookups that tie a new line to its header in Sales; in F&O the number is among the line's own fields."""
        if self._system != "sales" or not isinstance(header_key, str):
            return {}
        table = catalog.sales_table_by_set(line.entity)
        return {
            column: Reference(column, table.navigation(column), self._header.destination.entity, header_key)
            for column in self._tasks[line.task].destination.link
        }


def _foreign_line(name: str, row: ExistingRow) -> Note:
    """The note on a line that p2c did not create and that therefore stays."""
    held = (row.values.get(column) for column in ("ProductNumber", "productdescription", "productid"))
    product = next((str(value) for value in held if value), "")
    number = name.partition(":")[2]
    reason = (
        f"line {number}{f' (product {product})' if product else ''} was not written by p2c and is not at the source; "
        "it stays, and counts in the totals there: delete it, or enter it at the source"
    )
    return Note(NoteCode.FOREIGN_LINE, reason, line=number)


def _plain(value: Value | Reference) -> Value:
    """The value as a row holds it: a Reference is the id that it points to."""
    return value.id if isinstance(value, Reference) else value


def _column(path: str) -> str:
    """The column that a path is stored in: the lookup's own for a followed one."""
    return path.partition(".")[0]
