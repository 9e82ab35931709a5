"""The body of an OData `$batch`: decode a request into operations and change sets, encode the answers.

Follows RFC 2046 for the multipart frame and OData 4.0 part 1, section 11.7 for what is in it. Bare LF line ends are
accepted beside CRLF, as both services do.
"""

import itertools
import re
import uuid
from dataclasses import dataclass, field
from http import HTTPStatus

from sandbox.wire.reply import Reply

__all__ = ["BatchError", "ChangeSet", "Operation", "Reply", "decode", "encode"]

_BOUNDARY = re.compile(r"""boundary\s*=\s*(?:"([^"]+)"|([^;\s]+))""", re.IGNORECASE)
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_REQUEST_LINE = re.compile(r"^([A-Za-z]+)\s+(\S.*?)(?:\s+HTTP/1\.[01])?\s*$")


class BatchError(Exception):
    """The body is not a batch that the service understands; the text is for the client."""


@dataclass(slots=True)
class Operation:
    """One request inside a batch; header names are lower case, `url` is as the client wrote it."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_id: str | None = None


@dataclass(slots=True)
class ChangeSet:
    """Operations that succeed or fail together."""

    operations: list[Operation] = field(default_factory=list)


def decode(body: bytes, content_type: str) -> list[Operation | ChangeSet]:
    """Give the batch's parts in the order in which the client wrote them.

    Raises BatchError for a missing boundary, a body that is cut short, a part that is neither a request nor a change
    set, a change set inside a change set and a GET inside a change set.
    """
    parts: list[Operation | ChangeSet] = []
    for headers, content in _split(body, _boundary(content_type)):
        kind = headers.get("content-type", "").lower()
        if kind.startswith("multipart/mixed"):
            parts.append(_change_set(content, headers["content-type"]))
        else:
            parts.append(_operation(headers, content))
    return parts


def _change_set(content: bytes, content_type: str) -> ChangeSet:
    operations = []
    for headers, inner in _split(content, _boundary(content_type)):
        if headers.get("content-type", "").lower().startswith("multipart/mixed"):
            raise BatchError("A change set cannot contain another change set.")
        operation = _operation(headers, inner)
        if operation.method == "GET":
            raise BatchError("A change set cannot contain a GET request.")
        operations.append(operation)
    return ChangeSet(operations)


def _boundary(content_type: str) -> bytes:
    if not content_type.lower().startswith("multipart/mixed"):
        raise BatchError("The content type of a batch must be multipart/mixed.")
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise BatchError("The content type of a batch must name a boundary.")
    return (found.group(1) or found.group(2)).encode("latin-1")


def _split(body: bytes, boundary: bytes) -> list[tuple[dict[str, str], bytes]]:
    """Cut a multipart body at its delimiters; the line end before a delimiter belongs to the delimiter."""
    delimiter = re.compile(rb"(?:^|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|$)")
    marks = list(delimiter.finditer(body))
    if not marks or marks[-1].group(1) is None:
        raise BatchError("The batch ends without its closing boundary.")
    parts = []
    for mark, following in itertools.pairwise(marks):
        if mark.group(1):
            break
        # Keep the line end after the delimiter: it is the blank line of a part without headers.
        parts.append(_headers_and_rest(body[mark.end() : following.start()]))
    return parts


def _headers_and_rest(block: bytes) -> tuple[dict[str, str], bytes]:
    found = _BLANK_LINE.search(block)
    head, rest = (block, b"") if found is None else (block[: found.start()], block[found.end() :])
    return _header_lines(head.decode("latin-1").splitlines()), rest


def _header_lines(lines: list[str]) -> dict[str, str]:
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
        elif line.strip():
            raise BatchError(f"Not a header line: {line.strip()!r}.")
    return headers


def _operation(part_headers: dict[str, str], content: bytes) -> Operation:
    if not part_headers.get("content-type", "").lower().startswith("application/http"):
        raise BatchError("A part of a batch must be application/http or a change set.")
    found = _BLANK_LINE.search(content)
    head, body = (content, b"") if found is None else (content[: found.start()], content[found.end() :])
    # Request lines may hold characters beyond ASCII when a client did not percent-encode them.
    lines = head.decode("utf-8", errors="replace").lstrip("\r\n").splitlines()
    request = _REQUEST_LINE.match(lines[0]) if lines else None
    if request is None:
        raise BatchError("A part of a batch must start with a request line.")
    headers = _header_lines(lines[1:])
    content_id = part_headers.get("content-id") or headers.pop("content-id", None)
    return Operation(request.group(1).upper(), request.group(2), headers, body, content_id)


def encode(parts: list[Reply | list[Reply]], boundary: str | None = None) -> tuple[str, bytes]:
    """Give the content type and the body of a batch's answer; an inner list becomes a change set's answer."""
    name = boundary or f"batchresponse_{uuid.uuid4()}"
    chunks: list[bytes] = []
    for part in parts:
        chunks.append(f"--{name}\r\n".encode())
        if isinstance(part, Reply):
            chunks.append(_encoded(part))
            continue
        inner = f"changesetresponse_{uuid.uuid4()}"
        chunks.append(f'Content-Type: multipart/mixed; boundary="{inner}"\r\n\r\n'.encode())
        for reply in part:
            chunks += [f"--{inner}\r\n".encode(), _encoded(reply)]
        chunks.append(f"--{inner}--\r\n".encode())
    chunks.append(f"--{name}--\r\n".encode())
    return f"multipart/mixed; boundary={name}", b"".join(chunks)


def _encoded(reply: Reply) -> bytes:
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    if reply.content_id is not None:
        lines.append(f"Content-ID: {reply.content_id}")
    try:
        phrase = HTTPStatus(reply.status).phrase
    except ValueError:
        phrase = "Unknown"
    lines += ["", f"HTTP/1.1 {reply.status} {phrase}"]
    lines += [f"{key}: {value}" for key, value in reply.headers.items() if key.lower() != "content-length"]
    return "\r\n".join([*lines, "", ""]).encode() + reply.body + b"\r\n"
