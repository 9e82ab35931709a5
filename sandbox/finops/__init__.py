"""Dynamics 365 Finance and Operations as a local server: the entities of prospect to cash and their business logic."""

from sandbox.finops.books import Company
from sandbox.finops.options import Faults, Options
from sandbox.finops.service import FinOpsService

__all__ = ["Company", "Faults", "FinOpsService", "Options"]
