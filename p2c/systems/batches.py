"""Writing documents in `$batch` requests: one change set each, many to a batch, many batches at a time.

A change set that was refused was undone, so its document has a definite answer. What has none is sent again in a
smaller batch: a service that stops at a failure has not begun with the rest. Nothing is sent again when a whole batch
was lost on the way, since it may have taken effect: then every document in it is Transient, and whoever knows both
sides looks again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from p2c.documents import DocumentChange
from p2c.errors import (
    AuthError,
    ConfigError,
    PrivilegeMissing,
    ServiceError,
    Throttled,
    Transient,
    Validation,
)
from p2c.systems.large_documents import split
from p2c.systems.odata.batch import ChangeSet, Part, PartAnswer
from p2c.systems.odata.transport import ODataClient
from p2c.systems.parallel import together

THROTTLED_ROUNDS = 6
"""How often a document is sent that is throttled inside a batch; the gate waits before each."""
SILENT_ROUNDS = 2
"""How often a document is sent in a batch of which no part at all is answered."""

Encode = Callable[[DocumentChange], Sequence[Part]]


@dataclass(frozen=True, slots=True)
class _Document:
    """A document ready to be sent; `index` is its place among the changes.

    `rest` are the change sets that follow once this one is written, of a document that does not fit into one.
    """

    index: int
    parts: tuple[Part, ...]
    rest: tuple[tuple[Part, ...], ...] = ()


@dataclass(slots=True)
class _Tally:
    """What is known so far: errors by index (None = written), what must go again and why, in batches of which size."""

    size: int
    results: dict[int, ServiceError | None] = field(default_factory=dict)
    again: list[_Document] = field(default_factory=list)
    throttled: Counter[int] = field(default_factory=Counter)
    silent: Counter[int] = field(default_factory=Counter)
    fatal: list[ConfigError | AuthError] = field(default_factory=list)


class BatchWriter:
    """Writes documents to one system.

    `operations` is the size of a batch in requests, `most` that of the largest change set that the service takes; a
    document is never cut. `encode` gives the requests of a document, in order; a ServiceError that it raises is the
    document's result.
    """

    def __init__(self, client: ODataClient, encode: Encode, *, operations: int, most: int) -> None:
        self._client = client
        self._encode = encode
        self._operations = operations
        self._most = most

    async def write(self, changes: Sequence[DocumentChange]) -> list[ServiceError | None]:
        """The error of each document, None for one that is written, in order. Raises ConfigError and AuthError."""
        tally = _Tally(self._operations)
        pending = [
            document for index, change in enumerate(changes) if (document := self._prepare(index, change, tally))
        ]
        while pending:
            await together(self._send(batch, tally) for batch in _pack(pending, tally.size))
            if tally.fatal:
                raise tally.fatal[0]
            pending = sorted(tally.again, key=lambda document: document.index)
            tally.again = []
        return [tally.results[index] for index in range(len(changes))]

    def _prepare(self, index: int, change: DocumentChange, tally: _Tally) -> _Document | None:
        try:
            sets = [tuple(self._encode(part)) for part in split(change, self._most)]
        except ServiceError as error:
            tally.results[index] = error
            return None
        first, *rest = sets
        if not first:
            tally.results[index] = None
            return None
        return _Document(index, first, tuple(rest))

    async def _send(self, batch: Sequence[_Document], tally: _Tally) -> None:
        items = [ChangeSet(list(document.parts)) for document in batch]
        try:
            answers = await self._client.batch(items, idempotent=False)
        except (Transient, Throttled) as error:
            tally.results.update((document.index, error) for document in batch)
            return
        except ServiceError as error:
            # The batch as such was refused, before any of it was done: the half that is not to blame shall go through.
            if len(batch) == 1:
                tally.results[batch[0].index] = error
                return
            middle = len(batch) // 2
            await self._send(batch[:middle], tally)
            await self._send(batch[middle:], tally)
            return
        except (ConfigError, AuthError) as error:
            # Not raised here: that would cut off other batches, whose documents would be left in doubt.
            tally.fatal.append(error)
            return
        silence = all(answer is None for answer in answers)
        for document, answer in zip(batch, answers, strict=True):
            self._note(document, answer, tally, silence=silence)

    def _note(
        self, document: _Document, answer: PartAnswer | list[PartAnswer] | None, tally: _Tally, *, silence: bool
    ) -> None:
        index = document.index
        if answer is None:
            # After silence each goes alone: whoever is to blame shall not take the others along.
            tally.size = 1 if silence else max(1, min(tally.size, self._operations // 2))
            tally.silent[index] += silence
            if tally.silent[index] < SILENT_ROUNDS:
                tally.again.append(document)
            else:
                tally.results[index] = Transient("The batch was not answered.", system=self._client.system)
            return
        if isinstance(answer, list):
            refused = next((part for part in answer if not part.ok), None)
        else:
            refused = None if answer.ok else answer
        if refused is None:
            tally.results[index] = None
            if document.rest:
                tally.again.append(_Document(index, document.rest[0], document.rest[1:]))
            return
        error = self._client.refusal(refused)
        if isinstance(error, Throttled):
            tally.throttled[index] += 1
            if tally.throttled[index] < THROTTLED_ROUNDS:
                tally.again.append(document)
                return
        if isinstance(error, ConfigError | PrivilegeMissing):
            # One cause for the whole table: it stops the run, and is not said once more for every document.
            tally.fatal.append(error)
        elif isinstance(error, AuthError):
            # The identity may write, but not this row: for others it will do.
            tally.results[index] = Validation(error.message, system=self._client.system, hint=error.hint)
        else:
            tally.results[index] = error


def _pack(documents: Sequence[_Document], size: int) -> list[list[_Document]]:
    """Batches of at most `size` requests; a document with more has one of its own."""
    batches: list[list[_Document]] = []
    room = 0
    for document in documents:
        if len(document.parts) > room:
            batches.append([])
            room = size
        batches[-1].append(document)
        room -= len(document.parts)
    return batches
