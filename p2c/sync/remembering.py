"""What the ledger is told of a document: while it is written, once it is settled, and when nobody knows.

Without a fingerprint and the source's etag an entry takes nothing for granted: the next run looks at the destination.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from p2c.documents import SourceDocument
from p2c.equality import same_key
from p2c.mapping.mapper import Mapper
from p2c.state.ledger import Entry
from p2c.sync import conflicts
from p2c.sync.compare import Comparer, Verdict
from p2c.sync.readying import ReadyDocument
from p2c.sync.witness import Witness
from p2c.sync.work import BEGUN, Pending, Work
from p2c.systems import keys


class Memory:
    """Makes the entries of documents of one template, as its version with the hash `template_hash` maps them."""

    def __init__(self, mapper: Mapper, comparer: Comparer, witness: Witness, template_hash: str) -> None:
        self._comparer = comparer
        self._witness = witness
        self._hash = template_hash
        # Rows that a line's absence removes only if they are ours. In Sales their ids say whose they are.
        template = mapper.template
        self._owns_lines = template.destination == "finops" and any(
            task.destination.extra != "keep" for task in template.lines
        )

    def begun(self, pending: Sequence[Pending], *, alone: bool) -> dict[int, Entry]:
        """What to remember of documents while they are written, by their works: the lines that they may have then.

        A row that was there before us stays unknown: nothing in it is ours until all of it is settled. `alone`: what
        was settled before and changes is remembered with or without new lines.
        """
        found: dict[int, Entry] = {}
        for one in pending:
            document, entry = one.work.document, one.work.entry
            if entry is None and one.verdict.created:
                entry = Entry(
                    "",
                    source_id=document.source_id,
                    # A row of that number with another id is not the one that is about to be made.
                    destination_id=_own_id(one.verdict),
                    template_hash=self._hash,
                    number=self._other_number(document, one.ready),
                )
            names = [name for name in one.verdict.line_names if entry is not None and name not in entry.lines]
            matters = (bool(names) and self._owns_lines) or (alone and one.work.entry is not None)
            if entry is not None and matters and document.key:
                lines = (*entry.lines, *names)
                ids = tuple(document.line_ids)
                found[id(one.work)] = replace(
                    entry,
                    fingerprint="",
                    etag="",
                    lines=lines,
                    outcome=BEGUN,
                    seen=(),
                    line_ids=ids,
                    spread=entry.spread if one.work.mapped.skipped else one.work.mapped.spread,
                )
        return found

    def settled(self, work: Work, ready: ReadyDocument, verdict: Verdict) -> Entry | None:
        """What to remember of a document that the destination agrees with."""
        if work.mapped.skipped is not None:
            return self._partly(work)
        adopted = work.entry is None and not verdict.created
        return Entry(
            fingerprint=work.mapped.fingerprint,
            source_id=work.document.source_id,
            destination_id=_own_id(verdict),
            lines=verdict.line_names,
            outcome="settled",
            template_hash=self._hash,
            etag=work.document.etag,
            number=self._other_number(work.document, ready),
            seen=self._witness.testimony(ready, created=verdict.created, adopted=adopted, unstable=verdict.unstable),
            line_ids=tuple(work.document.line_ids),
            overwritten=verdict.overwritten,
            rejected=verdict.rejected,
            spread=work.mapped.spread,
        )

    def _partly(self, work: Work) -> Entry | None:
        """What to remember where only some fields of the header went: the lines are as they were.

        A document that never went as a whole stays unknown. What the header holds now is not known as a whole.
        """
        entry = work.entry
        if entry is None:
            return None
        return replace(
            entry,
            fingerprint=work.mapped.fingerprint,
            outcome="settled",
            template_hash=self._hash,
            etag=work.document.etag,
            seen=("", *entry.seen[1:]) if entry.template_hash == self._hash else (),
            line_ids=tuple(work.document.line_ids),
        )

    def _other_number(self, document: SourceDocument, ready: ReadyDocument) -> str:
        """The document's number at the destination; "" where that is its key."""
        number = keys.join(self._comparer.number(ready))
        return "" if same_key(number, document.key) else number


def _own_id(verdict: Verdict) -> str:
    """The id of the document's row; "" where rows have none."""
    return verdict.header_key if isinstance(verdict.header_key, str) else ""


def kept(work: Work, entry: Entry) -> Entry:
    """What to remember of a document whose conflict the destination has won; `entry` is what was remembered.

    What was seen of the destination stays: it is a conflict for as long as the two sides differ.
    """
    return replace(
        entry,
        fingerprint=work.mapped.fingerprint,
        outcome=conflicts.KEPT,
        etag=work.document.etag,
        line_ids=tuple(work.document.line_ids),
    )


def doubted(entry: Entry | None) -> Entry | None:
    """What to remember when it is unknown whether the last attempt took effect: the next run has to look."""
    return replace(entry, fingerprint="", etag="") if entry is not None else None
