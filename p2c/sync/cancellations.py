"""Documents that were canceled at the source while the destination goes on with them: a person is asked.

F&O has no public operation that cancels an order, and p2c neither deletes one nor sets its quantities to zero. What it
can do is to say so at once, and to look in every run whether the document is canceled there too, or has come back.
"""

from __future__ import annotations

from p2c.documents import ExistingDocument, Flaw, LegalEntity
from p2c.mapping.mapper import Mapper
from p2c.sync.outcomes import spoken, system_name
from p2c.sync.work import CANCELED, Work
from p2c.templates.filters import parse as parse_filter


class CancellationJudge:
    """Finds documents of one template that are canceled on one side only."""

    def __init__(self, mapper: Mapper, legal_entity: LegalEntity) -> None:
        template = mapper.template
        self._template = template
        self._legal_entity = legal_entity
        self._ended = parse_filter(template.canceled.unless) if template.canceled else None

    def flaw(self, work: Work, existing: ExistingDocument | None) -> Flaw | None:
        """Why a person has to decide about a canceled document; None where the destination does not go on with it."""
        if existing is None or self._ended is None or self._ended.holds(existing.header.values):
            return None
        source, there = system_name(self._template.source), system_name(self._template.destination)
        what = spoken(self._template.header.destination.entity)
        held = ", ".join(f"{path} {existing.header.values.get(path)}" for path in sorted(self._ended.paths()))
        reason = (
            f"was canceled or closed in {source}, but {what} {work.mapped.key} of legal entity "
            f"{self._legal_entity.id.upper()} in {there} goes on ({held}): cancel it there, or make it active again in "
            f"{source}. Every run looks whether one of the two has happened"
        )
        return Flaw(work.mapped.canceled, reason, code=CANCELED)
