"""The body of an OData `$batch`: encode requests and change sets, decode the answers of both services.

Frame: RFC 2046 multipart; contents: OData 4.0 part 1, 11.7. Decoding is forgiving, since an answer misread is a write
misjudged: either line end, quoted or bare boundaries, header names in any case, Content-IDs that are wrong or absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_BOUNDARY = re.compile(r"""boundary\s*=\s*(?:"([^"]+)"|([^;\s]+))""", re.IGNORECASE)
_BLANK_LINE = re.compile(rb"\r?\n[ \t]*\r?\n")
_REST_OF_DELIMITER = re.compile(rb"(--)?[ \t]*(?=\r?\n|\Z)")
_STATUS_LINE = re.compile(rb"\s*HTTP/\d(?:\.\d)?\s+(\d{3})[^\r\n]*(?:\r?\n|\Z)")


@dataclass(frozen=True, slots=True)
class Part:
    """One request of a batch. `url` goes out as it is: percent-encoded, absolute or relative to the service root."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Writes that the service does together or not at all."""

    parts: list[Part]


@dataclass(frozen=True, slots=True)
class PartAnswer:
    """The answer to one request; header names are lower case, `status` is 0 when the part is no HTTP answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_id: str = ""

    @property
    def ok(self) -> bool:
        """True for a status of success."""
        return 200 <= self.status < 400


def encode(items: Sequence[Part | ChangeSet], boundary: str) -> tuple[str, bytes]:
    """Give the content type and body of a batch. Content-IDs count all requests of the batch, from 1.

    Raises ValueError for a line break in a URL or header, and for an empty change set.
    """
    chunks: list[bytes] = []
    number = 0
    for index, item in enumerate(items):
        chunks.append(f"--{boundary}\r\n".encode())
        if isinstance(item, Part):
            number += 1
            chunks += _encoded(item, number)
            continue
        if not item.parts:
            raise ValueError("a change set needs a request")
        # The outer boundary comes last in the inner one: some readers take a delimiter for found by its beginning.
        inner = f"changeset_{index}_{boundary}"
        chunks.append(f"Content-Type: multipart/mixed; boundary={inner}\r\n\r\n".encode())
        for part in item.parts:
            number += 1
            chunks.append(f"--{inner}\r\n".encode())
            chunks += _encoded(part, number)
        chunks.append(f"--{inner}--\r\n\r\n".encode())
    chunks.append(f"--{boundary}--\r\n".encode())
    return f"multipart/mixed; boundary={boundary}", b"".join(chunks)


def decode(content_type: str, body: bytes) -> list[PartAnswer | list[PartAnswer]]:
    """Give the answers in the order in which they came; a nested multipart is a list.

    A last part that its delimiter does not close is left out: it may be cut short. Raises ValueError when the content
    type is no multipart or names no boundary.
    """
    boundary = _boundary(content_type)
    if boundary is None:
        raise ValueError("the answer to a batch is not a multipart")
    answers: list[PartAnswer | list[PartAnswer]] = []
    for headers, content in _split(body, boundary, closed=True):
        inner = _boundary(headers.get("content-type", ""))
        if inner is None:
            answers.append(_answer(headers, content))
        else:
            answers.append([_answer(*part) for part in _split(content, inner, closed=False)])
    return answers


def align(
    items: Sequence[Part | ChangeSet], answers: Sequence[PartAnswer | list[PartAnswer]]
) -> list[PartAnswer | list[PartAnswer] | None]:
    """Give each item its answer, None for an item that got none.

    A change set gets a list with the answers to its requests, or the one answer that refused it, however the service
    framed that. Answers belong to items by position, as OData has it; only a successful change set whose Content-IDs
    are those of a later item moves on to it. The Content-ID of an error says nothing.
    """
    aligned: list[PartAnswer | list[PartAnswer] | None] = [None] * len(items)
    places = {ids: index for index, ids in enumerate(_content_ids(items))}
    position = 0
    for answer in answers:
        if isinstance(answer, list):
            named = places.get(tuple(part.content_id for part in answer), 0)
            position = max(position, named)
        if position >= len(items):
            break
        aligned[position] = _framed(items[position], answer)
        position += 1
    return aligned


def _framed(item: Part | ChangeSet, answer: PartAnswer | list[PartAnswer]) -> PartAnswer | list[PartAnswer] | None:
    if isinstance(answer, list):
        refusal = next((part for part in answer if not part.ok), None)
        if refusal is not None:
            return refusal
        if isinstance(item, Part):
            return answer[0] if answer else None
        return answer or None
    return [answer] if isinstance(item, ChangeSet) and answer.ok else answer


def _content_ids(items: Sequence[Part | ChangeSet]) -> Iterator[tuple[str, ...]]:
    number = 0
    for item in items:
        count = 1 if isinstance(item, Part) else len(item.parts)
        yield tuple(str(number + offset + 1) for offset in range(count))
        number += count


def _encoded(part: Part, number: int) -> list[bytes]:
    headers = dict(part.headers)
    if part.body and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/json"
    request = [f"{part.method} {part.url} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if any("\r" in line or "\n" in line for line in request):
        raise ValueError("a URL or header of a batch holds a line break")
    frame = ["Content-Type: application/http", "Content-Transfer-Encoding: binary", f"Content-ID: {number}", ""]
    return ["\r\n".join([*frame, *request, "", ""]).encode(), part.body, b"\r\n"]


def _boundary(content_type: str) -> bytes | None:
    if not content_type.strip().lower().startswith("multipart/"):
        return None
    found = _BOUNDARY.search(content_type)
    return (found.group(1) or found.group(2)).encode("latin-1") if found else None


def _split(body: bytes, boundary: bytes, *, closed: bool) -> Iterator[tuple[dict[str, str], bytes]]:
    """Cut a multipart at its delimiters. `closed` drops what no delimiter ends."""
    marks = list(_delimiters(body, b"--" + boundary))
    for index, (_, start, closing) in enumerate(marks):
        if closing:
            return
        if index + 1 < len(marks):
            end = marks[index + 1][0]
        elif closed:
            return
        else:
            end = len(body)
        # The line end after the delimiter stays: it is the blank line of a part without headers.
        yield _head_and_rest(body[start:end])


def _delimiters(body: bytes, delimiter: bytes) -> Iterator[tuple[int, int, bool]]:
    """Where each delimiter begins, with the line end before it, and ends, and whether it is the closing one.

    Found as plain bytes: each change set has a boundary of its own, and compiling a pattern for it costs more than the
    rest of reading it.
    """
    at = body.find(delimiter)
    while at >= 0:
        rest = _REST_OF_DELIMITER.match(body, at + len(delimiter))
        if rest is None or (at and body[at - 1 : at] != b"\n"):
            at = body.find(delimiter, at + 1)
            continue
        start = at - (2 if body[max(0, at - 2) : at] == b"\r\n" else 1) if at else 0
        yield start, rest.end(), rest.group(1) is not None
        at = body.find(delimiter, rest.end())


def _head_and_rest(block: bytes) -> tuple[dict[str, str], bytes]:
    found = _BLANK_LINE.search(block)
    head, rest = (block, b"") if found is None else (block[: found.start()], block[found.end() :])
    headers = {}
    for line in head.decode("latin-1").splitlines():
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return headers, rest


def _answer(frame: Mapping[str, str], content: bytes) -> PartAnswer:
    found = _STATUS_LINE.match(content)
    if found is None:
        return PartAnswer(0, dict(frame), content, frame.get("content-id", ""))
    # Again the line end stays before the headers, for an answer that has none.
    headers, body = _head_and_rest(b"\n" + content[found.end() :])
    content_id = frame.get("content-id") or headers.get("content-id", "")
    return PartAnswer(int(found.group(1)), headers, body, content_id)
