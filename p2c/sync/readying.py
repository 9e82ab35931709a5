"""Mapped documents with their lookups resolved, in bulk: ready to be compared, or waiting for a row that is not there.

Which missing row makes a document wait, and which one is a mistake that a person must mend, is the template's word
(`missing`), or else the table's: people and this app add accounts, products and price lists all the time, but a unit or
a currency that is unknown stays so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from p2c.documents import Flaw, LegalEntity, MappedDocument, MappedRow, Missing, Reference, ResolvedRow, Value
from p2c.mapping.mapper import LineKind, Mapper
from p2c.sync.outcomes import Awaited, spoken
from p2c.systems.ends import Ambiguous, Destination
from p2c.templates.models import FieldMap, Task

_WAIT_FOR = frozenset({"account", "contact", "product", "salesorder", "quote", "invoice", "pricelevel"})

Values = Mapping[str, Value | Reference]
Cells = dict[str, Value]


@dataclass(frozen=True, slots=True)
class ReadyRow:
    """A mapped row by column, lookups resolved: what a create writes, and what an update compares.

    `after_create` and `after_update` follow when all rows of the document are written. `write_in` is the row to use
    instead where the destination's line is a write-in product, which it cannot cease to be, or where its product cannot
    be sold. `product` is the number that the line names, `place` how messages name the line.
    """

    task: str
    entity: str
    label: str
    create: Values
    update: Values
    after_create: Values = field(default_factory=dict)
    after_update: Values = field(default_factory=dict)
    write_in: ReadyRow | None = None
    product: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class ReadyDocument:
    """A mapped document ready to be compared, its lines in the order of their tasks."""

    key: str
    header: ReadyRow
    lines: Sequence[ReadyRow]


@dataclass(slots=True)
class Readied:
    """What became of a document: ready, or not, for the rows it waits for or for its flaws."""

    document: ReadyDocument | None = None
    missing: list[Awaited] = field(default_factory=list)
    flaws: list[Flaw] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Form:
    """The cells of a row, by path, that one kind of line has: in a create, in an update, and after each."""

    create: Cells
    update: Cells
    after_create: Cells
    after_update: Cells

    def everything(self) -> Cells:
        return {**self.after_update, **self.after_create, **self.update, **self.create}


class Readier:
    """Resolves the lookups of documents of one template."""

    def __init__(self, mapper: Mapper, destination: Destination, legal_entity: LegalEntity) -> None:
        self._mapper = mapper
        self._destination = destination
        self._legal_entity = legal_entity
        self._tasks: dict[str, Task] = {task.name: task for task in mapper.template.tasks}
        self._two_forms = {task.name: any(one.line_kind for one in task.fields) for task in mapper.template.tasks}

    async def ready(self, documents: Sequence[MappedDocument]) -> list[Readied]:
        """The documents in the same order, each with what it lacks. One bulk resolution per destination entity."""
        rows = list(chain.from_iterable((one.header, *one.lines) for one in documents))
        forms = [self._form(row, "product") for row in rows]
        resolved = await self._resolve(rows, forms)
        results: list[Readied] = []
        position = 0
        for document in documents:
            end = position + 1 + len(document.lines)
            result = Readied()
            ready = [self._row(rows[at], forms[at], resolved[at], result) for at in range(position, end)]
            if not result.missing and not result.flaws:
                result.document = ReadyDocument(document.key, ready[0], tuple(ready[1:]))
            results.append(result)
            position = end
        return results

    async def _resolve(self, rows: Sequence[MappedRow], forms: Sequence[_Form]) -> dict[int, ResolvedRow]:
        by_entity: dict[str, list[int]] = defaultdict(list)
        for index, row in enumerate(rows):
            by_entity[row.entity].append(index)
        resolved: dict[int, ResolvedRow] = {}
        for entity, indexes in by_entity.items():
            wanted = [forms[index].everything() for index in indexes]
            answers = await self._destination.resolve(entity, wanted, self._legal_entity)
            resolved.update(zip(indexes, answers, strict=True))
        return resolved

    def _form(self, row: MappedRow, kind: LineKind) -> _Form:
        """The row as one kind of line, without the lookups that tie it to its header."""
        link = self._tasks[row.task].destination.link
        line_kind = kind if self._two_forms[row.task] else None

        def free(cells: Mapping[str, Value]) -> Cells:
            return {path: one for path, one in cells.items() if "." not in path or _column(path) not in link}

        new = self._mapper.applicable(row, creating=True, line_kind=line_kind)
        known = self._mapper.applicable(row, creating=False, line_kind=line_kind)
        return _Form(free(new.values), free(known.values), free(new.last), free(known.last))

    def _row(self, row: MappedRow, form: _Form, resolved: ResolvedRow, result: Readied) -> ReadyRow:
        two_forms = self._two_forms[row.task]
        left_out: set[str] = set()
        write_in = two_forms and any(self._verdict(row, one) == "writeIn" for one in resolved.missing)
        for missing in resolved.missing:
            verdict = self._verdict(row, missing)
            if verdict in ("omit", "writeIn") or (write_in and self._of_product(row, missing.path)):
                left_out.add(missing.path)
            elif verdict == "park":
                place = blame(self._mapper.field(row.task, missing.path), missing.path)
                elsewhere, here = missing.elsewhere, self._legal_entity.id if missing.elsewhere else ""
                awaited = Awaited(missing.table, missing.value, place, row.place, elsewhere=elsewhere, here=here)
                result.missing.append(awaited)
            else:
                place = blame(self._mapper.field(row.task, missing.path), missing.path)
                result.flaws.append(_unknown(missing, place, row.place))
        if not two_forms:
            return _ready(row, form, resolved, left_out)
        other = _ready(row, self._form(row, "writeIn"), resolved, left_out)
        if write_in or not isinstance(resolved.values.get("productid"), Reference):
            return other
        return _ready(row, form, resolved, left_out, other)

    def _verdict(self, row: MappedRow, missing: Missing) -> str:
        found = self._mapper.field(row.task, missing.path)
        if found is not None and found.missing:
            return found.missing
        return "park" if missing.table in _WAIT_FOR and not isinstance(missing, Ambiguous) else "reject"

    def _of_product(self, row: MappedRow, path: str) -> bool:
        return self._mapper.line_kind(row.task, path) == "product"


def _ready(
    row: MappedRow, form: _Form, resolved: ResolvedRow, left_out: Iterable[str], write_in: ReadyRow | None = None
) -> ReadyRow:
    def columns(cells: Cells) -> dict[str, Value | Reference]:
        """Lookups as resolved; what is no lookup as this form has it (a column may differ between forms)."""
        found: dict[str, Value | Reference] = {}
        for path, value in cells.items():
            column = _column(path)
            if path not in left_out and (path == column or column in resolved.values):
                found[column] = value if path == column else resolved.values[column]
        return found

    return ReadyRow(
        row.task,
        row.entity,
        row.label,
        columns(form.create),
        columns(form.update),
        columns(form.after_create),
        columns(form.after_update),
        write_in,
        next((str(value) for path, value in form.create.items() if path.startswith("productid.")), ""),
        row.place,
    )


def _column(path: str) -> str:
    return path.partition(".")[0]


def blame(found: FieldMap | None, path: str) -> str:
    """The name by which a person knows the cell: the field's sources, or the destination of a constant."""
    return ", ".join(found.sources) if found is not None and found.sources else path


def _unknown(missing: Missing, place: str, line: str) -> Flaw:
    if isinstance(missing, Ambiguous):
        several = (
            f"Sales has {missing.rows} rows for {spoken(missing.table)} {missing.value!r}; keep one of them active"
        )
        return Flaw(place, several, line)
    what = f"no {spoken(missing.table)} {missing.value!r} in Sales; add it there, or map the value to one that exists"
    return Flaw(place, what, line)
