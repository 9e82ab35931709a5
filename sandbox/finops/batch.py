"""``$batch``: every part by itself, a change set all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.finops.books import Books
from sandbox.finops.infolog import RequestError
from sandbox.finops.options import Faults, Options
from sandbox.wire.multipart import BatchError, ChangeSet, Operation, decode, encode
from sandbox.wire.reply import Reply

MOST_OPERATIONS = 5_000
Answer = Callable[[Operation], Reply]


class _ChangeSetFailedError(Exception):
    """Takes a change set back; carries the answer of the operation that failed."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class Batch:
    """Answers batches. ``answer`` is asked for each operation as for a plain request."""

    def __init__(self, books: Books, options: Options, faults: Faults, answer: Answer) -> None:
        self._books = books
        self._options = options
        self._faults = faults
        self._answer = answer

    def run(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """The answer of a batch: 200 whatever happened inside. Raises RequestError for a body that is no batch."""
        try:
            parts = decode(body, headers.get("content-type", ""))
        except BatchError as error:
            raise RequestError(400, str(error), "Microsoft.OData.Core.ODataException") from error
        count = sum(len(part.operations) if isinstance(part, ChangeSet) else 1 for part in parts)
        if count > MOST_OPERATIONS:
            raise RequestError(
                400,
                f"The current batch message contains too many parts. Only batch messages with up to {MOST_OPERATIONS} "
                "parts are allowed.",
                "Microsoft.OData.Core.ODataException",
            )
        go_on = not self._options.batch_stops_at_error or (
            self._options.honours_continue_on_error and "odata.continue-on-error" in headers.get("prefer", "")
        )
        answers: list[Reply | list[Reply]] = []
        for part in parts:
            answer, failed = self._part(part)
            answers.append(answer)
            if failed and not go_on:
                break
        content_type, encoded = encode(answers)
        return Reply(200, {"Content-Type": content_type, "OData-Version": "4.0"}, encoded)

    def _part(self, part: Operation | ChangeSet) -> tuple[Reply | list[Reply], bool]:
        if self._faults.take("inner_throttles"):
            return self._throttled(), True
        if isinstance(part, ChangeSet):
            return self._change_set(part)
        reply = self._answer(part)
        reply.content_id = part.content_id
        return reply, not reply.ok

    def _change_set(self, part: ChangeSet) -> tuple[Reply | list[Reply], bool]:
        replies: list[Reply] = []
        try:
            with self._books.atomic():
                for operation in part.operations:
                    reply = self._answer(operation)
                    if not reply.ok:
                        raise _ChangeSetFailedError(reply)
                    reply.content_id = operation.content_id
                    replies.append(reply)
        except _ChangeSetFailedError as error:
            # The one answer of a failed change set carries the number 1, whichever operation failed.
            failed = Reply(
                self._options.changeset_error_status or error.reply.status, error.reply.headers, error.reply.body, "1"
            )
            return ([failed] if self._options.failed_changeset_in_multipart else failed), True
        return replies, False

    def _throttled(self) -> Reply:
        return Reply(
            429, {"Retry-After": str(self._faults.retry_after), "Content-Type": "text/plain"}, b"Too many requests."
        )
