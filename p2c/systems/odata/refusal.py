"""Reads a refusal of either system: its text and code wherever they are, ids for support, and when to come again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from p2c.errors import Correlation
from p2c.systems.odata import jsonnum

REQUEST_ID = ("x-ms-service-request-id", "request-id", "x-ms-request-id", "req_id")
ACTIVITY_ID = ("ms-dyn-aid", "x-ms-correlation-request-id", "x-ms-client-request-id")
_LONGEST = 2000
_TAG = re.compile(r"<[^>]*>")
_DESCRIPTION = re.compile(r'error_description="([^"]+)"', re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an answer with an error status says.

    `texts` are its messages from the outermost to the innermost, without blanks. `is_odata` is true for the error
    object of OData, false for the `{"Message": …}` of the web server in front of it and for what is not JSON.
    """

    status: int
    code: str
    texts: tuple[str, ...]
    is_odata: bool
    retry_after: float | None
    correlation: Correlation
    is_page: bool = False
    """Whether it is a page for a browser, or leads to one: no answer of the service itself."""
    location: str = ""

    @property
    def text(self) -> str:
        """All messages in one line, for looking up words."""
        return " ".join(self.texts)


def read(status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
    """Read an answer of any shape: an OData error, `{"Message": …}`, HTML, plain text or nothing. Never fails."""
    lower = {name.lower(): value for name, value in headers.items()}
    code, texts, is_odata = _contents(body)
    if not texts and (said := _DESCRIPTION.search(lower.get("www-authenticate", ""))):
        # A refused token has no body; the reason is in the challenge (RFC 6750).
        texts = (said.group(1)[:_LONGEST],)
    correlation = Correlation(
        status=status,
        service_code=code,
        request_id=next((lower[name] for name in REQUEST_ID if lower.get(name)), ""),
        activity_id=next((lower[name] for name in ACTIVITY_ID if lower.get(name)), ""),
    )
    page = "text/html" in lower.get("content-type", "") or body.lstrip()[:1] == b"<"
    return Refusal(status, code, texts, is_odata, retry_after(lower), correlation, page, lower.get("location", ""))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Give the seconds of a Retry-After header (lower-case names), which may hold seconds or an HTTP date; else None.

    A date counts from the answer's own Date header if it has one, so that a clock that is off does no harm.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text.replace(",", "")))
    except ValueError:
        pass
    then, now = _http_date(text), _http_date(headers.get("date", "")) or datetime.now(UTC)
    return None if then is None else max(0.0, (then - now).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _contents(body: bytes) -> tuple[str, tuple[str, ...], bool]:
    text = body.decode("utf-8", "replace").strip()
    if not text:
        return "", (), False
    try:
        document = jsonnum.loads(text)
    except ValueError:
        return "", tuple(_page_title(text)), False
    if not isinstance(document, Mapping):
        return "", (text[:_LONGEST],), False
    error = document.get("error")
    is_odata = isinstance(error, Mapping)
    code = error.get("code") if isinstance(error, Mapping) else None
    return code if isinstance(code, str) else "", tuple(dict.fromkeys(_messages(document))), is_odata


def _messages(node: object) -> Iterator[str]:
    """Messages of an error object from the outermost to the innermost; stack traces are left out."""
    if isinstance(node, str):
        if text := " ".join(node.split())[:_LONGEST]:
            yield text
    elif isinstance(node, list):
        for item in node:
            yield from _messages(item)
    elif isinstance(node, Mapping):
        fields = {str(name).lower(): value for name, value in node.items()}
        for name in ("message", "messagedetail", "exceptionmessage", "error_description"):
            yield from _messages(fields.get(name))
        if isinstance(state := fields.get("modelstate"), Mapping):
            yield from _messages(list(state.values()))
        for name in ("error", "innererror", "internalexception", "innerexception"):
            yield from _messages(fields.get(name))


def _page_title(text: str) -> Iterator[str]:
    """What a page of HTML is called, or the beginning of plain text."""
    title = _TITLE.search(text)
    words = title.group(1) if title else _TAG.sub(" ", text)
    if short := " ".join(words.split())[:200]:
        yield short
