"""Whether a row at the destination that p2c does not know is the document, and both records side by side where not.

What counts as evidence is the template's (`destination.evidence`): a mark of the integration, or columns that hold what
p2c would write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from p2c.documents import (
    Difference,
    DocumentRead,
    ExistingDocument,
    LegalEntity,
    Reference,
    Row,
    RowKey,
    SourceDocument,
    TableRead,
    Value,
)
from p2c.equality import fold_key
from p2c.mapping.mapper import Mapper
from p2c.mapping.plan import Absence
from p2c.sync.readying import ReadyDocument, Values
from p2c.systems import keys
from p2c.systems.ends import Destination
from p2c.templates import catalog
from p2c.templates.filters import parse as parse_filter


class EvidenceJudge:
    """Applies a template's evidence to header rows. `columns` are what it has to see of a row."""

    def __init__(self, mapper: Mapper) -> None:
        destination = mapper.template.header.destination
        absence = Absence(mapper.context.absent)
        self._mapper = mapper
        self._task = mapper.template.header.name
        written = {field.destination for field in mapper.template.header.fields}
        self._same: list[tuple[str, ...]] = []
        self._marks = []
        columns: dict[str, None] = {}
        for evidence in destination.evidence:
            if evidence.same and written.issuperset(evidence.same):
                self._same.append(tuple(evidence.same))
                columns |= dict.fromkeys(evidence.same)
            elif evidence.when:
                expression = parse_filter(evidence.when)
                # A column that this environment does not have proves nothing.
                if not absence.missing(mapper.template.destination, destination.entity, expression.paths()):
                    self._marks.append(expression)
                    columns |= dict.fromkeys(sorted(expression.paths()))
        self.columns = tuple(columns)

    def proves(self, document: ReadyDocument, existing: ExistingDocument, *, marks: bool = True) -> bool:
        """Whether the row is the document. Without `marks` only what both records hold counts."""
        if marks and self.is_marked(existing):
            return True
        return any(self._alike(document, existing, paths) for paths in self._same)

    def is_marked(self, existing: ExistingDocument) -> bool:
        """Whether the row has a mark of the integration."""
        return any(expression.holds(existing.header.values) for expression in self._marks)

    def _alike(self, document: ReadyDocument, existing: ExistingDocument, paths: Sequence[str]) -> bool:
        return agree(self._mapper, self._task, document.header.create, existing.header.values, paths)


def agree(mapper: Mapper, task: str, ours: Values, theirs: Row, paths: Sequence[str], *, every: bool = False) -> bool:
    """Whether a row holds under these paths what a create would write, and at least one of them (`every`: each) holds
    something. Text is compared regardless of case, character width, and blanks around and between."""
    filled = []
    for path in paths:
        column = path.partition(".")[0]
        our, their = ours.get(column), theirs.get(column)
        if isinstance(our, Reference):
            if our.id.lower() != str(their or "").lower():
                return False
        elif _plain(our) != _plain(their) and not mapper.same(task, path, our, their):
            return False
        filled.append(our is not None and our != "")
    return all(filled) if every else any(filled)


def _plain(value: Value) -> str:
    return keys.fold(" ".join(keys.as_text(value).split()))


class Sides:
    """Shows a document and the row that has its number, field by field, as the template says (`destination.shown`)."""

    def __init__(self, mapper: Mapper, destination: Destination, legal_entity: LegalEntity) -> None:
        template = mapper.template
        self._template = template
        self._destination = destination
        # The row may have left the legal entity's business units.
        self._legal_entity = LegalEntity(legal_entity.id)

    async def of(self, pairs: Sequence[tuple[SourceDocument, RowKey]]) -> list[tuple[Difference, ...]]:
        """The differences of each pair, in the same order, the ids of both rows last."""
        if not pairs:
            return []
        rows = await self._rows([key for _, key in pairs])
        return [self._side(document, key, rows.get(row_text(key), {})) for document, key in pairs]

    def _side(self, document: SourceDocument, key: RowKey, row: Row) -> tuple[Difference, ...]:
        shown = [
            Difference(
                one.name,
                _text(document.header.get(one.source)) if one.source else None,
                _text(row.get(one.destination)) if one.destination else None,
            )
            for one in self._template.header.destination.shown
        ]
        return (*shown, Difference("id", document.source_id, row_text(key)))

    async def _rows(self, wanted: Sequence[RowKey]) -> Mapping[str, Row]:
        """The rows with these keys, by `row_text`, with the paths that are shown."""
        header = self._template.header
        entity = header.destination.entity
        paths = [one.destination for one in header.destination.shown if one.destination]
        if self._template.destination == "sales":
            columns: tuple[str, ...] = (catalog.sales_table_by_set(entity).id,)
        else:
            columns = tuple(one for one in catalog.finops_entity(entity).keys if one != "dataAreaId")
        read = DocumentRead(TableRead(header.name, entity, columns, tuple(dict.fromkeys([*columns, *paths]))))
        names = [row_text(key) for key in wanted]
        found = await self._destination.documents(read, self._legal_entity, names)
        return {fold_key(keys.join(row.header.get(column) for column in columns)): row.header for row in found}


def row_text(key: RowKey) -> str:
    """The key of a destination row in one spelling: the id, or the values of the key columns but the legal entity."""
    if isinstance(key, str):
        return fold_key(key)
    return fold_key(keys.join(value for column, value in key if column != "dataAreaId"))


def _text(value: Value) -> str | None:
    return None if value in (None, "") else str(value)
