"""Dynamics 365 Sales and Finance and Operations as local servers, for tests, demos and benchmarks. Not deployed."""

from sandbox.wire.launch import Sandbox

__all__ = ["Sandbox"]
