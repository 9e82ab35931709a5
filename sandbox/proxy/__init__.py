"""A proxy between a client and a server that breaks what it is told to break, to see whether the client minds."""

from sandbox.proxy.plan import CALM, Fault, FaultPlan, Kind, PlanError
from sandbox.proxy.server import FaultProxy, Handled

__all__ = ["CALM", "Fault", "FaultPlan", "FaultProxy", "Handled", "Kind", "PlanError"]
