"""Documents that several legal entities have and Sales keeps once, such as products: whose row counts, and who has one.

With the scope `union` every legal entity syncs those documents that none before it has: the master first, then the
others in the order of the connection set. Each page asks for its keys anew, so that two lanes never both take one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from p2c.documents import DocumentRead, LegalEntity, Skipped, TableRead
from p2c.equality import fold_key
from p2c.mapping.mapper import Mapper
from p2c.systems.ends import Source
from p2c.systems.finops import FinOpsEnd
from p2c.templates import catalog
from p2c.templates.models import Template


class SharedDocuments:
    """Whose row of a template's documents counts, as one legal entity sees it: `order` has all of them, first first."""

    def __init__(self, mapper: Mapper, source: Source, legal_entity: LegalEntity, order: Sequence[str]) -> None:
        header = mapper.reads().header
        # A row that the source filter leaves out does not count, so another legal entity may have the document.
        self._read = DocumentRead(TableRead(header.task, header.entity, header.key, header.key, filter=header.filter))
        self._source = source
        self._earlier = order[: order.index(legal_entity.id)]
        self._others = [name for name in order if name != legal_entity.id]

    async def of_earlier(self, keys: Sequence[str]) -> Mapping[str, Skipped]:
        """By folded key: why a document is left to a legal entity that comes before this one."""
        return await self._having(keys, self._earlier)

    async def of_others(self, keys: Sequence[str]) -> Mapping[str, Skipped]:
        """By folded key: why a document that this legal entity no longer has stays, since another one has it."""
        return await self._having(keys, self._others)

    async def _having(self, keys: Sequence[str], entities: Sequence[str]) -> Mapping[str, Skipped]:
        found: dict[str, Skipped] = {}
        for name in entities:
            wanted = [key for key in keys if key and fold_key(key) not in found]
            if not wanted:
                break
            for document in await self._source.documents(self._read, LegalEntity(name), wanted):
                upper = name.upper()
                reason = f"Legal entity {upper} has it as well, and its row counts in Sales."
                found.setdefault(fold_key(document.key), Skipped(f"released-by-{upper}", reason))
        return found


class MasterOnly:
    """Says of a row that Sales lacks that F&O has it in another legal entity than the master, whose rows alone go."""

    def __init__(self, finops: FinOpsEnd, templates: Sequence[Template], master: str) -> None:
        self._finops = finops
        self._master = master
        self._templates = {
            catalog.sales_table_by_set(one.header.destination.entity).name: one
            for one in templates
            if one.enabled and one.scope == "master" and one.destination == "sales"
        }

    async def why(self, rows: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """By table and key of rows that Sales lacks: where they are, and what to do; the others are left out."""
        references: dict[tuple[str, str], tuple[str, str]] = {}
        for table, key in rows:
            template = self._templates.get(table)
            if template is not None:
                header = template.header.source
                references[f"{header.entity}.{header.key[0]}", key] = table, key
        if not references:
            return {}
        absent = await self._finops.missing(references.keys(), LegalEntity(self._master))
        return {
            references[pair]: (
                f"is released in {entities.upper()}, not in {self._master.upper()} (the master): release it there, or "
                f'set `"scope": "union"` of {self._templates[references[pair][0]].id} in the project file'
            )
            for pair, entities in absent.items()
            if entities
        }
