"""The mapper: one document in, the same document for the other side out, or the reason why not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Literal

from p2c.documents import (
    HEADER,
    DocumentRead,
    DocumentWrite,
    Flaw,
    MappedDocument,
    MappedRow,
    Note,
    NoteCode,
    Rejected,
    Row,
    Skipped,
    SourceDocument,
    SpreadAmounts,
    Value,
    place_of,
)
from p2c.equality import fold_key
from p2c.mapping import amounts, shape
from p2c.mapping.context import Context, DocumentScope
from p2c.mapping.encode import text_of
from p2c.mapping.fields import CompiledField
from p2c.mapping.fingerprint import fingerprint
from p2c.mapping.kinds import Scope
from p2c.mapping.plan import Absence, CompiledRule, TaskPlan, cancellations, plan
from p2c.mapping.refusal import Unmappable
from p2c.mapping.spread import Spreader
from p2c.mapping.text import plain
from p2c.templates.models import FieldMap, Template
from p2c.templates.places import country_code, state_code

LEGAL_ENTITY = "dataAreaId"
MERGED = "merged"
"""The column of a record of Sales that was merged into another one, and the code of what follows from it."""
SUPERSEDED = "superseded revision"
SAME_KEY = "same-key"
"""The code of rejections of documents that the destination cannot tell apart."""
LineKind = Literal["product", "writeIn"]
_NAMED = 5
"""Lines that the reason of a skipped document names."""
_LONGEST = 60
"""Characters of a line's description in a message."""
Mapped = MappedDocument | Skipped | Rejected


class Mapper:
    """Maps documents of one template within one connection set and legal entity. Holds no state between documents.

    Raises ConfigError at once when the template does not fit the environment that the context describes.
    """

    def __init__(self, template: Template, context: Context) -> None:
        self.template = template
        self.context = context
        self._plans = plan(template, context)
        self._header, self._lines = self._plans[0], self._plans[1:]
        self._by_name = {one.task.name: one for one in self._plans}
        self._fields = {(one.task.name, field.slot): field for one in self._plans for field in one.fields}
        self._spreaders = {
            one.task.name: Spreader(one.task.spread, template.header_amounts, one.task.source.key[-1])
            for one in self._lines
            if one.task.spread is not None
        }
        self._currency = shape.currency(template, self._header, context)
        self._canceled = cancellations(template, Absence(context.absent))
        self._area: dict[str, Value] = {LEGAL_ENTITY: context.legal_entity} if template.destination == "finops" else {}

    # --- what is read and written ---

    def reads(self) -> DocumentRead:
        """What to read: every path that fields, rules, includes, keys, links, versions and the currency need."""
        return shape.reads(self.template, self._plans, Absence(self.context.absent))

    def writes(self) -> DocumentWrite:
        """Where rows go, and which columns of those that are there have to be read to compare and to guard them."""
        return shape.writes(self.template, self._plans, Absence(self.context.absent))

    def field(self, task: str, slot: str) -> FieldMap | None:
        """The field that a cell of a mapped row comes from; None for `dataAreaId`.

        The slot is the destination. Where two fields have one destination (for products and write-in lines, or for
        create and update) their cells are called `destination#writeIn` and the like.
        """
        found = self._fields.get((task, slot))
        return found.field if found else None

    def line_kind(self, task: str, slot: str) -> LineKind | None:
        """The lines that a cell is for, `product` or `writeIn`; None when it is for both."""
        found = self.field(task, slot)
        return found.line_kind if found else None

    def is_managed(self, task: str) -> bool:
        """Whether the environment writes the rows of this task itself (`managedBy`)."""
        plan = self._by_name.get(task)
        return plan is not None and plan.managed

    def applicable(self, row: MappedRow, *, creating: bool, line_kind: LineKind | None = None) -> MappedRow:
        """What of a mapped row goes into one write, under the names of the destination.

        `values` then has all that goes into a create (or an update), `last` what follows after all rows of the
        document, `create` nothing. Cells for the other kind of line and for the other kind of write are left out.
        """
        left_out = "update" if creating else "create"

        def fitting(cells: Mapping[str, Value]) -> dict[str, Value]:
            chosen: dict[str, Value] = {}
            for slot, value in cells.items():
                found = self._fields.get((row.task, slot))
                if found is None:
                    chosen[slot] = value
                elif found.when != left_out and (line_kind is None or found.field.line_kind in (None, line_kind)):
                    chosen[found.name] = value
            return chosen

        values = fitting({**row.values, **row.create}) if creating else fitting(row.values)
        return replace(row, values=values, create={}, last=fitting(row.last))

    def same(self, task: str, column: str, mapped: Value, existing: Value) -> bool:
        """Whether the destination holds the mapped value already, however it writes it."""
        found = self._fields.get((task, column))
        return found.same(mapped, existing) if found else mapped == existing

    def same_state(self, task: str, column: str, mapped: Mapping[str, object], existing: Row) -> bool:
        """Whether a column holds the state of an address, and both rows name the same one: `CA` and `California`.

        `mapped` may lack the country; then the one that is there counts for both.
        """
        country = self._by_name[task].countries.get(column)
        if country is None:
            return False
        there = country_code(text_of(existing.get(country)))
        own = mapped.get(country)
        wanted = country_code(own) if isinstance(own, str) else there
        state, held = mapped.get(column), existing.get(column)
        if not wanted or wanted != there or not isinstance(state, str) or not isinstance(held, str):
            return False
        code = state_code(state, wanted)
        return bool(code) and code == state_code(held, wanted)

    def normal(self, task: str, column: str, value: Value) -> str:
        """A cell of the destination as text that is equal for cells that are the same."""
        found = self._fields.get((task, column))
        try:
            return text_of(found.normal(value) if found else value)
        except Unmappable:
            return text_of(value)

    # --- mapping ---

    def map(self, document: SourceDocument) -> Mapped:
        """The document for the destination; Skipped by the first rule that does not hold; Rejected with all flaws.

        Where a document was canceled, or all rules that do not hold let some fields go, it is a document of the header
        alone (`MappedDocument.skipped`).
        """
        skipped = self._skipped(document)
        if skipped is None:
            return self._map(document)
        return self._header_only(document, skipped) or skipped

    def map_versions(self, documents: Sequence[SourceDocument]) -> list[tuple[SourceDocument, Mapped]]:
        """Maps documents of which several may have one key (and legal entity), in the order given.

        Of those that no rule skips, the one with the highest version counts, where the template names a version column,
        and the others are skipped as superseded. Without such a column, or between equal versions, nobody can say which
        one is meant: all of them are rejected.
        """
        skipped = [self._skipped(document) for document in documents]
        rivals: dict[tuple[str, str], list[int]] = {}
        for position, document in enumerate(documents):
            if document.key and skipped[position] is None:
                rivals.setdefault((document.legal_entity, fold_key(document.key)), []).append(position)
        verdicts: dict[int, Mapped] = {}
        for positions in rivals.values():
            if len(positions) > 1:
                verdicts.update(self._settle(documents, positions))
        for position in self._last_skipped(documents, skipped, set(rivals)):
            verdicts[position] = self.map(documents[position])
        return [
            (document, verdicts.get(position) or skipped[position] or self._map(document))
            for position, document in enumerate(documents)
        ]

    def _last_skipped(
        self, documents: Sequence[SourceDocument], skipped: Sequence[Skipped | None], going: set[tuple[str, str]]
    ) -> Iterator[int]:
        """Of each key of which rules skip all versions, the highest version: that one may have been canceled."""
        version = self.template.header.source.version
        last: dict[tuple[str, str], int] = {}
        for position, document in enumerate(documents):
            key = (document.legal_entity, fold_key(document.key))
            if version and document.key and skipped[position] is not None and key not in going:
                known = last.setdefault(key, position)
                if _rank(document.header.get(version)) > _rank(documents[known].header.get(version)):
                    last[key] = position
        yield from last.values()

    def _settle(self, documents: Sequence[SourceDocument], positions: list[int]) -> Iterator[tuple[int, Mapped]]:
        """The verdict on each of several eligible documents with one key, but for the one that counts."""
        standing = [position for position in positions if documents[position].header.get(MERGED) is not True]
        if standing and len(standing) < len(positions):
            # After a merge the master may have the number of the record that was merged into it.
            for position in positions:
                if position not in standing:
                    yield position, Skipped(MERGED, "The record was merged; another record has its number now.")
            positions = standing
            if len(positions) == 1:
                return
        version = self.template.header.source.version
        ranks = {position: _rank(documents[position].header.get(version)) for position in positions}
        highest = max(ranks.values())
        top = [position for position in positions if not version or ranks[position] == highest]
        if len(top) > 1:
            names = sorted(f"{documents[position].key} ({documents[position].source_id})" for position in top)
            spelled = {documents[position].key for position in top}
            alike = "" if len(spelled) == 1 else ", which the destination cannot tell apart"
            flaw = Flaw(
                ", ".join(self.template.header.source.key),
                f"{documents[top[0]].key!r} is the number of several rows{alike} ({', '.join(names)}): "
                "change or remove all but one",
                code=SAME_KEY,
            )
            yield from ((position, Rejected((flaw,))) for position in top)
        counts = text_of(documents[top[0]].header.get(version))
        for position in positions:
            if position not in top:
                yield position, Skipped(SUPERSEDED, f"{version} {counts} of the same number counts")

    def _skipped(self, document: SourceDocument) -> Skipped | None:
        """The first rule that does not hold, with the fields that all of those let go."""
        first: Skipped | None = None
        for one in self._plans:
            if one.rules:
                for row in self._rows(one, document):
                    for broken in one.broken(row):
                        still = broken.rule.still
                        if first is None:
                            first = replace(self._explained(broken, one, row, document), still=tuple(still))
                        else:
                            first = replace(first, still=tuple(name for name in first.still if name in still))
                        if not first.still:
                            return first
        return first

    def _header_only(self, document: SourceDocument, skipped: Skipped) -> MappedDocument | None:
        """What concerns the destination of a document that a rule skips; None: nothing, or it has flaws.

        That are fields of the header that go all the same, or that the document was canceled. What else of the header
        is needed to recognise the row there goes on create, which never happens.
        """
        canceled = next((one for one in self._canceled if one.holds(document.header)), None)
        still = () if canceled else skipped.still
        going = {field.slot: field.name for field in self._header.fields if field.name in still}
        if not document.key or not (going or canceled):
            return None
        header = self.template.header.destination
        named = {*header.key, *going.values(), *(path for evidence in header.evidence for path in evidence.same)}
        fields = tuple(field for field in self._header.fields if field.name in named)
        flaws: list[Flaw] = []
        scope = DocumentScope(self.context, self._currency, document.header)
        row = self._row(replace(self._header, fields=fields), document.header, HEADER, scope, flaws, [])
        if flaws:
            return None
        values = {slot: value for slot, value in row.values.items() if slot in going or slot in self._area}
        others = {slot: value for slot, value in row.values.items() if slot not in values}
        key = "|".join(row.key) if self.template.destination == "finops" else document.key
        row = replace(row, key=(), values=values, create={**others, **row.create})
        if canceled:
            columns = ", ".join(sorted(canceled.paths()))
            mark = fingerprint(key, row, ())
            return MappedDocument(key, document.source_id, row, (), mark, skipped=skipped, canceled=columns)
        names = ", ".join(going.values())
        note = Note(NoteCode.PARTLY_SYNCED, f"only {names} is synced ({skipped.rule}): {skipped.reason}", names)
        return MappedDocument(key, document.source_id, row, (), fingerprint(key, row, ()), (note,), skipped=skipped)

    def _explained(self, broken: CompiledRule, one: TaskPlan, row: Row, document: SourceDocument) -> Skipped:
        """Why a rule skips the document, with the lines that make it so."""
        rule = broken.rule
        if one.reader.name != self._header.task.name:
            place = self._place(one, row)
            return Skipped(rule.name, rule.reason, f"Line: {place}.", place)
        if not broken.causes:
            return Skipped(rule.name, rule.reason)
        lines = self._by_name[self.template.read_lines[0].name]
        found: list[tuple[str, str]] = []
        for line in self._rows(lines, document):
            why = next((reason for condition, reason in broken.causes if condition.holds(line)), "")
            if why:
                found.append((self._place(lines, line), why))
        if not found:
            return Skipped(rule.name, rule.reason)
        named = "; ".join(f"{place} {why}" for place, why in found[:_NAMED])
        more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        return Skipped(rule.name, rule.reason, f"{named}{more}.", found[0][0])

    def _map(self, document: SourceDocument) -> MappedDocument | Rejected:
        scope = DocumentScope(self.context, self._currency, document.header)
        flaws: list[Flaw] = []
        notes: list[Note] = []
        if self.template.amounts is not None:
            lines_of = self._by_name[self.template.amounts.lines]
            computed = amounts.compute(
                self.template.amounts,
                document,
                scope,
                lambda row: self._place(lines_of, row),
                lines_of.task.source.key[-1],
            )
            document = computed.document
            notes += computed.notes
            flaws += computed.flaws
        header = self._row(self._header, document.header, HEADER, scope, flaws, notes)
        if not document.key and not flaws:
            flaws.append(Flaw(", ".join(self.template.header.source.key), "is empty: it is the number of the document"))
        lines: list[MappedRow] = []
        spread: SpreadAmounts | None = None
        for one in self._lines:
            rows = list(self._rows(one, document))
            if spreader := self._spreaders.get(one.task.name):
                carried = spreader.rows(document.header, rows, [self._place(one, row) for row in rows], scope)
                rows, spread = list(carried.rows), carried.amounts
                notes += carried.notes
                flaws += carried.flaws
            new = (self._row(one, row, self._label(one, row), scope, flaws, notes) for row in rows)
            lines += [row for row in new if not _is_zero(one, row)]
        flaws += self._repeated(lines)
        if flaws:
            # Two fields with the same sources (a discount and its rounding) have the same flaw.
            return Rejected(tuple(dict.fromkeys(flaws)))
        key = "|".join(header.key) if self.template.destination == "finops" else document.key
        header = replace(header, key=())
        return MappedDocument(
            key, document.source_id, header, lines, fingerprint(key, header, lines), tuple(notes), spread
        )

    def _rows(self, one: TaskPlan, document: SourceDocument) -> Iterator[Row]:
        of_header = one.reader.name == self._header.task.name
        rows = (document.header,) if of_header else document.lines.get(one.reader.name, ())
        return (row for row in rows if one.includes(row))

    def _place(self, one: TaskPlan, row: Row) -> str:
        """The row as messages name it."""
        return place_of(self._label(one, row), _product(one, row))

    def _label(self, one: TaskPlan, row: Row) -> str:
        """The task and the line's number in the source, by which a person finds the line."""
        if one.reader.name == self._header.task.name:
            return one.task.name
        return " ".join(
            [one.task.name, *(text_of(row.get(name)) or "without number" for name in one.reader.source.key)]
        )

    def _row(
        self, one: TaskPlan, row: Row, label: str, scope: DocumentScope, flaws: list[Flaw], notes: list[Note]
    ) -> MappedRow:
        values, create, last = dict(self._area), dict[str, Value](), dict[str, Value]()
        parts = {"values": values, "create": create, "last": last}
        product = _product(one, row)
        place = place_of(label, product)
        write_in = one.product is not None and _is_blank(one.product, row, scope)
        for field in one.fields:
            if write_in and field.field.line_kind == "product":
                continue
            if field.computed and not row.keys() >= set(field.computed):
                # The amounts could not be computed, and a flaw says why.
                continue
            try:
                value = field.compute(row, scope)
                notes += scope.notes(field.blame(0 if field.field.sources else None), place)
                if value is None or (isinstance(value, str) and not value.strip()):
                    other = field.in_place(row, scope) if field.in_place is not None else None
                    if other is not None:
                        create[field.slot] = field.encode(other, scope)
                        continue
                    if field.required:
                        raise Unmappable(_empty(one, field))
                    if not value:
                        if not field.clears:
                            continue
                        value = None
                encoded = field.encode(value, scope)
                parts[field.part][field.slot] = encoded
                if isinstance(value, Decimal) and isinstance(encoded, Decimal) and encoded != value:
                    reason = f"is {plain(value)}, which {field.name} holds as {plain(encoded)}"
                    notes.append(Note(NoteCode.EQUAL_AFTER_ROUNDING, reason, field.blame(), place))
            except Unmappable as error:
                flaws.append(Flaw(field.blame(error.source), error.reason, place))
        key = tuple(text_of(parts[field.part].get(field.slot)) for field in one.keys)
        return MappedRow(one.task.name, one.task.destination.entity, label, key, values, create, last, product)

    def _repeated(self, lines: Sequence[MappedRow]) -> Iterator[Flaw]:
        """Lines that would be one row at the destination; blank keys have their flaw already."""
        first: dict[tuple[str, tuple[str, ...]], MappedRow] = {}
        for line in lines:
            keys = self._by_name[line.task].keys
            if keys and all(line.key):
                other = first.setdefault((line.entity, tuple(map(fold_key, line.key))), line)
                if other is not line:
                    reason = f"is {line.key[-1]!r} a second time ({other.place} has it): every line needs its own"
                    yield Flaw(keys[-1].blame(), reason, line.place)


def _product(one: TaskPlan, row: Row) -> str:
    """What a line is about, for messages: the first of its label's paths that holds something, cut to a few words."""
    texts = (text_of(row.get(path)).strip() for path in one.label)
    found = next((text for text in texts if text), "")
    return found if len(found) <= _LONGEST else found[: _LONGEST - 1].rstrip() + "…"


def _is_zero(one: TaskPlan, row: MappedRow) -> bool:
    names = one.task.skip_zero
    return bool(names) and all(row.values.get(name, row.create.get(name)) in (0, None) for name in names)


def _empty(one: TaskPlan, field: CompiledField) -> str:
    return f"is empty: {field.name} {'identifies the row' if field in one.keys else 'needs a value'} at the destination"


def _is_blank(field: CompiledField, row: Row, scope: Scope) -> bool:
    try:
        return field.compute(row, scope) in (None, "")
    except Unmappable:
        return False


def _rank(version: Value) -> tuple[int, Decimal, str]:
    """Orders versions: none below numbers below text."""
    if version is None or version == "":
        return 0, Decimal(0), ""
    return (2, Decimal(0), version) if isinstance(version, str) else (1, Decimal(version), "")
