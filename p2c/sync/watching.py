"""How a run is asked for, and who watches it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from p2c.state.runs import RunRecord
from p2c.templates.models import Template


class Progress(Protocol):
    """Who watches a run."""

    def started(self, template: Template, legal_entity: str, expected: int) -> None:
        """A template begins; `expected` documents as far as the last run tells, 0 = unknown."""

    def advanced(self, documents: int) -> None:
        """So many documents more have an outcome."""

    def finished(self, record: RunRecord) -> None:
        """The template ended."""


class Quiet:
    """Nobody watches."""

    def started(self, template: Template, legal_entity: str, expected: int) -> None: ...
    def advanced(self, documents: int) -> None: ...
    def finished(self, record: RunRecord) -> None: ...


@dataclass(frozen=True, slots=True)
class Mode:
    """How to run. `full`: compare every document with the destination, whatever the ledger says.

    `dry`: write nothing. `allow_deletes`: delete and deactivate, however many they are.
    """

    full: bool = False
    dry: bool = False
    allow_deletes: bool = False

    @property
    def name(self) -> str:
        return ("dry " if self.dry else "") + ("full" if self.full else "incremental")
