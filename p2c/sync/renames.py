"""Documents whose number changed at the source: the same row, another key than the one it was settled under.

Written as if it were new it would be a second row at the destination; so a person settles it. A row whose key the
ledger does not know may be such a one: if it was there before everything was last read, the ledger is gone through for
its id; if it is younger, it is among the newcomers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from p2c.documents import DocumentRead, Flaw, LegalEntity, SourceDocument, TableRead
from p2c.equality import same_key
from p2c.mapping.mapper import Mapper
from p2c.state.conflicts import KEY_CHANGED
from p2c.state.ledger import Entry, Ledger
from p2c.state.newcomers import Newcomers
from p2c.sync.deleting import by_id
from p2c.systems.ends import Source

_CREATED = "createdon"
_SKEW = timedelta(minutes=10)
"""How far the clocks of Sales and of this machine may be apart."""
_UNASKED = frozenset({"rejected", "skipped"})
"""Outcomes of documents that mapping kept back: nobody has looked yet what they were called before."""


class Renames:
    """Finds documents of one template and legal entity that were settled under another key."""

    def __init__(
        self, mapper: Mapper, source: Source, legal_entity: LegalEntity, ledger: Ledger, newcomers: Newcomers
    ) -> None:
        template = mapper.template
        self._source = source
        self._legal_entity = legal_entity
        self._ledger = ledger
        self._newcomers = newcomers
        self._key = ", ".join(template.header.source.key)
        read = by_id(template.source, mapper.reads())
        # Rows without an id of their own cannot be recognised.
        self._read = None if read is None else _creation(read)

    async def find(
        self, documents: Sequence[tuple[SourceDocument, Entry | None]], since: datetime | None
    ) -> dict[str, str]:
        """By source id: the key under which the document was settled, if it was another one or was spelled otherwise.

        `since` is when everything was last read; None: while that is done for the first time, nobody is looked for.
        """
        new = [one for one, entry in documents if one.key and _may_be_new(one, entry)]
        if self._read is None or not new:
            return {}
        keys = {one.source_id.lower(): one.key for one in new}
        before = await self._newcomers.find(keys)
        if since is not None:
            before |= await self._older([one for one in new if one.source_id.lower() not in before], keys, since)
        found = {identifier: key for identifier, key in before.items() if key != keys[identifier]}
        return {one.source_id: found[one.source_id.lower()] for one in new if one.source_id.lower() in found}

    async def _older(
        self, documents: Sequence[SourceDocument], keys: Mapping[str, str], since: datetime
    ) -> dict[str, str]:
        """By source id in lower case: another key of rows that were there when everything was last read."""
        if self._read is None or not documents:
            return {}
        rows = await self._source.documents(
            self._read, LegalEntity(self._legal_entity.id), [one.source_id for one in documents]
        )
        # Better to look in vain for one that is younger than to take one that is older for new.
        old = {row.source_id.lower() for row in rows if _moment(row) < since + _SKEW}
        found: dict[str, str] = {}
        if old:
            async for key, entry in self._ledger.entries():
                identifier = entry.source_id.lower()
                if entry.settled and identifier in old and key != keys[identifier]:
                    found[identifier] = key
        return found

    async def note(self, documents: Sequence[SourceDocument]) -> None:
        """Remembers documents that went for the first time, but for those of the first read of everything."""
        if self._read is not None:
            await self._newcomers.note({one.source_id: one.key for one in documents})

    async def accept(self, documents: Sequence[SourceDocument]) -> None:
        """Forgets the keys under which these documents were settled before."""
        before = await self.find([(one, None) for one in documents], datetime.max.replace(tzinfo=UTC) - _SKEW)
        await self._newcomers.forget([one.source_id for one in documents])
        await self._ledger.remove_many(before.values())
        await self._ledger.flush()

    def flaw(self, document: SourceDocument, before: str) -> Flaw:
        """What to tell a person."""
        return Flaw(
            self._key,
            f"was {before!r} when the document last went, so the destination has it by that number: change it back, or "
            f"let it go as a new one with p2c conflicts settle {document.key!r} --keep source",
            code=KEY_CHANGED,
        )


def _may_be_new(document: SourceDocument, entry: Entry | None) -> bool:
    if entry is not None and entry.settled and entry.source_id and not same_key(entry.source_id, document.source_id):
        # Another row had this key: whether the row at the destination is this document is for evidence to say.
        return False
    return entry is None or entry.outcome == "rejected" or (not entry.settled and entry.outcome in _UNASKED)


def _creation(read: DocumentRead) -> DocumentRead:
    header = read.header
    return DocumentRead(TableRead(header.task, header.entity, header.key, (*header.key, _CREATED)))


def _moment(row: SourceDocument) -> datetime:
    text = str(row.header.get(_CREATED) or "")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
