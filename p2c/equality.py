"""When two keys are one key: as the databases of both systems compare them.

Both use collations that ignore case, trailing blanks and the width of characters (`Ａ１` and `A1`), and count accents.
Every place that compares keys uses `fold_key`; ids of rows are made of it, so what it gives for a key never changes.
"""

from __future__ import annotations

import re
import unicodedata

# Everything below the first character of which width is a matter folds without a table.
_WIDE = re.compile("[\u3000\uff01-\uffee]")
_FORMS = ("<wide>", "<narrow>")


def fold_key(key: str) -> str:
    """The text that is equal for keys that a database takes for equal."""
    if key.isascii():
        return key.rstrip(" ").lower()
    narrow = _WIDE.sub(_usual_width, key)
    folded = unicodedata.normalize("NFD", narrow).casefold()
    return unicodedata.normalize("NFC", folded).rstrip(" ")


def same_key(key: str, other: str) -> bool:
    """Whether a database takes the two keys for equal."""
    return key == other or fold_key(key) == fold_key(other)


def _usual_width(found: re.Match[str]) -> str:
    form, _, code = unicodedata.decomposition(found.group()).partition(" ")
    return chr(int(code, 16)) if form in _FORMS else found.group()
