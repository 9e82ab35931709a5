"""What a trigger hands to a function, as typed data: an HTTP request, a timer's state, messages with their metadata."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from sandbox.host.frames import TypedData, write_bytes
from sandbox.servicebus.message import Delivery
from sandbox.servicebus.timespan import write_timespan


def http_request(
    method: str, url: str, headers: Iterable[tuple[str, str]], parameters: Mapping[str, str], body: bytes
) -> TypedData:
    """Give a request. Repeated headers and query parameters are joined with commas, as the host does."""
    query = url.partition("?")[2]
    return {
        "http": {
            "method": method,
            "url": url,
            "headers": _joined(headers),
            "params": dict(parameters),
            "query": _joined(parse_qsl(query, keep_blank_values=True)),
            "body": {"bytes": write_bytes(body)} if body else {},
        }
    }


def timer(last: datetime | None, now: datetime, upcoming: datetime, *, past_due: bool) -> TypedData:
    """Give what a timer function gets."""
    first = datetime(1, 1, 1, tzinfo=UTC)
    status = {"Last": (last or first).isoformat(), "LastUpdated": now.isoformat(), "Next": upcoming.isoformat()}
    state = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": status, "IsPastDue": past_due}
    return {"json": json.dumps(state)}


def messages(deliveries: Sequence[Delivery], *, many: bool, binary: bool) -> tuple[TypedData, dict[str, TypedData]]:
    """Give the body, or bodies, and the metadata of messages.

    A body is text unless the binding asks for binary or it is none. With `many` each property is an array, whose name
    ends in `Array`; the library takes the presence of `UserProperties` or `UserPropertiesArray` as the sign of which
    it is.
    """
    bodies = [delivery.message.draft.body for delivery in deliveries]
    texts = None if binary else _texts(bodies)
    properties = [_properties(delivery) for delivery in deliveries]
    if not many:
        data: TypedData = {"bytes": write_bytes(bodies[0])} if texts is None else {"string": texts[0]}
        return data, {name: _value(value) for name, value in properties[0].items() if value is not None}
    if texts is None:
        data = {"collection_bytes": [write_bytes(body) for body in bodies]}
    else:
        data = {"collection_string": texts}
    names = properties[0].keys()
    return data, {f"{name}Array": {"json": json.dumps([each[name] for each in properties])} for name in names}


def _properties(delivery: Delivery) -> dict[str, Any]:
    message, draft = delivery.message, delivery.message.draft
    own = dict(draft.properties)
    return {
        "MessageId": draft.message_id,
        "SessionId": draft.session_id,
        "DeliveryCount": delivery.delivery_count,
        "LockToken": delivery.lock_token,
        "LockedUntil": _moment(delivery.locked_until),
        "SequenceNumber": message.sequence_number,
        "EnqueuedSequenceNumber": message.sequence_number,
        "EnqueuedTimeUtc": _moment(message.enqueued_at),
        "ScheduledEnqueueTimeUtc": _moment(draft.scheduled_for) if draft.scheduled_for else None,
        "ExpiresAtUtc": _moment(delivery.expires_at) if delivery.expires_at else None,
        "TimeToLive": write_timespan(draft.time_to_live) if draft.time_to_live else None,
        "ContentType": draft.content_type,
        "CorrelationId": draft.correlation_id,
        "Subject": draft.label,
        "Label": draft.label,
        "To": draft.to,
        "ReplyTo": draft.reply_to,
        "ReplyToSessionId": draft.reply_to_session_id,
        "PartitionKey": draft.partition_key,
        "State": 0,
        # The one is the name of extension 5.x, the other that of its predecessors; the library wants both.
        "ApplicationProperties": own,
        "UserProperties": own,
    }


def _value(value: Any) -> TypedData:
    return {"string": value} if isinstance(value, str) else {"json": json.dumps(value)}


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _texts(bodies: Sequence[bytes]) -> list[str] | None:
    try:
        return [body.decode() for body in bodies]
    except UnicodeDecodeError:
        return None


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        found[name] = f"{found[name]},{value}" if name in found else value
    return found
