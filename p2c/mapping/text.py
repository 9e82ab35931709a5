"""Text as both systems count and accept it."""

from __future__ import annotations

import re
from decimal import Decimal

from p2c.mapping.refusal import Unmappable

# Control characters but tab and line ends, halves of surrogate pairs, and the two code points that are no characters:
# neither system stores them, and Sales refuses the whole request for one of them.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_BEYOND_BASIC_PLANE = re.compile("[\U00010000-\U0010ffff]")


def utf16_length(text: str) -> int:
    """The length in UTF-16 code units, in which both systems measure text (an emoji counts two or more)."""
    return len(text) if text.isascii() else len(text) + len(_BEYOND_BASIC_PLANE.findall(text))


def cut(text: str, length: int) -> str:
    """The longest beginning of `text` of at most `length` UTF-16 code units that splits no character."""
    if utf16_length(text) <= length:
        return text
    used = 0
    for end, character in enumerate(text):
        used += 2 if character > "\uffff" else 1
        if used > length:
            return text[:end]
    return text


def check(text: str, allowed: int | None) -> str:
    """`text` itself. Raises Unmappable when it holds an unfit character, or more than `allowed` UTF-16 code units."""
    unfit = _UNFIT.search(text)
    if unfit is not None:
        raise Unmappable(
            f"has the control character U+{ord(unfit.group()):04X} at position {unfit.start() + 1}: remove it"
        )
    if allowed is not None and len(text) * 2 > allowed:
        length = utf16_length(text)
        if length > allowed:
            raise Unmappable(
                f"is {length} characters long, {allowed} are allowed: shorten it, or give the field a Truncate"
            )
    return text


def plain(number: Decimal | int) -> str:
    """A number without exponent and without zeros that say nothing: `100`, `12.5`."""
    if isinstance(number, int):
        return str(number)
    written = format(number, "f")
    if "." in written:
        written = written.rstrip("0").rstrip(".")
    return "0" if written == "-0" else written
