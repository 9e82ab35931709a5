"""The words that all parts share: documents as they are read, mapped, found and written, and their outcomes.

A *row* is a flat mapping from a path to a value. Paths are column names (`name`), or lookups followed to a column of
the row they point to (`transactioncurrencyid.isocurrencycode`,
`customerid.Account(accountnumber).Contact(msdynce_contactnumber)`); both ends deliver rows in this flat form, so that
mapping needs no knowledge of expands or joins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Literal

Value = str | int | bool | Decimal | None
"""A cell. Dates are ISO 8601 text, moments with offset or `Z`; choices are their numbers (Sales) or symbols (F&O)."""

Row = Mapping[str, Value]
SystemName = Literal["sales", "finops"]
HEADER = ""
"""The name of the header where a task or row is named."""


@dataclass(frozen=True, slots=True)
class LegalEntity:
    """A legal entity of the connection set and the business units of Sales whose rows belong to it.

    With one legal entity both tuples are empty: every row is its own. With several, a row belongs to the one whose
    `business_units` (ids) holds its owning business unit; one of them (the master) also reads the rows that belong to
    none, so that they are rejected once and not lost: it has `others`, the business units of all other legal
    entities.
    `owner` is who owns the rows that we create in Sales: `("teams" | "systemusers", id)`, None = the integration user.
    `neighbours` are the business units (ids in lower case) of the other legal entities, each with its legal entity.
    """

    id: str
    business_units: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    owner: tuple[str, str] | None = None
    neighbours: tuple[tuple[str, str], ...] = ()


# --- reading -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TableRead:
    """What to read of one entity: `paths` in flat form, `key` columns that identify a row inside its document.

    `link` ties a line to its header: pairs (line path, header path). `filter` is the user's source filter, verbatim
    OData. `watch` are those of the paths that decide whether a document goes at all: a change of one of them counts as
    a change of the document, even where the source does not mark the row as changed.
    """

    task: str
    entity: str
    key: tuple[str, ...]
    paths: tuple[str, ...]
    link: tuple[tuple[str, str], ...] = ()
    filter: str = ""
    watch: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentRead:
    """What a document of a template consists of at its source.

    `version` names the column whose highest value counts.
    """

    header: TableRead
    lines: tuple[TableRead, ...] = ()
    version: str = ""


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """One document as read. `key` is "" when a key column is empty; `lines` holds the rows per line task.

    `etag` changes whenever the document does, as far as the source marks its rows (Sales: the header only); it is only
    ever compared for equality. `legal_entity` is "" when the row's business unit is mapped to none. `line_ids` are the
    ids of the lines where a line has one of its own (Sales). `spread` is what p2c spread over the lines when the
    document went the other way.
    """

    key: str
    source_id: str
    header: Row
    lines: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    etag: str = ""
    legal_entity: str = ""
    line_ids: Sequence[str] = ()
    spread: SpreadAmounts | None = None


@dataclass(frozen=True, slots=True)
class Deletion:
    """A document that is no longer at its source. `key` is "" where only the id is known: the ledger has the key."""

    source_id: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Documents in the source's key order. `cursor` continues after this page (opaque), None on the last one.

    `orphans` are lines whose header is not there: (task, label of the line, document key they name).
    """

    documents: Sequence[SourceDocument]
    cursor: str | None
    orphans: Sequence[tuple[str, str, str]] = ()
    deleted: Sequence[Deletion] = ()


@dataclass(frozen=True, slots=True)
class Changed:
    """Some documents of which the source says that they changed, by name: it reads them when it is given this again.

    `keys` are in the source's own form, `unnamed` are ids of headers whose key is blank, `gone` seem to be deleted.
    `tokens` are on the last one: they stand for the state up to which changes have now been named.
    """

    keys: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()
    gone: tuple[Deletion, ...] = ()
    tokens: Mapping[str, str] = field(default_factory=dict)


# --- notes ---------------------------------------------------------------------------------------------------------


class NoteCode(StrEnum):
    """What a note is about; notes are counted by these codes."""

    EQUAL_AFTER_ROUNDING = "equal-after-rounding"
    """The amounts agree, but a price or discount had to be written differently from the source."""
    DOES_NOT_STICK = "does-not-stick"
    """The destination changes a written value by itself; p2c does not write it again."""
    TOTAL_UNEXPLAINED = "total-unexplained"
    """The source's own total is not the sum of its lines, charges, discount and tax."""
    OPTIONAL_FIELD_REJECTED = "optional-field-rejected"
    """The destination rejected a field that the document can do without."""
    HEADER_AMOUNTS_IGNORED = "header-amounts-ignored"
    """A header discount or freight is not written, so the totals of both systems differ by it."""
    UNKNOWN_STATE = "unknown-state"
    """The state of an address is not known in its country; it is written as it was entered."""
    FOREIGN_LINE = "foreign-line"
    """The destination's document has a line that p2c did not create and the source does not have; it stays."""
    MERGED = "merged"
    """The record was merged into another one at the source; its record at the destination was put out of use."""
    MOVED = "moved"
    """The document has another number at the destination now; its record with the old number was put out of use."""
    PARTLY_SYNCED = "partly-synced"
    """A rule does not hold yet; of a document that the destination has, only the fields that the rule names go."""


@dataclass(frozen=True, slots=True)
class Note:
    """A remark on a document that does not change its outcome: the code, the reason in a sentence, field and line."""

    code: NoteCode
    reason: str
    field: str = ""
    line: str = ""


# --- mapped --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpreadLine:
    """What the destination's line of number `line` carries beside what its line in Sales has by itself.

    `discount` and `freight` are its shares of the header amounts, `volume` is the discount that Sales gives to the line
    by its discount list at this `quantity` and `price` of one. All but the price are for the whole line.
    """

    line: str
    discount: Decimal
    volume: Decimal
    freight: Decimal
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class SpreadAmounts:
    """The header amounts as the seller entered them in Sales, and what each line carries of them at the destination."""

    discount: Decimal
    percentage: Decimal
    freight: Decimal
    lines: tuple[SpreadLine, ...]


@dataclass(frozen=True, slots=True)
class MappedRow:
    """A row for the destination, natural keys still in place of lookups.

    `values` go on create and update, `create` on create only, `last` after all rows of the document (a state, say).
    A None in `values` clears. `key` identifies the row in its document at the destination (empty for a header).
    `label` is the task and the number of a line, `product` what the line is about (a number, else a description).
    """

    task: str
    entity: str
    label: str
    key: tuple[str, ...]
    values: Mapping[str, Value]
    create: Mapping[str, Value] = field(default_factory=dict)
    last: Mapping[str, Value] = field(default_factory=dict)
    product: str = ""

    @property
    def place(self) -> str:
        """The row as messages name it: `OrderLine 2 (P-100)`."""
        return place_of(self.label, self.product)


def place_of(label: str, product: str) -> str:
    """How messages name a line: its label, and what it is about where that is known."""
    return f"{label} ({product})" if product else label


@dataclass(frozen=True, slots=True)
class MappedDocument:
    """A document for the destination. `key` is the document's key there, `fingerprint` its hash (SHA-256, hex).

    `skipped` is the rule that keeps the document itself back: then there are only values of the header, for a document
    that the destination has completely; otherwise it is skipped by this rule. `canceled` names the columns of the
    source that say it was canceled there: nothing is written, and a person is asked where the destination goes on with
    it.
    """

    key: str
    source_id: str
    header: MappedRow
    lines: Sequence[MappedRow]
    fingerprint: str
    notes: tuple[Note, ...] = ()
    spread: SpreadAmounts | None = None
    skipped: Skipped | None = None
    canceled: str = ""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Not to be synchronised: the rule that said so, and its reason in a sentence.

    `detail` names the lines that make the rule fail, in a sentence; `line` is the first of them. `still` are fields of
    the header (destinations) that are synced all the same, where the document is at the destination.
    """

    rule: str
    reason: str
    detail: str = ""
    line: str = ""
    still: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why a document cannot be mapped: the source field, the line it is on (`""` = header), and what to do.

    `code` names the kind of rejection where there is a name for it (`number-taken`, `key-changed`, `conflict`).
    """

    field: str
    reason: str
    line: str = ""
    code: str = ""

    def __str__(self) -> str:
        return f"{self.line + ': ' if self.line else ''}{self.field}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Rejected:
    """Cannot be mapped or was refused; every flaw that was found, never none."""

    flaws: tuple[Flaw, ...]


# --- writing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reference:
    """A resolved lookup: the column, the navigation property to bind, the entity set and id of the row it points to.

    `unfit` says in which state the row is when new rows cannot refer to it (`Draft`, `Retired`), else it is empty.
    """

    column: str
    navigation: str
    entity: str
    id: str
    unfit: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """A lookup whose row is not there: destination path, the value looked for, the table it should be in.

    `elsewhere` are the other legal entities that have such a row, separated by commas.
    """

    path: str
    value: str
    table: str
    elsewhere: str = field(default="", kw_only=True)


@dataclass(frozen=True, slots=True)
class ResolvedRow:
    """A mapped row with lookups resolved: keyed by column; a cleared lookup is None under its column."""

    values: Mapping[str, Value | Reference]
    missing: tuple[Missing, ...] = ()


RowKey = str | tuple[tuple[str, Value], ...]
"""Sales: the row's GUID. F&O: all key fields with their values, in key order."""


@dataclass(frozen=True, slots=True)
class TableWrite:
    """Where rows of a task go: entity set, key columns, every column that is compared, the link to the header.

    `ignore` is a filter expression over the destination's row: rows for which it holds are not ours to touch.
    """

    task: str
    entity: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    link: tuple[tuple[str, str], ...] = ()
    ignore: str = ""


@dataclass(frozen=True, slots=True)
class DocumentWrite:
    """What a document of a template consists of at its destination."""

    header: TableWrite
    lines: tuple[TableWrite, ...] = ()


@dataclass(frozen=True, slots=True)
class ExistingRow:
    """A row found at the destination. Lookups are under their column name as the GUID they hold."""

    key: RowKey
    values: Row
    etag: str = ""


@dataclass(frozen=True, slots=True)
class ExistingDocument:
    """A document found at the destination, its lines per task."""

    header: ExistingRow
    lines: Mapping[str, Sequence[ExistingRow]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowChange:
    """One write: `values` are final columns; lookups are References, None on a lookup's column clears it.

    With an `etag` the row is written only as it was when it had that one, where the system can tell.
    """

    action: Literal["create", "update", "delete"]
    entity: str
    key: RowKey
    values: Mapping[str, Value | Reference] = field(default_factory=dict)
    label: str = HEADER
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """How a header shows that its document is not written completely: the values meanwhile, and the true ones.

    `etag` is the version of the header that was compared, "" = none.
    """

    entity: str
    key: RowKey
    unfinished: Mapping[str, Value]
    finished: Mapping[str, Value | Reference]
    etag: str = ""

    def is_on(self, header: Mapping[str, Value]) -> bool:
        """Whether the header with these values shows that p2c was interrupted in its document."""
        return all(header.get(column) == value for column, value in self.unfinished.items())


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """All writes of one document, in order; they take effect together or not at all.

    Only a document with more rows than one change set takes is written in several; it has the `mark` meanwhile.
    """

    key: str
    rows: tuple[RowChange, ...]
    mark: Mark | None = None


# --- outcomes ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """A field with the values of both sides as text; None = nothing there. A line is named before its field."""

    field: str
    source: str | None
    destination: str | None


class OutcomeKind(StrEnum):
    """How a document ended; there are no others."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    PARKED = "parked"
    REJECTED = "rejected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one document ended.

    `rule` names the rule that skipped it, or the reason code of a rejection; `field` and `line` say where a rejection
    is; `missing` holds the keys that a parked document waits for; `notes` are remarks that do not change the outcome;
    `sides` shows both records where the document's number is taken by another one. `temporary`: the cause of a
    rejection can pass without a change of the document, which is therefore retried. `detail` is the end of `reason`
    that differs from document to document (the lines that a rule skipped it for).
    """

    kind: OutcomeKind
    key: str
    source_id: str = ""
    reason: str = ""
    rule: str = ""
    field: str = ""
    line: str = ""
    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    request_id: str = ""
    notes: tuple[Note, ...] = ()
    temporary: bool = False
    sides: tuple[Difference, ...] = ()
    detail: str = ""
