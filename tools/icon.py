"""Draws the connector's icon: `python tools/icon.py` writes connector/icon.png, two arrows that pass each other."""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILE = ROOT / "connector" / "icon.png"
SIZE = 160
_GROUND = (0x0B, 0x5A, 0x6F)
_INK = (0xFF, 0xFF, 0xFF)
_SAMPLES = 4
_HEAD = b"\x89PNG\r\n\x1a\n"


def inked(x: float, y: float) -> bool:
    """Whether a point (0 to 1, 0 to 1) is on an arrow. The lower arrow is the upper one turned round."""
    if y > 0.5:
        x, y = 1 - x, 1 - y
    shaft = 0.2 <= x <= 0.62 and 0.33 <= y <= 0.41
    point = 0.6 <= x <= 0.8 and abs(y - 0.37) <= (0.8 - x) * 0.65
    return shaft or point


def rows() -> list[bytes]:
    """The picture, row by row, three bytes for a point. Edges are smoothed: each point is the mean of its samples."""
    steps = [(one + 0.5) / _SAMPLES for one in range(_SAMPLES)]
    most = _SAMPLES * _SAMPLES
    found = []
    for row in range(SIZE):
        points = bytearray()
        for column in range(SIZE):
            ink = sum(inked((column + right) / SIZE, (row + down) / SIZE) for down in steps for right in steps)
            points += bytes((a * (most - ink) + b * ink) // most for a, b in zip(_GROUND, _INK, strict=True))
        found.append(bytes(points))
    return found


def png() -> bytes:
    """The file: eight bits a colour, no transparency, no filter."""
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows()), 9)
    return _HEAD + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


if __name__ == "__main__":
    FILE.write_bytes(png())
    sys.stdout.write(f"{FILE.relative_to(ROOT)}\n")
