"""Whether both systems agree: every document of every template compared with the destination, nothing written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from p2c.documents import Outcome, OutcomeKind
from p2c.errors import P2CError
from p2c.operations.balancing import balances
from p2c.operations.totals import Balance
from p2c.sync.session import Session
from p2c.sync.watching import Mode, Progress

_DIFFERENT = (OutcomeKind.CREATED, OutcomeKind.UPDATED, OutcomeKind.DELETED)
_AGREEING = (OutcomeKind.UNCHANGED, OutcomeKind.SKIPPED)


@dataclass(frozen=True, slots=True)
class Agreement:
    """What comparing one template for one legal entity gave.

    `different`: documents that a run would write, with the fields that differ. `kept_back`: documents that cannot go
    (parked, rejected, failed), so that nothing can be said of them. `noted`: documents that
    agree and have notes. `error`: why the comparison itself stopped, and `stopped_by` what stopped it.
    `balances`: the totals of its documents on both sides, one per currency; see `p2c.operations.totals`.
    """

    template: str
    legal_entity: str
    agreeing: int
    skipped: int
    different: Sequence[Outcome] = field(default_factory=tuple)
    kept_back: Sequence[Outcome] = field(default_factory=tuple)
    noted: Sequence[Outcome] = field(default_factory=tuple)
    error: str = ""
    stopped_by: P2CError | None = None
    balances: Sequence[Balance] = field(default_factory=tuple)

    @property
    def agrees(self) -> bool:
        """Whether a run would write nothing and every difference between totals is explained."""
        return not (self.different or self.error or any(balance.unexplained for balance in self.balances))


async def reconcile(
    session: Session, names: Sequence[str] = (), *, progress: Progress | None = None
) -> list[Agreement]:
    """One Agreement per template and legal entity, in running order."""
    results = await session.run(names, mode=Mode(full=True, dry=True), progress=progress)
    totals = await balances(session, results)
    return [
        Agreement(
            template=one.record.template,
            legal_entity=one.record.legal_entity,
            agreeing=sum(outcome.kind is OutcomeKind.UNCHANGED for outcome in one.outcomes),
            skipped=sum(outcome.kind is OutcomeKind.SKIPPED for outcome in one.outcomes),
            different=[outcome for outcome in one.outcomes if outcome.kind in _DIFFERENT],
            kept_back=[outcome for outcome in one.outcomes if outcome.kind not in (*_DIFFERENT, *_AGREEING)],
            noted=[outcome for outcome in one.outcomes if outcome.kind in _AGREEING and outcome.notes],
            error=one.record.error,
            stopped_by=one.error,
            balances=[
                balance
                for balance in totals
                if (balance.template, balance.legal_entity) == (one.record.template, one.record.legal_entity)
            ],
        )
        for one in results
    ]
