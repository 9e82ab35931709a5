"""The message types that the worker library takes as an argument: objects with the same names and fields.

The real ones are generated from the protocol of the Functions host. The library only makes them, reads their fields and
asks `WhichOneof`, so plain objects do.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sandbox.host import frames
from sandbox.host.frames import read_bytes, write_bytes

_COLLECTIONS = ("collection_bytes", "collection_string")


class Message(SimpleNamespace):
    """A message of any type: its fields are what it was made with."""


class TypedData(Message):
    """A value with its kind: the one field that is set."""

    def WhichOneof(self, _group: str) -> str | None:  # noqa: N802 - the name is that of the protocol
        """Name the field that is set."""
        return next(iter(vars(self)), None)


class ParameterBinding(Message):
    """An argument of an invocation: its name and data."""

    def WhichOneof(self, _group: str) -> str:  # noqa: N802 - the name is that of the protocol
        """Say that the data is in the message itself, not in shared memory."""
        return "data"


class StatusResult(Message):
    """How something ended."""

    Failure = 0
    Success = 1


class BindingInfo(Message):
    """A binding: its type and direction."""

    undefined = 0
    # "in" is no name in Python; only these two are asked for.
    out = 1
    inout = 2


class RpcHttpCookie(Message):
    """A cookie of an answer."""

    SameSite = SimpleNamespace(**{"None": 0, "Lax": 1, "Strict": 2, "ExplicitNone": 3})


class FunctionMetadataResponse(Message):
    """The functions of an app."""


FunctionLoadResponse = InvocationResponse = NullableBool = NullableDouble = NullableString = NullableTimestamp = Message
RpcException = RpcFunctionMetadata = RpcHttp = RpcRetryOptions = WorkerInitResponse = WorkerMetadata = Message


def typed_data(given: frames.TypedData) -> TypedData:
    """Make the message out of what came through the pipe."""
    if not given:
        return TypedData()
    ((kind, value),) = given.items()
    if kind == "bytes":
        return TypedData(bytes=read_bytes(value))
    if kind == "http":
        return TypedData(http=RpcHttp(**{**value, "body": typed_data(value["body"])}))
    if kind in _COLLECTIONS:
        items = [read_bytes(each) for each in value] if kind == "collection_bytes" else value
        return TypedData(**{kind: SimpleNamespace(**{kind.removeprefix("collection_"): items})})
    return TypedData(**{kind: value})


def written(data: TypedData | None) -> frames.TypedData | None:
    """Give a message as it goes through the pipe; the reverse of `typed_data`, for what functions return."""
    kind = None if data is None else data.WhichOneof("data")
    if data is None or kind is None:
        return None
    value = getattr(data, kind)
    if kind == "bytes":
        return {"bytes": write_bytes(value)}
    if kind == "http":
        return {
            "http": {
                "status_code": value.status_code,
                "headers": dict(value.headers),
                "cookies": [_cookie(cookie) for cookie in value.cookies or ()],
                "body": written(value.body),
            }
        }
    return {kind: value}


def _cookie(cookie: RpcHttpCookie) -> dict[str, Any]:
    fields = ("name", "value", "domain", "path", "secure", "http_only", "max_age")
    values = {name: getattr(cookie, name) for name in fields}
    return {name: getattr(value, "value", value) for name, value in values.items() if value is not None}
