"""Lines at the destination that have the number of a line of the source, and that p2c did not write.

In a document that p2c knows such a line was entered by a person: it is the source's line only where the template's
evidence for lines (`destination.evidence`: product and quantity) says so. Otherwise it stays untouched, and a person
decides.
"""

from __future__ import annotations

from collections.abc import Sequence

from p2c.documents import ExistingDocument, ExistingRow, Flaw, Reference, Value
from p2c.mapping.mapper import Mapper
from p2c.state.conflicts import NUMBER_TAKEN
from p2c.sync.compare import Comparer
from p2c.sync.evidence import agree
from p2c.sync.outcomes import system_name
from p2c.sync.readying import ReadyDocument, ReadyRow


class ForeignLines:
    """Finds the lines of documents of one template whose numbers are taken at the destination."""

    def __init__(self, mapper: Mapper, comparer: Comparer) -> None:
        self._mapper = mapper
        self._comparer = comparer
        self._system = system_name(mapper.template.destination)
        self._keys = {task.name: ", ".join(task.source.key) for task in mapper.template.lines}
        self._evidence = {
            task.name: [evidence.same for evidence in task.destination.evidence]
            for task in mapper.template.lines
            if task.destination.evidence and not mapper.is_managed(task.name)
        }

    def flaws(
        self, document: ReadyDocument, existing: ExistingDocument | None, ours: Sequence[str] | None
    ) -> list[Flaw]:
        """Why the document must not be written, a flaw for each such line.

        `ours` names the lines that p2c wrote before; None: p2c does not know the document, which is adopted with its
        lines.
        """
        if existing is None or ours is None or not self._evidence:
            return []
        return [
            self._flaw(line, rows[0])
            for line, rows in self._comparer.unknown_rows(document, existing, ours)
            if line.task in self._evidence and not any(self._proves(line, row) for row in rows)
        ]

    def _proves(self, line: ReadyRow, row: ExistingRow) -> bool:
        return any(
            agree(self._mapper, line.task, line.create, row.values, paths, every=True)
            for paths in self._evidence[line.task]
        )

    def _flaw(self, line: ReadyRow, row: ExistingRow) -> Flaw:
        columns = dict.fromkeys(path.partition(".")[0] for paths in self._evidence[line.task] for path in paths)
        sides = ", ".join(
            f"{column} {row.values.get(column)} (here {_shown(line, line.create.get(column))})"
            for column in columns
            if column in line.create
        )
        reason = (
            f"the line number is taken by a line in {self._system} that p2c did not write: {sides}. Give the line "
            f"another number, delete the line in {self._system}, or make these values agree there: it then counts as "
            "the same line"
        )
        return Flaw(self._keys[line.task], reason, line.place, code=NUMBER_TAKEN)


def _shown(line: ReadyRow, value: Value | Reference) -> Value:
    return (line.product or value.id) if isinstance(value, Reference) else value
