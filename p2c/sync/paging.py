"""One page: its documents mapped, looked up in the ledger, and loaded; each of them ends with an outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from p2c.documents import Flaw, MappedDocument, Outcome, OutcomeKind, Page, SourceDocument
from p2c.equality import fold_key, same_key
from p2c.mapping.mapper import Mapper
from p2c.state.ledger import Entry, Ledger
from p2c.sync import outcomes
from p2c.sync.extracting import map_page
from p2c.sync.finding import shared_number
from p2c.sync.increments import noted
from p2c.sync.loading import Loader
from p2c.sync.merges import as_merged, is_merged
from p2c.sync.renames import Renames
from p2c.sync.sharing import SharedDocuments
from p2c.sync.work import BEGUN, Settled, Work
from p2c.systems import keys


class PageWork:
    """Works on pages of one template, in one lane."""

    def __init__(
        self,
        mapper: Mapper,
        template_hash: str,
        ledger: Ledger,
        loader: Loader,
        renames: Renames,
        *,
        dry: bool = False,
        counterpart: Ledger | None = None,
        shared: SharedDocuments | None = None,
    ) -> None:
        self._counterpart = counterpart
        self._shared = shared
        self._mapper = mapper
        self._hash = template_hash
        self._ledger = ledger
        self._loader = loader
        self._renames = renames
        self._dry = dry

    async def settle(
        self, page: Page, compared: datetime | None, *, careful: bool, newcomers: bool = False, alone: bool = False
    ) -> list[Settled]:
        """What became of each document of a page. `careful`: all are compared with the destination.

        `compared` is when everything was last read; whoever was renamed since is known by it. `newcomers`: those that
        go for the first time are noted, since this is not the first read of everything. `alone`: no
        checkpoint stands for what is done here.
        """
        settled = [self._orphan(*one) for one in page.orphans]
        mapped: list[tuple[SourceDocument, MappedDocument]] = []
        page, left = await self._left_to_earlier(page)
        settled += left
        others = await self._others(page)
        for document, result in map_page(self._mapper, self._with_spread(page, others)):
            if isinstance(result, MappedDocument):
                mapped.append((document, as_merged(document, result)))
            else:
                settled.append(Settled(document, outcomes.from_mapping(document, result)))
        met = [*page.documents, *(one.document for one in left)]
        entries = await self._ledger.get_many([document.key for document in met if document.key])
        renamed = await self._renamed([one for one, _ in mapped], entries, compared)
        works: list[Work] = []
        masters = _masters(page)
        followed: list[SourceDocument] = []
        for document, result in mapped:
            entry = entries.get(document.key)
            if document.source_id in renamed:
                settled.append(Settled(document, renamed[document.source_id]))
            elif self._known(entry, result) and not careful:
                same = Outcome(OutcomeKind.UNCHANGED, document.key, source_id=document.source_id, notes=result.notes)
                settled.append(Settled(document, same))
            else:
                settled_before = entry if entry is not None and entry.settled else None
                taken = await self._taken(document)
                work = Work(document, result, settled_before, taken, counterpart=others.get(document.key))
                if settled_before is not None and settled_before.source_id.lower() in masters.get(document.key, ()):
                    former = await self._former(document)
                    if former and self._mapper.template.merges == "ask":
                        flaw = self._renames.flaw(document, former)
                        settled.append(Settled(document, outcomes.rejected(document, [flaw])))
                        continue
                    followed.append(document)
                    # The record that had the number before is part of this one now.
                    work = replace(work, entry=replace(settled_before, source_id=document.source_id), left=former)
                works.append(work)
        begun: set[str] = set()

        async def note(what: Mapping[str, Entry]) -> None:
            begun.update(what)
            await self._ledger.put_many(what)
            await self._ledger.flush()

        loaded = await self._loader.load(works, note, alone=alone)
        went = {one.document.source_id for one in loaded if one.entry is not None and one.entry.settled}
        if not self._dry and (done := [one for one in followed if one.source_id in went]):
            await self._renames.accept(done)
        if newcomers:
            # Before the ledger knows them: what it knows and this does not could be renamed unnoticed.
            await self._renames.note([one.document for one in loaded if _is_new(one, entries)])
        return noted(settled + loaded, entries, begun)

    async def _former(self, document: SourceDocument) -> str:
        """The key under which the document was settled before it got the number of a merged record; "" if none."""
        identifier = document.source_id.lower()
        found = [key async for key, entry in self._ledger.entries() if entry.source_id.lower() == identifier]
        return next((key for key in found if not same_key(key, document.key)), "")

    async def _others(self, page: Page) -> dict[str, Entry]:
        """What the template of the other direction remembers of the page's documents."""
        if self._counterpart is None:
            return {}
        return await self._counterpart.get_many([one.key for one in page.documents if one.key])

    def _with_spread(self, page: Page, others: Mapping[str, Entry]) -> Page:
        """The page's documents, with what was spread over their lines when they went the other way."""
        if not self._mapper.template.puts_back:
            return page
        spread = {key: entry.spread for key, entry in others.items() if entry.spread is not None}
        documents = [replace(one, spread=spread.get(one.key)) if spread else one for one in page.documents]
        return replace(page, documents=documents)

    async def _left_to_earlier(self, page: Page) -> tuple[Page, list[Settled]]:
        """The page without the documents that another legal entity syncs, and what becomes of those."""
        if self._shared is None:
            return page, []
        why = await self._shared.of_earlier([one.key for one in page.documents])
        own = [one for one in page.documents if fold_key(one.key) not in why]
        left = [one for one in page.documents if fold_key(one.key) in why]
        skipped = [Settled(one, outcomes.skipped(one, why[fold_key(one.key)])) for one in left]
        return replace(page, documents=own), skipped

    async def _taken(self, document: SourceDocument) -> frozenset[str]:
        """The rows at the destination that other documents of the same number were settled as.

        Those of the same page are not in the ledger yet: `finding.apart` sees to them.
        """
        number = shared_number(self._mapper.template, document.key)
        if not number:
            return frozenset()
        same = self._ledger.entries(f"{number}{keys.BAR}")
        return frozenset([one.destination_id async for key, one in same if one.destination_id and key != document.key])

    async def _renamed(
        self, documents: Sequence[SourceDocument], entries: dict[str, Entry], compared: datetime | None
    ) -> dict[str, Outcome]:
        """The outcomes of those that were settled under another key, by source id.

        One whose key is only spelled otherwise is the same document to both systems: `entries` has it then.
        """
        before = await self._renames.find([(one, entries.get(one.key)) for one in documents], compared)
        found = [(one, before[one.source_id]) for one in documents if one.source_id in before]
        same = {one.key: old for one, old in found if same_key(old, one.key)}
        if same:
            await self._respell(same, entries)
            if not self._dry:
                await self._renames.note([one for one in documents if one.key in same])
        return {
            one.source_id: outcomes.rejected(one, [self._renames.flaw(one, old)])
            for one, old in found
            if one.key not in same
        }

    async def _respell(self, same: Mapping[str, str], entries: dict[str, Entry]) -> None:
        """Moves what the ledger knows to keys as they are spelled now."""
        known = await self._ledger.get_many(same.values())
        moved = {new: known[old] for new, old in same.items() if old in known}
        entries.update(moved)
        if not self._dry:
            await self._ledger.put_many(moved)
            await self._ledger.flush()
            await self._ledger.remove_many(same[new] for new in moved)
            await self._ledger.flush()

    def _known(self, entry: Entry | None, mapped: MappedDocument) -> bool:
        return entry is not None and entry.fingerprint == mapped.fingerprint and entry.template_hash == self._hash

    async def accept(self, documents: Sequence[SourceDocument]) -> None:
        """Forgets the keys under which these documents were settled before."""
        await self._renames.accept(documents)

    def _orphan(self, task: str, label: str, key: str) -> Settled:
        """A line without its header: a document of its own, which cannot go."""
        link = next((one.source.link for one in self._mapper.template.lines if one.name == task), {})
        reason = f"the line's header {key!r} is not there: restore the header at the source, or delete the line"
        document = SourceDocument(key=key, source_id=label, header={})
        flaw = Flaw(", ".join(link) or task, reason, f"{task} {label}".strip())
        return Settled(document, outcomes.rejected(document, [flaw]))


def _masters(page: Page) -> dict[str, set[str]]:
    """By key: the ids, in lower case, of merged records whose number another record on the page has now."""
    found: dict[str, set[str]] = {}
    for document in page.documents:
        if document.key and is_merged(document):
            found.setdefault(document.key, set()).add(document.source_id.lower())
    return found


def _is_new(one: Settled, entries: Mapping[str, Entry]) -> bool:
    """Whether this row of the source was settled under this key for the first time."""
    known = entries.get(one.document.key)
    same = known is not None and same_key(known.source_id, one.document.source_id)
    before = known is not None and same and known.settled and known.outcome != BEGUN
    return one.entry is not None and one.entry.settled and not before
