"""A company in both systems: master data and people who work, in the order in which a demonstration needs it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.company import (
    contoso,
    contoso_money,
    finops_masters,
    folder,
    fulfilment,
    generated,
    generated_money,
    sales_masters,
)
from sandbox.company.changes import Changes
from sandbox.company.plan import CompanyError, LegalEntity, Plan
from sandbox.company.project import project_of
from sandbox.company.sales_desk import SalesDesk
from sandbox.company.selling import Seller
from sandbox.finops import FinOpsService
from sandbox.sales.service import SalesService

NAMES = (
    "contoso",
    "contoso-group",
    "contoso-money",
    "contoso-group-money",
    "contoso-large",
    "generated",
    "generated-money",
)
"""Companies that can be had by name; any other comes from a folder of CSV files."""
_HAND_MADE: Mapping[str, Callable[[], Plan]] = {
    "contoso": contoso.plan,
    "contoso-group": contoso.group,
    "contoso-money": contoso_money.plan,
    "contoso-group-money": contoso_money.group,
    "contoso-large": contoso_money.large,
}


@dataclass
class Company:
    """A company. Its methods hold the locks of both services, so they may be called from any thread.

    The order is `set_up`, a synchronisation of accounts, contacts and products, `sell`, a synchronisation, `fulfil`, a
    synchronisation, `change`. What `sell` and `fulfil` did once they do not do again.
    """

    name: str
    plan: Plan
    sales: SalesService
    finops: FinOpsService
    rounds: int = field(default=0)

    @property
    def legal_entities(self) -> list[LegalEntity]:
        """The legal entities of F&O in which the company works."""
        return self.plan.legal_entities

    @property
    def problems(self) -> list[str]:
        """What was wrong in the company's source and is therefore left out."""
        return self.plan.problems

    @property
    def project(self) -> dict[str, Any]:
        """The project file that synchronises this company; the two URLs are blank."""
        return project_of(self.plan)

    def set_up(self) -> None:
        """Write the master data of both systems."""
        with self._alone():
            finops_masters.set_up(self.finops, self.plan)
            sales_masters.set_up(SalesDesk(self.sales), self.plan)

    def sell(self) -> int:
        """Let people in Sales write and activate quotes and orders; give how many are new.

        Raises CompanyError while products have not been synchronised to Sales.
        """
        with self._alone():
            return Seller(SalesDesk(self.sales), self.plan).sell()

    def fulfil(self) -> dict[str, int]:
        """Let people in F&O work on the orders that have arrived; give how many got how far."""
        with self._alone():
            return fulfilment.fulfil(self.finops, self.plan)

    def change(self) -> list[str]:
        """Let people on both sides change one thing of each kind; give a sentence for each."""
        with self._alone():
            self.rounds += 1
            return Changes(self.plan, SalesDesk(self.sales), self.finops, self.rounds).run()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self.sales.lock, self.finops.lock:
            yield


def build(
    name: str = "contoso",
    *,
    seed: int = 1,
    size: int = 0,
    data: Path | None = None,
    sales: SalesService,
    finops: FinOpsService,
) -> Company:
    """Give a company that is in no system yet.

    `data` is a folder of CSV files and goes before `name`; `size` above 0 asks for a generated company with that many
    orders, `generated-money` where that is the name, else `generated`. Raises CompanyError for an unknown name or a
    folder that cannot be used.
    """
    if data is not None:
        plan = folder.plan(data)
    elif name == "generated-money":
        plan = generated_money.plan(seed, size or generated_money.DEFAULT_SIZE)
    elif size > 0 or name == "generated":
        plan = generated.plan(seed, size)
    elif name in _HAND_MADE:
        plan = _HAND_MADE[name]()
    else:
        raise CompanyError(f"There is no company '{name}'; there are {', '.join(NAMES)}")
    return Company(plan.name, plan, sales, finops)
