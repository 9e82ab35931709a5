"""The ledger: what was settled of every document, so that an unchanged one costs no request."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from p2c.documents import SpreadAmounts, SpreadLine, Value
from p2c.state.sharded import Codec, ShardedMap
from p2c.state.store import Store

_FIRST = 7
_LATER: tuple[Any, ...] = ("", (), (), {}, (), None, ())


@dataclass(frozen=True, slots=True)
class Overwritten:
    """A field that p2c wrote over although its source had not changed: a hash of the value written and the one there.

    `row` is the label of the row in its document ("" = header). `unstable`: the destination is known to change what is
    written there.
    """

    row: str
    column: str
    token: str
    unstable: bool = False


@dataclass(frozen=True, slots=True)
class RejectedField:
    """A field that a document was written without, since the destination rejected it: a hash of its value.

    `row` is the label of the row in its document ("" = header).
    """

    row: str
    column: str
    token: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What was settled of a document.

    `fingerprint` is the hash of the mapped document, `source_id` and `destination_id` the ids of its header rows,
    `lines` the keys of the lines written, `outcome` its last outcome, `template_hash` the template that mapped it,
    `etag` the source's when it was last read. `number` is the document's number at the destination where that is not
    its key. `seen` tells what the destination held afterwards: a short hash for the header and one for each line, "" =
    unknown. `line_ids` are the source's ids of the lines when they were last read. `before` are the columns by which it
    was put out of use, with what they held then. `overwritten` are fields whose values did not stick so far.
    `spread` is what the lines at the destination carry of the header amounts, so that it can be put back. `rejected`
    are the optional fields that the destination rejected when the document was written last.
    """

    fingerprint: str
    source_id: str = ""
    destination_id: str = ""
    lines: tuple[str, ...] = ()
    outcome: str = ""
    template_hash: str = ""
    etag: str = ""
    number: str = ""
    seen: tuple[str, ...] = ()
    line_ids: tuple[str, ...] = ()
    before: tuple[tuple[str, Value], ...] = ()
    overwritten: tuple[Overwritten, ...] = ()
    spread: SpreadAmounts | None = None
    rejected: tuple[RejectedField, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether the document ever went; else the entry only says which version of the source did not."""
        return bool(self.template_hash)


class Ledger(ShardedMap[Entry]):
    """Document key → `Entry`, kept in `store` under `prefix`; see `ShardedMap`."""

    def __init__(self, store: Store, prefix: str, *, shard_entries: int = 2000, cached_shards: int = 16) -> None:
        codec = Codec("ledger", _encode, _decode)
        super().__init__(store, prefix, codec, shard_entries=shard_entries, cached_shards=cached_shards)

    async def find(self, ids: Collection[str]) -> dict[str, str]:
        """By the source's id of a header or a line, in lower case: the key of its document. Reads all entries.

        An index by id would be written all over with every page, since ids come in no order; deletes are rare.
        """
        wanted = {one.lower() for one in ids}
        found: dict[str, str] = {}
        if wanted:
            async for key, entry in self.entries():
                for one in (entry.source_id, *entry.line_ids):
                    if one.lower() in wanted:
                        found[one.lower()] = key
        return found


def _encode(entry: Entry) -> list[Any]:
    return [
        entry.fingerprint,
        entry.source_id,
        entry.destination_id,
        list(entry.lines),
        entry.outcome,
        entry.template_hash,
        entry.etag,
        entry.number,
        list(entry.seen),
        list(entry.line_ids),
        dict(entry.before),
        [[field.row, field.column, field.token, *([True] if field.unstable else [])] for field in entry.overwritten],
        _encode_spread(entry.spread),
        [[field.row, field.column, field.token] for field in entry.rejected],
    ]


def _decode(row: Any) -> Entry:
    # Entries of the first version end after seven.
    cells = [*row, *_LATER[len(row) - _FIRST :]] if isinstance(row, list) and len(row) >= _FIRST else row
    fingerprint, source_id, destination_id, lines, outcome, template_hash, etag, number, seen, *later = cells
    line_ids, before, overwritten, spread, rejected = later
    return Entry(
        fingerprint,
        source_id,
        destination_id,
        tuple(lines),
        outcome,
        template_hash,
        etag,
        number,
        tuple(seen),
        tuple(line_ids),
        tuple(before.items()),
        tuple(Overwritten(*field) for field in overwritten),
        _decode_spread(spread),
        tuple(RejectedField(*field) for field in rejected),
    )


def _encode_spread(spread: SpreadAmounts | None) -> list[Any] | None:
    if spread is None:
        return None
    lines = [
        [one.line, *map(str, (one.discount, one.volume, one.freight, one.quantity, one.price))] for one in spread.lines
    ]
    return [str(spread.discount), str(spread.percentage), str(spread.freight), lines]


def _decode_spread(row: Any) -> SpreadAmounts | None:
    if row is None:
        return None
    discount, percentage, freight, lines = row
    try:
        found = tuple(SpreadLine(line, *map(Decimal, amounts)) for line, *amounts in lines)
        return SpreadAmounts(Decimal(discount), Decimal(percentage), Decimal(freight), found)
    except InvalidOperation as error:
        raise ValueError("an amount is no number") from error
