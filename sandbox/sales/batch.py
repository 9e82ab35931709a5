"""$batch: operations in order, change sets that hold together, and where a batch stops."""

import re
from typing import Protocol

from sandbox.sales.address import Call, Preferences, relative_path
from sandbox.sales.engine import Engine
from sandbox.sales.errors import SalesError
from sandbox.wire.multipart import BatchError, ChangeSet, Operation, decode, encode
from sandbox.wire.reply import Reply
from sandbox.wire.service import Statistics

_MOST_OPERATIONS = 1000
_REFERENCE = re.compile(r"^/?(\$[\w-]+)(.*)$", re.DOTALL)


class Answering(Protocol):
    """What a batch needs of the server."""

    engine: Engine
    stats: Statistics

    def answer(self, call: Call) -> Reply:
        """Answer one operation. Raises SalesError."""

    def throttle_part(self) -> Reply | None:
        """Give a 429 for an operation whose turn it is."""


class _Failed(Exception):
    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def run_batch(server: Answering, call: Call) -> Reply:
    """Answer a batch. It stops at the first failure with 400, or with `odata.continue-on-error` goes on with 200."""
    try:
        parts = decode(call.body, call.headers.get("content-type", ""))
    except BatchError as error:
        raise SalesError(400, "0x80060888", str(error)) from error
    total = sum(len(part.operations) if isinstance(part, ChangeSet) else 1 for part in parts)
    if total > _MOST_OPERATIONS:
        raise SalesError(
            400, "0x80048d16", f"The number of operations in the batch exceeds the maximum of {_MOST_OPERATIONS}."
        )
    answers: list[Reply | list[Reply]] = []
    status = 200
    for part in parts:
        if isinstance(part, ChangeSet):
            answer, failed = _change_set(server, call, part)
        else:
            answer = _single(server, call, part)
            failed = not answer.ok
        answers.append(answer)
        if failed and not call.prefer.continue_on_error:
            status = 400
            break
    content_type, body = encode(answers)
    return Reply(status, {"Content-Type": content_type}, body)


def _single(server: Answering, call: Call, operation: Operation) -> Reply:
    try:
        return _run(server, call, operation, {})
    except SalesError as error:
        return error.reply()


def _change_set(server: Answering, call: Call, change_set: ChangeSet) -> tuple[Reply | list[Reply], bool]:
    """Run a change set. A failure takes it back as a whole and is its only answer."""
    references: dict[str, str] = {}
    replies = []
    operation: Operation | None = None
    try:
        with server.engine.transaction():
            for operation in change_set.operations:
                reply = _run(server, call, operation, references)
                if not reply.ok:
                    raise _Failed(reply)
                reply.content_id = operation.content_id
                if operation.content_id is not None and "OData-EntityId" in reply.headers:
                    references[f"${operation.content_id}"] = reply.headers["OData-EntityId"]
                replies.append(reply)
    except SalesError as error:
        return [_marked(error.reply(), operation)], True
    except _Failed as error:
        return [_marked(error.reply, operation)], True
    return replies, False


def _marked(reply: Reply, operation: Operation | None) -> Reply:
    reply.content_id = operation.content_id if operation else None
    return reply


def _run(server: Answering, call: Call, operation: Operation, references: dict[str, str]) -> Reply:
    url = operation.url
    found = _REFERENCE.match(url)
    if found is not None and found.group(1) != "$batch":
        if found.group(1) not in references:
            raise SalesError(400, "0x80060888", f"Content-ID reference '{url}' is not defined in the batch.")
        url = references[found.group(1)] + found.group(2)
    path, _, query = url.partition("?")
    relative = relative_path(path) if "/api/data/" in path else path.lstrip("/")
    if relative == "$batch":
        raise SalesError(400, "0x80060888", "A batch cannot contain another batch.")
    server.stats.operation(operation.method, f"/api/data/v9.2/{relative}")
    throttled = server.throttle_part()
    if throttled is not None:
        return throttled
    inherited = {
        name: value
        for name, value in call.headers.items()
        if name.startswith(("sandbox-", "mscrm", "callerobjectid")) and name not in operation.headers
    }
    headers = {**inherited, **operation.headers}
    return server.answer(
        Call(
            method=operation.method,
            root=call.root,
            path=relative,
            query=query,
            headers=headers,
            body=operation.body.strip(),
            caller=call.caller,
            prefer=Preferences.of(headers.get("prefer")),
            references={name[1:]: url for name, url in references.items()},
            in_batch=True,
        )
    )
