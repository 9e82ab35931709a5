"""Documents whose number changed at the source: the same row, another key than the one it was settled under.

Written as if it were new it would be a second row at the destination; so a person settles it. A row that was there
before everything was last read, and that the ledger does not know by its key, may be such a one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from p2c.documents import DocumentRead, Flaw, LegalEntity, SourceDocument, TableRead
from p2c.mapping.mapper import Mapper
from p2c.state.ledger import Entry, Ledger
from p2c.sync.deleting import by_id
from p2c.systems.ends import Source

_CREATED = "createdon"
_SKEW = timedelta(minutes=10)


class Renames:
    """Finds documents of one template and legal entity that were settled under another key."""

    def __init__(self, mapper: Mapper, source: Source, legal_entity: LegalEntity, ledger: Ledger) -> None:
        template = mapper.template
        self._source = source
        self._legal_entity = legal_entity
        self._ledger = ledger
        self._key = ", ".join(template.header.source.key)
        read = by_id(template.source, mapper.reads())
        # Rows without an id of their own cannot be recognised.
        self._read = None if read is None else _creation(read)

    async def find(
        self, documents: Sequence[tuple[SourceDocument, Entry | None]], since: datetime | None
    ) -> dict[str, str]:
        """By source id: the key under which the document was settled. `since`: when everything was last read."""
        new = [one for one, entry in documents if one.key and (entry is None or entry.outcome == "rejected")]
        if self._read is None or since is None or not new:
            return {}
        keys = {one.source_id.lower(): one.key.casefold() for one in new}
        rows = await self._source.documents(
            self._read, LegalEntity(self._legal_entity.id), [one.source_id for one in new]
        )
        old = {row.source_id.lower() for row in rows if _moment(row) < since - _SKEW}
        found: dict[str, str] = {}
        if old:
            async for key, entry in self._ledger.entries():
                identifier = entry.source_id.lower()
                if entry.settled and identifier in old and key.casefold() != keys[identifier]:
                    found[identifier] = key
        return {one.source_id: found[one.source_id.lower()] for one in new if one.source_id.lower() in found}

    def flaw(self, document: SourceDocument, before: str) -> Flaw:
        """What to tell a person."""
        return Flaw(
            self._key,
            f"was {before!r} when the document last went, so the destination has it by that number: change it back, or "
            f"let it go as a new one with p2c conflicts settle {document.key!r} --keep source",
        )


def _creation(read: DocumentRead) -> DocumentRead:
    header = read.header
    return DocumentRead(TableRead(header.task, header.entity, header.key, (*header.key, _CREATED)))


def _moment(row: SourceDocument) -> datetime:
    text = str(row.header.get(_CREATED) or "")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
