"""What the destination held when a document was last settled, in a few letters per row: whether it changed since.

Only columns that the mapping speaks for are looked at. A token is the number of the row's task, a bit mask of those
columns (a blank field may speak in one version of a document and be silent in the next), and their hash. It holds for
one version of the template only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import blake2b

from p2c.documents import ExistingDocument, Reference, Value
from p2c.mapping.mapper import Mapper
from p2c.state.ledger import Entry
from p2c.sync.compare import Comparer
from p2c.sync.readying import ReadyDocument, ReadyRow, Values

_DIGEST = 6


class Witness:
    """Remembers rows of one template's destination, and recognises them."""

    def __init__(self, mapper: Mapper, comparer: Comparer) -> None:
        self._mapper = mapper
        self._comparer = comparer
        compared = {one.task: set(one.columns) for one in (mapper.writes().header, *mapper.writes().lines)}
        self._tasks = [task.name for task in mapper.template.tasks]
        self._columns = {
            task.name: [
                one.destination.partition(".")[0]
                for one in task.fields
                # The environment may change the rows that it writes itself.
                if not mapper.is_managed(task.name)
                # Two fields of one destination are for two kinds of rows, of which the row itself does not tell.
                and one.destination in compared[task.name]
                and mapper.field(task.name, one.destination) is not None
            ]
            for task in mapper.template.tasks
            if task.name in compared
        }

    def testimony(
        self,
        document: ReadyDocument,
        *,
        created: bool,
        adopted: bool,
        unstable: Collection[tuple[str, str]] = (),
    ) -> tuple[str, ...]:
        """A token for the header and one per line, in the order of the lines.

        The document must have just been settled: the destination agrees with it. An adopted one's blanks were not
        written. `unstable` are fields, as label of the row and column, of which the destination does not hold
        what p2c wrote.
        """
        tokens: list[str] = []
        for row in (document.header, *document.lines):
            spoken = _spoken(row, created=created, adopted=adopted)
            stable = {column: value for column, value in spoken.items() if (row.label, column) not in unstable}
            tokens.append(self._token(row.task, stable))
        return tuple(tokens)

    def changed(self, entry: Entry, existing: ExistingDocument) -> bool:
        """Whether a row that the entry tells of is gone or holds something else; False when it tells nothing."""
        if not entry.seen:
            return False
        header, *lines = entry.seen
        if self._differs(header, existing.header.values):
            return True
        there = {task: self._comparer.lines_of(existing, task) for task in existing.lines}
        for name, token in zip(entry.lines, lines, strict=False):
            found = there.get(self._task_of(token), {}).get(name) if token else None
            if token and (found is None or self._differs(token, found.values)):
                return True
        return False

    def _differs(self, token: str, values: Mapping[str, Value]) -> bool:
        if not token:
            return False
        task, bits = self._task_of(token), int(token.split(".")[1], 16)
        spoken = {one: values.get(one) for place, one in enumerate(self._columns[task]) if bits >> place & 1}
        return self._token(task, spoken) != token

    def _task_of(self, token: str) -> str:
        return self._tasks[int(token.partition(".")[0], 16)]

    def _token(self, task: str, spoken: Values) -> str:
        mask, told = 0, []
        for place, column in enumerate(self._columns[task]):
            if column in spoken:
                mask |= 1 << place
                value = spoken[column]
                told.append(value.id.lower() if isinstance(value, Reference) else self._normal(task, column, value))
        digest = blake2b("\x1f".join(told).encode("utf-8", "surrogatepass"), digest_size=_DIGEST)
        return f"{self._tasks.index(task):x}.{mask:x}.{digest.hexdigest()}" if mask else ""

    def _normal(self, task: str, column: str, value: Value) -> str:
        text = self._mapper.normal(task, column, value)
        # A lookup is read as the id that it holds, under the name of its column.
        return text if self._mapper.field(task, column) is not None else text.lower()


def _spoken(row: ReadyRow, *, created: bool, adopted: bool) -> Values:
    """The columns that are at the destination as the row has them, now that it is settled."""
    values = {**row.create, **row.after_create} if created else {**row.update, **row.after_update}
    if created or adopted:
        values = {column: one for column, one in values.items() if one is not None}
    if row.write_in is not None:
        # Which of the two forms was written depends on the row that was there.
        other = _spoken(row.write_in, created=created, adopted=adopted)
        values = {column: one for column, one in values.items() if column in other and other[column] == one}
    return values
