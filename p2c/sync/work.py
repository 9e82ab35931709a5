"""The words of loading: a document to load, one that is about to be written, and how it ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from p2c.documents import DocumentChange, MappedDocument, Outcome, SourceDocument
from p2c.equality import same_key
from p2c.state.conflicts import Conflict
from p2c.state.ledger import Entry
from p2c.sync.compare import Verdict
from p2c.sync.readying import ReadyDocument

BEGUN = "begun"
"""Outcome in the ledger: rows are being added, and are known as ours whatever becomes of the process meanwhile."""

CANCELED = "canceled-in-sales"
"""The reason code of a document that was canceled in Sales while F&O goes on with it."""

Note = Callable[[Mapping[str, Entry]], Awaitable[None]]
"""Makes entries of the ledger durable, by document key."""


@dataclass(frozen=True, slots=True)
class Work:
    """A mapped document to load, and what we remember of it (None: never settled).

    `left` is the number that the document had before it got that of a record that was merged into it.
    `taken` are ids of rows at the destination that have its number there and are other documents. `counterpart` is what
    the template of the other direction remembers of the document (None: nothing, or there is no such template).
    """

    document: SourceDocument
    mapped: MappedDocument
    entry: Entry | None
    taken: frozenset[str] = frozenset()
    left: str = ""
    counterpart: Entry | None = None

    @property
    def replaces(self) -> str:
        """The source row that was settled under the document's key before, where that is another one; else ""."""
        before = self.entry.source_id if self.entry is not None else ""
        return before if before and not same_key(before, self.document.source_id) else ""


@dataclass(frozen=True, slots=True)
class Pending:
    """A document that is compared and about to be written: `change` is what differs.

    `conflict` is one that the source has won: it is told once the document is written.
    """

    work: Work
    verdict: Verdict
    change: DocumentChange
    ready: ReadyDocument
    conflict: Conflict | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """How a document ended, and what to remember; `entry` None leaves the memory as it was, `forget` clears it."""

    document: SourceDocument
    outcome: Outcome
    entry: Entry | None = None
    conflict: Conflict | None = None
    forget: bool = False
