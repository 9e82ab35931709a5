"""The fingerprint of a mapped document: equal exactly when everything that would be written is equal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

from p2c.documents import MappedRow, Value
from p2c.mapping.text import plain


def fingerprint(key: str, header: MappedRow, lines: Sequence[MappedRow]) -> str:
    """SHA-256 (hex) over canonical JSON. 1.5 and 1.50 are equal, 1 and `"1"` are not; the order of lines says
    nothing."""
    ordered = sorted(lines, key=lambda line: (line.task, line.key))
    content = [key, _parts(header), [[line.task, line.key, _parts(line)] for line in ordered]]
    text = json.dumps(content, ensure_ascii=True, sort_keys=True, separators=(",", ":"), default=_number)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _parts(row: MappedRow) -> list[Mapping[str, Value]]:
    return [row.values, row.create, row.last]


def _number(value: object) -> dict[str, str]:
    if isinstance(value, Decimal):
        return {"number": plain(value)}
    raise TypeError(f"{type(value).__name__} is no cell")
