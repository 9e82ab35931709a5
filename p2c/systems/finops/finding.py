"""Documents that are in Finance and Operations already, and rows that others refer to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from p2c.documents import DocumentWrite, ExistingDocument, ExistingRow, LegalEntity, TableWrite, Value
from p2c.errors import ConfigError
from p2c.systems.finops.queries import COMPANY, Queries, RawRow, columns_of, flat, in_company, without_company
from p2c.systems.keys import folded
from p2c.systems.odata import literals
from p2c.systems.parallel import together
from p2c.templates import catalog
from p2c.templates.catalog import FinopsEntity


class Finder:
    """Reads destination documents in bulk."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    async def fetch(
        self, write: DocumentWrite, legal_entity: LegalEntity, wanted: Sequence[tuple[str, ...]]
    ) -> dict[tuple[str, ...], list[ExistingDocument]]:
        """See `p2c.systems.ends.Destination.fetch`."""
        entity = catalog.finops_entity(write.header.entity)
        places = [index for index, column in enumerate(write.header.key) if column in without_company([column])]
        if not places:
            raise ConfigError(f"{write.header.entity} must be found by a key of its own")
        key = [write.header.key[index] for index in places]
        found: dict[tuple[str, ...], list[ExistingDocument]] = {folded(one): [] for one in wanted}
        numbers = [one[places[0]] for one in wanted if one[places[0]]]
        columns = _columns(entity, write.header)
        rows = await self._queries.having(entity, key[0], numbers, _options(entity, columns, legal_entity))
        lines = await together(self._lines(one, legal_entity, rows) for one in write.lines)
        there: dict[tuple[str, ...], list[ExistingDocument]] = defaultdict(list)
        for raw in rows:
            its: dict[str, list[ExistingRow]] = {}
            for one, groups in zip(write.lines, lines, strict=True):
                its[one.task] = groups.get(folded(raw.get(column) for _, column in _link(one)), [])
            document = ExistingDocument(_existing(entity, raw, columns), its)
            there[folded(raw.get(column) for column in key)].append(document)
        for number in wanted:
            found[folded(number)] = there.get(folded(number[index] for index in places), [])
        return found

    async def missing(
        self, references: Collection[tuple[str, str]], legal_entity: LegalEntity
    ) -> dict[tuple[str, str], str]:
        """See `p2c.systems.ends.Destination.missing`. A blank value refers to nothing, so it is not missing."""
        groups: dict[str, set[str]] = defaultdict(set)
        for name, value in references:
            if value.strip():
                groups[name].add(value)

        async def absent(name: str, values: Collection[str]) -> dict[tuple[str, str], str]:
            entity_set, _, column = name.partition(".")
            entity = catalog.finops_entity(entity_set)
            entity.property(column)
            options = _options(entity, [column], legal_entity)
            rows = await self._queries.having(entity, column, sorted(values), options)
            there = {folded([row.get(column)]) for row in rows}
            lacking = [value for value in sorted(values) if folded([value]) not in there]
            owners = await self._elsewhere(entity, column, lacking)
            return {(name, value): ", ".join(sorted(owners.get(folded([value]), ()))) for value in lacking}

        answers = await together(absent(name, values) for name, values in groups.items())
        return {pair: owners for found in answers for pair, owners in found.items()}

    async def _elsewhere(
        self, entity: FinopsEntity, column: str, values: Sequence[str]
    ) -> Mapping[tuple[str, ...], set[str]]:
        """The legal entities that have a row with each value, where rows belong to legal entities."""
        owners: dict[tuple[str, ...], set[str]] = defaultdict(set)
        if values and entity.find(COMPANY) is not None:
            for row in await self._queries.having(entity, column, values, {"$select": f"{COMPANY},{column}"}):
                owners[folded([row.get(column)])].add(str(row[COMPANY]).lower())
        return owners

    async def _lines(
        self, line: TableWrite, legal_entity: LegalEntity, headers: Sequence[RawRow]
    ) -> Mapping[tuple[str, ...], list[ExistingRow]]:
        """The lines of these headers, by the values that tie them."""
        entity = catalog.finops_entity(line.entity)
        link = _link(line)
        columns = _columns(entity, line)
        number, header = link[0]
        numbers: list[Value] = [raw.get(header) for raw in headers]
        rows = await self._queries.having(entity, number, numbers, _options(entity, columns, legal_entity))
        groups: dict[tuple[str, ...], list[ExistingRow]] = defaultdict(list)
        for raw in rows:
            groups[folded(raw.get(column) for column, _ in link)].append(_existing(entity, raw, columns))
        return groups


def _link(line: TableWrite) -> list[tuple[str, str]]:
    link = [(one, header) for one, header in line.link if one in without_company([one])]
    if not link:
        raise ConfigError(f"{line.entity} has no link to its header")
    return link


def _columns(entity: FinopsEntity, write: TableWrite) -> list[str]:
    return columns_of([*entity.keys, *write.key, *write.columns, *(one for one, _ in write.link)])


def _options(entity: FinopsEntity, columns: Iterable[str], legal_entity: LegalEntity) -> dict[str, str]:
    return {"$select": ",".join(columns), "$filter": literals.all_of([in_company(entity, legal_entity.id)])}


def _existing(entity: FinopsEntity, raw: RawRow, columns: Iterable[str]) -> ExistingRow:
    values = flat(entity, raw, columns)
    key = tuple((column, values[column]) for column in entity.keys)
    return ExistingRow(key, values, str(raw.get("@odata.etag", "")))
