"""What a sender's HTTP request says: one message in headers and body, or several in a JSON body.

The rules are those of the pages "Send Message" and "Send Message Batch" of the Service Bus REST reference.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from sandbox.servicebus.message import Draft
from sandbox.servicebus.options import QueueOptions
from sandbox.servicebus.timespan import parse_timespan

BATCH_TYPE = "application/vnd.microsoft.servicebus.json"
_LONGEST_ID = 128
_TEXTS = {
    "MessageId": "message_id",
    "SessionId": "session_id",
    "Label": "label",
    "CorrelationId": "correlation_id",
    "To": "to",
    "ReplyTo": "reply_to",
    "ReplyToSessionId": "reply_to_session_id",
    "PartitionKey": "partition_key",
}
# Headers of HTTP itself, of proxies and of tracing; any other one is a property of the message.
_NO_PROPERTIES = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "authorization",
        "brokerproperties",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "expect",
        "host",
        "traceparent",
        "tracestate",
        "transfer-encoding",
        "user-agent",
        "via",
        "x-ms-retrypolicy",
    }
)


class BadSendError(Exception):
    """The request is refused with `status`; the text is the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class SendOptions:
    """Behaviour of sending that is not settled. `batch_dates`: the form of ScheduledEnqueueTimeUtc in a batch body."""

    batch_dates: Literal["rfc1123", "iso", "either"] = "rfc1123"
    max_request_bytes: int = 256 * 1024


STRICT = SendOptions()


def read_send(
    headers: Mapping[str, str], body: bytes, queue: QueueOptions, options: SendOptions = STRICT
) -> list[Draft]:
    """Give the messages of a request, header names in lower case. Raises BadSendError with 400 or 403."""
    content_type = headers.get("content-type", "")
    if content_type.split(";")[0].strip().lower() == BATCH_TYPE:
        if len(body) > options.max_request_bytes:
            raise BadSendError(403, f"The batch of {len(body)} bytes is larger than {options.max_request_bytes} bytes")
        drafts = _read_batch(body, options)
    else:
        broker = _object(headers.get("brokerproperties", "{}"), "BrokerProperties")
        properties = {name: _header(value) for name, value in headers.items() if name not in _NO_PROPERTIES}
        drafts = [_draft(body, broker, properties, content_type or None, "rfc1123")]
    for draft in drafts:
        _check(draft, queue)
    return drafts


def _read_batch(body: bytes, options: SendOptions) -> list[Draft]:
    try:
        given = json.loads(body)
    except ValueError as error:
        raise BadSendError(400, f"The batch is no JSON: {error}") from error
    if not isinstance(given, list) or not given:
        raise BadSendError(400, "A batch is a JSON array of messages")
    drafts = []
    for each in given:
        if not isinstance(each, dict) or not isinstance(each.get("Body"), str):
            raise BadSendError(400, "A message of a batch is an object whose Body is a string")
        broker = each.get("BrokerProperties") or {}
        properties = each.get("UserProperties") or {}
        if not isinstance(broker, dict) or not isinstance(properties, dict):
            raise BadSendError(400, "BrokerProperties and UserProperties are objects")
        if any(isinstance(value, dict | list) for value in properties.values()):
            raise BadSendError(400, "A user property is a string, a number, a boolean or null")
        drafts.append(_draft(each["Body"].encode(), broker, properties, None, options.batch_dates))
    return drafts


def _draft(
    body: bytes, broker: Mapping[str, Any], properties: Mapping[str, Any], content_type: str | None, dates: str
) -> Draft:
    values: dict[str, Any] = {}
    for name, attribute in _TEXTS.items():
        if (value := broker.get(name)) is not None:
            if not isinstance(value, str):
                raise BadSendError(400, f"{name} is a string, not {value!r}")
            values[attribute] = value
    if (due := broker.get("ScheduledEnqueueTimeUtc")) is not None:
        values["scheduled_for"] = _moment(due, dates)
    values["time_to_live"] = _time_to_live(broker)
    return Draft(body=body, content_type=content_type, properties=properties, **values)


def _moment(text: Any, form: str) -> datetime:
    for name, read in _DATES.items():
        if form not in (name, "either") or not isinstance(text, str):
            continue
        try:
            found = read(text)
        except ValueError:
            continue
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    raise BadSendError(400, f"ScheduledEnqueueTimeUtc {text!r} is not a date like 'Sun, 06 Nov 1994 08:49:37 GMT'")


def _rfc1123(text: str) -> datetime:
    if not text.endswith("GMT"):
        raise ValueError("no GMT")
    return parsedate_to_datetime(text)


_DATES: dict[str, Callable[[str], datetime]] = {"rfc1123": _rfc1123, "iso": datetime.fromisoformat}


def _time_to_live(broker: Mapping[str, Any]) -> timedelta | None:
    try:
        if (seconds := broker.get("TimeToLive")) is not None:
            return timedelta(seconds=float(seconds))
        if (span := broker.get("TimeToLiveTimeSpan")) is not None:
            return parse_timespan(span)
    except (ValueError, TypeError, AttributeError) as error:
        raise BadSendError(400, f"The time to live cannot be read: {error}") from error
    return None


def _object(text: str, name: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise BadSendError(400, f"{name} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadSendError(400, f"{name} is not a JSON object")
    return found


def _header(value: str) -> str | int | float | bool | None:
    """A property in a header: text in double quotes, else a number or boolean; what is neither counts as text."""
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return found if isinstance(found, str | int | float | bool) else value


def _check(draft: Draft, queue: QueueOptions) -> None:
    if not draft.message_id:
        raise BadSendError(400, "MessageId is empty")
    for name, value in (("MessageId", draft.message_id), ("SessionId", draft.session_id)):
        if value is not None and len(value) > _LONGEST_ID:
            raise BadSendError(400, f"{name} is longer than {_LONGEST_ID} characters")
    if queue.requires_session and not draft.session_id:
        raise BadSendError(400, "The SessionId was not set on a message, and it cannot be sent to the entity.")
    if draft.partition_key is not None and draft.session_id not in (None, draft.partition_key):
        raise BadSendError(400, "PartitionKey and SessionId differ")
    if len(draft.body) > queue.max_message_bytes:
        raise BadSendError(
            403, f"The message of {len(draft.body)} bytes is larger than {queue.max_message_bytes} bytes"
        )
