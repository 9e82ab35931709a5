"""HTTP/1.1 messages read from and written to a stream, and answers that no server would give on a good day."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import h11

from sandbox.proxy.plan import Fault, Kind

# A GET may carry an address of 32,768 characters.
LONGEST_HEAD = 128 * 1024
_OURS = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"content-length"})
_BOUNDARY = re.compile(rb'boundary="?([^";]+)', re.IGNORECASE)

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came; `target` is path and query, untouched."""

    method: bytes
    target: bytes
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; headers without those that only concern the connection."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: bytes) -> bytes:
        """The value of a header, blank for none; the name in lower case."""
        return next((value for key, value in self.headers if key.lower() == name), b"")

    def having(self, name: bytes, value: bytes) -> Answer:
        """The same answer with another value of a header."""
        rest = tuple(one for one in self.headers if one[0].lower() != name)
        return replace(self, headers=(*rest, (name, value)))


async def read_request(reader: asyncio.StreamReader, connection: h11.Connection) -> Request | None:
    """The next request of a connection, None when the other side has gone. Raises h11.RemoteProtocolError."""
    found = await _read(reader, connection)
    head = found[0] if found is not None else None
    if found is None or not isinstance(head, h11.Request):
        return None
    return Request(head.method, head.target, _kept(head.headers), found[1])


async def ask(host: str, port: int, request: Request) -> Answer:
    """The server's answer. Raises OSError and h11.RemoteProtocolError when it has none."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_HEAD)
        headers = [*request.headers, (b"content-length", b"%d" % len(request.body))]
        head = h11.Request(method=request.method, target=request.target, headers=headers)
        for event in (head, h11.Data(data=request.body), h11.EndOfMessage()):
            writer.write(connection.send(event) or b"")
        await writer.drain()
        found = await _read(reader, connection)
        if found is None or not isinstance(found[0], h11.Response):
            raise h11.RemoteProtocolError("the server closed the connection without an answer")
        return Answer(found[0].status_code, _kept(found[0].headers), found[1])
    finally:
        writer.close()


def written(connection: h11.Connection, answer: Answer, *, length: int | None = None) -> bytes:
    """The bytes of an answer; `length` is a Content-Length other than the true one, which must be more."""
    bodiless = answer.status in (204, 304)
    size = len(answer.body) if length is None else length
    headers = [*answer.headers, *([] if bodiless else [(b"content-length", b"%d" % size)])]
    data = connection.send(h11.Response(status_code=answer.status, headers=headers)) or b""
    if answer.body and not bodiless:
        data += connection.send(h11.Data(data=answer.body)) or b""
    if length is None or length == len(answer.body):
        data += connection.send(h11.EndOfMessage()) or b""
    return data


def halved(request: Request) -> Request:
    """A batch without the latter half of its items, of which one at least is left; another request as it is."""
    content_type = next((value for name, value in request.headers if name.lower() == b"content-type"), b"")
    return replace(request, body=_half_of_parts(content_type, request.body, least=1))


def refusal(fault: Fault, now: datetime) -> Answer | None:
    """The answer that a fault gives in the server's place, None for other kinds."""
    date = now + timedelta(seconds=fault.skew)
    if fault.kind in _THROTTLED:
        again = {
            Kind.THROTTLED: f"{fault.retry_after:g}",
            Kind.THROTTLED_DATE: _http(date + timedelta(seconds=fault.retry_after)),
        }.get(fault.kind)
        headers = {"Date": _http(date), **({"Retry-After": again} if again else {})}
        return _json(429, "0x80072322", "Number of requests exceeded the limit of 6000 over 300 seconds.", headers)
    if fault.kind is Kind.ERROR_500:
        return _json(500, "", "An error has occurred.", {})
    if fault.kind is Kind.ERROR_502:
        return _page(502, "Bad Gateway")
    if fault.kind is Kind.ERROR_503:
        return Answer(503, ((b"content-type", b"application/json"),), b'{"Message":"The service is unavailable."}')
    if fault.kind is Kind.UNAUTHORIZED:
        challenge = b'Bearer error="invalid_token", error_description="The token is expired"'
        return Answer(401, ((b"www-authenticate", challenge),), b"")
    return None


def spoilt(fault: Fault, answer: Answer, now: datetime) -> Answer:
    """What a fault makes of the server's answer; the same for kinds that leave it as it is."""
    match fault.kind:
        case Kind.LOST_IN_GATEWAY:
            return _page(504, "Gateway Time-out")
        case Kind.HTML:
            return _page(200, "Sign in to your network")
        case Kind.EMPTY_OBJECT:
            return Answer(200, ((b"content-type", b"application/json"),), b"{}")
        case Kind.WRONG_TYPE:
            return answer.having(b"content-type", b"text/plain")
        case Kind.HALF_BODY:
            return replace(answer, body=answer.body[: len(answer.body) // 2])
        case Kind.HALF_BATCH:
            return replace(answer, body=_half_of_parts(answer.header(b"content-type"), answer.body))
        case Kind.SKEWED:
            return answer.having(b"date", _http(now + timedelta(seconds=fault.skew)).encode())
        case _:
            return answer


_THROTTLED = frozenset({Kind.THROTTLED, Kind.THROTTLED_DATE, Kind.THROTTLED_BARE})


async def _read(
    reader: asyncio.StreamReader, connection: h11.Connection
) -> tuple[h11.Request | h11.Response, bytes] | None:
    head: h11.Request | h11.Response | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(1 << 16))
        elif isinstance(event, h11.Request | h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return None if head is None else (head, bytes(body))
        elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
            return None


def _kept(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    return tuple((name, value) for name, value in headers if name.lower() not in _OURS)


def _half_of_parts(content_type: bytes, body: bytes, least: int = 0) -> bytes:
    """A multipart without the latter half of its outer parts, `least` of them kept; another body as it is."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        return body
    delimiter = b"--" + found.group(1)
    # As part of the line: the boundary of an inner multipart may end in the outer one.
    parts = (b"\r\n" + body).split(b"\r\n" + delimiter)[1:-1]
    kept = [part + b"\r\n" for part in parts[: max(least, len(parts) // 2)]]
    return b"".join(delimiter + part for part in kept) + delimiter + b"--\r\n"


def _json(status: int, code: str, message: str, headers: dict[str, str]) -> Answer:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    given = {"Content-Type": "application/json", **headers}
    return Answer(status, tuple((name.encode(), value.encode()) for name, value in given.items()), body)


def _page(status: int, title: str) -> Answer:
    body = f"<html><head><title>{title}</title></head><body><h1>{title}</h1><hr>nginx</body></html>".encode()
    return Answer(status, ((b"content-type", b"text/html; charset=utf-8"),), body)


def _http(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)
