"""Whether a cell at the destination already holds what would be written there.

Both are read as plain values first, so that the forms in which the two systems write one thing are one thing: Dataverse
gives '' back as null, F&O gives null as '', 0 or 1900-01-01, days come with a noon or a midnight. Text may come back
without its trailing blanks and with other line ends. A difference that is none would be written again in every run.
"""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from p2c.documents import Value
from p2c.mapping.decode import decoder
from p2c.mapping.kinds import Kind, Plain
from p2c.mapping.refusal import Unmappable

Same = Callable[[Value, Value], bool]
Normal = Callable[[Value], Plain]


def normal(kind: Kind, zone: ZoneInfo, *, fold: bool) -> Normal:
    """The function that makes equal what is the same; `fold` leaves the case of text aside. It raises Unmappable."""
    decode = decoder(kind, zone)
    blank_is_zero = kind.blank_is_zero

    def plain(value: Value) -> Plain:
        found = decode(value)
        if isinstance(found, str):
            text = found.replace("\r\n", "\n").rstrip()
            return (text.casefold() if fold else text) or None
        return 0 if found is None and blank_is_zero else found

    return plain


def sameness(kind: Kind, zone: ZoneInfo, *, fold: bool) -> Same:
    """The comparison for cells of this kind; `fold` leaves the case of text aside."""
    plain = normal(kind, zone, fold=fold)

    def same(mapped: Value, existing: Value) -> bool:
        if mapped == existing:
            return True
        try:
            return plain(mapped) == plain(existing)
        except Unmappable:
            # What is there is nothing that this column should hold: it is not the same.
            return False

    return same
