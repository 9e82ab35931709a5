"""Whether a cell at the destination already holds what would be written there.

Both are read as plain values first, so that the forms in which the two systems write one thing are one thing: Dataverse
gives '' back as null, F&O gives null as '', 0 or 1900-01-01, days come with a noon or a midnight. Text may come back
without its trailing blanks and with other line ends. A difference that is none would be written again in every run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo

from p2c.documents import Value
from p2c.mapping.decode import decoder
from p2c.mapping.kinds import Kind, Plain
from p2c.mapping.refusal import Unmappable
from p2c.templates.models import Comparison
from p2c.templates.places import country_code

Same = Callable[[Value, Value], bool]
Normal = Callable[[Value], Plain]
_SPELLED: Mapping[Comparison, Callable[[str], str]] = {
    "exact": str,
    "ignoreCase": str.casefold,
    "country": lambda text: country_code(text) or text,
    "zeroIsBlank": str,
}


def normal(kind: Kind, zone: ZoneInfo, compare: Comparison = "exact") -> Normal:
    """The function that makes equal what is the same, as `compare` of the field says. It raises Unmappable."""
    decode = decoder(kind, zone)
    blank_is_zero = kind.blank_is_zero or compare == "zeroIsBlank"
    spelled = _SPELLED[compare]

    def plain(value: Value) -> Plain:
        found = decode(value)
        if isinstance(found, str):
            return spelled(found.replace("\r\n", "\n").rstrip()) or None
        return 0 if found is None and blank_is_zero else found

    return plain


def sameness(kind: Kind, zone: ZoneInfo, compare: Comparison = "exact") -> Same:
    """The comparison for cells of this kind, as `compare` of the field says."""
    plain = normal(kind, zone, compare)

    def same(mapped: Value, existing: Value) -> bool:
        if mapped == existing:
            return True
        try:
            return plain(mapped) == plain(existing)
        except Unmappable:
            # What is there is nothing that this column should hold: it is not the same.
            return False

    return same
