"""What host and worker say to each other over two pipes: JSON objects, each after its length in four bytes.

Data for a function, and from it, is *typed data* as the real host sends it: an object with one member that names the
kind, such as `{"string": "…"}`, `{"json": "{…}"}` or `{"http": {…}}`. Bytes travel as base64.
"""

from __future__ import annotations

import base64
import json
import struct
from asyncio import IncompleteReadError, StreamReader
from typing import Any

TypedData = dict[str, Any]

_LENGTH = struct.Struct(">I")


def pack(frame: dict[str, Any]) -> bytes:
    """Write a frame."""
    body = json.dumps(frame, separators=(",", ":")).encode()
    return _LENGTH.pack(len(body)) + body


async def read_frame(reader: StreamReader) -> dict[str, Any] | None:
    """Read a frame; None when the other side has closed the pipe or died, also in the middle of one."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        frame: dict[str, Any] = json.loads(await reader.readexactly(length))
    except (IncompleteReadError, ConnectionError):
        return None
    return frame


def write_bytes(data: bytes) -> str:
    """Write bytes as text."""
    return base64.b64encode(data).decode()


def read_bytes(text: str) -> bytes:
    """Read what `write_bytes` wrote."""
    return base64.b64decode(text)
